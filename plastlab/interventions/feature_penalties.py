"""Penalties on features, the activations of the last hidden layer (a convolution's at all positions
beside each other; in a residual network those inside the last block)."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar

import torch

from plastlab.errors import check_number
from plastlab.interventions.base import need_hidden
from plastlab.interventions.penalties import Penalty
from plastlab.nets.network import Network, Pass
from plastlab.products import product
from plastlab.rows import Rows
from plastlab.state import State

Tensor = torch.Tensor
SQUARINGS = 5  # the 32nd power of eigenvalues: singular values within about 2 % count as one


@dataclass(frozen=True)
class FeaturePenalty(Penalty):
    """Base of the penalties on the batch's features whose gradient for them is a formula."""

    def network(self, spec: Any) -> Any:
        """The same, if it has features."""
        return need_hidden(spec, type(self).__name__)

    def slope(self, s: State, mem: SimpleNamespace, h: Tensor) -> Tensor:
        """The penalty's gradient for the features h [R, features, B]."""
        return torch.zeros_like(h)

    def penalty(self, s: State, mem: SimpleNamespace) -> Tensor:
        """Stands for the penalty: a linear function of the features with the same gradient."""
        h = features(s.hidden, self)
        with torch.no_grad():
            slope = self.slope(s, mem, h.detach())
        return self.strength * (h * slope).sum((1, 2))


def features(hidden: list[Tensor], method: Penalty) -> Tensor:
    """The last hidden layer's activations [R, features, B]."""
    if not hidden:
        raise ValueError(
            f"{type(method).__name__} acts on hidden units, and the network has none; give it a "
            "hidden layer, for example MLP(depth=2)."
        )
    return hidden[-1].flatten(1, -2)


@dataclass(frozen=True)
class FeatureSpectrum(FeaturePenalty):
    """Adds strength times sigma_max^2 - sigma_min^2 of the batch's features [examples, features] to
    the loss, the squared largest and smallest of their singular values.

    Alone it shrinks the features, to a few percent in two layers of ReLUs, until their singular
    values are equal; ranks do not see the size and call that progress. With fewer examples than
    features there are as many singular values as examples. The gradient of equal ones is not
    defined; those within about 2 % share it here.

    Source: Kumar, Agarwal, Ghosh and Levine (2021), the penalty against a falling srank.
    Differs: supervised features instead of a Q-network's; their gradient by repeated squaring of
        the Gram matrix instead of a singular value decomposition.
    Cost: ten products and an inverse of [batch, batch] or [features, features] matrices each
        update, whichever are smaller; half of what an eigendecomposition takes.
    """

    tuned: ClassVar[tuple[str, tuple]] = ("strength", (1e-4, 5e-4, 1e-3))

    strength: float = 5e-4

    def slope(self, s: State, mem: SimpleNamespace, h: Tensor) -> Tensor:
        """Twice the features, projected on the largest direction less on the smallest."""
        by_feature = h.shape[1] <= h.shape[2]
        gram = product(h, h.mT) if by_feature else product(h.mT, h)
        largest, smallest = _largest(torch.cat([gram, _inverse(gram)])).chunk(2)
        gap = largest.sub_(smallest).mul_(2)
        return product(gap, h) if by_feature else product(h, gap)


def _largest(gram: Tensor) -> Tensor:
    """Projection on the eigenvector of the largest eigenvalue of each matrix [R, n, n]: the shared
    limit of its powers, scaled to trace 1; 0 where the matrix is 0."""
    for i in range(SQUARINGS):
        if i % 3 == 0:  # more often is not needed to keep powers away from 0
            gram = gram / _trace(gram)
        gram = product(gram, gram)
    return gram.div_(_trace(gram))


def _trace(gram: Tensor) -> Tensor:
    return gram.diagonal(dim1=1, dim2=2).sum(1).clamp_min_(1e-30)[:, None, None]


def _inverse(gram: Tensor) -> Tensor:
    """Inverse of each Gram matrix [R, n, n], a millionth of its trace added to its diagonal, which
    moves no eigenvector; 0 where it is singular even so."""
    gram = gram.clone()
    gram.diagonal(dim1=1, dim2=2).add_(_trace(gram)[:, 0], alpha=1e-6)
    root, failed = torch.linalg.cholesky_ex(gram)
    if not failed.any():
        return torch.cholesky_inverse(root)
    failed = failed.bool()[:, None, None]
    inverse = torch.cholesky_inverse(torch.where(failed, torch.eye(gram.shape[1]), root))
    return inverse.masked_fill_(failed, 0.0)


@dataclass(frozen=True)
class FeatureDotProduct(FeaturePenalty):
    """Adds strength times the mean of |phi(x_i)' phi(x_{i+1})|, the products of the features of
    consecutive examples, to the loss.

    Alone it makes features small until those of different examples are disjoint, and then stops.

    Source: Kumar et al. (2022), DR3, with the absolute value of the authors' later code.
    Differs: DR3's pairs are a state and the state that follows it; in a shuffled supervised batch
        neighbors are two random examples, so all similarity is discouraged.
    Cost: one pass over the features each update.
    """

    tuned: ClassVar[tuple[str, tuple]] = ("strength", (1e-4, 1e-3, 1e-2))

    strength: float = 1e-3

    def slope(self, s: State, mem: SimpleNamespace, h: Tensor) -> Tensor:
        """Each example gets its neighbors' features, with the signs of the dot products."""
        former, latter, slope = h[..., :-1], h[..., 1:], torch.zeros_like(h)
        signs = (former * latter).sum(1, keepdim=True).sign_()
        signs /= max(1, h.shape[2] - 1)
        slope[..., :-1] += signs * latter
        slope[..., 1:] += signs * former
        return slope


@dataclass(frozen=True)
class EffectiveRankPenalty(Penalty):
    """Subtracts strength times the effective rank of the features on the last `batches` batches
    from the loss, every `every` updates.

    Effective rank is exp of the entropy of the singular values, scaled to sum 1. It ignores the
    features' size, so another term must hold that: the paper's method is this penalty and L2.

    Source: He et al. (2025, "Spectral Collapse"), L2-ER, without its L2: add L2() beside it.
    Differs: the strength, the period and the length of the buffer are for short streams (the
        paper: every 100 steps or so). No released code was at hand.
    Cost: one forward and backward pass over `batches` batches and an eigendecomposition, every
        `every` updates; the inputs of so many batches.
    """

    tuned: ClassVar[tuple[str, tuple]] = ("strength", (1e-3, 1e-2, 1e-1))

    strength: float = 1e-2
    every: int = 20
    batches: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("EffectiveRankPenalty.every", self.every, 1, integer=True)
        check_number("EffectiveRankPenalty.batches", self.batches, 1, integer=True)

    def network(self, spec: Any) -> Any:
        """The same, if it has features."""
        return need_hidden(spec, "EffectiveRankPenalty")

    def at_start(self, s: State, mem: SimpleNamespace) -> None:
        """An empty buffer."""
        mem.buffer = deque(maxlen=self.batches)

    def after_backward(self, s: State, mem: SimpleNamespace) -> None:
        """Remember the batch; when it is time, add the gradient on the buffer."""
        features(s.hidden, self)
        mem.buffer.append(s.x)
        if self.strength and (s.step + 1) % self.every == 0:
            gradient = feature_gradient(s.network, torch.cat(tuple(mem.buffer), 1), rank_slope)
            s.gradients.flat.sub_(gradient.flat, alpha=self.strength)


def feature_gradient(network: Network, x: Tensor, slope: Callable[[Tensor], Tensor]) -> Rows:
    """Gradient for the weights of any function of the features on inputs x [R, B, inputs], given
    its gradient for the features [R, features, B]."""
    with torch.set_grad_enabled(network.needs_graph):
        passed: Pass = network.forward(x)
    room = network.room()
    with torch.no_grad():
        last = passed.hidden[-1].detach()
        own = slope(last.flatten(1, -2)).view_as(last)
        extra = [*[None] * (len(passed.hidden) - 1), own]
        network.backward(passed, torch.zeros_like(passed.logits), room, extra)
    return room.rows


def rank_slope(h: Tensor) -> Tensor:
    """Gradient of the effective rank for features h [R, features, B].

    With sigma the singular values, p their shares of the sum and H the entropy of p, it is
    -exp(H) (log p + H) / sum(sigma) for sigma. Those below a millionth of the largest get none.
    """
    by_feature = h.shape[1] <= h.shape[2]
    wide = h.double()
    gram = wide @ wide.mT if by_feature else wide.mT @ wide
    broken = ~torch.isfinite(gram.sum((1, 2)))[:, None, None]
    values, vectors = torch.linalg.eigh(gram.masked_fill(broken, 0.0))
    sigma = values.clamp_min_(0).sqrt_()
    total = sigma.sum(1, keepdim=True).clamp_min(1e-300)
    logs = (sigma / total).clamp_min_(1e-300).log_()
    entropy = -(sigma / total * logs).sum(1, keepdim=True)
    slope = -entropy.exp() * (logs + entropy) / total
    seen = sigma > 1e-6 * sigma[:, -1:]
    scale = torch.where(seen, slope / sigma.clamp_min(1e-300), 0.0)
    inner = vectors * scale.unsqueeze(1) @ vectors.mT
    return (inner @ wide if by_feature else wide @ inner).masked_fill_(broken, torch.nan).float()
