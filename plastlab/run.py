"""run: an experiment in, a Result out."""

import time
import warnings
from collections.abc import Sequence
from concurrent.futures import Executor

import numpy as np

from plastlab import cache
from plastlab.condition import Condition
from plastlab.dispatch import on_executor, on_threads
from plastlab.errors import check_number, check_type
from plastlab.jobs import Job, Outcomes, cut
from plastlab.machine import cores
from plastlab.probes import Probe, accuracy, probe_name
from plastlab.result import Result
from plastlab.rng import resolve_seeds
from plastlab.streams import Stream
from plastlab.training import check_experiment


def run(
    stream: Stream,
    conditions: dict[str, Condition],
    seeds: int | Sequence[int] = 16,
    probes: Sequence[Probe] = (accuracy,),
    every: int | None = None,
    executor: Executor | None = None,
    use_cache: bool = True,
) -> Result:
    """Train every condition on the same seeds of the stream, and probe as it goes.

    Seed s gives every condition the same initial network, data and order of examples, so
    comparisons are paired. `every` is the number of updates between probe times (default: one at
    each task's end; it must divide the task's length). Work is cut into parts that run on
    `executor`, any `concurrent.futures.Executor`; by default one thread a core. Numbers do not
    depend on how the work is cut. Stopping the run (KeyboardInterrupt) leaves nothing behind.

    Raises:
        TypeError, ValueError: an argument is not what it should be; the message says what is.
    """
    check_experiment(stream, conditions)
    seeds, every = resolve_seeds(seeds), stream.steps if every is None else every
    check_number("run: every", every, 1, stream.steps, integer=True)
    if stream.steps % every:
        raise ValueError(f"run: every must divide steps={stream.steps}; got {every}.")
    probes = tuple(check_type("run: probes", probes, (list, tuple), "Write probes=[accuracy]."))
    _check_probes(probes)
    remedy = "Give a ThreadPoolExecutor or a ProcessPoolExecutor, not its class."
    check_type("run: executor", executor, (Executor, type(None)), remedy)
    start = time.perf_counter()
    keys = {n: cache.key(stream, c, seeds, probes, every) for n, c in conditions.items()}
    found = {n: cache.load(k) for n, k in keys.items() if use_cache and k is not None}
    outcomes = {name: outcome for name, outcome in found.items() if outcome is not None}
    missing = {name: c for name, c in conditions.items() if name not in outcomes}
    if missing:
        outcomes |= _compute(stream, missing, seeds, probes, every, executor)
        for name in missing:
            if use_cache and keys[name] is not None:
                cache.store(keys[name], outcomes[name])
    seconds = time.perf_counter() - start
    result = _assemble(stream, conditions, seeds, probes, every, outcomes, seconds)
    _report_divergence(result)
    return result


def _compute(
    stream: Stream,
    conditions: dict[str, Condition],
    seeds: tuple[int, ...],
    probes: tuple[Probe, ...],
    every: int,
    executor: Executor | None,
) -> Outcomes:
    """Cut the work, do it, put each condition's seeds together again."""
    workers = cores()
    jobs = [
        Job(stream, {n: conditions[n] for n in names}, part, probes, every)
        for names, part in cut(stream, conditions, seeds, workers)
    ]
    finished = on_threads(jobs, workers) if executor is None else on_executor(jobs, executor)
    parts: dict[str, dict[int, cache.Outcome]] = {name: {} for name in conditions}
    for job, outcomes in zip(jobs, finished, strict=True):
        for name, outcome in outcomes.items():
            parts[name][seeds.index(job.seeds[0])] = outcome
    return {
        name: {key: np.concatenate([by[i][key] for i in sorted(by)]) for key in by[0]}
        for name, by in parts.items()
    }


def _assemble(
    stream: Stream,
    conditions: dict[str, Condition],
    seeds: tuple[int, ...],
    probes: tuple[Probe, ...],
    every: int,
    outcomes: Outcomes,
    seconds: float,
) -> Result:
    steps = tuple(range(every, stream.tasks * stream.steps + 1, every))
    names = [probe_name(p) for p in probes]
    return Result(
        conditions=tuple(conditions),
        seeds=seeds,
        tasks=tuple((step - 1) // stream.steps + 1 for step in steps),
        steps=steps,
        values={p: np.stack([outcomes[name][p] for name in conditions]) for p in names},
        diverged=np.stack([outcomes[name]["diverged"] for name in conditions]),
        seconds=seconds,
    )


def _report_divergence(result: Result) -> None:
    for condition, diverged in zip(result.conditions, result.diverged, strict=True):
        if diverged.any():
            lost = ", ".join(str(s) for s, d in zip(result.seeds, diverged, strict=True) if d)
            count = f"{int(diverged.sum())} of {len(diverged)} seeds ({lost})"
            warnings.warn(
                f"{condition!r} diverged in {count}: their weights were no longer finite. "
                "A smaller learning rate may help.",
                stacklevel=3,
            )


def _check_probes(probes: tuple[Probe, ...]) -> None:
    for probe in probes:
        if not callable(probe) or not hasattr(probe, "__name__"):
            check_type("run: probes", probe, type(accuracy), "Write probes=[accuracy, dead_units].")
    names = [probe_name(p) for p in probes]
    if not probes or len(set(names)) < len(names):
        raise ValueError(f"run: probes must be at least one, each named once; got {names}.")
