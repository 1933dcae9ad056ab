"""Probe trainability against torch.optim on torch.nn twins, and the warm-start gap by hand."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from small import LABELS, NETS, trained, twin

from plastlab.condition import Condition
from plastlab.data import TeacherRegression
from plastlab.nets import MLP
from plastlab.optim import SGD, Adam
from plastlab.probes import given, loss, trainability_loss, warm_start_gap
from plastlab.result import Result
from plastlab.rng import generator
from plastlab.shard import Shard
from plastlab.streams import Stationary

SEEDS = (4, 0, 7)
REAL = Stationary(TeacherRegression(examples=30, inputs=12, outputs=2), 1, 5, 8)


def fitted(model, x, y, criterion, kind, steps, lr):
    """The loss of a torch.nn model after full-batch training."""
    optimizer = kind(model.parameters(), lr=lr)
    for _ in range(steps):
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()
    return criterion(model(x), y).item()


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam])
@pytest.mark.parametrize("net", NETS.values(), ids=NETS)
def test_it_is_the_loss_of_a_copy_over_that_of_the_start_trained_alike(net, kind):
    shard = trained(LABELS, {"a": Condition(Adam(0.05), net)}, SEEDS, 9)
    optimizer = (SGD if kind is torch.optim.SGD else Adam)(lr=0.01)
    found = shard.measure(given(trainability_loss, steps=5, optimizer=optimizer, examples=20))["a"]
    x, start = LABELS.task(1, SEEDS).x_test[:, :20], net.build(12, 3, SEEDS, "start")
    for r, seed in enumerate(SEEDS):
        y = torch.randint(3, (20,), generator=generator(seed, "trainability"))
        own, new = (
            fitted(twin(n, r), x[r], y, F.cross_entropy, kind, 5, 0.01)
            for n in (shard.network, start)
        )
        assert found[r] == pytest.approx(own / new, 1e-4)
        assert own != pytest.approx(new, 1e-3)


def test_in_a_regression_the_targets_are_normal_numbers():
    shard = trained(REAL, {"a": Condition(SGD(0.1), MLP(width=8))}, SEEDS)
    found = shard.measure(given(trainability_loss, steps=3, optimizer=SGD(0.1)))["a"]
    x = REAL.task(0, SEEDS).x_test
    start = MLP(width=8).build(12, 2, SEEDS, "start")
    for r, seed in enumerate(SEEDS):
        y = torch.randn(2, 128, generator=generator(seed, "trainability")).T
        own, new = (
            fitted(twin(n, r), x[r, :128], y, F.mse_loss, torch.optim.SGD, 3, 0.1)
            for n in (shard.network, start)
        )
        assert found[r] == pytest.approx(own / new, 1e-4)


def test_a_new_network_is_as_trainable_as_new_and_a_dead_one_is_not():
    net = NETS["MLP"]
    shard = Shard(LABELS, {"a": Condition(Adam(), net), "b": Condition(Adam(0.1), net)}, SEEDS)
    probe = given(trainability_loss, optimizer=Adam(0.01))
    assert (shard.measure(probe)["a"] == 1).all()
    assert (shard.measure(probe)["b"] == 1).all()
    shard.blocks["b"].state.weights["2.bias"][:] = -100.0
    dead = shard.measure(probe)
    assert (dead["a"] == 1).all()
    assert (dead["b"] > 1.2).all()


@pytest.mark.parametrize("net", NETS.values(), ids=NETS)
def test_training_goes_on_as_if_nobody_had_asked(net):
    """Bit for bit: weights, gradient, optimizer and its count, and what is drawn later."""
    shards = [trained(LABELS, {"a": Condition(Adam(0.01), net)}, SEEDS, 8) for _ in range(2)]
    before = torch.get_rng_state()
    shards[0].measure(trainability_loss)
    assert torch.equal(torch.get_rng_state(), before)
    for shard in shards:
        shard.advance(7)
    one, other = shards
    assert torch.equal(one.network.weights.flat, other.network.weights.flat)
    assert torch.equal(one.gradients.rows.flat, other.gradients.rows.flat)
    for part in ("m", "v", "count"):
        assert torch.equal(getattr(one.memory, part), getattr(other.memory, part))
    np.testing.assert_array_equal(one.measure(loss)["a"], other.measure(loss)["a"])


def test_the_warm_start_gap_is_paired_by_seed():
    values = np.array([[[0.1, 0.5, 0.7], [0.2, 0.6, 0.8]], [[0.1, 0.5, 0.5], [0.2, 0.7, 0.9]]])
    result = Result(
        conditions=("scratch", "warm"),
        seeds=(3, 5),
        tasks=(1, 1, 1),
        steps=(1, 2, 3),
        values={"accuracy": values},
        diverged=np.zeros((2, 2), dtype=bool),
    )
    assert warm_start_gap(result, "scratch", "warm") == pytest.approx([0.2, -0.1])
    assert warm_start_gap(result, "scratch", "warm", times=2) == pytest.approx([0.1, -0.1])
    with pytest.raises(ValueError, match="gap: warm must be one of scratch, warm; got 'cold'"):
        warm_start_gap(result, "scratch", "cold")
