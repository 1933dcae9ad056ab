"""Text sources and notebooks: what a build writes, when it executes, and what the check sees."""

import json
import re
import subprocess
import sys

import nbformat
import pytest

from plastlab.book import build as book
from plastlab.book import pages
from plastlab.book.pages import Page
from plastlab.requirements import ROOT

HEADER = """---
kernelspec: {name: python3, display_name: Python 3}
plastlab:
  part: First steps
  about: One line about it.
  aims: [see, say, do]
  papers: ["Saxe et al. (2014), arXiv:1312.6120"]
---

# A page

Some words of prose.

"""
CLAIM = """```{code-cell}
import json, os, sys
row = {"id": "00.1", "sentence": "It falls.", "verdict": "supported", "effect": 1.0}
with open(os.environ["PLASTLAB_LEDGER"], "a") as ledger:
    print(json.dumps(row), file=ledger)
print("here:", os.path.basename(os.getcwd()), os.environ.get("PLASTLAB_FIRST_SEED"))
print("same stream")
```
"""
WIDGETS = """
```{code-cell}
import ipywidgets
ipywidgets.IntSlider()
```

```{code-cell}
class Chart(ipywidgets.IntSlider):
    def _repr_mimebundle_(self, **_):
        bundle = super()._repr_mimebundle_()
        return bundle | {"text/plain": "A chart in words."}
Chart()
```
"""


def page_of(folder, text):
    path = folder / "chapters" / "00_page.md"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return Page(path)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A page that was built once, with seeds set as the claims command sets them."""
    page = page_of(tmp_path_factory.mktemp("book"), HEADER + CLAIM + WIDGETS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLASTLAB_FIRST_SEED", "1000")
        patch.setenv("JPY_SESSION_NAME", "chapters/00_page.ipynb")
        patch.delenv("PLASTLAB_STILLS")
        assert book.build(page).startswith("executed")
    return page


@pytest.fixture
def copy(built, tmp_path):
    """The built page, to be changed by one test."""
    page = page_of(tmp_path, built.source.read_text())
    page.notebook.write_bytes(built.notebook.read_bytes())
    return page


def cells(page):
    return pages.read_notebook(page.notebook).cells


def change(page, edit):
    """Edit a notebook as a JSON object."""
    notebook = json.loads(page.notebook.read_text())
    edit(notebook)
    page.notebook.write_text(json.dumps(notebook))


def test_a_build_is_valid_and_agrees_with_its_text(built):
    nbformat.validate(pages.read_notebook(built.notebook))
    assert book.check(built) == []


def test_cells_run_in_their_folder_without_a_reader_or_foreign_seeds(built):
    assert cells(built)[3].outputs[0].text == "here: chapters None\nsame stream\n"


def test_nothing_in_the_file_is_volatile(built):
    notebook = pages.read_notebook(built.notebook)
    assert [cell.id for cell in notebook.cells] == [f"00_page-{n:03d}" for n in range(6)]
    assert [c.execution_count for c in book.code_cells(notebook)] == [1, 2, 3]
    assert set(notebook.metadata) == {"kernelspec", "language_info", "plastlab"}
    assert all("execution" not in cell.metadata for cell in notebook.cells)


def test_widgets_leave_words_behind(built):
    shown = [
        cell.outputs[0].data for cell in book.code_cells(pages.read_notebook(built.notebook))[1:]
    ]
    assert shown == [{"text/plain": book.WIDGET_TEXT}, {"text/plain": "A chart in words."}]


def test_the_card_stands_under_the_title(built):
    title, card, prose = [cell.source for cell in cells(built)[:3]]
    assert (title, prose) == ("# A page", "Some words of prose.")
    assert card.startswith("**You will be able to**\n\n- see\n- say\n- do\n")
    assert re.search(r"\*1 min to read, \d+ s to compute\. Does the first cell fail\?", card)
    assert "(1 supported)" in card
    assert "- **00.1 supported:** It falls." in card
    assert "[arXiv:1312.6120](https://arxiv.org/abs/1312.6120)" in card


def test_answers_stay_hidden_until_the_reader_runs_the_cell(copy):
    copy.source.write_text(
        HEADER + "```{code-cell}\nguess.reveal(1)\n```\n```{code-cell}\n1\n```\n"
    )
    answer, other = book.code_cells(pages.compose(copy, pages.Record()))
    assert answer.metadata == {"jupyter": {"outputs_hidden": True}}
    assert other.metadata == {}


def test_an_unchanged_page_is_left_alone(copy):
    before = copy.notebook.read_bytes()
    assert book.build(copy) == "unchanged"
    assert copy.notebook.read_bytes() == before


def test_new_prose_keeps_the_outputs(copy):
    copy.source.write_text(copy.source.read_text().replace("Some words", "Other words"))
    outputs = [cell.get("outputs") for cell in cells(copy)]
    assert book.build(copy) == "text renewed"
    assert cells(copy)[2].source == "Other words of prose."
    assert [cell.get("outputs") for cell in cells(copy)] == outputs
    assert book.check(copy) == []


def test_new_code_is_executed(copy):
    copy.source.write_text(HEADER + "```{code-cell}\nprint(6 * 7)\n```\n")
    assert book.build(copy).startswith("executed")
    assert cells(copy)[3].outputs[0].text == "42\n"
    assert copy.record().claims == []


def test_the_digest_sees_code_and_nothing_else(copy):
    def digest(text):
        return book.digest(pages.compose(page_of(copy.source.parents[1], text), pages.Record()))

    once = digest(HEADER + CLAIM)
    assert digest(HEADER.replace("prose", "rhyme") + CLAIM) == once
    assert digest(HEADER + CLAIM.replace("same", "other")) != once


def test_a_failing_cell_leaves_the_notebook_as_it_was(copy):
    before = copy.notebook.read_bytes()
    copy.source.write_text(HEADER + "```{code-cell}\nprint(1)\n1 / 0\n```\n")
    with pytest.raises(RuntimeError, match=r"(?s)00_page\.md, cell 3 failed.*ZeroDivisionError"):
        book.build(copy)
    assert copy.notebook.read_bytes() == before


def set_source(notebook):
    notebook["cells"][3]["source"] += "\npass"


def set_error(notebook):
    error = {"output_type": "error", "ename": "E", "evalue": "", "traceback": []}
    notebook["cells"][3]["outputs"].append(error)


def set_widget(notebook):
    notebook["cells"][4]["outputs"][0]["data"][book.WIDGET] = {"model_id": "a"}


def set_unexecuted(notebook):
    notebook["cells"][3]["execution_count"] = None


@pytest.mark.parametrize(
    ("edit", "fault"),
    [
        (set_source, "the source of cell 3 is not what the text says"),
        (lambda n: n["cells"].pop(), "has 5 cells, its source 6"),
        (lambda n: n["cells"][1].update(source="My card"), "the source of cell 1"),
        (lambda n: n["cells"][2].update(id="abc"), "the id of cell 2"),
        (lambda n: n["cells"][2]["metadata"].update(execution={}), "the metadata of cell 2"),
        (lambda n: n["metadata"].update(widgets={}), "its metadata is not what a build writes"),
        (set_error, "cell 3 holds an error"),
        (set_widget, "cell 4 holds a widget's view"),
        (set_unexecuted, "cell 3 was never executed"),
    ],
)
def test_the_check_sees_each_fault(copy, edit, fault):
    change(copy, edit)
    assert fault in "\n".join(book.check(copy))


def test_a_missing_notebook_is_a_fault(copy):
    copy.notebook.unlink()
    assert book.check(copy) == ["00_page.ipynb is missing: run make book"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("aims: [see, say, do]", "aims: [see, say]", "aims must be three lines; got 2"),
        ("  about: One line about it.\n", "", "must hold plastlab: part, about, aims"),
        ("part:", "chapter:", "got chapter, about, aims, papers"),
        ("# A page", "A page", "must begin with a '# Title'; got 'A page'"),
    ],
)
def test_a_bad_header_is_explained(copy, old, new, message):
    copy.source.write_text(copy.source.read_text().replace(old, new))
    with pytest.raises(ValueError, match=re.escape(message)):
        book.build(copy)


VERDICT = """```{code-cell}
from plastlab import Claim, Result
import numpy as np
values = np.array([[[0.9], [0.8], [0.7], [0.8]]])
shape = {"conditions": ("a",), "seeds": (0, 1, 2, 3), "tasks": (1,), "steps": (1,)}
result = Result(**shape, values={"accuracy": values}, diverged=values[..., 0] < 0)
Claim("00.1", "It is high.", lambda r: r.last("accuracy", "a"), above=0.5).check(result)
```
"""


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """A built page with one claim."""
    page = page_of(tmp_path_factory.mktemp("judged"), HEADER + VERDICT)
    book.build(page)
    return page


@pytest.mark.parametrize(
    ("old", "new", "passes"),
    [("0.8", "0.6", True), ("supported", "refuted", False), ("high", "low", False)],
)
def test_verdicts_are_compared_when_a_notebook_is_run_again(judged, tmp_path, old, new, passes):
    page = page_of(tmp_path, judged.source.read_text())
    page.notebook.write_bytes(judged.notebook.read_bytes())
    assert old in cells(page)[3].outputs[0].data["text/plain"]
    change(page, lambda notebook: alter(notebook["cells"][3]["outputs"][0]["data"], old, new))
    line = [sys.executable, "-m", "pytest", "-q", "-c", ROOT / "pyproject.toml", page.notebook]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == (0 if passes else 1), done.stdout
    assert passes or "mismatch" in done.stdout


def test_a_cell_that_judges_is_folded_and_compared(tmp_path):
    page = page_of(tmp_path, HEADER + "```{code-cell}\n:tags: [claims]\n\n1 + 1\n```\n")
    book.build(page)
    (cell,) = (cell for cell in cells(page) if cell.cell_type == "code")
    assert cell.metadata.jupyter == {"source_hidden": True, "outputs_hidden": True}
    assert cell.metadata.tags == ["claims", "nbval-check-output"]


def alter(data, old, new):
    for kind, lines in data.items():
        data[kind] = [line.replace(old, new) for line in lines]


def test_an_unknown_name_lists_the_pages(built):
    assert book.chosen([built], ["00"]) == [built]
    with pytest.raises(ValueError, match="must begin one of 00_page; got '77'"):
        book.chosen([built], ["77"])


def test_the_contents_page_is_made_between_its_marks(copy):
    index = copy.source.with_name("index.md")
    index.write_text("# Book\n\n<!-- contents -->\nold\n<!-- end of contents -->\n\nEnd.\n")
    assert len(book.check_contents([copy], index)) == 1
    index.write_text(pages.contents([copy], index))
    assert book.check_contents([copy], index) == []
    text = index.read_text()
    assert "### First steps" in text
    assert "**[00 A page](../chapters/00_page.ipynb)** One line about it." in text
    assert "old" not in text
    index.write_text("# Book\n")
    with pytest.raises(ValueError, match="must hold <!-- contents -->"):
        pages.contents([copy], index)


@pytest.mark.parametrize("pair", pages.find_pages(ROOT), ids=lambda pair: pair.source.stem)
def test_the_book_agrees_with_its_notebooks(pair):
    assert book.check(pair) == []


def test_the_contents_of_the_book_are_up_to_date():
    assert book.check_contents(pages.find_pages(ROOT), ROOT / "chapters" / "index.md") == []
