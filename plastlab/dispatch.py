"""Dispatch: jobs are done on this process's threads or on an executor, and can be stopped."""

import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait

from tqdm.auto import tqdm

from plastlab.guard import Guard
from plastlab.jobs import Job, Outcomes, is_large, train
from plastlab.screen import watched

PATIENCE = 10  # seconds for which threads that were told to stop are awaited


def on_threads(jobs: list[Job], workers: int) -> list[Outcomes]:
    """All jobs on this process's threads, with a progress bar and a way to stop."""
    lock, updates = threading.Lock(), sum(job.updates for job in jobs)
    bar = tqdm(
        total=updates, unit="update", unit_scale=True, leave=False, delay=1, disable=not watched()
    )

    def tick(done: int) -> None:
        with lock:
            bar.update(done)

    threads = workers if any(map(is_large, jobs)) else 1
    with bar, ThreadPoolExecutor(threads) as pool, Crew(jobs, pool, tick) as crew:
        return crew.outcomes()


def on_executor(jobs: list[Job], executor: Executor) -> list[Outcomes]:
    """All jobs on the caller's executor, which stays the caller's."""
    with Crew(jobs, executor) as crew:
        return crew.outcomes()


class Crew(Guard):
    """Jobs at work on an executor. However that ends, by an error or an interrupt, what has not
    begun is cancelled, and what runs on threads of this process is stopped and awaited."""

    def __init__(
        self, jobs: list[Job], executor: Executor, tick: Callable[[int], None] | None = None
    ) -> None:
        self.jobs, self.executor, self.tick = jobs, executor, tick
        self.here = isinstance(executor, ThreadPoolExecutor)
        self.stop, self.futures = threading.Event(), list[Future]()

    def begin(self) -> None:
        """Hand the jobs out."""
        reins = (self.tick, self.stop) if self.here else ()
        try:
            for job in self.jobs:
                self.futures.append(self.executor.submit(train, job, *reins))
        except BaseException:
            self.end()
            raise

    def outcomes(self) -> list[Outcomes]:
        """Results in order, or the first error."""
        pending = set(self.futures)
        while pending:
            finished, pending = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED)
            for future in finished:
                future.result()
        return [future.result() for future in self.futures]

    def end(self) -> None:
        """Stop what is left."""
        self.stop.set()
        running = [future for future in self.futures if not future.cancel()]
        if self.here:
            wait(running, timeout=PATIENCE)
