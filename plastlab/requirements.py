"""Which packages the book needs, which of them are here, and what to do when one is missing.

Standard library only: this module answers when nothing else can be imported.
"""

import re
import sys
import tomllib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
REMEDY = (
    "In a terminal, in the folder of the book, run `make lab` "
    "(without make: `python -m pip install -r requirements.lock -e .`)"
)
_COMMANDS = {  # which only these commands need; nothing in the package imports them
    "jupyterlab": ("lab",),
    "jupyter_core": ("lab",),
    "ipykernel": ("lab", "book", "course"),
    "nbclient": ("book", "course"),
    "jupytext": ("lab", "book", "claims", "course"),
    "nbformat": ("book", "claims", "course"),
}
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)((?:[<>]=?[0-9.]+,?)+)$")


@dataclass(frozen=True)
class Requirement:
    """A package and the versions of it that the book accepts, e.g. ("torch", ">=2.4,<2.14")."""

    name: str
    versions: str

    @property
    def found(self) -> str | None:
        """The installed version, None if the package is not installed."""
        try:
            return metadata.version(self.name)
        except metadata.PackageNotFoundError:
            return None

    def accepts(self, version: str) -> bool:
        """Whether `version` lies within `versions`; a local suffix such as +cpu plays no part."""
        return all(_compare(version, bound) for bound in self.versions.split(","))


def parse(text: str) -> Requirement:
    """Read "name>=low,<high".

    Raises:
        ValueError: the text has another form.
    """
    match = _REQUIREMENT.match(text.replace(" ", ""))
    if not match:
        raise ValueError(f"a requirement must look like 'torch>=2.4,<2.14'; got {text!r}.")
    return Requirement(match[1], match[2])


def declared() -> list[Requirement]:
    """The dependencies in pyproject.toml or, where the book was installed without it, in the
    metadata of the installed package."""
    project = ROOT / "pyproject.toml"
    if project.exists():
        lines = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["dependencies"]
    else:
        lines = [line for line in metadata.requires("plastlab") or () if "extra ==" not in line]
    return [parse(line) for line in lines]


def missing(command: str = "") -> list[str]:
    """The names of the dependencies that are not installed and that the package needs, or a
    command of it."""
    return [
        requirement.name
        for requirement in declared()
        if requirement.found is None and command in _COMMANDS.get(requirement.name, (command,))
    ]


def refuse(name: str) -> NoReturn:
    """Stand in for plastlab's `__getattr__` when dependencies are missing, so that whoever asks
    the package for a name learns what to do.

    Raises:
        ImportError: always; the message names what is missing and the command that installs it.
    """
    raise ImportError(f"{advice()}, then open the chapter again.", name=name)


def advice(command: str = "") -> str:
    """What is missing for a command, and what to run."""
    names = ", ".join(missing(command))
    return f"plastlab needs {names}, not installed for {sys.executable}. {REMEDY}"


def _compare(version: str, bound: str) -> bool:
    operator, limit = re.match(r"([<>]=?)(.+)", bound).groups()
    here, there = _numbers(version), _numbers(limit)
    return {">=": here >= there, ">": here > there, "<=": here <= there, "<": here < there}[
        operator
    ]


def _numbers(version: str) -> tuple[int, ...]:
    """ "2.13.0+cpu" -> (2, 13): release numbers without trailing zeros, so that 2.0 equals 2."""
    numbers = [int(part) for part in re.match(r"[0-9.]+", version)[0].strip(".").split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
