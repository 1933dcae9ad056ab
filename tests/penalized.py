"""What a penalty adds to the gradient, and the same worked out by autograd on `torch.nn` twins."""

from dataclasses import dataclass
from types import SimpleNamespace

import torch
from small import LABELS, NETS, CReLU, twin
from torch import nn

from plastlab.condition import Condition
from plastlab.nets.network import Network
from plastlab.optim import Adam
from plastlab.shard import Shard

SEEDS = (5, 2)


@dataclass
class Found:
    """Gradient with the penalty less that without, by name; the networks, with the weights at
    which both were taken; the networks of the start; the batch [R, B, inputs]."""

    gaps: dict[str, torch.Tensor]
    network: Network
    start: Network
    x: torch.Tensor


def added(penalty, net=NETS["MLP"], updates=1, stream=LABELS, move=0.3):
    """The last of `updates` updates at learning rate 0, with weights moved from their start."""
    plain = Condition(Adam(lr=0.0), net)
    shard = Shard(stream, {"plain": plain, "treated": plain + penalty}, SEEDS)
    states = [shard.blocks[name].state for name in ("plain", "treated")]
    start = states[1].network.twin(states[1].weights.clone(), states[1].buffers)
    noise = torch.randn(start.weights.flat.shape, generator=torch.Generator().manual_seed(7))
    for state in states:
        state.weights.flat.add_(noise, alpha=move)
    shard.advance(updates)
    gaps = {n: states[1].gradients[n] - states[0].gradients[n] for n in start.weights.views}
    return Found(gaps, states[1].network, start, states[1].x)


def by_autograd(network, value):
    """Gradient of value(module, replica) for each replica's weights, by name [R, ...]; 0 where the
    value does not depend on them."""
    found = {name: torch.zeros_like(view) for name, view in network.weights.views.items()}
    for r in range(len(network.weights.flat)):
        module = twin(network, r)
        value(module, r).backward()
        for name, parameter in module.named_parameters():
            if parameter.grad is not None:
                found[name][r] = parameter.grad
    return found


def features(module, x):
    """Activations of the last nonlinearity for x [B, inputs], as a matrix [B, features]."""
    seen = []
    kinds = (nn.ReLU, CReLU, nn.Tanh)
    hooks = [
        m.register_forward_hook(lambda m, i, out: seen.append(out))
        for m in module.modules()
        if isinstance(m, kinds)
    ]
    module(x)
    for hook in hooks:
        hook.remove()
    return seen[-1].flatten(1)


def assert_equal_gradients(found, expected, rtol=2e-3, share=1e-5):
    """Each within `rtol`, and within `share` of the largest entry of all."""
    largest = max(e.abs().max().item() for e in expected.values())
    assert largest > 1e-3, "a gradient of nothing"
    for name, gap in found.items():
        torch.testing.assert_close(gap, expected[name], rtol=rtol, atol=share * largest, msg=name)


def memory():
    """An intervention's empty memory."""
    return SimpleNamespace()
