"""Penalties: terms added to the loss."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from plastlab.errors import check_number
from plastlab.interventions.base import Intervention
from plastlab.state import State


@dataclass(frozen=True)
class L2(Intervention):
    """Adds strength times the sum of all squared weights and biases to the loss.

    With Adam this is not weight decay: the pull is divided by the gradient's size like everything
    else in the gradient (AdamW has the decoupled form).

    Source: the textbook penalty; see Loshchilov and Hutter (2019), section 2, for the difference.
    Differs: gains and offsets of normalization layers are left alone.
    Cost: one pass over the weights each update.
    """

    strength: float = 1e-3

    def __post_init__(self) -> None:
        check_number("L2.strength", self.strength, 0)

    def penalty(self, s: State, mem: SimpleNamespace) -> Any:
        """Strength times the squared norm [R]."""
        names = s.weights.layout.connections
        return self.strength * sum(s.weights[n].square().flatten(1).sum(1) for n in names)


@dataclass(frozen=True)
class L2Init(Intervention):
    """Adds strength times the squared distance of all weights and biases from their start.

    Source: Kumar, Marklund and Van Roy (2024), section "Regenerative Regularization".
    Differs: nothing; gains and offsets of normalization layers are left alone, as in the paper.
    Cost: one pass over the weights each update, and a copy of the initial weights.
    """

    strength: float = 1e-2

    def __post_init__(self) -> None:
        check_number("L2Init.strength", self.strength, 0)

    def at_start(self, s: State, mem: SimpleNamespace) -> None:
        """Remember the start, before the first update."""
        mem.start = s.weights.clone()

    def penalty(self, s: State, mem: SimpleNamespace) -> Any:
        """Strength times the squared distance [R]."""
        names = s.weights.layout.connections
        gaps = (s.weights[n] - mem.start[n] for n in names)
        return self.strength * sum(gap.square().flatten(1).sum(1) for gap in gaps)
