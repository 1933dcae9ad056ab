"""Penalties on weights: terms added to the loss, by their gradients."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar

import torch

from plastlab.errors import check_number
from plastlab.interventions.base import Intervention, need_hidden
from plastlab.nets.spectral import power_step
from plastlab.products import product
from plastlab.state import State

Tensor = torch.Tensor


@dataclass(frozen=True)
class Penalty(Intervention):
    """Base of the penalties: a term whose weight in the loss is `strength`."""

    family: ClassVar[str] = "penalties"
    off: ClassVar[dict[str, float]] = {"strength": 0.0}

    strength: float = 0.0

    def __post_init__(self) -> None:
        check_number(f"{type(self).__name__}.strength", self.strength, 0)


@dataclass(frozen=True)
class L2(Penalty):
    """Adds strength times the sum of all squared weights and biases to the loss.

    With Adam this is not weight decay: the pull is divided by the gradient's size like everything
    else in the gradient (AdamW has the decoupled form).

    Source: the textbook penalty; see Loshchilov and Hutter (2019), section 2, for the difference.
    Differs: gains and offsets of normalization layers are left alone.
    Cost: one pass over the weights each update.
    """

    tuned: ClassVar[tuple[str, tuple]] = ("strength", (1e-4, 1e-3, 1e-2))

    strength: float = 1e-3

    def at_start(self, s: State, mem: SimpleNamespace) -> None:
        """Which weights are pulled, and how strongly."""
        mem.pull = 2 * self.strength * s.weights.mask(s.weights.layout.connections)

    def after_backward(self, s: State, mem: SimpleNamespace) -> None:
        """The penalty's gradient: twice strength times the weights."""
        s.gradients.flat.addcmul_(mem.pull, s.weights.flat)


@dataclass(frozen=True)
class L2Init(L2):
    """Adds strength times the squared distance of all weights and biases from their start.

    Source: Kumar, Marklund and Van Roy (2024), section "Regenerative Regularization".
    Differs: nothing; gains and offsets of normalization layers are left alone, as in the paper.
    Cost: one pass over the weights each update, and a copy of the initial weights.
    """

    tuned: ClassVar[tuple[str, tuple]] = ("strength", (1e-3, 1e-2, 1e-1))

    strength: float = 1e-2

    def at_start(self, s: State, mem: SimpleNamespace) -> None:
        """Remember the start, before the first update."""
        super().at_start(s, mem)
        mem.start = s.weights.clone()

    def after_backward(self, s: State, mem: SimpleNamespace) -> None:
        """The penalty's gradient: twice strength times the distance."""
        s.gradients.flat.addcmul_(mem.pull, s.weights.flat - mem.start.flat)


@dataclass(frozen=True)
class WassersteinInit(L2):
    """Adds strength times the squared distance between the sorted weights and the sorted initial
    weights of each matrix and each bias: the weights are to keep their distribution, not their
    places, so exchanging units costs nothing.

    Source: Lewandowski et al. (2023, "Directions of Curvature"), the Wasserstein regularizer.
    Differs: summed over weights, as L2Init is, not averaged; gains and offsets of normalization
        layers are left alone.
    Cost: one sort of all weights each update, and a copy of the sorted initial weights.
    """

    tuned: ClassVar[tuple[str, tuple]] = ("strength", (1e-3, 1e-2, 1e-1))

    strength: float = 1e-2

    def at_start(self, s: State, mem: SimpleNamespace) -> None:
        """Remember the sorted start, before the first update."""
        super().at_start(s, mem)
        mem.bits = (s.weights.layout.width - 1).bit_length()
        mem.places = _places(s, mem.bits)
        mem.keys = torch.empty(s.weights.flat.shape, dtype=torch.int64)
        mem.start = s.weights.flat.gather(1, self._order(s, mem))

    def after_backward(self, s: State, mem: SimpleNamespace) -> None:
        """The penalty's gradient: twice strength times the distance from the initial weight of the
        same rank."""
        order = self._order(s, mem)
        distance = s.weights.flat.gather(1, order).sub_(mem.start)
        s.gradients.flat.scatter_add_(1, order, distance.mul_(mem.pull))

    @staticmethod
    def _order(s: State, mem: SimpleNamespace) -> Tensor:
        """Positions of a row's entries, each parameter's sorted by value [R, P]. One sort of whole
        numbers, made of parameter, value and position, is several times faster than one of each
        parameter with its positions."""
        bits = s.weights.flat.view(torch.int32)
        values = (bits >> 31).bitwise_and_(0x7FFFFFFF).bitwise_xor_(bits)  # ordered as the floats
        keys = mem.keys.copy_(values).bitwise_left_shift_(mem.bits).add_(mem.places)
        keys.numpy().sort(axis=1)
        return keys.bitwise_and_((1 << mem.bits) - 1)


def _places(s: State, bits: int) -> Tensor:
    """For each entry of a row, the number of its parameter, 32 bits for a value, its position in
    the last `bits` [P]. What lies between two parameters counts as one of its own."""
    edges = torch.zeros(s.weights.layout.width + 1, dtype=torch.int64)
    for span, _ in s.weights.layout.spans.values():
        edges[span.start] = edges[span.stop] = 1
    positions = torch.arange(s.weights.layout.width)
    return (edges[:-1].cumsum(0) << (32 + bits)) + positions


@dataclass(frozen=True)
class Parseval(Penalty):
    """Adds strength times ||W W' - scale I||_F^2 of every hidden matrix to the loss: rows are to be
    orthogonal, and of squared length `scale`. A scale of 2, the squared gain of ReLU, keeps the
    size of what passes through.

    A matrix with more rows than columns cannot get there; its penalty stays above 0. Tables, such
    as a Transformer's positions, are no matrices.

    Source: Chung, Cherif, Meger and Precup (2024), section "Parseval regularization".
    Differs: the authors' code multiplies the strength by (64 / width)^2; no groups of rows, no
        diagonal layers. A convolution's kernels are seen as [out, in * kernel].
    Cost: two products of the hidden matrices with themselves each update.
    """

    tuned: ClassVar[tuple[str, tuple]] = ("strength", (1e-4, 1e-3, 1e-2))

    strength: float = 1e-3
    scale: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("Parseval.scale", self.scale, 0)

    def network(self, spec: Any) -> Any:
        """The same, if there is a hidden matrix."""
        return need_hidden(spec, "Parseval")

    def after_backward(self, s: State, mem: SimpleNamespace) -> None:
        """The penalty's gradient: 4 strength (W W' - scale I) W."""
        for name in s.weights.layout.matrices[:-1]:
            matrix = s.weights[name].flatten(2)
            gap = product(matrix, matrix.mT)
            gap.diagonal(dim1=1, dim2=2).sub_(self.scale)
            pull = product(gap, matrix).view_as(s.weights[name])
            s.gradients[name].add_(pull, alpha=4 * self.strength)


@dataclass(frozen=True)
class SpectralPenalty(Penalty):
    """Adds strength times the sum over layers of (sigma^power - 1)^2, with sigma the largest
    singular value of the layer's matrix, of ||b||^(2 power) for its bias b, and of the squared
    distances of normalization gains from 1.

    Sigma comes from power iteration, `iterations` steps an update, with vectors that are kept: from
    a random start one step gives only three quarters of it. But the penalty presses the largest
    values together, and then another direction takes the lead again and again. On random labels
    (MLP(32), Adam at 0.02) one step errs by 4 % on average at strength 0.001 and by 9 % at 0.01, at
    worst by a third; two steps by 2.5 and 5 %, five by 1 and 2 %.

    Source: Lewandowski et al. (2025), the spectral regularizer; the terms for biases and gains as
        a survey and a third party's port have them.
    Differs: offsets of normalization layers are left alone. A convolution's kernels are seen as
        [out, in * kernel].
    Cost: two products of each matrix with a vector each iteration; two vectors a matrix.
    """

    tuned: ClassVar[tuple[str, tuple]] = ("strength", (1e-4, 1e-3, 1e-2))

    strength: float = 1e-3
    power: int = 2
    iterations: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("SpectralPenalty.power", self.power, 1, integer=True)
        check_number("SpectralPenalty.iterations", self.iterations, 1, integer=True)

    def at_start(self, s: State, mem: SimpleNamespace) -> None:
        """Singular vectors to begin with: 15 steps from a vector of ones."""
        mem.right = {}
        for name in s.weights.layout.matrices:
            matrix = s.weights[name].flatten(2)
            v = torch.ones(len(matrix), matrix.shape[2])
            for _ in range(15):
                _, _, v = power_step(matrix, v)
            mem.right[name] = v

    def after_backward(self, s: State, mem: SimpleNamespace) -> None:
        """The penalty's gradient; that of sigma is u v'."""
        layout, k, strength = s.weights.layout, self.power, self.strength
        for name in layout.matrices:
            matrix, room = s.weights[name].flatten(2), s.gradients[name].flatten(2)
            v = mem.right[name]
            for _ in range(self.iterations):
                sigma, u, v = power_step(matrix, v)
            slope = sigma.pow(k).sub(1).mul_(sigma.pow(k - 1)).mul_(2 * k * strength)
            room.addcmul_((u * slope[:, None]).unsqueeze(2), v.unsqueeze(1))
            mem.right[name] = v
        for name in layout.biases:
            b = s.weights[name]
            slope = b.square().sum(1, keepdim=True).pow_(k - 1).mul_(2 * k * strength)
            s.gradients[name].addcmul_(slope, b)
        for prefix in layout.norms:
            gain = f"{prefix}weight"
            s.gradients[gain].add_(s.weights[gain] - 1, alpha=2 * strength)
