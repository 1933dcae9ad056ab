"""What students get: nbgrader takes the solutions and the hidden tests out of a lab's notebook.

A course is a folder as nbgrader knows it: `source` (with solutions), `release` (for students),
`submitted`, `autograded`, `feedback`, and a gradebook.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from traitlets.config import PyFileConfigLoader

CONFIG = "nbgrader_config.py"
SECONDS = 120
SETTINGS = f'''"""Settings of this course; `nbgrader` reads them when it is run in this folder."""

import os
from pathlib import Path

from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
from nbgrader.preprocessors import ClearHiddenTests, GetGrades

os.environ["PLASTLAB_STILLS"] = "1"  # nobody answers while labs are marked
c = get_config()
c.CourseDirectory.root = str(Path(__file__).resolve().parent)
c.ClearSolutions.code_stub = {{"python": "# Your code here."}}
c.ClearSolutions.text_stub = "*Your answer here.*"
# A cell that runs longer than this many seconds is stopped and counts as failed.
c.Execute.timeout = {SECONDS}
# Feedback shows what went wrong, and not how it was tested.
c.GenerateFeedback.preprocessors = [ClearHiddenTests, GetGrades, CSSHTMLHeaderPreprocessor]
'''


class ReleaseError(Exception):
    """nbgrader is missing, or it would not make a release; the message is its own."""


def student_version(notebook: NotebookNode, name: str) -> NotebookNode:
    """The notebook of lab `name` as a student gets it: no solutions, no hidden tests, no outputs.

    Raises:
        ReleaseError: nbgrader is not installed, or found a fault in the notebook.
    """
    return nbformat.reads(_student_text(nbformat.writes(notebook), name), as_version=4)


@lru_cache(maxsize=32)
def _student_text(text: str, name: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        return release(text, name, Path(folder)).read_text("utf-8")


def release(text: str, name: str, course: Path) -> Path:
    """Put a lab's notebook, given as text, into a course; nbgrader makes the release from it.

    Settings that are there already are kept. Returns the path of the release.

    Raises:
        ReleaseError: as in `student_version`.
    """
    source = course / "source" / name / f"{name}.ipynb"
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text(text, "utf-8")
    if not (course / CONFIG).exists():
        (course / CONFIG).write_text(SETTINGS, "utf-8")
    with _own_commands():
        done = grader(course).generate_assignment(name, force=True)
    if not done["success"]:
        raise ReleaseError(f"nbgrader made no release of {name}:\n{done['log']}")
    return course / "release" / name / f"{name}.ipynb"


def grader(course: Path):  # noqa: ANN201 (its type is nbgrader's, imported only when needed)
    """nbgrader's programming interface, with the course's settings.

    Raises:
        ReleaseError: nbgrader is not installed.
    """
    try:
        from nbgrader.apps import NbGraderAPI
    except ImportError as error:
        raise ReleaseError(
            "labs need nbgrader: in the folder of the book, run `make lab` once, or "
            'python -m pip install -e ".[teach]".'
        ) from error
    settings = PyFileConfigLoader(CONFIG, path=str(course)).load_config()
    return NbGraderAPI(config=settings)


@contextmanager
def _own_commands() -> Iterator[None]:
    """nbgrader calls the command `alembic`: let it find the one installed beside this Python."""
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), before])
    try:
        yield
    finally:
        os.environ["PATH"] = before
