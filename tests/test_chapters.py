"""Every chapter keeps to the book's anatomy and budgets."""

import re
import statistics

import pytest

from plastlab.book.pages import find_pages, read_notebook
from plastlab.requirements import ROOT

CHAPTERS = [chapter for chapter in find_pages(ROOT) if not chapter.is_lab]
by_chapter = pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.source.stem)


def cells(chapter, kind):
    return [cell for cell in read_notebook(chapter.notebook).cells if cell.cell_type == kind]


def code_lines(cell):
    return [line for line in cell.source.splitlines() if line.strip()]


@by_chapter
def test_code_is_short(chapter):
    lengths = [len(code_lines(cell)) for cell in cells(chapter, "code")]
    assert len(lengths) <= 16
    assert statistics.median(lengths) <= 6
    assert max(lengths) <= 20


@by_chapter
def test_prose_has_the_length_of_one_sitting(chapter):
    words = sum(len(cell.source.split()) for cell in cells(chapter, "markdown"))
    assert 1200 <= words <= 2600, f"{words} words, the card and the answers included"


@by_chapter
def test_the_first_figure_comes_within_two_cells(chapter):
    first, second = cells(chapter, "code")[:2]
    shown = [output.get("data", {}) for output in first.outputs + second.outputs]
    assert any("image/png" in data for data in shown)


@by_chapter
def test_it_computes_within_a_minute(chapter):
    assert 0 < chapter.record().seconds <= 60


@by_chapter
def test_claims_rest_on_sixteen_seeds_and_none_is_refuted(chapter):
    claims = chapter.record().claims
    text = "".join(str(cell.outputs) for cell in cells(chapter, "code"))
    assert len(claims) >= 5
    for claim in claims:
        assert claim["verdict"] != "refuted", claim
        (count,) = re.findall(rf"{re.escape(claim['id'])} \w+: .*?in \d+ of (\d+) seeds", text)[:1]
        assert int(count) >= 16, claim["id"]


@by_chapter
def test_figures_have_words_for_those_who_cannot_see_them(chapter):
    for cell in cells(chapter, "code"):
        for output in cell.outputs:
            if "image/png" in output.get("data", {}):
                assert len(output.data["text/plain"].split()) >= 15
                assert output.metadata["image/png"]["alt"] == output.data["text/plain"]


@by_chapter
@pytest.mark.parametrize(
    "section",
    ["Look inside", "Your turn", "breaks", "What is disputed", "Check yourself", "Further"],
)
def test_it_has_every_part_of_a_chapter(chapter, section):
    assert section in "\n".join(cell.source for cell in cells(chapter, "markdown"))


@by_chapter
def test_five_questions_each_have_an_answer(chapter):
    text = "\n".join(cell.source for cell in cells(chapter, "markdown"))
    questions = text.split("## Check yourself")[1].split("## Further")[0]
    pairs = re.findall(r"<details><summary>(\d)\. .+?\?</summary>.{20,}?</details>", questions)
    assert pairs == list("12345")
