"""One surgery serves all methods that reset units. On every kind of network it renews what belongs
to a unit, the optimizer's memory included, and touches nothing else."""

import numpy as np
import pytest
import torch
from small import LABELS, NETS, trained
from torch import nn

from plastlab.condition import Condition
from plastlab.nets import MLP, ConvNet1d, ResidualMLP
from plastlab.nets.modules import Module
from plastlab.optim import SGD, Adam

SEEDS, UNITS = (5, 2, 8), (1, 4)


def sequential(inputs, outputs):
    return nn.Sequential(nn.Linear(inputs, 7), nn.Tanh(), nn.Linear(7, outputs))


EVERY = {
    **NETS,
    "MLP, PReLU": MLP(width=8, activation="prelu"),
    "MLP, LayerNorm, CReLU": MLP(width=8, layer_norm=True, activation="crelu"),
    "MLP, deep Fourier": MLP(width=8, activation="fourier"),
    "MLP, AdaLin tanh": MLP(width=8, activation="adalin tanh"),
    "MLP, no biases": MLP(width=8, bias=False),
    "ResidualMLP, CReLU": ResidualMLP(width=8, activation="crelu"),
    "ResidualMLP, PReLU, no LayerNorm": ResidualMLP(width=8, layer_norm=False, activation="prelu"),
    "ConvNet1d": ConvNet1d(channels=5),
    "ConvNet1d, CReLU, LayerNorm": ConvNet1d(channels=5, layer_norm=True, activation="crelu"),
    "ConvNet1d, PReLU": ConvNet1d(channels=5, activation="prelu"),
    "MLP, noisy": MLP(width=8, noise=0.5),
    "Module": Module(sequential),
}
EVERY_NET = pytest.mark.parametrize("net", EVERY.values(), ids=EVERY)


def running(net, optimizer):
    shard = trained(LABELS, {"a": Condition(optimizer, net)}, SEEDS, 9)
    return shard, shard.blocks["a"].state


def chosen(state, layer):
    """Units UNITS of the first and the last replica."""
    width = state.weights[f"{state.network.units[layer].incoming}weight"].shape[1]
    mask = torch.zeros(len(SEEDS), width, dtype=torch.bool)
    mask[0, list(UNITS)] = mask[2, list(UNITS)] = True
    return mask


def belongings(state, layer):
    """Each entry of one replica that belongs to UNITS, entry by entry: name -> indices that become
    what they were at the start (or 0, or a new draw), and the outgoing ones, which become 0."""
    unit, shapes = state.network.units[layer], dict(state.weights.layout.shapes)
    incoming, outgoing = f"{unit.incoming}weight", f"{unit.outgoing}weight"
    own = {incoming: [], f"{unit.incoming}bias": []} | {name: [] for name in unit.own}
    for name in own:
        for u in UNITS if name in shapes else ():
            own[name] += [(u, *rest) for rest in np.ndindex(*shapes[name][1:])]
    read, width = [], shapes[incoming][0]
    features = shapes[outgoing][1]
    for index in np.ndindex(*shapes[outgoing]):
        feature = index[1] * unit.copies * width // features  # which of all halves of all units
        if feature % width in UNITS:
            read.append(index)
    readers = (outgoing, f"{unit.outgoing}sigma.weight")
    return (
        {name: entries for name, entries in own.items() if entries},
        {name: read for name in readers if name in shapes},
    )


def untouched(before, after, *groups):
    """Whether two rows of one replica are equal but for these entries."""
    for name, value in before.items():
        value, other = value.clone(), after[name].clone()
        for group in groups:
            for index in group.get(name, ()):
                value[index] = other[index] = 0.0
        assert torch.equal(value, other), name


@EVERY_NET
def test_all_that_belongs_to_a_unit_is_new_and_nothing_else(net):
    _, state = running(net, Adam(0.01))
    start = state.initial().weights
    for layer, unit in enumerate(state.network.units):
        before, mask = state.weights.clone(), chosen(state, layer)
        own, read = belongings(state, layer)
        state.reset_units(layer, mask)
        assert torch.equal(state.weights.flat[1], before.flat[1])
        for r in (0, 2):
            now = {name: view[r] for name, view in state.weights.views.items()}
            untouched({n: v[r] for n, v in before.views.items()}, now, own, read)
            for name, entries in (own | read).items():
                found = torch.stack([now[name][index] for index in entries])
                if name in read or name == f"{unit.incoming}bias":
                    assert (found == 0).all(), name
                elif name in unit.own:
                    first = torch.stack([start[name][r][index] for index in entries])
                    assert torch.equal(found, first), name
                else:
                    old = torch.stack([before[name][r][index] for index in entries])
                    assert (found != old).all(), name


@EVERY_NET
@pytest.mark.parametrize("optimizer", [Adam(0.01), SGD(0.01, momentum=0.9)], ids=["Adam", "SGD"])
def test_the_optimizer_forgets_the_same_entries_and_no_others(net, optimizer):
    _, state = running(net, optimizer)
    memory = state._memory
    parts = ("m", "v") if isinstance(optimizer, Adam) else ("buffer",)
    for layer in range(len(state.network.units)):
        before = {part: getattr(memory, part).clone() for part in parts}
        own, read = belongings(state, layer)
        state.reset_units(layer, chosen(state, layer))
        layout = type(state.weights)
        for part in parts:
            old = layout(state.weights.layout, before[part])
            new = layout(state.weights.layout, getattr(memory, part))
            for name, entries in (own | read).items():
                assert all(new[name][r][index] == 0 for r in (0, 2) for index in entries)
                assert any(old[name][r][index] != 0 for r in (0, 2) for index in entries)
            assert torch.equal(new.flat[1], old.flat[1])
            for r in (0, 2):
                views = ({n: v[r] for n, v in rows.views.items()} for rows in (old, new))
                untouched(*views, own, read)


@EVERY_NET
def test_the_next_update_of_those_entries_is_a_new_adams(net):
    """Its size is the learning rate, whatever the gradient: m, v and count began anew."""
    shard, state = running(net, Adam(0.01))
    last = len(state.network.units) - 1
    _, read = belongings(state, last)
    state.reset_units(last, chosen(state, last))
    shard.advance(1)
    for name, entries in read.items():
        gradient = torch.stack([state.gradients[name][0][index] for index in entries])
        moved = torch.stack([state.weights[name][0][index] for index in entries])
        seen = gradient.abs() > 1e-4
        assert seen.any()
        torch.testing.assert_close(moved[seen], -0.01 * gradient[seen].sign(), rtol=1e-3, atol=0)


@EVERY_NET
def test_nobody_hears_a_recycled_unit(net):
    _, state = running(net, Adam(0.01))
    x = torch.randn(len(SEEDS), 16, 12, generator=torch.Generator().manual_seed(0))
    for layer, unit in enumerate(state.network.units):
        if any(name.endswith("bias") and "sigma" not in name for name in unit.own):
            continue  # LayerNorm tells all other units
        state.reset_units(layer, chosen(state, layer))
        before = state.network.forward(x).logits.detach()
        state.weights[f"{unit.incoming}weight"][:, list(UNITS)] += 1.0
        after = state.network.forward(x).logits.detach()
        torch.testing.assert_close(after[[0, 2]], before[[0, 2]], rtol=0, atol=1e-6)
        assert not torch.allclose(after[1], before[1], atol=1e-3)  # there they were heard


def test_a_mean_of_each_position_moves_to_the_bias_behind_a_convolution():
    """Different at each position, as no single number a channel could be."""
    _, state = running(EVERY["ConvNet1d"], Adam(0.01))
    unit, layer = state.network.units[-1], len(state.network.units) - 1
    weight, bias = (state.weights[f"{unit.outgoing}{part}"].clone() for part in ("weight", "bias"))
    mean = torch.randn(len(SEEDS), weight.shape[2], generator=torch.Generator().manual_seed(1))
    state.reset_units(layer, chosen(state, layer), mean)
    expected = bias.clone()
    for u in UNITS:
        for position in range(unit.spread):
            i = u * unit.spread + position
            expected[[0, 2]] += weight[[0, 2], :, i] * mean[[0, 2], i, None]
    torch.testing.assert_close(state.weights[f"{unit.outgoing}bias"], expected)
    assert not torch.allclose(expected[0], bias[0], atol=1e-2)
