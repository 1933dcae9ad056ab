"""Fingerprints: arrays are read in full, sets have no order, no module is forgotten, and what
has not changed is seen at a glance."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from plastlab import cache, fingerprint, present_code
from plastlab.condition import Condition
from plastlab.data import Mnist1d, classes
from plastlab.interventions import L2Init
from plastlab.nets import MLP
from plastlab.nets.modules import Module
from plastlab.optim import SGD
from plastlab.probes import accuracy
from plastlab.run import run
from plastlab.streams import Stationary


def test_arrays_in_specs_are_read_in_full():
    def of(array):
        return fingerprint.of_specs(array)[0]

    array = np.arange(10_000.0)
    other = array.copy()
    other[5000] += 1e-9
    assert repr(array) == repr(other)
    assert of(array) == of(array.copy()) == of(array[::-1][::-1]) != of(other)
    tensors = torch.arange(6), torch.arange(6).view(2, 3), torch.arange(6.0), torch.arange(0)
    assert len({of(tensor) for tensor in tensors}) == 4
    assert of({1, "a", 2.5}) == of({2.5, 1, "a"}) != of([1, "a", 2.5])
    for foreign in (object(), SimpleNamespace(), torch.arange(3).bfloat16(), [lambda: 1]):
        with pytest.raises(fingerprint.Foreign):
            of(foreign)


def test_all_modules_that_numbers_come_from_are_looked_at():
    names = present_code.reached(["plastlab.run"])
    for module in (
        "jobs",
        "shard",
        "products",
        "nets.layers",
        "data.classes",
        "interventions.trac",
    ):
        assert f"plastlab.{module}" in names
    assert not {n for n in names if n.startswith(("plastlab.plots", "plastlab.book"))}


def test_what_the_package_has_drawn_is_not_drawn_again_in_each_run(tmp_path, monkeypatch):
    """Counters that change as it runs are no other code, nor are other methods and networks."""
    monkeypatch.setenv(cache.FOLDER, str(tmp_path))
    drawn, stream = classes._made_mnist1d, Stationary(Mnist1d(), steps=2)
    one = Condition(SGD(), MLP(2))
    run(stream, {"a": one}, 1)
    before = drawn()
    run(stream, {"a": one}, 2)
    run(stream, {"a": one + L2Init(0.1)}, 1)
    run(stream, {"a": Condition(SGD(), Module(nn.Linear))}, 1)
    run(stream, {"a": one}, 1, probes=[accuracy])
    assert drawn() is before
    drawn.cache_clear()
    run(stream, {"a": one}, 3)
    assert drawn._kept is not None, "such a run does ask for it"
