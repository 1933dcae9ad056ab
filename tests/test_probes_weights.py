"""Weights, gradients, preactivations and churn: against torch.nn, SciPy, and sums by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.stats import wasserstein_distance
from small import LABELS, NETS, trained, twin

from plastlab.condition import Condition
from plastlab.data import TeacherRegression
from plastlab.nets import MLP
from plastlab.optim import SGD, Adam
from plastlab.probes import (
    accuracy,
    churn,
    churn_distance,
    given,
    gradient_norm,
    gradient_sparsity,
    isometry_deviation,
    loss,
    preactivation_distance,
    preactivation_mean,
    preactivation_std,
    update_ratio,
    weight_growth,
    weight_likeness,
    weight_norm,
)
from plastlab.rows import Layout, Rows
from plastlab.shard import Shard
from plastlab.streams import Stationary

SEEDS = (4, 0, 7)
EVERY_NET = pytest.mark.parametrize("net", NETS.values(), ids=NETS)
REAL = Stationary(TeacherRegression(examples=30, inputs=12, outputs=2), 1, 5, 8)


def state(*matrices):
    """A state whose weights are these matrices, of one replica, and one bias."""
    shapes = [(f"{i}.weight", m.shape) for i, m in enumerate(matrices)]
    rows = Rows.zeros(Layout((*shapes, ("9.bias", (5,)))), 1)
    for i, matrix in enumerate(matrices):
        rows[f"{i}.weight"][0] = torch.as_tensor(matrix)
    rows["9.bias"][:] = 100.0
    return SimpleNamespace(weights=rows, gradients=rows)


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@EVERY_NET
def test_numbers_equal_those_of_torch_nn_on_the_same_network(net):
    conditions = {"other": Condition(Adam(0.1), net), "a": Condition(Adam(), net)}
    shard = trained(LABELS, conditions, SEEDS, 9)
    task = LABELS.task(1, SEEDS)
    measured = {p: shard.measure(p)["a"] for p in (loss, accuracy, weight_norm, weight_growth)}
    start = net.build(12, 3, SEEDS, "start")
    for r in range(len(SEEDS)):
        model, new = twin(shard.blocks["a"].state.network, r), twin(start, r)
        logits = model(task.x_test[r])
        right = (logits.argmax(1) == task.y_test[r]).float().mean()
        norm, before = (
            sum(p.square().sum() for p in m.parameters() if p.dim() > 1).sqrt().item()
            for m in (model, new)
        )
        entropy = F.cross_entropy(logits, task.y_test[r]).item()
        assert measured[loss][r] == pytest.approx(entropy, 1e-5)
        assert measured[accuracy][r] == pytest.approx(right.item())
        assert measured[weight_norm][r] == pytest.approx(norm, 1e-5)
        assert measured[weight_growth][r] == pytest.approx(norm / before, 1e-5)


def test_of_equally_large_logits_the_first_is_the_answer():
    logits = torch.tensor([[[1.0, 5.0], [1.0, 2.0], [0.0, 2.0]]]).repeat(3, 1, 1)  # [R, C, B]
    logits[2, 0, 1] = torch.inf
    for y, expected in (([0, 0], 1.0), ([1, 0], 0.5), ([2, 1], 0.0)):
        s = SimpleNamespace(logits=logits[:2], y=torch.tensor([y, y]))
        assert accuracy(s).tolist() == [expected] * 2
        s = SimpleNamespace(logits=logits, y=torch.tensor([y, y, y]))
        np.testing.assert_array_equal(accuracy(s), [expected, expected, np.nan])
    for wrong in (torch.inf, torch.nan):
        s = SimpleNamespace(
            logits=torch.tensor([[[0.0, wrong], [1.0, 0.0]]]), y=torch.zeros(1, 2).long()
        )
        assert accuracy(s).isnan().all()


@EVERY_NET
def test_gradient_norm_and_update_ratio_equal_a_plain_step(net):
    shard = trained(LABELS, {"a": Condition(SGD(0.1), net)}, SEEDS, 8)
    state, order = shard.blocks["a"].state, LABELS.order(1, SEEDS)
    models = [twin(state.network, r) for r in range(len(SEEDS))]
    before = state.weights.clone()
    shard.advance(1)
    norm, ratio = shard.measure(gradient_norm)["a"], shard.measure(update_ratio)["a"]
    last = shard.measure(given(update_ratio, layer=-1))["a"]
    name = before.layout.matrices[-1]
    for r, seed in enumerate(SEEDS):
        task, pick = LABELS.task(1, (seed,)), order[r, 2]
        F.cross_entropy(models[r](task.x[0, pick]), task.y[0, pick]).backward()
        total = sum(p.grad.square().sum() for p in models[r].parameters()).sqrt()
        assert norm[r] == pytest.approx(total.item(), 1e-4)
        assert ratio[r] == pytest.approx(0.1 * total.item() / before.flat[r].norm().item(), 1e-3)
        slope = models[r].get_parameter(name).grad
        assert last[r] == pytest.approx((0.1 * slope.norm() / before[name][r].norm()).item(), 1e-3)


def test_likeness_is_the_cosine_by_hand():
    s = state(torch.tensor([[3.0, 4.0]]), torch.tensor([[1.0, 0.0]]))
    s.initial = lambda: state(torch.tensor([[4.0, 3.0]]), torch.tensor([[0.0, 2.0]]))
    assert weight_likeness(s, layer=0).item() == pytest.approx(24 / 25)
    assert weight_likeness(s, layer=1).item() == pytest.approx(0)
    assert weight_likeness(s).item() == pytest.approx(24 / (26**0.5 * 29**0.5))


def test_norms_whole_and_by_layer():
    s = state(torch.full((2, 3), 2.0), torch.full((1, 4), 3.0))
    s.initial = lambda: state(torch.ones(2, 3), torch.full((1, 4), 6.0))
    assert weight_norm(s).item() == pytest.approx((6 * 4 + 4 * 9) ** 0.5)
    assert weight_norm(s, layer=0).item() == pytest.approx(24**0.5)
    assert weight_norm(s, layer=-1).item() == pytest.approx(6)
    assert weight_growth(s, layer=0).item() == pytest.approx(2)
    assert weight_growth(s, layer=1).item() == pytest.approx(0.5)
    assert weight_growth(s).item() == pytest.approx((60 / 150) ** 0.5)
    with pytest.raises(ValueError, match="layer must be .* at least -2 and at most 1; got 2"):
        weight_norm(s, layer=2)


def test_gradients_have_orders_and_a_share_near_zero():
    s = state(torch.tensor([[0.0, -3.0], [1e-9, 4.0]]), torch.zeros(1, 4))  # and 5 biases of 100
    whole = (25 + 50_000) ** 0.5
    assert [gradient_norm(s, order=k).item() for k in (0, 1)] == pytest.approx([8, 507])
    assert gradient_norm(s).item() == pytest.approx(whole)
    assert [gradient_norm(s, k, layer=0).item() for k in (0, 1, 2)] == pytest.approx([3, 7, 5])
    assert gradient_sparsity(s).item() == pytest.approx(6 / 13)  # padding does not count
    assert gradient_sparsity(s, epsilon=0).item() == pytest.approx(5 / 13)
    assert gradient_sparsity(s, layer=0).item() == pytest.approx(2 / 4)
    with pytest.raises(ValueError, match="gradient_norm: order must be one of 0, 1, 2; got 3"):
        gradient_norm(s, order=3)


def test_isometries_do_not_deviate_and_zeros_deviate_by_one():
    tall = np.linalg.qr(draw(7, 4))[0]
    for q in (tall, tall.T, np.linalg.qr(draw(5, 5))[0]):
        assert isometry_deviation(state(q)).item() == pytest.approx(0, abs=1e-6)
        assert isometry_deviation(state(2 * q)).item() == pytest.approx(3, 1e-6)
        assert isometry_deviation(state(0 * q)).item() == pytest.approx(1)
    assert isometry_deviation(state(tall, 2 * tall)).item() == pytest.approx(1.5, 1e-6)
    assert isometry_deviation(state(tall, 2 * tall), layer=1).item() == pytest.approx(3, 1e-6)


def test_the_isometry_deviation_of_a_convolution_takes_its_taps_together():
    w = draw(3, 2, 5).astype(np.float32)
    flat = w.reshape(3, 10).astype(float)
    expected = np.linalg.norm(flat @ flat.T - np.eye(3)) / 3**0.5
    assert isometry_deviation(state(w)).item() == pytest.approx(expected, 1e-6)


@EVERY_NET
def test_preactivations_are_those_of_torch_nn(net):
    shard = trained(LABELS, {"a": Condition(Adam(0.05), net)}, SEEDS, 9)
    x, start = LABELS.task(1, SEEDS).x_test, net.build(12, 3, SEEDS, "start")
    found = {
        probe: shard.measure(probe)["a"]
        for probe in (preactivation_mean, preactivation_std, preactivation_distance)
    }
    for r in range(len(SEEDS)):
        now, then = (before(twin(n, r), x[r]) for n in (shard.network, start))
        means, stds = ([f(z) for z in now] for f in (np.mean, np.std))
        distances = [wasserstein_distance(a, b) for a, b in zip(now, then, strict=True)]
        assert found[preactivation_mean][r] == pytest.approx(np.mean(means), rel=1e-4, abs=1e-6)
        assert found[preactivation_std][r] == pytest.approx(np.mean(stds), 1e-4)
        assert found[preactivation_distance][r] == pytest.approx(np.mean(distances), 1e-3)
        assert found[preactivation_distance][r] > 0.01


def before(model, x):
    """What the nonlinearities of a torch.nn model get, by layer, as one long list of numbers."""
    seen = []
    for module in model.modules():
        if type(module).__name__ in ("ReLU", "CReLU"):
            module.register_forward_pre_hook(lambda m, i: seen.append(i[0].detach().flatten()))
    model(x)
    return [z.numpy() for z in seen]


def test_at_the_start_nothing_has_moved():
    shard = Shard(LABELS, {"a": Condition()}, SEEDS)
    assert (shard.measure(preactivation_distance)["a"] == 0).all()
    assert (shard.measure(weight_growth)["a"] == 1).all()
    assert (shard.measure(gradient_norm)["a"] == 0).all()
    for probe in (update_ratio, churn, churn_distance):
        assert np.isnan(shard.measure(probe)["a"]).all()


def test_a_layer_of_preactivations_can_be_chosen():
    net = MLP(width=8, depth=2)
    shard = trained(LABELS, {"a": Condition(SGD(0.0), net)}, SEEDS, 1)
    shard.network.weights["0.bias"][:] += 3.0
    first = shard.measure(given(preactivation_distance, layer=0))["a"]
    assert first == pytest.approx([3.0] * 3, 1e-5)  # the whole distribution moved by 3
    second = shard.measure(given(preactivation_distance, layer=1))["a"]
    assert shard.measure(preactivation_distance)["a"] == pytest.approx((first + second) / 2)


@EVERY_NET
def test_churn_compares_the_answers_before_and_after_the_last_update(net):
    shard = trained(LABELS, {"a": Condition(SGD(0.5), net)}, SEEDS, 8)
    before = [twin(shard.network, r) for r in range(len(SEEDS))]
    shard.advance(1)
    found, distance = shard.measure(churn)["a"], shard.measure(churn_distance)["a"]
    x = LABELS.task(1, SEEDS).x_test
    for r, model in enumerate(before):
        old, new = model(x[r]), twin(shard.network, r)(x[r])
        assert found[r] == pytest.approx((old.argmax(1) != new.argmax(1)).float().mean().item())
        kl = F.kl_div(
            new.log_softmax(1), old.log_softmax(1), reduction="batchmean", log_target=True
        )
        assert distance[r] == pytest.approx(kl.item(), rel=1e-3, abs=1e-6)
    assert found.max() > 0


def test_real_valued_answers_churn_by_their_mean_squared_change():
    shard = trained(REAL, {"a": Condition(SGD(0.1), MLP(width=8))}, SEEDS, 2)
    before = [twin(shard.network, r) for r in range(len(SEEDS))]
    shard.advance(1)
    found, x = shard.measure(churn_distance)["a"], REAL.task(0, SEEDS).x_test
    for r, model in enumerate(before):
        changed = F.mse_loss(model(x[r]), twin(shard.network, r)(x[r])).item()
        assert found[r] == pytest.approx(changed, 1e-4)
    with pytest.raises(ValueError, match="churn needs classes.*Use churn_distance"):
        shard.measure(churn)


def test_without_a_learning_rate_nothing_churns():
    shard = trained(LABELS, {"a": Condition(SGD(0.0))}, SEEDS, 2)
    for probe in (churn, churn_distance, update_ratio):
        assert (shard.measure(probe)["a"] == 0).all()
