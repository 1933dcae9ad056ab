"""Who looks: kernels have readers, whatever front end they serve, unless stills are asked for."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from plastlab import screen
from plastlab.book.release import grader, release
from plastlab.screen import STILLS, headless, kernel_shell, page

FOLDER = str(Path(screen.__file__).parent)  # the rest of the package takes seconds to import
SOURCE = f"""
import sys
sys.path.insert(0, {FOLDER!r})
from screen import headless, page
before = headless(), page()
__vsc_ipynb_file__ = '/home/me/07_mine.ipynb'
before, page()
"""


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({}, "((False, ''), '07_mine')"),
        ({STILLS: "1"}, "((True, ''), '07_mine')"),
        ({"JPY_SESSION_NAME": "chapters/00_start.ipynb"}, "((False, '00_start'), '07_mine')"),
    ],
    ids=["any kernel", "stills", "Jupyter server"],
)
def test_a_kernel_has_a_reader_unless_stills_are_asked_for(monkeypatch, env, said):
    for name in (STILLS, "JPY_SESSION_NAME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    cell = nbformat.v4.new_code_cell(SOURCE)
    notebook = nbformat.v4.new_notebook(cells=[cell])
    NotebookClient(notebook, kernel_name="python3").execute()
    assert notebook.cells[0].outputs[0].data["text/plain"] == said


def test_a_process_without_a_kernel_has_none(monkeypatch):
    monkeypatch.delenv(STILLS)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    assert headless() and kernel_shell() is None and page() == ""


def test_a_course_is_graded_without_a_reader(tmp_path, monkeypatch):
    pytest.importorskip("nbgrader", reason="pip install plastlab[teach]")
    kernel = {"name": "python3", "display_name": "Python 3"}
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
    release(nbformat.writes(notebook), "lab", tmp_path)
    monkeypatch.delenv(STILLS)
    grader(tmp_path)
    assert os.environ[STILLS] == "1"
