"""explore: a picture that is a function of a few knobs, drawn again while a reader turns them."""

import time
from collections.abc import Callable
from typing import Any

from plastlab.errors import check_takes
from plastlab.panels.chart import Chart
from plastlab.panels.controls import Control, Knobs
from plastlab.panels.frontend import Panel
from plastlab.panels.picture import Picture, Row

SLOW = 0.3  # seconds that a picture may take before the page says that it is being computed


class Explorer(Panel):
    """The knobs, and under them the chart. Made by `explore`."""

    def __init__(self, picture: Callable[..., Picture | Row], knobs: Knobs) -> None:
        """Draw the picture where the knobs stand at first; an error here is the author's."""
        self.picture, self.knobs, self.chart = picture, knobs, Chart()
        self._seconds = 0.0
        self._draw()
        for widget in knobs.widgets.values():
            widget.observe(self._turned, "value")
        start = knobs.start()
        super().__init__([knobs.box, self.chart], lambda: picture(**start).still())

    def _turned(self, _change: Any) -> None:
        # Drawn within the message: the page holds further moves back until this one is answered,
        # and then sends only the newest.
        if self._seconds > SLOW:
            self.chart.status = "Computing …"
        try:
            self._draw()
        except Exception as error:
            self.chart.fail(error)

    def _draw(self) -> None:
        began = time.perf_counter()
        self.chart.show(self.picture(**self.knobs.values()))
        self._seconds = time.perf_counter() - began


def explore(picture: Callable[..., Picture | Row], **knobs: Control) -> Explorer:
    """Show `picture(**values)`, drawn again at each turn of a knob.

    `picture` is a pure function of the knobs' values, so it can be called and tested without any
    widget. An error that it raises later is shown under the chart, and the knobs go on working.

    Raises:
        TypeError: a knob is not a Slider, Choice or Switch, or `picture` gives no Picture or Row.
    """
    shown = Knobs(knobs)
    check_takes("explore: picture", picture, knobs)
    return Explorer(picture, shown)
