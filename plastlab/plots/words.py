"""The words on and under figures: what an axis measures, and what the data do."""

from collections.abc import Sequence

import numpy as np

from plastlab.result import Result
from plastlab.stats import interval, rounded

Limits = tuple[float | None, float | None]
SHARE, POSITIVE, FREE = (0.0, 1.0), (0.0, None), (None, None)

# what a probe's number is, and the limits of its axis (None: as far as the data go)
UNITS: dict[str, tuple[str, Limits]] = {
    "accuracy": ("share of examples right", SHARE),
    "loss": ("mean over examples", POSITIVE),
    "dead units": ("share of hidden units", SHARE),
    "dormant units": ("share of hidden units", SHARE),
    "effective rank": ("number of directions", POSITIVE),
    "srank": ("number of singular values", POSITIVE),
    "stable rank": ("number of directions", POSITIVE),
    "feature rank": ("number of singular values", POSITIVE),
    "weight norm": ("all matrices together", POSITIVE),
    "gradient norm": ("of the last batch", POSITIVE),
    "update ratio": ("last update / weights", POSITIVE),
}


def plain(probe: str) -> str:
    """The name of a probe with spaces: "dead units" for "dead_units"."""
    return probe.replace("_", " ")


def limits(probe: str) -> Limits:
    """Lower and upper end of the axis of a probe."""
    return UNITS.get(plain(probe).removeprefix("online "), ("", FREE))[1]


def unit(probe: str) -> str:
    """What the number of a probe is: "share of hidden units"; "" if it is not known."""
    return UNITS.get(plain(probe).removeprefix("online "), ("", FREE))[0]


def axis_name(probe: str) -> str:
    """The name of a probe with its unit: "dead units (share of hidden units)"."""
    return f"{plain(probe)} ({unit(probe)})" if unit(probe) else plain(probe)


def finite(values: np.ndarray) -> np.ndarray:
    """The finite ones of `values` [...], as [N]."""
    return values[np.isfinite(values)]


def mean_over_seeds(values: np.ndarray) -> np.ndarray:
    """Mean of `values` [S, T] over the seeds that are finite at each time: [T], nan if none is."""
    kept = np.isfinite(values)
    total = np.where(kept, values, 0).sum(0)
    return np.where(kept.any(0), total / np.maximum(kept.sum(0), 1), np.nan)


def mean(values: np.ndarray) -> str:
    """The mean of `values` [S] with its interval: "0.79 (95 % interval 0.74 to 0.84)"."""
    kept = finite(values)
    if len(kept) < 2:
        return f"{kept[0]:.3g}" if len(kept) else "not a finite number"
    found = interval(kept)
    middle, low, high = rounded(found.mean, found.low, found.high)
    if low == high:
        return f"{middle} in every seed"
    return f"{middle} (95 % interval {low} to {high})"


def lost(result: Result, condition: str, probe: str | None = None) -> str:
    """How many seeds of a condition diverged, and for how many the probe is not finite at some
    time; "" if none. Means and lines are of the finite numbers."""
    diverged = result.diverged[result.conditions.index(condition)]
    empty = np.zeros_like(diverged)
    if probe is not None:
        empty = ~np.isfinite(result(probe, condition)).all(1)
    counts = {"diverged": int(diverged.sum()), "not finite at some time": int(empty.sum())}
    return ", ".join(f"{n} of {len(diverged)} seeds {what}" for what, n in counts.items() if n)


def trend(first: np.ndarray, last: np.ndarray) -> str:
    """Whether the seeds rise or fall from `first` [S] to `last` [S], by the 95 % interval."""
    change = finite(last - first)
    found = interval(change) if len(change) > 1 else None
    if found and found.high < 0:
        return f"falls in {(change < 0).sum()} of {len(first)} seeds"
    if found and found.low > 0:
        return f"rises in {(change > 0).sum()} of {len(first)} seeds"
    return "neither rise nor fall can be told from these seeds"


def seeds(count: int) -> str:
    """ "16 seeds" or "1 seed"."""
    return f"{count} seed{'s' * (count != 1)}"


def listing(names: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
