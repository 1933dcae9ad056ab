"""Tables of signs draw and tell the numbers they were given."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from test_plots import contrast

from plastlab import plots
from plastlab.plots.heat import INK, PAPER
from plastlab.plots.signs import DARK, SHADES
from plastlab.stats import Interval

ROWS = {
    "norm": [Interval(0.8, 0.7, 0.9, 16), Interval(-0.3, -0.6, 0.1, 16)],
    "dead": [None, Interval(-2.0, -2.1, -1.9, 16)],
}


def table(**changes):
    return plots.signs(**{"values": ROWS, "columns": ("tanh", "relu"), "label": "sign"} | changes)


def test_cells_say_their_mean_and_whether_it_can_be_told_from_nothing():
    (axes,) = table().figure.axes
    told = {t.get_position(): t.get_text() for t in axes.texts}
    assert told == {
        (0.5, 0.5): "+0.80",
        (1.5, 0.5): "(−0.30)",
        (0.5, 1.5): "–",
        (1.5, 1.5): "−2.00",
    }
    shades = np.ma.filled(axes.collections[0].get_array(), np.nan)
    np.testing.assert_allclose(shades, [[0.8, -0.3], [np.nan, -1.0]])
    assert [t.get_text() for t in axes.get_yticklabels()] == ["norm", "dead"]
    assert axes.yaxis_inverted()


def test_the_words_hold_every_row():
    alt = table().alt
    assert "norm: tanh +0.80, relu (−0.30). dead: tanh –, relu −2.00." in alt


@pytest.mark.parametrize("value", np.linspace(0, 1, 21))
def test_numbers_can_be_read_on_their_cells(value):
    ink = PAPER if 2 * value - 1 > DARK else INK
    assert contrast(to_rgb(ink), SHADES(value)[:3]) >= 3


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="each of the 1 columns; got 2"):
        table(columns=("tanh",))
    with pytest.raises(ValueError, match="at least one row"):
        table(values={})
