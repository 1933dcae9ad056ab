"""What is compared when a notebook is run again: verdicts, seeds and sentences, not the digits."""

import re

import numpy as np
import pytest
from nbval.plugin import get_sanitize_patterns
from test_claims import claim, outcome
from test_plots import ALL
from test_plots_heat import heat
from test_plots_layers import NAMED
from test_plots_signs import table

from plastlab import plots
from plastlab.panels.controls import Choice, Slider
from plastlab.panels.guess import Guess
from plastlab.panels.marks import Line
from plastlab.panels.picture import Picture, Row
from plastlab.requirements import ROOT

PATTERNS = get_sanitize_patterns((ROOT / "tests" / "nbval_sanitize.cfg").read_text())
LINE = Picture([Line(np.arange(3), np.arange(3.0), label="a")], title="a title")
FIGURES = ALL | {
    "heat map": heat,
    "layers": lambda: plots.layers(NAMED, "forward"),
    "signs": table,
    "picture": LINE.still,
    "row": Row([LINE, LINE]).still,
}


def compared(text):
    """What nbval compares of an output."""
    for pattern, replacement in PATTERNS:
        text = re.sub(pattern, replacement, text)
    return text


@pytest.mark.parametrize("name", FIGURES)
def test_of_a_figures_words_only_the_title_is_compared(name):
    assert compared(FIGURES[name]().alt) in ("CHART", "a title. CHART")


def test_of_what_came_out_the_choice_is_compared_but_no_number():
    number, near, most = (Guess("?", c) for c in (Slider(0, 1), Slider(0, 9), Choice(["a", "b"])))
    number.judge(1234.5)
    near.judge(-1.25e-7)
    most.judge({"a": 1, "b": 0})
    assert compared(number.sentence()) == compared(near.sentence()) == "It was N."
    assert compared(most.sentence()) == "It was “a”."


@pytest.mark.parametrize("sentence", ["Lines of 3 fall.", "FeatureSpectrum adds 2 points."])
def test_of_a_verdict_all_is_compared_but_its_numbers(sentence):
    first, near = (claim(sentence, above=0).check(outcome(*v)) for v in ((1, 2, 3), (1, 2, 4)))
    assert first.effect != near.effect
    for show in (repr, lambda verdict: verdict._repr_markdown_()):
        assert compared(show(first)) == compared(show(near))
        assert sentence in compared(show(first))
        others = [
            claim(sentence, above=9).check(outcome(1, 2, 3)),
            claim(sentence, above=0).check(outcome(1, 2, 3, 4)),
            claim(sentence + " So.", above=0).check(outcome(1, 2, 3)),
        ]
        assert len({compared(show(verdict)) for verdict in (first, *others)}) == 4
