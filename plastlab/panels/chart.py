"""The front end of a picture: one anywidget that draws on a canvas in the colours of the page."""

from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets

from plastlab.panels.marks import Bars, Line, Mark, Rule, Style
from plastlab.panels.picture import Picture, Row, pictures

HERE = Path(__file__).parent
PARTS = ("chart.js", "colors.js", "readout.js")  # read as one module: a widget's has no neighbours


class Chart(anywidget.AnyWidget):
    """What the page shows of a picture: the charts, a line of status, and a line for an error."""

    _esm = "".join((HERE / part).read_text("utf-8") for part in PARTS)
    _css = HERE / "chart.css"
    charts = traitlets.List().tag(sync=True)
    status = traitlets.Unicode().tag(sync=True)
    problem = traitlets.Unicode().tag(sync=True)

    def show(self, shown: Picture | Row, status: str = "") -> None:
        """Draw `shown`, in one message to the page, and take an earlier error away."""
        charts = [pack(picture) for picture in pictures(shown)]
        with self.hold_sync():
            self.charts, self.status, self.problem = charts, status, ""

    def fail(self, error: Exception) -> None:
        """Show the error under the chart; what was drawn before stays."""
        self.problem = f"{type(error).__name__}: {error}"

    def __repr__(self) -> str:
        """Return a line without an address, so that notebooks do not change."""
        return "Chart()"


def pack(picture: Picture) -> dict[str, Any]:
    """Return the picture as chart.js wants it: numbers as float32 bytes, ticks with their text."""
    styled = list(zip(picture.marks, picture.styles(), strict=True))
    return {
        "title": picture.title,
        "words": picture.words(),
        "legend": [_swatch(*styled[k]) for k in picture.legend()],
        "marks": [_pack_mark(mark, style) for mark, style in styled],
        **{direction: _pack_axis(picture, direction) for direction in ("x", "y")},
    }


def _swatch(mark: Mark, style: Style) -> dict[str, Any]:
    return {"label": mark.label, "kind": type(mark).__name__, **vars(style)}


def _pack_axis(picture: Picture, direction: str) -> dict[str, Any]:
    axis = getattr(picture, direction)
    low, high = picture.limits(direction)
    scale = {"label": axis.label, "low": low, "high": high, "log": axis.log}
    return {**scale, "ticks": picture.ticks(direction)}


def _pack_mark(mark: Mark, style: Style) -> dict[str, Any]:
    with np.errstate(over="ignore"):  # what is too large for the page is infinite there, undrawn
        rows = {name: getattr(mark, name).astype(np.float32).tobytes() for name in mark.rows}
    packed = {"kind": type(mark).__name__, "label": mark.label, **vars(style), **rows}
    if isinstance(mark, Line):
        packed["thin"] = mark.thin
    elif isinstance(mark, Bars):
        packed["width"] = mark.width
    elif isinstance(mark, Rule):
        packed |= {"x": mark.x, "y": mark.y}
    return packed
