"""Noisy linear layers: against the formula written out, against plain layers, and in training."""

import math

import pytest
import torch
from small import LABELS, NETS, OPTIMIZERS, trained
from torch import nn

from plastlab.condition import Condition
from plastlab.interventions import L2, FullReset, NoisyNet, ShrinkAndPerturb, WeightClipping
from plastlab.nets import MLP
from plastlab.nets.modules import Module
from plastlab.optim import SGD, Adam
from plastlab.probes import loss

SEEDS = (5, 2)
EVERY_NET = pytest.mark.parametrize("net", NETS.values(), ids=NETS)


def running(net, updates=9, optimizer=None, others=()):
    condition = Condition(optimizer or Adam(0.01), net, (NoisyNet(), *others))
    shard = trained(LABELS, {"a": condition}, SEEDS, updates)
    return shard, shard.blocks["a"].state


def by_hand(weights, buffers, x, replica):
    """An MLP with one hidden layer whose weights are noisy, one example at a time."""

    def affine(layer, h):
        w, b, s, t = (
            weights[f"{layer}.{n}"][replica]
            for n in ("weight", "bias", "sigma.weight", "sigma.bias")
        )
        e_in, e_out = (buffers[f"{layer}.noise.{n}"][replica] for n in ("in", "out"))
        noisy = torch.stack([w[i] + s[i] * e_out[i] * e_in for i in range(len(w))])
        return noisy @ h + b + t * e_out

    return torch.stack([affine(2, affine(0, one).relu()) for one in x])


def test_answers_and_gradients_equal_the_formula_written_out():
    shard, state = running(MLP(width=8, depth=1), 10)
    weights, buffers = state.weights.clone(), state.buffers.clone()
    shard.advance(1)
    gradients, logits = state.gradients, state.logits
    for r in range(2):
        leaves = {n: v.clone().requires_grad_() for n, v in weights.views.items()}
        answers = by_hand(leaves, buffers, state.x[r], r)
        torch.testing.assert_close(logits[r].T, answers, rtol=1e-4, atol=1e-5)
        nn.functional.cross_entropy(answers, state.y[r]).backward()
        for name, leaf in leaves.items():
            torch.testing.assert_close(gradients[name][r], leaf.grad[r], rtol=1e-3, atol=1e-6)
        assert gradients["0.sigma.weight"][r].abs().max() > 1e-4


@EVERY_NET
def test_the_hand_written_gradient_equals_autograd(net):
    shard, state = running(net, 9)
    shard.advance(1)
    found, logits = state.gradients.clone(), state.logits
    other, before = running(net, 9)
    twin = before.network.differentiable()
    with torch.enable_grad():
        passed = twin.forward(state.x).logits
        torch.testing.assert_close(passed, logits, rtol=1e-4, atol=1e-5)
        nn.functional.cross_entropy(passed, state.y, reduction="none").mean(1).sum().backward()
    for name, leaf in twin.weights.views.items():
        torch.testing.assert_close(found[name], leaf.grad, rtol=1e-3, atol=1e-5)


@EVERY_NET
@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_with_all_scales_at_zero_it_is_the_plain_network(net, optimizer):
    plain = trained(LABELS, {"a": Condition(optimizer, net)}, SEEDS, 0)
    _, state = running(net, 0)
    for name, view in state.weights.views.items():
        if ".sigma." in name:
            view.zero_()
        else:
            assert torch.equal(view, plain.network.weights[name])
    x = torch.randn(2, 9, 12, generator=torch.Generator().manual_seed(0))
    assert torch.equal(state.network.forward(x).logits, plain.network.forward(x).logits)


def test_scales_start_at_half_over_the_root_of_the_fan_in_and_are_learned():
    _, state = running(MLP(width=8, depth=2), 0)
    for layer, fan_in in ((0, 12), (2, 8), (4, 8)):
        for name in ("weight", "bias"):
            assert (state.weights[f"{layer}.sigma.{name}"] == 0.5 / math.sqrt(fan_in)).all()
    _, later = running(MLP(width=8, depth=2), 9)
    for name, view in later.weights.views.items():
        assert not torch.equal(view, state.weights[name])


def test_noise_is_drawn_anew_after_each_update_by_seed_and_step():
    shard, state = running(MLP(width=64, depth=2), 3)
    first = state.buffers.clone()
    shard.advance(1)
    assert not (state.buffers["2.noise.in"] == first["2.noise.in"]).any()
    again = trained(
        LABELS, {"a": Condition(Adam(0.5), MLP(width=64)) + NoisyNet(1.0)}, (2, 7, 5), 4
    )
    other = again.blocks["a"].state.buffers
    assert torch.equal(other["2.noise.in"][[2, 0]], state.buffers["2.noise.in"])
    assert not torch.equal(state.buffers["2.noise.in"], state.buffers["4.noise.in"])
    drawn = []
    for _ in range(12):
        shard.advance(1)
        drawn += [v.flatten().clone() for v in state.buffers.views.values()]
    drawn = torch.cat(drawn)
    assert drawn.mean().abs() < 0.03
    root = 2**0.25 * math.gamma(0.75) / math.sqrt(math.pi)  # mean of sqrt |z|, z normal
    assert abs(drawn.abs().mean() - root) < 0.03
    assert abs(drawn.square().mean() - math.sqrt(2 / math.pi)) < 0.03


def test_held_out_examples_are_answered_by_the_mean_weights():
    shard, state = running(MLP(width=8, depth=2), 9)
    found = shard.measure(loss)["a"]
    x, y = state.x, state.y
    for r in range(2):
        w = {n: v[r] for n, v in state.weights.views.items()}
        h = x[r].T
        for layer in (0, 2, 4):
            h = w[f"{layer}.weight"] @ h + w[f"{layer}.bias"][:, None]
            h = h.relu() if layer < 4 else h
        expected = nn.functional.cross_entropy(h.T, y[r])
        assert abs(found[r] - expected) < 1e-5
        noisy = nn.functional.cross_entropy(state.network.forward(x).logits[r].T, y[r])
        assert abs(found[r] - noisy) > 1e-4


def test_scales_are_no_connections_and_other_methods_leave_them_alone():
    _, state = running(MLP(width=8, depth=2), 0)
    layout = state.weights.layout
    assert layout.matrices == ("0.weight", "2.weight", "4.weight")
    assert len(layout.connections) == 6
    for other in (WeightClipping(0.01), L2(1e6)):
        _, touched = running(MLP(width=8, depth=2), 3, SGD(1e-9), (other,))
        for name in touched.weights.views:
            same = torch.allclose(touched.weights[name], state.weights[name], rtol=1e-4)
            assert same == (".sigma." in name or not state.weights[name].any()), name
    shard, mixed = running(MLP(width=8, depth=2), 0)
    shard.apply(ShrinkAndPerturb(), "a")
    name = "2.sigma.weight"
    torch.testing.assert_close(mixed.weights[name], state.weights[name])


def test_recycling_a_unit_gives_its_scales_their_start():
    _, state = running(MLP(width=8, depth=2))
    before = state.weights.clone()
    mask = torch.zeros(2, 8, dtype=torch.bool)
    mask[0, 3] = True
    state.reset_units(1, mask)
    for name in ("2.sigma.weight", "2.sigma.bias"):
        assert (state.weights[name][mask] == torch.tensor(0.5 / math.sqrt(8))).all()
        assert torch.equal(state.weights[name][~mask], before[name][~mask])
        assert not (before[name][mask] == 0.5 / math.sqrt(8)).any()


def test_a_full_reset_also_draws_the_buffers_anew():
    shard, state = running(MLP(width=8, depth=2))
    shard.apply(FullReset(), "a")
    new = MLP(width=8, depth=2, noise=0.5).build(12, 3, SEEDS, "fresh", 9)
    assert torch.equal(state.weights.flat, new.weights.flat)
    assert torch.equal(state.buffers.flat, new.buffers.flat)


def test_it_says_that_it_cannot_make_a_module_noisy():
    with pytest.raises(ValueError, match="NoisyNet cannot be added to a Module"):
        Condition(net=Module(lambda i, o: nn.Linear(i, o))) + NoisyNet()
    assert Condition() + NoisyNet() + NoisyNet()
    with pytest.raises(ValueError, match="cannot go together"):
        Condition() + NoisyNet() + NoisyNet(sigma=0.1)
