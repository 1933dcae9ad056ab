"""The contract on networks of other kinds: with batch normalization, with tokens, and without any
hidden layer. There an intervention works, or is refused when it is added."""

from dataclasses import replace

import pytest
import torch
from small import OPTIMIZERS, trained
from test_contract import (
    EVERY_KIND,
    STREAM,
    check_finite,
    check_independent_of_company,
    check_leaves_padding_alone,
    variants,
)

from plastlab.condition import Condition
from plastlab.interventions import (
    ContinualBackprop,
    GraMa,
    LayerNorm,
    Parseval,
    ReDo,
    SelfNormalizedResets,
)
from plastlab.nets import MLP, SoftMoENet1d, Transformer

NETS = {
    "MLP, BatchNorm": MLP(width=8, depth=2, batch_norm=True),
    "SoftMoENet1d, BatchNorm": SoftMoENet1d(channels=3, experts=2, width=4, batch_norm=True),
    "Transformer": Transformer(tokens=3, width=4, blocks=1),
    "linear": MLP(depth=0),
}
EVERY_NET = pytest.mark.parametrize("net", NETS.values(), ids=NETS)
CHECKS = (check_finite, check_independent_of_company, check_leaves_padding_alone)


def with_it(kind, net):
    """The conditions with each of its variants, or none if it does not go with the network."""
    try:
        return [Condition(OPTIMIZERS["Adam"], net) + own for own in variants(kind)]
    except ValueError as error:
        refused = ("has no", "cannot go together", "acts on hidden layers")
        assert any(words in str(error) for words in refused), error
        return []


@EVERY_KIND
@EVERY_NET
@pytest.mark.parametrize("check", CHECKS)
def test_training_with_it(kind, net, check):
    for condition in with_it(kind, net):
        check(condition)


@EVERY_KIND
def test_without_hidden_layers_it_acts_or_is_refused(kind):
    stream, plain = replace(STREAM, steps=20), Condition(OPTIMIZERS["Adam"], NETS["linear"])
    before = trained(stream, {"a": plain}, (0, 1)).network.weights.flat
    for condition in with_it(kind, plain.net)[-1:]:
        after = trained(stream, {"a": condition}, (0, 1)).network.weights.flat
        assert before.shape != after.shape or not torch.equal(before, after)


@pytest.mark.parametrize(
    "kind",
    [ReDo, GraMa, ContinualBackprop, SelfNormalizedResets, Parseval, LayerNorm],
    ids=lambda kind: kind.__name__,
)
def test_what_needs_hidden_layers_says_so_alike(kind):
    message = rf"{kind.__name__} acts on hidden layers, and MLP\(depth=0\) has none. Give it one"
    with pytest.raises(ValueError, match=message):
        Condition(net=MLP(depth=0)) + kind()


def test_an_act_by_hand_is_refused_as_well():
    shard = trained(STREAM, {"a": Condition(OPTIMIZERS["Adam"], NETS["linear"])}, (0, 1), 3)
    with pytest.raises(ValueError, match="ReDo needs to know the network's units: 0 hidden"):
        shard.apply(ReDo(), "a")
