"""Controls that readers turn, as data: sliders, choices and switches.

Only such as leave the keyboard to the reader: JupyterLab takes the arrow keys away from drop-down
lists and radio buttons.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets

from plastlab.errors import check_choice, check_number, check_type
from plastlab.spec import Spec, plain

SLIDER, NUMBER = 16.0, 6.0  # widths in em of a slider and of a box for a number, without the name
EXACT = 1e15  # beyond this, a page no longer tells whole numbers apart
STOPS = 1e6  # of a slider, at most
ROUND = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8)


@dataclass(frozen=True)
class Slider(Spec):
    """A number from `low` to `high`, whole if all that is given are ints.

    It starts at `value`, or in the middle. `step` is set from the range if it is left open. With
    `log` it stops at round numbers instead, at most ten to a decade, and at `low`, `high` and
    `value`.
    """

    low: int | float
    high: int | float
    value: int | float | None = None
    log: bool = False
    step: int | float | None = None
    label: str = ""

    def __post_init__(self) -> None:
        """Check the fields and fill those that were left open."""
        for name in ("low", "high"):
            check_number(f"Slider.{name}", getattr(self, name), -EXACT, EXACT)
        check_type("Slider.log", self.log, bool, "Give True or False.")
        if self.low >= self.high:
            raise ValueError(f"Slider.low must be below Slider.high; got {self.low}, {self.high}.")
        if self.log:
            check_number("Slider.low (with log)", self.low, 0, low_open=True)
            if self.step is not None:
                raise ValueError(f"Slider.step must be left open with log; got {self.step!r}.")
        else:
            span = self.high - self.low
            check_number("Slider.high - Slider.low", span, 1 / EXACT)
            object.__setattr__(self, "step", self._usual_step() if self.step is None else self.step)
            check_number("Slider.step", self.step, span / STOPS, span)
        if self.value is None:
            object.__setattr__(self, "value", self._middle())
        check_number("Slider.value", self.value, self.low, self.high)
        check_type("Slider.label", self.label, str)

    @property
    def whole(self) -> bool:
        """Whether it gives whole numbers."""
        given = (self.low, self.high, self.value, self.step)
        return all(isinstance(n, int) for n in given if n is not None)

    @property
    def ends(self) -> tuple[float, float]:
        """The values at its corners."""
        return self.low, self.high

    def widget(self, label: str) -> widgets.Widget:
        """Return the slider."""
        value = {
            "value": self.value,
            "layout": {"max_width": "100%"},
            **_named(self.label or label),
        }
        if self.log:
            stops = [(_said(stop), stop) for stop in self.stops()]
            return widgets.SelectionSlider(options=stops, **value).add_class("plastlab-stops")
        limits = {"min": self.low, "max": self.high, "step": self.step}
        if self.whole:
            return widgets.IntSlider(**value, **limits)
        return widgets.FloatSlider(**value, **limits, readout_format=f".{self._places}f")

    def stops(self) -> list[float]:
        """Return the numbers at which it stops: ints if it is whole, else floats."""
        if self.log:
            decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            found = [float(f"{digits}e{decade}") for decade in decades for digits in ROUND]
        else:
            steps = range(math.floor((self.high - self.low) / self.step + 1e-9) + 1)
            found = [float(f"{self.low + k * self.step:.12g}") for k in steps]
        if self.whole:
            found = [int(stop) for stop in found if stop == int(stop)]
        inner = {stop for stop in found if self.low < stop < self.high}
        kind = int if self.whole else float
        return sorted(map(kind, inner | {self.low, self.high, self.value}))

    @property
    def _places(self) -> int:
        """Digits behind the point in which its step is written, two more than one at most."""
        first = max(0, -math.floor(math.log10(self.step) + 1e-9))
        exact = (n for n in (first, first + 1) if math.isclose(round(self.step, n), self.step))
        return next(exact, first + 2)

    def _usual_step(self) -> float:
        if self.whole:
            return max(1, round((self.high - self.low) / 100))
        return 10.0 ** math.floor(math.log10((self.high - self.low) / 50))

    def _middle(self) -> float:
        if self.log:
            middle = float(f"{math.sqrt(self.low * self.high):.1g}")
            middle = min(max(middle, self.low), self.high)
            return int(middle) if self.whole else middle
        middle = (self.low + self.high) / 2
        return int(middle) if self.whole else middle


@dataclass(frozen=True)
class Choice(Spec):
    """One of a few options, a button each; it starts at `value`, or at the first."""

    options: Sequence[Any]
    value: Any = None
    label: str = ""

    def __post_init__(self) -> None:
        """Check the fields."""
        check_type("Choice.options", self.options, (list, tuple), "Give a list.")
        object.__setattr__(self, "options", plain(tuple(self.options)))
        if len(self.options) < 2:
            raise ValueError(f"Choice.options must hold at least 2; got {list(self.options)}.")
        names = [str(option) for option in self.options]
        if len(set(names)) < len(names):
            raise ValueError(f"Choice.options must all have different names; got {names}.")
        if self.value is None:
            object.__setattr__(self, "value", self.options[0])
        check_choice("Choice.value", self.value, self.options)
        check_type("Choice.label", self.label, str)

    @property
    def ends(self) -> tuple[Any, ...]:
        """The values at its corners: all of them."""
        return self.options

    def stops(self) -> list[Any]:
        """Return the options."""
        return list(self.options)

    def widget(self, label: str) -> widgets.Widget:
        """Return the buttons."""
        shown = {"options": [(str(option), option) for option in self.options], "value": self.value}
        return buttons(**shown, **_named(self.label or label))


@dataclass(frozen=True)
class Switch(Spec):
    """Something that is on or off, as a box to tick."""

    value: bool = False
    label: str = ""

    def __post_init__(self) -> None:
        """Check the fields."""
        check_type("Switch.value", self.value, bool)
        check_type("Switch.label", self.label, str)

    @property
    def ends(self) -> tuple[bool, bool]:
        """The values at its corners."""
        return False, True

    def stops(self) -> list[bool]:
        """Return off and on."""
        return [False, True]

    def widget(self, label: str) -> widgets.Widget:
        """Return the box."""
        name = _named(self.label or label)
        return widgets.Checkbox(self.value, layout={"width": "auto"}, **name)


Control = Slider | Choice | Switch


def buttons(**state: Any) -> widgets.ToggleButtons:
    """Return one button for each option, as wide as its text, with the description beside them."""
    shown = widgets.ToggleButtons(**state, layout={"width": "auto"})
    shown.style.button_width = "auto"
    return shown


class Knobs:
    """The controls of one explorer and their widgets."""

    def __init__(self, controls: Mapping[str, Control]) -> None:
        """Make a widget for each control.

        Raises:
            TypeError: one of them is not a control.
        """
        for name, control in controls.items():
            remedy = "Give Slider(...), Choice([...]) or Switch()."
            check_type(f"The knob {name}", control, (Slider, Choice, Switch), remedy)
        self.controls = dict(controls)
        self.widgets = {k: c.widget(k.replace("_", " ")) for k, c in self.controls.items()}
        align(list(self.widgets.values()))
        self.box = side_by_side(list(self.widgets.values()))

    def values(self) -> dict[str, Any]:
        """Return what each control shows now."""
        return {name: widget.value for name, widget in self.widgets.items()}

    def start(self) -> dict[str, Any]:
        """Return what each control shows at first."""
        return {name: control.value for name, control in self.controls.items()}


def _named(label: str) -> dict[str, str]:
    """Return the name beside a widget; without a tooltip, ipywidgets makes one that says "null"."""
    return {"description": label, "tooltip": label}


def _said(stop: float) -> str:
    """Return the number as its slider says it: all digits of a whole one."""
    return f"{stop:,}" if isinstance(stop, int) else f"{stop:,g}"


def side_by_side(shown: Sequence[widgets.Widget]) -> widgets.Box:
    """Return a row of widgets that goes on in the next line where the page is narrow."""
    return widgets.Box(list(shown), layout={"flex_flow": "row wrap"})


def align(shown: Sequence[widgets.Widget]) -> None:
    """Give the names beside some widgets one width, so that none is cut off and a long one takes
    nothing from a slider. The name of a box to tick stands behind it, and needs no room there."""
    named = [widget for widget in shown if hasattr(widget.style, "description_width")]
    before = [widget for widget in named if not isinstance(widget, widgets.Checkbox)]
    widest = 0.7 * max((len(widget.description) for widget in before), default=0) + 0.8
    for widget in named:
        widget.style.description_width = f"{widest:.1f}em"
        if isinstance(widget, (widgets.FloatSlider, widgets.IntSlider, widgets.SelectionSlider)):
            widget.layout.width = f"{widest + SLIDER:.1f}em"
        elif isinstance(widget, widgets.BoundedIntText):
            widget.layout.width = f"{widest + NUMBER:.1f}em"
