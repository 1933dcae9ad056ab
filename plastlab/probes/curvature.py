"""Probes of the loss's curvature, through products of the Hessian with vectors.

The loss is the mean over the first `examples` of those shown (all, if fewer are shown), without
penalties; with `new`, for new random targets, which depend on the seed alone: the curvature that
the network would have for something it has not learned. Everything is in double precision, for all
replicas at once.
"""

import torch

from plastlab.errors import check_number, check_type
from plastlab.probes.base import Tensor, eigenvalues, entropy_rank
from plastlab.probes.trainability import new_targets
from plastlab.rng import normal
from plastlab.rows import Rows
from plastlab.state import State

LARGEST = 1000  # parameters of a network whose whole Hessian is computed


class Curvature:
    """The Hessian of each replica's loss, as a linear map of vectors [R, parameters]."""

    def __init__(self, s: State, examples: int, new: bool = False) -> None:
        check_number("examples", examples, 1, integer=True)
        check_type("new", new, bool, "Give True or False.")
        count = min(examples, s.x.shape[1])
        rows = [Rows(own.layout, own.flat.double()) for own in (s.weights, s.buffers)]
        y = new_targets(s, count) if new else s.y[..., :count]
        with torch.enable_grad():
            network = s.network.twin(*rows).differentiable()
            logits = network.forward(s.x[:, :count].double()).logits
            loss = s.loss(logits, y.double() if y.is_floating_point() else y).sum()
            self._leaves = list(network.weights.views.values())
            slopes = torch.autograd.grad(
                loss, self._leaves, create_graph=True, materialize_grads=True
            )
            self.gradient = torch.cat([slope.flatten(1) for slope in slopes], 1)

    def __call__(self, vectors: Tensor) -> Tensor:
        """Hessian times vector, each replica's own [R, parameters]."""
        found = torch.autograd.grad(
            self.gradient,
            self._leaves,
            vectors,
            retain_graph=True,
            allow_unused=True,
            materialize_grads=True,
        )
        return torch.cat([part.flatten(1) for part in found], 1)


def sharpness(s: State, examples: int = 128, iterations: int = 30, new: bool = False) -> Tensor:
    """Largest eigenvalue of the loss's Hessian, by so many Lanczos iterations (one Hessian-vector
    product each) from a random vector that depends on the seed alone.

    Largest in the algebraic sense: a strongly negative eigenvalue does not count. Gradient descent
    with learning rate lr is stable on a quadratic up to 2 / lr.

    Source: Cohen et al. (2021) for its use.
    Misses the rest of the spectrum. It is approached from below, so with few iterations it is too
        small. It says little about Adam, and with normalization layers it changes when weights are
        rescaled though the function does not.
    """
    check_number("sharpness: iterations", iterations, 1, integer=True)
    hessian_times = Curvature(s, examples, new)
    size = hessian_times.gradient.shape[1]
    vector = normal((size,), s.seeds, "sharpness").double()
    return _lanczos(hessian_times, vector, min(iterations, size)).float()


def hessian_rank(s: State, examples: int = 128, new: bool = False) -> Tensor:
    """exp of the entropy of the Hessian's absolute eigenvalues, scaled to sum 1: in how many
    directions the loss is curved. For networks of at most 1000 parameters.

    Source: Lewandowski et al. (2023), whose rank of the Hessian falls as plasticity is lost; Roy
        and Vetterli (2007) for the formula.
    Misses the size and the sign of the curvature.

    Raises:
        ValueError: the network is larger.
    """
    return entropy_rank(eigenvalues(hessian(s, examples, new)).abs())


def hessian(s: State, examples: int = 128, new: bool = False) -> Tensor:
    """The Hessian of each replica's loss [R, parameters, parameters], parameters in the order of
    the network's layers; symmetric to rounding. One Hessian-vector product a parameter.

    Raises:
        ValueError: the network has more than 1000 parameters.
    """
    check_number("examples", examples, 1, integer=True)
    check_type("new", new, bool, "Give True or False.")
    size = s.weights.layout.size
    if size > LARGEST:
        raise ValueError(
            f"the Hessian is computed for networks of at most {LARGEST} parameters; this one has "
            f"{size}. Use sharpness or ggn_rank, or a smaller network."
        )
    key = f"hessian {examples} {new}"
    if key not in s.memo:
        times = Curvature(s, examples, new)
        rows = [times(one.expand(len(s.seeds), -1)) for one in torch.eye(size).double()]
        matrix = torch.stack(rows, 1)
        s.memo[key] = (matrix + matrix.mT) / 2
    return s.memo[key]


def _lanczos(times: Curvature, vector: Tensor, iterations: int) -> Tensor:
    """Largest eigenvalue of the symmetric map [R], which the tridiagonal matrix of the iterations
    approaches. Where an invariant subspace is reached, what follows changes nothing."""
    basis: list[Tensor] = []
    triangle = vector.new_zeros(len(vector), iterations, iterations)
    vector = vector / vector.norm(dim=1, keepdim=True)
    done = torch.zeros(len(vector), dtype=torch.bool)
    for i in range(iterations):
        basis.append(vector)
        image = times(vector)
        triangle[:, i, i] = torch.where(done, triangle[:, 0, 0], (vector * image).sum(1))
        if i + 1 == iterations:
            break
        size = image.norm(dim=1)
        spanned = torch.stack(basis, 1)
        for _ in range(2):  # once more, against rounding
            image = image - ((spanned @ image[:, :, None]).mT @ spanned)[:, 0]
        length = image.norm(dim=1)
        done |= length <= 1e-10 * size
        triangle[:, i, i + 1] = triangle[:, i + 1, i] = length.masked_fill(done, 0.0)
        vector = image / length.masked_fill(done, torch.inf)[:, None]
    return eigenvalues(triangle)[:, -1]
