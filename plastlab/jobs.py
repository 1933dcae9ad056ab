"""Jobs: the parts into which a run is cut, each trained as one network."""

import itertools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from plastlab.cache import Outcome
from plastlab.condition import Condition
from plastlab.neutral import neutral
from plastlab.optim import Adam
from plastlab.probes import Probe, probe_name
from plastlab.shard import Shard
from plastlab.streams import Stream
from plastlab.training import alike

ROOM = 2**20  # weights and what goes with them, of a part: more leave the processor's cache
ENOUGH = 2**16  # activations a part should have in each update: with fewer, threads are kept
# busy handing Python's lock to each other, and two are slower than one
BESIDE = 8  # replicas, of a small network, that train while a method acts: it takes about as long
# for two seeds as for sixteen, so that conditions are better divided than seeds
Outcomes = dict[str, Outcome]


@dataclass(frozen=True)
class Job:
    """A part of a run that trains as one network: some conditions, some seeds."""

    stream: Stream
    conditions: dict[str, Condition]
    seeds: tuple[int, ...]
    probes: tuple[Probe, ...]
    every: int

    @property
    def replicas(self) -> int:
        """Networks that it trains."""
        return len(self.conditions) * len(self.seeds)

    @property
    def updates(self) -> int:
        """Updates of single networks."""
        return self.stream.tasks * self.stream.steps * self.replicas


class Cancelled(Exception):
    """The run was stopped; nothing of it is kept."""


@neutral()
def train(
    job: Job,
    tick: Callable[[int], None] | None = None,
    stop: threading.Event | None = None,
) -> Outcomes:
    """Do one job, from start to end, on one thread."""
    shard = Shard(job.stream, job.conditions, job.seeds, job.probes)
    measured = {name: {probe_name(p): [] for p in job.probes} for name in job.conditions}
    diverged = {name: np.zeros(len(job.seeds), dtype=bool) for name in job.conditions}
    while not shard.done:
        due = job.every
        while due:
            if stop is not None and stop.is_set():
                raise Cancelled
            done = shard.advance(min(due, 100))
            due -= done
            if tick is not None:
                tick(done * job.replicas)
        for probe in job.probes:
            for name, values in shard.measure(probe).items():
                measured[name][probe_name(probe)].append(values)
        for name, finite in shard.finite().items():
            diverged[name] |= ~finite
    outcomes = {n: {p: np.stack(v, 1) for p, v in by.items()} for n, by in measured.items()}
    return {name: {**outcome, "diverged": diverged[name]} for name, outcome in outcomes.items()}


def cut(
    stream: Stream, conditions: dict[str, Condition], seeds: tuple[int, ...], workers: int
) -> list[tuple[list[str], tuple[int, ...]]]:
    """Conditions and seeds that train together: as many as are fast together, in equal parts, one
    a worker if that leaves enough in each."""
    groups, jobs = alike(conditions), []
    share = -(-workers // len(groups))
    for names in groups:
        count = len(names) * len(seeds)
        enough, room = sizes(stream, conditions[names[0]])
        parts = spread(-(-count // room), share, count // enough)
        by_name, by_seed = _by_name_and_seed(parts, len(names), len(seeds))
        jobs += [(n, s) for n in _split(names, by_name) for s in _split(seeds, by_seed)]
    return jobs


def _by_name_and_seed(parts: int, names: int, seeds: int) -> tuple[int, int]:
    """Into how many parts to divide the conditions, and into how many the seeds, so that all are
    done soonest; how long that takes is the largest part's time, for each."""
    ways = [(n, min(-(-parts // n), seeds)) for n in range(1, min(parts, names) + 1)]

    def time(way: tuple[int, int]) -> tuple[int, int]:
        count = way[0] * way[1]
        return count * -(-names // way[0]) * (-(-seeds // way[1]) + BESIDE), count

    return min(ways, key=time)


def spread(fewest: int, share: int, most: int) -> int:
    """In how many parts to cut: `fewest` or more, a multiple of `share` if `most` allows it."""
    return max(fewest, min(-(-fewest // share) * share, most))


@neutral()
def sizes(stream: Stream, condition: Condition) -> tuple[int, int]:
    """How many replicas of a condition keep a core busy, and how many are fast together (16 to
    64, the more the smaller)."""
    network = condition.spec.build(stream.data.inputs, stream.data.outputs, (0,))
    hidden = network.forward(torch.zeros(1, 1, stream.data.inputs)).hidden
    activations = stream.batch * sum(h.numel() for h in hidden)
    kept = 4 if isinstance(condition.settings, Adam) else 2  # weights, gradients, m and v
    room = min(64, max(16, ROOM // (kept * network.weights.layout.width)))
    return -(-ENOUGH // max(1, activations)), room


def _split(items: Sequence, parts: int) -> list[Sequence]:
    """Items in order, in parts of equal length, give or take one."""
    edges = [i * len(items) // parts for i in range(parts + 1)]
    return [items[a:b] for a, b in itertools.pairwise(edges)]


def is_large(job: Job) -> bool:
    """Whether the job keeps a core busy while another one runs."""
    enough, _ = sizes(job.stream, next(iter(job.conditions.values())))
    return job.replicas >= enough
