"""In which order tests run when several workers share them, and which run alone.

A file, and so a notebook, stays on one worker. What takes long begins first. What measures time or
drives a browser comes last, all of it on one worker, and no other test runs meanwhile.
"""

import fcntl

import pytest
from xdist.scheduler import LoadFileScheduling

ALONE = ("tests/browser/", "tests/test_bench.py", "tests/test_doctor.py")
LONG = ("tests/labs/", "tests/test_contract.py", "tests/test_pairs.py", "tests/test_book.py")


def alone(item):
    """Whether no other test may run beside this one."""
    return item.nodeid.startswith(ALONE)


def turn(item):
    """Where a test comes: notebooks by the seconds that their last build took, then long files, the
    others, and what runs alone."""
    if alone(item):
        return 3, 0
    if item.path.suffix == ".ipynb":
        return 0, -item.parent.nb.metadata.plastlab.seconds
    return (1, 0) if item.nodeid.startswith(LONG) else (2, 0)


class Turns(LoadFileScheduling):
    """Hands out whole files, and all that runs alone as if it were one."""

    def _split_scope(self, nodeid):
        return "alone" if nodeid.startswith(ALONE) else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config, log):
    return Turns(config, log)


def pytest_collection_modifyitems(config, items):
    if hasattr(config, "workerinput"):
        items.sort(key=turn)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """Hold this file's lock: with others, or alone."""
    with open(__file__) as file:
        fcntl.flock(file, fcntl.LOCK_EX if alone(item) else fcntl.LOCK_SH)
        return (yield)
