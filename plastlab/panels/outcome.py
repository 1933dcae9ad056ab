"""What came out, held against a question: one number, or one of its choices."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from plastlab.errors import check_choice, check_number, check_numbers

Range = tuple[float, float]


def said(value: float, unit: str = "") -> str:
    """Return a number with its unit, as a sentence says it: "17 %", "1,250"."""
    digits = f"{value:,.0f}" if 1000 <= abs(value) < 1e15 else f"{value:.3g}"
    return f"{digits} {unit}".strip()


def span(low: float, high: float, unit: str = "") -> str:
    """Return an interval as a sentence says it: "40 to 70 %"."""
    return said(low, unit) if low == high else f"{said(low)} to {said(high, unit)}"


def quoted(choice: Any) -> str:
    """Return a choice as a sentence names it."""
    return f"“{choice}”"


def mean_of(numbers: Any, unit: str) -> float:
    """Return the mean of numbers that carry their seeds, of an array, or the number itself; nan if
    one is not finite.

    Raises:
        TypeError, ValueError: no numbers, rows of them, or numbers in another unit than `unit`.
    """
    own = getattr(numbers, "unit", "")
    if own and own != unit:
        raise ValueError(
            f"judge: the question asks for {unit or 'a number without unit'!r}, and numbers are in "
            f"{own!r}. Write predict(..., unit={own!r}), or give numbers in the question's unit."
        )
    if not hasattr(numbers, "mean"):
        numbers = check_numbers("judge: numbers", numbers, finite=False)
    mean = check_numbers("judge: the mean of numbers", numbers.mean(), finite=False)
    if mean.size != 1:
        raise ValueError(
            f"judge: numbers must be one a seed; their mean has shape {list(mean.shape)}."
        )
    return float(mean.reshape(()))


def range_of(mean: float, ranges: Mapping[str, Range]) -> str:
    """Return the name of the first range that holds the number.

    Raises:
        ValueError: none does.
    """
    for name, (low, high) in ranges.items():
        if low <= mean <= high:
            return name
    raise ValueError(
        f"judge: {said(mean)} lies in none of the choices' ranges, {dict(ranges)}. Let them leave "
        "no gap; None is an open end."
    )


def largest(numbers: Any, choices: Sequence[Any], unit: str) -> tuple[Any, float]:
    """Return the choice whose numbers have the largest mean, and that mean.

    Raises:
        TypeError, ValueError: no dict of choices and numbers.
    """
    if not isinstance(numbers, Mapping) or not numbers:
        raise TypeError(
            "judge: numbers must be a dict, choice -> numbers, for a question with choices; got "
            f"{numbers!r:.60}. Or give the choices ranges: predict(..., choices={{name: (0, 10)}})."
        )
    means = {}
    for choice, own in numbers.items():  # in whatever unit: the question asks for none of them
        check_choice("judge: a key of numbers", choice, choices)
        means[choice] = mean_of(own, getattr(own, "unit", unit))
    top = math.nan if any(map(math.isnan, means.values())) else max(means.values())
    return next((name for name, mean in means.items() if mean == top), None), top


def check_ranges(choices: Mapping[str, Any]) -> dict[str, Range]:
    """Return choices that stand for numbers as name -> (low, high); None is an open end.

    Raises:
        TypeError, ValueError: not two numbers, or the low one above the high one.
    """
    found = {}
    for name, ends in choices.items():
        label = f"predict: choices[{name!r:.60}]"
        if not isinstance(ends, (tuple, list)) or len(ends) != 2:
            raise TypeError(f"{label} must be a range (low, high); got {ends!r:.60}.")
        low, high = ends
        low = -math.inf if low is None else check_number(f"{label}: low", low)
        high = math.inf if high is None else check_number(f"{label}: high", high)
        if low >= high:
            raise ValueError(f"{label}: low must be below high; got {low}, {high}.")
        found[name] = (low, high)
    return found
