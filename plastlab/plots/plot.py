"""Plot: a figure together with its description in words."""

import base64
import html
import io
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from PIL import Image

from plastlab.errors import check_function, check_type
from plastlab.plots import style
from plastlab.screen import headless

DPI = 192
PIXELS_PER_INCH = 96


class Plot:
    """A matplotlib figure, drawn when first looked at, and `alt`, the same said in words.

    `figure` is free of pyplot's global state: it is shown once, where the plot is the value of a
    cell, and can be changed before that. On the page it is a PNG with a transparent background.
    """

    def __init__(self, draw: Callable[[], Figure], describe: Callable[[], str]) -> None:
        """Keep the two functions; neither is called yet."""
        check_function("Plot.draw", draw, "Give a function that makes a matplotlib figure.")
        check_function("Plot.describe", describe, "Give a function that makes the text.")
        self._draw = draw
        self._describe = describe

    @cached_property
    def figure(self) -> Figure:
        """The matplotlib figure. All its words are text: a "$" in a name is a dollar."""
        return style.as_text(check_type("Plot.draw: its result", self._draw(), Figure))

    @cached_property
    def alt(self) -> str:
        """What the figure shows, for a reader who cannot see it; written from the data."""
        return self._describe()

    def png(self, dpi: float = DPI) -> bytes:
        """The figure as a PNG with a transparent background and at most 256 colours.

        The palette makes it four times smaller, so that a notebook with a dozen figures stays
        below a megabyte.
        """
        full, small = io.BytesIO(), io.BytesIO()
        self.figure.savefig(full, format="png", dpi=dpi, transparent=True)
        image = Image.open(full).convert("RGBA")
        image.quantize(256, Image.Quantize.FASTOCTREE).save(small, "PNG", optimize=True)
        return small.getvalue()

    def save(self, path: str | Path) -> None:
        """Write the figure to `path`; the ending (.png, .svg, .pdf) says in which format."""
        self.figure.savefig(path, dpi=DPI, transparent=True)

    def __repr__(self) -> str:
        """Return the description: what a page without pictures shows."""
        return self.alt

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict, dict]:
        """Return the formats a notebook can choose from.

        JupyterLab 4 gives an image/png no alternative text, so a live session gets an HTML <img>
        that has one. A notebook that is run without a front end keeps the PNG, which code-hosting
        sites show, and the text in the image's metadata, where some converters look for it.
        """
        image = base64.b64encode(self.png()).decode("ascii")
        width = round(self.figure.get_figwidth() * PIXELS_PER_INCH)
        if not headless():
            tag = (
                f'<img src="data:image/png;base64,{image}" width="{width}" '
                f'alt="{html.escape(self.alt)}">'
            )
            return {"text/html": tag, "text/plain": self.alt}, {}
        bundle = {"image/png": image, "text/plain": self.alt}
        return bundle, {"image/png": {"width": width, "alt": self.alt}}
