"""Signals layer by layer: sampled networks, and the theory drawn over them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from plastlab.errors import check_named
from plastlab.plots import style, words
from plastlab.plots.axis import ticks
from plastlab.plots.chosen import chosen
from plastlab.plots.palette import GREY
from plastlab.plots.plot import Plot
from plastlab.propagation import QUANTITIES, Propagation

NAMES = {
    "forward": "mean square, forward",
    "backward": "mean square, backward",
    "correlation": "cosine of two inputs",
}
HEIGHT = 2.7  # inches a panel
Panels = dict[str, Mapping[str, Propagation]]


def layers(
    measured: Mapping[str, Propagation] | Mapping[str, Mapping[str, Propagation]],
    quantity: str | Sequence[str],
) -> Plot:
    """What `propagate` measured, against the layer: one thin line a seed, the theory thick.

    `measured` is name -> propagation, or title -> those of one panel. `quantity` is "forward",
    "backward" or "correlation", or several of them, a row of panels each. The first two have a
    logarithmic axis; the gradient is measured in units of that in the last layer.

    Raises:
        ValueError: no propagation, or another quantity.
    """
    check_named("layers: measured", measured, object, 'Give {"gain 1": propagate(...)}.')
    nested = all(isinstance(each, Mapping) for each in measured.values())
    panels = dict(measured) if nested else {"": measured}
    for each in panels.values():
        check_named("layers: measured", each, Propagation, "Give what propagate(...) returned.")
    if not panels or not all(panels.values()):
        raise ValueError('layers: measured is empty; give {"gain 1": propagate(...)}.')
    asked = chosen("layers: quantity", [] if quantity is None else quantity, QUANTITIES)
    spec = _Layers(panels, asked)
    return Plot(spec.draw, spec.describe)


@dataclass(frozen=True)
class _Layers:
    panels: Panels
    quantities: tuple[str, ...]

    def draw(self) -> Figure:
        across = len(self.panels)
        figure, everywhere = style.panels(across * len(self.quantities), HEIGHT, across)
        rows = [everywhere[i : i + across] for i in range(0, len(everywhere), across)]
        for quantity, row in zip(self.quantities, rows, strict=True):
            for axes, (title, found) in zip(row, self.panels.items(), strict=True):
                self._panel(axes, quantity, found)
                style.name(axes, "layer", title)
            self._share(row, quantity)
            row[0].set_ylabel(NAMES[quantity], color=GREY, fontsize=style.TEXT)
        style.legend(figure, self._names, style.looks(len(self._names)))
        return figure

    @property
    def _names(self) -> list[str]:
        """What the colours stand for, in the order of their first use."""
        return list(dict.fromkeys(name for found in self.panels.values() for name in found))

    def _panel(self, axes: Axes, quantity: str, found: Mapping[str, Propagation]) -> None:
        looks = dict(zip(self._names, style.looks(len(self._names)), strict=True))
        for name, each in found.items():
            seeds, look = getattr(each, quantity), looks[name]
            axes.plot(each.layers, seeds.T, color=look.color, **style.SEED)
            expected = each.expected(quantity)
            axes.plot(each.layers, expected, color=look.color, linestyle=look.dash, **style.MEAN)
            axes.set_xlim(each.layers[0], each.layers[-1])
            axes.set_xticks(style.round_ticks(int(each.layers[0]), int(each.layers[-1])))

    def _share(self, row: Sequence[Axes], quantity: str) -> None:
        """One scale for a row of panels, with its numbers at the first."""
        log = quantity != "correlation"
        for axes in row:
            if log:
                axes.set_yscale("log")
        limits = np.array([axes.get_ylim() for axes in row])
        low, high = limits[:, 0].min(), limits[:, 1].max()
        low, high = (low, high) if log else (min(0.0, low), 1.0)
        at, named = zip(*ticks(low, high, log), strict=True)
        for axes in row:
            axes.set_ylim(low, high) if log else style.set_limits(axes, (low, high))
            axes.set_yticks(at, named if axes is row[0] else [""] * len(at))
            axes.minorticks_off()

    def describe(self) -> str:
        parts = [
            "Lines against the layer; every seed a thin line, wide-network theory a thick one."
        ]
        for quantity in self.quantities:
            for title, found in self.panels.items():
                parts += [self._sentence(quantity, title, *item) for item in found.items()]
        return " ".join(parts)

    def _sentence(self, quantity: str, title: str, name: str, found: Propagation) -> str:
        last, expected = getattr(found, quantity), found.expected(quantity)
        at = 0 if quantity == "backward" else -1
        middle = last[:, at].mean() if quantity == "correlation" else _geometric(last[:, at])
        heading = ", ".join(filter(None, [NAMES[quantity], title, name]))
        return (
            f"{heading}: {middle:.2g} on average of {words.seeds(len(last))} in layer "
            f"{found.layers[at]}, by theory {expected[at]:.2g}."
        )


def _geometric(values: np.ndarray) -> float:
    return float(10 ** np.log10(values).mean())
