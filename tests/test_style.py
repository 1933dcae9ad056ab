"""Code is formatted, lints clean, and comes in files that one can read in one go."""

import subprocess
import sys

import pytest

from plastlab.requirements import ROOT

FOLDERS = ["plastlab", "tests"]


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]], ids=lambda c: c[0])
def test_ruff_has_nothing_to_say(command):
    line = [sys.executable, "-m", "ruff", *command, *FOLDERS]
    done = subprocess.run(line, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", sorted((ROOT / "plastlab").rglob("*.py")), ids=lambda p: p.name)
def test_a_file_has_at_most_300_lines(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300
