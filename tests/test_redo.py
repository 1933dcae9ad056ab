"""ReDo recycles the right units, touches all that is theirs and nothing else, and costs nothing at
tau 0."""

import numpy as np
import pytest
import torch
from small import LABELS, NETS, assert_same_numbers, trained
from torch import nn

from plastlab.condition import Condition
from plastlab.interventions import ReDo
from plastlab.nets import MLP, ConvNet1d
from plastlab.nets.modules import Module
from plastlab.optim import SGD, Adam, AdamW
from plastlab.probes import dormancy, dormant_units
from plastlab.rng import generator


def _normalizes_units(net):
    return any(unit.own for unit in net.layers(12, 3)[1])


SEEDS, SILENT = (5, 2), (1, 4)  # the units that are made silent, in every hidden layer
DEEP_NETS = {
    **NETS,
    "ConvNet1d, CReLU": ConvNet1d(channels=5, activation="crelu"),
    "ConvNet1d, LayerNorm": ConvNet1d(channels=5, layer_norm=True),
    "MLP, depth 1": MLP(width=8, depth=1),
}
DEEP_NETS["ConvNet1d"] = ConvNet1d(channels=5)
WITHOUT_NORM = {n: net for n, net in DEEP_NETS.items() if not _normalizes_units(net)}
EVERY_NET = pytest.mark.parametrize("net", DEEP_NETS.values(), ids=DEEP_NETS)
EVERY_NET_WITHOUT_NORM = pytest.mark.parametrize("net", WITHOUT_NORM.values(), ids=WITHOUT_NORM)


def running(net, optimizer=None, updates=9):
    condition = Condition(optimizer or Adam(0.01), net)
    shard = trained(LABELS, {"a": condition}, SEEDS, updates)
    return shard, shard.blocks["a"].state


def silence(state):
    """Units SILENT of the first replica answer 0 to everything, in every layer."""
    for unit in state.network.units:
        for name in ("weight", "bias"):
            state.weights[f"{unit.incoming}{name}"][0, list(SILENT)] = 0.0
        for name in unit.own:
            state.weights[name][0, list(SILENT)] = 0.0


def look(state):
    """The networks' answer to so many examples that only SILENT units are silent on all."""
    own = torch.Generator().manual_seed(0)
    passed = state.network.forward(2 * torch.randn(len(SEEDS), 256, 12, generator=own))
    state.hidden = [h.detach() for h in passed.hidden]
    return passed.logits


def drawn(net, layout, name, step, layer):
    """The first replica's new incoming weights, worked out from their key and He's formula."""
    own = generator(SEEDS[0], "fresh units", step, layer)
    shape = len(SILENT), *layout.spans[name][1][1:]
    return torch.randn(shape, generator=own) * (net.hidden_gain / layout.fan_in(name) ** 0.5)


def columns(unit, layout):
    """Which inputs of the next matrix read the SILENT units, worked out by hand."""
    width = layout.spans[f"{unit.incoming}weight"][1][0]
    halves = [(half * width + u) for half in range(unit.copies) for u in SILENT]
    return [feature * unit.spread + k for feature in halves for k in range(unit.spread)]


@EVERY_NET_WITHOUT_NORM
def test_at_tau_zero_the_outputs_do_not_change(net):
    _, state = running(net)
    silence(state)
    before, old = look(state), state.weights.clone()
    ReDo(tau=0.0).act(state)
    assert not torch.equal(state.weights.flat[0], old.flat[0])
    assert torch.equal(state.weights.flat[1], old.flat[1])
    torch.testing.assert_close(look(state), before, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["MLP, LayerNorm", "ConvNet1d, LayerNorm"])
def test_with_layer_norm_a_recycled_unit_does_change_what_the_others_are_normalized_by(name):
    """Why the docstring promises unchanged answers only without it."""
    _, state = running(DEEP_NETS[name])
    silence(state)
    before = look(state)
    ReDo(tau=0.0).act(state)
    assert not torch.allclose(look(state)[0], before[0], atol=1e-3)


@EVERY_NET
def test_everything_of_a_recycled_unit_is_new_and_nothing_else_is_touched(net):
    shard, state = running(net)
    silence(state)
    look(state)
    old, memory = state.weights.clone(), state._memory
    m, v = memory.m.clone(), memory.v.clone()
    ReDo(tau=0.0).act(state)
    layout, expected = state.weights.layout, old.clone()
    touched = torch.zeros_like(old.flat, dtype=torch.bool)
    rows = type(old)(layout, touched)
    for layer, unit in enumerate(state.network.units):
        incoming, outgoing = f"{unit.incoming}weight", f"{unit.outgoing}weight"
        new = [(incoming, drawn(net, layout, incoming, shard.step, layer))]
        new += [(f"{unit.incoming}bias", 0.0)]
        new += [(name, 1.0 if name.endswith("weight") else 0.0) for name in unit.own]
        for name, value in new:
            expected[name][0, list(SILENT)] = value
            rows[name][0, list(SILENT)] = True
        expected[outgoing][0][:, columns(unit, layout)] = 0.0
        rows[outgoing][0][:, columns(unit, layout)] = True
    later = _later_layers_win(state, expected, net, shard.step)
    assert torch.equal(state.weights.flat, later.flat)
    assert torch.equal(memory.m, m.masked_fill(touched, 0.0))
    assert torch.equal(memory.v, v.masked_fill(touched, 0.0))


def _later_layers_win(state, expected, net, step):
    """Where a recycled unit reads another recycled one, the fresh draw came last."""
    for layer, unit in enumerate(state.network.units):
        if layer == 0 or state.network.units[layer - 1].outgoing != unit.incoming:
            continue
        name = f"{unit.incoming}weight"
        new = drawn(net, expected.layout, name, step, layer)
        expected[name][0, list(SILENT)] = new
    return expected


@EVERY_NET_WITHOUT_NORM
def test_nothing_reads_a_recycled_unit(net):
    """Whatever its incoming weights become, the outputs stay."""
    _, state = running(net)
    silence(state)
    look(state)
    ReDo(tau=0.0).act(state)
    before = look(state)
    last = state.network.units[-1]
    state.weights[f"{last.incoming}weight"][0, list(SILENT)] += 3.0
    torch.testing.assert_close(look(state), before, rtol=0, atol=1e-6)
    state.weights[f"{last.incoming}weight"][0, 0] += 3.0
    assert not torch.allclose(look(state), before, atol=1e-3)


@EVERY_NET_WITHOUT_NORM
@pytest.mark.parametrize("optimizer", [Adam(0.01), SGD(0.1)], ids=["Adam", "SGD"])
def test_a_recycled_unit_gets_no_gradient_first_and_some_later(net, optimizer):
    shard, state = running(net, optimizer)
    silence(state)
    look(state)
    ReDo(tau=0.0).act(state)
    last = state.network.units[-1]
    incoming, outgoing = (state.gradients[f"{p}weight"] for p in (last.incoming, last.outgoing))
    shard.advance(1)
    assert (incoming[0, list(SILENT)] == 0).all()
    assert (outgoing[0][:, columns(last, state.weights.layout)] != 0).any()
    shard.advance(3)
    assert (incoming[0, list(SILENT)] != 0).any()


def test_the_dormant_set_is_that_of_the_definition():
    shard, state = running(MLP(width=16, depth=2), Adam(0.1), updates=18)
    shard._look_back()
    tau, expected = 0.3, []
    for h in state.hidden:  # [R, units, B]
        size = np.abs(h.numpy()).mean(2)
        expected.append(size / size.mean(1, keepdims=True) <= tau)
    counts = [mask.sum() for mask in expected]
    assert all(0 < count < mask.size for count, mask in zip(counts, expected, strict=True))
    old = state.weights.clone()
    ReDo(tau=tau).act(state)
    for layer, mask in enumerate(expected):
        name = f"{state.network.units[layer].incoming}weight"
        changed = (state.weights[name] != old[name]).any(2).numpy()
        changed &= ~_reads_recycled(state, old, layer, mask)
        np.testing.assert_array_equal(changed, mask)
    np.testing.assert_allclose(
        dormant_units(state, tau).numpy(), np.concatenate(expected, 1).mean(1), rtol=1e-6
    )


def _reads_recycled(state, old, layer, mask):
    """Units that are not dormant, but lost an incoming weight because what they read was."""
    name = f"{state.network.units[layer].incoming}weight"
    lost = ((state.weights[name] == 0) & (old[name] != 0)).any(2).numpy()
    return lost & ~mask


def test_a_channel_is_dormant_by_its_mean_over_positions():
    h = torch.rand(2, 3, 5, 4) + 0.5  # [R, channels, positions, B]
    h[0, 1] = 0.0
    h[1, 2, 1:] = 0.0  # silent at most positions only
    assert (dormancy(h) <= 0).tolist() == [[False, True, False], [False] * 3]


def test_a_crelu_unit_is_scored_by_both_halves():
    h = torch.ones(1, 6, 4)  # units 0, 1, 2 twice
    h[0, [0, 1, 4]] = 0.0  # unit 0 lost its positive half, unit 1 both
    assert (dormancy(h, copies=2) <= 0).tolist() == [[False, True, False]]


def test_a_layer_that_is_silent_as_a_whole_is_dormant_and_a_diverged_one_is_not_judged():
    h = torch.zeros(2, 3, 4)
    h[1] = torch.nan
    assert (dormancy(h) <= 0.1).tolist() == [[True] * 3, [False] * 3]


def test_recycling_counts_as_a_new_adam_for_those_entries_only():
    shard, state = running(MLP(width=8, depth=1), AdamW(0.01, weight_decay=0.1))
    twin, other = running(MLP(width=8, depth=1), AdamW(0.01, weight_decay=0.1))
    silence(state)
    look(state)
    ReDo(tau=0.0).act(state)
    before = state.weights.clone()
    shard.advance(1)
    twin.advance(1)
    assert_same_numbers(state.weights.flat[1], other.weights.flat[1])  # the replica beside
    moved = state.weights["2.weight"][0][:, list(SILENT)] - before["2.weight"][0][:, list(SILENT)]
    gradient = state.gradients["2.weight"][0][:, list(SILENT)]
    seen = gradient.abs() > 1e-5
    assert seen.any()
    torch.testing.assert_close(moved[seen], -0.01 * gradient.sign()[seen], rtol=2e-3, atol=1e-6)


def test_a_module_has_to_say_what_its_units_are():
    def bare(inputs, outputs):
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.a, self.act = nn.Linear(inputs, 6), nn.ReLU()
                self.b = nn.Linear(6, outputs)

            def forward(self, x):
                return self.b(self.act(self.a(x)))

        return Net()

    _, state = running(Module(bare))
    with pytest.raises(ValueError, match=r"ReDo needs to know the network's units.*units="):
        ReDo().act(state)
    _, state = running(Module(bare, units=(("a", "b"),)))
    silence(state)
    before = look(state)
    ReDo(tau=0.0).act(state)
    torch.testing.assert_close(look(state), before, rtol=0, atol=1e-6)
    with pytest.raises(ValueError, match="Module.units: layer must be one of a, b; got 'c'"):
        running(Module(bare, units=(("a", "c"),)))
