"""PerSeed: numbers that carry their seeds and their unit."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from plastlab import units
from plastlab.errors import check_all, check_number, check_numbers, check_type


@dataclass(frozen=True, eq=False)
class PerSeed:
    """One number for each seed, `values` [S]; or, over times or doses, rows of them [..., S].

    Arithmetic is seed by seed, between numbers of the same seeds in the same order, and follows
    the units: percent minus percent are points, a ratio of two of a kind has none. NumPy reads the
    values (`np.asarray(numbers)`); what NumPy makes of them no longer knows its seeds.

    Raises:
        TypeError, ValueError: seeds that are no different whole numbers, or not as many as the
            last axis of `values` is long; other seeds or units in arithmetic.
    """

    values: np.ndarray
    seeds: tuple[int, ...]
    unit: str = ""

    def __post_init__(self) -> None:
        values = check_numbers("PerSeed.values", self.values, finite=False).copy()
        values.flags.writeable = False
        object.__setattr__(self, "values", values)
        seeds = check_type("PerSeed.seeds", self.seeds, (tuple, list), "Give result.seeds.")
        numbers = tuple(check_number("PerSeed.seeds: each", s, 0, integer=True) for s in seeds)
        object.__setattr__(self, "seeds", numbers)
        if not numbers or len(set(numbers)) < len(numbers):
            raise ValueError(f"PerSeed.seeds must be different whole numbers; got {seeds}.")
        if not values.ndim or values.shape[-1] != len(numbers):
            raise ValueError(
                f"PerSeed.values must have one number for each of {len(numbers)} seeds, on the "
                f"last axis; got the shape {list(values.shape)}."
            )
        check_type("PerSeed.unit", self.unit, str, 'Give "%", "points" or another word.')

    def mean(self) -> Any:
        """The mean over seeds: a number, or [...] for rows."""
        found = self.values.mean(-1)
        return float(found) if found.ndim == 0 else found

    def said(self) -> str:
        """The mean with its unit: "46 points"; of rows, the ends."""
        means = np.atleast_1d(self.values.mean(-1)).ravel()
        ends = [f"{m:.3g}" for m in (means if len(means) < 2 else means[[0, -1]])]
        return units.said(" to ".join(ends), self.unit)

    def __getitem__(self, row: Any) -> "PerSeed":
        """A row of rows; seeds cannot be picked."""
        if self.values.ndim < 2:
            raise TypeError("PerSeed: seeds stay together; np.asarray(numbers)[0] is one of them.")
        return PerSeed(self.values[row], self.seeds, self.unit)

    def __iter__(self) -> Iterator["PerSeed"]:
        return (self[row] for row in range(len(self)))

    def __len__(self) -> int:
        """The number of rows."""
        if self.values.ndim < 2:
            raise TypeError("PerSeed: this is one row; len(numbers.seeds) is the number of seeds.")
        return len(self.values)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.values, dtype=dtype)

    __array_ufunc__ = None  # array - numbers raises, and does not lose the seeds

    def __add__(self, other: Any) -> "PerSeed":
        return self._with(other, np.add, units.of_sum, "added")

    def __sub__(self, other: Any) -> "PerSeed":
        return self._with(other, np.subtract, units.of_difference, "subtracted")

    def __radd__(self, other: Any) -> "PerSeed":
        return self + other

    def __rsub__(self, other: Any) -> "PerSeed":
        return -self + other

    def __mul__(self, other: Any) -> "PerSeed":
        if isinstance(other, PerSeed):
            return self._with(other, np.multiply, units.of_product, "multiplied")
        return PerSeed(self.values * _number(other), self.seeds, self.unit)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> "PerSeed":
        if isinstance(other, PerSeed):
            return self._with(other, np.divide, units.of_ratio, "divided")
        return PerSeed(self.values / _number(other), self.seeds, self.unit)

    def __neg__(self) -> "PerSeed":
        return PerSeed(-self.values, self.seeds, self.unit)

    def __abs__(self) -> "PerSeed":
        return PerSeed(abs(self.values), self.seeds, self.unit)

    def __repr__(self) -> str:
        return f"PerSeed({self.said()}, {len(self.seeds)} seeds)"

    def _with(
        self, other: Any, do: Any, unit_of: Callable[[str, str], str | None], what: str
    ) -> "PerSeed":
        """Seed by seed with other numbers of the same seeds, or with one number of its unit."""
        if not isinstance(other, PerSeed):
            return PerSeed(do(self.values, _number(other)), self.seeds, self.unit)
        check_same_seeds("PerSeed", (self, other))
        unit = unit_of(self.unit, other.unit)
        if unit is None:
            given = f"{self.unit or 'no unit'!r} and {other.unit or 'no unit'!r}"
            raise ValueError(f"PerSeed: {given} cannot be {what}. Take numbers of one unit.")
        with np.errstate(divide="ignore", invalid="ignore"):
            return PerSeed(do(self.values, other.values), self.seeds, unit)


def check_same_seeds(name: str, numbers: Sequence[PerSeed]) -> None:
    """Raise unless all hold the same seeds in the same order, so that they can be paired."""
    for other in numbers[1:]:
        if other.seeds != numbers[0].seeds:
            raise ValueError(
                f"{name}: numbers must be of the same seeds, to be paired; got {numbers[0].seeds} "
                f"and {other.seeds}. Run both with the same seeds."
            )


def check_one_row(name: str, numbers: PerSeed) -> PerSeed:
    """Return the numbers if they are one a seed, [S].

    Raises:
        TypeError, ValueError: they are no PerSeed, or rows of them.
    """
    check_type(f"{name}: numbers", numbers, PerSeed, "Give for example lost(result, 'accuracy').")
    if numbers.values.ndim != 1:
        raise ValueError(
            f"{name}: numbers must be one a seed; got rows of them, "
            f"{list(numbers.values.shape)}. Take one row, or a mean over them."
        )
    return numbers


def stack(numbers: Sequence[PerSeed]) -> PerSeed:
    """Several numbers of one unit as rows [N, ..., S]."""
    unit = _one_unit("stack", numbers)
    shapes = [list(each.values.shape) for each in numbers]
    if any(shape != shapes[0] for shape in shapes):
        raise ValueError(f"stack: all numbers must have one shape; got {shapes}.")
    return PerSeed(np.stack([each.values for each in numbers]), numbers[0].seeds, unit)


def smallest(*numbers: PerSeed) -> PerSeed:
    """The smallest of several numbers in each seed: what even the worst of them reaches."""
    unit = _one_unit("smallest", numbers)
    return PerSeed(np.min([n.values for n in numbers], 0), numbers[0].seeds, unit)


def largest(*numbers: PerSeed) -> PerSeed:
    """The largest of several numbers in each seed."""
    unit = _one_unit("largest", numbers)
    return PerSeed(np.max([n.values for n in numbers], 0), numbers[0].seeds, unit)


def _one_unit(name: str, numbers: Sequence[PerSeed]) -> str:
    numbers = check_all(name, numbers, PerSeed, "Give a list of numbers such as level(...).")
    if not numbers:
        raise ValueError(f"{name} needs at least one PerSeed; got none.")
    check_same_seeds(name, numbers)
    found = {each.unit for each in numbers}
    if len(found) > 1:
        raise ValueError(f"{name}: numbers must have one unit; got {', '.join(sorted(found))}.")
    return found.pop()


def _number(other: Any) -> Any:
    if isinstance(other, bool) or not isinstance(other, Real):
        raise TypeError(
            f"PerSeed goes with PerSeed, or with one number; got {type(other).__name__}. Numbers "
            "without seeds become PerSeed(values, result.seeds)."
        )
    return other
