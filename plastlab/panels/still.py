"""Marks and axes as a figure, for pages that run nothing: a code host, a printed book.

Colours, dashes, shapes, limits and ticks are those in the browser; the rest is the plots' style.
"""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory

from plastlab.panels.marks import Band, Bars, Dots, Line, Rule, Style
from plastlab.plots import style
from plastlab.plots.palette import GREY

RULE = {"linewidth": 1.5, "dash_capstyle": "round"}


def still(charts: Sequence[Any]) -> Figure:
    """Draw pictures side by side."""
    figure, panels = style.panels(len(charts), height=3.2 if len(charts) == 1 else 2.9)
    for axes, picture in zip(panels, charts, strict=True):
        _draw(axes, picture)
    return figure


def _draw(axes: Axes, picture: Any) -> None:
    style.name(axes, picture.x.label, f"{picture.title}\n{picture.y.label}".strip())
    for direction in ("x", "y"):
        ticks = picture.ticks(direction)
        if getattr(picture, direction).log:
            axes.set(**{f"{direction}scale": "log"})
        axes.set(**{f"{direction}lim": picture.limits(direction)})
        axes.set(**{f"{direction}ticks": [value for value, _ in ticks]})
        axes.set(**{f"{direction}ticklabels": [style.cut(text) for _, text in ticks]})
    axes.minorticks_off()
    artists = [
        _draw_mark(axes, mark, look)
        for mark, look in zip(picture.marks, picture.styles(), strict=True)
    ]
    named = picture.legend()
    if len(named) > 1:
        look = {"frameon": False, "labelcolor": GREY, "fontsize": style.TEXT - 1, "handlelength": 3}
        names = [picture.marks[k].label for k in named]
        style.key(axes, [artists[k] for k in named], names, **look)


def _draw_mark(axes: Axes, mark: Any, look: Style) -> Any:
    color, dash = look.color, (0, [length / 2.25 for length in look.dash] or None)
    match mark:
        case Line(thin=True):
            return axes.plot(mark.x, mark.y, color=color, **style.SEED)[0]
        case Line():
            thick = {"linewidth": 2.25, "dash_capstyle": "round"}
            return axes.plot(mark.x, mark.y, color=color, linestyle=dash, **thick)[0]
        case Dots():
            dot = {"marker": list(look.shape) or "o", "linestyle": "", "alpha": 0.85, "mew": 0}
            size = 5 * max((abs(end) for corner in look.shape for end in corner), default=1)
            return axes.plot(mark.x, mark.y, color=color, markersize=size, **dot)[0]
        case Band():
            return axes.fill_between(mark.x, mark.low, mark.high, color=color, alpha=0.25, lw=0)
        case Bars():
            return axes.bar(mark.x, mark.y, mark.width, color=color)
        case Rule():
            return _draw_rule(axes, mark, color, dash)


def _draw_rule(axes: Axes, rule: Rule, color: str, dash: tuple) -> Any:
    text = {"color": GREY, "fontsize": style.TEXT - 1}
    if rule.y is None:
        along = blended_transform_factory(axes.transData, axes.transAxes)
        axes.text(rule.x, 0.98, f" {rule.label}", transform=along, va="top", **text)
        return axes.axvline(rule.x, color=color, linestyle=dash, **RULE)
    along = blended_transform_factory(axes.transAxes, axes.transData)
    axes.text(0.99, rule.y, rule.label, transform=along, ha="right", va="bottom", **text)
    return axes.axhline(rule.y, color=color, linestyle=dash, **RULE)
