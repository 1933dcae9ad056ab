"""The tools that checks are made of, and the way from a lab's source to a release."""

import sys

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell
from nbformat.v4 import new_code_cell, new_notebook

from plastlab import rng
from plastlab.book.release import ReleaseError, student_version
from plastlab.labs import Misconception, Rival, compare, expect, marking, unseen

RIVALS = (Rival(lambda x: -x, "You changed the sign."), Rival(lambda x: 0, "It is not 0."))
CASES = {"Wrong at 2.": (2,), "Wrong at 3.": (3,)}


def judge(answer):
    compare(answer, lambda x: x * x, RIVALS, CASES, lambda a, b: a == b)


def test_a_right_answer_is_told_nothing():
    judge(lambda x: x**2)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (lambda x: -x, "You changed the sign."),
        (lambda x: x - x, "It is not 0."),
        (lambda x: x + 2, "Wrong at 3."),
        (lambda x: 1, "Wrong at 2."),
    ],
)
def test_a_wrong_answer_is_told_the_rivals_sentence_or_the_first_case(answer, sentence):
    with pytest.raises(Misconception, match=sentence):
        judge(answer)


def test_a_misconception_is_shown_without_a_traceback():
    shell = InteractiveShell()
    shown = []
    shell._showtraceback = lambda kind, error, lines: shown.extend(lines)
    shell.run_cell("from plastlab.labs import expect\nexpect(1 == 2, 'One is not two.')")
    assert shown == ["One is not two."]


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (KeyError("exp_avg"), "Your code stopped with KeyError: 'exp_avg'"),
        (KeyboardInterrupt(), "Your code did not finish in time."),
        (Misconception("You changed the sign."), "You changed the sign."),
    ],
)
def test_whatever_stops_a_hidden_test_becomes_a_sentence(error, sentence):
    with pytest.raises(Misconception) as told, marking():
        raise error
    assert str(told.value) == sentence
    assert told.value.__suppress_context__ or told.value is error


def test_expect_is_silent_when_it_holds():
    expect(True, "never said")


def test_hidden_seeds_move_with_the_environment(monkeypatch):
    assert unseen(2) == (1000, 1001)
    monkeypatch.setenv(rng.FIRST_SEED, "40")
    assert unseen(2) == (1040, 1041)


def lab(source):
    about = {"schema_version": 3, "grade_id": "a", "solution": True, "grade": False}
    about |= {"locked": False, "task": False}
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cell = new_code_cell(source, metadata={"nbgrader": about}, id="a")
    return new_notebook(cells=[cell], metadata={"kernelspec": kernel})


def test_a_release_is_the_same_each_time_and_keeps_what_is_around_the_solution():
    notebook = lab("x = 1\n### BEGIN SOLUTION\nx = 2\n### END SOLUTION\nx")
    first, second = (student_version(notebook, "lab") for _ in range(2))
    assert nbformat.writes(first) == nbformat.writes(second)
    assert first.cells[0].source == "x = 1\n# Your code here.\nx"
    assert first.cells[0].id == "a"


def test_a_faulty_lab_is_refused_in_nbgraders_words():
    with pytest.raises(ReleaseError, match="no release of lab(.|\n)*no end solution statement"):
        student_version(lab("### BEGIN SOLUTION\nx = 2"), "lab")


def test_without_nbgrader_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "nbgrader.apps", None)
    with pytest.raises(ReleaseError, match="make lab"):
        student_version(lab("y = 1"), "without")
