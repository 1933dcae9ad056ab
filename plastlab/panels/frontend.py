"""Widgets that leave a still picture where nobody can turn them."""

import base64
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as widgets

from plastlab.plots.plot import Plot
from plastlab.screen import headless

HERE = Path(__file__).parent


class Manners(anywidget.AnyWidget):
    """Nothing to see: a panel's styles, and names for screen readers. Each panel holds one."""

    _esm = HERE / "panel.js"
    _css = HERE / "panel.css"


class Panel(widgets.VBox):
    """Widgets in a column, and a still picture for pages that cannot run them."""

    def __init__(self, children: Sequence[widgets.Widget], still: Callable[[], Plot]) -> None:
        """Keep `still`; it is called when the panel is shown."""
        super().__init__([*children, Manners()])
        self.add_class("plastlab-panel")
        self._still = still

    def __repr__(self) -> str:
        """Return a line that stays the same from run to run."""
        return f"{type(self).__name__}()"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict]:
        """Return the still, and with a front end the widgets too, which JupyterLab prefers."""
        plot = self._still()
        if headless():
            return plot._repr_mimebundle_()
        image = base64.b64encode(plot.png()).decode("ascii")
        bundle = {**super()._repr_mimebundle_(**kwargs), "image/png": image}
        return {**bundle, "text/plain": plot.alt}, {"image/png": {"alt": plot.alt}}
