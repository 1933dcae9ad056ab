"""GraMa: recycle the units that get least gradient."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar

import torch

from plastlab.errors import check_choice, check_number
from plastlab.interventions.base import Intervention
from plastlab.interventions.neurons import need_recyclable, need_units
from plastlab.probes.units import dormancy, preactivation_slopes
from plastlab.state import State

Tensor = torch.Tensor
OF = ("incoming weights", "preactivations")


@dataclass(frozen=True)
class GraMa(Intervention):
    """Recycles units that hardly learn: those whose mean absolute gradient is at most `tau` times
    the mean over their layer, every `every` updates.

    `of` says which gradient: "incoming weights" takes the last batch's, bias left out;
    "preactivations" takes each example's own, so that examples cannot cancel. Both are 0 for a dead
    ReLU and for a saturated tanh unit; the gradient for the activation itself is not.

    Nobody reads a unit that was just recycled, so it gets no gradient at first: units are spared
    for `grace` updates. Replicas without any gradient are not judged.

    Source: Liu et al. (2025), GraMa and the resets by it (ReGraMa).
    Differs: the paper's text does not settle which gradient; the grace period is added.
    Cost: a look at the gradient every `every` updates; for preactivations one more forward and
        backward pass by autograd then. Once a unit has been recycled, Adam keeps its bias
        corrections for every entry.
    """

    family: ClassVar[str] = "neuron resets"
    tuned: ClassVar[tuple[str, tuple]] = ("tau", (0.001, 0.01, 0.1))
    off: ClassVar[dict[str, Any]] = {"every": 10**9}
    eager: ClassVar[dict[str, Any]] = {"tau": 0.8, "grace": 0}

    tau: float = 0.01
    every: int = 100
    grace: int = 200
    of: str = "incoming weights"

    def __post_init__(self) -> None:
        check_number("GraMa.tau", self.tau, 0)
        check_number("GraMa.every", self.every, 1, integer=True)
        check_number("GraMa.grace", self.grace, 0, integer=True)
        check_choice("GraMa.of", self.of, OF)

    def network(self, spec: Any) -> Any:
        """The same, if its units can be recycled."""
        return need_recyclable(spec, "GraMa")

    def at_start(self, s: State, mem: SimpleNamespace) -> None:
        """No unit has been recycled."""
        rows = (unit.incoming_of(s.weights) for unit in s.network.units)
        mem.recycled = [torch.full(own.shape[:2], -self.grace) for own in rows]

    def after_step(self, s: State, mem: SimpleNamespace) -> None:
        """Judge by the last batch, and recycle."""
        if s.step % self.every:
            return
        need_units(s, "GraMa")
        judged = (s.gradients.flat.amax(1) > s.gradients.flat.amin(1)).unsqueeze(1)
        for layer, (slope, recycled) in enumerate(zip(self._slopes(s), mem.recycled, strict=True)):
            mask = judged & (dormancy(slope) <= self.tau)
            mask &= s.step - recycled >= self.grace
            s.reset_units(layer, mask)
            recycled.masked_fill_(mask, s.step)

    def _slopes(self, s: State) -> list[Tensor]:
        """The gradients by which each layer's units are judged [[R, units, ...]]."""
        if self.of == "incoming weights":
            return [unit.incoming_of(s.gradients) for unit in s.network.units]
        return preactivation_slopes(s)
