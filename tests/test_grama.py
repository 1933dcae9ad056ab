"""GraMa flags units by their gradient: which, when, and not too soon."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from small import LABELS, NETS, trained, twin
from torch import nn

from plastlab.condition import Condition
from plastlab.interventions import GraMa
from plastlab.interventions.grama import OF
from plastlab.nets import MLP, ConvNet1d
from plastlab.nets.modules import Module
from plastlab.optim import SGD, Adam
from plastlab.probes import dormancy

SEEDS = (5, 2)
EITHER = pytest.mark.parametrize("of", OF)


def running(net, optimizer=None, updates=5):
    shard = trained(LABELS, {"a": Condition(optimizer or Adam(0.01), net)}, SEEDS, updates)
    return shard, shard.blocks["a"].state


def judged(state, method, mem=None):
    """Which units it recycles after this update, by layer [[R, units]]."""
    masks, surgery = [], state.reset_units
    state.reset_units = lambda layer, mask: masks.append(mask.clone())
    mem = mem or SimpleNamespace()
    with torch.no_grad():
        if not hasattr(mem, "recycled"):
            method.at_start(state, mem)
        method.after_step(state, mem)
    state.reset_units = surgery
    return masks


def broken(state, bias):
    """Unit 3 of the first layer sees its bias and nothing else."""
    state.weights["0.weight"][:, 3] = 0.0
    state.weights["0.bias"][:, 3] = bias


@EITHER
def test_a_saturated_tanh_unit_is_flagged_though_redo_does_not_flag_it(of):
    shard, state = running(MLP(width=8, depth=2, activation="tanh"), SGD(0.01))
    broken(state, 40.0)
    shard.advance(1)
    assert (state.hidden[0][:, 3] == 1.0).all()
    assert (dormancy(state.hidden[0])[:, 3] > 1.0).all()  # what ReDo looks at
    first, second = judged(state, GraMa(tau=0.01, every=1, of=of))
    assert first[:, 3].all()
    assert first.sum() == len(SEEDS)
    assert not second.any()


@EITHER
def test_a_dead_relu_unit_is_flagged(of):
    shard, state = running(MLP(width=8, depth=2), SGD(0.01))
    broken(state, -5.0)
    shard.advance(1)
    first, _ = judged(state, GraMa(tau=0.0, every=1, of=of))
    assert first[:, 3].all()
    h = state.hidden[0].amax(2)
    assert (first == (h == 0)).all()


@EITHER
def test_a_unit_just_recycled_is_spared_by_the_grace_period(of):
    """Nobody reads it, so it gets no gradient on its first update."""
    flags = {}
    for grace in (0, 3):
        shard, state = running(MLP(width=8, depth=1, activation="tanh"), SGD(0.01))
        method, mem = GraMa(tau=0.05, every=1, grace=grace, of=of), SimpleNamespace()
        flags[grace] = []
        broken(state, 40.0)
        method.at_start(state, mem)
        for _ in range(4):
            shard.advance(1)
            masks, surgery = [], state.reset_units
            state.reset_units = lambda layer, mask, masks=masks, surgery=surgery: (
                masks.append(mask.clone()),
                surgery(layer, mask),
            )
            with torch.no_grad():
                method.after_step(state, mem)
            state.reset_units = surgery
            flags[grace].append(bool(masks[0][:, 3].all()))
    assert flags[0] == [True] * 4
    assert flags[3] == [True, False, False, True]


def scores(state, of, replica):
    """Mean |gradient| of each unit over its layer's mean by torch.nn and autograd, [units] for each
    layer; preactivations are taken one example at a time."""
    module, kept = twin(state.network, replica), []
    for layer in module.modules():
        if isinstance(layer, nn.Tanh | nn.ReLU):
            layer.register_forward_pre_hook(lambda m, i: kept.append(i[0]))
    x, y = state.x[replica], state.y[replica]
    if of == "incoming weights":
        nn.functional.cross_entropy(module(x), y).backward()
        found = [
            dict(module.named_parameters())[f"{unit.incoming}weight"].grad.flatten(1).abs().mean(1)
            for unit in state.network.units
        ]
    else:
        sizes = []
        for i in range(len(x)):
            kept.clear()
            loss = nn.functional.cross_entropy(module(x[i : i + 1]), y[i : i + 1])
            slopes = torch.autograd.grad(loss, list(kept))
            sizes.append([slope[0].flatten(1 if slope.dim() > 2 else 0).abs() for slope in slopes])
        found = [torch.stack(column) for column in zip(*sizes, strict=True)]
        found = [f.mean((0, 2)) if f.dim() == 3 else f.mean(0) for f in found]
    return [(f / f.mean()).numpy() for f in found]


@EITHER
@pytest.mark.parametrize(
    "net",
    [MLP(width=8, depth=2, activation="tanh"), NETS["MLP, LayerNorm"], ConvNet1d(channels=5)],
    ids=["MLP", "LayerNorm", "ConvNet1d"],
)
def test_grama_recycles_the_units_of_the_definition(of, net):
    shard, state = running(net, SGD(0.0))
    shard.advance(1)  # the gradient is that at the present weights, since nothing moves
    expected = [scores(state, of, r) for r in range(len(SEEDS))]
    tau = float(np.quantile(np.concatenate([s for row in expected for s in row]), 0.4))
    masks = judged(state, GraMa(tau=tau, every=1, of=of))
    assert len(masks) == len(state.network.units)
    for layer, mask in enumerate(masks):
        for r in range(len(SEEDS)):
            np.testing.assert_array_equal(mask[r].numpy(), expected[r][layer] <= tau)
    assert any(mask.any() for mask in masks)


def test_it_acts_every_so_many_updates():
    shard, state = running(MLP(width=8, depth=1), SGD(0.01), 0)
    broken(state, -5.0)
    method, mem = GraMa(every=3), SimpleNamespace()
    method.at_start(state, mem)
    acted = []
    for _ in range(7):
        shard.advance(1)
        acted.append(bool(judged(state, method, mem)))
    assert acted == [False, False, True, False, False, True, False]


def test_a_replica_without_any_gradient_is_not_judged():
    shard, state = running(MLP(width=8, depth=1), SGD(0.01))
    shard.advance(1)
    state.gradients.flat[0] = 0.0
    (mask,) = judged(state, GraMa(tau=10.0, every=1))
    assert not mask[0].any()
    assert mask[1].any()


def test_a_layer_that_is_dead_as_a_whole_is_recycled():
    shard, state = running(MLP(width=8, depth=2), SGD(0.01))
    state.weights["2.weight"].zero_()
    state.weights["2.bias"].fill_(-1.0)
    shard.advance(1)
    first, second = judged(state, GraMa(tau=0.0, every=1))
    assert second.all()
    assert first.all()  # nothing comes back to it either


def test_a_module_is_judged_by_its_weights():
    def factory(inputs, outputs):
        return nn.Sequential(nn.Linear(inputs, 6), nn.ReLU(), nn.Linear(6, outputs))

    shard, state = running(Module(factory), SGD(0.01))
    broken(state, -5.0)
    shard.advance(1)
    assert judged(state, GraMa(tau=0.0, every=1))[0][:, 3].all()
    with pytest.raises(ValueError, match="Use the gradients for the incoming weights"):
        judged(state, GraMa(every=1, of="preactivations"))
