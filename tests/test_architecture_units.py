"""On the larger networks and with trained activations, units are recycled without a trace, training
is that of a plain loop, and every intervention runs."""

import math
from dataclasses import replace
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from small import LABELS, OPTIMIZERS, assert_same_numbers, draws, trained, twin, weights
from test_contract import KINDS, check_finite, check_independent_of_company

from plastlab.condition import Condition
from plastlab.interventions import NoisyNet, ReDo, SpectralNormalization
from plastlab.nets import MLP, ConvNet1d, ResidualMLP
from plastlab.nets.convnets import ImpalaNet1d, SoftMoENet1d
from plastlab.optim import SGD, Adam
from plastlab.shard import Shard

SEEDS = (3, 0)
SMALL = {
    "ImpalaNet1d": ImpalaNet1d((4, 4), 1, 8),
    "SoftMoENet1d": SoftMoENet1d(4, experts=2, width=6),
    "ResidualMLP, expansion": ResidualMLP(6, 1, 2),
}
REFUSED = (NoisyNet, SpectralNormalization)  # by SoftMoENet1d
EVERY_SMALL = pytest.mark.parametrize("spec", SMALL.values(), ids=SMALL)
BOTH_OPTIMIZERS = pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)


SILENCEABLE = {
    **SMALL,
    "ImpalaNet1d, CReLU": replace(SMALL["ImpalaNet1d"], activation="crelu"),
    "SoftMoENet1d, PReLU": replace(SMALL["SoftMoENet1d"], activation="prelu"),
    "SoftMoENet1d, flat": replace(SMALL["SoftMoENet1d"], tokens="flat"),
    "MLP, AdaLin": MLP(8, 2, activation="adalin"),
    "MLP, AdaLin tanh": MLP(8, 2, activation="adalin tanh"),
    "ConvNet1d, PReLU": ConvNet1d(5, activation="prelu"),
}
GONE = (1, 3)  # the units of the first replica that are recycled, in each layer


def with_silent_units(spec):
    """A trained network in which units GONE answer 0 to everything, and its mask of them."""
    shard = trained(LABELS, {"a": Condition(Adam(0.01), spec)}, SEEDS, 9)
    state, masks = shard.blocks["a"].state, []
    for unit in state.network.units:
        incoming = state.weights[f"{unit.incoming}weight"]
        incoming[0, list(GONE)] = 0.0
        state.weights[f"{unit.incoming}bias"][0, list(GONE)] = 0.0
        masks.append(torch.zeros(incoming.shape[:2], dtype=torch.bool))
        masks[-1][0, list(GONE)] = True
    return shard, state, masks


@pytest.mark.parametrize("spec", SILENCEABLE.values(), ids=SILENCEABLE)
def test_recycling_silent_units_changes_no_answer_and_nothing_reads_them_after(spec):
    _, state, masks = with_silent_units(spec)
    x = 2 * draws(2, 64, 12, key=5)
    before, old = state.network.forward(x).logits, state.weights.clone()
    for layer, mask in enumerate(masks):
        state.reset_units(layer, mask)
        torch.testing.assert_close(state.network.forward(x).logits, before, rtol=0, atol=1e-5)
    for layer, unit in enumerate(state.network.units):
        name = f"{unit.incoming}weight"
        assert (state.weights[name][0, list(GONE)] != old[name][0, list(GONE)]).any(), layer
        state.weights[name][0, list(GONE)] += 3.0
        torch.testing.assert_close(state.network.forward(x).logits, before, rtol=0, atol=1e-5)
        state.weights[name][0, 0] += 3.0
        assert not torch.allclose(state.network.forward(x).logits, before, atol=1e-3), layer
        state.weights[name][0, 0] -= 3.0
    assert torch.equal(state.weights.flat[1], old.flat[1])


@pytest.mark.parametrize("name", ["prelu", "adalin", "adalin tanh"])
def test_a_recycled_units_slope_starts_anew(name):
    _, state, masks = with_silent_units(MLP(8, 2, activation=name))
    start = 0.25 if name == "prelu" else 0.0
    trained_slopes = state.weights["1.weight"].clone()
    assert (trained_slopes != start).all()
    state.reset_units(0, masks[0])
    assert (state.weights["1.weight"][0, list(GONE)] == start).all()
    assert torch.equal(state.weights["1.weight"][~masks[0]], trained_slopes[~masks[0]])


def test_what_a_flat_fourier_unit_gave_moves_to_the_next_bias():
    """With incoming weights 0 it gives the cosine of its bias; recycled, that must not be lost."""
    _, state, masks = with_silent_units(MLP(8, 2, activation="fourier"))
    state.weights["0.bias"][0, list(GONE)] = 0.7
    x = draws(2, 16, 12, key=5)
    passed = state.network.forward(x)
    mean = passed.hidden[0].mean(2)
    assert mean[0, GONE[0]] == pytest.approx(math.sin(0.7))
    state.reset_units(0, masks[0])
    assert not torch.allclose(state.network.forward(x).logits[0], passed.logits[0], atol=1e-3)
    _, state, masks = with_silent_units(MLP(8, 2, activation="fourier"))
    state.weights["0.bias"][0, list(GONE)] = 0.7
    state.reset_units(0, masks[0], mean)
    torch.testing.assert_close(state.network.forward(x).logits, passed.logits, rtol=0, atol=1e-5)


@EVERY_SMALL
@BOTH_OPTIMIZERS
def test_training_equals_a_plain_torch_loop(spec, optimizer):
    shard = Shard(LABELS, {"a": Condition(optimizer, spec)}, (4, 0))
    models = [twin(shard.network, r) for r in range(2)]
    shard.advance(6)
    for r, seed in enumerate((4, 0)):
        model, task, order = models[r], LABELS.task(0, (seed,)), LABELS.order(0, (seed,))[0]
        sgd = isinstance(optimizer, SGD)
        steps = (partial(torch.optim.SGD, momentum=0.9) if sgd else torch.optim.Adam)(
            model.parameters(), lr=optimizer.lr
        )
        for pick in order:
            steps.zero_grad()
            F.cross_entropy(model(task.x[0, pick]), task.y[0, pick]).backward()
            steps.step()
        for name, value in model.state_dict().items():
            torch.testing.assert_close(shard.network.weights[name][r], value, rtol=0, atol=1e-4)


@EVERY_SMALL
def test_alone_and_in_company_have_the_same_bits(spec):
    condition = Condition(Adam(1e-2), spec) + ReDo(tau=0.3, every=4)
    alone = trained(LABELS, {"a": condition}, (3,))
    company = trained(LABELS, {"a": condition}, (0, 8, 3, 11, 5))
    assert_same_numbers(weights(alone, "a", 3), weights(company, "a", 3))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@EVERY_SMALL
def test_every_intervention_runs_on_them(kind, spec):
    plain = Condition(Adam(0.01), spec)
    if kind in REFUSED and isinstance(spec, SoftMoENet1d):
        with pytest.raises(ValueError, match="SoftMoENet1d has no noise and no spectral_norm"):
            plain + kind()
        return
    condition = plain + kind()
    check_finite(condition)
    if kind is ReDo:
        check_independent_of_company(condition)
