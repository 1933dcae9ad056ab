"""Lab 4 through nbgrader itself: answers are put into the student's notebook and marked.

The test cells' own verdicts are read from the gradebook. `test_lab_04.py` holds every answer
against the hidden tests. Here a few stand for all, because a notebook takes the grader about 15
seconds; with `--all-answers` every one is marked (`make test-labs`).
"""

import argparse
import html
import subprocess
import sys

import nbformat
import pytest
from answers_04 import TASKS
from desk import SOURCE, cells, points, text_of

from plastlab import cache, rng
from plastlab.book import course
from plastlab.book.release import grader
from plastlab.labs.marking import Misconception

pytest.importorskip("nbgrader", reason="marking labs needs nbgrader: pip install plastlab[teach]")

NAME = SOURCE.stem
ENDLESS = """
import time

def spread(keep, noise, times):
    while keep == 0.5:  # which only the hidden tests ask for
        time.sleep(0.01)
    return 1.0
"""
STOP_AFTER = 20  # seconds a cell of the endless answer, so that it costs no more
ALL_RIGHT = range(max(len(module.RIGHT) for module in TASKS.values()))
ALL_WRONG = range(max(len(module.WRONG) for module in TASKS.values()))
# A sheet with two wrong answers, whose tests were tampered with, an endless, a right one and none.
MIXED = "mixed"
WRONG_THERE, ENDLESS_THERE, RIGHT_THERE, UNANSWERED_THERE = (1, 4), 2, 3, 5  # tasks
TAMPERED = {"test-1": "passed = True", "test-4": "pass"}


def nth(answers, n):
    """The n-th answer, starting over where a task has fewer."""
    return list(answers)[n % len(answers)]


class Course:
    """A course in a folder, with students who hand in."""

    def __init__(self, folder):
        self.folder = folder

    @property
    def release(self):
        return self.folder / "release" / NAME / f"{NAME}.ipynb"

    def hand_in(self, student, answers):
        """Put answers (the text of a cell, by its name) into the release, and hand it in without
        the cells that only show something."""
        notebook = nbformat.read(self.release, as_version=4)
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        marked = [cell for cell in notebook.cells if "nbgrader" in cell.metadata]
        for cell in marked:
            cell.source = answers.get(cell.metadata["nbgrader"]["grade_id"], cell.source)
        notebook.cells = [code[0], *marked]
        place = self.folder / "submitted" / student / NAME / f"{NAME}.ipynb"
        place.parent.mkdir(parents=True)
        nbformat.write(notebook, place)

    def nbgrader(self, command, *flags):
        """Do what a teacher does: run a command of nbgrader in the course's folder."""
        line = [sys.executable, "-m", "nbgrader", command, NAME, *flags]
        done = subprocess.run(line, cwd=self.folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def points(self, student):
        """Points by test cell; None where a person has to read."""
        with grader(self.folder).gradebook as book:
            (notebook,) = book.find_submission(NAME, student).notebooks
            return {grade.name: grade.auto_score for grade in notebook.grades}

    def said(self, student, task):
        """The first error that the hidden tests of a task ended with: its name and its message."""
        path = self.folder / "autograded" / student / NAME / f"{NAME}.ipynb"
        cells = nbformat.read(path, as_version=4).cells
        ids = [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in cells]
        outputs = cells[ids.index(f"test-{task}")].outputs
        return next((o.ename, o.evalue) for o in outputs if o.output_type == "error")


def sheet(n, kind):
    """The n-th right or wrong answer to every task, as cells."""
    chosen = {task: nth(getattr(module, kind), n) for task, module in TASKS.items()}
    return {f"answer-{task}": text_of(one, TASKS[task].NAMES) for task, one in chosen.items()}


def mixed():
    """One sheet for all that can go wrong."""
    wrong, right = sheet(0, "WRONG"), sheet(0, "RIGHT")
    answers = {f"answer-{task}": wrong[f"answer-{task}"] for task in WRONG_THERE}
    answers |= {f"answer-{RIGHT_THERE}": right[f"answer-{RIGHT_THERE}"]}
    return answers | {f"answer-{ENDLESS_THERE}": ENDLESS} | TAMPERED


def handed_in(all_answers):
    """What every student hands in: cells by name."""
    solution = {name: text for name, text in cells().items() if name.startswith("answer")}
    found = {"teacher": solution, MIXED: mixed()}
    if all_answers:
        found |= {f"right-{n}": sheet(n, "RIGHT") for n in ALL_RIGHT}
        found |= {f"wrong-{n}": sheet(n, "WRONG") for n in ALL_WRONG}
    return found


def deserved(all_answers):
    """Each answer that is marked, as student, task, and the sentence that it is told; a right one
    is told nothing."""
    yield MIXED, RIGHT_THERE, None
    for task in WRONG_THERE:
        yield MIXED, task, nth(TASKS[task].WRONG.values(), 0)
    for task, module in TASKS.items() if all_answers else ():
        yield from ((f"right-{n}", task, None) for n in range(len(module.RIGHT)))
        yield from ((f"wrong-{n}", task, said) for n, said in enumerate(module.WRONG.values()))


@pytest.fixture(scope="module")
def school(tmp_path_factory, pytestconfig):
    """A course whose students have handed in and were marked."""
    folder = tmp_path_factory.mktemp("course")
    assert course.main(argparse.Namespace(folder=folder, names=["04"])) == 0
    school = Course(folder)
    for student, answers in handed_in(pytestconfig.getoption("all_answers")).items():
        school.hand_in(student, answers)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(cache.FOLDER, str(tmp_path_factory.mktemp("cache")))
        patch.delenv(rng.FIRST_SEED, raising=False)
        patch.delenv(rng.SEED_COUNT, raising=False)
        soon = f"--Execute.timeout={STOP_AFTER}"
        school.nbgrader("autograde", "--student", MIXED, soon)
        school.nbgrader("autograde")  # the others, in the time that a course gives
    return school


def pytest_generate_tests(metafunc):
    """A test for each answer that is marked."""
    if "sentence" in metafunc.fixturenames:
        answers = [
            pytest.param(student, task, sentence, id=f"{student}, task {task}")
            for student, task, sentence in deserved(metafunc.config.getoption("all_answers"))
        ]
        metafunc.parametrize(("student", "task", "sentence"), answers)


def test_the_solution_gets_all_points(school):
    found = school.points("teacher")
    assert found == points() | {"answer-6": None}, "the open question waits for a reader"


def test_the_instructors_notebook_is_executed_and_every_check_passes(school):
    path = school.folder / "source" / NAME / f"{NAME}.ipynb"
    code = [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
    assert all(cell.execution_count for cell in code)
    printed = "".join(o.get("text", "") for cell in code for o in cell.outputs)
    assert all(f"4.{task} passes" in printed for task in TASKS)


def test_an_answer_gets_the_points_and_the_sentence_that_it_deserves(
    school, student, task, sentence
):
    found = school.points(student)[f"test-{task}"]
    if sentence is None:
        assert found == points()[f"test-{task}"]
        return
    assert found == 0
    name, message = school.said(student, task)
    assert name == Misconception.__name__
    assert sentence in message


def test_what_was_not_answered_gets_none(school):
    found = school.points(MIXED)
    assert found[f"test-{UNANSWERED_THERE}"] == found["answer-6"] == 0


def test_tests_that_were_tampered_with_are_put_back(school):
    for name in TAMPERED:
        assert school.points(MIXED)[name] == 0
        assert school.said(MIXED, int(name[-1]))[0] == Misconception.__name__


def test_an_endless_loop_is_stopped_and_costs_only_its_own_task(school):
    assert school.points(MIXED)[f"test-{ENDLESS_THERE}"] == 0
    assert school.said(MIXED, ENDLESS_THERE)[1] == "Your code did not finish in time."
    assert school.points(MIXED)[f"test-{RIGHT_THERE}"] == points()[f"test-{RIGHT_THERE}"]


def test_feedback_names_the_mistake_and_shows_no_hidden_test(school):
    school.nbgrader("generate_feedback", "--student", MIXED)
    page = (school.folder / "feedback" / MIXED / NAME / f"{NAME}.html").read_text()
    for task in WRONG_THERE:
        assert nth(TASKS[task].WRONG.values(), 0) in page
    for line in hidden_lines():
        assert html.escape(line) not in page
        assert line not in page


def hidden_lines():
    """Every line of a hidden test that says something of its own."""
    for name, text in cells().items():
        if name.startswith("test"):
            hidden = text.split("### BEGIN HIDDEN TESTS\n")[1].split("### END HIDDEN TESTS")[0]
            yield from (line.strip() for line in hidden.splitlines() if len(line.strip()) > 6)


def solution_lines():
    """Every line of a solution that says something of its own."""
    for name, text in cells().items():
        if name.startswith("answer"):
            for part in text.split("### BEGIN SOLUTION\n")[1:]:
                lines = part.split("### END SOLUTION")[0].splitlines()
                yield from (line.strip() for line in lines if len(line.strip()) > 12)


@pytest.mark.parametrize("lines", [hidden_lines, solution_lines])
def test_nothing_leaks_into_what_students_get(school, lines):
    lines = list(lines())
    assert len(lines) > 10
    for place in (school.release, SOURCE.with_suffix(".ipynb")):
        text = "\n".join(cell.source for cell in nbformat.read(place, as_version=4).cells)
        assert "### BEGIN" not in text
        for line in lines:
            assert line not in text, f"{place} shows {line}"
