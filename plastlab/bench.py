"""The command that measures the engine against an ordinary PyTorch loop on the same work.

Engines take turns, and a row holds the median over the rounds. One-thread engines are timed in
seconds of processor time, so that other programs matter little. What several cores do is timed by
the clock, the best round counts, and it means something only on an idle machine.
"""

import argparse
import json
import math
import os
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median

from plastlab import engines, machine, probes
from plastlab.engines import Engine, Work
from plastlab.neutral import neutral
from plastlab.run import run
from plastlab.shard import Shard

LOOP, FUSED = "PyTorch loop", "PyTorch loop, fused=True"
SEEDS = 64  # of the runs on several cores
EVERY_PROBE = (
    probes.accuracy,
    probes.loss,
    probes.dead_units,
    probes.dormant_units,
    probes.effective_rank,
    probes.srank,
    probes.stable_rank,
    probes.feature_rank,
    probes.weight_norm,
    probes.gradient_norm,
    probes.update_ratio,
)
GOALS = (  # numbers of replicas, and how many times the loop's speed they are to reach
    (engines.MIDDLE, {1: 1.0, 16: 6.5, 64: 6.5}),
    (engines.SHORT, {1: 1.0, 16: None, 64: 9.0}),
    (engines.CONV, {1: 1.0, 16: 3.5}),
    (engines.RESIDUAL, {1: 1.0, 16: 4.0}),
    (engines.SMALL, {1: 1.0, 16: None, 64: None}),
)


@dataclass(frozen=True)
class Row:
    """One line of the table. `steps_per_second` counts updates of single networks; `ratio` is
    against the engine `against`, `ratio_fused` against the loop with a fused optimizer;
    `peak_share` is the part of the cores' measured peak that the matrix products make up."""

    work: str
    engine: str
    replicas: int
    steps_per_second: float
    ratio: float
    peak_share: float
    against: str = LOOP
    ratio_fused: float | None = None
    goal: float | None = None


@dataclass(frozen=True)
class Effort:
    """How long to measure: seconds a round, and rounds."""

    seconds: float = 0.2
    rounds: int = 7


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A file for the rows, and a short version."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows to this file")
    parser.add_argument("--quick", action="store_true", help="less time, one core only")


def main(args: argparse.Namespace) -> int:
    """Measure, print, write. Returns 0: a slow machine is not an error."""
    rows = []
    print(HEADER)
    for row in measure(Effort(0.05, 3) if args.quick else Effort(), several_cores=not args.quick):
        rows.append(row)
        print(line(row), flush=True)
    print(f"Load of this machine over the last minute: {os.getloadavg()[0]:.1f}.")
    if args.json:
        args.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    return 0


def measure(effort: Effort, several_cores: bool) -> Iterator[Row]:
    """All rows, one after the other."""
    for work, goals in GOALS:
        yield from against_the_loop(work, goals, effort)
    for work in (engines.MIDDLE, engines.SMALL):
        for steps in (100, 200, 400):
            yield diagnostics(work, steps, effort)
    if several_cores and machine.cores() > 1:
        yield from cores(engines.MIDDLE, effort)
        yield from cores(engines.SMALL, effort)


def against_the_loop(work: Work, goals: dict[int, float | None], effort: Effort) -> list[Row]:
    """The loop, the loop with a fused optimizer, and plastlab with so many replicas (`goals`
    says how fast it is to be); with your own Module where the work has one."""
    with neutral():
        competitors: dict[tuple[str, int], Engine] = {
            (LOOP, 1): engines.loop(work),
            (FUSED, 1): engines.loop(work, fused=True),
            **{("plastlab", r): engines.batched(work, r) for r in goals},
        }
        if work is engines.MIDDLE:
            competitors["plastlab, your own Module", 16] = engines.batched(engines.OWN, 16)
        found = rates(competitors | engines.peaks(), effort)
    peak = _peak(found)
    speeds = {(name, r): found[name, r] * r for name, r in competitors}
    return [
        Row(
            work.name,
            name,
            r,
            speed,
            speed / speeds[LOOP, 1],
            speed * work.flop() / peak,
            ratio_fused=speed / speeds[FUSED, 1],
            goal=goals.get(r) if name == "plastlab" else None,
        )
        for (name, r), speed in speeds.items()
    ]


def diagnostics(work: Work, steps: int, effort: Effort) -> Row:
    """Every probe at the end of each task of `steps` updates, against the same without."""
    seeds, trained, looked = tuple(range(16)), [], []
    with neutral():
        shard = Shard(work.stream(steps=steps), {"a": work.condition()}, seeds)
        shard.advance(steps)
        for _ in range(max(3, effort.rounds)):
            start = time.process_time()
            shard.advance(steps)
            middle = time.process_time()
            for probe in EVERY_PROBE:
                shard.measure(probe)
            trained.append(middle - start)
            looked.append(time.process_time() - middle)
        peak = _peak(rates(engines.peaks(), effort))
    whole = median(trained) + median(looked)
    speed = len(seeds) * steps / whole
    return Row(
        work.name,
        f"plastlab, {len(EVERY_PROBE)} probes every {steps} updates",
        len(seeds),
        speed,
        median(trained) / whole,
        speed * work.flop() / peak,
        against="plastlab without probes",
        goal=0.95,
    )


def cores(work: Work, effort: Effort) -> list[Row]:
    """`run` on one thread, on its own threads (one a core) and on two processes, by the clock
    and without the processes' start-up."""
    with ThreadPoolExecutor(1) as one, ProcessPoolExecutor(2, get_context("spawn")) as processes:
        executors = {"1 thread": one, "a thread a core": None, "2 processes": processes}
        short = {name: seconds(work, 1, executor) for name, executor in executors.items()}
        tasks = math.ceil(5 * effort.seconds / short["1 thread"])
        rounds = [
            {name: seconds(work, tasks, executor) for name, executor in executors.items()}
            for _ in range(math.ceil(effort.rounds / 2))
        ]
    with neutral():
        peak = _peak(rates(engines.peaks(), effort))
    updates = SEEDS * tasks * work.stream().steps
    speeds = {name: updates / min(by[name] for by in rounds) for name in executors}
    return [
        Row(
            work.name,
            f"run on {name}",
            SEEDS,
            speed,
            speed / speeds["1 thread"],
            speed * work.flop() / (peak * (1 if name == "1 thread" else 2)),
            against="run on 1 thread",
            goal=1.5 if name == "a thread a core" and work is engines.MIDDLE else None,
        )
        for name, speed in speeds.items()
    ]


def seconds(work: Work, tasks: int, executor: Executor | None) -> float:
    """Wall-clock time of a run of `tasks` tasks."""
    conditions = {"a": work.condition()}
    return run(work.stream(tasks), conditions, SEEDS, executor=executor, use_cache=False).seconds


def rates(competitors: dict, effort: Effort) -> dict:
    """Updates of each competitor per second of processor time; they take turns."""
    steps = {name: _enough(engine, effort.seconds) for name, engine in competitors.items()}
    found: dict = {name: [] for name in competitors}
    for _ in range(effort.rounds):
        for name, engine in competitors.items():
            found[name].append(steps[name] / _cost(engine, steps[name]))
    return {name: median(values) for name, values in found.items()}


def _enough(engine: Engine, duration: float) -> int:
    """The number of updates that takes about `duration`, after some to warm up."""
    _cost(engine, 10)
    return math.ceil(duration * 20 / _cost(engine, 20))


def _cost(engine: Engine, steps: int) -> float:
    start = time.process_time()
    engine(steps)
    return time.process_time() - start


def _peak(found: dict) -> float:
    """Floating-point operations per second of the faster library's square products."""
    return 2 * engines.PEAK**3 * max(found[name] for name in engines.peaks())


def line(row: Row) -> str:
    """A row as text."""
    goal = ""
    if row.goal is not None:
        goal = f"{row.goal:g} {'reached' if row.ratio >= row.goal else 'missed'}"
    cells = (
        row.work,
        row.engine,
        row.replicas,
        f"{row.steps_per_second:,.0f}",
        f"{row.ratio:.2f}",
        "" if row.ratio_fused is None else f"{row.ratio_fused:.2f}",
        f"{row.peak_share:.0%}",
        goal,
    )
    return _align(*cells)


def _align(*cells: object) -> str:
    return "{:29} {:34} {:>3} {:>8} {:>6} {:>6} {:>5}  {}".format(*cells).rstrip()


HEADER = _align("work", "engine", "R", "steps/s", "ratio", "fused", "peak", "goal")
