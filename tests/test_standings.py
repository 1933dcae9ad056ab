"""The standings: performance, scores and intervals, worked out by hand or by another library."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from small import LABELS

from plastlab.data import Gaussian, RandomTargets
from plastlab.interventions import FullReset
from plastlab.nets import MLP
from plastlab.streams import TargetOffset
from plastlab.tournament.entrants import FRESH, NOTHING, Entrant, Option, Trial
from plastlab.tournament.plan import Arena, Plan
from plastlab.tournament.score import Played, Standings, ratio
from plastlab.tournament.show import plot, profiles, rows, table

OWN = Entrant("own", "test", (Option("", (FullReset(),)),))
ARENA = Arena("labels", LABELS, MLP(width=8), since=2, lrs=(0.003, 0.03))
HAND = {"nothing": [0.4, 0.5, 0.6], "fresh": [0.9, 1.0, 1.0], "own": [0.7, 0.9, 0.8]}


def by_hand(**performance):
    """Standings of one arena with these performances [S] and anchors as given."""
    entrants = {"nothing": NOTHING, "fresh": FRESH, "own": OWN}
    seeds = (21, 22, 23)
    judged = tuple(
        Played("labels", e, Trial(e.options[0], 0.03), seeds, np.array(v), np.zeros(3, bool))
        for e, v in ((entrants[name], v) for name, v in performance.items())
    )
    return Standings(Plan((ARENA,), (OWN,), (11, 12), (21, 22, 23), trials=3), (), judged)


def test_a_score_worked_out_by_hand():
    found = by_hand(**HAND)
    # gap (0.5 + 0.5 + 0.4) / 3; own less nothing 0.3, 0.4, 0.2
    assert found.gap("labels").mean == pytest.approx(1.4 / 3)
    assert found.score("own", "labels").mean == pytest.approx(0.9 / 1.4)
    np.testing.assert_allclose(found.runs("own", "labels"), np.array([0.2, 0.4, 0.3]) * 3 / 1.4)
    assert found.counting == ("labels",)
    # of three runs a quarter is less than one: nothing is cut off
    assert found.overall("own").mean == pytest.approx(0.9 / 1.4)
    levels = np.array([0.4, 0.5, 0.65, 0.9])  # the runs are 0.43, 0.86 and 0.64
    np.testing.assert_allclose(found.profile("own", levels), [1, 2 / 3, 1 / 3, 0])


def test_beyond_a_share_of_the_gap_by_hand():
    found = by_hand(**HAND)
    # gaps 0.5, 0.5, 0.4; own less nothing 0.3, 0.4, 0.2
    np.testing.assert_allclose(found.beyond("own", "labels", 0.5), [0.05, 0.15, 0.0], atol=1e-12)
    at = found.score("own", "labels").mean
    assert found.beyond("own", "labels", at).mean() == pytest.approx(0)


def test_nothing_has_score_0_and_a_fresh_network_1():
    found = by_hand(**HAND)
    for method, expected in (("nothing", 0.0), ("fresh network per task", 1.0)):
        score = found.score(method, "labels")
        assert (score.low, score.mean, score.high) == pytest.approx((expected,) * 3)
    assert found.ranking == ("fresh network per task", "own", "nothing")


def test_the_interval_of_a_ratio_is_fiellers():
    """At its ends a t test of numerator - r denominator has p = 0.05; inside it has more."""
    draws = np.random.default_rng(0)
    numerator, denominator = draws.normal(0.3, 0.1, 8), draws.normal(0.5, 0.2, 8)
    found = ratio(numerator, denominator)
    assert found.low < found.mean == numerator.mean() / denominator.mean() < found.high
    for r in (found.low, found.high):
        assert stats.ttest_1samp(numerator - r * denominator, 0).pvalue == pytest.approx(0.05)
    assert stats.ttest_1samp(numerator - found.mean * denominator, 0).pvalue == pytest.approx(1)
    with pytest.raises(ValueError, match="cannot be told from 0 with 8 seeds"):
        ratio(numerator, denominator - denominator.mean())


def test_where_nothing_is_lost_there_are_no_scores():
    found = by_hand(nothing=[0.5, 0.5, 0.5], fresh=[0.5, 0.6, 0.4], own=[0.7, 0.8, 0.6])
    assert found.counting == ()
    assert found.overall("own") is None
    text = table(found)
    assert "Its interval does not lie above 0.02: no scores here" in text
    assert "labels (difference)" in text
    assert "0.20 [-0.05, 0.45]" in text  # 0.2 +- 4.303 * 0.1 / sqrt(3)
    assert {(row["score"], row["edge"]) for row in rows(found)} == {(None, "lr")}


def several(performance):
    """Standings of arenas a, b, …: performance[arena][entrant] is [S], or a reason."""
    arenas = tuple(replace(ARENA, name=name) for name in performance)
    judged = []
    for name, by in performance.items():
        for one, given in zip((NOTHING, FRESH, OWN), by, strict=True):
            what = Trial(one.options[0], 0.03), tuple(range(21, 21 + len(by[0])))
            refused = given if isinstance(given, str) else ""
            done = () if refused else (np.array(given), np.zeros(len(given), bool))
            judged.append(Played(name, one, *what, *done, refused=refused))
    return Standings(Plan(arenas, (OWN,), (11, 12), what[1], trials=3), (), tuple(judged))


def test_overall_is_the_mean_of_the_middle_half_of_all_runs():
    zero, one = [0.0] * 4, [1.0] * 4
    found = several(
        {"a": (zero, one, [0.1, 0.2, 0.9, 0.4]), "b": (zero, one, [0.3, 0.8, 0.5, 0.0])}
    )
    # 0, 0.1 | 0.2, 0.3, 0.4, 0.5 | 0.8, 0.9
    assert found.overall("own").mean == pytest.approx(0.35)
    assert found.overall("own").n == 8


def test_the_overall_interval_is_that_of_a_bootstrap():
    runs = np.random.default_rng(3).normal(0.6, 0.2, 10)
    found = several({"a": ([0.4] * 10, [0.9] * 10, 0.4 + 0.5 * runs)}).overall("own")
    other = stats.bootstrap(
        (runs,),
        lambda values, axis: stats.trim_mean(values, 0.25, axis),
        method="percentile",
        n_resamples=20_000,
        rng=1,
    ).confidence_interval
    middle = stats.trim_mean(runs, 0.25)
    wider = (10 / 9) ** 0.5
    assert found.mean == pytest.approx(middle)
    assert found.low - middle == pytest.approx((other.low - middle) * wider, abs=0.015)
    assert found.high - middle == pytest.approx((other.high - middle) * wider, abs=0.015)
    again = several({"a": ([0.4] * 10, [0.9] * 10, 0.4 + 0.5 * runs)}).overall("own")
    assert found == again


def test_uncertain_anchors_widen_the_overall_interval():
    nothing, own = np.array([0.2, 0.6] * 5), [0.5, 0.7] * 5
    sure = several({"a": ([0.4] * 10, [0.9] * 10, own)}).overall("own")
    unsure = several({"a": (nothing, [0.9] * 10, own[::-1])}).overall("own")
    assert unsure.high - unsure.low > 1.2 * (sure.high - sure.low)


def test_the_standings_of_some_arenas_are_those_of_a_smaller_tournament():
    zero, one = [0.1, 0.0, 0.1], [1.0, 0.9, 1.0]
    found = several({"a": (zero, one, [0.5, 0.4, 0.5]), "b": (zero, one, [0.9, 0.9, 0.8])})
    alone = several({"b": (zero, one, [0.9, 0.9, 0.8])})
    assert found.within(["b"]).plan == alone.plan
    assert found.within(["b"]).overall("own") == alone.overall("own")
    with pytest.raises(ValueError, match="within: arenas must be one of a, b; got 'c'"):
        found.within(["c"])


def test_who_misses_an_arena_is_scored_on_the_others_and_marked():
    zero, one = [0.1, 0.0, 0.1], [1.0, 0.9, 1.0]
    found = several({"a": (zero, one, [0.5, 0.4, 0.5]), "b": (zero, one, "too small")})
    assert found.overall("own").mean == pytest.approx(0.4 / 0.9)
    assert found.overall("own").n == 3
    (line,) = (line for line in table(found).splitlines() if line.startswith("own"))
    assert "(1 missing)" in line
    assert "not applicable" in line


def test_performance_is_the_mean_over_the_tasks_that_count():
    values = np.array([[0.1, 0.4, 0.6], [0.9, 1.0, np.nan], [0.9, 0.8, 0.8]])
    found = ARENA.performance(values, np.array([False, False, True]), (1, 2, 3))
    np.testing.assert_allclose(found, [0.5, 0, 0])


def test_performance_in_a_regression_is_the_share_of_variance_explained():
    """Of the variance of the targets of all tasks that count, here the last two of three."""
    stream = TargetOffset(RandomTargets(Gaussian(8, 5, 2)), 3, 4, 4, offset=3.0, grow=True)
    arena, seeds = Arena("offset", stream, MLP(width=4, depth=1), since=2), (5, 6)
    targets = [stream.task(t, seeds).y_test.double().numpy()[..., 0] for t in (1, 2)]
    variance = np.concatenate(targets, 1).var(1)
    losses = variance[:, None] * [0.0, 0.25, 2.0]
    found = arena.performance(losses, np.zeros(2, bool), seeds)
    np.testing.assert_allclose(found, [0.75 / 2] * 2, rtol=1e-5)  # 0.75, and 0 in place of -1


def test_the_plots_say_in_words_what_they_show():
    found = by_hand(**HAND)
    assert "own: 0.64 (" in plot(found).alt
    assert "nothing at 0 and fresh at 1" in plot(found).alt
    assert "own:" not in plot(found, ["nothing"]).alt
    assert "own: 1.00, 1.00, 0.67, 0.00, 0.00" in profiles(found).alt
