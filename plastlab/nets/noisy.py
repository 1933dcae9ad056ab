"""Linear layers whose weights carry learned noise."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from plastlab.nets.layers import Layer, Linear, Residual, Tensor, Trace
from plastlab.nets.network import Units
from plastlab.products import product
from plastlab.rows import Scales


class NoisyLinear(Linear):
    """y = (W + S * e) h + (b + s * e_out) with learned scales S [R, out, in] and s [R, out], and
    factorised noise e = e_out e_in^T [R, out, in].

    Both factors are buffers with entries sign(z) sqrt(|z|), z standard normal: `factor` draws them.
    All scales start at sigma / sqrt(fan_in). The matrix and the bias start as those of `Linear`.

    Source: Fortunato et al. (2018), factorised Gaussian noise.
    """

    def __init__(self, plain: Linear, sigma: float) -> None:
        units = plain.shapes["weight"][0]
        super().__init__(plain.fan_in, units, plain.gain, plain.first, "bias" in plain.shapes)
        self.sigma = sigma
        self.shapes |= {f"sigma.{n}": Scales(shape) for n, shape in self.shapes.items()}
        self.buffers = {"noise.in": (plain.fan_in,), "noise.out": (units,)}

    def start(self, name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """A fresh weight, bias, scale or factor of the noise."""
        if name.startswith("sigma."):
            return torch.full(shape, self.sigma / math.sqrt(self.fan_in))
        if name.startswith("noise."):
            return factor(torch.randn(shape, generator=generator))
        return super().start(name, shape, generator)

    def forward(self, parameters: Any, h: Tensor, trace: Trace) -> tuple[Tensor, Any]:
        """[R, in, B] -> [R, out, B]."""
        *trained, columns, rows = parameters
        half = len(trained) // 2
        noise = rows.unsqueeze(2) * columns.unsqueeze(1)
        weight = torch.addcmul(trained[0], trained[half], noise)
        y = product(weight, h)
        if half == 2:
            y = y.add_(torch.addcmul(trained[1], trained[3], rows).unsqueeze(2))
        return y, (h, weight, noise)

    def backward(
        self, parameters: Any, room: Any, saved: Any, slope: Tensor, extra: list[Tensor | None]
    ) -> Tensor:
        """[R, out, B] -> [R, in, B]."""
        h, weight, noise = saved
        half = len(room) // 2
        product(slope, h.mT, out=room[0])
        torch.mul(room[0], noise, out=room[half])
        if half == 2:
            torch.sum(slope, 2, out=room[1])
            torch.mul(room[1], parameters[-1], out=room[3])
        return slope if self.first else product(weight.mT, slope)


def factor(z: Tensor) -> Tensor:
    """A factor of the noise, from standard normal draws."""
    return z.sign() * z.abs().sqrt()


def with_noise(
    layers: Sequence[Layer], units: Sequence[Units], sigma: float
) -> tuple[list[Layer], list[Units]]:
    """The same layers with every `Linear`, also in a `Residual`, made noisy; their units own the
    scales."""
    noisy = [_noisy(layer, sigma) for layer in layers]
    owned = {
        f"{i}.{name}"
        for i, layer in enumerate(noisy)
        for name, shape in layer.shapes.items()
        if isinstance(shape, Scales)
    }
    scales = [tuple(f"{u.incoming}sigma.{n}" for n in ("weight", "bias")) for u in units]
    return noisy, [
        replace(unit, own=(*unit.own, *(name for name in names if name in owned)))
        for unit, names in zip(units, scales, strict=True)
    ]


def _noisy(layer: Layer, sigma: float) -> Layer:
    if type(layer) is Linear:
        return NoisyLinear(layer, sigma)
    if isinstance(layer, Residual):
        return type(layer)(*(_noisy(inner, sigma) for inner in layer.layers))
    return layer
