"""Dispatch: jobs are done on this process's threads or on an executor, and can be stopped."""

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
from typing import Any

from tqdm.auto import tqdm

from plastlab.guard import Guard
from plastlab.jobs import Job, Outcomes, is_large, train
from plastlab.machine import cores
from plastlab.neutral import settled
from plastlab.screen import watched

PATIENCE = 10  # seconds for which threads that were told to stop are awaited
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
        return getattr(executor, "_max_workers", None) or cores()
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
    lock, bar = threading.Lock(), _progress(jobs)

    def tick(done: int) -> None:
        with lock:
            bar.update(done)

    threads = workers if any(map(is_large, jobs)) else 1
    with settled(), bar, ThreadPoolExecutor(threads) as pool, Crew(jobs, pool, tick) as crew:
        crew.work(ended)


def on_executor(jobs: list[Job], executor: Executor, ended: Ended) -> None:
    """All jobs on the caller's executor, which stays the caller's; the bar moves as jobs end."""
    with settled(), _progress(jobs) as bar, Crew(jobs, executor) as crew:

        def count(job: Job, outcomes: Outcomes) -> None:
            bar.update(job.updates)
            ended(job, outcomes)

        crew.work(count)


class Crew(Guard):
    """Jobs at work on an executor. However that ends, by an error or an interrupt, what has not
    begun is cancelled, and what runs on threads of this process is stopped and awaited."""

    def __init__(
        self, jobs: list[Job], executor: Executor, tick: Callable[[int], None] | None = None
    ) -> None:
        self.jobs, self.executor, self.tick = jobs, executor, tick
        self.here = isinstance(executor, ThreadPoolExecutor)
        self.stop, self.futures = threading.Event(), dict[Future, Job]()

    def begin(self) -> None:
        """Hand the jobs out."""
        reins = (self.tick, self.stop) if self.here else ()
        try:
            for job in self.jobs:
                self.futures[submitted(self.executor, job, *reins)] = job
        except BaseException:
            self.end()
            raise

    def work(self, ended: Ended) -> None:
        """Call `ended` with each job and what came of it, or raise the first error."""
        pending = set(self.futures)
        while pending:
            finished, pending = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED)
            for future in finished:
                ended(self.futures[future], result(future))

    def end(self) -> None:
        """Stop what is left."""
        self.stop.set()
        running = [future for future in self.futures if not future.cancel()]
        if self.here:
            wait(running, timeout=PATIENCE)


def submitted(executor: Executor, job: Job, *reins: Any) -> Future:
    """The job, handed to the executor; with `reins`, a way to watch and to stop it.

    Raises:
        ExecutorError: it takes none.
    """
    with _own_words():
        try:
            return executor.submit(train, job, *reins)
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
