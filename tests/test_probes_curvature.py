"""Single examples' gradients, kernel, curvature: torch.func on a torch.nn twin, and by hand."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from small import LABELS, NETS, trained, twin
from torch import nn
from torch.func import functional_call, jacrev

from plastlab import probes
from plastlab.condition import Condition
from plastlab.data import TeacherRegression
from plastlab.losses import SquaredError
from plastlab.nets import MLP
from plastlab.nets.modules import Module
from plastlab.optim import SGD, Adam
from plastlab.probes import (
    ggn_rank,
    given,
    gradient_cosine,
    gradient_cosines,
    gradient_rank,
    hessian_rank,
    ntk,
    ntk_condition,
    ntk_rank,
    sharpness,
)
from plastlab.probes.trainability import new_targets
from plastlab.streams import Stationary

SEEDS = (4, 0)
REAL = Stationary(TeacherRegression(examples=9, inputs=4, outputs=2), 1, 5, 3)
MODULE = Module(lambda i, o: nn.Sequential(nn.Linear(i, 5), nn.Tanh(), nn.Linear(5, o)))
TWINS = pytest.mark.parametrize("net", NETS.values(), ids=NETS)
CRITERIA = {"classes": (LABELS, F.cross_entropy), "regression": (REAL, F.mse_loss)}
EITHER = pytest.mark.parametrize("stream, criterion", CRITERIA.values(), ids=CRITERIA)


def prepared(net, stream=LABELS):
    """A trained shard that has looked, its state, and a twin of each replica in double precision
    with what it is shown."""
    shard = trained(stream, {"a": Condition(Adam(0.02), net)}, SEEDS, 4)
    shard.measure(probes.loss)
    task = stream.task(0, SEEDS)
    shown = [
        (twin(shard.network, r).double(), task.x_test[r].double(), task.y_test[r])
        for r in range(len(SEEDS))
    ]
    return shard, shard.blocks["a"].state, shown


def jacobian(model, x):
    """[examples, outputs, parameters] by torch.func."""
    weights = {name: p.detach() for name, p in model.named_parameters()}
    found = jacrev(lambda w: functional_call(model, w, (x,)))(weights)
    return torch.cat([part.flatten(2) for part in found.values()], 2)


def full_hessian(model, x, y):
    """[parameters, parameters] by central differences of the gradient: torch.func.hessian is wrong
    for LayerNorm (not even symmetric, torch 2.13)."""
    weights = [p.detach() for p in model.parameters()]
    center, sizes = torch.cat([w.flatten() for w in weights]), [w.numel() for w in weights]
    names = [name for name, _ in model.named_parameters()]

    def gradient(flat):
        flat = flat.requires_grad_()
        parts = zip(flat.split(sizes), weights, strict=True)
        named = dict(zip(names, (p.view_as(w) for p, w in parts), strict=True))
        return torch.autograd.grad(F.cross_entropy(functional_call(model, named, (x,)), y), flat)[0]

    steps = 1e-5 * torch.eye(len(center), dtype=torch.float64)
    return torch.stack([gradient(center + s) - gradient(center - s) for s in steps]) / 2e-5


def entropy_rank(values):
    values = np.abs(np.asarray(values))
    p = values[values > 1e-14 * values.max()] / values.sum()
    return math.exp(-(p * np.log(p)).sum())


@TWINS
def test_cosines_are_those_between_single_examples_gradients(net):
    shard, state, shown = prepared(net)
    found = gradient_cosines(state, examples=7)
    mean, rank = (
        shard.measure(given(p, examples=7))["a"] for p in (gradient_cosine, gradient_rank)
    )
    for r, (model, x, y) in enumerate(shown):
        rows = []
        for i in range(7):
            model.zero_grad()
            F.cross_entropy(model(x[i : i + 1]), y[i : i + 1]).backward()
            rows.append(torch.cat([p.grad.flatten() for p in model.parameters()]))
        expected = F.cosine_similarity(torch.stack(rows)[:, None], torch.stack(rows)[None], dim=2)
        torch.testing.assert_close(found[r], expected, rtol=0, atol=1e-10)
        off = expected[~torch.eye(7, dtype=torch.bool)].mean().item()
        assert mean[r] == pytest.approx(off, abs=1e-6)
        assert rank[r] == pytest.approx(entropy_rank(torch.linalg.eigvalsh(expected)), 1e-5)


def test_a_fitted_example_has_cosine_0_with_all_itself_included():
    """A linear model that answers 0: the gradient of example i is its error times (x_i, 1)."""
    shard, state, _ = prepared(MLP(depth=0), REAL)
    state.weights.flat.zero_()
    x, y = torch.zeros(2, 3, 4), torch.zeros(2, 2, 3)
    x[:, 1, 0], y[:, 0, 1], y[:, 0, 2] = 3.0, 1.0, -2.0  # (3, 1) and (0, 1), of opposite errors
    state.x, state.y, state.memo = x, y, {}
    cosine = -1 / math.sqrt(10)
    expected = torch.tensor([[0, 0, 0], [0, 1, cosine], [0, cosine, 1]], dtype=torch.float64)
    torch.testing.assert_close(gradient_cosines(state), expected.expand(2, -1, -1))


@TWINS
def test_the_kernel_and_its_numbers_equal_those_of_the_jacobian(net):
    shard, state, shown = prepared(net)
    found = ntk(state, examples=5)
    rank, condition, ggn = (
        shard.measure(given(p, examples=5))["a"] for p in (ntk_rank, ntk_condition, ggn_rank)
    )
    for r, (model, x, _) in enumerate(shown):
        slopes = jacobian(model, x[:5])
        kernel = slopes.flatten(0, 1) @ slopes.flatten(0, 1).T
        torch.testing.assert_close(found[r], kernel, rtol=1e-9, atol=1e-9)
        values = torch.linalg.eigvalsh(kernel)
        assert rank[r] == pytest.approx(entropy_rank(values), 1e-5)
        assert condition[r] == pytest.approx((values[-1] / values[0]).item(), 1e-3)
        p = torch.softmax(model(x[:5]), 1).detach()
        curved = torch.diag_embed(p) - p[:, :, None] * p[:, None]
        gauss_newton = torch.einsum("ncp,ncd,ndq->pq", slopes, curved, slopes) / 5
        assert ggn[r] == pytest.approx(entropy_rank(torch.linalg.eigvalsh(gauss_newton)), 1e-4)


@TWINS
def test_the_hessian_and_its_numbers_equal_torch_funcs(net):
    shard, state, shown = prepared(net)
    found = probes.hessian(state)
    rank, top = (shard.measure(probe)["a"] for probe in (hessian_rank, sharpness))
    expected = full_hessian(*shown[1])
    torch.testing.assert_close(found[1], expected, rtol=0, atol=1e-7)
    values = torch.linalg.eigvalsh((expected + expected.T) / 2)
    assert rank[1] == pytest.approx(entropy_rank(values), 1e-4)
    assert top[1] == pytest.approx(values[-1].item(), 1e-4)


def test_a_module_of_ones_own_gives_the_same_numbers():
    shard = trained(LABELS, {"a": Condition(Adam(0.02), MODULE)}, SEEDS, 4)
    shard.measure(probes.loss)
    state, task = shard.blocks["a"].state, LABELS.task(0, SEEDS)
    model = MODULE.factory(12, 3).double()
    weights = {name: view[1].double() for name, view in state.weights.views.items()}
    model.load_state_dict(weights)
    x, y = task.x_test[1].double(), task.y_test[1]
    expected = full_hessian(model, x, y)
    torch.testing.assert_close(probes.hessian(state)[1], expected, rtol=0, atol=1e-7)
    slopes = jacobian(model, x[:4]).flatten(0, 1)
    torch.testing.assert_close(ntk(state, 4)[1], slopes @ slopes.T, rtol=1e-9, atol=1e-9)
    top = torch.linalg.eigvalsh((expected + expected.T) / 2)[-1].item()
    assert shard.measure(sharpness)["a"][1] == pytest.approx(top, 1e-4)


def test_a_linear_model_has_the_curvature_of_its_inputs():
    """Loss mean over n examples and 2 outputs of (W x + b - y)^2: the Hessian is, once for each
    output, X'X / n with X = [x, 1], since 2 over 2 outputs is 1."""
    shard, _, shown = prepared(MLP(depth=0), REAL)
    top, rank = (shard.measure(probe)["a"] for probe in (sharpness, hessian_rank))
    same = shard.measure(ggn_rank)["a"]
    few = shard.measure(given(sharpness, examples=3))["a"]
    for r, (_, x, _) in enumerate(shown):
        x = np.concatenate([x.numpy(), np.ones((len(x), 1))], 1)[:128]
        values = np.linalg.eigvalsh(x.T @ x / len(x))
        assert top[r] == pytest.approx(values[-1], 1e-5)
        assert rank[r] == pytest.approx(2 * entropy_rank(values), 1e-4)
        first = np.linalg.eigvalsh(x[:32].T @ x[:32])
        assert same[r] == pytest.approx(2 * entropy_rank(first), 1e-4)
        assert few[r] == pytest.approx(np.linalg.eigvalsh(x[:3].T @ x[:3] / 3)[-1], 1e-5)


def test_sharpness_is_the_largest_eigenvalue_and_not_the_largest_in_size():
    """Turned upside down, the loss of a linear model curves downwards only."""
    shard, state, shown = prepared(MLP(depth=0), REAL)
    shard.measure(probes.loss)
    state.loss = lambda logits, y: -SquaredError()(logits, y)
    for iterations in (10, 30):  # of 10 parameters: all that there are
        found = sharpness(state, iterations=iterations)
        for r, (_, x, _) in enumerate(shown):
            x = np.concatenate([x.numpy(), np.ones((len(x), 1))], 1)[:128]
            smallest = np.linalg.eigvalsh(x.T @ x / len(x))[0]
            assert smallest > 0.01
            assert found[r] == pytest.approx(-smallest, 1e-4)


def test_few_iterations_underestimate_and_one_gives_the_first_guess():
    _, state, _ = prepared(NETS["MLP"])
    found = [sharpness(state, iterations=i) for i in (1, 3, 10, 30)]
    for less, more in zip(found, found[1:], strict=False):
        assert (less <= more + 1e-5).all()
    assert (found[0] < found[-1] * 0.9).all()


@EITHER
def test_in_a_linear_model_the_cosine_is_that_of_inputs_times_that_of_errors(stream, criterion):
    _, state, shown = prepared(MLP(depth=0), stream)
    found = gradient_cosines(state, examples=6)
    for r, (model, x, y) in enumerate(shown):
        logits = model(x[:6])
        wanted = y[:6].double() if y.is_floating_point() else y[:6]
        errors = torch.autograd.grad(criterion(logits, wanted), logits)[0]
        inputs = torch.cat([x[:6], torch.ones(6, 1)], 1)
        gram = (errors @ errors.T) * (inputs @ inputs.T)
        scale = gram.diagonal().sqrt()
        torch.testing.assert_close(found[r], gram / scale[:, None] / scale, rtol=0, atol=1e-9)


def test_a_network_that_gives_one_answer_pulls_in_few_directions():
    """All units dead: only the output biases learn, and the kernel has as many directions."""
    net = NETS["MLP"]
    shard = trained(LABELS, {"a": Condition(SGD(0.0), net)}, SEEDS, 1)
    shard.network.weights["2.bias"][:] = -100.0
    assert shard.measure(ntk_rank)["a"] == pytest.approx([3.0, 3.0])
    assert np.isinf(shard.measure(ntk_condition)["a"]).all()
    assert shard.measure(ggn_rank)["a"] == pytest.approx([2.0, 2.0], abs=0.3)  # softmax: at most 2
    assert (shard.measure(gradient_rank)["a"] < 2.1).all()


def test_what_is_too_large_is_refused():
    shard, state, _ = prepared(MLP(width=100, depth=2))
    with pytest.raises(ValueError, match="at most 1000 parameters; this one has 11703.*sharpness"):
        shard.measure(hessian_rank)
    state.logits = torch.zeros(2, 100, 24)  # as if there were a hundred outputs
    with pytest.raises(ValueError, match="24 examples has 2400 rows.*Give examples=20 or fewer"):
        ntk_rank(state)
    with pytest.raises(ValueError, match="at most 5734 fit. Give fewer examples"):
        probes.gradients.check_room("loss gradients", state, 6000)


def test_new_targets_are_the_same_at_all_times_and_no_others_are_looked_at():
    state = trained(LABELS, {"a": Condition(Adam(0.01), MLP(width=3, depth=1))}, (4, 1), 5)
    state._look()
    s = state.blocks["a"].state
    for probe in (probes.hessian_rank, probes.sharpness):
        found = probe(s, 8, new=True)
        assert not torch.allclose(found, probe(s, 8))
        y, s.y = s.y, torch.zeros_like(s.y)
        s.memo.clear()
        assert torch.equal(probe(s, 8, new=True), found)
        s.y = torch.cat([new_targets(s, 8), s.y[:, 8:]], 1)
        s.memo.clear()
        torch.testing.assert_close(probe(s, 8), found)
        s.y = y
    with pytest.raises(TypeError, match="new"):
        probes.sharpness(s, 8, new="yes")
