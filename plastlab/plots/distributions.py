"""Distributions: histograms of many numbers, and spectra of singular values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from plastlab.errors import check_named, check_number, check_numbers, check_type
from plastlab.plots import style, words
from plastlab.plots.palette import GREY
from plastlab.plots.plot import Plot

MOST = 10_000  # bins
FURTHEST = 1e300  # beyond this, differences overflow


def histogram(values: Mapping[str, Any], label: str, bins: int = 40) -> Plot:
    """One panel for each entry of `values` (name -> numbers [...]), with the same bins and axes.

    `label` says what the numbers are and in which unit.

    Raises:
        ValueError: no entry, or an entry without finite numbers.
    """
    check_type("histogram: label", label, str, "Say what the numbers are.")
    bins = check_number("histogram: bins", bins, low=1, high=MOST, integer=True)
    groups = {name: given.ravel() for name, given in _arrays("histogram", values).items()}
    if any((np.abs(words.finite(each)) > FURTHEST).any() for each in groups.values()):
        raise ValueError(f"histogram: values must lie within {FURTHEST:g} of 0.")
    spec = _Histogram(groups, label, bins)
    return Plot(spec.draw, spec.describe)


def spectrum(values: Mapping[str, Any], label: str = "singular value") -> Plot:
    """Numbers from the largest to the smallest, on a logarithmic axis, one line an entry.

    An entry of `values` is name -> [K], or [S, K] for seeds, which are drawn as thin lines with
    their geometric mean thick. Zeros have no place on a logarithmic axis and are left out.

    Raises:
        ValueError: no entry, an entry that is not [K] or [S, K], or one with negative numbers.
    """
    check_type("spectrum: label", label, str, "Say what the numbers are.")
    groups = {name: np.atleast_2d(given) for name, given in _arrays("spectrum", values).items()}
    for name, given in groups.items():
        if given.ndim > 2 or (given < 0).any() or not (given > 0).any():
            raise ValueError(
                f"spectrum: values[{name!r}] must be numbers of at least 0, shape [K] or [S, K], "
                f"and not all 0; got shape {list(given.shape)} "
                f"and a smallest number of {given.min():g}."
            )
    spec = _Spectrum({name: -np.sort(-given, axis=1) for name, given in groups.items()}, label)
    return Plot(spec.draw, spec.describe)


def _arrays(function: str, values: Mapping[str, Any]) -> dict[str, np.ndarray]:
    check_named(f"{function}: values", values, object, 'Write {"Adam": numbers}.')
    arrays = {
        name: check_numbers(f"{function}: values[{name!r:.60}]", given, finite=False)
        for name, given in values.items()
    }
    empty = [name for name, given in arrays.items() if not np.isfinite(given).any()]
    if empty or not arrays:
        what = f"values[{empty[0]!r}] has none" if empty else "values is empty"
        raise ValueError(f"{function}: every entry must hold finite numbers; {what}.")
    return arrays


@dataclass(frozen=True)
class _Histogram:
    groups: dict[str, np.ndarray]
    label: str
    bins: int

    def draw(self) -> Figure:
        share = {"sharex": True, "sharey": True}
        figure, panels = style.panels(len(self.groups), height=2.6, **share)
        everything = words.finite(np.concatenate(list(self.groups.values())))
        edges = np.histogram_bin_edges(everything, self.bins)
        looks = style.looks(len(self.groups))
        for axes, (name, values), look in zip(panels, self.groups.items(), looks, strict=True):
            kept = words.finite(values)
            weights = np.full(len(kept), 1 / len(kept))
            axes.hist(kept, edges, weights=weights, color=look.color, alpha=0.85)
            style.name(axes, self.label, name)
        panels[0].set_ylabel("share of the numbers", color=GREY, fontsize=style.TEXT)
        return figure

    def describe(self) -> str:
        parts = [f"{len(self.groups)} histograms of {self.label}, with the same axes."]
        return " ".join(parts + [self._sentence(*group) for group in self.groups.items()])

    def _sentence(self, name: str, values: np.ndarray) -> str:
        kept = words.finite(values)
        low, middle, high = np.percentile(kept, [5, 50, 95])
        zero = (kept == 0).mean()
        text = (
            f"{name}: {len(kept)} numbers, median {middle:.3g}, nine in ten {low:.3g} to {high:.3g}"
        )
        text += f", {100 * zero:.3g} % exactly 0" if zero > 0 else ""
        lost = len(values) - len(kept)
        return text + (f"; {lost} not finite, left out." if lost else ".")


@dataclass(frozen=True)
class _Spectrum:
    groups: dict[str, np.ndarray]
    label: str

    def draw(self) -> Figure:
        figure, (axes,) = style.panels(1, height=3.4)
        looks = style.looks(len(self.groups))
        axes.set_yscale("log")
        ends = [
            self._line(axes, values, look)
            for values, look in zip(self.groups.values(), looks, strict=True)
        ]
        style.name(axes, "position, from the largest", self.label)
        count = max(values.shape[1] for values in self.groups.values())
        axes.set(xlim=(1, max(count, 2)), xticks=style.round_ticks(1, count))
        if len(ends) > 1:
            style.label_ends(axes, ends, list(self.groups), looks)
        return figure

    def _line(self, axes: Axes, values: np.ndarray, look: style.Look) -> float:
        positive = np.where(values > 0, values, np.nan)
        middle = np.exp(words.mean_over_seeds(np.log(positive)))
        ranks = np.arange(1, values.shape[1] + 1)
        if len(values) > 1:
            axes.plot(ranks, positive.T, color=look.color, **style.SEED)
        axes.plot(ranks, middle, color=look.color, linestyle=look.dash, **style.MEAN)
        return float(words.finite(middle)[-1])

    def describe(self) -> str:
        parts = [
            f"Line chart of {self.label}, from the largest to the smallest, on a logarithmic axis."
        ]
        return " ".join(parts + [self._sentence(*group) for group in self.groups.items()])

    def _sentence(self, name: str, values: np.ndarray) -> str:
        large = (values > 0.01 * values[:, :1]).sum(1).astype(float)
        return (
            f"{name}, {words.seeds(len(values))} of {values.shape[1]} numbers: "
            f"largest {words.mean(values[:, 0])}, "
            f"how many exceed 1 % of the largest {words.mean(large)}."
        )
