"""The command that lists the methods, the diagnostics and the streams, from their docstrings, and
writes the page of the book that does.

A docstring's labelled lines ("Source:", "Differs:", "Cost:", and "Misses …" of a diagnostic) go on
over lines that are indented. How much a method slows training down is measured on request, kept in
the page, and read from there when the page is written again.
"""

import argparse
import inspect
import json
import re
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from tqdm.auto import tqdm

from plastlab import engines, interventions, probes, streams
from plastlab.interventions import Event, Intervention
from plastlab.neutral import neutral
from plastlab.requirements import ROOT
from plastlab.screen import watched
from plastlab.shard import Shard

PAGE = ROOT / "chapters" / "catalogue.md"
REPLICAS, ROUNDS = 16, 7  # of the measurement
METHOD, DIAGNOSTIC, STREAM = "method", "diagnostic", "stream"
MOMENTS = [name for name, value in vars(Intervention).items() if inspect.isfunction(value)]
MOMENTS = [name for name in MOMENTS if not name.startswith("_")]
LABEL = re.compile(r"^(Source|Differs|Cost): (.*(?:\n {4}.*)*)", re.MULTILINE)
MISSES = re.compile(r"\bMisses (.+?)(?=\n\n|\n(?:Source|Differs|Cost|Raises):|\Z)", re.DOTALL)
NUMBER = re.compile(r"^\| `(\w+)` \|.*\| ([0-9.]+)x \|$", re.MULTILINE)


@dataclass(frozen=True)
class Entry:
    """One line of the catalogue. `family` of a stream is what changes in it; `hooks` are the
    moments at which a method acts; `slowdown` is how many times longer a step takes with it."""

    kind: str
    name: str
    family: str
    summary: str
    source: str = ""
    differs: str = ""
    cost: str = ""
    misses: str = ""
    hooks: tuple[str, ...] = ()
    slowdown: float | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command reads."""
    parser.add_argument("--json", metavar="FILE", help="write the entries to FILE")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name} of the book anew")
    parser.add_argument(
        "--measure", action="store_true", help="measure how much each method slows a step; writes"
    )


def main(args: argparse.Namespace) -> int:
    """List, and write what was asked for."""
    found = measured(PAGE.read_text(encoding="utf-8")) if PAGE.exists() else {}
    if args.measure:
        found = slowdowns(_methods())
    listed = entries(found)
    print(text(listed))
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump([asdict(entry) for entry in listed], file, indent=1, ensure_ascii=False)
    if args.write or args.measure:
        PAGE.write_text(page(listed), encoding="utf-8")
        print(f"{PAGE.relative_to(ROOT)} is written", file=sys.stderr)
    return 0


def entries(slow: dict[str, float] | None = None) -> list[Entry]:
    """Everything that there is: methods by family, diagnostics by family, streams."""
    slow = slow or {}
    found = [
        _entry(METHOD, kind, kind.family, hooks=hooks(kind), slowdown=slow.get(kind.__name__))
        for kind in sorted(_methods(), key=lambda kind: (kind.family, kind.__name__))
    ]
    for family, members in probes.FAMILIES.items():
        found += [_entry(DIAGNOSTIC, probe, family) for probe in members]
    kinds = [getattr(streams, name) for name in streams.__all__]
    found += [_entry(STREAM, k, f"changes {k().changes}") for k in kinds if k is not streams.Stream]
    return found


def hooks(kind: type[Intervention]) -> tuple[str, ...]:
    """The moments at which a method acts: those that it, or a class above it, fills in."""
    return tuple(m for m in MOMENTS if getattr(kind, m) is not getattr(Intervention, m))


def _methods() -> list[type[Intervention]]:
    kinds = [getattr(interventions, name) for name in interventions.__all__]
    return [kind for kind in kinds if kind not in (Intervention, Event)]


def _entry(kind: str, thing: Any, family: str, **more: Any) -> Entry:
    """What a docstring says."""
    doc = inspect.getdoc(thing) or ""
    labelled = {label.lower(): _flat(value) for label, value in LABEL.findall(doc)}
    missed = MISSES.search(doc)
    return Entry(
        kind,
        thing.__name__,
        family,
        _flat(re.split(r"\n\n|(?<=\.)\s", doc)[0]),
        misses=_flat(missed[1]) if missed and kind == DIAGNOSTIC else "",
        **labelled,
        **more,
    )


def _flat(words: str) -> str:
    return " ".join(words.split())


def text(listed: Sequence[Entry]) -> str:
    """The list for a terminal."""
    lines: list[str] = []
    for kind, family, group in _groups(listed):
        lines += [f"{kind}s: {family}", ""]
        for entry in group:
            lines.append(f"  {entry.name}: {entry.summary}")
            lines += [f"    {label}: {value}" for label, value in _details(entry)]
        lines.append("")
    return "\n".join(lines)


def _groups(listed: Sequence[Entry]) -> Iterator[tuple[str, str, list[Entry]]]:
    for kind, family in dict.fromkeys((entry.kind, entry.family) for entry in listed):
        yield kind, family, [e for e in listed if (e.kind, e.family) == (kind, family)]


def _details(entry: Entry) -> list[tuple[str, str]]:
    found = {
        "source": entry.source,
        "differs": entry.differs,
        "cost": entry.cost,
        "misses": entry.misses,
        "acts": ", ".join(entry.hooks),
        "a step takes": f"{entry.slowdown:.2f} times as long" if entry.slowdown else "",
    }
    return [(label, value) for label, value in found.items() if value]


def page(listed: Sequence[Entry]) -> str:
    """The page of the book, Markdown."""
    by_kind = {kind: [e for e in listed if e.kind == kind] for kind in (METHOD, DIAGNOSTIC, STREAM)}
    tables = [
        _table(
            (
                "method",
                "family",
                "what it does",
                "source",
                "acts",
                "extra memory and passes",
                "step",
            ),
            (
                (e.name, e.family, e.summary, e.source, ", ".join(e.hooks), e.cost, _times(e))
                for e in by_kind[METHOD]
            ),
        ),
        _table(
            ("diagnostic", "family", "what it is", "source", "misses"),
            ((e.name, e.family, e.summary, e.source, e.misses) for e in by_kind[DIAGNOSTIC]),
        ),
        _table(
            ("stream", "what changes", "what it is", "source", "differs"),
            (
                (e.name, e.family.removeprefix("changes "), e.summary, e.source, e.differs)
                for e in by_kind[STREAM]
            ),
        ),
    ]
    return WORDS.format(*tables, replicas=REPLICAS, rounds=ROUNDS, work=engines.MIDDLE.name)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; the first column is code."""
    lines = [" | ".join(head), " | ".join([":--"] * len(head))]
    for name, *cells in rows:
        safe = [cell.replace("|", r"\|").replace("<", "&lt;") for cell in cells]
        lines.append(" | ".join([f"`{name}`", *safe]))
    return "\n".join(f"| {line} |" for line in lines)


def _times(entry: Entry) -> str:
    return "not measured" if entry.slowdown is None else f"{entry.slowdown:.2f}x"


def measured(written: str) -> dict[str, float]:
    """The slowdowns in a page, by method."""
    return {name: float(number) for name, number in NUMBER.findall(written)}


def stale(written: str) -> list[str]:
    """Lines of a page that the docstrings no longer say, or not yet, whatever the digits of the
    measurement. Empty if the page is up to date."""
    now = page(entries(measured(written)))
    return sorted(set(written.splitlines()) ^ set(now.splitlines()))


def slowdowns(kinds: Sequence[type[Intervention]], rounds: int = ROUNDS) -> dict[str, float]:
    """How many times longer a step takes with each method in its default setting: the median over
    the rounds, in each of which the condition with it and the one without it take turns for a task
    of 100 updates, its boundary included. Processor time, one thread."""
    found = {}
    with neutral():
        for kind in tqdm(kinds, leave=False, disable=not watched()):
            with_it, without = _trainer(kind()), _trainer()
            for trained in (with_it, without, with_it, without):
                _seconds(trained)
            ratios = [_seconds(with_it) / _seconds(without) for _ in range(rounds)]
            found[kind.__name__] = median(ratios)
    return found


def _trainer(*added: Intervention) -> Shard:
    condition = engines.MIDDLE.condition()
    for one in added:
        condition += one
    return Shard(engines.MIDDLE.stream(), {"a": condition}, tuple(range(REPLICAS)))


def _seconds(shard: Shard) -> float:
    start = time.process_time()
    shard.advance(shard.stream.steps)
    return time.process_time() - start


WORDS = """# Catalogue

Written by `python -m plastlab catalogue --write` from the docstrings of the package, which say
more: `help(ReDo)`. To change a line, change the docstring.

## Methods

A method is added to a condition: `Condition(Adam(1e-3)) + ReDo()`. It acts at some of these
moments: when the network or the optimizer is chosen, at the start, at the boundary of two tasks, in
the loss, after each backward pass, after each step, or when held-out examples are answered.

The last column is how many times longer an update takes with the method in its default setting than
without it: {work}, {replicas} replicas, a boundary every 100 updates, processor time, the median of
{rounds} ratios. Other machines give other digits: `python -m plastlab catalogue --measure`.

{0}

## Diagnostics

A diagnostic is a probe: `run(…, probes=[accuracy, dead_units])`. None of them is plasticity itself;
the last column says what each one cannot see.

{1}

## Streams

{2}
"""
