"""Curves: probes over the course of training."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from plastlab.errors import check_all, check_type
from plastlab.plots import style, words
from plastlab.plots.chosen import chosen
from plastlab.plots.palette import GREY
from plastlab.plots.plot import Plot
from plastlab.result import Result


def curves(
    result: Result,
    probe: str | Sequence[str],
    conditions: Sequence[str] | None = None,
    guess: Any = None,
) -> Plot:
    """One thin line per seed and one thick line for their mean, over tasks or updates.

    Several probes stand side by side. `conditions` picks some of them and sets their order. `guess`
    is a prediction of a number, marked at the right edge once the reader has committed to it.

    Raises:
        ValueError: a probe or a condition that the result does not hold.
    """
    check_type("curves: result", result, Result, "Give what run(...) returned.")
    if guess is not None and not hasattr(guess, "committed"):
        raise TypeError(f"curves: guess must be what predict(...) returned; got {guess!r:.60}.")
    names = (probe,) if isinstance(probe, str) else check_all("curves: probe", probe, str)
    spec = _Curves(
        result,
        chosen("curves: probe", [words.plain(each) for each in names], result.probes),
        chosen("curves: conditions", conditions, result.conditions),
        guess,
    )
    return Plot(spec.draw, spec.describe)


@dataclass(frozen=True)
class _Curves:
    result: Result
    probes: tuple[str, ...]
    conditions: tuple[str, ...]
    guess: Any

    def draw(self) -> Figure:
        alone = len(self.probes) == 1
        figure, panels = style.panels(len(self.probes), height=3.4 if alone else 2.9)
        looks = style.looks(len(self.conditions))
        for axes, probe in zip(panels, self.probes, strict=True):
            ends = [
                self._condition(axes, probe, condition, look)
                for condition, look in zip(self.conditions, looks, strict=True)
            ]
            self._axes(axes, probe)
            self._guess(axes)
            if alone and self._named:
                style.label_ends(axes, ends, self._named, looks)
        if not alone and self._named:
            style.legend(figure, self._named, looks)
        return figure

    @property
    def _named(self) -> list[str]:
        """What the legend says: nothing if there is one condition, with all its seeds."""
        probe = self.probes[0] if len(self.probes) == 1 else None
        lost = [words.lost(self.result, condition, probe) for condition in self.conditions]
        if len(lost) == 1 and not lost[0]:
            return []
        return [
            f"{name}\n{some}" if some else name
            for name, some in zip(self.conditions, lost, strict=True)
        ]

    def _condition(self, axes: Axes, probe: str, condition: str, look: style.Look) -> float:
        """Draw one condition and return the height at which its mean ends."""
        values = self.result(probe, condition)
        mean = words.mean_over_seeds(values)
        axes.plot(self.times, values.T, color=look.color, **style.SEED)
        axes.plot(self.times, mean, color=look.color, linestyle=look.dash, **style.MEAN)
        known = words.finite(mean)
        return float(known[-1]) if len(known) else 0.0

    def _axes(self, axes: Axes, probe: str) -> None:
        alone = len(self.probes) == 1
        title = words.axis_name(probe) if alone else f"{words.plain(probe)}\n{words.unit(probe)}"
        ruled = " (a vertical line: new task)" if alone else "\n(vertical line: new task)"
        style.name(axes, self.clock + (ruled if self.boundaries else ""), title)
        style.set_limits(axes, words.limits(probe))
        if len(self.times) > 1:
            axes.set_xlim(self.times[0], self.times[-1])
        if self.clock == "task":
            axes.set_xticks(style.round_ticks(self.times[0], self.times[-1]))
        for boundary in self.boundaries:
            axes.axvline(boundary, color=GREY, alpha=0.35, linewidth=0.8)

    def _guess(self, axes: Axes) -> None:
        if self.guess is None or self.guess.low is None:
            return
        low, value, high = self.guess.low, self.guess.value, self.guess.high
        mark = {"color": GREY, "fmt": "D", "markersize": 8, "capsize": 5, "elinewidth": 2}
        axes.errorbar(
            self.times[-1],
            value,
            [[value - low], [high - value]],
            clip_on=False,
            zorder=5,
            **mark,
        )
        axes.annotate(
            "your guess",
            (self.times[-1], high),
            (0, 5),
            textcoords="offset points",
            ha="right",
            color=GREY,
            fontsize=style.TEXT,
        )

    @property
    def clock(self) -> str:
        """What the horizontal axis counts: tasks if there is one probe time in each, or updates."""
        tasks = self.result.tasks
        return "task" if len(set(tasks)) == len(tasks) > 1 else "updates"

    @property
    def times(self) -> np.ndarray:
        """The probe times in units of the clock, [T]."""
        return np.asarray(self.result.tasks if self.clock == "task" else self.result.steps)

    @property
    def boundaries(self) -> list[int]:
        """Updates after which a new task begins, if there is more than one probe time a task."""
        tasks, steps = self.result.tasks, self.result.steps
        if self.clock == "task":
            return []
        return [steps[i] for i in range(len(tasks) - 1) if tasks[i] != tasks[i + 1]]

    def describe(self) -> str:
        names = words.listing([words.axis_name(probe) for probe in self.probes])
        seeds = words.seeds(len(self.result.seeds))
        parts = [
            f"Line chart of {names}, {self._when(0)} to {self._when(-1)}. "
            f"{seeds}, each a thin line; the mean is thick."
        ]
        for probe in self.probes:
            parts += [self._sentence(probe, condition) for condition in self.conditions]
        return " ".join(parts)

    def _when(self, i: int) -> str:
        return f"task {self.times[i]}" if self.clock == "task" else f"update {self.times[i]}"

    def _sentence(self, probe: str, condition: str) -> str:
        values = self.result(probe, condition)
        first, last = values[:, 0], values[:, -1]
        text = condition if len(self.probes) == 1 else f"{words.plain(probe)}, {condition}"
        text += f": mean {words.mean(first)} at {self._when(0)}"
        if values.shape[1] > 1:
            text += f", {words.mean(last)} at {self._when(-1)}; {words.trend(first, last)}"
        some = words.lost(self.result, condition, probe)
        return f"{text}; {some}." if some else f"{text}."
