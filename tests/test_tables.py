"""Tables, such as a Transformer's positions and the slots of a soft mixture, are no matrices: what
is done to matrices leaves them as plain training does, and what is done to all weights does not."""

from dataclasses import replace

import pytest
import torch
from small import LABELS, trained

from plastlab.condition import Condition
from plastlab.interventions import (
    DASH,
    FIRE,
    L2,
    BBFReset,
    FrobeniusProjection,
    FullReset,
    L2Init,
    Parseval,
    SelectiveWeightReinit,
    ShrinkAndPerturb,
    SpectralPenalty,
    WeightClipping,
    WeightDecay,
)
from plastlab.muon import Muon
from plastlab.nets import MLP, SoftMoENet1d, Transformer
from plastlab.optim import SGD, Adam
from plastlab.probes import isometry_deviation, weight_norm
from plastlab.rows import Layout, Table

SEEDS = (5, 2)
NETS = {
    "Transformer": Transformer(tokens=3, width=8, blocks=1),
    "SoftMoENet1d": SoftMoENet1d(channels=4, experts=2, width=6),
}
TABLE = {"Transformer": "2.weight", "SoftMoENet1d": "7.weight"}
EVERY_NET = pytest.mark.parametrize("name", NETS)
ONE_TASK, PLAIN = replace(LABELS, tasks=1), SGD(0.1)


def after(name, *interventions, optimizer=PLAIN, steps=1):
    """The weights after so many updates."""
    condition = Condition(optimizer, NETS[name], interventions)
    return trained(ONE_TASK, {"a": condition}, SEEDS, steps).network.weights


@EVERY_NET
def test_the_table_is_known_by_the_shape_its_layer_gives_it(name):
    layout = after(name, steps=0).layout
    assert layout.tables == (TABLE[name],)
    assert TABLE[name] not in layout.matrices
    assert TABLE[name] in layout.connections
    with pytest.raises(ValueError, match="Layout.fan_in: name must be one of .*got '"):
        layout.fan_in(TABLE[name])


ON_MATRICES = (
    Parseval(1.0),
    SpectralPenalty(1.0),
    FrobeniusProjection(),
    WeightClipping(0.1),
    FIRE(every=1),
    DASH(every=1),
)


@EVERY_NET
@pytest.mark.parametrize("method", ON_MATRICES, ids=lambda method: type(method).__name__)
def test_what_acts_on_matrices_leaves_the_table_as_plain_training_does(name, method):
    """After one update: from the second on, the gradients are others. DASH gathers for five updates
    without learning, then acts."""
    gathers = isinstance(method, DASH)
    steps = 1 + method.over if gathers else 1
    plain, treated = after(name), after(name, method, steps=steps)
    assert torch.equal(treated[TABLE[name]], plain[TABLE[name]])
    others = [n for n in plain.layout.matrices if not torch.equal(treated[n], plain[n])]
    assert others, "it left everything alone"


@EVERY_NET
def test_muon_leaves_the_table_to_adam(name):
    found = after(name, optimizer=Muon(0.01))[TABLE[name]]
    assert torch.equal(found, after(name, optimizer=Adam(0.01, beta2=0.95))[TABLE[name]])


@EVERY_NET
def test_what_acts_on_all_weights_acts_on_the_table(name):
    start, plain = after(name, steps=0)[TABLE[name]], after(name)[TABLE[name]]
    gradient = (start - plain) / 0.1
    pulled = after(name, L2(0.25))[TABLE[name]]
    torch.testing.assert_close(pulled, start - 0.1 * (gradient + 0.5 * start))
    for biases in (True, False):
        shrunk = after(name, WeightDecay(0.5, biases))[TABLE[name]]
        torch.testing.assert_close(shrunk, 0.95 * start - 0.1 * gradient)
    two = after(name, L2Init(0.25), steps=2)[TABLE[name]]
    assert not torch.equal(two, after(name, steps=2)[TABLE[name]])


@EVERY_NET
def test_shrink_and_perturb_mixes_the_table_as_a_weight(name):
    shard = trained(ONE_TASK, {"a": Condition(SGD(0.1), NETS[name])}, SEEDS, 2)
    state = shard.blocks["a"].state
    before = state.weights[TABLE[name]].clone()
    fresh = state.fresh("shrink and perturb").weights[TABLE[name]].clone()
    shard.apply(ShrinkAndPerturb(0.5, 0.25), "a")
    torch.testing.assert_close(state.weights[TABLE[name]], 0.5 * before + 0.25 * fresh)


@EVERY_NET
def test_single_weights_of_the_table_may_start_anew(name):
    changed = after(name, SelectiveWeightReinit(every=1, share=0.5))[TABLE[name]]
    kept = (changed == after(name)[TABLE[name]]).float().mean()
    assert 0.4 < kept < 0.6


LAYERS = [  # of the Transformer, the table with the matrix before it
    {"1.0.weight", "1.0.bias", "2.weight", "3.0.0.weight", "3.0.0.bias"},
    {"3.1.in.weight", "3.1.in.bias"},
    {"3.1.out.weight", "3.1.out.bias", "4.0.0.weight", "4.0.0.bias"},
    {"4.1.0.weight", "4.1.0.bias"},
    {"4.1.2.weight", "4.1.2.bias", "5.0.weight", "5.0.bias"},
    {"7.weight", "7.bias"},
]


@pytest.mark.parametrize("number", range(len(LAYERS)))
def test_resets_count_matrices_and_a_bias_goes_with_its_own(number):
    shard = trained(ONE_TASK, {"a": Condition(SGD(0.1), NETS["Transformer"])}, SEEDS, 2)
    weights = shard.blocks["a"].state.weights
    assert set(weights.layout.layers[number]) == LAYERS[number]
    tail = set().union(*LAYERS[number:])
    for reset, expected in (
        (FullReset(only=number), LAYERS[number]),
        (FullReset(layers=len(LAYERS) - number), tail),
        (BBFReset(keep=1.0, noise=0.0, layers=len(LAYERS) - number), tail),
    ):
        weights.flat.fill_(0.5)
        shard.apply(reset, "a")
        changed = {name for name, view in weights.views.items() if (view != 0.5).any()}
        assert changed == expected


def test_probes_of_matrices_do_not_look_at_the_table():
    shard = trained(ONE_TASK, {"a": Condition(SGD(0.1), NETS["Transformer"])}, SEEDS, 0)
    before = [shard.measure(probe)["a"].copy() for probe in (weight_norm, isometry_deviation)]
    shard.blocks["a"].state.weights["2.weight"].mul_(100.0)
    after = [shard.measure(probe)["a"] for probe in (weight_norm, isometry_deviation)]
    for found, expected in zip(after, before, strict=True):
        assert (found == expected).all()


def test_what_stands_before_the_first_matrix_belongs_to_no_layer():
    layout = Layout((("0.weight", Table((3, 2))), ("1.weight", (2, 3)), ("1.bias", (2,))))
    assert layout.layers == (("1.weight", "1.bias"),)
    assert layout.last_layers(1) == ("1.weight", "1.bias")
    assert layout.last_layers(2) == ("0.weight", "1.weight", "1.bias")


def test_a_plain_network_has_no_tables():
    layout = MLP(width=4).build(3, 2, SEEDS).weights.layout
    assert (layout.tables, layout.scales) == ((), ())
