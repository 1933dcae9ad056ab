"""Small experiments, and their `torch.nn` twins, that several tests share."""

import platform
from concurrent.futures import Executor, Future

import torch
from torch import nn

from plastlab.data import Gaussian
from plastlab.losses import CrossEntropy
from plastlab.nets import (
    MLP,
    ConvNet1d,
    ResidualMLP,
    convolution,
    layers,
    mixture,
    normalization,
    pooling,
)
from plastlab.nets.activations import ACTIVATIONS
from plastlab.nets.pointwise import Unlisted
from plastlab.optim import SGD, Adam
from plastlab.shard import Shard
from plastlab.streams import RandomLabels

NETS = {
    "MLP": MLP(width=8, depth=2),
    "MLP, LayerNorm": MLP(width=8, depth=2, layer_norm=True),
    "MLP, CReLU": MLP(width=8, depth=2, activation="crelu"),
    "ResidualMLP": ResidualMLP(width=8, blocks=2),
    "ConvNet1d": ConvNet1d(channels=4),
}
OPTIMIZERS = {"Adam": Adam(lr=0.01), "SGD": SGD(lr=0.05, momentum=0.9)}
LABELS = RandomLabels(Gaussian(examples=24, inputs=12, classes=3), tasks=3, steps=6, batch=8)
BITS = platform.machine() in ("x86_64", "AMD64")  # where equal bits were seen; else 1e-5 is held


class Counting(Executor):
    """Does jobs at once, and counts the updates of single networks that are trained."""

    updates = 0

    def submit(self, train, job):
        self.updates += job.updates
        future = Future()
        future.set_result(train(job))
        return future


def draws(*shape, key=0):
    """Standard normal numbers, which depend on the shape and the key alone."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(100 * sum(shape) + key))


def check_backward(network, x, y, rtol=1e-9, atol=1e-10):
    """The hand-written backward pass equals autograd, with a gradient for each hidden activation
    too, and leaves nothing of an older gradient."""
    passed, room = network.forward(x), network.room()
    pulls = [draws(*h.shape, key=i) for i, h in enumerate(passed.hidden)]
    room.rows.flat.fill_(9.0)
    network.backward(passed, CrossEntropy().gradient(passed.logits, y), room, pulls)

    leaves = network.differentiable()
    again = leaves.forward(x)
    objective = CrossEntropy()(again.logits, y).sum()
    objective = objective + sum((p * h).sum() for p, h in zip(pulls, again.hidden, strict=True))
    expected = torch.autograd.grad(objective, list(leaves.weights.views.values()))
    for name, gradient in zip(leaves.weights.views, expected, strict=True):
        torch.testing.assert_close(room.rows[name], gradient, rtol=rtol, atol=atol)


class CReLU(nn.Module):
    def forward(self, x):
        return torch.cat([x, -x], 1).relu()


class Fourier(nn.Module):
    def forward(self, x):
        return torch.cat([torch.sin(x), torch.cos(x)], 1)


class GatedTanh(nn.Module):
    def __init__(self, units):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(units))

    def forward(self, x):
        flat = x.tanh() ** 2  # 1 minus the derivative
        return x.tanh() + self.weight.view(-1, *[1] * (x.dim() - 2)) * x * flat


class Quotient(nn.Module):
    def __init__(self):
        super().__init__()
        self.numerator = nn.Parameter(torch.zeros(6))
        self.denominator = nn.Parameter(torch.zeros(4))

    def forward(self, x):
        p = sum(a * x**k for k, a in enumerate(self.numerator))
        q = sum(b * x ** (k + 1) for k, b in enumerate(self.denominator))
        return p / (1 + q.abs())


class View(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.shape = shape

    def forward(self, x):
        return x.reshape(len(x), *self.shape)


class Skip(nn.Sequential):
    def forward(self, x):
        return x + super().forward(x)


class Experts(nn.ModuleList):
    """A soft mixture, one example, one slot and one token at a time."""

    def __init__(self, layer):
        super().__init__(nn.Sequential(*[_twin(i, False) for i in own]) for own in layer.experts)
        self.slots, self.weight = layer.slots, nn.Parameter(torch.zeros(layer.shapes["weight"]))

    def forward(self, x):
        return torch.stack([self.one(tokens.T) for tokens in x])

    def one(self, tokens):
        scores = torch.stack([torch.stack([slot @ t for t in tokens]) for slot in self.weight])
        answers = []
        for i, shares in enumerate(scores.exp()):
            read = sum(share * t for share, t in zip(shares, tokens, strict=True)) / shares.sum()
            answers.append(self[i // self.slots](read[None])[0])
        columns = [
            sum(share * a for share, a in zip(shares, answers, strict=True)) / shares.sum()
            for shares in scores.exp().T
        ]
        return torch.stack(columns, 1)


NONLINEARITIES = {
    "relu": lambda units: nn.ReLU(),
    "leaky relu": lambda units: nn.LeakyReLU(0.1),
    "tanh": lambda units: nn.Tanh(),
    "gelu": lambda units: nn.GELU(),
    "silu": lambda units: nn.SiLU(),
    "crelu": lambda units: CReLU(),
    "fourier": lambda units: Fourier(),
    "prelu": nn.PReLU,
    "adalin": nn.PReLU,
    "adalin tanh": GatedTanh,
    "rational": lambda units: Quotient(),
    "identity": lambda units: nn.Identity(),
}


def twin(network, replica):
    """The `torch.nn` module that replica `replica` of a network should equal."""
    conv = any(isinstance(layer, convolution.Conv1d) for layer in network.layers)
    first = network.layers[0]
    wrapped = isinstance(first, normalization.NormalizedInputs)
    plain = [first.inner if wrapped else first, *network.layers[1:]]
    module = nn.Sequential(*[_twin(layer, conv) for layer in plain])
    if wrapped:
        own = {name: view[replica].clone() for name, view in network.buffers.views.items()}
        module.register_forward_pre_hook(lambda module, given: _normalized(given[0], own))
    weights = {name: view[replica].clone() for name, view in network.weights.views.items()}
    module.load_state_dict(weights)
    return module


def _normalized(x, statistics):
    """The inputs [B, features] as a network with an input norm sees them."""
    if statistics:
        return (x - statistics["0.inputs.mean"]) / (statistics["0.inputs.variance"] + 1e-5).sqrt()
    return (x - x.mean(1, keepdim=True)) / (x.var(1, correction=0, keepdim=True) + 1e-5).sqrt()


def _twin(layer, conv):
    names = {kind: name for name, kind in ACTIVATIONS.items()}
    if isinstance(layer, Unlisted):
        twin = _twin(layer.inner, conv)
        twin.unlisted = True
        return twin
    if isinstance(layer, mixture.SoftMixture):
        return Experts(layer)
    if isinstance(layer, pooling.MaxPool1d):
        return nn.MaxPool1d(layer.kernel, layer.stride, layer.padding)
    shape = layer.shapes.get("weight")
    if isinstance(layer, layers.Residual):
        return Skip(*[_twin(inner, conv) for inner in layer.layers])
    if isinstance(layer, layers.Linear):
        return nn.Linear(shape[1], shape[0], bias="bias" in layer.shapes)
    if isinstance(layer, convolution.Conv1d):
        place = {"stride": layer.stride, "padding": layer.padding}
        return nn.Conv1d(shape[1], shape[0], shape[2], bias="bias" in layer.shapes, **place)
    if isinstance(layer, normalization.LayerNorm):
        return nn.GroupNorm(1, *shape) if conv else nn.LayerNorm(shape)
    if isinstance(layer, layers.Reshape):
        return View(layer.shape)
    return NONLINEARITIES[names[type(layer)]](layer.units)


def trained(stream, conditions, seeds, steps=None, probes=()):
    """A shard after `steps` updates (all of the stream's, if not said)."""
    shard = Shard(stream, conditions, seeds, probes)
    shard.advance(stream.tasks * stream.steps if steps is None else steps)
    return shard


def weights(shard, name, seed):
    """All weights of one replica, as one row."""
    state = shard.blocks[name].state
    return state.weights.flat[state.seeds.index(seed)]


def assert_same_numbers(found, expected):
    """Equal bits where processors are known to give them, else equal to 1e-5."""
    torch.testing.assert_close(found, expected, rtol=0, atol=0 if BITS else 1e-5)
