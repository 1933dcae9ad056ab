"""Each method does exactly what it says: one check a known bug of its published copies."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from small import LABELS, NETS, OPTIMIZERS, trained, weights

from plastlab import interventions, theory
from plastlab.condition import Condition
from plastlab.data import Gaussian
from plastlab.interventions import (
    L2,
    FullReset,
    L2Init,
    LayerNorm,
    ShrinkAndPerturb,
    WeightClipping,
)
from plastlab.nets import MLP, ConvNet1d, ResidualMLP
from plastlab.nets.normalization import LayerNorm as LayerNormLayer
from plastlab.optim import SGD, Adam, AdamW
from plastlab.shard import Shard
from plastlab.streams import Stationary

SEEDS = (5, 2)
LN = NETS["MLP, LayerNorm"]
EVERY_NET = pytest.mark.parametrize("net", NETS.values(), ids=NETS)


def running(condition, updates=9, stream=LABELS):
    """A shard in the middle of training, and the state of its only condition."""
    shard = trained(stream, {"a": condition}, SEEDS, updates)
    return shard, shard.blocks["a"].state


def snapshot(state):
    memory = state._memory
    return {n: getattr(memory, n).clone() for n in ("m", "v", "count")}, state.weights.clone()


@EVERY_NET
def test_full_reset_equals_a_new_network_and_optimizer(net):
    shard, state = running(Condition(Adam(0.01), net))
    tensor = state.weights.flat.data_ptr()
    shard.apply(FullReset(), "a")
    assert state.weights.flat.data_ptr() == tensor  # the same object as before
    new = net.build(12, 3, SEEDS, "fresh", shard.step).weights
    assert torch.equal(state.weights.flat, new.flat)
    assert not torch.equal(state.weights.flat, net.build(12, 3, SEEDS, "start").weights.flat)
    before = state.weights.clone()
    shard.advance(1)
    for name, gradient in state.gradients.views.items():
        step = -0.01 * gradient.sign() * (gradient.abs() > 1e-5)
        moved = (state.weights[name] - before[name]) * (gradient.abs() > 1e-5)
        torch.testing.assert_close(moved, step, rtol=2e-3, atol=1e-6)


@EVERY_NET
def test_last_layer_reset_touches_only_the_last_layer(net):
    shard, state = running(Condition(Adam(0.01), net))
    memory, old = snapshot(state)
    shard.apply(FullReset(layers=1), "a")
    last = state.weights.layout.matrices[-1].removesuffix("weight")
    fresh = net.build(12, 3, SEEDS, "fresh", shard.step).weights
    for name in state.weights.views:
        reset = name.startswith(last)
        assert torch.equal(state.weights[name], (fresh if reset else old)[name]), name
        span = state.weights.layout.spans[name][0]
        for part in ("m", "v"):
            expected = torch.zeros_like(memory[part]) if reset else memory[part]
            assert torch.equal(getattr(state._memory, part)[:, span], expected[:, span])
    before = state.weights.clone()
    shard.advance(1)
    gradient = state.gradients[f"{last}weight"]
    moved = state.weights[f"{last}weight"] - before[f"{last}weight"]
    seen = gradient.abs() > 1e-5
    torch.testing.assert_close(moved[seen], -0.01 * gradient.sign()[seen], rtol=2e-3, atol=1e-6)


def test_fresh_draws_are_the_same_for_every_condition_and_new_at_every_step():
    conditions = {n: Condition(Adam(lr), NETS["MLP"]) for n, lr in (("a", 0.01), ("b", 0.1))}
    shard = trained(LABELS, conditions, SEEDS, 3)
    first = {n: block.state.fresh().weights.flat for n, block in shard.blocks.items()}
    assert torch.equal(first["a"], first["b"])
    shard.advance(1)
    assert not torch.equal(first["a"], shard.blocks["a"].state.fresh().weights.flat)


def test_shrink_and_perturb_with_keep_one_and_noise_zero_is_the_identity():
    shard, state = running(Condition(Adam(0.01), LN))
    before = state.weights.clone()
    shard.apply(ShrinkAndPerturb(keep=1.0, noise=0.0), "a")
    assert torch.equal(state.weights.flat, before.flat)


def test_shrink_and_perturb_with_keep_zero_and_noise_one_is_a_fresh_network():
    shard, state = running(Condition(Adam(0.01), LN))
    shard.apply(ShrinkAndPerturb(keep=0.0, noise=1.0), "a")
    new = LN.build(12, 3, SEEDS, "fresh", 9, "shrink and perturb").weights
    assert torch.equal(state.weights.flat, new.flat)


@pytest.mark.parametrize(("keep", "noise"), [(0.4, 0.1), (0.8, 0.2), (0.5, 0.5), (0.8, 0.6)])
def test_shrink_and_perturb_std_follows_the_formula(keep, noise):
    """Repeated on a network that does not learn; the layout's first matrix has 90,000 weights."""
    stream = Stationary(Gaussian(16, inputs=300), tasks=1, steps=6, batch=4)
    condition = Condition(SGD(lr=0.0), MLP(width=300, depth=1))
    shard = trained(stream, {"a": condition + ShrinkAndPerturb(keep, noise, every=1)}, (0,), 0)
    start, found = shard.network.weights["0.weight"].std().item(), []
    for _ in range(6):
        shard.advance(1)
        found.append(shard.network.weights["0.weight"].std().item() / start)
    expected = theory.shrink_and_perturb_std(keep, noise, np.arange(1, 7))
    np.testing.assert_allclose(found, expected, rtol=0.01)
    settled = theory.shrink_and_perturb_std(keep, noise, np.array([10_000]))
    np.testing.assert_allclose(settled, noise / math.sqrt(1 - keep**2))


def test_a_reset_of_chosen_matrices_leaves_the_others_and_their_memory_alone():
    shard, state = running(Condition(Adam(0.01), MLP(width=6, depth=2, layer_norm=True)))
    before, moments = state.weights.clone(), state._memory.m.clone()
    shard.apply(FullReset(only=1), "a")
    fresh = state.fresh().weights
    renewed = {"3.weight", "3.bias", "4.weight", "4.bias"}
    for name, view in state.weights.views.items():
        expected = fresh if name in renewed else before
        assert torch.equal(view, expected[name]), name
    forgotten = state.weights.mask(tuple(renewed)).expand_as(moments)
    assert torch.equal(state._memory.m[~forgotten], moments[~forgotten])
    assert not state._memory.m[forgotten].any()


def test_all_matrices_chosen_one_by_one_are_all_layers():
    net = Condition(Adam(0.01), MLP(width=6, depth=2))
    (one, mine), (other, yours) = running(net), running(net)
    for number in (2, 0, 1):
        one.apply(FullReset(only=number), "a")
    other.apply(FullReset(layers=3), "a")
    assert torch.equal(mine.weights.flat, yours.weights.flat)


def test_a_wrong_choice_of_matrices_says_what_to_do():
    with pytest.raises(ValueError, match="FullReset.only must be .* at least 0; got -1"):
        FullReset(only=-1)
    with pytest.raises(ValueError, match="layers or only, not both; got layers=1"):
        FullReset(layers=1, only=0)
    shard, _ = running(Condition(Adam(0.01), MLP(width=6)))
    with pytest.raises(ValueError, match="FullReset.only must be .* at most 2; got 7"):
        shard.apply(FullReset(only=7), "a")


@pytest.mark.parametrize(("keep", "noise"), [(0.4, 0.1), (0.8, 0.6), (0.0, 1.0), (1.0, 0.3)])
def test_shrink_and_perturb_cosine_is_that_of_large_vectors_mixed_by_hand(keep, noise):
    draws = np.random.default_rng(0)
    start = draws.normal(size=10**6)
    weights, found = start, []
    for _ in range(4):
        weights = keep * weights + noise * draws.normal(size=10**6)
        found.append(weights @ start / np.linalg.norm(weights) / np.linalg.norm(start))
    expected = theory.shrink_and_perturb_cosine(keep, noise, np.arange(1, 5))
    np.testing.assert_allclose(found, expected, atol=0.004)


def test_the_cosine_to_weights_that_are_all_gone_is_zero():
    assert theory.shrink_and_perturb_cosine(0.0, 0.0, np.arange(3)).tolist() == [1, 0, 0]


def test_shrink_and_perturb_keeps_a_gain_of_one_and_resets_adam_only_if_asked():
    shard, state = running(Condition(Adam(lr=0.0), LN))
    memory, _ = snapshot(state)
    shard.apply(ShrinkAndPerturb(), "a")
    assert (state.weights["1.weight"] == 1).all()
    assert torch.equal(state._memory.m, memory["m"])
    shard.apply(ShrinkAndPerturb(reset_optimizer=True), "a")
    assert not state._memory.m.any()
    assert not state._memory.count.any()


def penalty_gradient(intervention, net, updates, optimizer):
    """Gradient with the penalty minus gradient without, by name, at the same weights."""
    plain, treated = (Condition(optimizer, net), Condition(optimizer, net) + intervention)
    shard = Shard(LABELS, {"plain": plain, "treated": treated}, SEEDS)
    shard.advance(updates)
    start = net.build(12, 3, SEEDS, "start").weights
    states = [shard.blocks[name].state for name in ("plain", "treated")]
    states[0].weights.flat.copy_(states[1].weights.flat)
    before = states[0].weights.clone()
    shard.advance(1)
    gaps = {n: states[1].gradients[n] - states[0].gradients[n] for n in before.views}
    return gaps, before, start


@EVERY_NET
@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_l2_init_pulls_with_twice_the_strength_times_the_distance(net, optimizer):
    gaps, now, start = penalty_gradient(L2Init(0.3), net, 5, optimizer)
    for name, gap in gaps.items():
        pulled = name in now.layout.connections
        expected = 2 * 0.3 * (now[name] - start[name]) if pulled else torch.zeros_like(gap)
        torch.testing.assert_close(gap, expected, rtol=1e-3, atol=1e-5)
    assert any(gap.abs().max() > 1e-3 for gap in gaps.values())


@EVERY_NET
def test_l2_init_is_zero_with_zero_gradient_at_the_start(net):
    gaps, now, start = penalty_gradient(L2Init(0.3), net, 0, Adam(0.01))
    assert torch.equal(now.flat, start.flat)
    assert all((gap == 0).all() for gap in gaps.values())


@EVERY_NET
def test_l2_pulls_to_zero_and_leaves_norms_alone(net):
    gaps, now, _ = penalty_gradient(L2(0.3), net, 5, Adam(0.01))
    for name, gap in gaps.items():
        pulled = name in now.layout.connections
        expected = 2 * 0.3 * now[name] if pulled else torch.zeros_like(gap)
        torch.testing.assert_close(gap, expected, rtol=1e-3, atol=1e-5)


@EVERY_NET
def test_weight_clipping_bounds_what_it_should_and_is_idempotent(net):
    kappa = 0.5
    shard, state = running(Condition(Adam(0.05), net) + WeightClipping(kappa), updates=18)
    layout, clipped = state.weights.layout, state.weights.clone()
    for name in layout.connections:
        bound = kappa / math.sqrt(layout.fan_in(name))
        assert state.weights[name].abs().max() <= bound * (1 + 1e-6)
        assert state.weights[name.replace("bias", "weight")].abs().max() > 0.99 * bound
    WeightClipping(kappa).after_step(state, None)
    assert torch.equal(state.weights.flat, clipped.flat)
    for name in layout.spans:
        if name not in layout.connections:
            state.weights[name].fill_(7.0)  # a gain or an offset
    clipped = state.weights.clone()
    WeightClipping(kappa).after_step(state, None)
    assert torch.equal(state.weights.flat, clipped.flat)


def test_fan_in_is_the_number_of_inputs_of_a_unit():
    layout = ConvNet1d(channels=4, layer_norm=True).build(12, 3, (0,)).weights.layout
    assert [layout.fan_in(name) for name in layout.matrices] == [5, 12, 12, 8]
    assert [layout.fan_in(name) for name in layout.biases] == [5, 12, 12, 8]
    assert len(layout.spans) - len(layout.connections) == 6  # gains and offsets of three norms


@pytest.mark.parametrize("net", [MLP(), ResidualMLP(layer_norm=False), ConvNet1d()])
def test_layer_norm_is_put_before_every_nonlinearity_and_once(net):
    condition = Condition(net=net) + LayerNorm()
    assert condition.spec == replace(net, layer_norm=True)
    assert (condition + LayerNorm()).spec == condition.spec
    layers, _ = condition.spec.layers(40, 10)
    norms = [layer for layer in layers if isinstance(layer, LayerNormLayer)]
    assert norms


def test_decoupled_weight_decay_shrinks_by_lr_times_decay_and_not_by_the_gradients_size():
    for optimizer in (AdamW(0.01, weight_decay=0.0), AdamW(0.01, weight_decay=0.5)):
        shard, state = running(Condition(optimizer, NETS["MLP"]), updates=5)
        before = state.weights.clone()
        shard.advance(1)
        moved = state.weights.flat - before.flat
        memory = state._memory
        corrections = 1 - 0.9**6, 1 - 0.999**6
        adam = memory.m / corrections[0] / ((memory.v / corrections[1]).sqrt() + 1e-8)
        expected = -0.01 * (adam + optimizer.weight_decay * before.flat)
        torch.testing.assert_close(moved, expected, rtol=1e-3, atol=1e-6)


def test_every_event_can_act_by_the_clock_or_at_the_boundary():
    class Count(interventions.Event):
        def act(self, s):
            seen.append((s.task, s.step))

    for every, expected in ((None, [(1, 6), (2, 12)]), (5, [(0, 5), (1, 10), (2, 15)])):
        seen = []
        trained(LABELS, {"a": Condition(Adam(), NETS["MLP"]) + Count(every=every)}, SEEDS)
        assert seen == expected


def test_apply_acts_at_once_whatever_the_clock_says():
    shard, state = running(Condition(Adam(0.01), NETS["MLP"]))
    before = state.weights.clone()
    shard.apply(FullReset(every=10**6), "a")
    assert not torch.equal(state.weights.flat, before.flat)
    assert weights(shard, "a", 5).shape == before.flat[0].shape
