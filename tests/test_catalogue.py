"""The catalogue: it lists what there is, says what the docstrings say, and the page agrees."""

import json
import re
import time

import pytest

from plastlab import cli, engines, interventions, probes, streams
from plastlab.book import catalogue
from plastlab.book.catalogue import DIAGNOSTIC, METHOD, STREAM
from plastlab.interventions import Event, Intervention


@pytest.fixture(scope="module")
def listed():
    return catalogue.entries({"ReDo": 1.25})


def named(listed, kind):
    return {entry.name: entry for entry in listed if entry.kind == kind}


def test_every_method_diagnostic_and_stream_is_listed_once(listed):
    methods = {n for n in interventions.__all__ if n not in ("Intervention", "Event")}
    kinds = {name for name in streams.__all__ if name != "Stream"}
    tools = {p.__name__ for members in probes.FAMILIES.values() for p in members}
    assert len(listed) == len(methods) + len(kinds) + len(tools)
    assert set(named(listed, METHOD)) == methods
    assert set(named(listed, STREAM)) == kinds
    assert set(named(listed, DIAGNOSTIC)) == tools


def test_every_method_says_its_source_its_difference_and_its_cost(listed):
    for entry in named(listed, METHOD).values():
        for field in ("family", "summary", "source", "differs", "cost", "hooks"):
            assert getattr(entry, field), f"the docstring of {entry.name} has no {field}"
    for entry in named(listed, DIAGNOSTIC).values():
        assert entry.summary and entry.misses, f"{entry.name} does not say what it misses"
    assert all(entry.summary and entry.source for entry in named(listed, STREAM).values())


class Documented(Event):
    """Does a thing, a | b. And then another.

    More about it.

    Source: Somebody (2020), a long title
        that goes on.
    Differs: nothing; Cost: is not a label here.
    Cost: none.
    """

    family = "test"

    def network(self, spec):
        return spec


def looks_at_it(s):
    """What it sees; if it sees. Misses the rest
    of the world.

    Raises:
        ValueError: never.
    """


def test_a_docstring_is_read_label_by_label():
    found = catalogue._entry(METHOD, Documented, "test")
    assert found.summary == "Does a thing, a | b."
    assert found.source == "Somebody (2020), a long title that goes on."
    assert found.differs == "nothing; Cost: is not a label here."
    assert (found.cost, found.misses) == ("none.", "")
    seen = catalogue._entry(DIAGNOSTIC, looks_at_it, "test")
    assert (seen.summary, seen.misses) == ("What it sees; if it sees.", "the rest of the world.")


def test_hooks_are_the_moments_that_are_filled_in():
    assert catalogue.hooks(Intervention) == ()
    assert catalogue.hooks(interventions.LayerNorm) == ("network",)
    assert catalogue.hooks(Documented) == ("network", "at_task", "after_step")
    assert "after_step" in catalogue.hooks(interventions.WeightClipping)


def test_the_page_of_the_book_agrees_with_the_docstrings():
    written = catalogue.PAGE.read_text(encoding="utf-8")
    assert catalogue.stale(written) == [], "run python -m plastlab catalogue --measure"


def test_another_measurement_is_no_disagreement_and_another_word_is(listed):
    written = catalogue.page(listed)
    assert catalogue.measured(written) == {"ReDo": 1.25}
    assert catalogue.stale(written) == []
    assert catalogue.stale(written.replace("1.25x", "7.50x")) == []
    changed = catalogue.stale(written.replace("Recycles dormant units", "Recycles lazy units"))
    assert len(changed) == 2
    assert all(line.startswith("| `ReDo` |") for line in changed)
    without = re.sub(r"\| `ReDo` .*\n", "", written)
    assert len(catalogue.stale(without)) == 1


def test_every_row_of_a_table_has_as_many_cells_as_its_head(listed):
    for table in re.findall(r"(?:^\|.*\n)+", catalogue.page(listed), re.MULTILINE):
        cells = [len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()]
        assert len(cells) > 3
        assert len(set(cells)) == 1


class Slow(Intervention):
    """Wastes two milliseconds of processor time each update."""

    def after_step(self, s, mem):
        end = time.process_time() + 2e-3
        while time.process_time() < end:
            pass


class Idle(Intervention):
    """Does nothing."""


def test_slowdowns_are_against_the_same_without_the_method(monkeypatch):
    monkeypatch.setattr(engines, "MIDDLE", engines.SMALL)
    found = catalogue.slowdowns([Slow, Idle], rounds=3)
    assert found["Slow"] > 1.5
    assert 0.6 < found["Idle"] < 1.6


def test_the_command_prints_and_writes(tmp_path, monkeypatch, capsys):
    page, rows = tmp_path / "chapters" / "page.md", tmp_path / "rows.json"
    page.parent.mkdir()
    monkeypatch.setattr(catalogue, "PAGE", page)
    monkeypatch.setattr(catalogue, "ROOT", tmp_path)
    monkeypatch.setattr(catalogue, "slowdowns", lambda kinds: {kinds[0].__name__: 1.5})
    assert cli.main(["catalogue", "--json", str(rows)]) == 0
    said = capsys.readouterr().out
    assert "methods: neuron resets" in said
    assert "  ReDo: Recycles dormant units" in said
    assert not page.exists()
    assert {row["kind"] for row in json.loads(rows.read_text())} == {METHOD, DIAGNOSTIC, STREAM}
    assert cli.main(["catalogue", "--measure"]) == 0
    first = page.read_text()
    assert list(catalogue.measured(first).values()) == [1.5]
    assert cli.main(["catalogue", "--write"]) == 0
    assert page.read_text() == first
