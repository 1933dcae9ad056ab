"""Scores of many methods: a mark and an interval each, and the share of runs that reach a score."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from plastlab.errors import check_named, check_number, check_numbers, check_type
from plastlab.plots import style, words
from plastlab.plots.palette import GREY
from plastlab.plots.plot import Plot
from plastlab.stats import Interval, rounded

LINE = 0.27  # inches a method
SMALL = {"markersize": 5, "alpha": 0.8, "markeredgewidth": 0}
SPOKEN = 10  # methods whose numbers the description gives, from each end


def forest(
    scores: Mapping[str, Interval],
    label: str,
    parts: Mapping[str, Mapping[str, float]] | None = None,
    marks: Mapping[float, str] | None = None,
) -> Plot:
    """One line for each entry of `scores` (name -> interval), from top to bottom.

    `parts` (name -> what -> number) adds small marks, a shape for each what; `marks` (number ->
    name) adds vertical lines. `label` says what the numbers are.

    Raises:
        ValueError: no entry.
    """
    check_type("forest: label", label, str, "Say what the numbers are.")
    check_named("forest: scores", scores, Interval, 'Write {"Adam": interval(numbers)}.')
    parts = {} if parts is None else check_named("forest: parts", parts, Mapping)
    for name, part in parts.items():
        for what, number in check_named("forest: parts", part, object).items():
            check_number(f"forest: parts[{name!r:.60}][{what!r:.60}]", number)
    marks = {} if marks is None else check_type("forest: marks", marks, Mapping)
    for at, name in marks.items():
        check_type("forest: marks: a name", name, str, 'Write {0.5: "half"}.')
        check_number("forest: marks: a number", at)
    if not scores:
        raise ValueError("forest: scores must hold at least one entry; got none.")
    spec = _Forest(dict(scores), label, parts, dict(marks))
    return Plot(spec.draw, spec.describe)


def profiles(levels: np.ndarray, shares: Mapping[str, np.ndarray], label: str, share: str) -> Plot:
    """One line for each entry of `shares` (name -> [levels]): the share of runs that reach each of
    the `levels`. `label` and `share` name the axes.

    Raises:
        ValueError: no entry, or one of another length than `levels`.
    """
    levels = check_numbers("profiles: levels", levels)
    if levels.ndim != 1:
        raise ValueError(f"profiles: levels must be one row; got shape {list(levels.shape)}.")
    for name, given in (("label", label), ("share", share)):
        check_type(f"profiles: {name}", given, str, "Say what the numbers are.")
    check_named("profiles: shares", shares, object, 'Write {"Adam": shares}.')
    shares = {
        name: check_numbers(f"profiles: shares[{name!r:.60}]", line, 0, 1)
        for name, line in shares.items()
    }
    for name, line in shares.items():
        if np.shape(line) != levels.shape:
            raise ValueError(
                f"profiles: shares[{name!r}] must be one number for each of the {len(levels)} "
                f"levels; got shape {list(np.shape(line))}."
            )
    if not shares:
        raise ValueError("profiles: shares must hold at least one entry; got none.")
    spec = _Profiles(levels, shares, label, share)
    return Plot(spec.draw, spec.describe)


@dataclass(frozen=True)
class _Forest:
    scores: dict[str, Interval]
    label: str
    parts: dict[str, Mapping[str, float]] = field(default_factory=dict)
    marks: dict[float, str] = field(default_factory=dict)

    def draw(self) -> Figure:
        figure, (axes,) = style.panels(1, height=1.3 + LINE * len(self.scores))
        axes.grid(visible=False, axis="y")
        axes.grid(axis="x", color=GREY, alpha=0.25, linewidth=0.8)
        looks = style.looks(len(self._kinds) + 1)
        for row, (name, found) in enumerate(self.scores.items()):
            self._row(axes, row, name, found, looks)
        axes.set_yticks(range(len(self.scores)), [style.cut(name) for name in self.scores])
        axes.set_ylim(len(self.scores) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        style.name(axes, self.label)
        for at, name in self.marks.items():
            style.mark(axes, at, style.wrapped(name), zorder=0)
        if self._kinds:
            _key(figure, self._kinds, looks[1:])
        return figure

    @property
    def _kinds(self) -> list[str]:
        """What the small marks stand for, in the order of their first use."""
        return list(dict.fromkeys(kind for part in self.parts.values() for kind in part))

    def _row(
        self, axes: Axes, row: int, name: str, found: Interval, looks: list[style.Look]
    ) -> None:
        part = self.parts.get(name, {})
        for kind, look in zip(self._kinds, looks[1:], strict=True):
            if kind in part:
                axes.plot(part[kind], row, look.marker, color=look.color, **SMALL)
        color = looks[0].color
        axes.plot([found.low, found.high], [row, row], color=color, linewidth=2.5)
        axes.plot(found.mean, row, "|", color=color, markersize=11, markeredgewidth=3)

    def describe(self) -> str:
        named = [f"{name} at {at:g}" for at, name in self.marks.items()]
        parts = [f"Chart of {self.label}: {len(self.scores)} lines with their 95 % intervals"]
        if named:
            parts[0] += f", and marks for {words.listing(named)}"
        names = list(self.scores)
        told = names if len(names) <= 2 * SPOKEN else names[:SPOKEN] + names[-SPOKEN:]
        if len(told) < len(names):
            parts.append(f"The first and the last {SPOKEN} from top to bottom")
        sentences = [self._sentence(name, self.scores[name]) for name in told]
        return f"{'. '.join(parts)}. {' '.join(sentences)}"

    def _sentence(self, name: str, found: Interval) -> str:
        middle, low, high = rounded(found.mean, found.low, found.high)
        return f"{name}: {middle} ({low} to {high})."


@dataclass(frozen=True)
class _Profiles:
    levels: np.ndarray
    shares: dict[str, np.ndarray]
    label: str
    share: str

    def draw(self) -> Figure:
        figure, (axes,) = style.panels(1, height=3.6)
        looks = style.looks(len(self.shares))
        for line, look in zip(self.shares.values(), looks, strict=True):
            axes.plot(self.levels, line, color=look.color, linestyle=look.dash, **style.MEAN)
        style.name(axes, self.label, self.share)
        style.set_limits(axes, (0.0, 1.0))
        axes.set_xlim(self.levels[0], self.levels[-1])
        ends = [float(line[-1]) for line in self.shares.values()]
        style.label_ends(axes, ends, list(self.shares), looks)
        return figure

    def describe(self) -> str:
        told = np.linspace(0, len(self.levels) - 1, 5).round().astype(int)
        at = words.listing([f"{self.levels[i]:g}" for i in told])
        sentences = [
            f"{name}: {', '.join(f'{line[i]:.2f}' for i in told)}."
            for name, line in self.shares.items()
        ]
        return f"Line chart of {self.share} against {self.label}; at {at}. {' '.join(sentences)}"


def _key(figure: Figure, names: Sequence[str], looks: Sequence[style.Look]) -> None:
    """What the small marks stand for, above the panel."""
    handles = [
        Line2D([], [], color=look.color, marker=look.marker, linestyle="", **SMALL)
        for look in looks
    ]
    style.key(
        figure,
        handles,
        names,
        loc="outside upper left",
        ncols=min(len(names), 3),
        frameon=False,
        fontsize=style.TEXT,
        labelcolor=GREY,
    )
