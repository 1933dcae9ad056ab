"""The tables at the end of the book: made from headers and verdicts, and refused when a header
names what there is not."""

import re

import nbformat
import pytest

from plastlab.book import backmatter
from plastlab.book import build as book
from plastlab.book.pages import Page
from plastlab.requirements import ROOT

SOURCE = """---
kernelspec: {name: python3, display_name: Python 3}
plastlab:
  part: First steps
  about: One line about it.
  aims: [see, say, do]
  statements:
    - says: Nets | forget.
      shown: "00.1, 00.2"
    - says: They are told so.
      shown: text
  replications:
    - paper: ash2020warm
      finding: Warm starts end lower.
      setting: ResNet-18 on CIFAR-10.
      ours: A small net on digits.
      seen: partly
      why: The gap is smaller here.
      claims: "00.2"
---

# A page

Words.
"""
CLAIMS = [
    {"id": "00.1", "sentence": "It is so.", "verdict": "supported"},
    {"id": "00.2", "sentence": "It may be.", "verdict": "undecided"},
]
PAPER = """@inproceedings{ash2020warm,
  author = {Ash, Jordan T. and Adams, Ryan P.},
  title = {On Warm-Starting},
  booktitle = {NeurIPS},
  year = {2020},
  eprint = {1910.08475},
}
"""


@pytest.fixture
def root(tmp_path):
    """A book of one page, whose notebook says what came of its two claims."""
    folder = tmp_path / "chapters"
    folder.mkdir()
    (folder / "references.bib").write_text(PAPER)
    (folder / "00_page.md").write_text(SOURCE)
    metadata = {"plastlab": {"code": "x", "claims": CLAIMS}}
    nbformat.write(nbformat.v4.new_notebook(metadata=metadata), folder / "00_page.ipynb")
    return tmp_path


def written(root):
    return {path.name: text for path, text in backmatter.tables(root).items()}


def test_a_statement_stands_beside_its_claims_and_what_came_of_them(root):
    text = written(root)["statements.md"]
    assert "## [00 A page](00_page.ipynb)" in text
    assert "| Nets \\| forget. | 00.1, 00.2 (undecided) |" in text
    assert "| They are told so. | text |" in text


def test_a_card_cites_the_paper_and_says_what_was_seen(root):
    text = written(root)["replications.md"]
    assert "## [Ash and Adams (2020)](https://arxiv.org/abs/1910.08475): partly" in text
    assert "claims 00.2 (undecided) of [00 A page](00_page.ipynb)" in text
    assert "0 agree, 1 partly, 0 not seen" in text
    for line in ("Warm starts end lower.", "ResNet-18 on CIFAR-10.", "A small net on digits."):
        assert line in text
    assert "The gap is smaller here." in text


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("00.1, 00.2", "00.3", "its notebook has no claim 00.3"),
        ("seen: partly", "seen: yes indeed", "seen must be one of agree, partly, not seen"),
        ("paper: ash2020warm", "paper: ash1920", "no paper 'ash1920' in references.bib"),
        ("says: Nets", "say: Nets", "a statement must have the fields says, shown; got say, shown"),
        ("      why: The gap is smaller here.\n", "", "a replication must have the fields paper,"),
    ],
)
def test_a_header_that_names_what_there_is_not_is_refused(root, old, new, message):
    source = root / "chapters" / "00_page.md"
    assert old in SOURCE
    source.write_text(SOURCE.replace(old, new))
    with pytest.raises(ValueError, match=re.escape(message)):
        backmatter.tables(root)


def test_the_check_sees_a_missing_and_a_stale_table(root):
    assert len(book.check_tables(root)) == 2
    for path, text in backmatter.tables(root).items():
        path.write_text(text)
    assert book.check_tables(root) == []
    Page(root / "chapters" / "00_page.md").source.write_text(SOURCE.replace("forget", "learn"))
    assert book.check_tables(root) == ["statements.md is out of date: run make book"]


def test_the_tables_of_the_book_are_up_to_date():
    assert book.check_tables(ROOT) == []


def test_every_chapter_says_which_statements_it_shows():
    chapters = [page for page in backmatter.find_pages(ROOT) if not page.is_lab]
    bare = [page.source.name for page in chapters if not backmatter.front(page).statements]
    assert bare == []
