"""Shelf: a folder that keeps one small file a name, all or nothing, and does not grow for ever.

It is about 256 MB or 20,000 files: beyond that, what was not used for the longest time goes first.
"""

import os
import re
import stat
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

SIZE, COUNT = 2**28, 20_000  # bytes and files that are kept
WEEK, HOUR = 7 * 86_400.0, 3_600.0  # seconds
OFTEN = 500, 2**24  # it is put in order after so many files, or bytes, were written to it
NAME = re.compile(r"([0-9a-f]{16}-)?[0-9a-f]{32}\.outcome")  # the first part says the version
PART = re.compile(r"(tmp|outcome-)[a-z0-9_]{8}\.part")
_written: dict[Path, tuple[int, int]] = {}  # files and bytes since this process put it in order


class Kept(NamedTuple):
    """A file on the shelf: when it was last used, its size, its place."""

    used: float
    size: int
    path: str


def read(folder: Path, name: str) -> bytes | None:
    """What is kept under this name, which counts as used now; None if there is nothing.

    Raises:
        OSError: there is something, and it cannot be read.
    """
    try:
        content = (folder / name).read_bytes()
    except FileNotFoundError:
        return None
    with suppress(OSError):  # a folder that others may read and only its owner may write to
        os.utime(folder / name)
    return content


def write(folder: Path, name: str, content: bytes) -> None:
    """Keep it: written beside its place, then moved there in one step.

    Raises:
        OSError: the folder or the file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    part = tempfile.NamedTemporaryFile(  # noqa: SIM115
        dir=folder, prefix="outcome-", suffix=".part", delete=False
    )
    try:
        with part:
            part.write(content)
        os.replace(part.name, folder / name)
    except BaseException:
        with suppress(OSError):
            os.unlink(part.name)
        raise
    files, size = _written.get(folder, OFTEN)  # the first time, it is due
    _written[folder] = files + 1, size + len(content)


def remove(folder: Path, name: str) -> None:
    """Keep it no longer.

    Raises:
        OSError: it cannot be removed.
    """
    (folder / name).unlink(missing_ok=True)


def tidy(folder: Path, version: str) -> None:
    """Put the folder in order, if this process has written enough to it since it last did.

    What a killed writer left an hour ago is removed, what other versions have not used for a week,
    and, where there is too much, what was not used for the longest time. Nothing else is touched.
    """
    files, size = _written.get(folder, (0, 0))
    if files < OFTEN[0] and size < OFTEN[1]:
        return
    _written[folder] = 0, 0
    now, total = time.time(), 0
    kept, parts = contents(folder)
    for part in parts:
        if now - part.used > HOUR:
            _remove(part.path)
    for i, one in enumerate(sorted(kept, reverse=True)):
        total += one.size
        old = now - one.used > WEEK and not os.path.basename(one.path).startswith(version)
        if old or total > SIZE or i >= COUNT:
            _remove(one.path)


def contents(folder: Path) -> tuple[list[Kept], list[Kept]]:
    """The files that are kept, and those that are being written or never will be finished."""
    kept: list[Kept] = []
    parts: list[Kept] = []
    with suppress(OSError), os.scandir(folder) as found:
        for file in found:
            kind = kept if NAME.fullmatch(file.name) else parts
            if kind is kept or PART.fullmatch(file.name):
                with suppress(OSError):  # another process may have removed it by now
                    facts = file.stat(follow_symlinks=False)
                    if stat.S_ISREG(facts.st_mode):
                        kind.append(Kept(facts.st_mtime, facts.st_size, file.path))
    return kept, parts


def _remove(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)
