"""The Fisher information of the weights: how far the answers move when the weights do."""

import torch

from plastlab.errors import check_number
from plastlab.losses import CrossEntropy
from plastlab.nets.network import Network
from plastlab.probes.base import Tensor
from plastlab.probes.gradients import check_room
from plastlab.rows import Rows
from plastlab.state import State


def fisher_trace(s: State, examples: int = 32) -> Tensor:
    """Trace of the Fisher information matrix of the weights: the mean over `examples` inputs x of
    E ||grad log p(y | x)||**2, where y is drawn from the network's own answer; exact over classes.

    Weights that are moved by a little noise of variance v change the answers by v / 2 times as many
    nats (KL). Real-valued answers count as means of normal distributions of variance 1. A task's
    held-out examples are shown: for the training examples, hold those out.

    Source: Achille et al. (2019), who read it as the information in the weights.
    Misses the directions: one stiff one counts as much as many soft ones. It falls when answers
        become sure, so on fitted examples it is near 0 whatever the weights could still learn.
    """
    count = min(check_number("examples", examples, 1, integer=True), s.x.shape[1])
    check_room("Fisher gradients", s, count)
    return torch.stack([_trace(s, r, count) for r in range(len(s.seeds))]).float()


def _trace(s: State, r: int, examples: int) -> Tensor:
    """Replica r's trace, by one gradient for each of the first examples and each output."""
    rows = [
        Rows(own.layout, own.flat[r : r + 1].repeat(examples, 1)) for own in (s.weights, s.buffers)
    ]
    one_each, x = s.network.twin(*rows), s.x[r, :examples, None]
    logits, classes = s.logits[r, :, :examples], isinstance(s.loss, CrossEntropy)
    weight = torch.softmax(logits, 0) if classes else torch.ones_like(logits)
    parts = [weight[k] * _squares(one_each, x, k, classes) for k in range(len(logits))]
    return torch.stack(parts).sum(0).mean()


def _squares(network: Network, x: Tensor, k: int, classes: bool) -> Tensor:
    """Squared norm of the gradient of log p(k | x), or of answer k; an example each replica [R]."""

    def slope(logits: Tensor) -> Tensor:
        given = -torch.softmax(logits, 1) if classes else torch.zeros_like(logits)
        given[:, k] += 1.0
        return given

    return network.gradient(x, slope).flat.square().sum(1)
