"""Condition: one line of an experiment's legend."""

from dataclasses import dataclass, replace
from typing import Any

from plastlab.errors import check_type
from plastlab.interventions.base import Intervention
from plastlab.interventions.door import check_intervention
from plastlab.muon import Muon
from plastlab.nets import MLP, Architecture
from plastlab.nets.modules import Module
from plastlab.optim import SGD, Adam

KINDS = {"optimizer": (SGD, Adam, Muon), "network": (Architecture, Module)}


@dataclass(frozen=True)
class Condition:
    """An optimizer, a network, and the interventions on them, which act in the order given.

    `condition + intervention` is a new condition with one more.
    """

    optimizer: SGD | Adam | Muon = Adam()
    net: Architecture | Module = MLP()
    interventions: tuple[Intervention, ...] = ()

    def __post_init__(self) -> None:
        remedy = "Write for example Adam(1e-3)."
        check_type("Condition.optimizer", self.optimizer, KINDS["optimizer"], remedy)
        remedy = "Write for example MLP(width=32)."
        check_type("Condition.net", self.net, KINDS["network"], remedy)
        check_type(
            "Condition.interventions", self.interventions, tuple, "Write condition + ReDo()."
        )
        for one in self.interventions:
            check_intervention(one)
        self._decide("network", self.net)
        self._decide("optimizer", self.optimizer)

    def __add__(self, intervention: Intervention) -> "Condition":
        check_intervention(intervention)
        return replace(self, interventions=(*self.interventions, intervention))

    @property
    def spec(self) -> Any:
        """The network to build, after every intervention had its say."""
        return self._decide("network", self.net)

    @property
    def settings(self) -> SGD | Adam | Muon:
        """The optimizer to use, after every intervention had its say."""
        return self._decide("optimizer", self.optimizer)

    def _decide(self, moment: str, given: Any) -> Any:
        """What the interventions make of it, in order. None may undo another's change: asked
        again at the end, each must find its own still there."""
        decided = given
        for intervention in self.interventions:
            decided = getattr(intervention, moment)(decided)
            name = f"{type(intervention).__name__}.{moment}'s result"
            check_type(name, decided, KINDS[moment], "Return what to use, changed or as it was.")
        for intervention in self.interventions:
            if getattr(intervention, moment)(decided) != decided:
                last = self.interventions[-1]
                raise ValueError(
                    f"{intervention} and {last} cannot go together: both decide the same part of "
                    f"the {moment}, and the second would undo the first. Use one of them."
                )
        return decided
