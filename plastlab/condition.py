"""Condition: one line of an experiment's legend."""

from dataclasses import dataclass, replace
from typing import Any

from plastlab.errors import check_type
from plastlab.interventions.base import Intervention
from plastlab.modules import Module
from plastlab.nets import MLP, Architecture
from plastlab.optim import SGD, Adam


@dataclass(frozen=True)
class Condition:
    """An optimizer, a network, and the interventions on them, which act in the order given.

    `condition + intervention` is a new condition with one more.
    """

    optimizer: SGD | Adam = Adam()
    net: Architecture | Module = MLP()
    interventions: tuple[Intervention, ...] = ()

    def __post_init__(self) -> None:
        check_type(
            "Condition.optimizer", self.optimizer, (SGD, Adam), "Write for example Adam(1e-3)."
        )
        check_type(
            "Condition.net", self.net, (Architecture, Module), "Write for example MLP(width=32)."
        )
        check_type(
            "Condition.interventions", self.interventions, tuple, "Write condition + ReDo()."
        )
        for one in self.interventions:
            _check_intervention(one)

    def __add__(self, intervention: Intervention) -> "Condition":
        _check_intervention(intervention)
        return replace(self, interventions=(*self.interventions, intervention))

    @property
    def spec(self) -> Any:
        """The network to build, after every intervention had its say."""
        spec = self.net
        for intervention in self.interventions:
            spec = intervention.network(spec)
        return spec


def _check_intervention(given: Any) -> None:
    remedy = "Write condition + ReDo(), with the parentheses."
    check_type("Condition: intervention", given, Intervention, remedy)
