"""Neuron resets: recycle the units that do least."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from plastlab.errors import check_number
from plastlab.interventions.base import Event, need_hidden
from plastlab.nets import Architecture
from plastlab.probes import dormancy
from plastlab.state import State


@dataclass(frozen=True)
class ReDo(Event):
    """Recycles dormant units: those whose mean activation on the current batch is at most `tau`
    times the mean over their layer. Incoming weights are drawn anew, outgoing weights become 0.

    At tau 0 only units that are silent on the whole batch are recycled, and the network's answers
    to that batch do not change; with LayerNorm they do, since every unit is normalized by all.

    Source: Sokar et al. (2023), section 4, with the score of definition 3.1.
    Differs: the optimizer forgets the recycled entries, biases and update count included. A CReLU
        unit is scored by both of its halves together.
    Cost: one look at the batch's activations every `every` updates; once a unit has been recycled,
        Adam keeps its bias corrections for every entry (two more copies of the weights).
    """

    family: ClassVar[str] = "neuron resets"
    tuned: ClassVar[tuple[str, tuple]] = ("tau", (0.0, 0.025, 0.1))
    off: ClassVar[dict[str, int]] = {"every": 10**9}
    eager: ClassVar[dict[str, float]] = {"tau": 0.8}

    every: int | None = field(default=100, kw_only=True)
    tau: float = 0.025

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("ReDo.tau", self.tau, 0)

    def network(self, spec: Any) -> Any:
        """The same, if its units can be recycled."""
        return need_recyclable(spec, "ReDo")

    def act(self, s: State) -> None:
        """Recycle now, judged by the batch that was seen last."""
        need_units(s, "ReDo")
        for layer, (unit, h) in enumerate(zip(s.network.units, s.hidden, strict=True)):
            scores = dormancy(h, copies=unit.copies)
            s.reset_units(layer, scores <= self.tau)


def need_recyclable(spec: Any, method: str) -> Any:
    """The network's spec.

    Raises:
        ValueError: it has no hidden unit, or one unit's weights decide how others are scaled.
    """
    if isinstance(spec, Architecture) and spec.spectral_norm:
        raise ValueError(
            f"{method} and SpectralNormalization cannot go together: a recycled unit's weights "
            "change the largest singular value by which those of all others are divided, so that "
            "even recycling silent units moves the answers. Use one of them, or SpectralPenalty."
        )
    return need_hidden(spec, method)


def need_units(s: State, method: str) -> None:
    """Raise unless the network says what its units are."""
    listed, run = len(s.network.units), len(s.hidden)
    if listed != run or not run:
        raise ValueError(
            f"{method} needs to know the network's units: {run} hidden activations run in it, and "
            f"{listed} of them have units of their own. The steps of a Recurrent share theirs, so "
            "they cannot be recycled. For a Module of yours, give Module(factory, units=((layer "
            "that feeds them, layer that reads them), …)), one pair for each hidden activation."
        )
