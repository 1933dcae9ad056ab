"""Small experiments, and their `torch.nn` twins, that several tests share."""

import platform

import torch
from torch import nn

from plastlab import layers
from plastlab.activations import ACTIVATIONS
from plastlab.data import Gaussian
from plastlab.nets import MLP, ConvNet1d, ResidualMLP
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


class CReLU(nn.Module):
    def forward(self, x):
        return torch.cat([x, -x], 1).relu()


class Skip(nn.Sequential):
    def forward(self, x):
        return x + super().forward(x)


NONLINEARITIES = {
    "relu": nn.ReLU,
    "leaky relu": lambda: nn.LeakyReLU(0.1),
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "crelu": CReLU,
    "identity": nn.Identity,
}


def twin(network, replica):
    """The `torch.nn` module that replica `replica` of a network should equal."""
    conv = any(isinstance(layer, layers.Conv1d) for layer in network.layers)
    module = nn.Sequential(*[_twin(layer, conv) for layer in network.layers])
    weights = {name: view[replica].clone() for name, view in network.weights.views.items()}
    module.load_state_dict(weights)
    return module


def _twin(layer, conv):
    names = {kind: name for name, kind in ACTIVATIONS.items()}
    shape = layer.shapes.get("weight")
    if isinstance(layer, layers.Residual):
        return Skip(*[_twin(inner, conv) for inner in layer.layers])
    if isinstance(layer, layers.Linear):
        return nn.Linear(shape[1], shape[0])
    if isinstance(layer, layers.Conv1d):
        return nn.Conv1d(shape[1], shape[0], shape[2], layer.stride, layer.padding)
    if isinstance(layer, layers.LayerNorm):
        return nn.GroupNorm(1, *shape) if conv else nn.LayerNorm(shape)
    if isinstance(layer, layers.Reshape):
        return nn.Flatten() if layer.shape == (-1,) else nn.Unflatten(1, layer.shape)
    return NONLINEARITIES[names[type(layer)]]()


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
