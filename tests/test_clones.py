"""Clones stay clones, answer as one unit does, and noise parts them."""

import numpy as np
import pytest
import torch

from plastlab.condition import Condition
from plastlab.data import TeacherRegression
from plastlab.experiments.clones import Clones
from plastlab.experiments.gauss_newton import GaussNewton
from plastlab.nets import MLP
from plastlab.optim import SGD, Adam
from plastlab.shard import Shard
from plastlab.streams import Stationary

STREAM = Stationary(TeacherRegression(32, inputs=4, hidden=3), tasks=1, steps=20, batch=32)
NET = MLP(width=5, depth=2, activation="tanh")
CONDITIONS = {
    "SGD": Condition(SGD(0.1, momentum=0.9), NET),
    "Adam": Condition(Adam(0.01), NET),
    "Gauss-Newton": Condition(SGD(1.0), NET) + GaussNewton(damping=1.0),
}
# Gauss-Newton divides rounding errors by its damping, which falls to a third with each step that
# helps: from 1 to 1/243 in five. Later, how far units drift apart depends on the processor.
UPDATES = {"SGD": 20, "Adam": 20, "Gauss-Newton": 5}


def spread(network):
    """Of every layer's units around the first one, in and out."""
    weights = network.weights
    parts = [weights["0.weight"] - weights["0.weight"][:, :1], weights["4.weight"]]
    parts[1] = parts[1] - parts[1][:, :, :1]
    parts.append(weights["2.weight"] - weights["2.weight"][:, :1, :1])
    return max(float(part.abs().max()) for part in parts)


@pytest.mark.parametrize("name", CONDITIONS)
def test_equal_units_stay_equal_and_noise_parts_them(name):
    alike = Shard(STREAM, {name: CONDITIONS[name] + Clones()}, (0, 1))
    assert spread(alike.network) == 0
    plain = Shard(STREAM, {name: CONDITIONS[name]}, (0, 1))
    first = plain.network.weights["0.weight"][:, 0]
    np.testing.assert_array_equal(alike.network.weights["0.weight"][:, 3], first)
    alike.advance(UPDATES[name])
    assert spread(alike.network) < 1e-4
    assert not torch.equal(alike.network.weights["0.weight"][:, 0], first)
    shaken = Shard(STREAM, {name: CONDITIONS[name] + Clones(noise=0.01)}, (0, 1))
    assert 1e-3 < spread(shaken.network) < 0.2


def test_clones_answer_as_a_single_unit_does():
    network = Shard(STREAM, {"it": Condition(SGD(0.1), MLP(5, 1)) + Clones()}, (0,)).network
    x = STREAM.task(0, (0,)).x
    w, b = network.weights["0.weight"][0, 0], network.weights["2.bias"][0]
    expected = 5 * network.weights["2.weight"][0, 0, 0] * (x[0] @ w).relu() + b
    torch.testing.assert_close(network.forward(x).logits[0, 0], expected)


def test_refused():
    with pytest.raises(ValueError, match=r"Clones.noise"):
        Clones(noise=-1.0)
