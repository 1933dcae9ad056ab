"""Keyed randomness: every random number is a function of (seed, purpose, step).

Nothing here reads or moves a global generator, so a replica's history cannot depend on who shares
its batch, on the order of calls, or on what a reader ran before.
"""

import hashlib
import os
import random
import threading
from collections.abc import Iterable, Mapping
from numbers import Integral
from typing import Any

import numpy as np
import torch

from plastlab.errors import check_number
from plastlab.guard import Guard

FIRST_SEED = "PLASTLAB_FIRST_SEED"
SEED_COUNT = "PLASTLAB_SEEDS"
MOST = 10**6  # seeds that a number may ask for


def generator(*key: Any) -> torch.Generator:
    """A generator that depends on the `repr` of `key` and on nothing else; whole numbers of any
    type (NumPy's too) count as the same key."""
    key = tuple(int(part) if isinstance(part, Integral) else part for part in key)
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)


def normal(shape: tuple[int, ...], seeds: Iterable[int], *key: Any) -> torch.Tensor:
    """Standard normal draws [R, *shape]; row r depends on (seeds[r], key) alone."""
    draws = [generator(seed, *key) for seed in seeds]
    return torch.stack([torch.randn(shape, generator=own, dtype=torch.float32) for own in draws])


_BORROWING = threading.RLock()


class borrowed(Guard):
    """A context in which the global generators of Python, NumPy and torch are this thread's, for
    other people's code that draws from them; afterwards they are as they were."""

    def begin(self) -> None:
        """Wait until they are free, and remember them."""
        _BORROWING.acquire()
        self._states = random.getstate(), np.random.get_state(), torch.get_rng_state()

    def seed(self, number: int) -> None:
        """Let all three begin with this number."""
        random.seed(number)
        np.random.seed(number % 2**32)
        torch.default_generator.manual_seed(number)

    def end(self) -> None:
        """Put them back."""
        for put_back, state in zip(
            (random.setstate, np.random.set_state, torch.set_rng_state), self._states, strict=True
        ):
            put_back(state)
        _BORROWING.release()


def resolve_seeds(seeds: int | Iterable[int]) -> tuple[int, ...]:
    """The seeds of a run.

    A number n means the n seeds 0 to n - 1. Two environment variables, set by
    `python -m plastlab claims`, re-run a page on other seeds without touching its text:
    PLASTLAB_FIRST_SEED moves the first one, PLASTLAB_SEEDS replaces n. Seeds that are listed one
    by one are taken as they are.

    Raises:
        ValueError: no seed, a negative seed, or a seed listed twice.
    """
    if isinstance(seeds, (bytes, Mapping)):
        raise TypeError(f"seeds must be a whole number or a list of them; got {seeds!r}.")
    if not isinstance(seeds, Iterable) or getattr(seeds, "ndim", 1) == 0:
        seeds = check_number("seeds", seeds, low=1, high=MOST, integer=True)
        count = _from_environment(SEED_COUNT, seeds, low=1)
        first = _from_environment(FIRST_SEED, 0, low=0)
        return tuple(range(first, first + count))
    seeds = tuple(int(check_number("seeds", seed, low=0, integer=True)) for seed in seeds)
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(
            f"seeds must list at least one seed and none of them twice; got {seeds}. "
            "Give a number, or different whole numbers."
        )
    return seeds


def _from_environment(name: str, default: int, low: int) -> int:
    given = os.environ.get(name, "")
    whole = int(given) if given.strip().isdecimal() else given or default
    return int(check_number(f"the environment variable {name}", whole, low, integer=True))
