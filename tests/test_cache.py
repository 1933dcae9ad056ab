"""The cache: what comes out of it is what would be computed, whatever has happened to its files."""

import os
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from small import LABELS, Counting

from plastlab import cache
from plastlab.condition import Condition
from plastlab.interventions import L2Init
from plastlab.nets import MLP
from plastlab.optim import SGD, Adam
from plastlab.probes import accuracy, dead_units, online
from plastlab.run import run
from plastlab.streams import Gradual, PermutedInputs

ADAM = Condition(Adam(0.01), MLP(width=6, depth=1))
PROBES = [accuracy, online(accuracy)]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(cache.FOLDER, str(tmp_path / "kept"))
    return tmp_path / "kept"


@pytest.fixture
def trained():
    """Counts what is really trained: replicas times updates."""
    return Counting()


def small(conditions=None, seeds=2, **options):
    return run(LABELS, conditions or {"a": ADAM}, seeds, probes=PROBES, **options)


def key(stream=LABELS, condition=ADAM, seeds=(0, 1), probes=PROBES, every=6):
    return cache.Keeper().key(stream, condition, seeds, probes, every)


def same(first, second):
    return all(np.array_equal(first.values[p], second.values[p]) for p in first.values)


def test_the_second_time_nothing_is_computed_and_the_numbers_are_the_same(folder, trained):
    first = small(executor=trained)
    assert trained.updates == 36
    second = small(executor=trained)
    assert trained.updates == 36
    assert same(first, second)
    assert not second.diverged.any()


def test_only_what_is_missing_is_computed(folder, trained):
    small(executor=trained)
    both = small({"b": Condition(SGD(0.1), MLP(width=6)), "again": ADAM}, executor=trained)
    assert trained.updates == 72
    assert both.conditions == ("b", "again")


def test_switched_off_by_the_argument_or_the_environment(folder, trained, monkeypatch):
    small(use_cache=False, executor=trained)
    assert not folder.exists()
    monkeypatch.setenv(cache.FOLDER, "off")
    small(executor=trained)
    small(executor=trained)
    assert trained.updates == 108


def test_files_that_were_cut_short_anywhere_are_computed_again(folder, trained):
    expected = small(executor=trained)
    (path,) = folder.iterdir()
    content = path.read_bytes()
    for length in range(0, len(content), 97):
        path.write_bytes(content[:length])
        trained.updates = 0
        assert same(small(executor=trained), expected)
        assert trained.updates == 36, length
        assert path.read_bytes() == content or len(path.read_bytes()) == len(content)


def test_files_with_any_byte_changed_are_computed_again(folder):
    expected = small()
    (path,) = folder.iterdir()
    content, own = path.read_bytes(), np.random.default_rng(0)
    keeper, name = cache.Keeper(), key()
    assert keeper.load(name) is not None
    for position in own.choice(len(content), 400, replace=False):
        broken = bytearray(content)
        broken[position] ^= int(own.integers(1, 256))
        path.write_bytes(bytes(broken))
        assert keeper.load(name) is None
    assert same(small(), expected)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"not a zip file at all", b"\x93NUMPY"])
def test_a_file_that_is_something_else_is_computed_again(folder, content):
    expected = small()
    (path,) = folder.iterdir()
    path.write_bytes(content)
    assert same(small(), expected)


def test_an_array_or_a_folder_in_the_files_place_is_not_fatal(folder):
    expected = small()
    (path,) = folder.iterdir()
    with open(path, "wb") as file:
        np.save(file, np.zeros(3))
    assert same(small(), expected)
    path.unlink()
    path.mkdir()
    with pytest.warns(UserWarning, match="could not use its cache"):
        assert same(small(), expected)


def test_a_file_of_another_machine_or_experiment_is_not_trusted(folder, trained, monkeypatch):
    expected = small(executor=trained)
    (path,) = folder.iterdir()
    content = path.read_bytes()
    trained.updates = 0
    with monkeypatch.context() as patch:
        patch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "another")
        cache.here.cache_clear()
        small(executor=trained)
    cache.here.cache_clear()
    assert trained.updates == 36
    (other,) = set(folder.iterdir()) - {path}
    path.write_bytes(other.read_bytes())  # another key's outcome under this key's name
    assert cache.Keeper().load(key()) is None
    assert same(small(executor=trained), expected)
    assert len(path.read_bytes()) == len(content)


def test_the_key_holds_everything_that_numbers_depend_on(folder):
    others = [
        key(replace(LABELS, steps=12)),
        key(replace(LABELS, data=replace(LABELS.data, examples=25))),
        key(Gradual(LABELS, over=3)),
        key(Gradual(LABELS, over=4)),
        key(Gradual(PermutedInputs(LABELS.data, 3, 6, 8), over=4)),
        key(condition=replace(ADAM, optimizer=Adam(0.02))),
        key(condition=replace(ADAM, net=MLP(width=7, depth=1))),
        key(condition=ADAM + L2Init()),
        key(condition=ADAM + L2Init(0.02)),
        key(seeds=(0, 2)),
        key(seeds=(1, 0)),
        key(probes=[accuracy]),
        key(probes=[accuracy, dead_units]),
        key(every=3),
        key(),
    ]
    assert len(set(others) - {None}) == len(others)
    assert key() == key()


def test_an_interrupt_before_a_file_is_in_place_leaves_no_file(folder, monkeypatch):
    def interrupted(source, target):
        assert os.path.getsize(source) > 100
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        small()
    assert list(folder.iterdir()) == []


LONG_RUN = """
import threading, time
from plastlab.condition import Condition
from plastlab.data import Gaussian
from plastlab.nets import MLP
from plastlab.optim import Adam
from plastlab.run import run
from plastlab.streams import Stationary
stream = Stationary(Gaussian(64, 8, 3), tasks=100_000, steps=100, batch=8)


def tell():
    begun = time.process_time()
    while time.process_time() < begun + 0.5:
        time.sleep(0.02)
    print(time.process_time(), flush=True)


threading.Thread(target=tell, daemon=True).start()
try:
    run(stream, {"a": Condition(Adam(), MLP(width=8))}, seeds=4)
finally:
    print(time.process_time())
"""


def test_the_stop_button_ends_a_run_at_once_and_leaves_no_file(folder):
    """The notebook's stop button sends the kernel SIGINT; so does this, half a second of computing
    into the run. "At once" is counted in processor time: on a busy machine the clock says little.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", LONG_RUN],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, cache.FOLDER: str(folder)},
    )
    try:
        running = float(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        stopped, errors = process.communicate(timeout=300)
    finally:
        process.kill()
    assert "Stopped. Parts that were finished are kept" in errors
    assert float(stopped) - running < 3
    assert process.returncode != 0
    assert not folder.exists() or list(folder.iterdir()) == []
