"""Cache: each condition's outcome on disk, keyed by its whole spec and by plastlab's code.

A file begins with a digest of its key and its content, so one that is damaged, that was written by
other code or that holds another spec is computed again, never trusted and never fatal. Writing is
all or nothing.
"""

import contextlib
import hashlib
import io
import os
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import torch

from plastlab.condition import Condition
from plastlab.nets.modules import Module
from plastlab.probes import Probe, underlying
from plastlab.streams import Stream

FOLDER = "PLASTLAB_CACHE"
DIGEST = 16  # bytes
Outcome = dict[str, np.ndarray]


def folder() -> Path | None:
    """Where outcomes are kept: the environment variable PLASTLAB_CACHE, or the system's place
    for caches. None if PLASTLAB_CACHE is "off"."""
    chosen = os.environ.get(FOLDER) or platformdirs.user_cache_dir("plastlab")
    return None if chosen == "off" else Path(chosen)


def key(
    stream: Stream, condition: Condition, seeds: Sequence[int], probes: Sequence[Probe], every: int
) -> str | None:
    """What an outcome depends on, in full; None if a part of it is the reader's own code, whose
    changes plastlab cannot see (such runs are never cached)."""
    specs = [stream, condition.optimizer, condition.net, *condition.interventions]
    parts = [part for spec in specs for part in _nested(spec)]
    measured = [underlying(probe) for probe in probes]
    ours = all(_is_ours(type(part)) for part in parts) and all(_is_ours(p) for p in measured)
    if not ours or isinstance(condition.net, Module):
        return None
    names = [p.__name__ for p in probes]
    return repr((stream, condition, tuple(seeds), names, every, torch.__version__, CODE))


def load(key: str) -> Outcome | None:
    """The outcome kept under this key, or None."""
    path = _path(key)
    if path is None or not path.is_file():
        return None
    content = path.read_bytes()
    if content[:DIGEST] != _digest(key.encode(), content[DIGEST:]):
        return None
    with np.load(io.BytesIO(content[DIGEST:]), allow_pickle=False) as arrays:
        return dict(arrays)


def store(key: str, outcome: Outcome) -> None:
    """Keep an outcome, if a folder for it can be written to; else warn."""
    path = _path(key)
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, key, outcome)
    except OSError as error:
        warnings.warn(
            f"plastlab could not keep a result in {path.parent} ({error}); it will be computed "
            f"again next time. Set {FOLDER} to a folder that can be written to, or to off.",
            stacklevel=3,
        )


def forget(key: str) -> None:
    """Remove what is kept under this key, if it is there and can be removed."""
    path = _path(key)
    if path is not None:
        with contextlib.suppress(OSError):
            path.unlink()


def _write(path: Path, key: str, outcome: Outcome) -> None:
    """Write beside the outcome's place, then move it there in one step."""
    arrays = io.BytesIO()
    np.savez(arrays, **outcome)
    content = arrays.getvalue()
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
        try:
            file.write(_digest(key.encode(), content) + content)
            file.close()
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise


def _path(key: str) -> Path | None:
    place = folder()
    return place and place / f"{_digest(key.encode()).hex()}.outcome"


def _digest(*parts: bytes) -> bytes:
    digest = hashlib.blake2b(digest_size=DIGEST)
    for part in parts:
        digest.update(part)
    return digest.digest()


def _nested(spec: Any) -> Iterator[Any]:
    """A spec and the specs inside it: a stream's data, the stream that another one wraps."""
    yield spec
    if is_dataclass(spec):
        for field in fields(spec):
            value = getattr(spec, field.name)
            if is_dataclass(value):
                yield from _nested(value)


def _is_ours(thing: Any) -> bool:
    return thing.__module__.startswith("plastlab.")


def _fingerprint() -> str:
    """A fingerprint of the package's source."""
    return _digest(*(p.read_bytes() for p in sorted(Path(__file__).parent.rglob("*.py")))).hex()


CODE = _fingerprint()  # taken at import: that code runs, whatever the files say later
