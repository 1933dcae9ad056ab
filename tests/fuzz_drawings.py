"""Plots, and pictures made of marks, for the fuzzer: each is drawn and described."""

import io

import numpy as np
from fuzz_values import numeric
from matplotlib.figure import Figure

import plastlab
from plastlab import plots
from plastlab.boundary import simulate
from plastlab.nets import MLP
from plastlab.propagation import propagate


def drawn(plot):
    """Draw it, at a low resolution, and put it in words."""
    plot.figure.savefig(io.BytesIO(), format="png", dpi=20)
    assert isinstance(plot.alt, str)


def shown(mark):
    """A mark or an axis in a picture of its own."""
    pictured(plastlab.Picture([mark]))


def pictured(picture):
    """A picture as a figure and in the browser."""
    from plastlab.panels.chart import pack

    drawn(picture.still())
    for each in getattr(picture, "pictures", [picture]):
        pack(each)


def along(axis):
    """A picture with this axis."""
    pictured(plastlab.Picture([plastlab.Line([1, 2], [1, 2])], axis, axis))


def moved(control):
    """A control as a widget."""
    control.widget("name")
    assert control.value in control.ends or control.ends[0] <= control.value <= control.ends[1]


def drawings(result, found, target):
    """The targets."""
    yield from figures(result, found, target)
    yield from marks(target)
    label = {"label": "a name"}
    yield target("Axis", plastlab.Axis, use=along, **label, low=0.5, high=3.0, log=False)
    slider = {"low": 0.0, "high": 5.0, "value": 1.0, "log": False, "step": 0.5}
    yield target("Slider", plastlab.Slider, use=moved, **slider, **label)
    yield target("Slider: whole", plastlab.Slider, use=moved, low=1, high=9, value=3, step=2)
    log = {"low": 0.1, "high": 10.0, "value": 1.0, "log": True}
    yield target("Slider: log", plastlab.Slider, use=moved, **log)
    yield target("Choice", plastlab.Choice, use=moved, options=["a", "b"], value="a", **label)
    yield target("Switch", plastlab.Switch, use=moved, value=False, **label)


def figures(result, found, target):
    """Every function of `plots`."""
    told = {"bars": {"result": result, "probe": "accuracy", "times": 1}}
    told["bars"] |= {"conditions": ["a", "b"], "reference": "a"}
    told["curves"] = {"result": result, "probe": "accuracy", "conditions": ["a"], "guess": None}
    parts = {"parts": {"x": {"p": 0.5}}, "marks": {0.5: "half"}}
    told["forest"] = {"scores": {"x": found, "y": found}, "label": "score", **parts}
    grid = {"values": {"p": np.full((2, 3), 0.5)}, "x": [1, 2, 3], "y": [1, 10]}
    told["heatmap"] = grid | {"axes": ("x", "y"), "label": "share", "curves": {"p": [([1], [2])]}}
    told["heatmap"]["curve"] = "theory"
    told["histogram"] = {"values": {"x": [1.0, 2.0, 2.0]}, "label": "numbers", "bins": 4}
    told["spectrum"] = {"values": {"x": [3.0, 1.0]}, "label": "numbers"}
    measured = {"x": propagate(MLP(4, 2), 2, inputs=5, pairs=2)}
    told["layers"] = {"measured": measured, "quantity": "forward"}
    told["profiles"] = {"levels": [0.0, 1.0], "shares": {"x": [1.0, 0.5]}, "label": "score"}
    told["profiles"]["share"] = "share of runs"
    told["signs"] = {"values": {"x": [found, None]}, "columns": ["p", "q"], "label": "gain"}
    crossed = simulate(3.0, seeds=2, steps=3, entries=5, learning=4)
    told["steps"] = {"measured": {"": {"x": crossed}}, "quantity": "step_size"}
    named = {"probe": lambda v: v == "accuracy", "conditions": lambda v: v is None or v == ["a"]}
    for name, good in told.items():
        own = named if name in ("bars", "curves") else {}
        own = own | ({"levels": numeric} if name == "profiles" else {})
        own = own | ({"guess": lambda v: None} if name == "curves" else {})
        if name == "layers":
            own = {"quantity": lambda v: v == "forward", "measured": lambda v: False}
        yield target(f"plots.{name}", getattr(plots, name), drawn, lambda m: m.alt, own, **good)
    draw = {"draw": Figure, "describe": str}
    yield target("plots.Plot", plots.Plot, text=lambda m: "", **draw)


def marks(target):
    """Lines, dots, bars, bands, rules; pictures and rows of them."""
    look = {"label": "a name", "color": "blue"}
    points = {"x": [0, 1, 2], "y": [1.0, 3.0, 2.0]}
    row = {"x": a_row, "y": a_row, "low": a_row, "high": a_row}
    yield target("Line", plastlab.Line, shown, rules=row2(row), **points, dash="dotted", **look)
    yield target("Dots", plastlab.Dots, shown, rules=row2(row), **points, **look)
    named = row2(row) | {"x": lambda v: None}
    yield target("Bars", plastlab.Bars, shown, rules=named, **points, **look)
    edges = {"x": [0, 1], "low": [0, 1], "high": [1, 2]}
    rules = {name: row[name] for name in edges}
    yield target("Band", plastlab.Band, shown, rules=rules, **edges, **look)
    yield target("Rule", plastlab.Rule, shown, x=None, y=1.0, **look)
    line, one = plastlab.Line([0, 1], [0, 1]), plastlab.Picture([plastlab.Dots([1], [2])])
    words = {"x": "across", "y": "up", "title": "a title", "alt": ""}
    yield target("Picture", plastlab.Picture, pictured, marks=[line], **words)
    yield target("Row", plastlab.Row, pictured, pictures=[one, one])


def row2(row):
    """The two rows of a mark with points."""
    return {name: row[name] for name in ("x", "y")}


def a_row(value):
    """Whether it is one row of numbers, of which some may be nan or infinite."""
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        return False
    return array.ndim == 1 and (array.dtype.kind in "iuf" or not array.size)
