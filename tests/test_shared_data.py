"""What all seeds share is kept once, and the numbers are those of copies."""

import subprocess
import sys
from dataclasses import dataclass

import pytest
import torch
from small import LABELS, trained

from plastlab.condition import Condition
from plastlab.data import Arrays, Data, Gaussian, Problem, drawn
from plastlab.interventions import L2Init
from plastlab.nets import MLP, ConvNet1d
from plastlab.optim import SGD, Adam
from plastlab.probes import accuracy, effective_rank, loss
from plastlab.shard import Shard
from plastlab.streams import (
    Deficit,
    Gradual,
    PermutedInputs,
    RandomLabels,
    Stationary,
    TargetOffset,
    TransientNonstationarity,
)

SEEDS = (0, 4, 2)
PARTS = ("x", "y", "x_test", "y_test")


@dataclass(frozen=True)
class Common(Data):
    """Seed 7's Gaussian problem for every seed, kept once or in copies."""

    once: bool = True

    inputs, outputs, grid = 12, 3, (12,)

    def draw(self, seeds):
        seven = Gaussian(24, 12, 3).draw((7,))
        parts = (getattr(seven, part) for part in PARTS)
        shared = (v.expand(len(seeds), *[-1] * (v.dim() - 1)) for v in parts)
        return Problem(*(shared if self.once else (v.clone() for v in shared)))


STREAMS = {
    "Stationary": lambda data: Stationary(data, 3, 6, 8),
    "RandomLabels": lambda data: RandomLabels(data, 3, 6, 8),
    "PermutedInputs": lambda data: PermutedInputs(data, 3, 6, 8),
    "blur": lambda data: Deficit(data, 3, 6, 8, until=2),
    "flip": lambda data: Deficit(data, 3, 6, 8, kind="flip", until=2),
    "noise": lambda data: TransientNonstationarity(data, 3, 6, 8, until=2),
    "Gradual": lambda data: Gradual(stream=RandomLabels(data, 3, 6, 8), over=3),
}
KEPT_ONCE = [name for name in STREAMS if name != "PermutedInputs"]
CONDITIONS = {
    "a": Condition(Adam(1e-2), ConvNet1d(channels=4)),
    "b": Condition(Adam(1e-3), ConvNet1d(channels=4)) + L2Init(0.01),
}


@pytest.mark.parametrize("make", STREAMS.values(), ids=STREAMS)
def test_numbers_are_those_of_copies_bit_for_bit(make):
    once, copied = (trained(make(Common(once)), CONDITIONS, SEEDS) for once in (True, False))
    assert torch.equal(once.network.weights.flat, copied.network.weights.flat)
    for probe in (accuracy, loss, effective_rank):
        found, expected = once.measure(probe), copied.measure(probe)
        assert all((found[name] == expected[name]).all() for name in CONDITIONS)


@pytest.mark.parametrize("name", KEPT_ONCE)
def test_inputs_that_seeds_share_stay_shared(name):
    stream = STREAMS[name](Common())
    for t in range(stream.tasks):
        task = stream.task(t, SEEDS)
        assert task.x.stride(0) == task.x_test.stride(0) == 0
    shard = Shard(stream, CONDITIONS, SEEDS)
    assert shard._examples.shape == (24, 12)
    assert shard._shown[0].shape == (6, task.x_test.shape[1], 12)
    assert shard._shown[0].untyped_storage().nbytes() <= task.x_test[0].numel() * 4 * 2


def test_seeds_own_inputs_are_not_copied_either():
    """Those of a Gaussian lie before its held-out ones; a batch is picked from where they lie."""
    task, shard = LABELS.task(0, SEEDS), Shard(LABELS, {"a": Condition()}, SEEDS)
    assert shard._examples.data_ptr() == task.x.data_ptr()
    order = LABELS.order(0, SEEDS)
    shard.advance(1)
    for s in range(3):
        assert torch.equal(shard.blocks["a"].state.x[s], task.x[s, order[s, 0]])


def test_real_targets_that_seeds_share():
    data = Arrays(
        torch.randn(40, 3, generator=torch.Generator().manual_seed(0)), list(range(40)), "numbers"
    )
    stream = TargetOffset(data, 2, 4, 8, redraw=False)
    shard = trained(stream, {"a": Condition(SGD(0.01), MLP(4, 1))}, SEEDS, 6)
    task, order = stream.task(1, SEEDS), stream.order(1, SEEDS)
    for s in range(3):
        state = shard.blocks["a"].state
        assert torch.equal(state.x[s], task.x[0, order[s, 1]])
        assert torch.equal(state.y[s].T, task.y[0, order[s, 1]])


BIG = """
import resource
import torch
from plastlab.condition import Condition
from plastlab.data import Arrays
from plastlab.nets import MLP
from plastlab.optim import SGD
from plastlab.shard import Shard
from plastlab.streams import RandomLabels, Stationary
x = torch.rand(8_000, 784).numpy()
data = Arrays(x, torch.arange(8_000).numpy() % 10)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
nets = {name: Condition(SGD(), MLP(2, 1)) for name in "ab"}
with torch.no_grad():
    for kind in (Stationary, RandomLabels):
        shard = Shard(kind(data, 2, 2, 8), nets, range(16))
        shard.advance(4)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit / x.nbytes)
"""


def test_sixteen_seeds_of_shared_data_need_no_room_for_copies():
    """In copies of the data: 16 seeds took more than 32 of them."""
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, bytes
    done = subprocess.run(
        [sys.executable, "-c", f"unit = {unit}\n{BIG}"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 2


def test_base_problems_stay_while_they_are_few_or_small(monkeypatch):
    monkeypatch.setattr(drawn, "FEW", 2)
    monkeypatch.setattr(drawn, "MANY", 4)
    kept = drawn._Drawn()
    sizes = [kept(Gaussian(10, 4, 2), (seed,)) for seed in range(5)]
    assert [key[-1] for key in kept._kept] == [(1,), (2,), (3,), (4,)]
    assert kept(Gaussian(10, 4, 2), (1,)) is sizes[1]
    monkeypatch.setattr(drawn, "ROOM", 1)
    kept(Gaussian(10, 4, 2), (9,))
    assert [key[-1] for key in kept._kept] == [(1,), (9,)]


LAYOUTS = {
    "in rows": lambda x: x.contiguous(),
    "in columns": lambda x: x.mT.contiguous().mT,
    "every other number": lambda x: torch.stack([x, x + 1], 3)[..., 0],
    "every other row": lambda x: torch.stack([x, x + 1], 2).flatten(1, 2)[:, ::2],
    "seeds apart": lambda x: torch.cat([x.flatten(1), x[:, 0, :5]], 1)[:, :-5].view(x.shape),
}


@dataclass(frozen=True)
class Laid(Data):
    """Gaussian's inputs, which lie in memory in one way or another."""

    layout: str = "in rows"

    inputs, outputs = 12, 3

    def draw(self, seeds):
        one = Gaussian(24, 12, 3).draw(seeds)
        return Problem(LAYOUTS[self.layout](one.x), one.y, one.x_test, one.y_test)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_it_does_not_matter_how_inputs_lie_in_memory(layout):
    plain = {"a": Condition(SGD(0.1), MLP(4))}
    found, expected = (
        trained(RandomLabels(Laid(each), 2, 6, 8), plain, SEEDS) for each in (layout, "in rows")
    )
    assert torch.equal(found.network.weights.flat, expected.network.weights.flat)
