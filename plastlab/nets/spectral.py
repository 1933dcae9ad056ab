"""Largest singular values of R matrices at once, by power iteration, and the layer that divides its
matrix by them."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from plastlab.nets.convolution import Conv1d
from plastlab.nets.layers import Layer, Linear, Residual, Tensor, Trace
from plastlab.products import product

CHOICES = (None, "penultimate", "hidden")


def power_step(matrix: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """One step of power iteration on matrices [R, out, in] from right vectors v [R, in]: largest
    singular values [R], left and right singular vectors [R, out] and [R, in] of length 1.

    From a random start one step gives about three quarters of the value; continued from update to
    update it gives nearly all, unless something holds the largest values alike (`SpectralPenalty`
    says how much then). Where a matrix is 0, v stays as it was.
    """
    with torch.no_grad():
        u = F.normalize(product(matrix, v.unsqueeze(2)).squeeze(2), dim=1)
        image = product(matrix.mT, u.unsqueeze(2)).squeeze(2)
        sigma = image.norm(dim=1, keepdim=True)
        right = torch.where(sigma > 1e-12, image / sigma.clamp_min(1e-12), v)
    return sigma.squeeze(1), u, right


def power_shares(matrices: Sequence[Tensor], v: Tensor) -> Tensor:
    """What power iteration sees of the largest singular values, as a share of them [n, R]: one step
    on each of n matrices [R, out, in] in turn, the vectors kept, from right vectors v [R, in]."""
    shares = []
    for matrix in matrices:
        sigma, _, v = power_step(matrix, v)
        shares.append(sigma / torch.linalg.matrix_norm(matrix, 2))
    return torch.stack(shares)


class SpectralNorm(Layer):
    """A Linear or Conv1d whose weight is divided by its largest singular value, a convolution's
    seen as a matrix [out, in * kernel].

    The singular vectors come from one step of power iteration from the buffer `v`, which is kept
    between updates; the gradient goes through the division with the vectors held fixed, as in
    `torch.nn.utils.parametrizations.spectral_norm`.
    """

    def __init__(self, inner: Linear | Conv1d) -> None:
        self.inner, self.first = inner, inner.first
        self.shapes, self.per_unit = inner.shapes, inner.per_unit
        self.buffers = {"v": (inner.fan_in,)}

    def start(self, name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """A random direction, or what the inner layer starts with."""
        if name == "v":
            return F.normalize(torch.randn(shape, generator=generator), dim=0)
        return self.inner.start(name, shape, generator)

    def forward(self, parameters: Any, h: Tensor, trace: Trace) -> tuple[Tensor, Any]:
        """As the inner layer, with the normalized weight."""
        weight, *bias, start = parameters
        matrix = weight.flatten(2)
        _, u, v = power_step(matrix.detach(), start)
        sigma = (u.unsqueeze(1) @ matrix @ v.unsqueeze(2)).clamp_min(1e-12)
        normal = (matrix / sigma).view_as(weight)
        y, saved = self.inner.forward((normal, *bias), h, trace)
        return y, (normal, sigma, u, v, saved)

    def backward(
        self, parameters: Any, room: Any, saved: Any, slope: Tensor, extra: list[Tensor | None]
    ) -> Tensor:
        """d/dW = (G - <G, W / sigma> u v') / sigma, with G the gradient for W / sigma."""
        normal, sigma, u, v, kept = saved
        back = self.inner.backward((normal, *parameters[1:-1]), room, kept, slope, extra)
        gradient = room[0].flatten(2)
        along = (gradient * normal.flatten(2)).sum((1, 2))
        gradient.sub_((u * along[:, None]).unsqueeze(2) * v.unsqueeze(1)).div_(sigma)
        return back


def with_spectral_norm(layers: list[Layer], which: str) -> list[Layer]:
    """The layers, the matrix before the last one ("penultimate") or every matrix before the last
    one ("hidden") spectrally normalized."""
    matrices = _matrices(layers)[:-1]
    chosen = {id(layer) for layer in (matrices[-1:] if which == "penultimate" else matrices)}
    return _wrapped(layers, chosen)


def _matrices(layers: Sequence[Layer]) -> list[Layer]:
    """The layers with a matrix, those inside blocks too, in order of depth."""
    found: list[Layer] = []
    for layer in layers:
        if isinstance(layer, Residual):
            found += _matrices(layer.layers)
        elif isinstance(layer, (Linear, Conv1d)):
            found.append(layer)
    return found


def _wrapped(layers: Sequence[Layer], chosen: set[int]) -> list[Layer]:
    """The layers, those with a chosen id in a SpectralNorm."""
    done: list[Layer] = []
    for layer in layers:
        if isinstance(layer, Residual):
            done.append(type(layer)(*_wrapped(layer.layers, chosen)))
        else:
            done.append(SpectralNorm(layer) if id(layer) in chosen else layer)
    return done
