"""Probes of gradients: of the last batch, and of single examples beside each other.

The last batch's gradient includes what penalties added to it. Examples are the first `examples` of
those shown (all, if fewer are shown), each with its own loss, without penalties.
"""

import torch

from plastlab.errors import check_choice, check_number
from plastlab.nets.network import Network
from plastlab.probes.base import (
    Tensor,
    chosen,
    eigenvalues,
    entropy_rank,
    follows_an_update,
    keep_nan,
)
from plastlab.probes.weights import euclidean
from plastlab.rows import Rows
from plastlab.state import State

LARGEST = 2**26  # numbers in double precision that one replica's gradients may take


@follows_an_update
def gradient_norm(s: State, order: int = 2, layer: int | None = None) -> Tensor:
    """Euclidean norm of the last batch's gradient, over all parameters; or of one matrix.

    `order` 1 gives the sum of absolute values, 0 the number of entries that are not zero.

    Misses the direction. The Euclidean norm cannot tell many small entries from a few large ones;
        the orders 0 and 1 can (Abbas et al., 2023).
    """
    check_choice("gradient_norm: order", order, (0, 1, 2))
    rows = _last_gradient(s, layer)
    if order == 2:
        return euclidean(rows)
    return keep_nan((rows != 0).sum(1) if order == 0 else rows.abs().sum(1), rows)


@follows_an_update
def gradient_sparsity(s: State, epsilon: float = 1e-8, layer: int | None = None) -> Tensor:
    """Share of the last batch's gradient entries with an absolute value of at most `epsilon`, over
    all parameters; or of one matrix.

    Misses the scale: what is next to zero depends on `epsilon` and on the loss, so a fitted network
        looks sparse.
    """
    check_number("gradient_sparsity: epsilon", epsilon, 0)
    rows = _last_gradient(s, layer)
    size = s.gradients.layout.size if layer is None else rows.shape[1]
    large = (rows.abs() > epsilon).sum(1)  # the padding between parameters is 0
    return keep_nan(1 - large / size, rows)


def gradient_cosine(s: State, examples: int = 32) -> Tensor:
    """Mean cosine between the loss gradients of two different examples [R].

    Near 1 all examples pull the same way, as in a collapsed network; near 0 each is learned on its
    own; below 0 they interfere.

    Source: Lyle et al. (2023) for the matrix that it averages, see `gradient_cosines`.
    Misses blocks: two opposed groups of examples average out.
    """
    cosines = gradient_cosines(s, examples)
    count = cosines.shape[1]
    diagonal = cosines.diagonal(dim1=1, dim2=2).sum(1)
    return ((cosines.sum((1, 2)) - diagonal) / (count * (count - 1))).float()


def gradient_rank(s: State, examples: int = 32) -> Tensor:
    """exp of the entropy of the eigenvalues of the matrix of cosines between the loss gradients of
    the examples, scaled to sum 1: in how many directions the examples pull, from 1 to `examples`.

    Source: Lyle et al. (2023) for the matrix, see `gradient_cosines`; Roy and Vetterli (2007) for
        the rank.
    Misses the gradients' size: fitted examples count as much as others. It grows with the number
        of examples.
    """
    return entropy_rank(eigenvalues(gradient_cosines(s, examples)).clamp_min_(0))


def gradient_cosines(s: State, examples: int = 32) -> Tensor:
    """The gradient covariance as cosines: entry (i, j) is <g_i, g_j> / (|g_i| |g_j|) with g_i the
    loss gradient of example i over all parameters [R, examples, examples], in double precision.

    An example whose gradient is exactly 0 has cosine 0 with all, itself included.

    Source: Lyle et al. (2023), gradient covariance.
    """
    count = min(check_number("examples", examples, 2, integer=True), s.x.shape[1])
    key = f"gradient cosines {count}"
    if key not in s.memo:
        s.memo[key] = torch.stack([_cosines(loss_gradients(s, r, count)) for r in _replicas(s)])
    return s.memo[key]


def loss_gradients(s: State, r: int, examples: int) -> Tensor:
    """Replica r's loss gradient of each of the first examples [examples, parameters], in double
    precision."""
    check_room("loss gradients", s, examples)
    with torch.enable_grad():
        network, x = one_each(s, r, examples)
        losses = s.loss(network.forward(x).logits, targets_of(s, r, examples))
        return _flat(_slopes(losses.sum(), list(network.weights.views.values())))


def answer_gradients(s: State, r: int, examples: int) -> Tensor:
    """Replica r's gradient of each logit of each of the first examples
    [examples, outputs, parameters], in double precision: the Jacobian."""
    check_room("logit gradients", s, examples * s.logits.shape[1])
    with torch.enable_grad():
        network, x = one_each(s, r, examples)
        leaves = list(network.weights.views.values())
        totals = network.forward(x).logits.sum((0, 2))
        parts = [_slopes(total, leaves) for total in totals]
    return torch.stack([_flat(part) for part in parts], 1)


def one_each(s: State, r: int, examples: int) -> tuple[Network, Tensor]:
    """Replica r of the networks once for each of the first examples, with weights that autograd
    differentiates, and these examples as batches of one, in double precision."""
    rows = [
        Rows(own.layout, own.flat[r : r + 1].double().expand(examples, -1))
        for own in (s.weights, s.buffers)
    ]
    return s.network.twin(*rows).differentiable(), s.x[r, :examples, None].double()


def targets_of(s: State, r: int, examples: int) -> Tensor:
    """Replica r's targets of the first examples as batches of one: classes [examples, 1], real
    numbers [examples, outputs, 1]."""
    if s.y.is_floating_point():
        return s.y[r, :, :examples].mT.unsqueeze(2).double()
    return s.y[r, :examples, None]


def check_room(what: str, s: State, rows: int) -> None:
    """Raise if this many gradients of one replica do not fit into memory."""
    size = s.weights.layout.size
    if rows * size > LARGEST:
        raise ValueError(
            f"{rows} {what} of {size} parameters each are too much to hold at once; at most "
            f"{LARGEST // size} fit. Give fewer examples or a smaller network."
        )


def _last_gradient(s: State, layer: int | None) -> Tensor:
    """The last batch's gradient of all parameters, or of one matrix [R, n]."""
    if layer is None:
        return s.gradients.flat
    return s.gradients[chosen(list(s.gradients.layout.matrices), layer)[0]].flatten(1)


def _slopes(total: Tensor, leaves: list[Tensor]) -> tuple[Tensor, ...]:
    """Gradients of a total; 0 for what it does not depend on, as in a module of one's own."""
    return torch.autograd.grad(total, leaves, retain_graph=True, materialize_grads=True)


def _cosines(gradients: Tensor) -> Tensor:
    norms = gradients.norm(dim=1, keepdim=True)
    unit = gradients / norms.where(norms != 0, 1.0)
    return unit @ unit.mT


def _flat(gradients: tuple[Tensor, ...]) -> Tensor:
    """One row for each example [examples, parameters]."""
    return torch.cat([gradient.flatten(1) for gradient in gradients], 1)


def _replicas(s: State) -> range:
    return range(len(s.seeds))
