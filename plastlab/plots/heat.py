"""Heat maps: one number for each pair of two settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from plastlab.errors import check_all, check_named, check_numbers, check_type
from plastlab.plots import style, words
from plastlab.plots.palette import COLORS, GREY
from plastlab.plots.plot import Plot

PAPER, INK = "#f4f6f8", "#14212b"
SHADES = LinearSegmentedColormap.from_list("shades", [PAPER, COLORS["blue"], INK])
CURVE = {"color": COLORS["orange"], "linewidth": 2.6, "dash_capstyle": "round"}
NAMES = 'Write ("depth", "width").'
LINES = 'Write {"relu": [(x, y)]}.'
OUTLINE = [withStroke(linewidth=5, foreground=PAPER)]


def heatmap(
    values: Mapping[str, Any],
    x: Sequence[float],
    y: Sequence[float],
    axes: tuple[str, str],
    label: str,
    curves: Mapping[str, Sequence[tuple[Any, Any]]] | None = None,
    curve: str = "",
) -> Plot:
    """One panel for each entry of `values`, name -> shares from 0 to 1 [len(y), len(x)]; each cell
    is shaded by its share and holds it in percent.

    `x` must be equally spaced, `y` a geometric row such as 5, 10, 20 (the axis is logarithmic);
    `axes` names both. `label` says what the numbers are. `curves` are drawn over a panel, name ->
    [(x, y), ...], and `curve` says what they are.

    Raises:
        ValueError: a panel of another shape, or curves for a panel that is not there.
    """
    x, y = _places("x", x), _places("y", y)
    for name, given in (("label", label), ("curve", curve)):
        check_type(f"heatmap: {name}", given, str, "Say what it is.")
    names = check_all("heatmap: axes", axes, str, NAMES)
    if len(names) != 2:
        raise ValueError(f"heatmap: axes must be two names; got {len(names)}. {NAMES}")
    check_named("heatmap: values", values, object, 'Write {"relu": numbers}.')
    grids = {name: _shares(name, given) for name, given in values.items()}
    for name, grid in grids.items():
        if grid.shape != (len(y), len(x)):
            raise ValueError(
                f"heatmap: values[{name!r}] must have shape [len(y), len(x)] = "
                f"[{len(y)}, {len(x)}]; got {list(grid.shape)}."
            )
    curves = {} if curves is None else check_named("heatmap: curves", curves, (list, tuple), LINES)
    lines = {name: [_line(name, each) for each in several] for name, several in curves.items()}
    lost = set(lines) - set(grids)
    if lost or not grids:
        raise ValueError(f"heatmap: no panel for {sorted(lost) or 'anything: values is empty'}.")
    spec = _Heat(grids, x, y, names, label, lines, curve)
    return Plot(spec.draw, spec.describe)


def _places(name: str, given: Sequence[float]) -> tuple[float, ...]:
    """The centers of the cells along an axis: equally spaced, or by equal factors along y."""
    row = check_numbers(f"heatmap: {name}", given, 0 if name == "y" else None, low_open=True)
    if row.ndim != 1:
        raise ValueError(f"heatmap: {name} must be one row; got shape {list(row.shape)}.")
    steps = np.diff(np.log(row) if name == "y" else row)
    if len(steps) and (steps[0] <= 0 or not np.allclose(steps, steps[0], rtol=1e-2)):
        how = "by equal factors" if name == "y" else "in equal steps"
        raise ValueError(f"heatmap: {name} must rise {how}; got {row.tolist()}.")
    return tuple(row.tolist())


def _shares(name: str, given: Any) -> np.ndarray:
    grid = check_numbers(f"heatmap: values[{name!r:.60}]", given, finite=False)
    if ((grid < 0) | (grid > 1)).any():
        raise ValueError(f"heatmap: values[{name!r:.60}] must be shares, from 0 to 1, or nan.")
    return grid


def _line(name: str, given: Any) -> tuple[np.ndarray, ...]:
    """x and y of a curve, equally long."""
    where = f"heatmap: curves[{name!r:.60}]"
    if not isinstance(given, (list, tuple)) or len(given) != 2:
        raise TypeError(f"{where} must be pairs (x, y); got {given!r:.60}. {LINES}")
    line = tuple(np.atleast_1d(check_numbers(where, each, finite=False)) for each in given)
    if line[0].shape != line[1].shape or line[0].ndim > 1:
        raise ValueError(f"{where} must have as many x as y, in one row each.")
    return line


@dataclass(frozen=True)
class _Heat:
    grids: dict[str, np.ndarray]
    x: tuple[float, ...]
    y: tuple[float, ...]
    names: tuple[str, str]
    label: str
    curves: dict[str, Sequence[tuple[Any, Any]]] = field(default_factory=dict)
    curve: str = ""

    def draw(self) -> Figure:
        figure, panels = style.panels(len(self.grids), height=3.3, across=2, sharey=True)
        for axes, (name, grid) in zip(panels, self.grids.items(), strict=True):
            self._panel(axes, name, grid)
        panels[0].set_ylabel(self.names[1], color=GREY, fontsize=style.TEXT)
        if self.curves:
            text = {"fontsize": style.TEXT, "labelcolor": GREY, "handlelength": 2.6}
            key, place = Line2D([], [], **CURVE), {"loc": "outside upper left", "frameon": False}
            style.key(figure, [key], [self.curve], **place, **text)
        return figure

    def _panel(self, axes: Axes, name: str, grid: np.ndarray) -> None:
        across, up = _edges(np.array(self.x)), np.exp(_edges(np.log(self.y)))
        axes.grid(visible=False)
        axes.set_yscale("log")
        axes.pcolormesh(across, up, grid, cmap=SHADES, vmin=0, vmax=1)
        for j, row in zip(self.y, grid, strict=True):
            for i, share in zip(self.x, row, strict=True):
                color = PAPER if share > 0.4 else INK
                text = f"{100 * share:.0f}" if np.isfinite(share) else "–"
                axes.text(i, j, text, color=color, fontsize=9, ha="center", va="center", zorder=5)
        for line in self.curves.get(name, ()):
            axes.plot(*line, **CURVE, path_effects=OUTLINE)
        axes.set_xlim(across[0], across[-1])
        axes.set_ylim(up[0], up[-1])
        axes.set_xticks(self.x, [f"{at:g}" for at in self.x])
        axes.set_yticks(self.y, [f"{at:g}" for at in self.y])
        axes.minorticks_off()
        style.name(axes, self.names[0], f"{name}: {self.label} (%)")

    def describe(self) -> str:
        x, y = self.names
        parts = [f"Heat map of {self.label}, {x} across, {y} up, in percent."]
        for name, grid in self.grids.items():
            rows = [
                f"{y} {at:g}: {', '.join(f'{100 * share:.0f}' for share in row)}"
                for at, row in zip(self.y, grid, strict=True)
            ]
            across = words.listing([f"{at:g}" for at in self.x])
            parts.append(f"{name}, for {x} {across}: {'; '.join(rows)}.")
        if self.curves:
            parts.append(f"Lines over it: {self.curve}.")
        return " ".join(parts)


def _edges(centers: np.ndarray) -> np.ndarray:
    """The borders of cells around equally spaced centers [N] -> [N + 1]."""
    half = (centers[1] - centers[0]) / 2 if len(centers) > 1 else 0.5
    return np.append(centers - half, centers[-1] + half)
