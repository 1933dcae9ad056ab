"""Fingerprints: arrays are read in full, sets have no order, and no module is forgotten."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from plastlab import fingerprint, present_code


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
