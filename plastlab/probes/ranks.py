"""Ranks of the hidden features: how many directions they use on the shown examples.

Features are taken as they are, not centered, a convolution's at all positions beside each other.
All ranks grow with the number of examples shown until there are several times as many as features,
so compare only what was measured on equally many, and with a fresh network. `layer` is the hidden
layer, from 0 or from -1 backwards; the last one if not said.
"""

import torch

from plastlab.errors import check_number
from plastlab.probes.base import CACHED, Tensor, chosen, eigenvalues, entropy_rank, hidden, keep_nan
from plastlab.products import product
from plastlab.state import State


def effective_rank(s: State, layer: int = -1) -> Tensor:
    """exp of the entropy of the hidden features' singular values, scaled to sum 1.

    With p_i = sigma_i / sum(sigma): exp(-sum p_i log p_i), from 1 to the number of features, and 0
    if all features are silent.

    Source: Roy and Vetterli (2007). Some papers use squared singular values and get far lower
        numbers.
    Misses the features' size, and whether the directions are any use.
    """
    return entropy_rank(singular_values(s, layer))


def srank(s: State, delta: float = 0.01, layer: int = -1) -> Tensor:
    """Smallest number of singular values of the hidden features that hold 1 - delta of their sum;
    0 if all features are silent.

    Source: Kumar et al. (2021), definition of srank. Some papers plot it as "stable rank".
    Misses the features' size; a long tail of small directions counts fully.
    """
    check_number("srank: delta", delta, 0, 1)
    return _holding(singular_values(s, layer), delta)


def pca_rank(s: State, delta: float = 0.01, layer: int = -1) -> Tensor:
    """Smallest number of singular values of the hidden features whose squares hold 1 - delta of
    the sum of all squares; 0 if all features are silent. It is the srank of squares, also called
    approximate rank.

    Source: Yang et al. (2019), approximate rank.
    Misses the features' size. Features are not centered, so a common offset of all examples is a
        direction, and can hide the others.
    """
    check_number("pca_rank: delta", delta, 0, 1)
    return _holding(singular_values(s, layer).square(), delta)


def stable_rank(s: State, layer: int = -1) -> Tensor:
    """Sum of the squared singular values of the hidden features over the largest squared, that is
    ||H||_F^2 / ||H||_2^2; 0 if all features are silent.

    Misses nearly everything beside the largest direction, which for ReLU features is their mean:
        it is below 2 even for a fresh network.
    """
    sigma = singular_values(s, layer)
    squares = (sigma / sigma[:, :1].clamp_min(1e-300)).square()
    return _silent(squares.sum(1), sigma[:, 0])


def feature_rank(s: State, epsilon: float = 0.01, layer: int = -1) -> Tensor:
    """Number of singular values of the hidden features above epsilon * sqrt(examples).

    Source: Lyle, Rowland and Dabney (2022), definition of feature rank.
    Misses nothing that all features lose together, unlike the other ranks: it changes when
        features are rescaled. So it misses a change of directions behind a change of size.
    """
    check_number("feature_rank: epsilon", epsilon, 0)
    sigma = singular_values(s, layer)
    return keep_nan((sigma > epsilon * s.logits.shape[-1] ** 0.5).sum(1), sigma)


def numerical_rank(s: State, layer: int = -1) -> Tensor:
    """Number of singular values of the hidden features above the largest one times
    max(features, examples) times 1.2e-7, the precision of their numbers: the tolerance of
    `matrix_rank` in NumPy and PyTorch.

    Misses almost all change: directions fade long before they are lost to rounding.
    """
    sigma = singular_values(s, layer)
    size = chosen(hidden(s), layer)[0].flatten(1, -2).shape[1:]
    smallest = max(size) * torch.finfo(torch.float32).eps * sigma[:, :1]
    return keep_nan((sigma > smallest).sum(1), sigma)


def singular_values(s: State, layer: int = -1) -> Tensor:
    """Singular values of the hidden features on the shown examples, largest first
    [R, min(features, examples)] in double precision; nan where a replica diverged.

    Computed from the features' Gram matrix in double precision: in single precision its small
    eigenvalues are wrong.
    """
    layers = hidden(s)
    h = chosen(layers, layer)[0]
    key = f"singular values {layer % len(layers)}"
    if key not in s.memo:
        squares = eigenvalues(_gram(h.flatten(1, -2)))
        s.memo[key] = squares.flip(1).clamp_min_(0).sqrt_()
    return s.memo[key]


def _gram(h: Tensor) -> Tensor:
    """h h' or h' h of features h [R, features, B], whichever is smaller, in double precision.
    Replicas are taken a few at a time: a copy of all of them would leave the processor's cache."""
    wide, smaller = h.shape[1] <= h.shape[2], min(h.shape[1:])
    gram = h.new_empty(len(h), smaller, smaller, dtype=torch.float64)
    some = max(1, CACHED // h[0].numel())
    room = h.new_empty(min(some, len(h)), *h.shape[1:], dtype=torch.float64)
    for part, out in zip(h.split(some), gram.split(some), strict=True):
        copy = room[: len(part)].copy_(part)
        product(*((copy, copy.mT) if wide else (copy.mT, copy)), out=out)
    return gram


def _holding(sizes: Tensor, delta: float) -> Tensor:
    """Smallest number of sizes, which fall, that hold 1 - delta of their sum [R]."""
    total = sizes.sum(1)
    fewer = sizes.cumsum(1) < (1 - delta) * total[:, None]
    return _silent(fewer.sum(1) + 1, total)


def _silent(rank: Tensor, total: Tensor) -> Tensor:
    """A rank, but 0 where all singular values are 0, and nan where they are not finite [R]."""
    return (rank * (total != 0) + 0.0 * total).float()
