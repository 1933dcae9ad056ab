"""Claims: the three verdicts, what they print and write, and which claims are refused."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest

from plastlab.claims import Claim


def outcome(*values, first=0):
    """The two things of a result that a claim looks at: its seeds, and per-seed numbers."""
    return SimpleNamespace(seeds=tuple(range(first, first + len(values))), values=np.array(values))


def claim(text="Accuracy falls.", **bound):
    return Claim("08.3", text, stat=lambda result: result.values, **bound)


# The t quantile for 3 degrees of freedom is 3.1824; the standard error of 1, 2, 3, 4 is 0.6455.
# Their interval is 0.4457 to 4.5543.
@pytest.mark.parametrize(
    ("bound", "verdict"),
    [
        ({}, "supported"),
        ({"above": 0.44}, "supported"),
        ({"above": 0.45}, "undecided"),
        ({"above": 4.55}, "undecided"),
        ({"above": 4.56}, "refuted"),
        ({"below": 4.56}, "supported"),
        ({"below": 4.55}, "undecided"),
        ({"below": 0.45}, "undecided"),
        ({"below": 0.44}, "refuted"),
    ],
)
def test_verdict_by_the_whole_interval(bound, verdict):
    assert claim(**bound).check(outcome(1, 2, 3, 4)).verdict == verdict


def test_a_mean_on_the_threshold_decides_nothing():
    assert claim(above=0.5).check(outcome(0.5, 0.5, 0.5)).verdict == "undecided"
    assert claim(below=0.5).check(outcome(0.5, 0.5, 0.5)).verdict == "undecided"


def test_verdict_holds_what_was_found():
    found = claim(
        above=2.5,
    ).check(outcome(1, 2, 3, 4))
    assert (found.id, found.chapter, found.seeds, found.count) == ("08.3", "08", 4, 2)
    assert (found.effect, found.low, found.high) == pytest.approx((2.5, 0.4457, 4.5543), abs=1e-4)


def test_verdict_prints_sentence_numbers_and_seeds():
    found = claim("Adam loses more.", above=0.2).check(outcome(0.7, 0.8, 0.9, 1.0))
    assert repr(found) == (
        "08.3 supported: Adam loses more. "
        "(effect 0.85, 95 % interval 0.64 to 1.06; above 0.2 in 4 of 4 seeds)"
    )


def test_markdown_says_the_same_words():
    found = claim("Loss < 1 *and* rank_1 falls.").check(outcome(0.7, 0.8))
    markdown = found._repr_markdown_()
    assert markdown.startswith(r"**08.3 supported:** Loss \< 1 \*and\* rank\_1 falls. *(effect")
    assert markdown.replace("\\", "").replace("*", "") == repr(found).replace("*", "")


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_seed_that_is_not_finite_leaves_the_claim_undecided(bad):
    found = claim(above=0.0).check(outcome(9, 9, bad, 9))
    assert found.verdict == "undecided"
    assert "1 of 4 seeds not finite" in repr(found)
    assert f"above 0 in {4 if bad == math.inf else 3} of 4 seeds" in repr(found)
    assert math.isnan(found.effect)


def test_one_seed_decides_nothing():
    found = claim().check(outcome(5.0))
    assert (found.verdict, found.reason) == ("undecided", "one seed has no interval")


def test_several_results_are_paired():
    both = Claim("08.4", "Abrupt change costs more.", stat=lambda a, b: a.values - b.values)
    assert both.check(outcome(11, 22.1, 33), outcome(10, 21, 32)).verdict == "supported"


def test_results_of_other_seeds_cannot_be_paired():
    both = Claim("08.4", "Abrupt change costs more.", stat=lambda a, b: a.values - b.values)
    with pytest.raises(ValueError, match=r"same seeds, to be paired; got \(0, 1\); \(5, 6\)"):
        both.check(outcome(1, 2), outcome(1, 2, first=5))


@pytest.mark.parametrize("stat", [lambda r: 1.0, lambda r: r.values[1:], lambda r: [r.values] * 2])
def test_stat_must_return_one_number_per_seed(stat):
    with pytest.raises(ValueError, match=r"Claim 08.1: stat must return .* shape \[3\]; got shape"):
        Claim("08.1", "So it is.", stat).check(outcome(1, 2, 3))


def test_check_needs_a_result():
    with pytest.raises(ValueError, match="Claim 08.3: check needs a result"):
        claim().check()


@pytest.mark.parametrize("identity", ["8.1", "08", "08.0", "08.1a", "ch08.1", "08.123", ""])
def test_an_id_is_chapter_and_number(identity):
    with pytest.raises(ValueError, match="Claim.id must be chapter and number"):
        Claim(identity, "So it is.", stat=lambda r: r.values)


def test_above_or_below_but_not_both():
    with pytest.raises(ValueError, match="above or below, not both; got above=0, below=1"):
        claim(above=0, below=1)


@pytest.mark.parametrize("bound", [{"above": math.nan}, {"below": math.inf}])
def test_a_threshold_is_finite(bound):
    with pytest.raises(ValueError, match=r"Claim\.(above|below) must be a finite number"):
        claim(**bound)


def test_a_claim_says_something():
    with pytest.raises(ValueError, match="must be a sentence"):
        claim("  ")


@pytest.mark.parametrize(
    "fields", [{"id": 8.1}, {"text": None}, {"stat": 0.5}, {"above": "0.5"}, {"source": None}]
)
def test_fields_of_the_wrong_type(fields):
    good = {"id": "08.1", "text": "So it is.", "stat": lambda r: r.values}
    with pytest.raises(TypeError, match=f"Claim.{next(iter(fields))} must be"):
        Claim(**good | fields)


def test_the_ledger_gets_one_json_line_a_check(tmp_path, monkeypatch):
    ledger = tmp_path / "ledger.jsonl"
    monkeypatch.setenv("PLASTLAB_LEDGER", str(ledger))
    claim("Größer.", above=2.0).check(outcome(2.5, 2.6))
    claim().check(outcome(math.nan, 1.0))
    rows = [json.loads(line) for line in ledger.read_text(encoding="utf-8").splitlines()]
    assert [row["verdict"] for row in rows] == ["undecided", "undecided"]
    assert rows[0]["sentence"] == "Größer."
    assert rows[0]["effect"] == pytest.approx(2.55)
    assert [rows[1][key] for key in ("effect", "low", "high", "reason")] == [
        None, None, None, "1 of 2 seeds not finite",
    ]  # fmt: skip


def test_without_a_ledger_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.delenv("PLASTLAB_LEDGER", raising=False)
    monkeypatch.chdir(tmp_path)
    claim().check(outcome(1, 2))
    assert list(tmp_path.iterdir()) == []
