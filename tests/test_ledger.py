"""The `claims` command, on small books that are written for the occasion."""

import json

import pytest

from plastlab import cache
from plastlab.book import ledger
from plastlab.book.ledger import chapters, faults, recompute, summary, table
from plastlab.cli import main
from plastlab.references import read_references
from plastlab.requirements import ROOT

HEADER = """\
---
jupytext:
  text_representation: {extension: .md, format_name: myst}
kernelspec: {display_name: Python 3, language: python, name: python3}
---

# A small chapter

A sentence, and then
"""

RUN = """
```{code-cell}
from plastlab.claims import Claim
from plastlab.condition import Condition
from plastlab.data import Mnist1d
from plastlab.nets import MLP
from plastlab.optim import SGD
from plastlab.probes import accuracy
from plastlab.run import run
from plastlab.streams import RandomLabels

labels = RandomLabels(data=Mnist1d(examples=32), tasks=2, steps=5, batch=16)
result = run(labels, {"SGD": Condition(SGD(lr=0.1), net=MLP(width=8))}, seeds=4, probes=[accuracy])
end = lambda result: result.last("accuracy", "SGD")
```
"""

NUMBERS = """
```{code-cell}
from types import SimpleNamespace
from plastlab.claims import Claim

result = SimpleNamespace(seeds=(0, 1, 2, 3))
end = lambda result: [0.1, 0.11, 0.12, 0.13]
```
"""


def cell(code, tags=""):
    options = f"\n:tags: [{tags}]\n" if tags else "\n"
    return f"\n```{{code-cell}}{options}{code}\n```\n"


def claim(identity, bound, sentence="Some labels are right.", **fields):
    more = "".join(f", {name}={value!r}" for name, value in fields.items())
    return cell(f"Claim({identity!r}, {sentence!r}, end, {bound}{more}).check(result)")


@pytest.fixture
def book(tmp_path, monkeypatch):
    """A folder with the book's layout; returns a function that adds a chapter."""
    monkeypatch.setattr(ledger, "ROOT", tmp_path)
    (tmp_path / "chapters").mkdir()
    (tmp_path / "labs").mkdir()
    (tmp_path / "chapters" / "references.bib").write_text(
        "@article{ash2020warm,\n author = {Ash, J. and Adams, R.},\n title = {Warm},\n"
        " journal = {J},\n year = {2020},\n}\n"
    )

    def write(name, *cells):
        (tmp_path / "chapters" / f"{name}.md").write_text(HEADER + "".join(cells))
        return tmp_path

    return write


def test_rows_hold_what_a_chapter_claims(book):
    root = book("07_small", NUMBERS, claim("07.1", "above=0.01"), claim("07.2", "below=0.01"))
    first, second = recompute(chapters(root)[0])
    assert list(first)[:9] == [
        "id", "chapter", "sentence", "verdict", "effect", "low", "high", "seeds", "seconds",
    ]  # fmt: skip
    assert (first["id"], first["chapter"], first["verdict"]) == ("07.1", "07", "supported")
    assert (second["id"], second["verdict"]) == ("07.2", "refuted")
    assert first["low"] < first["effect"] < first["high"]
    assert first["seeds"] == 4
    assert 0 <= second["seconds"] < first["seconds"] < 60


def test_seeds_of_the_command_reach_the_chapters_own_cells(book):
    root = book("07_small", RUN, claim("07.1", "above=0.01"))
    (usual,) = recompute(chapters(root)[0])
    says = cell("assert result.seeds == (1000, 1001, 1002), result.seeds")
    book("07_small", RUN, says, claim("07.1", "above=0.01"))
    (fresh,) = recompute(chapters(root)[0], first_seed=1000, seeds=3)
    assert (usual["seeds"], fresh["seeds"]) == (4, 3)
    assert usual["effect"] != fresh["effect"]


def test_a_chapter_runs_as_a_notebook_does_without_a_reader(book, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", "07_small.ipynb")
    monkeypatch.delenv("PLASTLAB_STILLS")
    monkeypatch.setenv("PLASTLAB_CACHE", "/nonexistent/cache")
    code = "\n".join([
        "import os, asyncio",
        "from pathlib import Path",
        "await asyncio.sleep(0)",
        "%time 1 + 1",
        "assert 'JPY_SESSION_NAME' not in os.environ",
        "assert os.environ['PLASTLAB_STILLS'] == '1'",
        "assert Path.cwd().name == 'chapters' and Path('07_small.md').exists()",
        "cache = Path(os.environ['PLASTLAB_CACHE'])",
        "assert not cache.exists()",
    ])  # fmt: skip
    root = book("07_small", cell(code), cell("1 / 0", tags="raises-exception"))
    assert recompute(chapters(root)[0]) == []


def test_a_cell_that_raises_is_shown_with_its_traceback_and_ends_with_code_2(book, capsys):
    book("07_small", cell("x = 1"), cell("def f():\n    return missing + x\nf()"))
    assert main(["claims"]) == 2
    message = capsys.readouterr().err
    assert message.startswith("07_small.md does not run.\nCode cell 2:")
    assert "return missing + x" in message
    assert "NameError: name 'missing' is not defined" in message


def test_the_command_prints_a_table_and_writes_rows(book, tmp_path, capsys):
    book("07_small", NUMBERS, claim("07.1", "above=0.01", source="ash2020warm"))
    book("08_other", NUMBERS, claim("08.1", "above=0.02", sentence="Ä < ö."))
    assert main(["claims", "--json", str(tmp_path / "rows.json")]) == 0
    printed = capsys.readouterr()
    assert "07.1   supported" in printed.out
    assert "2 claims: 2 supported, 0 refuted, 0 undecided" in printed.out
    assert "07_small: 1 claims" in printed.err
    rows = json.loads((tmp_path / "rows.json").read_text(encoding="utf-8"))
    assert [row["sentence"] for row in rows] == ["Some labels are right.", "Ä < ö."]


def test_one_chapter_can_be_chosen_and_a_refuted_claim_ends_with_code_1(book, capsys):
    book("07_small", cell("1 / 0"))
    book("08_other", NUMBERS, claim("08.1", "above=0.99"))
    assert main(["claims", "--chapter", "08"]) == 1
    printed = capsys.readouterr().out
    assert "0 supported, 1 refuted" in printed
    assert "07" not in printed


def test_a_stopped_command_goes_on_where_it_was(book, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(cache.FOLDER, str(tmp_path / "kept"))
    counts = cell(
        "from tqdm.auto import tqdm\nupdate = tqdm.update\n"
        "tqdm.update = lambda *args: open('trained', 'a').write('x') and update(*args)"
    )
    book("07_small", counts, RUN, claim("07.1", "above=0.01"))
    run, trained = ledger._run, tmp_path / "chapters" / "trained"

    def stopped(*args):
        run(*args)
        raise KeyboardInterrupt

    monkeypatch.setattr(ledger, "_run", stopped)
    assert main(["claims"]) == 2
    assert "What is finished is kept: the same command goes on" in capsys.readouterr().err
    once = trained.read_text()
    monkeypatch.setattr(ledger, "_run", run)
    assert main(["claims"]) == 0
    assert trained.read_text() == once != ""
    assert list((tmp_path / "kept").iterdir()) == []


def test_what_is_wrong_with_the_ledger_itself_ends_with_code_1(book, capsys):
    twice = claim("07.1", "above=0.01")
    elsewhere = claim("08.1", "above=0.01", source="nobody1900")
    book("07_small", NUMBERS, twice, twice, elsewhere)
    assert main(["claims"]) == 1
    printed = capsys.readouterr().out
    assert "07.1 is claimed 2 times\n" in printed
    assert "08.1 is claimed in 07_small\n" in printed
    assert "08.1 cites nobody1900, which references.bib does not have\n" in printed
    assert "3 claims: 3 supported" in printed


def test_a_chapter_that_is_not_there_ends_with_code_2(book, capsys):
    book("07_small", cell("x = 1"))
    assert main(["claims", "--chapter", "9"]) == 2
    assert "--chapter must be one of 07; got '9'" in capsys.readouterr().err


@pytest.mark.parametrize("flags", [["--seeds", "1"], ["--first-seed", "-1"], ["--seeds", "few"]])
def test_bad_numbers_of_seeds_are_refused(flags, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["claims", *flags])
    assert stop.value.code == 2
    assert flags[0] in capsys.readouterr().err


def row(**fields):
    usual = {"id": "07.1", "chapter": "07", "page": "07_small", "sentence": "So it is."}
    usual |= {"verdict": "supported", "effect": 0.5, "low": 0.4, "high": 0.6, "source": ""}
    usual |= {"seeds": 16, "count": 15, "seconds": 1.26, "reason": "", "unit": ""}
    return usual | fields


def test_the_table_keeps_columns_and_wraps_sentences():
    sentence = "A sentence that is much too long for the width that is left to it."
    failed = {"effect": None, "low": None, "high": None, "reason": "1 of 16 seeds not finite"}
    lines = table([row(), row(sentence=sentence), row(verdict="undecided", **failed)], 110)
    head, first, *wrapped, last = lines.splitlines()
    column = head.index("sentence")
    assert first[column:] == "So it is."
    assert "0.50    0.40 to 0.60              15 of 16     1.3" in first
    assert " ".join(line[column:] for line in wrapped) == sentence
    assert max(map(len, lines.splitlines())) <= 110
    assert "-       1 of 16 seeds not finite" in last
    assert "50 points" in table([row(effect=50, low=40, high=60, unit="points")], 110)


def test_the_summary_counts_verdicts():
    words = ["supported", "refuted", "supported", "undecided"]
    said = summary([row(verdict=word) for word in words])
    assert said == "4 claims: 2 supported, 1 refuted, 1 undecided"


def test_a_sound_ledger_has_no_faults():
    assert faults([row(), row(id="07.2", source="a")], {"a"}) == []


def test_the_command_is_found_by_its_name(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["claims", "--help"])
    assert stop.value.code == 0
    assert "--first-seed" in capsys.readouterr().out


def test_the_bibliography_of_the_book_can_be_read():
    references = read_references(ROOT / "chapters" / "references.bib")
    assert references["ash2020warm"].short == "Ash and Adams (2020)"
    assert references["lyle2023understanding"].short == "Lyle et al. (2023)"
    assert references["lyle2025survey"].short == "Lyle (2025)"
    assert references["berariu2021study"].authors[3] == "Bornschein, Jörg"
    nature = references["dohare2024nature"]
    assert nature.full.endswith("*Nature*. <https://doi.org/10.1038/s41586-024-07711-7>")
    for reference in references.values():
        assert reference.link, reference.key
        assert not set("{}\\") & set(reference.full), reference.key


ENTRY = "@article{a,\n author = {A, B.},\n title = {T},\n journal = {J},\n year = {2000},\n}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ENTRY + ENTRY, "the key a occurs twice"),
        (ENTRY.replace(" year = {2000},\n", ""), "the entry a lacks year"),
        (ENTRY.replace("journal", "note"), "the entry a lacks journal or booktitle"),
    ],
)
def test_a_bibliography_with_holes_is_refused(tmp_path, text, message):
    (tmp_path / "references.bib").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_references(tmp_path / "references.bib")
