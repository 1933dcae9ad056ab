"""Statistics: by hand, from a result whose numbers are written down."""

import numpy as np
import pytest

from plastlab.result import Result
from plastlab.results import ahead, course, interaction, level, lost, ratio, share_of_gap
from plastlab.units import unit_of

SHARE = np.array(  # [conditions, seeds, times]
    [
        [[0.9, 0.8, 0.5, 0.4], [1.0, 0.9, 0.7, 0.6]],
        [[0.9, 0.9, 0.8, 0.8], [1.0, 1.0, 0.9, 0.9]],
        [[0.9, 0.9, 0.6, 0.5], [1.0, 1.0, 0.8, 0.6]],
        [[0.9, 0.9, 0.9, 1.0], [1.0, 1.0, 1.0, 1.0]],
    ]
)
FOUND = Result(
    ("plain", "a", "b", "both"),
    (4, 7),
    (1, 1, 2, 2),
    (10, 20, 30, 40),
    {"accuracy": SHARE, "weight norm": 10 * SHARE},
    np.zeros((4, 2), bool),
)


@pytest.mark.parametrize(
    ("found", "values", "unit"),
    [
        (level(FOUND, "accuracy", "plain"), [40, 60], "%"),
        (level(FOUND, "accuracy", "plain", task=1), [80, 90], "%"),
        (level(FOUND, "accuracy", "plain", task=2), [40, 60], "%"),
        (level(FOUND, "accuracy", "plain", last=2), [45, 65], "%"),
        (level(FOUND, "weight_norm", "a"), [8, 9], ""),
        (lost(FOUND, "accuracy", "plain"), [40, 30], "points"),
        (lost(FOUND, "accuracy", "plain", last=2), [35, 25], "points"),
        (lost(FOUND, "accuracy", "plain", since=2), [0, 0], "points"),
        (ahead(FOUND, "accuracy", "a", of="plain"), [40, 30], "points"),
        (ahead(FOUND, "accuracy", "a", of="plain", task=1), [10, 10], "points"),
        (interaction(FOUND, "accuracy", "plain", "a", "b", "both"), [10, 10], "points"),
        (ratio(level(FOUND, "accuracy", "plain"), level(FOUND, "accuracy", "a")),
         [0.5, 2 / 3], "times"),
    ],
)  # fmt: skip
def test_by_hand(found, values, unit):
    np.testing.assert_allclose(found.values, values)
    assert (found.seeds, found.unit) == ((4, 7), unit)


def test_a_share_of_the_gap_is_of_the_mean_gap():
    low, high = (level(FOUND, "accuracy", name) for name in ("plain", "both"))
    found = share_of_gap(level(FOUND, "accuracy", "a"), low, high)  # gaps 60 and 40: 50 on average
    np.testing.assert_allclose(found.values, [80, 60])
    assert found.unit == "% of the gap"
    with pytest.raises(ValueError, match="equal on average"):
        share_of_gap(low, low, low)


def test_a_course_is_the_probe_over_time():
    found = course(FOUND, "accuracy", "plain")
    np.testing.assert_allclose(found.values, 100 * SHARE[0].T)


def test_a_condition_may_be_left_out_only_if_there_is_one():
    with pytest.raises(ValueError, match="Which condition.*plain, a, b, both"):
        level(FOUND)
    with pytest.raises(ValueError, match="condition must be one of"):
        level(FOUND, "accuracy", "c")


@pytest.mark.parametrize(("given", "message"), [({"task": 3}, "task"), ({"last": 5}, "last")])
def test_times_that_were_not_are_refused(given, message):
    with pytest.raises(ValueError, match=f"level: {message} must be"):
        level(FOUND, "accuracy", "plain", **given)


@pytest.mark.parametrize(
    ("probe", "unit"),
    [
        ("online accuracy", ("%", 100.0)),
        ("dead_units", ("%", 100.0)),
        ("dead units, layer 1", ("%", 100.0)),
        ("effective rank", ("directions", 1.0)),
        ("loss", ("", 1.0)),
    ],
)
def test_units_of_probes(probe, unit):
    assert unit_of(probe) == unit
