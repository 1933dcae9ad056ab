"""PerSeed: arithmetic is seed by seed, follows the units, and never pairs other seeds."""

import numpy as np
import pytest

from plastlab.results import PerSeed, largest, smallest, stack

SEEDS = (3, 5, 8)


def numbers(*values, seeds=SEEDS, unit="%"):
    return PerSeed(np.array(values), seeds, unit)


HIGH, LOW = numbers(90.0, 80.0, 70.0), numbers(20.0, 40.0, 35.0)


def same(found, values, unit):
    np.testing.assert_allclose(found.values, values)
    assert found.unit == unit and found.seeds == SEEDS


@pytest.mark.parametrize(
    ("found", "values", "unit"),
    [
        (HIGH - LOW, [70, 40, 35], "points"),
        (HIGH - LOW - numbers(1.0, 1.0, 1.0, unit="points"), [69, 39, 34], "points"),
        (LOW + (HIGH - LOW), [90, 80, 70], "%"),
        (LOW / HIGH, [20 / 90, 0.5, 0.5], "times"),
        ((HIGH - LOW) / HIGH, [70 / 90, 0.5, 0.5], "times"),
        (HIGH * (LOW / HIGH), [20, 40, 35], "%"),
        (HIGH * 2, [180, 160, 140], "%"),
        (2 * HIGH, [180, 160, 140], "%"),
        (HIGH / 10, [9, 8, 7], "%"),
        (100 - HIGH, [10, 20, 30], "%"),
        (HIGH - 10, [80, 70, 60], "%"),
        (10 + HIGH, [100, 90, 80], "%"),
        (-HIGH, [-90, -80, -70], "%"),
        (abs(LOW - HIGH), [70, 40, 35], "points"),
        (smallest(HIGH, numbers(85.0, 85.0, 85.0)), [85, 80, 70], "%"),
        (largest(HIGH, numbers(85.0, 85.0, 85.0)), [90, 85, 85], "%"),
    ],
)
def test_arithmetic_is_seed_by_seed_and_follows_units(found, values, unit):
    same(found, values, unit)


@pytest.mark.parametrize("seeds", [(3, 5, 9), (5, 3, 8)])
@pytest.mark.parametrize(
    "do",
    [
        lambda a, b: a - b,
        lambda a, b: a + b,
        lambda a, b: a / b,
        lambda a, b: a * b,
        lambda a, b: smallest(a, b),
        lambda a, b: largest(a, b),
        lambda a, b: stack([a, b]),
    ],
)
def test_other_seeds_or_another_order_are_never_paired(seeds, do):
    with pytest.raises(ValueError, match="same seeds, to be paired"):
        do(HIGH, numbers(1.0, 2.0, 3.0, seeds=seeds, unit="%"))


@pytest.mark.parametrize(
    "do", [lambda a, b: a - b, lambda a, b: a + b, lambda a, b: a / b, lambda a, b: a * b]
)
def test_units_that_do_not_go_together_are_refused(do):
    with pytest.raises(ValueError, match="'%' and 'directions' cannot be"):
        do(HIGH, numbers(1.0, 2.0, 3.0, unit="directions"))


@pytest.mark.parametrize("other", [[1.0, 2.0, 3.0], np.ones(3), "1", None, True])
def test_numbers_without_seeds_are_refused(other):
    with pytest.raises(TypeError, match="PerSeed goes with PerSeed|unsupported operand"):
        HIGH - other
    with pytest.raises(TypeError):
        other - HIGH


def test_rows_keep_seeds_together():
    rows = stack([HIGH, LOW])
    assert len(rows) == 2 and rows.values.shape == (2, 3)
    same(rows[1], [20, 40, 35], "%")
    same(list(rows)[0], [90, 80, 70], "%")
    np.testing.assert_allclose(rows.mean(), [80, 95 / 3])
    with pytest.raises(TypeError, match="seeds stay together"):
        HIGH[0]
    with pytest.raises(TypeError, match="number of seeds"):
        len(HIGH)


def test_it_is_read_by_numpy_and_cannot_be_changed():
    array = np.asarray(HIGH)
    array[0] = 0.0
    same(HIGH, [90, 80, 70], "%")
    with pytest.raises(ValueError, match="read-only"):
        HIGH.values[0] = 1.0


def test_it_says_its_mean_in_its_unit():
    assert repr(HIGH - LOW) == "PerSeed(48.3 points, 3 seeds)"
    assert stack([HIGH, LOW]).said() == "80 to 31.7 %"
    assert (LOW / HIGH).said() == "0.407 times"


@pytest.mark.parametrize(
    ("values", "seeds", "error", "message"),
    [
        ([1.0, 2.0], (1, 2, 3), ValueError, r"each of 3 seeds, on the last axis; got .*\[2\]"),
        (1.0, (1,), ValueError, "last axis"),
        ([1.0, 2.0], (1, 1), ValueError, "different"),
        ([], (), ValueError, "different whole numbers"),
        ([1.0], (-1,), ValueError, "at least 0"),
        ([1.0], 1, TypeError, "result.seeds"),
        (["a"], (1,), (TypeError, ValueError), "PerSeed.values"),
    ],
)
def test_bad_fields_are_refused(values, seeds, error, message):
    with pytest.raises(error, match=message):
        PerSeed(values, seeds)
    with pytest.raises(TypeError, match="PerSeed.unit"):
        PerSeed([1.0], (1,), 5)


def test_units_of_several_must_agree():
    with pytest.raises(ValueError, match="one unit; got %, points"):
        smallest(HIGH, HIGH - LOW)
    with pytest.raises(ValueError, match="at least one"):
        stack([])
