"""Lab 4's tests, run on answers in this process: what they accept, what they reject, what they say.

`test_grading.py` sends the same answers through nbgrader.
"""

import re

import pytest
from answers_04 import TASKS
from desk import SOURCE, Desk, cells, label, points, read

from plastlab import rng
from plastlab.book.pages import Page, read_notebook
from plastlab.labs import Misconception

RIGHT = [(task, answer) for task, module in TASKS.items() for answer in module.RIGHT]
WRONG = [(task, *pair) for task, module in TASKS.items() for pair in module.WRONG.items()]
# Task 5 trains four networks a set, so that five sets are twenty seeds; the others take a moment.
FIRST_SEEDS = {task: range(0, 20, 4) if task == 5 else range(0, 100, 5) for task in TASKS}


def name(value):
    return label(value) if callable(value) or isinstance(value, tuple) else str(value)


@pytest.mark.parametrize("task", TASKS)
def test_there_are_answers_enough(task):
    module = TASKS[task]
    assert len(module.RIGHT) >= 3
    assert len(module.WRONG) >= 8
    assert len(set(module.WRONG.values())) == len(module.WRONG), "each has a sentence of its own"


@pytest.mark.parametrize(("task", "answer"), RIGHT, ids=name)
def test_a_right_answer_passes_on_twenty_seeds_or_more(task, answer, monkeypatch, capsys):
    desk = Desk(answer, TASKS[task].NAMES)
    desk.run(f"check-{task}")
    assert capsys.readouterr().out.startswith(f"4.{task} passes")
    for first in FIRST_SEEDS[task]:
        monkeypatch.setenv(rng.FIRST_SEED, str(first))
        desk.run(f"test-{task}")


@pytest.mark.parametrize(("task", "answer", "sentence"), WRONG, ids=name)
def test_a_wrong_answer_fails_and_is_told_why(task, answer, sentence, capsys):
    desk = Desk(answer, TASKS[task].NAMES)
    with pytest.raises(Misconception) as wrong:
        desk.run(f"test-{task}")
    assert sentence in str(wrong.value)


@pytest.mark.parametrize("task", TASKS)
def test_public_checks_find_most_wrong_answers(task, capsys):
    """And they never tell two of them the same thing, nor another thing than the hidden tests."""
    missed = []
    for answer, sentence in TASKS[task].WRONG.items():
        Desk(answer, TASKS[task].NAMES).run(f"check-{task}")
        said = capsys.readouterr().out
        if "passes" in said:
            missed.append(label(answer))
        else:
            assert sentence in said
    assert len(missed) <= len(TASKS[task].WRONG) / 4, missed


def test_the_table_says_what_the_tests_are_worth():
    text = "\n".join(cell.source for cell in read() if cell.cell_type == "markdown")
    table = re.findall(r"^\| 4\.(\d) \| [^|]+ \| (\d) \|", text, re.MULTILINE)
    worth = {name[-1]: str(worth) for name, worth in points().items()}
    assert dict(table) == worth
    assert sum(map(int, worth.values())) == 20


def test_the_unfinished_lab_runs_within_a_minute_and_says_what_is_missing():
    page = Page(SOURCE)
    assert 0 < page.record().seconds <= 60
    code = [cell for cell in read_notebook(page.notebook).cells if cell.cell_type == "code"]
    outputs = [output for cell in code for output in cell.outputs]
    printed = "".join(output.get("text", "") for output in outputs)
    assert all(f"4.{task} not yet." in printed for task in TASKS)
    figures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(figures) >= 6
    assert all(len(figure.data["text/plain"].split()) >= 15 for figure in figures)


def test_the_solution_is_at_most_fifteen_lines_a_task():
    for task in TASKS:
        solution = cells()[f"answer-{task}"].split("### BEGIN SOLUTION\n")[1:]
        lines = [
            line for part in solution for line in part.split("### END SOLUTION")[0].splitlines()
        ]
        assert len([line for line in lines if line.strip()]) <= 15
