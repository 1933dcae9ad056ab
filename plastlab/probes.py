"""Probes: numbers read off the running networks, one a replica. `probe(state) -> [R]`.

At the end of a task a probe sees the task's held-out examples (for random labels, the training
examples), the gradient of the last batch and the weights before the last update. Ranks and units
depend on how many examples are shown: compare only what was measured on equally many.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from plastlab.products import product
from plastlab.state import State

Tensor = torch.Tensor
Probe = Callable[[State], Tensor]


def loss(s: State) -> Tensor:
    """Mean loss of the shown examples: nats, or squared units of the target."""
    return s.loss(s.logits, s.y)


def accuracy(s: State) -> Tensor:
    """Share of the shown examples whose largest logit is the right class.

    Raises:
        ValueError: the task is a regression.
    """
    if s.y.is_floating_point():
        raise ValueError("accuracy needs classes; this stream has real-valued targets. Use loss.")
    largest, answer = s.logits.max(1)  # several times faster than argmax here
    return largest.mul(0.0).add_(answer == s.y).mean(1)  # nan where a logit is not finite


def dead_units(s: State) -> Tensor:
    """Share of hidden features that are 0 on every shown example (ReLU-like activations).

    A channel of a convolution counts as one feature. Misses units that are saturated, or always
    on; a sign of tanh or GELU networks it is not.
    """
    return _over_layers(s, lambda h: (h.amax(2) <= 0) & (h.amin(2) >= 0))


def dormant_units(s: State, tau: float = 0.025) -> Tensor:
    """Share of hidden units whose mean absolute activation is at most `tau` times their layer's.

    Source: Sokar et al. (2023), definition 3.1. Misses what a layer loses as a whole: the score
    is relative.
    """
    return _over_layers(s, lambda h: dormancy(h) <= tau)


def effective_rank(s: State) -> Tensor:
    """exp of the entropy of the last hidden features' singular values, scaled to sum 1.

    From 1 to the number of features, and 0 if all features are silent. Features are not centered.
    Source: Roy and Vetterli (2007).
    """
    sigma = singular_values(s)
    p = _share(sigma)
    return _silent(torch.exp(-torch.special.xlogy(p, p).sum(1)), sigma)


def srank(s: State, delta: float = 0.01) -> Tensor:
    """Smallest number of singular values of the last hidden features that hold 1 - delta of
    their sum; 0 if all features are silent. Source: Kumar et al. (2021), definition of srank."""
    sigma = singular_values(s)
    return _silent((_share(sigma).cumsum(1) < 1 - delta).sum(1) + 1, sigma)


def stable_rank(s: State) -> Tensor:
    """Sum of the squared singular values of the last hidden features over the largest squared;
    0 if all features are silent."""
    sigma = singular_values(s)
    squares = (sigma / sigma[:, :1].clamp_min(1e-300)).square()
    return _silent(squares.sum(1), sigma)


def feature_rank(s: State, epsilon: float = 0.01) -> Tensor:
    """Number of singular values of the last hidden features above epsilon * sqrt(examples).

    Source: Lyle, Rowland and Dabney (2022), definition of feature rank. It changes when features
    are rescaled.
    """
    sigma = singular_values(s)
    return _keep_nan((sigma > epsilon * s.logits.shape[-1] ** 0.5).sum(1), sigma)


def weight_norm(s: State) -> Tensor:
    """Frobenius norm of all matrices together, without biases, gains and offsets."""
    squares = (s.weights[name].square().flatten(1).sum(1) for name in s.weights.layout.matrices)
    return sum(squares).sqrt()


def gradient_norm(s: State) -> Tensor:
    """Euclidean norm of the last batch's gradient, over all parameters."""
    return s.gradients.flat.norm(dim=1)


def update_ratio(s: State) -> Tensor:
    """Size of the last update over the size of the weights it changed, all parameters together:
    the effective learning rate. nan before the first update."""
    if s.previous is None:
        return torch.full((len(s.seeds),), torch.nan)
    before = s.previous.flat
    return (s.weights.flat - before).norm(dim=1) / before.norm(dim=1)


@dataclass(frozen=True)
class online:
    """A probe averaged over a task's updates, on each batch before the network learns from it.

    `online(accuracy)` is the average online accuracy of the task.
    """

    probe: Probe

    def __post_init__(self) -> None:
        if self.probe in (gradient_norm, update_ratio):
            raise ValueError(
                f"online({self.probe.__name__}) is not defined: online probes look at each batch "
                "before its update, when its gradient and its update are still to come. Give "
                f"run(..., probes=[{self.probe.__name__}], every=...)."
            )

    @property
    def __name__(self) -> str:
        return f"online {probe_name(self.probe)}"

    def __call__(self, s: State) -> Tensor:
        """The probe on one batch [R]."""
        return self.probe(s)


def probe_name(probe: Probe) -> str:
    """The name of a probe in a result: its function's name, with spaces."""
    return probe.__name__.replace("_", " ")


def dormancy(h: Tensor, copies: int = 1) -> Tensor:
    """Each unit's mean absolute activation over its layer's mean [R, units]; 1 is average.

    h [R, features, ..., B]; with `copies` 2 the second half of the features belongs to the same
    units as the first. A layer that is silent as a whole scores 0 everywhere.
    """
    size = h.abs().flatten(2).mean(2)
    size = size.view(len(h), copies, -1).mean(1)
    mean = size.mean(1, keepdim=True)
    return torch.where(mean == 0, torch.zeros_like(size), size / mean)


def singular_values(s: State) -> Tensor:
    """Singular values of the last hidden features on the shown examples, largest first
    [R, features] in double precision; nan where a replica diverged.

    Computed from the features' Gram matrix in double precision: in single precision its small
    eigenvalues are wrong.
    """
    if "singular values" not in s.memo:
        h = _hidden(s)[-1].flatten(1, -2).double()
        gram = product(h, h.mT) if h.shape[1] <= h.shape[2] else product(h.mT, h)
        broken = ~torch.isfinite(gram.sum((1, 2)))
        gram = gram.masked_fill(broken[:, None, None], 0.0)
        sigma = torch.linalg.eigvalsh(gram).flip(1).clamp_min_(0).sqrt_()
        s.memo["singular values"] = sigma.masked_fill_(broken[:, None], torch.nan)
    return s.memo["singular values"]


def _hidden(s: State) -> list[Tensor]:
    """Hidden activations of each layer, [R, features, ..., B]."""
    if not s.hidden:
        raise ValueError(
            "this probe looks at hidden units, and the network has none; use depth >= 1"
        )
    return s.hidden


def _over_layers(s: State, flag: Callable[[Tensor], Tensor]) -> Tensor:
    """Share of all hidden features or channels that `flag` marks given [R, features, examples],
    nan where a replica diverged."""
    hidden = [h.flatten(2) for h in _hidden(s)]
    share = torch.cat([flag(h) for h in hidden], 1).float().mean(1)
    return _keep_nan(share, hidden[-1].flatten(1))


def _share(sigma: Tensor) -> Tensor:
    """Singular values scaled to sum 1; all zero stays zero."""
    return sigma / sigma.sum(1, keepdim=True).clamp_min(1e-300)


def _silent(rank: Tensor, sigma: Tensor) -> Tensor:
    """A rank, but 0 where all singular values are 0, and nan where they are not finite."""
    return _keep_nan(rank * (sigma[:, 0] != 0), sigma)


def _keep_nan(values: Tensor, source: Tensor) -> Tensor:
    """Values, but nan where the numbers they were counted from are not finite. Their sum tells,
    many times faster than one look at each."""
    return values.float().masked_fill_(~torch.isfinite(source.sum(1)), torch.nan)
