"""What follows a boundary, update by update: Adam's steps with the theory, deaths, loss."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from plastlab.boundary import Crossing, Steps
from plastlab.errors import check_choice, check_named
from plastlab.plots import style, words
from plastlab.plots.palette import GREY
from plastlab.plots.plot import Plot

NAMES = {
    "step_size": "step, in learning rates",
    "dead_units": "share of units dead",
    "loss": "loss on the new task",
}
HEIGHT = 3.4  # inches a panel


def steps(measured: Mapping[str, Mapping[str, Steps]], quantity: str = "step_size") -> Plot:
    """One panel for each entry of `measured`, title -> name -> what `cross` or `simulate` gave.

    `quantity` is "step_size" (seeds thin, the theory thick), or "dead_units" or "loss", which only
    `cross` measures (seeds thin, their mean thick).

    Raises:
        ValueError: nothing measured, or another quantity.
        TypeError: a quantity that numbers without a network do not have.
    """
    check_named("steps: measured", measured, Mapping, 'Give {"a title": cross(...)}.')
    check_choice("steps: quantity", quantity, NAMES)
    kind = Steps if quantity == "step_size" else Crossing
    for found in measured.values():
        check_named("steps: measured", found, kind, f"{quantity} comes from cross(...).")
    if not measured or not all(measured.values()):
        raise ValueError('steps: measured is empty; give {"a title": cross(...)}.')
    spec = _Steps({title: dict(found) for title, found in measured.items()}, quantity)
    return Plot(spec.draw, spec.describe)


@dataclass(frozen=True)
class _Steps:
    panels: dict[str, dict[str, Steps]]
    quantity: str

    def draw(self) -> Figure:
        count = len(self.panels)
        figure, everywhere = style.panels(count, HEIGHT, across=2, sharey=True)
        for axes, (title, found) in zip(everywhere, self.panels.items(), strict=True):
            self._panel(axes, found)
            style.name(axes, "updates after the boundary", title if count > 1 else self._name)
            style.set_limits(axes, (0.0, None))
            if count > 1:
                _key(axes, list(found))
        if count == 1:
            style.legend(figure, list(found), style.looks(len(found)))
        else:
            everywhere[0].set_ylabel(self._name, color=GREY, fontsize=style.TEXT)
        return figure

    @property
    def _name(self) -> str:
        return NAMES[self.quantity]

    def _panel(self, axes: Axes, found: dict[str, Steps]) -> None:
        for each, look in zip(found.values(), style.looks(len(found)), strict=True):
            seeds, thick = getattr(each, self.quantity), self._thick(each)
            at = self._updates(each)
            axes.plot(at, seeds.T, color=look.color, **style.SEED)
            axes.plot(at, thick, color=look.color, linestyle=look.dash, **style.MEAN)
            axes.set_xlim(at[0], at[-1])
            axes.set_xticks(style.round_ticks(int(at[0]), int(at[-1])))

    def _updates(self, each: Steps) -> np.ndarray:
        last = each.step_size.shape[1]
        return np.arange(0 if self.quantity == "dead_units" else 1, last + 1)

    def _thick(self, each: Steps) -> np.ndarray:
        """The theory where there is one, else the mean over seeds."""
        curves = each.expected if self.quantity == "step_size" else getattr(each, self.quantity)
        return curves.mean(0)

    def describe(self) -> str:
        thick = "theory" if self.quantity == "step_size" else "the mean"
        parts = [
            f"Lines of {self._name} against updates after the boundary; every seed a thin line, "
            f"{thick} a thick one."
        ]
        for title, found in self.panels.items():
            parts += [self._sentence(title, name, each) for name, each in found.items()]
        return " ".join(parts)

    def _sentence(self, title: str, name: str, each: Steps) -> str:
        seen, thick = getattr(each, self.quantity).mean(0), self._thick(each)
        at, top = self._updates(each), int(np.argmax(seen))
        text = (
            f"{', '.join(filter(None, [title, name]))}: mean of {words.seeds(len(each.seeds))} "
            f"{seen[0]:.2g} at update {at[0]}, at most {seen[top]:.2g} (update {at[top]}), "
            f"{seen[-1]:.2g} at update {at[-1]}"
        )
        if self.quantity == "step_size":
            text += f"; theory {thick[0]:.2g}, at most {thick.max():.2g}, {thick[-1]:.2g}"
        return f"{text}."


def _key(axes: Axes, names: list[str]) -> None:
    """What the lines of one panel of several are, under it."""
    handles = [
        Line2D([], [], color=look.color, linestyle=look.dash, **style.MEAN)
        for look in style.looks(len(names))
    ]
    text = {"frameon": False, "fontsize": style.TEXT, "labelcolor": GREY, "handlelength": 2.6}
    style.key(axes, handles, names, loc="upper center", bbox_to_anchor=(0.5, -0.22), **text)
