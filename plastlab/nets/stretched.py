"""Networks that read their inputs in other units: the same functions, other coordinates."""

from dataclasses import dataclass
from typing import Any

import torch

from plastlab.errors import check_number, check_type
from plastlab.nets.architectures import MLP
from plastlab.nets.layers import Linear, Trace
from plastlab.nets.network import Units
from plastlab.products import product
from plastlab.rng import generator

Tensor = torch.Tensor


@dataclass(frozen=True)
class StretchedMLP(MLP):
    """An MLP whose first matrix is written in other units, so that its loss is ill-conditioned.

    Input i is multiplied by d_i, from kappa**(1/4) for the first to kappa**(-1/4) for the last,
    and the weights that read it are divided by d_i at the start. So each seed's network gives the
    same answers as with kappa 1 and can become the same functions, but for its weights the loss is
    kappa times more curved along the first input than along the last, if the inputs are white.
    Then the inputs are `turned`: mixed by a rotation, the same for all seeds, so that no weight
    belongs to one of these directions alone.
    """

    kappa: float = 1.0
    turned: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("StretchedMLP.kappa", self.kappa, 1)
        check_type("StretchedMLP.turned", self.turned, bool, "Give True or False.")
        check_number("StretchedMLP.depth", self.depth, 1, integer=True)

    def layers(self, inputs: int, outputs: int) -> tuple[list, list[Units]]:
        """The MLP's, but for the first."""
        layers, units = super().layers(inputs, outputs)
        first = inputs, self.width, self.hidden_gain
        layers[0] = StretchedLinear(*first, self.bias, stretch(self.kappa, inputs, self.turned))
        return layers, units


class StretchedLinear(Linear):
    """y = W M h + b with a fixed, invertible M [in, in], and W drawn as a Linear's times M^-1."""

    def __init__(
        self, fan_in: int, units: int, gain: float | None, bias: bool, matrix: Tensor
    ) -> None:
        super().__init__(fan_in, units, gain, first=True, bias=bias)
        self._matrix, self._inverse = matrix.float(), torch.linalg.inv(matrix).float()

    def start(self, name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """A fresh weight in these units, or bias."""
        drawn = super().start(name, shape, generator)
        return drawn @ self._inverse if name == "weight" else drawn

    def forward(self, parameters: Any, h: Tensor, trace: Trace) -> tuple[Tensor, Any]:
        """[R, in, B] -> [R, out, B]."""
        return super().forward(parameters, product(self._matrix.expand(len(h), -1, -1), h), trace)


def stretch(kappa: float, inputs: int, turned: bool) -> Tensor:
    """The matrix that changes the units [inputs, inputs], in double precision."""
    ends = torch.linspace(0.25, -0.25, inputs, dtype=torch.float64)
    scales = torch.tensor(kappa, dtype=torch.float64) ** ends
    if not turned:
        return torch.diag(scales)
    drawn = torch.randn(inputs, inputs, generator=generator("stretch", inputs)).double()
    return torch.linalg.qr(drawn)[0] @ torch.diag(scales)
