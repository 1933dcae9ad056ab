"""Probe trainability: how well a copy of the network learns something new, beside a fresh one."""

import torch

from plastlab.errors import check_number, check_type
from plastlab.nets.network import TRAINING, Network
from plastlab.optim import SGD, Adam
from plastlab.probes.base import Tensor
from plastlab.rng import generator, normal
from plastlab.state import State

ADAM = Adam()


def trainability_loss(
    s: State, steps: int = 100, optimizer: SGD | Adam = ADAM, examples: int = 128
) -> Tensor:
    """Probe trainability as a relative loss: that of a copy of the network after `steps` updates on
    new random targets, over that of the network as it was drawn at the start, trained alike. 1 is
    as trainable as new; above 1 something was lost.

    Targets for the first `examples` shown inputs are uniform classes, or standard normal numbers in
    a regression; they depend on the seed alone, so all times and conditions face the same problem.
    Both copies train on all of these inputs at once, with the stream's loss and a new `optimizer`,
    without any intervention. The network itself, its optimizer and all generators stay untouched.

    Source: Lyle et al. (2023), plasticity as the loss after a fixed budget on new targets; here
        relative to a fresh network, as a ratio.
    Misses generalization. One optimizer and one learning rate are tried, and another may find
        nothing lost. When the fresh network fits everything, the ratio is one of tiny numbers.
    """
    check_number("trainability_loss: steps", steps, 1, integer=True)
    check_number("trainability_loss: examples", examples, 1, integer=True)
    remedy = "Give for example Adam(lr=0.001)."
    check_type("trainability_loss: optimizer", optimizer, (SGD, Adam), remedy)
    x = s.x[:, :examples]
    y = new_targets(s, x.shape[1])
    copy = s.network.twin(s.weights.clone(), s.buffers.clone())
    own, new = (_fit(s, network, x, y, steps, optimizer) for network in (copy, s.initial()))
    return own / new


def new_targets(s: State, examples: int) -> Tensor:
    """New targets, one draw a seed: classes [R, B], or real numbers [R, outputs, B]."""
    outputs = s.logits.shape[1]
    if s.y.is_floating_point():
        return normal((outputs, examples), s.seeds, "trainability")
    draws = [generator(seed, "trainability") for seed in s.seeds]
    return torch.stack([torch.randint(outputs, (examples,), generator=own) for own in draws])


@torch.no_grad()
def _fit(
    s: State, network: Network, x: Tensor, y: Tensor, steps: int, optimizer: SGD | Adam
) -> Tensor:
    """Train the network, with no one watching, and give its last loss [R]."""
    memory = optimizer.memory([optimizer] * len(s.seeds), network.weights)
    room = network.room()
    for _ in range(steps):
        with torch.set_grad_enabled(network.needs_graph):
            passed = network.forward(x, rate=TRAINING)
        slope = s.loss.gradient(passed.logits.detach(), y)
        network.backward(passed, slope, room, [None] * len(passed.hidden))
        memory.step(room.rows)
    return s.loss(network.forward(x).logits.detach(), y)
