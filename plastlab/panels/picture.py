"""Pictures as data: a chart is a frozen list of marks and two axes.

chart.py draws it in the browser, still.py as a figure; both take limits, ticks, colours and dashes
from here, so that the two agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from plastlab.errors import check_type
from plastlab.panels.marks import Bars, Dots, Line, Mark, Style
from plastlab.panels.still import still
from plastlab.plots.axis import Axis, ticks
from plastlab.plots.plot import Plot


@dataclass(frozen=True)
class Picture:
    """One chart: marks, an axis each way (a plain string is an axis' label), a title.

    `alt` says in words what the chart shows; left empty, it is written from the data.
    """

    marks: Sequence[Mark]
    x: Axis | str = ""
    y: Axis | str = ""
    title: str = ""
    alt: str = ""

    def __post_init__(self) -> None:
        """Check the fields and make both axes."""
        for mark in check_type("Picture.marks", self.marks, (list, tuple), "Give a list."):
            check_type("Picture.marks: each", mark, Mark, "Give Line, Dots, Bars, Band or Rule.")
        object.__setattr__(self, "marks", tuple(self.marks))
        for name in ("x", "y"):
            axis = check_type(f"Picture.{name}", getattr(self, name), (str, Axis))
            object.__setattr__(self, name, Axis(axis) if isinstance(axis, str) else axis)
        check_type("Picture.title", self.title, str)
        check_type("Picture.alt", self.alt, str)

    def limits(self, direction: str) -> tuple[float, float]:
        """Return the two ends of the axis `direction`, "x" or "y"."""
        tight = direction == "x" and not any(isinstance(mark, Dots) for mark in self.marks)
        values = [row for mark in self.marks for row in mark.reach(direction)]
        return getattr(self, direction).reach(values, margin=0.0 if tight else 0.05)

    def ticks(self, direction: str) -> list[tuple[float, str]]:
        """Return the ticks of the axis `direction`: names under bars with names, else numbers."""
        names = next((mark.names for mark in self.marks if isinstance(mark, Bars)), ())
        if direction == "x" and names:
            return [(float(k), name) for k, name in enumerate(names)]
        return ticks(*self.limits(direction), log=getattr(self, direction).log)

    def styles(self) -> list[Style]:
        """Return the look of each mark: by its label, in order of appearance."""
        labels = list(dict.fromkeys(mark.label for mark in self.marks if mark.in_legend))
        return [
            mark.style(labels.index(mark.label) if mark.in_legend else 0) for mark in self.marks
        ]

    def legend(self) -> list[int]:
        """Return which marks stand for the labels: of those that share one, a thick line first."""
        chosen: dict[str, int] = {}
        for k, mark in enumerate(self.marks):
            thick = isinstance(mark, Line) and not mark.thin
            if mark.label and mark.in_legend and (thick or mark.label not in chosen):
                chosen[mark.label] = k
        return list(chosen.values())

    def words(self) -> str:
        """Return the text that stands for the chart: `alt`, or one written from the data."""
        if self.alt:
            return self.alt
        heading = [f"{self.title}."] if self.title else []
        marks = [mark.words() for mark in self.marks if not mark.thin]
        thin = sum(mark.thin for mark in self.marks)
        single = [f"{thin} thin lines, one each seed."] if thin else []
        axes = [f"{self._axis_words('x', 'Across')} {self._axis_words('y', 'Up')}"]
        return " ".join(heading + axes + marks + single)

    def still(self) -> Plot:
        """Return the chart as a plot, which is what it is shown as in a cell of its own."""
        return Plot(lambda: still([self]), self.words)

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict]:
        return self.still()._repr_mimebundle_()

    def _axis_words(self, direction: str, way: str) -> str:
        axis = getattr(self, direction)
        named = [text for _, text in self.ticks(direction)]
        scale = ", logarithmic" if axis.log else ""
        return f"{way}: {axis.label or 'no label'}, {named[0]} to {named[-1]}{scale}."


@dataclass(frozen=True)
class Row:
    """Several charts side by side."""

    pictures: Sequence[Picture]

    def __post_init__(self) -> None:
        """Check that there is a chart."""
        for picture in check_type("Row.pictures", self.pictures, (list, tuple), "Give a list."):
            check_type("Row.pictures: each", picture, Picture)
        if not self.pictures:
            raise ValueError("Row.pictures must hold at least one Picture; got none.")
        object.__setattr__(self, "pictures", tuple(self.pictures))

    def words(self) -> str:
        """Return the texts of all charts."""
        return " ".join(picture.words() for picture in self.pictures)

    def still(self) -> Plot:
        """Return the charts side by side as one plot."""
        return Plot(lambda: still(self.pictures), self.words)

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict]:
        return self.still()._repr_mimebundle_()


def pictures(shown: Picture | Row) -> tuple[Picture, ...]:
    """Return the charts in what a picture function gave back.

    Raises:
        TypeError: it gave something else.
    """
    check_type("A picture function's result", shown, (Picture, Row), "Return a Picture or a Row.")
    return shown.pictures if isinstance(shown, Row) else (shown,)
