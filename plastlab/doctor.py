"""The command that says whether this machine can run the book, and how long that takes here.

Nothing but the standard library is imported until it is known to be there.
"""

import argparse
import json
import platform
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from plastlab.home import settle
from plastlab.machine import find_browser, free_port, speed
from plastlab.requirements import REMEDY, ROOT, Requirement, declared, missing

OK, NOTE, FAIL = "OK", "NOTE", "FAIL"
OLDEST_PYTHON = (3, 11)
PORT = 8888


class Finding(NamedTuple):
    """One line of the report: OK, NOTE (the book can be read all the same) or FAIL, and why."""

    level: str
    text: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command reads nothing."""


def main(args: argparse.Namespace) -> int:
    """Print the findings. Returns 1 if one of them is a FAIL."""
    findings = examine()
    print("\n".join(f"{finding.level:<5} {finding.text}" for finding in findings))
    failed = any(finding.level == FAIL for finding in findings)
    print(f"\n{REMEDY}." if failed else "\nAll is well: make lab opens the book.")
    return int(failed)


def examine() -> list[Finding]:
    """All findings, the dependencies first. Speed, time and cache need them, so they wait until
    none is missing."""
    findings = [python(), *map(package, declared()), *home(), browser(), port()]
    return findings if missing() else [*findings, cache_folder(), *minutes(speed())]


def python() -> Finding:
    """Whether this Python is new enough."""
    level = OK if sys.version_info >= OLDEST_PYTHON else FAIL
    oldest = ".".join(map(str, OLDEST_PYTHON))
    return Finding(level, f"python {platform.python_version()} (needs {oldest} or later)")


def package(requirement: Requirement) -> Finding:
    """Whether a dependency is installed in a version that the book accepts."""
    found = requirement.found
    level = OK if found and requirement.accepts(found) else FAIL
    here = found or "is not installed"
    return Finding(level, f"{requirement.name} {here} (needs {requirement.versions})")


def home() -> list[Finding]:
    """Whether the home folder cannot be written to, and what is used instead."""
    moved = settle()
    return [Finding(NOTE, moved)] if moved else []


def browser() -> Finding:
    """Whether the browser tests can run here; reading needs no browser that Python can find."""
    if path := find_browser():
        return Finding(OK, f"browser {path}")
    return Finding(NOTE, "no Chromium found: make test skips the browser tests")


def port(first: int = PORT) -> Finding:
    """Which port make lab will use."""
    try:
        free = free_port(first)
    except OSError as error:
        return Finding(FAIL, str(error))
    taken = "" if free == first else f" ({first} is taken)"
    return Finding(OK, f"port {free} is free{taken}")


def cache_folder() -> Finding:
    """Whether results can be kept on disk, where, and how much is there."""
    from plastlab import cache, shelf

    try:
        place = cache.folder()
        if place is None:
            return Finding(NOTE, "results are not kept, as PLASTLAB_CACHE=off asks")
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        return Finding(FAIL, f"results cannot be kept: {error}. Set PLASTLAB_CACHE to a folder")
    kept, _ = shelf.contents(place)
    size = sum(one.size for one in kept) / 2**20
    here = f"{size:.1f} MB, of at most {shelf.SIZE >> 20}"
    return Finding(OK, f"results are kept in {place.absolute()} ({here})")


def minutes(here: float, root: Path = ROOT) -> list[Finding]:
    """This machine's speed, and how long the book computes on it: what each notebook took when it
    was built, scaled by the speeds of that machine and of this one."""
    findings = [Finding(OK, f"speed {here:.2f} (1 is the machine that the book was measured on)")]
    records = {path.stem: _record(path) for path in sorted(root.glob("[cl]*/[0-9][0-9]_*.ipynb"))}
    seconds = {name: record["seconds"] * record["speed"] / here for name, record in records.items()}
    if seconds:
        each = ", ".join(f"{name} {value:.0f} s" for name, value in seconds.items())
        total = sum(seconds.values()) / 60
        findings.append(Finding(OK, f"the book computes {total:.1f} minutes here: {each}"))
    return findings


def _record(notebook: Path) -> dict[str, float]:
    return json.loads(notebook.read_text(encoding="utf-8"))["metadata"]["plastlab"]
