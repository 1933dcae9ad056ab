"""On a real dask cluster of two processes: the numbers are those of this machine, a killed worker
costs nothing, what is finished is kept, and a cluster that cannot be used is refused in a sentence.
"""

import json
import os
import re
import signal
import socket
import sys
import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from unittest import mock

import numpy as np
import pytest
from distributed import Client, LocalCluster
from test_ledger import RUN, book, claim  # noqa: F401
from test_tournament import TINY

from plastlab import cache, dispatch
from plastlab import cluster as clusters
from plastlab.cli import main
from plastlab.cluster import cluster
from plastlab.condition import Condition
from plastlab.data import Gaussian
from plastlab.dispatch import ExecutorError, executing_on, workers
from plastlab.interventions import ReDo
from plastlab.nets import MLP
from plastlab.optim import SGD, Adam
from plastlab.probes import accuracy, effective_rank
from plastlab.run import run
from plastlab.streams import RandomLabels
from plastlab.tournament import plan as plans
from plastlab.tournament.plan import Arena, Plan
from plastlab.tournament.play import tournament

ADAM = Condition(Adam(0.01), MLP(width=64, depth=2))
CONDITIONS = {"Adam": ADAM, "ReDo": ADAM + ReDo(tau=0.1), "SGD": Condition(SGD(0.1), ADAM.net)}
STREAM = RandomLabels(Gaussian(64, 12, 3), tasks=2, steps=10, batch=64)
PROBES = [accuracy, effective_rank]
QUIET = {"dashboard_address": "127.0.0.1:0"}


@pytest.fixture(scope="module")
def address():
    """Two worker processes with a thread each."""
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, **QUIET) as local:
        yield local.scheduler_address


@pytest.fixture
def client(address):
    with Client(address, set_as_default=False) as found:
        yield found


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setenv(cache.FOLDER, str(tmp_path / "kept"))
    return tmp_path / "kept"


class Watched(Executor):
    """Passes jobs on to another executor, and remembers them."""

    def __init__(self, inner, count=None):
        self.inner, self.jobs, self.ended = inner, [], []
        self._max_workers = count or workers(inner)

    def submit(self, function, job):
        self.jobs.append(job)
        return self.inner.submit(function, job)


def assert_equal(found, expected):
    assert (found.conditions, found.seeds, found.probes) == (
        expected.conditions,
        expected.seeds,
        expected.probes,
    )
    for probe in expected.probes:
        np.testing.assert_array_equal(found.values[probe], expected.values[probe])


def test_a_run_is_cut_for_the_clusters_workers_and_gives_equal_bits(client, monkeypatch):
    monkeypatch.setattr(dispatch, "cores", lambda: 1)
    with client.get_executor() as executor:
        assert workers(executor) == 2
        watched = Watched(executor)
        found = run(STREAM, {"Adam": ADAM}, seeds=16, probes=PROBES, executor=watched)
    assert [len(job.seeds) for job in watched.jobs] == [8, 8]
    assert_equal(found, run(STREAM, {"Adam": ADAM}, seeds=16, probes=PROBES))


def both(standings):
    return standings.tuned + standings.judged


def test_the_tournament_is_cut_for_the_clusters_workers_and_gives_equal_bits(client):
    with client.get_executor() as executor:
        watched = Watched(executor)
        found = tournament(TINY, watched)
    expected = tournament(TINY)
    for one, other in zip(both(found), both(expected), strict=True):
        np.testing.assert_array_equal(one.performance, other.performance)


@pytest.mark.parametrize(("count", "least"), [(1, 1), (4, 4), (40, 9)])
def test_every_worker_gets_a_part_of_a_tournament_if_that_leaves_enough_in_each(count, least):
    """One arena, one architecture: 9 settings with 16 seeds, of which 6 replicas are enough."""
    arena = Arena("labels", STREAM, MLP(width=64, depth=2))
    plan = Plan((arena,), (), tuning=tuple(range(16)), judging=(21, 22), trials=9)
    with ThreadPoolExecutor(1) as pool:
        watched = Watched(pool, count)
        tournament(plan, watched)
    tuning = [job for job in watched.jobs if len(job.seeds) == 16]
    assert len(tuning) >= least and sum(len(job.conditions) for job in tuning) == 2 * 9


class Stopped(Watched):
    """Is interrupted when the third job has ended."""

    def submit(self, function, job):
        future = super().submit(function, job)
        outcomes, future.result = future.result, lambda: self.taken(job, outcomes)
        return future

    def taken(self, job, outcomes):
        if len(self.ended) == 2:
            raise KeyboardInterrupt
        self.ended.append(job)
        return outcomes()


def test_a_stopped_run_goes_on_where_it_was_however_it_is_cut_then(kept):
    def held(kind, count):
        with ThreadPoolExecutor(2) as pool:
            watched = kind(pool, count)
            try:
                found = run(STREAM, CONDITIONS, seeds=16, probes=PROBES, executor=watched)
            except KeyboardInterrupt:
                return None, watched.ended
            return found, watched.jobs

    _, first = held(Stopped, 8)
    found, rest = held(Watched, 3)
    trained = [(n, s) for job in first + rest for n in job.conditions for s in job.seeds]
    assert len(first) == 2
    assert len(trained) == len(set(trained)) == 3 * 16
    assert_equal(found, run(STREAM, CONDITIONS, seeds=16, probes=PROBES, use_cache=False))
    assert held(Watched, 3)[1] == []


def test_without_an_executor_run_uses_that_of_executing_on():
    with ThreadPoolExecutor(2) as pool, executing_on(watched := Watched(pool)):
        run(STREAM, CONDITIONS, seeds=2)
        assert len(watched.jobs) == 2
    run(STREAM, CONDITIONS, seeds=2)
    assert len(watched.jobs) == 2


CLOSED = "run: executor takes no work (cannot schedule new futures after shutdown). Open a new one."


def test_an_executor_that_was_shut_down_is_refused(client):
    with ThreadPoolExecutor(1) as pool, client.get_executor() as executor:
        pass
    for closed in (pool, executor):
        with pytest.raises(ExecutorError, match=re.escape(CLOSED)):
            run(STREAM, CONDITIONS, seeds=2, executor=closed)
        with pytest.raises(ExecutorError, match=re.escape(CLOSED)):
            tournament(TINY, closed)


def test_a_client_that_was_closed_is_refused(address):
    with Client(address, set_as_default=False) as client:
        executor = client.get_executor()
    with pytest.raises(ExecutorError, match="executor is of a dask client that is closed"):
        run(STREAM, CONDITIONS, seeds=2, executor=executor)


class Cancels(ThreadPoolExecutor):
    def submit(self, *args):
        future = Future()
        future.cancel()
        future.set_running_or_notify_cancel()
        return future


class Breaks(ThreadPoolExecutor):
    def submit(self, *args):
        future = Future()
        future.set_exception(BrokenProcessPool("A process ended abruptly."))
        return future


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Cancels, r"executor cancelled its jobs, or was closed\. What was finished is kept"),
        (Breaks, r"executor lost a process \(A process ended abruptly\.\)"),
    ],
)
def test_an_executor_that_loses_its_jobs_is_named(kind, said):
    for call in (lambda: run(STREAM, CONDITIONS, executor=pool), lambda: tournament(TINY, pool)):
        with kind(1) as pool, pytest.raises(ExecutorError, match=said):
            call()


def test_a_cluster_without_workers_says_so(capsys):
    empty = {"n_workers": 0, "processes": False, "protocol": "tcp"}
    with LocalCluster(**empty, **QUIET) as local, Client(local, set_as_default=False) as client:
        with pytest.raises(
            ExecutorError, match=r"executor has no workers\. Start some with `dask w"
        ):
            run(STREAM, CONDITIONS, executor=client.get_executor())
        with mock.patch.object(clusters, "SECONDS", 0.2):
            assert main(["claims", "--cluster", local.scheduler_address]) == 2
    assert "has no workers. Start some: `dask worker tcp://" in capsys.readouterr().err


def silent():
    """A server that takes what is sent and never answers."""
    return socket.create_server(("127.0.0.1", 0))


@pytest.mark.parametrize("address", ["nonsense", "tcp://10.0.0.1", "", "http://a:80", "a:99999"])
def test_what_is_no_address_is_refused_at_once(address, capsys):
    assert main(["tournament", "--quick", "--cluster", address]) == 2
    said = capsys.readouterr().err
    assert f"such as tcp://10.0.0.1:8786; got {address!r}: tcp:// and a host and a port" in said


def test_an_address_at_which_no_scheduler_answers_is_refused_soon(monkeypatch, capsys):
    monkeypatch.setattr(clusters, "SECONDS", 0.3)
    start = time.monotonic()
    with silent() as server:
        host, port = server.getsockname()
        assert main(["claims", "--cluster", f"tcp://{host}:{port}"]) == 2
    assert f"got 'tcp://{host}:{port}': nobody answered within 0.3 s." in capsys.readouterr().err
    assert main(["tournament", "--quick", "--cluster", f"{host}:{port}"]) == 2
    assert f"got '{host}:{port}': nobody answered within 0.3 s." in capsys.readouterr().err
    assert time.monotonic() - start < 5


def test_a_worker_is_no_scheduler(client):
    worker = next(iter(client.nthreads()))
    with pytest.raises(ExecutorError, match="that is a worker's"), cluster(worker):
        pass


def test_workers_with_another_package_are_refused(address, monkeypatch):
    here = cache.code()
    monkeypatch.setattr(cache, "code", lambda: "other")
    said = f"plastlab is {here} on the worker tcp://.*, and other here"
    with pytest.raises(ExecutorError, match=said), cluster(address):
        pass


def test_without_dask_the_command_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ExecutorError, match=r"pip install \"plastlab\[cluster\]\""), cluster("a:1"):
        pass


def test_the_command_holds_a_tournament_there(address, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(plans, "quick", lambda: TINY)
    found = {}
    for name, where in {"here": ["--processes", "1"], "there": ["--cluster", address]}.items():
        file = tmp_path / name
        assert main(["tournament", "--quick", "--json", str(file), *where]) == 0
        found[name] = (file.read_text(), capsys.readouterr().out)
    assert found["here"] == found["there"]


def test_the_claims_are_recomputed_there(address, book, tmp_path):  # noqa: F811
    says = "from plastlab.dispatch import chosen\nassert len(chosen(None)._client.nthreads()) == 2"
    book("07_small", RUN, f"\n```{{code-cell}}\n{says}\n```\n", claim("07.1", "above=0.01"))
    assert main(["claims", "--cluster", address, "--json", str(tmp_path / "rows")]) == 0
    (row,) = json.loads((tmp_path / "rows").read_text())
    exec(RUN.replace("```{code-cell}", "").replace("```", ""), here := {})
    assert row["effect"] == here["end"](here["result"]).mean()


def test_a_killed_worker_is_survived(client, tmp_path):
    flag, here = str(tmp_path / "killed"), os.getpid()

    def deadly(s):  # a function within another travels to the workers by its code
        if os.getpid() != here and not os.path.exists(flag):
            open(flag, "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        return accuracy(s)

    with client.get_executor() as executor:
        found = run(STREAM, {"Adam": ADAM}, seeds=16, probes=[deadly], executor=executor)
    assert os.path.exists(flag)
    assert_equal(found, run(STREAM, {"Adam": ADAM}, seeds=16, probes=[deadly]))
