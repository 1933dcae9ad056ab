"""Results in the reader's hands: numbers that carry their seeds and units, and what they say."""

from plastlab.results.claim import claim
from plastlab.results.per_seed import PerSeed, largest, smallest, stack
from plastlab.results.statistics import (
    ahead,
    course,
    interaction,
    level,
    lost,
    ratio,
    share_of_gap,
)
from plastlab.results.sweep import Sweep, sweep

__all__ = [
    "PerSeed",
    "Sweep",
    "ahead",
    "claim",
    "course",
    "interaction",
    "largest",
    "level",
    "lost",
    "ratio",
    "share_of_gap",
    "smallest",
    "stack",
    "sweep",
]
