"""Units: counted by hand, on networks made by hand, and against autograd on a torch.nn twin."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from small import LABELS, NETS, trained, twin
from torch import nn

from plastlab.condition import Condition
from plastlab.nets import MLP
from plastlab.nets.activations import Tanh
from plastlab.nets.modules import Module
from plastlab.optim import SGD, Adam
from plastlab.probes import (
    active_fraction,
    dead_units,
    dormancy,
    dormant_units,
    given,
    gradient_dormant_units,
    linearized_units,
    saturated_units,
)
from plastlab.shard import Shard

SEEDS = (4, 0, 7)


def state(*layers, activation=None):
    """A state whose hidden activations are these [R, features, examples], one a layer."""
    network = SimpleNamespace(layers=[activation] if activation else [])
    hidden = [torch.as_tensor(layer, dtype=torch.float32) for layer in layers]
    return SimpleNamespace(hidden=hidden, network=network, memo={})


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def biased(activation, biases, lr=0.0):
    """A network with one hidden layer whose units have these biases, after an update; with `lr` 0
    it leaves everything where it is."""
    net = MLP(width=len(biases), depth=1, activation=activation)
    shard = Shard(LABELS, {"a": Condition(SGD(lr), net)}, SEEDS)
    shard.network.weights["0.bias"][:] = torch.tensor(biases)
    shard.advance(1)
    return shard


def test_dead_and_dormant_units_counted_by_hand():
    first = [[[0, 0, 0], [0, 2, 0], [1, 1, 1], [9, 9, 9]]]  # one dead, one rarely on
    second = [[[0, 0, 0], [5, 5, 5]]]
    assert dead_units(state(first, second)).tolist() == pytest.approx([2 / 6])
    # scores of the first layer: 0, 0.25, 0.375, 3.375 (mean activation 2.667)
    assert dormant_units(state(first), tau=0.25).tolist() == pytest.approx([2 / 4])
    assert dormant_units(state(first), tau=0.24).tolist() == pytest.approx([1 / 4])
    assert dormant_units(state(first, second), tau=0.375).tolist() == pytest.approx([4 / 6])
    for probe in (dead_units, dormant_units):
        assert probe(state(first, second), layer=0).tolist() == pytest.approx([1 / 4])
        assert probe(state(first, second), layer=-1).tolist() == pytest.approx([1 / 2])


@pytest.mark.parametrize("probe", [dead_units, dormant_units, active_fraction])
def test_a_replica_has_diverged_when_its_last_layer_has(probe):
    """Its first layers may still be finite; the other replica's share is its own."""
    first, last = torch.ones(2, 2, 3), torch.ones(2, 2, 3)
    last[1, 0, 0] = torch.nan
    found = probe(state(first, last))
    assert not found[0].isnan()
    assert found[1].isnan()


def test_a_negative_activation_is_not_dead_and_counts_by_its_size():
    layer = [[[-1.0, -1.0], [1.0, -1.0], [0.0, 0.0]]]
    assert dead_units(state(layer)).tolist() == pytest.approx([1 / 3])
    assert dormant_units(state(layer)).tolist() == pytest.approx([1 / 3])


def test_dormant_units_ignore_a_rescaled_layer_and_contain_the_dead_ones():
    h = torch.relu(torch.tensor(draw(4, 12, 30) - 2.0, dtype=torch.float32))
    for tau in (0.0, 0.025, 0.1, 0.5):
        assert torch.equal(dormant_units(state(h), tau), dormant_units(state(h * 37.5), tau))
        assert (dormant_units(state(h), tau) >= dead_units(state(h))).all()
    assert torch.equal(dormant_units(state(h), 0.0), dead_units(state(h)))
    assert 0 < dead_units(state(h)).mean() < 1


def test_scores_are_the_same_whether_replicas_are_taken_together_or_one_by_one():
    h = torch.tensor(draw(3, 70, 2000), dtype=torch.float32)
    size = h.double().abs().mean(2)
    expected = size / size.mean(1, keepdim=True)
    torch.testing.assert_close(dormancy(h).double(), expected, rtol=1e-5, atol=0)
    assert torch.equal(dormancy(h)[1], dormancy(h[1:2])[0])
    h[1].relu_()  # alone it needs no absolute values, beside the others it does
    assert torch.equal(dormancy(h)[1], dormancy(h[1:2])[0])


def test_a_channel_is_dead_if_it_is_silent_at_every_position():
    h = torch.zeros(1, 3, 4, 5)  # [R, channels, positions, B]
    h[0, 1, 2, 3] = 1.0
    h[0, 2] = 1.0
    assert dead_units(state(h)).tolist() == pytest.approx([1 / 3])
    assert active_fraction(state(h)).tolist() == pytest.approx([21 / 60])


def test_the_active_fraction_counts_activations_and_tanh_has_its_own_rule():
    first, second = [[[0, 2, 0], [1, 0, 3]]], [[[-1, 0.5, 0.995]]]
    assert active_fraction(state(first)).tolist() == [0.5]
    assert active_fraction(state(first, second)).tolist() == pytest.approx([6 / 9])
    assert active_fraction(state(second, activation=Tanh())).tolist() == pytest.approx([1 / 3])


def test_half_dead_and_half_silent_have_the_same_active_fraction():
    dead, silent = [[[0, 0], [1, 1]]], [[[0, 1], [1, 0]]]
    assert active_fraction(state(dead)).item() == active_fraction(state(silent)).item() == 0.5
    assert (dead_units(state(dead)).item(), dead_units(state(silent)).item()) == (0.5, 0.0)


def test_dead_and_linearized_units_of_a_network_made_by_hand():
    shard = biased("relu", [-100.0, 100.0, 100.0, 0.0])
    assert shard.measure(dead_units)["a"].tolist() == [0.25] * 3
    assert shard.measure(linearized_units)["a"].tolist() == [0.5] * 3


def test_saturated_units_of_a_network_made_by_hand():
    shard = biased("tanh", [-100.0, 100.0, 0.0, 0.0])
    assert shard.measure(saturated_units)["a"].tolist() == [0.5] * 3
    assert shard.measure(active_fraction)["a"].max() <= 0.5
    assert shard.measure(dormant_units)["a"].tolist() == [0.0] * 3  # which does not see them
    with pytest.raises(ValueError, match="saturated_units is defined for tanh.*dead_units"):
        biased("relu", [0.0]).measure(saturated_units)


def test_a_module_of_tanh_units_has_saturated_ones_too():
    def shard(kind):
        net = Module(lambda i, o: nn.Sequential(nn.Linear(i, 4), kind(), nn.Linear(4, o)))
        shard = trained(LABELS, {"a": Condition(SGD(0.0), net)}, SEEDS, 1)
        shard.network.weights["0.bias"][:, 0] = 100.0
        return shard

    assert shard(nn.Tanh).measure(saturated_units)["a"].tolist() == [0.25] * 3
    with pytest.raises(ValueError, match="saturated_units is defined for tanh"):
        shard(nn.ReLU).measure(saturated_units)


@pytest.mark.parametrize("by", ["weights", "preactivations"])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_dead_and_saturated_units_get_no_gradient(activation, by):
    """The activations' scores miss the saturated ones: see above."""
    shard = biased(activation, [-100.0, 0.0, 0.0, 0.0])
    probe = given(gradient_dormant_units, tau=0.0, by=by)
    assert shard.measure(probe)["a"].tolist() == [0.25] * 3


@pytest.mark.parametrize("net", NETS.values(), ids=NETS)
def test_gradient_scores_equal_those_of_autograd(net):
    """By the last batch's gradient, and by each example's gradient for the preactivations."""
    shard = trained(LABELS, {"a": Condition(Adam(0.01), net)}, SEEDS, 7)
    task, order = LABELS.task(1, SEEDS), LABELS.order(1, SEEDS)
    models = [twin(shard.network, r) for r in range(3)]
    shard.advance(1)
    for by in ("weights", "preactivations"):
        if by == "preactivations":
            models = [twin(shard.network, r) for r in range(3)]
        for tau in (0.3, 0.8):
            found = shard.measure(given(gradient_dormant_units, tau=tau, by=by))["a"]
            for r, model in enumerate(models):
                pick = order[r, 1] if by == "weights" else slice(None)
                scores = unit_scores(model, task.x[r, pick], task.y[r, pick], by)
                share = np.mean(np.concatenate(scores) <= tau)
                assert found[r] == pytest.approx(share), (by, tau, r)


def unit_scores(model, x, y, by):
    """Scores of the units that feed each nonlinearity of a torch.nn model, by layer."""
    scores, seen, previous = [], [], None

    def keep(weight, z):
        z.retain_grad()
        seen.append((weight, z))

    for module in model.modules():
        if isinstance(module, (nn.Linear, nn.Conv1d)):
            previous = module
        elif type(module).__name__ in ("ReLU", "CReLU"):
            module.register_forward_pre_hook(lambda m, i, w=previous.weight: keep(w, i[0]))
    F.cross_entropy(model(x), y).backward()
    for weight, z in seen:
        slope = weight.grad if by == "weights" else z.grad.transpose(0, 1)
        size = slope.flatten(1).abs().mean(1).numpy()
        scores.append(size / size.mean())
    return scores


def test_gradient_dormancy_says_what_it_needs():
    loose = Module(lambda i, o: nn.Sequential(nn.Sequential(nn.Linear(i, 4), nn.ReLU())))
    shard = trained(LABELS, {"a": Condition(SGD(0.1), loose)}, SEEDS, 1)
    with pytest.raises(ValueError, match="know the network's units: 1 .* and 0 are listed"):
        shard.measure(gradient_dormant_units)
    with pytest.raises(ValueError, match="this one is a Module"):
        shard.measure(given(gradient_dormant_units, by="preactivations"))
    with pytest.raises(ValueError, match="by must be one of weights, preactivations; got 'h'"):
        biased("relu", [0.0]).measure(given(gradient_dormant_units, by="h"))
