"""Cache: each condition's outcome on disk, kept under all that it depends on.

That is its whole spec, plastlab's code as it is now, the versions of the libraries and the kernels
that they choose on this processor, since those round differently. A reader's own code, whose
changes plastlab cannot see, is never kept. A file begins with a digest of its key and its content:
one that is damaged, or that holds something else, is computed again, never trusted and never fatal.
"""

import functools
import io
import os
import platform
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import platformdirs
import torch
from threadpoolctl import threadpool_info

from plastlab import present_code, shelf
from plastlab.condition import Condition
from plastlab.fingerprint import Foreign, digest, of_specs
from plastlab.nets.modules import Module
from plastlab.probes import Probe
from plastlab.screen import watched
from plastlab.streams import Stream

FOLDER = "PLASTLAB_CACHE"
REMEDY = f"Set {FOLDER} to a folder that can be written to, or to off."
RUN = "plastlab.run"  # the module where every run starts
DIGEST = 16  # bytes
LARGEST = shelf.SIZE // 16  # bytes of an outcome that is kept
SLOW = 2.0  # seconds from which on it is worth a line that a run was not kept
Outcome = dict[str, np.ndarray]


def folder() -> Path | None:
    """Where outcomes are kept: the folder that the environment variable PLASTLAB_CACHE names, or
    the system's place for caches. None if PLASTLAB_CACHE is "off".

    Raises:
        FileNotFoundError: no home folder is known.
    """
    chosen = os.environ.get(FOLDER, "").strip()
    if chosen.lower() == "off":
        return None
    try:
        place = Path(chosen or platformdirs.user_cache_dir("plastlab")).expanduser()
    except RuntimeError as error:  # what pathlib raises
        raise FileNotFoundError(f"no home folder: {error}") from error
    return place


def is_on() -> bool:
    """Whether outcomes are kept, as far as can be told without writing one."""
    try:
        return folder() is not None
    except FileNotFoundError:
        return False


@functools.cache
def here() -> bytes:
    """What numbers depend on beside plastlab's code and the specs: the libraries' versions, and the
    kernels that they choose on this processor."""
    libraries = "torch", "numpy", "scipy", "mnist1d", "scikit-learn"
    kernels = {found.get("architecture", "") for found in threadpool_info()}
    return "; ".join(
        [
            *(f"{name} {_version(name)}" for name in libraries),
            *sorted(kernels),
            torch.backends.cpu.get_cpu_capability(),
            platform.machine(),
        ]
    ).encode()


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:  # it was installed without its metadata
        return "unknown"


def code() -> str:
    """A digest of what plastlab's runs would do now, to be compared with another process's."""
    names = (RUN, "plastlab.interventions", "plastlab.probes", "plastlab.streams")
    return present_code.of_modules(present_code.reached(names)).hex()


class Keeper:
    """One run's dealings with the cache. Whatever goes wrong with it is told once, at the end, and
    costs no more than time."""

    def __init__(self, asked: bool = True) -> None:
        self._start, self._trouble, self._version = time.perf_counter(), "", ""
        self._reasons: dict[str, None] = {}
        self._streams: dict[int, tuple[Stream, tuple[bytes, frozenset[str]]]] = {}
        self._codes: dict[frozenset[str], bytes | Foreign] = {}
        self._folder = None
        with self._told():
            self._folder = folder() if asked else None

    @property
    def unkept(self) -> str:
        """Why outcomes were not kept; "" if all were, or if nobody asked for it."""
        return "; ".join(self._reasons)

    def key(
        self,
        stream: Stream,
        condition: Condition,
        seeds: Sequence[int],
        probes: Sequence[Probe],
        every: int,
    ) -> str | None:
        """The name of everything that the outcome depends on; None if it cannot be kept, as it
        depends on a reader's own code."""
        if self._folder is None:
            return None
        try:
            data, homes = self._described(stream)
            specs, more = of_specs(_ours(condition), tuple(seeds), tuple(probes), every)
            code = self._code(homes | more)
        except Foreign as reason:
            self._reasons[str(reason)] = None
            return None
        self._version = code.hex()
        return f"{self._version}-{digest(data, specs, code).hex()}"

    def load(self, key: str | None) -> Outcome | None:
        """The outcome that is kept under this key, or None."""
        if key is None:
            return None
        with self._told():
            content = shelf.read(self._folder, _file(key))
            return None if content is None else _unpacked(key, content)
        return None

    def store(self, key: str | None, outcome: Outcome) -> None:
        """Keep an outcome."""
        if key is None:
            return
        content = _packed(key, outcome)
        if len(content) > LARGEST:
            self._reasons[f"more than {LARGEST >> 20} MB of numbers for one condition"] = None
            return
        with self._told():
            shelf.write(self._folder, _file(key), content)

    def unfinished(self, key: str) -> str:
        """Where the part of an outcome is kept that is there already."""
        return f"{key.partition('-')[0]}-{digest(key.encode(), b'unfinished').hex()}"

    def forget(self, key: str) -> None:
        """Remove what is kept under this key, if it is there and can be removed."""
        with self._told():
            shelf.remove(self._folder, _file(key))

    def finish(self, stacklevel: int = 3) -> None:
        """Put the folder in order, and say what was not kept, or could not be."""
        if self._version:
            shelf.tidy(self._folder, self._version)
        if self._trouble:
            warnings.warn(f"{self._trouble} {REMEDY}", stacklevel=stacklevel)
        if self.unkept and watched() and time.perf_counter() - self._start > SLOW:
            print(f"Not kept for next time: {self.unkept}.", file=sys.stderr)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._trouble = self._trouble or (
                f"plastlab could not use its cache ({error}): results will be computed again."
            )

    def _described(self, stream: Stream) -> tuple[bytes, frozenset[str]]:
        """A stream may hold many numbers: they are read once a run."""
        if id(stream) not in self._streams:
            self._streams[id(stream)] = stream, of_specs(stream)
        return self._streams[id(stream)][1]

    def _code(self, homes: frozenset[str]) -> bytes:
        """8 bytes for what would run: plastlab's code that specs of these modules can reach, and
        what it stands on. It is looked at once a run."""
        more = homes - self._always
        if more not in self._codes:
            try:
                code = present_code.of_modules(present_code.reached((RUN, *more)))
                self._codes[more] = digest(code, here())[:8]
            except Foreign as reason:
                self._codes[more] = reason
        if isinstance(self._codes[more], Foreign):
            raise self._codes[more]
        return self._codes[more]

    @functools.cached_property
    def _always(self) -> frozenset[str]:
        return present_code.reached((RUN,))


def _ours(condition: Condition) -> Condition:
    if isinstance(condition.net, Module):
        raise Foreign("a Module is your own network")
    return condition


def _file(key: str) -> str:
    return f"{key}.outcome"


def _packed(key: str, outcome: Outcome) -> bytes:
    arrays = io.BytesIO()
    np.savez(arrays, **outcome)
    return digest(key.encode(), arrays.getbuffer()) + arrays.getvalue()


def _unpacked(key: str, content: bytes) -> Outcome | None:
    """The outcome in a file; None if it is damaged or another key's."""
    if content[:DIGEST] != digest(key.encode(), memoryview(content)[DIGEST:]):
        return None
    try:
        with np.load(io.BytesIO(content[DIGEST:]), allow_pickle=False) as arrays:
            return dict(arrays)
    except Exception:  # a forged file: zipfile, zlib and numpy raise all kinds
        return None
