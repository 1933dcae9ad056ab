"""Intervals: against scipy.stats, against numbers worked out by hand, and for their coverage."""

import math

import numpy as np
import pytest
import scipy.stats

from plastlab.stats import (
    Interval,
    interquartile_mean,
    interval,
    paired_difference,
    rank_correlation,
    rounded,
)


@pytest.mark.parametrize("n", [2, 3, 5, 16, 100])
@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.999])
def test_interval_is_scipys_student_t(n, level):
    values = np.random.default_rng(n).normal(3, 2, n)
    low, high = scipy.stats.t.interval(level, n - 1, values.mean(), scipy.stats.sem(values))
    found = interval(values, level)
    assert found.mean == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.n == n


def test_interval_worked_out_by_hand():
    # standard deviation sqrt(2), standard error 1, t quantile for 1 degree of freedom 12.706
    found = interval([1, 3])
    assert found.mean == 2
    assert found.high - 2 == pytest.approx(12.706, abs=1e-3)
    assert 2 - found.low == pytest.approx(12.706, abs=1e-3)


def test_equal_values_give_an_interval_without_width():
    assert interval([0.5] * 4) == Interval(0.5, 0.5, 0.5, 4)


@pytest.mark.parametrize("n", [3, 5, 16])
def test_interval_covers_the_true_mean_95_times_in_100(n):
    samples = np.random.default_rng(20 + n).normal(1.0, 3.0, (4000, n))
    found = [interval(sample) for sample in samples]
    covered = np.mean([each.low <= 1.0 <= each.high for each in found])
    assert covered == pytest.approx(0.95, abs=0.013)  # four standard errors of a share of 4000


def test_paired_difference_removes_what_the_seeds_share():
    rng = np.random.default_rng(0)
    shared, noise = rng.normal(0, 10, 16), rng.normal(0, 0.1, (2, 16))
    first, second = shared + 1 + noise[0], shared + noise[1]
    found = paired_difference(first, second)
    assert found == interval(first - second)
    assert found.low > 0.8
    assert interval(first).low < 0  # unpaired, the seeds drown the difference


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7, 8, 16, 17])
def test_interquartile_mean_is_scipys_trimmed_mean(n):
    values = np.random.default_rng(n).standard_cauchy(n)
    assert interquartile_mean(values) == pytest.approx(scipy.stats.trim_mean(values, 0.25))


def test_interquartile_mean_does_not_see_outliers():
    assert interquartile_mean([1, 2, 3, math.inf]) == 2.5
    assert interquartile_mean([-math.inf, 2, 3, 1e9]) == 2.5


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_interval_does_not_drop_a_seed_that_is_not_finite(bad):
    with pytest.raises(ValueError, match="values must be finite; 1 of 4 are not"):
        interval([1, 2, bad, 4])


@pytest.mark.parametrize("values", [[], [1.0]])
def test_interval_needs_two_seeds(values):
    with pytest.raises(ValueError, match=rf"at least 2 numbers; got {len(values)}. Use more seeds"):
        interval(values)


def test_interval_wants_one_number_per_seed():
    with pytest.raises(ValueError, match=r"shape \[S\]; got shape \[2, 3\]"):
        interval(np.zeros((2, 3)))


@pytest.mark.parametrize("level", [0, 1.5, -0.1])
def test_level_is_a_probability(level):
    with pytest.raises(ValueError, match="level must be"):
        interval([1, 2], level)


def test_paired_difference_needs_equal_lengths():
    with pytest.raises(ValueError, match="got 3 and 2 numbers"):
        paired_difference([1, 2, 3], [1, 2])


@pytest.mark.parametrize("values", [[], [1.0, math.nan]])
def test_interquartile_mean_needs_numbers(values):
    with pytest.raises(ValueError, match="at least one of them"):
        interquartile_mean(values)


@pytest.mark.parametrize(
    ("numbers", "printed"),
    [
        ((0.79, 0.77, 0.81), ("0.790", "0.770", "0.810")),
        ((0.79, 0.74, 0.84), ("0.79", "0.74", "0.84")),
        ((1.0, 1.0, 1.0), ("1", "1", "1")),
        ((-0.05, -0.05 - 1e-17, -0.05), ("-0.05", "-0.05", "-0.05")),
        ((123.4, 23.4, 223.4), ("123", "23", "223")),
        ((-0.0004, -0.04, 0.04), ("0.00", "-0.04", "0.04")),
        ((0.0, -1e-12, 1e-12), ("0", "0", "0")),
    ],
)
def test_decimals_follow_the_width_of_the_interval(numbers, printed):
    assert rounded(*numbers) == printed


def test_rank_correlation_is_scipys_row_by_row_with_ties():
    draws = np.random.default_rng(3)
    first, second = draws.normal(size=(5, 12)), draws.integers(0, 4, (5, 12))
    expected = [scipy.stats.spearmanr(x, y).statistic for x, y in zip(first, second, strict=True)]
    np.testing.assert_allclose(rank_correlation(first, second), expected)


def test_what_does_not_change_is_correlated_with_nothing():
    np.testing.assert_array_equal(rank_correlation([[1, 1, 1], [1, 2, 4]], [[1, 2, 3]] * 2), [0, 1])
    with pytest.raises(ValueError, match=r"\[2, 3\] and \[3\]"):
        rank_correlation([[1, 2, 3]] * 2, [1, 2, 3])
