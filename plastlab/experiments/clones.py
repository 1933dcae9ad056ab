"""A start from which no gradient leads away: every hidden unit a copy of the first."""

from dataclasses import dataclass
from types import SimpleNamespace

from plastlab.errors import check_number
from plastlab.interventions.base import Intervention
from plastlab.state import State


@dataclass(frozen=True)
class Clones(Intervention):
    """At the start all units of every hidden layer become the first one of their layer, with equal
    weights in and out; then `noise` times a newly drawn network is added.

    Equal units get equal gradients, so without noise they stay equal and the network is one with
    one unit a layer, under any optimizer that treats equal gradients equally. For plain MLPs.

    After Joudaki et al. (2025), whose units are copied once or a few times.
    """

    noise: float = 0.0

    def __post_init__(self) -> None:
        check_number("Clones.noise", self.noise, 0)

    def at_start(self, s: State, mem: SimpleNamespace) -> None:
        """Copy the first unit over the others."""
        for units in s.network.units:
            incoming, read = (
                s.weights[f"{units.incoming}weight"],
                s.weights[f"{units.outgoing}weight"],
            )
            incoming.copy_(incoming[:, :1].expand_as(incoming).clone())
            read.copy_(read[:, :, :1].expand_as(read).clone())
        s.weights.flat.add_(s.fresh("clones").weights.flat, alpha=self.noise)
