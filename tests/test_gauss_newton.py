"""Gauss-Newton: least squares by numpy, Jacobians by autograd, invariance to units."""

import numpy as np
import pytest
import torch
from torch.func import functional_call, jacrev, vmap

from plastlab.condition import Condition
from plastlab.data import Digits, TeacherRegression
from plastlab.experiments.gauss_newton import GaussNewton, jacobian
from plastlab.nets import MLP
from plastlab.nets.stretched import StretchedMLP
from plastlab.optim import SGD, Adam
from plastlab.shard import Shard
from plastlab.streams import Stationary

DATA = TeacherRegression(examples=40, inputs=6, hidden=3, outputs=2)
STREAM = Stationary(DATA, tasks=1, steps=50, batch=40)
NET = MLP(width=4, depth=1, activation="tanh")
SEEDS = 3, 8


def shard(net, method, stream=STREAM, lr=1.0):
    return Shard(stream, {"it": Condition(SGD(lr), net) + method}, SEEDS)


def test_one_update_solves_a_linear_regression():
    running = shard(MLP(depth=0), GaussNewton(damping=1e-9))
    running.advance(1)
    problem = STREAM.task(0, SEEDS)
    for r in range(len(SEEDS)):
        x = np.column_stack([problem.x[r].double(), np.ones(40)])
        best = np.linalg.lstsq(x, problem.y[r].double().numpy(), rcond=None)[0]
        weights = running.network.weights
        np.testing.assert_allclose(weights["0.weight"][r], best[:-1].T, atol=1e-5)
        np.testing.assert_allclose(weights["0.bias"][r], best[-1], atol=1e-5)


def plain_jacobian(network, r, x):
    """By torch.func, of every output for every weight, in the order of the rows' names."""
    first, last = torch.nn.Linear(6, 4).double(), torch.nn.Linear(4, 2).double()
    module = torch.nn.Sequential(first, torch.nn.Tanh(), last)
    given = {name: view[r].double() for name, view in network.weights.views.items()}
    found = vmap(lambda one: jacrev(lambda w: functional_call(module, w, one))(given))(x)
    return {name: slopes.movedim(1, 0).flatten(0, 1) for name, slopes in found.items()}


def test_the_jacobian_is_that_of_torch():
    running = shard(NET, GaussNewton())
    running.advance(2)
    running._look_back()
    state = running.blocks["it"].state
    found = jacobian(state)
    for r in range(len(SEEDS)):
        expected = plain_jacobian(running.network, r, state.x[r].double())
        for name, slopes in expected.items():
            span, _ = running.network.weights.layout.spans[name]
            torch.testing.assert_close(found[r, :, span], slopes.flatten(1), atol=1e-5, rtol=1e-4)


def test_a_step_is_numpys_and_is_taken_only_if_it_helps():
    damping, running = 1e-2, shard(NET, GaussNewton(damping=1e-2))
    weights, before = running.network.weights, running.network.weights.clone()
    problem = STREAM.task(0, SEEDS)
    running.advance(1)
    taken = 0
    for r in range(len(SEEDS)):
        network = running.network.twin(before, running.network.buffers)
        slopes = plain_jacobian(network, r, problem.x[r].double())
        names = list(slopes)
        j = np.concatenate([slopes[name].flatten(1).numpy() for name in names], 1)
        logits = network.forward(problem.x).logits[r].double()
        errors = (logits - problem.y[r].double().mT).flatten().numpy()
        gram = j.T @ j
        solved = np.linalg.solve(
            gram + damping * np.diag(gram).mean() * np.eye(len(gram)), j.T @ errors
        )
        moved = np.concatenate([(before[n][r] - weights[n][r]).flatten().numpy() for n in names])
        taken += moved.any()
        if moved.any():
            np.testing.assert_allclose(moved, solved, atol=1e-3 * abs(solved).max())
    assert taken
    losses = []
    for _ in range(30):
        running.advance(1)
        losses.append(DATA.loss(running.network.forward(problem.x).logits, problem.y.mT))
    assert (np.diff(np.stack([each.numpy() for each in losses]), axis=0) <= 1e-6).all()


def test_units_hardly_matter():
    ends = []
    data = TeacherRegression(examples=40, inputs=6, hidden=1)
    stream = Stationary(data, tasks=1, steps=50, batch=40)
    for kappa in (1.0, 1e4):
        net = StretchedMLP(width=3, depth=1, activation="tanh", kappa=kappa)
        running = shard(net, GaussNewton(), stream)
        running.advance(50)
        problem = stream.task(0, SEEDS)
        ends.append(data.loss(running.network.forward(problem.x).logits, problem.y.mT).numpy())
    assert (np.stack(ends) < 1e-9).all()


def test_refused():
    with pytest.raises(TypeError, match="SGD"):
        Condition(Adam(), NET) + GaussNewton()
    with pytest.raises(TypeError, match="regressions"):
        shard(NET, GaussNewton(), Stationary(Digits(40), tasks=1, steps=2, batch=40)).advance(1)
    with pytest.raises(ValueError, match=r"GaussNewton.damping"):
        GaussNewton(damping=0.0)
