"""Names are text: whatever a reader calls a condition, a label or a title stands in the figure as
it was written, and the figure is drawn."""

from io import BytesIO

import numpy as np
import pytest
from matplotlib.text import Text

from plastlab import plots
from plastlab.boundary import simulate
from plastlab.nets import MLP
from plastlab.panels.marks import Bars, Dots, Line, Rule
from plastlab.panels.picture import Picture
from plastlab.plots import style
from plastlab.plots.axis import Axis
from plastlab.propagation import propagate
from plastlab.result import Result
from plastlab.stats import Interval

NAMES = [
    *("costs $5 and $6", "$", "$\\frac{", "a$b", "\\$", "_hidden", "__init__", "100 % {} {0} %s"),
    *("<script>alert(1)</script>", "\\alpha \\", "שלום", "naïve ∑ β"),
]
FOUND = Interval(0.5, 0.4, 0.6, 3)
SIGNALS = propagate(MLP(4, 2), 2, inputs=5, pairs=2)
STEPS = simulate(3.0, seeds=2, steps=3, entries=5, learning=4)


def result(*names):
    values = np.linspace(0, 1, len(names) * 4).reshape(len(names), 2, 2)
    lost = np.zeros((len(names), 2), dtype=bool)
    return Result(names, (0, 1), (1, 2), (3, 6), {"loss": values}, lost)


FIGURES = {
    "bars": lambda n: plots.bars(result(n, "b"), "loss", reference=n),
    "curves": lambda n: plots.curves(result(n, "b"), "loss"),
    "forest": lambda n: plots.forest({n: FOUND}, n, {n: {n: 0.5}}, {0.5: n}),
    "heatmap": lambda n: plots.heatmap(
        {n: np.full((1, 2), 0.5)}, [1, 2], [1], (n, n), n, {n: [([1, 2], [1, 1])]}, n
    ),
    "histogram": lambda n: plots.histogram({n: [1.0, 2.0]}, n, 3),
    "layers": lambda n: plots.layers({n: {n: SIGNALS}}, ["forward", "correlation"]),
    "profiles": lambda n: plots.profiles([0.0, 1.0], {n: [1.0, 0.5]}, n, n),
    "signs": lambda n: plots.signs({n: [FOUND]}, [n], n),
    "spectrum": lambda n: plots.spectrum({n: [3.0, 1.0], "b": [2.0, 1.0]}, n),
    "steps": lambda n: plots.steps({n: {n: STEPS}, "b": {n: STEPS}}),
    "picture": lambda n: Picture(
        [Line([0, 1], [0, 1], label=n), Dots([0], [1], label="b"), Rule(y=0.5, label=n)],
        *(Axis(n), n, n),
    ).still(),
    "picture, bars": lambda n: Picture([Bars([n, "b"], [1, 2])]).still(),
}
every = pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES)


def texts(figure):
    """All words in a figure, as they are drawn."""
    figure.savefig(BytesIO(), format="png", dpi=30)
    shown = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
    return [text for text in shown if "mathdefault" not in text.get_text()]  # logarithmic ticks


def joined(text):
    return "".join(text.get_text().split())


@every
@pytest.mark.parametrize("name", NAMES)
def test_a_name_stands_in_the_figure_as_it_was_written(figure, name):
    found = [text for text in texts(figure(name).figure) if "".join(name.split()) in joined(text)]
    assert found
    for text in found:
        drawn, is_mathematics = text._preprocess_math(text.get_text())
        assert not is_mathematics
        assert drawn == text.get_text()


@every
@pytest.mark.parametrize("name", ["", " ", "two\nlines", "x" * 10_000, "word " * 500])
def test_an_empty_or_a_very_long_name_can_be_drawn(figure, name):
    figure(name).figure.savefig(BytesIO(), format="png", dpi=30)
    assert max(len(text.get_text()) for text in figure(name).figure.findobj(Text)) < 300


def test_powers_of_ten_at_logarithmic_ticks_stay_mathematics():
    (axes,) = plots.spectrum({"a": [1e4, 1.0]}).figure.axes
    assert all(tick.get_parse_math() for tick in axes.get_yticklabels(which="both"))


def test_a_legend_shows_a_name_that_begins_with_an_underscore():
    figure = plots.layers({"_a": SIGNALS, "b": SIGNALS}, "forward").figure
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["_a", "b"]


def test_only_a_very_long_name_is_cut():
    assert style.cut("x" * style.LONGEST) == "x" * style.LONGEST
    assert style.cut("x" * 999) == "x" * (style.LONGEST - 1) + "…"
