"""What a picture is made of: lines, dots, bars, bands and rules, as frozen rows of numbers."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import cos, pi, sin
from typing import Any

import numpy as np

from plastlab.errors import HUGE, check_choice, check_number, check_numbers, check_type
from plastlab.plots.palette import COLORS, GREY

# Pixels on and off, for lines with round ends.
DASHES = {"solid": (), "dashed": (6, 5), "dotted": (0.5, 4.5), "dashdot": (7, 4.5, 0.5, 4.5)}


def _corners(count: int, radius: float, turn: float = 0.0) -> tuple[tuple[float, float], ...]:
    """The corners of a regular shape, the first one at the top, or turned by a part of a circle."""
    angles = [2 * pi * (k / count + turn) for k in range(count)]
    return tuple((round(radius * sin(a), 3), round(radius * cos(a), 3)) for a in angles)


# Corners (across, up) in radii of a round dot, which has none; all have about its area.
SHAPES = {"round": (), "diamond": _corners(4, 1.25), "square": _corners(4, 1.25, 1 / 8)}
SHAPES |= {"triangle": _corners(3, 1.5), "wedge": _corners(3, 1.5, 1 / 2)}


@dataclass(frozen=True)
class Style:
    """How a mark is told from others: its colour, a line's dash, a dot's corners."""

    color: str
    dash: tuple[float, ...]
    shape: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, eq=False)
class Mark:
    """What all marks share: equal labels share one colour and one line of the legend."""

    label: str = field(default="", kw_only=True)
    color: str | None = field(default=None, kw_only=True)

    rows = ("x", "y")  # which fields are rows of numbers
    in_legend = True
    thin = False
    dash = None

    def __post_init__(self) -> None:
        """Turn the rows into arrays [points] and check that they are equally long."""
        kind = type(self).__name__
        check_type(f"{kind}.label", self.label, str)
        if self.color is not None:
            check_choice(f"{kind}.color", self.color, COLORS)
        for name in self.rows:
            object.__setattr__(self, name, _numbers(f"{kind}.{name}", getattr(self, name)))
        lengths = {name: len(getattr(self, name)) for name in self.rows}
        if len(set(lengths.values())) > 1:
            given = ", ".join(f"{name} has {n}" for name, n in lengths.items())
            raise ValueError(f"{kind}: {' and '.join(self.rows)} must be equally long; {given}.")

    def reach(self, direction: str) -> list[np.ndarray]:
        """Return the numbers that the axis `direction` ("x" or "y") must hold."""
        return [getattr(self, direction)]

    def style(self, order: int) -> Style:
        """Return its look; what was left open follows from its label's order."""
        color = COLORS[self.color] if self.color else list(COLORS.values())[order % len(COLORS)]
        dash = DASHES[self.dash] if self.dash else list(DASHES.values())[order % len(DASHES)]
        return Style(color, dash, list(SHAPES.values())[order % len(SHAPES)])

    def words(self) -> str:
        """Return a sentence that says what it shows."""
        name = self.label or type(self).__name__.lower()
        return f"{name}: {self._values()}."

    def _values(self) -> str:
        finite = self.y[np.isfinite(self.y)]
        if not finite.size:
            return "nothing yet"
        return f"{self._course(finite)}lowest {finite.min():.3g}, highest {finite.max():.3g}"

    def _course(self, finite: np.ndarray) -> str:
        return ""


@dataclass(frozen=True, eq=False)
class Line(Mark):
    """A line through the points (x, y), with a gap where one is not finite; `thin` for one seed."""

    x: Any
    y: Any
    dash: str | None = None
    thin: bool = False

    def __post_init__(self) -> None:
        """Check the dash too."""
        super().__post_init__()
        if self.dash is not None:
            check_choice("Line.dash", self.dash, DASHES)
        check_type("Line.thin", self.thin, bool)

    def _course(self, finite: np.ndarray) -> str:
        return f"from {finite[0]:.3g} to {finite[-1]:.3g}, "


@dataclass(frozen=True, eq=False)
class Dots(Mark):
    """A dot at each point (x, y)."""

    x: Any
    y: Any


@dataclass(frozen=True, eq=False)
class Band(Mark):
    """The region from `low` to `high` over each x."""

    x: Any
    low: Any
    high: Any

    rows = ("x", "low", "high")

    def reach(self, direction: str) -> list[np.ndarray]:
        """Return x, or both edges."""
        return [self.x] if direction == "x" else [self.low, self.high]

    def _values(self) -> str:
        if not len(self.x):
            return "nothing yet"
        first, last = (f"{self.low[k]:.3g} to {self.high[k]:.3g}" for k in (0, -1))
        return f"a band, at first {first}, at last {last}"


@dataclass(frozen=True, eq=False)
class Bars(Mark):
    """Bars from 0 to y. `x` holds numbers, or names: these stand at 0, 1, 2 and so on."""

    x: Any
    y: Any
    names: tuple[str, ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        """Put names where the numbers 0, 1, 2 ... go."""
        x = list(self.x) if isinstance(self.x, Iterable) and np.ndim(self.x) else []
        if x and all(isinstance(name, str) for name in x):
            object.__setattr__(self, "names", tuple(x))
            object.__setattr__(self, "x", np.arange(len(x)))
        super().__post_init__()

    @property
    def width(self) -> float:
        """The width of a bar: four fifths of the smallest distance between two."""
        return 0.8 * float(np.diff(np.sort(self.x)).min()) if len(self.x) > 1 else 0.8

    def reach(self, direction: str) -> list[np.ndarray]:
        """Return both edges of each bar, or the heights and 0."""
        if direction == "y":
            return [self.y, np.zeros(1)]
        return [self.x - 0.625 * self.width, self.x + 0.625 * self.width]

    def _values(self) -> str:
        if not 0 < len(self.y) <= 12:
            return super()._values()
        under = self.names or [f"{x:.3g}" for x in self.x]
        return ", ".join(f"{name} {y:.3g}" for name, y in zip(under, self.y, strict=True))


@dataclass(frozen=True, eq=False)
class Rule(Mark):
    """A straight reference line across the chart, at one x or at one y; its label beside it."""

    x: float | None = None
    y: float | None = None

    rows = ()
    in_legend = False

    def __post_init__(self) -> None:
        """Check that one of the two is set."""
        super().__post_init__()
        if (self.x is None) == (self.y is None):
            raise ValueError(f"Rule needs x or y, one of them; got x={self.x!r} and y={self.y!r}.")
        direction = "x" if self.y is None else "y"
        at = check_number(f"Rule.{direction}", getattr(self, direction), -HUGE, HUGE)
        object.__setattr__(self, direction, float(at))

    def reach(self, direction: str) -> list[np.ndarray]:
        """Return where the rule is, if it crosses that axis."""
        value = getattr(self, direction)
        return [] if value is None else [np.array([value])]

    def style(self, order: int) -> Style:
        """Return grey, unless it has a colour, and dots."""
        return Style(COLORS[self.color] if self.color else GREY, DASHES["dotted"])

    def _values(self) -> str:
        return f"a line at {self.x if self.y is None else self.y:.3g}"


def _numbers(name: str, given: Any) -> np.ndarray:
    """Return `given` as a read-only row of floats; nan and inf stay, and are not drawn."""
    numbers = check_numbers(name, given, finite=False).copy()
    if numbers.ndim != 1:
        shape = list(numbers.shape)
        raise ValueError(f"{name} must be one row of numbers; got the shape {shape}. Take one row.")
    numbers.flags.writeable = False
    return numbers
