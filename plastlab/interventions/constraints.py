"""Constraints: after each update, weights are brought back to where they may be."""

import math
from dataclasses import dataclass
from types import SimpleNamespace

from plastlab.errors import check_number
from plastlab.interventions.base import Intervention
from plastlab.state import State


@dataclass(frozen=True)
class WeightClipping(Intervention):
    """Clips every weight and bias to [-bound, bound], bound = kappa / sqrt(fan_in of its layer).

    At kappa 1 the bound is that of `torch.nn.Linear`'s uniform start; with start="he" a part of
    the fresh weights lies outside (48 % at kappa 1, 16 % at 2, 3 % at 3) and is clipped at once.

    Source: Elsayed, Lan, Lyle and Mahmood (2024), section "Weight Clipping".
    Differs: nothing; gains and offsets of normalization layers are left alone.
    Cost: one pass over the weights each update.
    """

    kappa: float = 2.0

    def __post_init__(self) -> None:
        check_number("WeightClipping.kappa", self.kappa, 0, low_open=True)

    def after_step(self, s: State, mem: SimpleNamespace) -> None:
        """Clip."""
        layout = s.weights.layout
        for name in layout.connections:
            bound = self.kappa / math.sqrt(layout.fan_in(name))
            s.weights[name].clamp_(-bound, bound)
