"""Probes of the weights: their size, how it grew, what one update did to it, their isometry.

`layer` picks one matrix, in order of depth, from 0 or from -1 backwards; None takes all together.
"""

import numpy as np
import torch

from plastlab.probes.base import Tensor, chosen, follows_an_update
from plastlab.rows import Rows
from plastlab.state import State


def weight_norm(s: State, layer: int | None = None) -> Tensor:
    """Frobenius norm of all matrices together, without biases, gains and offsets; or of one.

    Misses what the size means: with LayerNorm behind it, a matrix can be rescaled without changing
        the function. All together, the largest matrix hides the others.
    """
    return _norm(s.weights, layer)


def weight_growth(s: State, layer: int | None = None) -> Tensor:
    """Frobenius norm of all matrices together over what it was at the start; or of one of them.

    Misses growth of some directions and loss of others. Draws the start anew each time, which costs
        as much as some ten updates.
    """
    return _norm(s.weights, layer) / _norm(s.initial().weights, layer)


def weight_likeness(s: State, layer: int | None = None) -> Tensor:
    """Cosine between all matrices together and what they were at the start; or of one of them.

    Misses the size. Units that trade places look like new ones. Draws the start anew each time.
    """
    start = s.initial().weights
    pairs = [(s.weights[n], start[n]) for n in chosen(list(s.weights.layout.matrices), layer)]
    dots = sum((now * then).flatten(1).sum(1) for now, then in pairs)
    return dots / (_norm(s.weights, layer) * _norm(start, layer))


@follows_an_update
def update_ratio(s: State, layer: int | None = None) -> Tensor:
    """Size of the last update over the size of the weights it changed: the effective learning
    rate. All parameters together, or one matrix. nan before the first update.

    Decay and projections count as part of the update. Misses how many entries took part, and where
    it went: back and forth gives the same.
    """
    if s.previous is None:
        return torch.full((len(s.seeds),), torch.nan)
    if layer is None:
        before, after = s.previous.flat, s.weights.flat
    else:
        name = chosen(list(s.weights.layout.matrices), layer)[0]
        before, after = s.previous[name].flatten(1), s.weights[name].flatten(1)
    return euclidean(after - before) / euclidean(before)


def isometry_deviation(s: State, layer: int | None = None) -> Tensor:
    """||W'W - I||_F / sqrt(n), n the matrix's smaller side, averaged over the matrices; or of one.

    W W' stands in its place where W has more columns than rows, since W'W cannot be I then. A
    convolution's W is [out, in * kernel]. Dividing by sqrt(n) makes matrices of different size
    comparable: 0 is an isometry, 1 a matrix of zeros.

    Source: Han et al. (2026), DfI, without the division.
    Misses the difference between another scale and another shape: 2 Q is no isometry though it
        keeps angles. What activations and normalization do to signals is not in it.
    """
    deviations = []
    for name in chosen(list(s.weights.layout.matrices), layer):
        w = s.weights[name].flatten(2).double()
        gram = w @ w.mT if w.shape[1] <= w.shape[2] else w.mT @ w
        excess = gram - torch.eye(len(gram[0]), dtype=gram.dtype)
        deviations.append(excess.square().mean(2).sum(1).sqrt())
    return torch.stack(deviations).mean(0).float()


@np.errstate(all="ignore")  # a replica that diverges is reported at the end, not here
def euclidean(*parts: Tensor) -> Tensor:
    """Euclidean norm of each replica's entries [R], which come in parts [R, n]."""
    squares = (np.vecdot(part, part) for part in map(Tensor.numpy, parts))
    return torch.from_numpy(np.sqrt(sum(squares)))


def _norm(weights: Rows, layer: int | None) -> Tensor:
    names = chosen(list(weights.layout.matrices), layer)
    return euclidean(*(weights[name].flatten(1) for name in names))
