"""What residual blocks do to the features before any training."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from plastlab.errors import check_number, check_type
from plastlab.nets import Architecture
from plastlab.nets.layers import Residual
from plastlab.neutral import neutral
from plastlab.propagation import pairs_at
from plastlab.rng import resolve_seeds
from plastlab.streams import Stream


@dataclass(frozen=True, eq=False)
class Branches:
    """Mean squares in every seed's network: `skip` [S, L + 1] of the features that the skips carry,
    before block 1 and behind each of the L blocks; `branch` [S, L] of what each block adds."""

    net: Architecture
    seeds: tuple[int, ...]
    skip: np.ndarray
    branch: np.ndarray

    @property
    def blocks(self) -> np.ndarray:
        """The numbers 1 to L of the blocks."""
        return np.arange(1, self.branch.shape[1] + 1)

    @property
    def share(self) -> np.ndarray:
        """What each block adds, as a share of what it leaves behind [S, L]."""
        return self.branch / self.skip[:, 1:]


@neutral()
@torch.no_grad()
def branches(
    net: Architecture, seeds: int | Sequence[int] = 16, *, inputs: int = 100, examples: int = 128
) -> Branches:
    """Send inputs of mean square 1 through newly drawn networks with residual blocks. Batch
    normalization is as in training.

    Source: De and Smith (2020), who compare the two variances block by block.

    Raises:
        ValueError: the network has no residual block.
    """
    check_type("branches: net", net, Architecture, "Write for example ResidualMLP(blocks=20).")
    check_number("branches: examples", examples, 2, integer=True)
    seeds = resolve_seeds(seeds)
    network, carried, added = net.build(inputs, 10, seeds, "start"), [], []
    x = pairs_at(0.0, inputs, examples // 2, seeds)
    for layer, h, y in network.walk(x, rate=0.0):
        if isinstance(layer, Residual):
            carried = carried or [h]
            carried.append(y)
            added.append(y - h)
    if not added:
        raise ValueError(f"branches: {net!r} has no residual block. Use a ResidualMLP.")
    sizes = (np.stack([_mean_square(h) for h in each], 1) for each in (carried, added))
    return Branches(net, seeds, *sizes)


def _mean_square(h: torch.Tensor) -> np.ndarray:
    return h.double().square().flatten(1).mean(1).numpy()


@neutral()
@torch.no_grad()
def gradients(net: Architecture, stream: Stream, seeds: int | Sequence[int] = 16) -> np.ndarray:
    """Norm of the gradient for each matrix [S, matrices], from the input to the output, on the
    stream's first batch and before any update."""
    check_type("gradients: net", net, Architecture, "Write for example ResidualMLP(blocks=20).")
    check_type("gradients: stream", stream, Stream, "Write for example Stationary(Digits()).")
    seeds, data = resolve_seeds(seeds), stream.data
    task, first = stream.task(0, seeds), stream.order(0, seeds)[:, 0]
    x, y = (torch.stack([v[p] for v, p in zip(of, first, strict=True)]) for of in (task.x, task.y))
    network = net.build(data.inputs, data.outputs, seeds, "start")
    y = y.mT if y.is_floating_point() else y
    found = network.gradient(x, lambda logits: data.loss.gradient(logits, y))
    norms = [found[name].flatten(1).norm(dim=1) for name in found.layout.matrices]
    return torch.stack(norms, 1).numpy()
