"""Dispatch: jobs are done on this process's threads or on an executor, and can be stopped."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ThreadPoolExecutor,
    wait,
)
from contextlib import contextmanager
from contextvars import ContextVar

from tqdm.auto import tqdm

from plastlab.jobs import Job, Outcomes, is_large, train
from plastlab.products import one_thread
from plastlab.screen import watched

TURN = 5e-4  # seconds after which a thread gives up Python's lock to one that waits
Ended = Callable[[Job, Outcomes], object]  # called here, as each job ends

_chosen: ContextVar[Executor | None] = ContextVar("executor", default=None)


class ExecutorError(RuntimeError):
    """The executor failed, not the work on it."""


@contextmanager
def executing_on(executor: Executor | None) -> Iterator[None]:
    """Inside, `run` and the tournament work on this executor where they are given none."""
    token = _chosen.set(executor)
    try:
        yield
    finally:
        _chosen.reset(token)


def chosen(executor: Executor | None) -> Executor | None:
    """The executor that was given, or that of `executing_on`; None stands for own threads."""
    return _chosen.get() if executor is None else executor


def workers(executor: Executor | None) -> int:
    """How many jobs are done at once: by all workers of a dask cluster, by a pool, or, where the
    executor does not say or there is none, by this machine's cores.

    Raises:
        ExecutorError: the cluster is closed, or has no workers.
    """
    client = getattr(executor, "_client", None)  # dask's executor has one
    if client is None:
        return getattr(executor, "_max_workers", None) or os.cpu_count() or 1
    if client.status != "running":
        raise ExecutorError(f"run: executor is of a dask client that is {client.status}. Open one.")
    count = sum(client.nthreads().values())
    if not count:
        raise ExecutorError(
            "run: executor has no workers. Start some with "
            f"`dask worker {client.scheduler.address}`, or wait until they are there."
        )
    return count


def on_threads(jobs: list[Job], workers: int, ended: Ended) -> None:
    """All jobs on this process's threads, with a progress bar and a way to stop."""
    stop, lock = threading.Event(), threading.Lock()
    bar = _progress(jobs)

    def tick(done: int) -> None:
        with lock:
            bar.update(done)

    threads = workers if any(map(is_large, jobs)) else 1
    with one_thread(), _short_turns(), bar, ThreadPoolExecutor(threads) as pool:
        _collect(jobs, lambda job: pool.submit(train, job, tick, stop), ended, stop)


@contextmanager
def _short_turns() -> Iterator[None]:
    """Threads take turns at Python's lock more often: 10 to 15 % more work on two cores."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(TURN)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def on_executor(jobs: list[Job], executor: Executor, ended: Ended) -> None:
    """All jobs on the caller's executor, which stays the caller's; the bar moves as jobs end."""
    with one_thread(), _progress(jobs) as bar:

        def count(job: Job, outcomes: Outcomes) -> None:
            bar.update(job.updates)
            ended(job, outcomes)

        _collect(jobs, lambda job: submitted(executor, job), count, threading.Event())


def submitted(executor: Executor, job: Job) -> Future:
    """The job, handed to the executor.

    Raises:
        ExecutorError: it takes none.
    """
    with _own_words():
        try:
            return executor.submit(train, job)
        except RuntimeError as error:
            raise ExecutorError(f"run: executor takes no work ({error}). Open a new one.") from None


def result(future: Future) -> Outcomes:
    """What came of a job.

    Raises:
        ExecutorError: the executor lost it. An error of the job itself is raised as it is.
    """
    with _own_words():
        return future.result()


@contextmanager
def _own_words() -> Iterator[None]:
    """Say in one sentence what went wrong with an executor."""
    kept = "What was finished is kept (unless caching is off): the same call goes on from there."
    try:
        yield
    except CancelledError:
        raise ExecutorError(f"run: executor cancelled its jobs, or was closed. {kept}") from None
    except BrokenExecutor as error:
        raise ExecutorError(
            f"run: executor lost a process ({error}) It was killed, or could not read its work: "
            f"what is sent to a process must stand in a module, not in a notebook. {kept}"
        ) from None
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "distributed":
            raise
        raise ExecutorError(f"run: executor failed: {error} {kept}") from None


def _progress(jobs: list[Job]) -> tqdm:
    """A bar that counts updates of single networks, shown after a second."""
    return tqdm(
        total=sum(job.updates for job in jobs),
        unit="update",
        unit_scale=True,
        leave=False,
        delay=1,
        disable=not watched(),
    )


def _collect(
    jobs: list[Job], submit: Callable[[Job], Future], ended: Ended, stop: threading.Event
) -> None:
    """Submit all jobs, and call `ended` with each and what came of it. On an error or a
    KeyboardInterrupt the other jobs are stopped too."""
    futures: dict[Future, Job] = {}
    try:
        for job in jobs:
            futures[submit(job)] = job
        pending = set(futures)
        while pending:
            finished, pending = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED)
            for future in finished:
                ended(futures[future], result(future))
    except BaseException:
        stop.set()
        for future in futures:
            future.cancel()
        raise
