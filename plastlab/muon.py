"""Muon: momentum, orthogonalized, for the matrices between hidden layers."""

import math
from dataclasses import dataclass

import torch

from plastlab.errors import check_number
from plastlab.optim import Adam, AdamMemory, Memory
from plastlab.rows import Layout, Rows
from plastlab.spec import Spec

Tensor = torch.Tensor
QUINTIC = 3.4445, -4.7750, 2.0315
ITERATIONS = 5
RMS = 0.2  # size of an entry's usual update in units of the learning rate, as Adam's


@dataclass(frozen=True)
class Muon(Spec):
    """Momentum whose matrices are made nearly orthogonal before the step: all of an update's
    singular values become about 1 (0.7 to 1.2, unless they were almost 0).

    It is for the matrices between hidden layers; a convolution is the matrix of its channels. The
    first matrix, the last one, tables (such as a Transformer's positions), biases, gains and slopes
    are Adam's, with beta1 0.9 and beta2 0.95; so with one hidden layer everything is.
    Updates are scaled by 0.2 sqrt(max(rows, columns)), so one learning rate serves both.

    Source: Jordan et al. (2024), "Muon: an optimizer for hidden layers in neural networks"; Liu et
        al. (2025), "Muon is scalable for LLM training", for the scale.
    Differs: in float32, where the authors' code orthogonalizes in bfloat16; no weight decay.
    Cost: fifteen products of matrices for each hidden matrix, whatever the batch size.
    """

    lr: float = 1e-3
    momentum: float = 0.95

    def __post_init__(self) -> None:
        check_number("Muon.lr", self.lr, 0)
        check_number("Muon.momentum", self.momentum, 0, 1 - 1e-9)

    @staticmethod
    def memory(settings: list["Muon"], weights: Rows) -> "MuonMemory":
        """Empty memory for rows with these settings, one each."""
        return MuonMemory(settings, weights)


class MuonMemory(Memory):
    """The momentum `m` of the hidden matrices, and Adam's memory of the rest."""

    def __init__(self, settings: list[Muon], weights: Rows) -> None:
        super().__init__(settings, weights)
        self._momentum = torch.tensor([[s.momentum] for s in settings])
        self._hidden = hidden_matrices(weights.layout)
        self._others = ~weights.mask(self._hidden)
        self.m = torch.zeros_like(weights.flat)
        replicas = len(settings)
        self._gradients, self._update = (Rows.zeros(weights.layout, replicas) for _ in range(2))
        self._adam = AdamMemory([Adam(s.lr, beta2=0.95) for s in settings], weights)

    def update(self, gradients: Rows) -> None:
        """One update of all weights. Adam sees no gradient where Muon steps, so does not step."""
        self._adam.lr.copy_(self.lr)
        torch.mul(gradients.flat, self._others, out=self._gradients.flat)
        self._adam.step(self._gradients)
        self.m.lerp_(gradients.flat, 1 - self._momentum)
        torch.lerp(gradients.flat, self.m, self._momentum, out=self._update.flat)
        for name in self._hidden:
            weight, update = self.weights[name].flatten(2), self._update[name].flatten(2)
            scale = RMS * math.sqrt(max(weight.shape[1:])) * self.lr
            weight.sub_(orthogonalized(update).mul_(scale.float()[:, None, None]))

    def reset(self, rows: slice, mask: Tensor | None, parts: tuple[str, ...]) -> None:
        """Forget `parts` of `rows`: "m" of both, "v" and "count" of Adam's rest."""
        if "m" in parts:
            self.m[rows] = 0.0 if mask is None else self.m[rows].masked_fill(mask, 0.0)
        self._adam.reset(rows, mask, parts)


def hidden_matrices(layout: Layout) -> tuple[str, ...]:
    """The matrices that neither read the inputs nor give the outputs."""
    return layout.matrices[1:-1]


def orthogonalized(update: Tensor) -> Tensor:
    """U V^T, nearly, of each matrix U S V^T [R, rows, columns], by Newton-Schulz iterations."""
    a, b, c = QUINTIC
    wide = update.shape[1] <= update.shape[2]
    x = update if wide else update.mT
    x = x / torch.linalg.vector_norm(x, dim=(1, 2), keepdim=True).clamp_(min=1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x if wide else x.mT
