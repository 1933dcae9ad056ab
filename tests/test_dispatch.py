"""Dispatch: on how many threads jobs are done, and what is left when handing them out fails."""

from concurrent.futures import Executor, Future, ThreadPoolExecutor

import pytest
from small import LABELS, Counting

from plastlab import dispatch, jobs
from plastlab.condition import Condition
from plastlab.nets import MLP
from plastlab.optim import SGD, Adam
from plastlab.probes import accuracy
from plastlab.run import run

TWO = {"small": Condition(SGD(), MLP(4)), "other": Condition(Adam(), MLP(5))}  # two jobs


@pytest.fixture
def asked(monkeypatch):
    """The numbers of threads that were asked for."""
    found = []

    class Pool(ThreadPoolExecutor):
        def __init__(self, threads):
            found.append(threads)
            super().__init__(threads)

    monkeypatch.setattr(dispatch, "ThreadPoolExecutor", Pool)
    monkeypatch.setattr(dispatch, "cores", lambda: 3)
    return found


def test_small_jobs_are_done_on_one_thread(asked):
    """They would wait for each other more than they compute."""
    run(LABELS, TWO, seeds=2, use_cache=False)
    assert asked == [1]


def test_large_jobs_have_a_thread_for_each_core(asked, monkeypatch):
    monkeypatch.setattr(jobs, "ENOUGH", 1)
    run(LABELS, TWO, seeds=2, use_cache=False)
    assert asked == [3]


class Refusing(Executor):
    """Takes one job, which waits, and no other."""

    def __init__(self):
        self.taken = []

    def submit(self, train, job):
        if self.taken:
            raise self.refusal
        self.taken.append(Future())
        return self.taken[0]


@pytest.mark.parametrize("refusal", [RuntimeError("shut down"), KeyboardInterrupt()])
def test_what_was_handed_out_is_taken_back_if_the_rest_cannot_be(refusal):
    executor = Refusing()
    executor.refusal = refusal
    with pytest.raises((dispatch.ExecutorError, KeyboardInterrupt)):
        run(LABELS, TWO, seeds=2, executor=executor, use_cache=False)
    assert executor.taken[0].cancelled()


def test_every_job_is_done_once():
    executor = Counting()
    run(LABELS, TWO, seeds=2, probes=[accuracy], executor=executor, use_cache=False)
    assert executor.updates == 2 * 2 * LABELS.tasks * LABELS.steps


@pytest.mark.parametrize(
    ("fewest", "share", "most", "parts"),
    [
        (1, 2, 8, 2),  # one for each of two workers
        (3, 2, 8, 4),  # and two for each, rather than three
        (4, 2, 8, 4),
        (3, 2, 3, 3),  # if four are not too small
        (1, 4, 2, 2),
        (5, 2, 1, 5),  # never fewer than are fast together
    ],
)
def test_in_how_many_parts_work_is_cut(fewest, share, most, parts):
    assert jobs.spread(fewest, share, most) == parts
