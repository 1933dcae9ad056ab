"""A lab taken apart: the cells of its source by name, and answers as the text of a cell."""

import inspect
from functools import lru_cache

import jupytext

from plastlab.book.pages import FORMAT
from plastlab.requirements import ROOT

SOURCE = ROOT / "labs" / "04_resets.md"


@lru_cache(maxsize=1)
def read():
    """The source's cells."""
    return jupytext.read(SOURCE, fmt=FORMAT).cells


def marked():
    """The cells that nbgrader knows, by their name there."""
    return {c.metadata["nbgrader"]["grade_id"]: c for c in read() if "nbgrader" in c.metadata}


def cells():
    """Text of the cells that nbgrader knows; of the first code cell, as "imports"."""
    imports = next(cell.source for cell in read() if cell.cell_type == "code")
    return {"imports": imports} | {name: cell.source for name, cell in marked().items()}


def points():
    """What each test, and the open answer, is worth."""
    about = {name: cell.metadata["nbgrader"] for name, cell in marked().items()}
    return {name: each["points"] for name, each in about.items() if each["grade"]}


def text_of(answer, names):
    """The text of a cell that holds `answer`, one object or several, under the names asked for."""
    objects = answer if isinstance(answer, tuple) else (answer,)
    parts = [
        f"{inspect.getsource(one)}\n{name} = {one.__name__}"
        for one, name in zip(objects, names, strict=True)
    ]
    return "\n\n".join(parts)


def label(answer):
    """The name of an answer: of its last object that is not shared with other answers."""
    objects = answer if isinstance(answer, tuple) else (answer,)
    return "+".join(one.__name__ for one in objects)


class Desk:
    """What a kernel knows after the lab's imports and one answer."""

    def __init__(self, answer, names):
        self.space = {"__name__": "desk"}
        exec(cells()["imports"], self.space)
        exec(text_of(answer, names), self.space)

    def run(self, cell):
        """Run a cell of the lab."""
        exec(cells()[cell], self.space)
