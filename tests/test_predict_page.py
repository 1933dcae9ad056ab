"""Predictions in a kernel: what a page shows, plainly, before and after the answer."""

import nbformat
import pytest
from nbclient import NotebookClient

WIDGET = "application/vnd.jupyter.widget-view+json"
WAITING = "Commit or skip above to see what happened."
START = """
from IPython.display import Markdown
from plastlab.panels.predict import calibration, predict

class Drawn(Markdown):
    def guessed(self, value, low, high):
        return Drawn(f'{self.data} with {value}, {low} to {high}')
"""
ASK = "{name} = predict('Is <b>{name}</b> $5 or $6?', low=0, high=100, unit='%')"
SHOW = "{name}.reveal(Drawn('a *figure*'), 3.5)"
JUDGE = "{name}.judge([16.0, 18.0], Markdown('a *verdict*'), then='Look at <i>it</i>.')"
OLD = "{name}.reveal(Drawn('a *figure*'), 3.5, truth=17)"
COUNT = "calibration([{name}])"
CLICK = "{name}._following[0].__self__._heard(None, {{'event': 'again'}}, None)"
SAID = "You said 40 to 70 %. It was 17 %: outside your interval."
COMMIT = "{name}.commit(55, 15)"
PAGES = {
    "open": [ASK, SHOW, JUDGE, COUNT],
    "answered": [ASK, SHOW, JUDGE, COUNT, COMMIT],
    "skipped": [ASK, SHOW, JUDGE, COUNT, "{name}.skip()"],
    "late": [ASK, COMMIT, SHOW, JUDGE, OLD],
    "old": [ASK, OLD, COMMIT],
    "back": [ASK, COMMIT, ASK, JUDGE],
    "again": [ASK, COMMIT, ASK, JUDGE, CLICK],
}


def executed(*sources):
    """What cells show that are run in a fresh kernel: a list of bundles each."""
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(source) for source in sources]
    NotebookClient(notebook, kernel_name="python3").execute()
    return [
        [output.get("data", {"text/plain": output.get("text")}) for output in cell.outputs]
        for cell in notebook.cells
    ]


@pytest.fixture(scope="module")
def shown():
    """What each of the pages shows in the end, to a kernel that has a reader."""
    cells = [cell.format(name=f"{name}_") for name, page in PAGES.items() for cell in page]
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PLASTLAB_STILLS")
        outputs = iter(executed(START, *cells)[1:])
    return {name: [next(outputs) for _ in page] for name, page in PAGES.items()}


def texts(outputs):
    return [data.get("text/markdown", data.get("text/plain")) for data in outputs]


def test_before_the_answer_nothing_is_told_and_one_line_says_what_to_do(shown):
    (words, form), figure, judged, counted = shown["open"]
    assert words["text/plain"] == "Is <b>open_</b> $5 or $6?\nRun this cell to answer."
    assert "&lt;b&gt;open_" in words["text/html"] and "$5" not in words["text/html"]
    assert form["text/html"] == form["text/plain"] == "" and WIDGET in form
    assert texts(figure) == [WAITING, None]
    assert texts(judged) == [WAITING, None, None]
    assert texts(counted) == ["You have not committed to an answer yet."]


def test_the_answer_makes_everything_plain(shown):
    (answer, gone), figure, judged, counted, _ = shown["answered"]
    assert answer["text/plain"] == "Is <b>answered_</b> $5 or $6?\nYou said 40 to 70 %."
    assert 'tabindex="-1"' in answer["text/html"]
    assert "$" not in answer["text/html"].replace("<span>$</span>", "")
    assert gone == {}
    assert texts(figure) == ["a *figure* with 55, 40 to 70", "3.5"]
    assert texts(judged) == [SAID, "a *verdict*", "Look at <i>it</i>."]
    assert judged[2]["text/html"] == "<div>Look at &lt;i&gt;it&lt;/i&gt;.</div>"
    assert texts(counted) == ["Your intervals caught 0 of 1 numbers."]


def test_skipping_shows_it_too(shown):
    (answer, gone), figure, judged, counted, _ = shown["skipped"]
    assert answer["text/plain"].endswith("You skipped.") and gone == {}
    assert texts(figure) == ["a *figure*", "3.5"]
    assert texts(judged)[0] == "You skipped. It was 17 %."
    assert texts(counted) == ["You have not committed to an answer yet."]


def test_what_is_run_after_the_answer_is_shown_at_once(shown):
    _, _, figure, judged, old = shown["late"]
    assert texts(figure) == ["a *figure* with 55, 40 to 70", "3.5"]
    assert texts(judged)[0] == SAID
    assert texts(old) == [SAID, "a *figure*", "3.5"]
    assert texts(shown["old"][1]) == [SAID, "a *figure*", "3.5"]


def test_a_cell_that_is_run_again_brings_the_answer_back(shown):
    first, _, second, judged = shown["back"]
    assert texts(second) == texts(first) == [texts(first)[0], None]
    assert "Answer again" in second[0]["text/html"] and "Answer again" not in first[0]["text/html"]
    assert texts(judged)[0] == SAID


def test_a_question_that_is_asked_again_covers_what_happened(shown):
    _, _, second, judged, _ = shown["again"]
    assert texts(second)[0].endswith("Run this cell to answer.") and WIDGET in second[1]
    assert texts(judged) == [WAITING, None, None]


def test_only_an_open_question_holds_a_widget(shown):
    for name in ("answered", "skipped", "late", "old", "back"):
        assert all(WIDGET not in data for outputs in shown[name] for data in outputs), name


def test_where_nobody_is_asked_everything_is_shown_at_once():
    cells = [cell.format(name="it") for cell in (ASK, OLD, JUDGE, COUNT, "it.open")]
    _, asked, old, judged, counted, still_open = executed(START, *cells)
    assert texts(asked)[0].startswith("Is <b>it</b> $5 or $6?\n(Nobody was asked here")
    assert texts(old) == ["What came out:\n", "a *figure*", "3.5"]
    assert texts(judged) == [
        "What came out:\n",
        "It was 17 %.",
        "a *verdict*",
        "Look at <i>it</i>.",
    ]
    assert texts(counted) == ["You have not committed to an answer yet.\n"]
    assert texts(still_open) == ["True"]
