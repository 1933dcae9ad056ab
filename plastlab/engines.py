"""What the benchmark compares: pieces of work, and the engines that can do them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from plastlab.condition import Condition
from plastlab.data import Mnist1d
from plastlab.jobs import cut
from plastlab.nets import MLP, Architecture, ConvNet1d, ResidualMLP
from plastlab.nets.modules import Module
from plastlab.optim import SGD, Adam
from plastlab.shard import Shard
from plastlab.streams import RandomLabels

Engine = Callable[[int], object]  # does that many updates, of every network that it trains
INPUTS, OUTPUTS = Mnist1d.inputs, Mnist1d.outputs
PEAK = 768  # rows and columns of the matrices whose product measures a core's peak


@dataclass(frozen=True)
class Work:
    """A network, the same one in torch.nn, an optimizer, a batch size, and so many MNIST-1D
    examples, which get new random labels every 100 updates."""

    name: str
    net: Architecture | Module
    module: Callable[[], nn.Module]
    optimizer: SGD | Adam
    batch: int
    examples: int = 1000

    def stream(self, tasks: int = 10**6, steps: int = 100) -> RandomLabels:
        """The learning problems."""
        return RandomLabels(Mnist1d(self.examples), tasks, steps, self.batch)

    def condition(self) -> Condition:
        """What plastlab trains."""
        return Condition(self.optimizer, self.net)

    def flop(self) -> int:
        """Floating-point operations in the matrix products of one network's update."""
        with FlopCounterMode(display=False) as counter:
            self.module()(torch.zeros(self.batch, INPUTS)).sum().backward()
        return counter.get_total_flops()


def loop(work: Work, fused: bool | None = None) -> Engine:
    """The ordinary PyTorch loop over one network: autograd and an optimizer of torch.optim, by
    default as it comes; batches by index."""
    module, criterion = work.module(), nn.CrossEntropyLoss()
    kind = torch.optim.SGD if isinstance(work.optimizer, SGD) else torch.optim.Adam
    optimizer = kind(module.parameters(), lr=work.optimizer.lr, fused=fused)
    task = work.stream().task(0, (0,))
    x, y = task.x[0], task.y[0]
    picks = _batches(len(x), work.batch)

    def advance(steps: int) -> None:
        for _ in range(steps):
            pick = next(picks)
            optimizer.zero_grad()
            criterion(module(x[pick]), y[pick]).backward()
            optimizer.step()

    return advance


def batched(work: Work, replicas: int) -> Engine:
    """What `run` does on one core, part by part."""
    stream, conditions = work.stream(), {"a": work.condition()}
    parts = cut(stream, conditions, tuple(range(replicas)), workers=1)
    shards = [Shard(stream, conditions, seeds) for _, seeds in parts]

    def advance(steps: int) -> None:
        for shard in shards:
            shard.advance(steps)

    return advance


def peaks() -> dict[str, Engine]:
    """Products of two square matrices, by the libraries of torch and of numpy."""
    a, out = torch.rand(PEAK, PEAK), torch.empty(PEAK, PEAK)
    arrays = a.numpy(), out.numpy()
    return {
        "torch": lambda steps: [torch.mm(a, a, out=out) for _ in range(steps)],
        "numpy": lambda steps: [np.matmul(arrays[0], arrays[0], arrays[1]) for _ in range(steps)],
    }


def _batches(examples: int, batch: int) -> Iterator[torch.Tensor]:
    """Whole batches of indices, pass after pass in a new order."""
    while True:
        for pick in torch.randperm(examples).split(batch):
            if len(pick) == batch:
                yield pick


class _Skip(nn.Sequential):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + super().forward(x)


def _mlp(width: int) -> nn.Module:
    hidden = [nn.Linear(INPUTS, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()]
    return nn.Sequential(*hidden, nn.Linear(width, OUTPUTS))


def _conv() -> nn.Module:
    layers = [nn.Unflatten(1, (1, INPUTS)), nn.Conv1d(1, 25, 5, 2, 1), nn.ReLU()]
    for _ in range(2):
        layers += [nn.Conv1d(25, 25, 3, 2, 1), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(125, OUTPUTS))


def _residual() -> nn.Module:
    def block() -> nn.Module:
        return _Skip(nn.LayerNorm(64), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64))

    first, last = nn.Linear(INPUTS, 64), nn.Linear(64, OUTPUTS)
    return nn.Sequential(first, block(), block(), block(), nn.LayerNorm(64), last)


MIDDLE = Work("40-100-100-10, batch 64, Adam", MLP(), lambda: _mlp(100), Adam(), 64)
SHORT = Work("40-100-100-10, batch 16, SGD", MLP(), lambda: _mlp(100), SGD(0.01), 16)
CONV = Work("conv net, batch 64, Adam", ConvNet1d(), _conv, Adam(), 64)
RESIDUAL = Work("residual net, batch 64, Adam", ResidualMLP(), _residual, Adam(), 64)
SMALL = Work("40-32-32-10, batch 32, Adam", MLP(width=32), lambda: _mlp(32), Adam(), 32, 128)
OWN = Work(MIDDLE.name, Module(lambda i, o: _mlp(100)), MIDDLE.module, Adam(), 64)
