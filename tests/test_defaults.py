"""Defaults, constants and what they stand for change on purpose only: the book's numbers rest on
them. `defaults.txt` is written by `python tests/defaults.py`."""

from dataclasses import is_dataclass, replace

import defaults
import pytest

from plastlab import interventions
from plastlab.nets import injection, layers, network

REMEDY = "If this is on purpose, run `python tests/defaults.py`, and compute anew what rests on it."
TUNED = [
    pytest.param(kind, value, id=f"{name}.{kind.tuned[0]}={value}")
    for name, kind in vars(interventions).items()
    if name in interventions.__all__ and kind.tuned
    for value in kind.tuned[1]
]


def test_every_default_and_constant_is_as_recorded():
    recorded = defaults.FILE.read_text(encoding="utf-8").splitlines()
    now = defaults.text().splitlines()
    gone, new = set(recorded) - set(now), set(now) - set(recorded)
    assert not gone | new, "\n".join([*(f"- {x}" for x in gone), *(f"+ {x}" for x in new), REMEDY])


def test_the_record_tells_of_all_kinds_of_defaults():
    recorded = defaults.FILE.read_text(encoding="utf-8").splitlines()
    assert "muon.RMS = 0.2" in recorded
    assert "streams.growing.WarmStart.until = 1" not in recorded  # a field stands with its class
    assert "interventions.trac.TRAC.tuned = ('scale', (1e-08, 1e-05, 0.01))" in recorded
    assert "probes.units.dormant_units(tau=0.025, layer=None)" in recorded
    assert "training.Training.advance(steps=1)" in recorded


@pytest.mark.parametrize(("kind", "value"), TUNED)
def test_the_tournament_may_try_every_value_it_is_to_try(kind, value):
    field, values = kind.tuned
    assert getattr(replace(kind(), **{field: value}), field) == value
    assert len(set(values)) == len(values)


def packaged():
    """All classes of the modules that numbers come from."""
    return {
        thing
        for module in defaults.modules()
        for thing in vars(module).values()
        if isinstance(thing, type) and thing.__module__ == module.__name__
    }


FILLED = {injection.Branches, layers.Trace, network.Pass}  # written as a pass goes on
DATACLASSES = sorted((kind for kind in packaged() if is_dataclass(kind)), key=str)


@pytest.mark.parametrize("kind", DATACLASSES, ids=lambda kind: kind.__name__)
def test_a_dataclass_is_frozen_by_its_own_decorator(kind):
    """Without one, its own fields would be none, and its name would be missing in its text."""
    assert "__dataclass_params__" in vars(kind)
    assert vars(kind)["__dataclass_params__"].frozen is (kind not in FILLED)
