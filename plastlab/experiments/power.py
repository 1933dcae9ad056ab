"""Power iteration watched: what it sees of the largest singular value of matrices while they are
trained."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from plastlab.condition import Condition
from plastlab.nets.spectral import power_shares
from plastlab.state import State
from plastlab.streams import Stream
from plastlab.theory import power_estimate
from plastlab.training import Training

Tensor = torch.Tensor
ANEW = 64  # directions that each matrix is begun from


def trained_matrices(
    stream: Stream, conditions: Mapping[str, Condition], seeds: Sequence[int], updates: int
) -> dict[str, list[Tensor]]:
    """The second matrix [S, out, in] of each condition after each of the updates."""
    training = Training(stream, conditions, seeds=seeds)
    found: list[Tensor] = []

    def looked_at(s: State) -> Tensor:
        found.append(s.weights[s.weights.layout.matrices[1]].clone())
        return s.lr

    for _ in range(updates):
        training.advance(1)
        training.measure(looked_at)
    each = zip(*(torch.split(matrix, len(seeds)) for matrix in found), strict=True)
    return {name: list(own) for name, own in zip(conditions, each, strict=True)}


def seen_anew(matrix: Tensor, seed: int, steps: int) -> np.ndarray:
    """Share of the largest singular values of a matrix [S, out, in] that 1 to `steps` steps from a
    random direction see, a mean over 64 of them [steps, S]."""
    replicas, _, inputs = matrix.shape
    copies = matrix.repeat_interleave(ANEW, 0)
    begun = power_shares([copies] * steps, _directions(seed, replicas, inputs))
    return begun.view(steps, replicas, ANEW).mean(2).numpy()


def foreseen(matrix: Tensor, steps: int) -> np.ndarray:
    """The same by the formula, from the singular values alone [steps, S]."""
    values = torch.linalg.svdvals(matrix).numpy()
    return np.array([power_estimate(values, k) / values.max(1) for k in range(1, steps + 1)])


def seen_on_the_way(matrices: Sequence[Tensor], seed: int) -> np.ndarray:
    """The share that one step on each matrix [S, out, in] sees from where it came to on the one
    before [matrices, S]; it begins at a random direction."""
    replicas, _, inputs = matrices[0].shape
    return power_shares(matrices, _directions(seed, replicas, inputs)[::ANEW]).numpy()


def error(seen: np.ndarray, settled: int = 20) -> np.ndarray:
    """How far the shares [matrices, S] are from 1, a mean after the first `settled` ones [S]."""
    return abs(seen[settled:] - 1).mean(0)


def _directions(seed: int, replicas: int, inputs: int) -> Tensor:
    return torch.randn(replicas * ANEW, inputs, generator=torch.Generator().manual_seed(seed))
