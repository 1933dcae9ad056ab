"""How the gradient for the input changes along a straight line of inputs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from plastlab.errors import check_number, check_type
from plastlab.nets import Architecture
from plastlab.neutral import neutral
from plastlab.rng import resolve_seeds

REACH = 2.0  # the line goes from minus this to this


@dataclass(frozen=True, eq=False)
class Slopes:
    """df/dt of every seed's network [S, points] at the inputs (t, 1), t being [points]."""

    net: Architecture
    seeds: tuple[int, ...]
    t: np.ndarray
    slope: np.ndarray

    def autocorrelation(self, lags: int = 15) -> np.ndarray:
        """Correlation of the slopes at inputs 0, 1, ... `lags` places apart [S, lags + 1]: near 1
        while neighbors agree, 0 for white noise."""
        check_number("Slopes.autocorrelation: lags", lags, 0, len(self.t) - 1, integer=True)
        centered = self.slope - self.slope.mean(1, keepdims=True)
        count = len(self.t)
        found = [
            (centered[:, : count - k] * centered[:, k:]).sum(1) / (centered**2).sum(1)
            for k in range(lags + 1)
        ]
        return np.stack(found, 1)


@neutral()
def slopes(net: Architecture, seeds: int | Sequence[int] = 16, *, points: int = 256) -> Slopes:
    """The derivative of newly drawn networks with one output along the line of inputs (t, 1).

    The second input works as random biases do in the first layer. Batch normalization has the
    statistics of all the points, and is then a fixed function.

    Source: Balduzzi et al. (2017), figure 1, with 256 points from -2 to 2.
    """
    check_type("slopes: net", net, Architecture, "Write for example MLP(depth=20).")
    check_number("slopes: points", points, 3, integer=True)
    seeds = resolve_seeds(seeds)
    network = net.build(2, 1, seeds, "start")
    t = torch.linspace(-REACH, REACH, points)
    x = torch.stack([t, torch.ones(points)], 1).repeat(len(seeds), 1, 1)
    with torch.no_grad():
        network.forward(x, rate=1.0)
    x.requires_grad_()
    (slope,) = torch.autograd.grad(network.forward(x).logits.sum(), x)
    return Slopes(net, seeds, t.numpy(), slope[:, :, 0].double().numpy())
