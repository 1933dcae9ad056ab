"""Bars: a probe at the end of training, one bar a condition and one dot a seed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from plastlab.errors import check_choice, check_number, check_type
from plastlab.plots import style, words
from plastlab.plots.chosen import chosen
from plastlab.plots.palette import GREY
from plastlab.plots.plot import Plot
from plastlab.result import Result
from plastlab.stats import interval


def bars(
    result: Result,
    probe: str,
    times: int = 1,
    conditions: Sequence[str] | None = None,
    reference: str | None = None,
) -> Plot:
    """Bar to the mean over seeds, line for its 95 % interval, a dot for every seed.

    Each seed's number is its mean over the last `times` probe times. `conditions` picks some and
    sets their order. A line marks the mean of the condition `reference`; the description then gives
    the paired differences from it.

    Raises:
        ValueError: a probe or a condition that the result does not hold, or more times than it has.
    """
    check_type("bars: result", result, Result, "Give what run(...) returned.")
    probe = words.plain(check_type("bars: probe", probe, str, "Give a name."))
    check_choice("bars: probe", probe, result.probes)
    check_number("bars: times", times, low=1, high=len(result.steps), integer=True)
    shown = chosen("bars: conditions", conditions, result.conditions)
    if reference is not None:
        check_choice("bars: reference", reference, result.conditions)
    spec = _Bars(result, probe, times, shown, reference)
    return Plot(spec.draw, spec.describe)


@dataclass(frozen=True)
class _Bars:
    result: Result
    probe: str
    times: int
    conditions: tuple[str, ...]
    reference: str | None

    def draw(self) -> Figure:
        figure, (axes,) = style.panels(1, height=0.9 + 0.5 * len(self.conditions))
        axes.grid(visible=False, axis="y")
        axes.grid(axis="x", color=GREY, alpha=0.25, linewidth=0.8)
        looks = style.looks(len(self.conditions))
        for row, (condition, look) in enumerate(zip(self.conditions, looks, strict=True)):
            self._row(axes, row, self.values(condition), look)
        names = [style.wrapped(self._name(condition)) for condition in self.conditions]
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(self.conditions) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        style.set_limits(axes, words.limits(self.probe), axis="x")
        style.name(axes, words.axis_name(self.probe))
        self._mark_reference(axes)
        return figure

    def _name(self, condition: str) -> str:
        some = words.lost(self.result, condition, self.probe)
        condition = style.cut(condition)
        return f"{condition}\n{some}" if some else condition

    def _row(self, axes: Axes, row: int, values: np.ndarray, look: style.Look) -> None:
        kept = words.finite(values)
        if len(kept) == 0:
            return
        spread = 0.26 * np.sin(2.4 * np.arange(len(values)))[np.isfinite(values)]
        if words.limits(self.probe)[0] == 0:
            axes.barh(row, kept.mean(), 0.72, color=look.color, alpha=0.22)
        axes.plot(
            kept, row + spread, look.marker, color=look.color, markersize=4.5, alpha=0.8, mew=0
        )
        if len(kept) > 1:
            found = interval(kept)
            axes.plot([found.low, found.high], [row, row], color=look.color, linewidth=3)
        axes.plot(kept.mean(), row, "|", color=look.color, markersize=22, markeredgewidth=3)

    def _mark_reference(self, axes: Axes) -> None:
        if self.reference is None:
            return
        kept = words.finite(self.values(self.reference))
        if len(kept) == 0:
            return
        style.mark(axes, kept.mean(), f"mean of {style.cut(self.reference)}")

    def values(self, condition: str) -> np.ndarray:
        """One number per seed, [S]."""
        return self.result.last(self.probe, condition, self.times)

    def describe(self) -> str:
        when = (
            "last probe time" if self.times == 1 else f"mean of the last {self.times} probe times"
        )
        parts = [
            f"Bar chart of {words.axis_name(self.probe)}, {when}. "
            f"{words.seeds(len(self.result.seeds))}, each a dot; the bar ends at their mean."
        ]
        return " ".join(parts + [self._sentence(condition) for condition in self.conditions])

    def _sentence(self, condition: str) -> str:
        values = self.values(condition)
        text = f"{condition}: mean {words.mean(values)}"
        if self.reference is not None and condition != self.reference:
            difference = values - self.values(self.reference)
            text += f", less {self.reference} {words.mean(difference)}"
        some = words.lost(self.result, condition, self.probe)
        return f"{text}; {some}." if some else f"{text}."
