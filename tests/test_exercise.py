"""exercise: solved if the whole interval lies beyond what was asked, and said in its unit."""

import numpy as np
import pytest

from plastlab.panels.exercise import exercise
from plastlab.results import PerSeed

POINTS = PerSeed([41.0, 46.0, 44.0, 53.0], (0, 1, 2, 3), "points")  # 46, interval 38 to 54


@pytest.mark.parametrize(
    ("asked", "solved"),
    [
        ({"above": 37}, True),
        ({"above": 40}, False),
        ({"below": 55}, True),
        ({"below": 50}, False),
    ],
)
def test_the_whole_interval_counts(asked, solved):
    assert exercise("mine", POINTS, **asked).solved is solved


def test_it_says_what_was_reached_and_what_was_asked():
    assert repr(exercise("mine", POINTS, above=40)) == (
        "mine: 46 points (38 to 54), asked for above 40 points: not yet."
    )
    assert repr(exercise("mine", POINTS, below=60)).endswith("asked for below 60 points: solved.")


@pytest.mark.parametrize("values", [[np.nan, 1.0], [np.inf, 1.0]])
def test_numbers_that_are_not_finite_solve_nothing(values):
    found = exercise("mine", PerSeed(values, (0, 1)), above=0)
    assert not found.solved and "not a finite number" in repr(found)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (("mine", [1.0]), TypeError, "exercise: numbers must be a PerSeed"),
        ((3, POINTS), TypeError, "exercise: name"),
        (("mine", PerSeed(np.ones((2, 2)), (0, 1))), ValueError, "one a seed"),
    ],
)
def test_other_arguments_are_refused(given, error, message):
    with pytest.raises(error, match=message):
        exercise(*given, above=1)
    for asked in ({}, {"above": 1, "below": 2}):
        with pytest.raises(ValueError, match="above or below"):
            exercise("mine", POINTS, **asked)
