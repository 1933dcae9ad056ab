"""Recycling silent units moves no answer, whatever the network is made of; where it would, it is
refused. And running statistics and frozen heads are part of what a unit has."""

import pytest
import torch
from small import LABELS, draws, trained

from plastlab.condition import Condition
from plastlab.interventions import (
    BBFReset,
    ContinualBackprop,
    FullReset,
    GraMa,
    PlasticityInjection,
    ReDo,
    SelfNormalizedResets,
    SpectralNormalization,
)
from plastlab.nets import (
    MLP,
    ConvNet1d,
    ImpalaNet1d,
    ResidualMLP,
    SoftMoENet1d,
    StretchedMLP,
    Transformer,
)
from plastlab.optim import Adam

SEEDS, UNITS = (5, 2), (0, 2)
BATCH_NORM = {
    "MLP": MLP(width=6, batch_norm=True),
    "ConvNet1d": ConvNet1d(channels=4, batch_norm=True),
    "ImpalaNet1d": ImpalaNet1d((4,), blocks=1, width=5, batch_norm=True),
    "SoftMoENet1d": SoftMoENet1d(channels=4, experts=2, width=5, batch_norm=True),
}
NETS = {f"{name}, BatchNorm": net for name, net in BATCH_NORM.items()} | {
    "MLP": MLP(width=6),
    "MLP, PReLU": MLP(width=6, activation="prelu"),
    "MLP, AdaLin": MLP(width=6, activation="adalin"),
    "MLP, CReLU": MLP(width=6, activation="crelu"),
    "MLP, noisy": MLP(width=6, noise=0.5),
    "MLP, inputs normalized": MLP(width=6, input_norm="running"),
    "MLP, inputs' LayerNorm": MLP(width=6, input_norm="layer"),
    "StretchedMLP": StretchedMLP(width=6, kappa=9.0),
    "ResidualMLP": ResidualMLP(width=6),
    "ResidualMLP, BatchNorm": ResidualMLP(width=6, layer_norm=False, batch_norm=True),
    "ConvNet1d": ConvNet1d(channels=4),
    "SoftMoENet1d": SoftMoENet1d(channels=4, experts=2, width=5),
    "Transformer, pre-LN": Transformer(3, width=4),
    "Transformer, post-LN": Transformer(3, width=4, norm_place="post"),
    "MLP, injected 1": MLP(width=6, injected=1),
    "MLP, injected 2": MLP(width=6, injected=2),
    "ConvNet1d, injected": ConvNet1d(channels=4, injected=1),
    "ResidualMLP, injected": ResidualMLP(width=6, injected=2),
}
RECYCLERS = (ReDo, GraMa, ContinualBackprop, SelfNormalizedResets)


def running(net, steps=7):
    """Trained for a few updates; if the net is prepared for it, with frozen heads from the fifth
    on."""
    condition = Condition(Adam(0.03), net)
    if injected := getattr(net, "injected", 0):
        condition += PlasticityInjection(at=5, layers=injected)
    shard = trained(LABELS, {"a": condition}, SEEDS, steps)
    return shard, shard.blocks["a"].state


def silenced(state, layer):
    """Makes UNITS of the layer silent; where they are, as a mask [R, units]."""
    unit, weights = state.network.units[layer], state.weights
    mask = torch.zeros(weights[f"{unit.incoming}weight"].shape[:2], dtype=torch.bool)
    mask[:, list(UNITS)] = True
    normalized = any(name.endswith("bias") and "sigma" not in name for name in unit.own)
    for name in (f"{unit.incoming}weight", f"{unit.incoming}bias", *unit.own):
        weights[name][mask] = 0.0
    if normalized:
        offset = next(name for name in unit.own if name.endswith("bias"))
        weights[offset][mask] = -1.0
    return mask


def answers(state):
    """To the held-out and to the training examples, as in training."""
    x = draws(len(SEEDS), 16, 12)
    return [state.network.forward(x, rate=rate).logits.detach() for rate in (None, 0.0)]


@pytest.mark.parametrize("net", NETS.values(), ids=NETS)
def test_recycling_silent_units_moves_no_answer(net):
    _, state = running(net)
    for layer in range(len(state.network.units)):
        mask = silenced(state, layer)
        before, feeding = answers(state), state.network.units[layer].incoming
        state.reset_units(layer, mask)
        assert state.weights[f"{feeding}weight"][mask].any()
        for found, expected in zip(answers(state), before, strict=True):
            torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("net", BATCH_NORM.values(), ids=BATCH_NORM)
def test_running_statistics_of_a_recycled_unit_start_anew_and_no_others(net):
    _, state = running(net)
    for layer, unit in enumerate(state.network.units):
        state.buffers.flat.copy_(draws(*state.buffers.flat.shape))
        before = state.buffers.clone()
        mask = torch.zeros(before[unit.statistics[0]].shape, dtype=torch.bool)
        mask[1, list(UNITS)] = True
        state.reset_units(layer, mask)
        mean, variance = unit.statistics
        for name, old in before.views.items():
            new = old.clone()
            if name in unit.statistics:
                new[1, list(UNITS)] = {mean: 0.0, variance: 1.0}[name]
            assert torch.equal(state.buffers[name], new), name


def test_a_mean_that_frozen_heads_read_moves_to_their_biases():
    """h is always 0.5 for one unit: afterwards its answers are in the biases of all three heads."""
    _, state = running(NETS["MLP, injected 1"])
    last, unit = 1, state.network.units[1]
    mask = silenced(state, last)
    state.weights[f"{unit.incoming}bias"][mask] = 0.5
    before = answers(state)
    assert state.buffers["4.gate"].all()
    state.reset_units(last, mask, torch.full(mask.shape, 0.5))
    for found, expected in zip(answers(state), before, strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", RECYCLERS)
@pytest.mark.parametrize("layers", ["penultimate", "hidden"])
def test_with_spectral_normalization_it_is_refused(kind, layers):
    message = f"{kind.__name__} and SpectralNormalization cannot go together: a recycled unit's"
    plain = Condition(net=MLP(width=6))
    for refused in (
        lambda: plain + kind() + SpectralNormalization(layers),
        lambda: plain + SpectralNormalization(layers) + kind(),
        lambda: Condition(net=MLP(spectral_norm=layers)) + kind(),
    ):
        with pytest.raises(ValueError, match=message):
            refused()


def test_own_methods_and_acts_by_hand_are_refused_there_too():
    condition = Condition(Adam(0.03), MLP(width=6, depth=3)) + SpectralNormalization("penultimate")
    shard = trained(LABELS, {"a": condition}, SEEDS, 3)
    state = shard.blocks["a"].state
    before, mask = state.weights.clone(), torch.zeros(2, 6, dtype=torch.bool)
    mask[0, 1] = True
    for layer in (1, 2):  # the penultimate matrix, 4.weight, goes out of one and into the other
        with pytest.raises(ValueError, match="matrix 4.weight is spectrally normalized"):
            state.reset_units(layer, mask)
    assert torch.equal(state.weights.flat, before.flat)
    state.reset_units(0, mask)
    assert not torch.equal(state.weights.flat, before.flat)


def test_a_reset_of_the_last_layers_renews_their_statistics_and_leaves_the_others():
    for reset in (FullReset(layers=2), BBFReset(layers=2)):
        shard, state = running(BATCH_NORM["MLP"])
        before = state.buffers.clone()
        shard.apply(reset, "a")
        assert torch.equal(state.buffers["1.mean"], before["1.mean"])
        assert torch.equal(state.buffers["1.variance"], before["1.variance"])
        assert not torch.equal(before["4.variance"], torch.ones(2, 6))
        assert torch.equal(state.buffers["4.mean"], torch.zeros(2, 6))
        assert torch.equal(state.buffers["4.variance"], torch.ones(2, 6))


@pytest.mark.parametrize(("layers", "speaks"), [(1, True), (2, False), (3, False)])
def test_a_reset_of_the_whole_head_drops_its_frozen_ones(layers, speaks):
    shard, state = running(NETS["MLP, injected 2"])
    assert state.buffers["2.gate"].all()
    shard.apply(FullReset(layers=layers), "a")
    assert bool(state.buffers["2.gate"].all()) == speaks


def test_between_two_recycled_units_weights_are_drawn_anew():
    _, state = running(MLP(width=6))
    mask = silenced(state, 0)
    for layer in (0, 1):
        state.reset_units(layer, mask)
    between = state.weights["2.weight"]
    assert (between[:, list(UNITS)][:, :, list(UNITS)] != 0).all()
    others = [u for u in range(6) if u not in UNITS]
    assert not between[:, others][:, :, list(UNITS)].any()
    assert not state.weights["4.weight"][:, :, list(UNITS)].any()
