"""Tables of signed numbers, shaded: one for each pair of two names, with its interval."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import fill

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from plastlab.errors import check_all, check_named, check_type
from plastlab.plots import style
from plastlab.plots.heat import INK, PAPER
from plastlab.plots.palette import COLORS, GREY
from plastlab.plots.plot import Plot
from plastlab.stats import Interval

SHADES = LinearSegmentedColormap.from_list("signs", [COLORS["orange"], PAPER, COLORS["blue"]])
LINE = 0.36  # inches a row
DARK = 0.75  # above this mean, cells are so dark that light letters can be read better


def signs(
    values: Mapping[str, Sequence[Interval | None]], columns: Sequence[str], label: str
) -> Plot:
    """One row for each entry of `values`, name -> an interval for each of the `columns`.

    A cell is shaded by its mean, from -1 (orange) to 1 (blue); the mean is written in it, in
    brackets if the interval holds 0. None is a cell in which there is nothing to tell. `label` says
    what the numbers are.

    Raises:
        ValueError: no row, or one of another length than `columns`.
    """
    remedy = 'Give {"a row": [interval(numbers), ...]}.'
    check_named("signs: values", values, (list, tuple), remedy)
    check_type("signs: label", label, str, "Say what the numbers are.")
    columns = check_all("signs: columns", columns, str, "Give a list of names.")
    for name, row in values.items():
        check_all(f"signs: values[{name!r:.60}]", row, (Interval, type(None)), remedy)
        if len(row) != len(columns):
            raise ValueError(
                f"signs: values[{name!r}] must hold one interval for each of the {len(columns)} "
                f"columns; got {len(row)}."
            )
    if not values:
        raise ValueError("signs: values must hold at least one row; got none.")
    spec = _Signs({name: list(row) for name, row in values.items()}, columns, label)
    return Plot(spec.draw, spec.describe)


def told(found: Interval | None) -> str:
    """The number in a cell."""
    if found is None:
        return "–"
    text = f"{found.mean + 0.0:+.2f}".replace("-", "−")
    return f"({text})" if found.low <= 0 <= found.high else text


@dataclass(frozen=True)
class _Signs:
    rows: dict[str, list[Interval | None]]
    columns: tuple[str, ...]
    label: str

    def draw(self) -> Figure:
        figure, (axes,) = style.panels(1, height=1.3 + LINE * len(self.rows))
        grid = [[np.nan if c is None else c.mean for c in row] for row in self.rows.values()]
        axes.grid(visible=False)
        shades = {"cmap": SHADES, "vmin": -1, "vmax": 1, "edgecolors": "none"}
        axes.pcolormesh(np.clip(grid, -1, 1), **shades)
        for j, row in enumerate(self.rows.values()):
            for i, found in enumerate(row):
                color = GREY if found is None else PAPER if found.mean > DARK else INK
                place = {"ha": "center", "va": "center", "fontsize": 9.5, "color": color}
                axes.text(i + 0.5, j + 0.5, told(found), **place)
        axes.set_yticks(np.arange(len(self.rows)) + 0.5, [style.cut(name) for name in self.rows])
        names = [fill(style.cut(name), 13, break_long_words=False) for name in self.columns]
        axes.set_xticks(np.arange(len(names)) + 0.5, names)
        axes.tick_params(length=0)
        axes.invert_yaxis()
        axes.spines[["left", "bottom"]].set_visible(False)
        style.name(axes, y=self.label)
        return figure

    def describe(self) -> str:
        parts = [f"Table of {self.label}, in brackets where the 95 % interval holds 0."]
        for name, row in self.rows.items():
            cells = [f"{column} {told(c)}" for column, c in zip(self.columns, row, strict=True)]
            parts.append(f"{name}: {', '.join(cells)}.")
        return " ".join(parts)
