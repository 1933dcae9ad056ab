"""claim: the verdict is that of the numbers, in their unit, and goes into the ledger."""

import base64
import json
import re

import numpy as np
import pytest

from plastlab.claims import Claim
from plastlab.results import PerSeed, claim
from plastlab.sparkline import EDGE, WIDTH, sparkline

POINTS = PerSeed([41.0, 46.0, 44.0, 53.0], (0, 1, 2, 3), "points")


@pytest.mark.parametrize(
    ("bound", "verdict"),
    [
        ({}, "supported"),
        ({"above": 30}, "supported"),
        ({"above": 44}, "undecided"),
        ({"above": 60}, "refuted"),
        ({"below": 60}, "supported"),
        ({"below": 50}, "undecided"),
        ({"below": 30}, "refuted"),
    ],
)
def test_it_is_judged_as_a_claim_is(bound, verdict):
    found = claim("08.3", "It falls.", POINTS, **bound)
    assert found.verdict == verdict
    same = Claim("08.3", "It falls.", lambda numbers: numbers.values, **bound).check(POINTS)
    assert (found.effect, found.low, found.high, found.count) == (
        same.effect,
        same.low,
        same.high,
        same.count,
    )


def test_it_speaks_the_unit_and_folds_numbers_away():
    found = claim("08.3", "It costs $5 & <more>.", POINTS, above=30)
    numbers = "effect 46 points, 95 % interval 38 to 54; above 30 in 4 of 4 seeds"
    assert repr(found) == f"08.3 supported: It costs $5 & <more>. ({numbers})"
    line, folded = found._repr_html_().split("</summary>")
    assert numbers in folded and numbers not in line
    assert "<b>08.3 supported</b> It costs <span>$</span>5 &amp; &lt;more&gt;." in line


def test_it_goes_into_the_ledger_with_its_unit(tmp_path, monkeypatch):
    monkeypatch.setenv("PLASTLAB_LEDGER", str(tmp_path / "rows"))
    claim("08.3", "It falls.", POINTS, above=30, source="a2020")
    row = json.loads((tmp_path / "rows").read_text())
    assert (row["id"], row["verdict"], row["unit"], row["source"]) == (
        "08.3",
        "supported",
        "points",
        "a2020",
    )
    assert "values" not in row


@pytest.mark.parametrize(
    ("numbers", "error", "message"),
    [
        ([1.0, 2.0], TypeError, "claim: numbers must be a PerSeed.*lost"),
        (
            PerSeed(np.ones((2, 3)), (0, 1, 2)),
            ValueError,
            r"one a seed; got rows of them, \[2, 3\]",
        ),
    ],
)
def test_other_numbers_are_refused(numbers, error, message):
    with pytest.raises(error, match=message):
        claim("08.3", "It falls.", numbers)
    with pytest.raises(ValueError, match="above or below, not both"):
        claim("08.3", "It falls.", POINTS, above=1, below=2)


def drawn(address):
    return base64.b64decode(address.removeprefix("data:image/svg+xml;base64,")).decode()


def test_the_small_picture_has_a_dot_a_seed_and_the_threshold_in_its_place():
    svg = drawn(sparkline([1.0, 2.0, 3.0], 5.0, (1.5, 2.5)))
    dots = [float(x) for x in re.findall(r'cx="([\d.]+)"', svg)]
    tick = float(re.search(r'd="M([\d.]+) 1V', svg)[1])
    left, right = map(float, re.findall(r'd="M([\d.]+) 9.0H([\d.]+)"', svg)[1])
    assert len(dots) == 3 and dots == sorted(dots)
    assert EDGE < dots[0] < left < dots[1] < right < dots[2] < tick < WIDTH - EDGE
    np.testing.assert_allclose((dots[1] - dots[0]) * 2, dots[2] - dots[0], atol=0.2)


def test_what_is_not_finite_is_not_drawn():
    svg = drawn(sparkline([np.nan, np.inf, 1.0], 0.0, (np.nan, np.nan)))
    assert svg.count("<circle") == 1 and "nan" not in svg and "inf" not in svg
