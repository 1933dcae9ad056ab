"""Plasticity injection: no answer moves, nothing frozen moves, and what is trained equals three
heads of plain `torch.nn`."""

from dataclasses import replace

import pytest
import torch
from small import LABELS, NETS, OPTIMIZERS, trained, twin
from torch import nn
from torch.func import functional_call

from plastlab.condition import Condition
from plastlab.interventions import FullReset, LayerNorm, NoisyNet, PlasticityInjection, ReDo
from plastlab.nets import MLP, ConvNet1d
from plastlab.nets.layers import Trace
from plastlab.nets.modules import Module
from plastlab.optim import Adam, AdamW
from plastlab.probes import accuracy, loss

SEEDS = (5, 2)
ALL_NETS = {**NETS, "ConvNet1d, CReLU": ConvNet1d(channels=4, activation="crelu", layer_norm=True)}
EVERY_NET = pytest.mark.parametrize("net", ALL_NETS.values(), ids=ALL_NETS)
LONG = replace(LABELS, tasks=2, steps=60)


def running(net, updates, optimizer=None, stream=LABELS, **settings):
    condition = Condition(optimizer or Adam(0.01), net) + PlasticityInjection(**settings)
    shard = trained(stream, {"a": condition}, SEEDS, updates)
    return shard, shard.blocks["a"].state


def frozen(state):
    return {n: v for n, v in state.buffers.views.items() if ".old." in n or ".twin." in n}


def head_names(state):
    return [n for n in state.weights.views if n.startswith(f"{len(state.network.layers) - 1}.")]


@EVERY_NET
def test_no_answer_moves_at_the_event_and_the_trainable_count_is_unchanged(net):
    shard, state = running(net, 6)
    assert state.weights.layout.size == net.build(12, 3, SEEDS).weights.layout.size
    x = torch.randn(2, 9, 12, generator=torch.Generator().manual_seed(0))
    old = state.weights.clone()
    before = state.network.forward(x)
    assert not any(view.any() for view in frozen(state).values())
    shard._begin_task()
    after = state.network.forward(x)
    torch.testing.assert_close(after.logits, before.logits, rtol=1e-5, atol=1e-5)
    head = head_names(state)
    for name in state.weights.views:
        assert torch.equal(state.weights[name], old[name]) == (
            name not in head or not old[name].any()
        )
    moved = [n for n in head if not torch.equal(state.weights[n], old[n])]
    assert moved


@EVERY_NET
def test_fifty_updates_leave_the_frozen_heads_bit_identical_and_move_the_new_one(net):
    shard, state = running(net, 61, AdamW(0.01, weight_decay=0.1), LONG)
    kept = {name: view.clone() for name, view in frozen(state).items()}
    new = state.weights.clone()
    assert any(view.any() for view in kept.values())
    shard.advance(50)
    assert all(torch.equal(view, kept[name]) for name, view in frozen(state).items())
    for name in state.weights.views:
        assert not torch.equal(state.weights[name], new[name]), name


def in_torch(net, state, replica):
    """The plain `torch.nn` network of a replica, and three sets of weights for it: as trained, and
    with each of the frozen heads."""
    plain = net.build(12, 3, SEEDS)
    plain.weights.flat.copy_(state.weights.flat)
    trained_set = {n: v[replica].clone().requires_grad_() for n, v in plain.weights.views.items()}
    module = twin(plain, replica)
    sets = [trained_set]
    prefix = f"{len(state.network.layers) - 1}."
    for kind in ("old", "twin"):
        own = dict(trained_set)
        for theirs, ours in zip(own, state.weights.views, strict=True):
            if ours.startswith(prefix):
                name = f"{prefix}{kind}.{ours.removeprefix(prefix)}"
                own[theirs] = state.buffers[name][replica].clone()
        sets.append(own)
    return module, sets


@EVERY_NET
def test_answers_and_gradients_equal_three_heads_of_torch_nn(net):
    shard, state = running(net, 10)
    weights, buffers = state.weights.clone(), state.buffers.clone()
    shard.advance(1)
    x, y, logits = state.x, state.y, state.logits
    gradients = state.gradients.clone()
    state.weights.flat.copy_(weights.flat)
    assert torch.equal(state.buffers.flat, buffers.flat)
    for r in range(2):
        module, (new, old, copy) = in_torch(net, state, r)
        answers = [functional_call(module, own, (x[r],)) for own in (new, old, copy)]
        total = answers[0] + answers[1] - answers[2]
        assert (answers[1] - answers[2]).abs().max() > 1e-2
        torch.testing.assert_close(logits[r].T, total, rtol=1e-4, atol=1e-5)
        nn.functional.cross_entropy(total, y[r]).backward()
        for theirs, ours in zip(new, state.weights.views, strict=True):
            found = gradients[ours][r]
            torch.testing.assert_close(found, new[theirs].grad, rtol=1e-3, atol=1e-5)


@EVERY_NET
@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_before_it_the_network_is_the_one_without_it(net, optimizer):
    _, state = running(net, 6, optimizer)
    plain = trained(LABELS, {"a": Condition(optimizer, net)}, SEEDS, 6)
    assert torch.equal(state.weights.flat, plain.network.weights.flat)
    assert len(state.hidden) == len(plain.blocks["a"].state.hidden)


@EVERY_NET
def test_recycling_a_unit_of_the_head_reaches_its_parameters(net):
    _, state = running(net, 9)
    layer = len(state.network.units) - 1
    unit = state.network.units[layer]
    before = state.weights.clone()
    mask = torch.zeros(2, state.hidden[layer].shape[1] // unit.copies, dtype=torch.bool)
    mask[0, 3] = mask[1, 1] = True
    state.reset_units(layer, mask)
    assert not unit.outgoing_of(state.weights)[mask].any()
    assert (unit.incoming_of(state.weights) != unit.incoming_of(before))[mask].all()
    assert torch.equal(unit.incoming_of(state.weights)[~mask], unit.incoming_of(before)[~mask])
    assert all((state.weights[name][mask] == name.endswith("weight")).all() for name in unit.own)
    assert unit.incoming.startswith(f"{len(state.network.layers) - 1}.")


def test_conditions_of_one_shard_inject_each_at_its_own_time():
    plain = Condition(Adam(0.01), NETS["MLP"])
    named = {f"{task}": plain + PlasticityInjection(task=task) for task in (1, 2)}
    named["late"] = plain + PlasticityInjection(at=8)
    together = trained(LABELS, named, SEEDS)
    for name, condition in named.items():
        alone = trained(LABELS, {name: condition}, SEEDS)
        found = together.blocks[name].state.weights.flat
        torch.testing.assert_close(found, alone.network.weights.flat, rtol=0, atol=1e-5)
        assert (alone.blocks[name].state.buffers["2.gate"] == 1).all()
    early = trained(LABELS, {"late": named["late"]}, SEEDS, 7)
    assert not early.blocks["late"].state.buffers["2.gate"].any()


def test_the_head_has_as_many_layers_as_asked_for_and_no_more_than_there_are():
    for layers, expected in ((1, 4), (2, 2), (3, 0), (9, 0)):
        spec = (Condition(net=MLP(depth=2)) + PlasticityInjection(layers=layers)).spec
        built = spec.build(12, 3, (0,))
        assert len(built.layers) == expected + 1
        assert built.layers[expected].first == (expected == 0)
    shard, state = running(MLP(width=8, depth=2), 10, layers=9)
    assert shard.step == 10
    assert state.buffers["0.gate"].all()


def test_the_optimizers_memory_of_the_head_is_kept_or_forgotten_as_asked():
    for reset in (False, True):
        shard, state = running(NETS["MLP"], 6, reset_optimizer=reset)
        before = state._memory.m.clone()
        shard._begin_task()
        for name in state.weights.views:
            own = state.weights.layout.spans[name][0]
            gone = reset and name in head_names(state)
            expected = torch.zeros_like(before[:, own]) if gone else before[:, own]
            assert torch.equal(state._memory.m[:, own], expected)


def test_frozen_heads_keep_the_buffers_that_they_had():
    """Else a frozen matrix would be divided by a singular value that follows the trained one."""
    net = MLP(width=8, depth=2, spectral_norm="hidden")
    shard, state = running(net, 60, Adam(0.05), LONG)
    x = torch.randn(2, 9, 12, generator=torch.Generator().manual_seed(0))
    before = state.network.forward(x).logits
    shard._begin_task()
    torch.testing.assert_close(state.network.forward(x).logits, before, rtol=1e-4, atol=1e-4)
    head, bound = state.network.layers[-1], state.network._bound[-1]
    features = torch.randn(2, 8, 9, generator=torch.Generator().manual_seed(1))
    old = head._forward(bound.old, features, Trace())[0]
    (name,) = [name for name in state.buffers.views if name.startswith("2.0.")]
    kept = state.buffers[name.replace("2.0.", "2.old.0.")]
    assert torch.equal(kept, state.buffers[name])
    state.buffers[name].normal_(generator=torch.Generator().manual_seed(2))
    assert not torch.equal(kept, state.buffers[name])
    assert torch.equal(head._forward(bound.old, features, Trace())[0], old)


def test_a_full_reset_shuts_the_gate_and_held_out_answers_have_all_heads():
    shard, state = running(NETS["MLP"], 12)
    assert shard.measure(loss)["a"].shape == shard.measure(accuracy)["a"].shape
    shown = state.logits.clone()
    torch.testing.assert_close(shown, state.network.forward(state.x).logits)
    state.buffers["2.gate"].zero_()
    assert not torch.allclose(shown, state.network.forward(state.x).logits, atol=1e-3)
    state.buffers["2.gate"].fill_(1.0)
    shard.apply(FullReset(), "a")
    assert not state.buffers["2.gate"].any()


def test_it_refuses_modules_second_injections_and_two_sizes_of_head():
    with pytest.raises(ValueError, match="head of a Module"):
        Condition(net=Module(lambda i, o: nn.Linear(i, o))) + PlasticityInjection()
    twice = Condition(Adam(), NETS["MLP"]) + PlasticityInjection() + PlasticityInjection(at=7)
    with pytest.raises(ValueError, match="injects twice"):
        trained(LABELS, {"a": twice}, SEEDS)
    for other in (PlasticityInjection(layers=1), NoisyNet()):
        with pytest.raises(ValueError, match="cannot go together"):
            Condition() + PlasticityInjection() + other
    both = Condition(net=MLP(width=8)) + PlasticityInjection() + LayerNorm() + ReDo(tau=0.0)
    assert (both.spec.injected, both.spec.layer_norm) == (2, True)
