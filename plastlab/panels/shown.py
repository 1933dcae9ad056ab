"""Plain outputs that are filled in later: they survive saving, a restart, and another browser."""

from collections.abc import Sequence
from html import escape
from typing import Any

from IPython.display import display

WAITING = "Commit or skip above to see what happened."


class Words:
    """A paragraph, in which nothing is markup and nothing mathematics."""

    def __init__(self, text: str) -> None:
        """Keep the text."""
        self.text = text

    def __repr__(self) -> str:
        """Return the text."""
        return self.text

    def _repr_html_(self) -> str:
        return f"<div>{as_html(self.text)}</div>"


def as_html(text: str) -> str:
    """Return HTML that reads as the text: a formula begins nowhere."""
    for sign in "\\$":
        text = text.replace(sign, f"\0{sign}\1")
    return escape(text).replace("\0", "<span>").replace("\1", "</span>")


class Places:
    """Outputs of one cell, made now and filled when there is something to show."""

    def __init__(self, items: Sequence[Any]) -> None:
        """Show the items, or places for them: None is an empty one."""
        self._handles = [
            display(display_id=True) if item is None else display(item, display_id=True)
            for item in items
        ]

    def fill(self, items: Sequence[Any]) -> None:
        """Show these instead, one in each place."""
        for handle, item in zip(self._handles, items, strict=True):
            if item is None:
                handle.update({}, raw=True)
            else:
                handle.update(item)


def waiting(count: int) -> list[Any]:
    """Return what stands in `count` places until a question is closed: one line."""
    return [Words(WAITING), *[None] * (count - 1)]
