"""In which order tests run when several workers share them, which run alone, and which are slow.

A file, and so a notebook, stays on one worker. What takes long begins first. What measures time or
drives a browser comes last, all of it on one worker, and no other test runs meanwhile. A notebook's
kernel gets one core: as many kernels run as there are cores, and one thread each wastes least.
"""

import fcntl
import os
from contextlib import contextmanager, nullcontext

import pytest
from xdist.scheduler import LoadFileScheduling

ALONE = ("tests/browser/", "tests/test_bench.py")
LONG = (
    "tests/labs/test_grading.py",
    "tests/labs/",
    "tests/test_contract.py",
    "tests/test_ledger.py",
)
SLOW = (  # by how their names begin: a second of processor time or more, which `make quick` skips
    *ALONE,
    "chapters/",
    "labs/",
    "tests/labs/",
    "tests/test_book.py",
    "tests/test_cache_own_code.py::test_every_process",
    "tests/test_cache.py::test_the_stop_button",
    "tests/test_chapters_explorers.py",
    "tests/test_cli.py::test_lab",
    "tests/test_cli.py::test_without_jupyterlab",
    "tests/test_cluster.py",
    "tests/test_contract.py::test_training_with_it[SGD",
    "tests/test_data.py::test_mnist1d",
    "tests/test_environment.py::test_the_lock_holds",
    "tests/test_explore.py::test_a_notebook",
    "tests/test_first_use.py",
    "tests/test_forgetting.py::test_a_watched",
    "tests/test_ledger.py",
    "tests/test_oneline.py",
    "tests/test_pairs.py",
    "tests/test_predict_page.py",
    "tests/test_probes_curvature.py::test_the_hessian",
    "tests/test_run.py::test_any_executor",
    "tests/test_screen.py",
    "tests/test_shaping.py::test_forward",
    "tests/test_shared_data.py",
    "tests/test_tournament_record.py::test_games",
)


def turn(item):
    """Where a test comes: notebooks by the seconds that their last build took, then long files, the
    others, and what runs alone."""
    if item.nodeid.startswith(ALONE):
        return 3, 0
    if item.path.suffix == ".ipynb":
        return 0, -item.parent.nb.metadata.plastlab.seconds
    places = [place for place, start in enumerate(LONG) if item.nodeid.startswith(start)]
    return (1, places[0]) if places else (2, 0)


class Turns(LoadFileScheduling):
    """Hands out whole files, and all that runs alone as if it were one."""

    def _split_scope(self, nodeid):
        return "alone" if nodeid.startswith(ALONE) else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config, log):
    return Turns(config, log)


def pytest_collection_modifyitems(config, items):
    for item in items:
        if item.nodeid.startswith(SLOW):
            item.add_marker("slow")
    if hasattr(config, "workerinput"):
        items.sort(key=turn)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """Hold this file's lock: with others, or alone."""
    own = getattr(item.config, "workerinput", None)
    place = one_core(own) if own and item.path.suffix == ".ipynb" else nullcontext()
    with open(__file__) as file, place:
        alone = item.nodeid.startswith(ALONE)
        fcntl.flock(file, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        return (yield)


@contextmanager
def one_core(worker):
    """What is started inside, such as a kernel, runs on the worker's own core, where the system
    can say so (Linux)."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = sorted(os.sched_getaffinity(0))
    number = int(worker["workerid"].removeprefix("gw"))
    os.sched_setaffinity(0, {cores[number % len(cores)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
