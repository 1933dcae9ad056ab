"""How figures look: panels, axes, line styles, legends. Nothing here touches rcParams."""

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import LogFormatter

from plastlab.plots.palette import COLORS, GREY

WIDTH = 7.0  # inches, at 96 pixels each: the width of a notebook's output
TEXT = 10.5  # points
LONGEST = 120  # letters of a name
SEED = {"linewidth": 0.8, "alpha": 0.45}
MEAN = {"linewidth": 2.6, "solid_capstyle": "round", "dash_capstyle": "round"}
DASHES = ("-", (0, (3.2, 1.6)), (0, (0.8, 1.6)), (0, (4, 1.4, 0.8, 1.4)), (0, (1.8, 1.4)))


@dataclass(frozen=True)
class Look:
    """Colour, line style and marker of one condition."""

    color: str
    dash: str | tuple
    marker: str


def looks(count: int) -> list[Look]:
    """One look for each of `count` conditions; colours repeat after 6, line styles after 5."""
    colors, markers = list(COLORS.values()), "oDs^vP"
    return [
        Look(colors[i % len(colors)], DASHES[i % len(DASHES)], markers[i % len(markers)])
        for i in range(count)
    ]


def panels(count: int, height: float, across: int = 3, **share: bool) -> tuple[Figure, list[Axes]]:
    """A figure with `count` panels of `height` inches, at most `across` in a row."""
    columns = min(count, across)
    rows = -(-count // columns)
    figure = Figure(figsize=(WIDTH, rows * height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.06, h_pad=0.06, wspace=0.04, hspace=0.06)
    grid = figure.subplots(rows, columns, squeeze=False, **share).ravel().tolist()
    for unused in grid[count:]:
        unused.remove()
    for axes in grid[:count]:
        dress(axes)
    return figure, grid[:count]


def dress(axes: Axes) -> None:
    """Two grey spines, horizontal guide lines, text of one size."""
    axes.patch.set_alpha(0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(which="both", colors=GREY, labelsize=TEXT)
    axes.grid(axis="y", color=GREY, alpha=0.25, linewidth=0.8)
    axes.set_axisbelow(True)


def name(axes: Axes, x: str = "", y: str = "") -> None:
    """Name the axes. The name of y stands above the axis, where it can be read upright."""
    axes.set_xlabel(cut(x), color=GREY, fontsize=TEXT)
    axes.set_title(cut(y), color=GREY, fontsize=TEXT, loc="left", pad=8)


def set_limits(axes: Axes, limits: tuple[float | None, float | None], axis: str = "y") -> None:
    """Fix the ends of an axis that are not None, with room for the width of a line."""
    low, high = (
        found if given is None else given
        for given, found in zip(limits, getattr(axes, f"get_{axis}lim")(), strict=True)
    )
    room = 0.02 * (high - low)
    axes.set(**{f"{axis}lim": (low - room, high + room if limits[1] is not None else high)})


def as_text(figure: Figure) -> Figure:
    """Take every word in a figure for text, not for mathematics, but for the powers of ten that
    matplotlib itself writes at the ticks of a logarithmic axis. Of a very long one its beginning
    stands there."""
    own = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            if isinstance(axis.get_major_formatter(), LogFormatter):
                own |= set(axis.get_ticklabels(which="both"))
    for text in set(figure.findobj(Text)) - own:
        text.set_parse_math(False)
        if len(text.get_text()) > 2 * LONGEST:
            text.set_text(cut(text.get_text()))
    return figure


def round_ticks(first: int, last: int) -> list[int]:
    """About five round numbers from `first` to `last`, both included.

    >>> round_ticks(1, 16), round_ticks(1, 30)
    ([1, 4, 8, 12, 16], [1, 10, 20, 30])
    """
    steps = (size * 10**power for power in range(12) for size in (1, 2, 4, 5))
    step = next(step for step in steps if last - first < 5.5 * step)
    inner = range(0, last, step)
    inner = [tick for tick in inner if tick - first > step / 3 and last - tick > step / 3]
    return sorted({first, *inner, last})


def wrapped(name: str) -> str:
    """The name of a condition in lines of at most 22 letters."""
    return "\n".join(fill(line, 22) for line in cut(name).splitlines())


def cut(name: str) -> str:
    """A name, or the beginning of a very long one."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


def key(place: Figure | Axes, handles: Sequence[Artist], names: Sequence[str], **look: Any) -> None:
    """A legend of these artists. The names are put in last: matplotlib leaves out a name that
    begins with an underscore."""
    legend = place.legend(handles, ["name"] * len(handles), **look)
    for text, each in zip(legend.get_texts(), names, strict=True):
        text.set_text(cut(each.replace("\n", ", ")))


def legend(figure: Figure, names: Sequence[str], styles: Sequence[Look]) -> None:
    """Names of the conditions in a row above the panels."""
    handles = [Line2D([], [], color=look.color, linestyle=look.dash, **MEAN) for look in styles]
    key(
        figure,
        handles,
        names,
        loc="outside upper left",
        ncols=min(len(names), 4),
        frameon=False,
        fontsize=TEXT,
        labelcolor=GREY,
        handlelength=2.6,
    )


def label_ends(
    axes: Axes, ends: Sequence[float], names: Sequence[str], styles: Sequence[Look]
) -> None:
    """Write each name to the right of the axes, level with the end of its line if there is room."""
    to_axes = axes.transScale + axes.transLimits
    levels = [to_axes.transform((1.0, end))[1] for end in ends]
    texts = [wrapped(each) for each in names]
    inches = axes.figure.get_figheight() - 0.8
    sizes = np.array([text.count("\n") + 1 for text in texts]) * TEXT * 1.35 / 72 / inches
    beside = {"transform": axes.transAxes, "clip_on": False}
    for level, text, look in zip(apart(levels, sizes), texts, styles, strict=True):
        sample = {"color": look.color, "linestyle": look.dash}
        axes.plot([1.03, 1.085], [level, level], **sample, **MEAN, **beside)
        axes.text(1.1, level, text, color=GREY, fontsize=TEXT, va="center", **beside)


def apart(levels: Sequence[float], sizes: Sequence[float]) -> np.ndarray:
    """Move `levels` within 0 to 1, as little as needed, until labels of these sizes do not overlap.

    >>> apart([0.5, 0.5], [0.2, 0.2]).round(6).tolist()
    [0.4, 0.6]
    """
    order = np.argsort(levels, kind="stable")
    sizes = np.asarray(sizes)[order]
    offsets = np.cumsum(sizes) - sizes / 2
    wanted = np.clip(np.asarray(levels, float)[order], 0, 1) - offsets
    blocks: list[list[float]] = []
    for value in wanted:
        blocks.append([value])
        while len(blocks) > 1 and np.mean(blocks[-2]) >= np.mean(blocks[-1]):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    placed = np.concatenate([[np.mean(block)] * len(block) for block in blocks])
    placed = np.clip(placed, -sizes[0] / 2, 1 - sizes.sum() + sizes[-1] / 2) + offsets
    result = np.empty(len(placed))
    result[order] = placed
    return result


def mark(axes: Axes, at: float, name: str, zorder: float = 2) -> None:
    """A dashed vertical line with its name above it; lines have `zorder` 2, and lower is behind."""
    axes.axvline(at, color=GREY, linewidth=1.5, linestyle=(0, (4, 3)), zorder=zorder)
    axes.annotate(
        name,
        (at, 1),
        (0, 3),
        xycoords=axes.get_xaxis_transform(),
        textcoords="offset points",
        ha="center",
        color=GREY,
        fontsize=TEXT,
    )
