"""run: an experiment in, a Result out."""

import time
import warnings
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import replace

import numpy as np

from plastlab.cache import Keeper
from plastlab.condition import Condition
from plastlab.dispatch import chosen, on_executor, on_threads, workers
from plastlab.errors import check_number, check_type
from plastlab.jobs import Job, Outcomes, cut
from plastlab.oneline import stoppable
from plastlab.probes import Probe, accuracy, probe_name
from plastlab.probes.base import check_probe
from plastlab.result import Result
from plastlab.rng import resolve_seeds
from plastlab.streams import Stream
from plastlab.training import check_experiment
from plastlab.unfinished import Unfinished


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
    `executor`, any `concurrent.futures.Executor`: a pool, or a dask cluster's
    `client.get_executor()`, cut for its workers; by default one thread a core. Numbers do not
    depend on how the work is cut. A run that was stopped (KeyboardInterrupt, a lost machine) goes
    on, when it is called again, with the parts that were not finished.

    With `use_cache` each condition's outcome is kept on disk, and read from there the next time.
    What your own code takes part in is computed each time; `Result.unkept` says which that is. The
    environment variable PLASTLAB_CACHE names the folder, of about 256 MB at most, or is off.

    Raises:
        TypeError, ValueError: an argument is not what it should be; the message says what is.
        ExecutorError: the executor is shut down, has no workers, or lost its jobs.
    """
    check_experiment(stream, conditions)
    seeds, every = resolve_seeds(seeds), stream.steps if every is None else every
    check_number("run: every", every, 1, stream.steps, integer=True)
    check_type("run: use_cache", use_cache, bool, "Give True or False.")
    if stream.steps % every:
        raise ValueError(f"run: every must divide steps={stream.steps}; got {every}.")
    probes = tuple(check_type("run: probes", probes, (list, tuple), "Write probes=[accuracy]."))
    _check_probes(probes)
    remedy = "Give a ThreadPoolExecutor or a ProcessPoolExecutor, not its class."
    check_type("run: executor", executor, (Executor, type(None)), remedy)
    check_type("run: use_cache", use_cache, bool, "Write use_cache=False to compute it anew.")
    start, keeper = time.perf_counter(), Keeper(use_cache)
    keys = {n: keeper.key(stream, c, seeds, probes, every) for n, c in conditions.items()}
    found = {name: keeper.load(key) for name, key in keys.items()}
    outcomes = {name: outcome for name, outcome in found.items() if outcome is not None}
    missing = {name: c for name, c in conditions.items() if name not in outcomes}
    if missing:
        todo = Unfinished(seeds, {name: keys[name] for name in missing}, keeper)
        if True:
            outcomes |= _compute(stream, missing, probes, every, chosen(executor), todo)
        for name in missing:
            keeper.store(keys[name], outcomes[name])
        todo.forget()
    keeper.finish()
    seconds = time.perf_counter() - start
    result = _assemble(stream, conditions, seeds, probes, every, outcomes, seconds)
    _report_divergence(result)
    return replace(result, unkept=keeper.unkept)


def _compute(
    stream: Stream,
    conditions: dict[str, Condition],
    probes: tuple[Probe, ...],
    every: int,
    executor: Executor | None,
    todo: Unfinished,
) -> Outcomes:
    """Cut the work, do it, put each condition's seeds together again."""
    count = workers(executor)
    jobs = [
        Job(stream, {n: conditions[n] for n in names}, part, probes, every)
        for seeds, own in todo.missing()
        for names, part in cut(stream, {n: conditions[n] for n in own}, seeds, count)
    ]
    if executor is None:
        on_threads(jobs, count, todo.ended)
    else:
        on_executor(jobs, executor, todo.ended)
    return todo.whole()


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
    names = [probe_name(check_probe("run: probes", probe)) for probe in probes]
    twice = [name for name in names if names.count(name) > 1 or name == "diverged"]
    if not probes or twice:
        remedy = ""
        if twice:
            remedy = f" Give {twice[0]!r} a name of its own: write def and a name, not lambda."
        raise ValueError(f"run: probes must be at least one, each named once; got {names}.{remedy}")
