"""The trace of the Fisher information: torch.nn twins, by hand, and what it says of answers."""

import math

import pytest
import torch
import torch.nn.functional as F
from small import LABELS, NETS, trained, twin
from torch import nn

from plastlab.condition import Condition
from plastlab.data import Mnist1d, TeacherRegression
from plastlab.nets import MLP
from plastlab.nets.modules import Module
from plastlab.optim import SGD, Adam
from plastlab.probes import fisher_trace, given
from plastlab.shard import Shard
from plastlab.streams import Stationary

SEEDS = (4, 0)
REAL = Stationary(TeacherRegression(examples=9, inputs=12, outputs=2), 1, 5, 3)
MODULE = Module(lambda i, o: nn.Sequential(nn.Linear(i, 5), nn.Tanh(), nn.Linear(5, o)))


def by_autograd(model, x, classes):
    """Mean over x of E ||grad log p(y|x)||^2: one backward pass an example and an answer."""
    total = 0.0
    for one in x:
        answer = model(one[None])[0]
        logs = F.log_softmax(answer, 0) if classes else answer
        for k in range(len(answer)):
            parts = torch.autograd.grad(logs[k], list(model.parameters()), retain_graph=True)
            square = sum(part.square().sum() for part in parts).item()
            total += square * (logs[k].exp().item() if classes else 1.0)
    return total / len(x)


@pytest.mark.parametrize("stream", [LABELS, REAL], ids=["classes", "regression"])
@pytest.mark.parametrize("net", [*NETS.values(), MODULE], ids=[*NETS, "Module"])
def test_it_equals_the_sum_over_examples_and_answers(net, stream):
    shard = trained(stream, {"a": Condition(Adam(0.02), net)}, SEEDS, 4)
    found = shard.measure(given(fisher_trace, examples=5))["a"]
    task = stream.task(0, SEEDS)
    for r in range(len(SEEDS)):
        if net is MODULE:
            model = nn.Sequential(nn.Linear(stream.data.inputs, 5), nn.Tanh())
            model.append(nn.Linear(5, stream.data.outputs))
            own = shard.network.weights.views
            model.load_state_dict({name: view[r] for name, view in own.items()})
        else:
            model = twin(shard.network, r)
        expected = by_autograd(model, task.x_test[r, :5], stream is LABELS)
        assert found[r] == pytest.approx(expected, 1e-4)


def test_a_linear_model_by_hand():
    # grad log p(y|x) = (e_y - p) [x, 1], and E ||e_y - p||^2 = 1 - |p|^2.
    shard = Shard(LABELS, {"a": Condition(SGD(), MLP(depth=0))}, SEEDS)
    found = shard.measure(given(fisher_trace, examples=3))["a"]
    x = LABELS.task(0, SEEDS).x_test[:, :3]
    for r in range(len(SEEDS)):
        p = torch.softmax(twin(shard.network, r)(x[r]), 1)
        expected = ((1 - p.square().sum(1)) * (1 + x[r].square().sum(1))).mean().item()
        assert found[r] == pytest.approx(expected, 1e-5)


def test_it_says_how_far_noise_on_the_weights_moves_the_answers():
    shard = trained(LABELS, {"a": Condition(Adam(0.02), MLP(width=8))}, (3,), 12)
    trace = shard.measure(given(fisher_trace, examples=8))["a"][0]
    model, x = twin(shard.network, 0).double(), LABELS.task(0, (3,)).x_test[0, :8].double()
    own = nn.utils.parameters_to_vector(model.parameters()).detach()
    before, std, draws = F.log_softmax(model(x), 1).detach(), 3e-4, 3000
    noise = torch.randn(draws, len(own), generator=torch.Generator().manual_seed(0)).double()
    distance = 0.0
    for move in noise:
        nn.utils.vector_to_parameters(own + std * move, model.parameters())
        after = F.log_softmax(model(x), 1).detach()
        distance += (before.exp() * (before - after)).sum(1).mean().item() / draws
    assert distance == pytest.approx(std**2 / 2 * trace, rel=0.1)


@pytest.mark.parametrize(("bias", "left"), [(0.0, 2 / 3), (math.log(2), 5 / 8), (20.0, 0.0)])
def test_sure_answers_have_less_information(bias, left):
    # of three classes the first has exp(bias) times the others' chance: left is 1 - |p|^2
    shard = Shard(LABELS, {"a": Condition(SGD(), MLP(depth=0))}, SEEDS)
    state = shard.blocks["a"].state
    state.weights["0.weight"].zero_()
    state.weights["0.bias"].copy_(torch.tensor([bias, 0.0, 0.0]))
    x = LABELS.task(0, SEEDS).x_test[0]
    found = shard.measure(given(fisher_trace, examples=24))["a"][0]
    expected = left * (1 + x.square().sum(1).mean().item())
    assert found == pytest.approx(expected, 1e-5, abs=1e-5)


def test_it_takes_as_many_examples_as_there_are_and_says_when_they_do_not_fit():
    shard = trained(LABELS, {"a": Condition(SGD(), MLP(width=8))}, SEEDS, 2)
    all_of_them = shard.measure(given(fisher_trace, examples=24))["a"]
    assert (shard.measure(given(fisher_trace, examples=999))["a"] == all_of_them).all()
    assert not math.isclose(shard.measure(given(fisher_trace, examples=3))["a"][0], all_of_them[0])
    with pytest.raises(ValueError, match="examples must be a whole number at least 1; got 0"):
        shard.measure(given(fisher_trace, examples=0))
    large = Shard(Stationary(Mnist1d(100), 1, 1, 8), {"a": Condition(SGD(), MLP(1000))}, (0,))
    with pytest.raises(ValueError, match="Fisher gradients of .* are too much to hold"):
        large.measure(given(fisher_trace, examples=100))
