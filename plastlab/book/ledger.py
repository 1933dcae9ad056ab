"""The command that recomputes the claims of the book, on its own seeds or on others.

Each chapter's code cells run in one fresh process, exactly as they stand in the text source; what
they claim is collected on the way. The cache is the command's own: empty at first, and kept until
the command has ended, so that one that was stopped goes on where it was.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import jupytext

from plastlab import cache
from plastlab.book.pages import FORMAT, Page, find_pages
from plastlab.claims import REFUTED, VERDICTS
from plastlab.cluster import add_cluster, cluster
from plastlab.dispatch import ExecutorError
from plastlab.references import read_references
from plastlab.requirements import ROOT
from plastlab.stats import rounded
from plastlab.units import said

Row = dict[str, Any]
KEYS = ("id", "chapter", "sentence", "verdict", "effect", "low", "high", "seeds", "seconds")
KEYS += ("source", "count", "bound", "reason", "unit")
HEAD = ("claim", "verdict", "effect", "95 % interval", "on its side", "seconds")
# A kernel's session would make predictions wait for a reader; the rest is set here.
LEFT_OUT = {"JPY_SESSION_NAME", "PLASTLAB_FIRST_SEED", "PLASTLAB_SEEDS"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command reads."""
    parser.add_argument(
        "--first-seed", type=_at_least(0), metavar="N", help="use seeds from N on (default: 0)"
    )
    parser.add_argument(
        "--seeds",
        type=_at_least(2),
        metavar="N",
        help="use N seeds (default: as each chapter says)",
    )
    parser.add_argument(
        "--chapter", metavar="NN", help="only this chapter, such as 08 (default: all)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows to FILE too")
    add_cluster(parser)


def main(args: argparse.Namespace) -> int:
    """Print the ledger. Returns 1 if a claim is refuted or misplaced, 2 if a chapter fails."""
    numbers = args.first_seed, args.seeds
    place = _place(*numbers)
    try:
        sources = set(read_references(ROOT / "chapters" / "references.bib"))
        pages = chapters(ROOT, args.chapter)
        with nullcontext() if args.cluster is None else cluster(args.cluster):
            rows = [row for page in pages for row in recompute(page, *numbers, place, args.cluster)]
        if args.json:
            args.json.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", "utf-8")
    except (ChapterError, ExecutorError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        kept = "Nothing was kept: PLASTLAB_CACHE is off."
        if place is not None:
            kept = "What is finished is kept: the same command goes on from here."
        print(f"Stopped. {kept}", file=sys.stderr)
        return 2
    if place is not None:
        shutil.rmtree(place, ignore_errors=True)
    wrong = faults(rows, sources)
    print(table(rows, shutil.get_terminal_size((110, 24)).columns))
    print("\n".join(["", *wrong, summary(rows)]))
    return int(bool(wrong) or any(row["verdict"] == REFUTED for row in rows))


def _place(first_seed: int | None, seeds: int | None) -> Path | None:
    """Where a command with these seeds keeps what is finished until it has ended; None if caching
    is off."""
    folder = cache.folder()
    return folder and folder / f"claims from {first_seed or 0}, {seeds or 'usual'} seeds"


class ChapterError(Exception):
    """A chapter that is not there, or that does not run to its end."""


def chapters(root: Path, chosen: str | None = None) -> list[Page]:
    """The chapters of the book in `root`, or the chosen one.

    Raises:
        ChapterError: no such chapter.
    """
    pages = [page for page in find_pages(root) if not page.is_lab]
    found = [page for page in pages if chosen in (None, page.source.name[:2])]
    if not found:
        listed = ", ".join(page.source.name[:2] for page in pages)
        raise ChapterError(
            f"claims: --chapter must be one of {listed or '(none)'}; got {chosen!r}."
        )
    return found


def recompute(
    page: Page,
    first_seed: int | None = None,
    seeds: int | None = None,
    place: Path | None = None,
    address: str | None = None,
) -> list[Row]:
    """Run a chapter's cells and return its verdicts, one row a claim. What is trained is kept in
    `place` (by default nowhere), and trained on the cluster at `address` (by default here).

    `seconds` of a row is wall time since the chapter's claim before it, or since the start of its
    process.

    Raises:
        ChapterError: a cell raised; the message has its source and traceback.
    """
    start = time.time()
    with tempfile.TemporaryDirectory() as scratch:
        ledger = Path(scratch) / "ledger.jsonl"
        asked = {"PLASTLAB_FIRST_SEED": first_seed, "PLASTLAB_SEEDS": seeds}
        asked |= {"PLASTLAB_CACHE": place or f"{scratch}/cache", "PLASTLAB_LEDGER": ledger}
        _run(page, asked, [] if address is None else [address])
        lines = ledger.read_text(encoding="utf-8").splitlines() if ledger.exists() else []
    rows = [json.loads(line) for line in lines]
    ends = [row["at"] for row in rows]
    for row, since, until in zip(rows, [start, *ends], ends, strict=False):
        row["seconds"] = round(until - since, 2)
    print(f"{page.source.stem}: {len(rows)} claims, {time.time() - start:.0f} s", file=sys.stderr)
    return [{key: row[key] for key in KEYS} | {"page": page.source.stem} for row in rows]


def _run(page: Page, asked: dict[str, Any], cluster: list[str]) -> None:
    """Run a chapter's cells in a process of their own; `asked` goes into its environment."""
    env = {name: value for name, value in os.environ.items() if name not in LEFT_OUT}
    env |= {name: str(value) for name, value in asked.items() if value is not None}
    done = subprocess.run(
        [sys.executable, "-m", "plastlab.book.cells", str(page.source.parent), *cluster],
        input=json.dumps(_code_cells(page)),
        env=env | {"MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise ChapterError(f"{page.source.name} does not run.\n{done.stderr.strip()}")


def _code_cells(page: Page) -> list[dict[str, Any]]:
    cells = jupytext.read(page.source, fmt=FORMAT).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    return [{"source": cell.source, "tags": cell.metadata.get("tags", [])} for cell in code]


def faults(rows: list[Row], sources: set[str]) -> list[str]:
    """What is wrong with the ledger itself, one line a fault: an id that is used twice or that
    belongs to another chapter, a source that the bibliography does not have."""
    counts = Counter(row["id"] for row in rows)
    found = [f"{key} is claimed {count} times" for key, count in counts.items() if count > 1]
    for row in rows:
        if row["chapter"] != row["page"][:2]:
            found.append(f"{row['id']} is claimed in {row['page']}")
        if row["source"] and row["source"] not in sources:
            found.append(f"{row['id']} cites {row['source']}, which references.bib does not have")
    return found


def table(rows: list[Row], width: int) -> str:
    """One line a claim, or more where the sentence needs them."""
    cells = [HEAD] + [_cells(row) for row in rows]
    sizes = [max(map(len, column)) for column in zip(*cells, strict=True)]
    indent = sum(sizes) + 2 * len(sizes)
    lines = []
    for row, sentence in zip(cells, ["sentence", *(row["sentence"] for row in rows)], strict=True):
        texts = [text.ljust(size) for text, size in zip(row, sizes, strict=True)]
        wrapped = textwrap.wrap(sentence, max(width - indent, 30))
        lines.append("  ".join([*texts, wrapped[0]]))
        lines += [" " * indent + line for line in wrapped[1:]]
    return "\n".join(lines)


def summary(rows: list[Row]) -> str:
    """How many claims have which verdict."""
    counts = Counter(row["verdict"] for row in rows)
    return f"{len(rows)} claims: " + ", ".join(f"{counts[word]} {word}" for word in VERDICTS)


def _cells(row: Row) -> tuple[str, ...]:
    seeds = f"{row['count']} of {row['seeds']}"
    seconds = f"{row['seconds']:.1f}"
    if row["effect"] is None:
        return row["id"], row["verdict"], "-", row["reason"], seeds, seconds
    effect, low, high = rounded(row["effect"], row["low"], row["high"])
    effect = said(effect, row["unit"])
    return row["id"], row["verdict"], effect, f"{low} to {high}", seeds, seconds


def _at_least(low: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        value = int(text)
        if value < low:
            raise argparse.ArgumentTypeError(f"must be at least {low}; got {value}")
        return value

    return number
