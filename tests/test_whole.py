"""A training that is pickled, saved or copied goes on as the same training, bit for bit, or is
refused with a sentence that says what to do."""

import copy
import io
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from small import LABELS, NETS, trained
from test_contract import EVERY_KIND, variants
from torch import nn

from plastlab.condition import Condition
from plastlab.interventions import FullReset, ReDo
from plastlab.muon import Muon
from plastlab.nets import MLP, Recurrent, Transformer
from plastlab.nets.modules import Module
from plastlab.optim import SGD, Adam, AdamW
from plastlab.probes import accuracy, loss, online, update_ratio
from plastlab.training import Training


def saved_and_loaded(thing):
    file = io.BytesIO()
    torch.save(thing, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


def own(inputs, outputs):
    return nn.Sequential(nn.Linear(inputs, 8), nn.ReLU(), nn.Linear(8, outputs))


WAYS = {
    "pickle": lambda thing: pickle.loads(pickle.dumps(thing)),
    "torch.save": saved_and_loaded,
    "deepcopy": copy.deepcopy,
}
EVERY_WAY = pytest.mark.parametrize("again", WAYS.values(), ids=WAYS)
OPTIMIZERS = {
    "SGD": SGD(0.05),
    "momentum": SGD(0.05, momentum=0.9, weight_decay=0.01),
    "Adam": Adam(0.01),
    "AdamW": AdamW(0.01),
    "Muon": Muon(0.01),
}
ARCHITECTURES = NETS | {
    "BatchNorm": MLP(width=8, depth=2, batch_norm=True),
    "Recurrent": Recurrent(6, 2),
    "Transformer": Transformer(width=8, tokens=2, heads=2),
    "own": Module(own),
}
WIDE = MLP(width=12, depth=2, layer_norm=True)


def numbers(training):
    """Everything that the next updates depend on and can be seen in."""
    for shard in training._shards:
        yield from (shard.network.weights.flat, shard.network.buffers.flat)
    for found in (training.batch_loss, training.measure(update_ratio)):
        yield from map(torch.from_numpy, found.values())


def check_goes_on_alike(training, again):
    """Both go on by themselves, and to the same numbers."""
    twin = again(training)
    before = [one.clone() for one in numbers(training)]
    twin.advance(20)
    assert all(map(torch.equal, numbers(training), before)), "the twin moved the first one"
    training.advance(20)
    assert all(torch.isfinite(one).all() for one in numbers(training)), "no test otherwise"
    assert all(map(torch.equal, numbers(twin), numbers(training)))
    assert (twin.step, twin.task, twin.done) == (training.step, training.task, training.done)


def begun(conditions, updates=8):
    """A training in the middle of its second task."""
    training = Training(replace(LABELS, tasks=6), conditions, seeds=2)
    training.advance(updates)
    return training


@EVERY_KIND
def test_with_every_intervention(kind):
    method = variants(kind)[-1]
    chosen = {"Adam": Adam(0.01), "momentum": SGD(0.01, momentum=0.9)}
    conditions = {name: Condition(one, WIDE) + method for name, one in chosen.items()}
    check_goes_on_alike(begun(conditions), WAYS["pickle"])


@EVERY_WAY
@pytest.mark.parametrize("net", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_with_every_architecture_and_optimizer(net, again):
    conditions = {name: Condition(one, net) for name, one in OPTIMIZERS.items()}
    check_goes_on_alike(begun(conditions), again)


@EVERY_WAY
def test_after_surgeries_and_at_a_boundary(again):
    """Recycled units have counts of their own; a rate was turned; a reset was pressed."""
    training = begun({"a": Condition(Adam(0.01), WIDE) + ReDo(tau=0.5, every=3)}, updates=6)
    training.apply(FullReset())
    training.advance(5)
    training.apply(ReDo(tau=0.9))
    training.set_lr(0.02)
    assert training._shards[0].memory.entrywise.any()
    training.advance(1)
    check_goes_on_alike(training, again)


@EVERY_WAY
def test_before_the_first_update_and_a_copy_of_a_copy(again):
    training = Training(LABELS, {"a": Condition(Adam(0.01), WIDE)}, seeds=2)
    first = again(again(training))
    first.advance(7)
    training.advance(7)
    assert all(map(torch.equal, numbers(first), numbers(training)))


@EVERY_WAY
def test_a_shard_with_its_online_tally(again):
    probes = [accuracy, online(loss)]
    shard = trained(LABELS, {"a": Condition(Adam(0.01), WIDE) + ReDo()}, (0, 3), 8, probes)
    twin = again(shard)
    for one in (shard, twin):
        one.advance(7)
    for probe in probes:
        np.testing.assert_array_equal(twin.measure(probe)["a"], shard.measure(probe)["a"])
    assert torch.equal(twin.network.weights.flat, shard.network.weights.flat)


@EVERY_WAY
def test_parts_of_one_by_themselves_keep_their_views(again):
    shard = trained(LABELS, {"a": Condition(Adam(0.01), WIDE)}, (0, 3), 8)
    network, rows = again(shard.network), again(shard.network.weights)
    network.weights.flat.zero_()
    assert not network.forward(shard.blocks["a"].state.x).logits.any()
    rows["0.weight"].fill_(2.0)
    assert (rows.flat == 2.0).sum() == 2 * 12 * 12
    assert shard.network.weights["0.weight"].any()
    assert not (shard.network.weights.flat == 2.0).any()
    state = again(shard.blocks["a"].state)
    state.weights.flat.zero_()
    assert not state.network.weights["0.weight"].any()


@EVERY_WAY
def test_the_sessions_state_does_not_enter(again):
    training = begun({"a": Condition(Adam(0.01), WIDE)})
    with torch.device("meta"), torch.inference_mode():
        twin = again(training)
    for one in (training, twin):
        one.advance(5)
    assert all(map(torch.equal, numbers(twin), numbers(training)))


@EVERY_WAY
def test_what_cannot_be_saved_is_refused_with_a_remedy(again):
    training = begun({"a": Condition(Adam(0.01), Module(lambda i, o: own(i, o)))}, updates=1)
    wanted = "^Training cannot be copied or saved: .*lambda.*Write own .* with def or class at the"
    with pytest.raises(ValueError, match=wanted):
        again(training)
    check_goes_on_alike(begun({"a": Condition(Adam(0.01), WIDE)}), again)  # no trace is left
