"""The lists of tests that are slow or run alone name tests that there are."""

import os

import pytest
from turns import ALONE, LONG, SLOW

from plastlab.machine import cores
from plastlab.requirements import ROOT


@pytest.mark.parametrize("start", sorted({*ALONE, *LONG, *SLOW}))
def test_each_begins_the_name_of_a_test(start):
    path, _, name = start.partition("::")
    text = (ROOT / path).read_text() if name else ""
    assert (ROOT / path).exists()
    assert f"def {name.partition('[')[0]}" in text or not name


def test_what_runs_alone_is_slow_and_this_file_is_not(request):
    assert set(ALONE) <= set(SLOW)
    assert not request.node.get_closest_marker("slow")


def test_cores_are_those_that_a_process_may_use():
    if not hasattr(os, "sched_setaffinity"):
        assert cores() == os.cpu_count()
        return
    usable = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(usable)})
    try:
        assert cores() == 1
    finally:
        os.sched_setaffinity(0, usable)
    assert cores() == len(usable)
