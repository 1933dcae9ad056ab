"""The scale of a chart: what an axis is called, how far it reaches, where its ticks are."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from plastlab.errors import HUGE, check_number, check_type
from plastlab.spec import Spec

SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Axis(Spec):
    """A label, limits (None: from the data) and whether the scale is logarithmic."""

    label: str = ""
    low: float | None = None
    high: float | None = None
    log: bool = False

    def __post_init__(self) -> None:
        """Check the fields."""
        check_type("Axis.label", self.label, str)
        check_type("Axis.log", self.log, bool, "Give True or False.")
        for name in ("low", "high"):
            limit = getattr(self, name)
            if limit is None:
                continue
            check_number(f"Axis.{name}", limit, -HUGE, HUGE)
            if self.log and limit <= 0:
                raise ValueError(
                    f"Axis.{name} must be above 0 on a logarithmic axis; got {limit:g}."
                )
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError(
                f"Axis.low must be below Axis.high; got low {self.low:g} and high {self.high:g}."
            )

    def reach(self, values: Iterable[np.ndarray], margin: float) -> tuple[float, float]:
        """Return the two ends: the limits where they are set, else those of `values`.

        `margin` is the empty share of the axis beyond the data, at an end without a limit that is
        not 0: what starts at zero stands on the axis.
        """
        found = np.concatenate([np.empty(0), *values])
        found = found[np.isfinite(found)]
        self._check_in_reach(found)
        if self.log:
            found = np.log10(found[found > 0])
        low, high = (found.min(), found.max()) if found.size else (0.0, 1.0)
        given = [None if end is None else self._scaled(end) for end in (self.low, self.high)]
        low = low if given[0] is None else given[0]
        high = high if given[1] is None else given[1]
        if high - low < 1e-9 * max(abs(low), abs(high), 1e-3):
            low, high = (low - 0.5, high + 0.5) if self.log or low else (0.0, 1.0)
        room = [margin * (high - low) if self.log or end else 0.0 for end in (low, high)]
        low = low - room[0] if given[0] is None else given[0]
        high = high + room[1] if given[1] is None else given[1]
        return self._unscaled(low), self._unscaled(high)

    def _check_in_reach(self, found: np.ndarray) -> None:
        """Raise if all numbers lie beyond one of the limits, and the other follows from them."""
        if found.size and self.high is None and self.low is not None and found.max() < self.low:
            given, end = f"low={self.low:g}", f"below it, at most {found.max():g}"
        elif found.size and self.low is None and self.high is not None and found.min() > self.high:
            given, end = f"high={self.high:g}", f"above it, at least {found.min():g}"
        else:
            return
        raise ValueError(f"Axis: nothing is in reach of {given}: all is {end}. Give both limits.")

    def _scaled(self, value: float) -> float:
        return math.log10(value) if self.log else float(value)

    def _unscaled(self, value: float) -> float:
        return 10.0 ** float(value) if self.log else float(value)


def ticks(low: float, high: float, log: bool = False) -> list[tuple[float, str]]:
    """Return about five round positions from `low` to `high`, each with its text."""
    if log and high / low >= 10:
        return _log_ticks(low, high)
    step = _round_step((high - low) / 5)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    places = -math.floor(math.log10(step) + 1e-9)
    return [(k * step, _text(k * step, places)) for k in range(first, last + 1)]


def _round_step(step: float) -> float:
    """Return the number of the form 1, 2 or 5 times a power of ten next above `step`."""
    power = 10.0 ** math.floor(math.log10(step))
    return power * next(m for m in (1, 2, 5, 10) if step <= m * power * (1 + 1e-9))


def _log_ticks(low: float, high: float) -> list[tuple[float, str]]:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    every = max(1, math.ceil((last - first) / 7))
    first -= first % every  # so that 1 is among them where it is in reach
    within = [k for k in range(first, last + 1, every) if low * 0.999 <= 10.0**k <= high * 1.001]
    if len(within) > 2:
        return [(10.0**k, _power(k)) for k in within]
    return [
        (m * 10.0**k, _text(m * 10.0**k, max(0, -k)))
        for k in range(first, last + 1)
        for m in (1, 2, 5)
        if low * 0.999 <= m * 10.0**k <= high * 1.001
    ]


def _power(k: int) -> str:
    return _text(10.0**k, max(0, -k)) if -3 <= k <= 4 else f"10{str(k).translate(SUPERSCRIPT)}"


def _text(value: float, places: int) -> str:
    """Return `value` with `places` decimals; one that is very large or small as a power of ten."""
    if value and (abs(value) >= 1e7 or places > 5):
        power = math.floor(math.log10(abs(value)) + 1e-9)
        digits = f"{value / 10.0**power:.{max(0, places + power)}f}×10"
        return f"{digits}{str(power).translate(SUPERSCRIPT)}".replace("-", "−")
    return f"{value:,.{max(0, places)}f}".replace("-", "−") if value else "0"
