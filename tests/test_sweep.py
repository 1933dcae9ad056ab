"""sweep: every combination is the run that its condition alone would be; the best is chosen on
other seeds than it is judged on."""

from dataclasses import replace

import numpy as np
import pytest
from small import LABELS

from plastlab.condition import Condition
from plastlab.interventions import FullReset, L2Init
from plastlab.nets import MLP
from plastlab.optim import SGD, Adam
from plastlab.probes import accuracy, loss
from plastlab.results import PerSeed, level, sweep
from plastlab.run import run

BASE = Condition(Adam(1e-2), MLP(width=8))
FOUND = sweep(
    LABELS, BASE, L2Init, seeds=3, probes=[accuracy, loss], strength=[0.0, 10.0], lr=[1e-3, 1e-2]
)


@pytest.mark.parametrize("strength", [0.0, 10.0])
@pytest.mark.parametrize("lr", [1e-3, 1e-2])
def test_each_combination_is_its_conditions_own_run(strength, lr):
    alone = replace(BASE, optimizer=Adam(lr)) + L2Init(strength)
    expected = run(LABELS, {"alone": alone}, seeds=3, probes=[accuracy, loss])
    found = FOUND.at(strength=strength, lr=lr)
    for probe in ("accuracy", "loss"):
        np.testing.assert_array_equal(
            level(found, probe).values, level(expected, probe, "alone").values
        )


def test_a_curve_holds_the_other_axes():
    rows = FOUND.curve("strength", "loss", lr=1e-2)
    assert rows.values.shape == (2, 3)
    np.testing.assert_array_equal(
        rows[1].values, level(FOUND.at(strength=10.0, lr=1e-2), "loss").values
    )
    with pytest.raises(ValueError, match="which lr.*0.001, 0.01"):
        FOUND.curve("strength")


def test_the_best_is_chosen_on_other_seeds():
    """On the sweep's own seeds one setting is made to look best; on the tuning seeds another."""
    asked = []

    def statistic(result):
        (name,) = result.conditions
        own = result.seeds == FOUND.result.seeds
        asked.append(result.seeds)
        return PerSeed(
            np.full(len(result.seeds), float(("strength 0" in name) != own)), result.seeds
        )

    best = FOUND.best(statistic, lr=1e-2)
    assert best.setting == {"strength": 0.0, "lr": 1e-2}
    assert not set(sum(asked, ())) & set(FOUND.result.seeds)
    assert best.result.seeds == FOUND.result.seeds
    np.testing.assert_array_equal(
        level(best.result).values, level(FOUND.at(strength=0.0, lr=1e-2)).values
    )


def test_a_combination_that_diverges_is_never_the_best():
    nan = lambda r: PerSeed(  # noqa: E731
        np.full(len(r.seeds), np.nan if "strength 0" in r.conditions[0] else -5.0), r.seeds
    )
    assert FOUND.best(nan, lr=1e-2).setting["strength"] == 10.0


def test_values_that_look_alike_stay_apart():
    near = [0.1, 0.1 + 1e-9]
    found = sweep(LABELS, BASE, L2Init, seeds=2, strength=near)
    assert len(found.conditions) == len(found.result.conditions) == 2


def test_a_rate_alone_needs_no_method():
    found = sweep(LABELS, Condition(SGD(0.1), MLP(width=8)), seeds=2, lr=[0.01, 0.1])
    assert found.at(lr=0.01).conditions == ("lr 0.01",)


@pytest.mark.parametrize(
    ("method", "axes", "error", "message"),
    [
        (L2Init, {}, ValueError, "needs an axis"),
        (L2Init, {"strenght": [1.0]}, ValueError, "Did you mean 'strength'"),
        (FullReset, {"strength": [1.0]}, ValueError, "one of lr"),
        (L2Init, {"strength": [1.0, 1.0]}, ValueError, "different values"),
        (L2Init, {"strength": []}, ValueError, "different values"),
        (L2Init, {"strength": 1.0}, TypeError, "Give a list"),
    ],
)
def test_other_axes_are_refused(method, axes, error, message):
    with pytest.raises(error, match=message):
        sweep(LABELS, BASE, method, seeds=2, **axes)


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"strength": 1.0, "lr": 1e-2}, "at: strength must be one of 0.0, 10.0"),
        ({"rate": 1.0}, "an axis must be one of strength, lr"),
        ({"lr": 1e-2}, "which strength"),
    ],
)
def test_other_places_are_refused(where, message):
    with pytest.raises(ValueError, match=message):
        FOUND.at(**where)
    if "rate" in where:
        with pytest.raises(ValueError, match="an axis must be"):
            FOUND.best(**where)
