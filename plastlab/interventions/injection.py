"""Plasticity injection: a new head learns what the old one lacks."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar

from plastlab.errors import check_number, check_type
from plastlab.interventions.base import Act
from plastlab.nets import Architecture
from plastlab.state import State


@dataclass(frozen=True)
class PlasticityInjection(Act):
    """Freezes the network's head, once, and adds a fresh one minus a frozen copy of the fresh one:
    h_old(x) + h_new(x) - h_copy(x). At that moment no answer changes, and the number of trained
    parameters stays the same.

    The head is the last `layers` layers with a matrix (a residual block is one layer). It happens
    at the boundary before task `task` (the first task is 0), or after update `at`, if that is
    given. Before, the network is the one without the intervention, to the bit. `Training.apply`
    injects at once, into a condition that has the intervention, so that its head is prepared.

    Source: Nikishin et al. (2023), "Deep RL with Plasticity Injection".
    Differs: once a condition (the paper also repeats it). The optimizer's memory of the head is
        kept, as in the paper, where forgetting it hurt with RMSProp; Adam may differ, hence
        `reset_optimizer`. A unit that feeds the head and is recycled is no longer read by the
        frozen heads, and a reset of the whole head drops them.
    Cost: two more copies of the head; once injected, three passes through the head instead of one.
    """

    family: ClassVar[str] = "full resets"
    tuned: ClassVar[tuple[str, tuple]] = ("task", (1, 3, 10))
    off: ClassVar[dict[str, int]] = {"layers": 0}

    task: int = 1
    at: int | None = None
    layers: int = 2
    reset_optimizer: bool = False

    def __post_init__(self) -> None:
        check_number("PlasticityInjection.task", self.task, 1, integer=True)
        if self.at is not None:
            check_number("PlasticityInjection.at", self.at, 1, integer=True)
        check_number("PlasticityInjection.layers", self.layers, 0, integer=True)
        remedy = "Give True or False."
        check_type("PlasticityInjection.reset_optimizer", self.reset_optimizer, bool, remedy)

    def network(self, spec: Any) -> Any:
        """The same architecture, its head prepared."""
        if not self.layers:
            return spec
        if not isinstance(spec, Architecture):
            raise ValueError(
                "PlasticityInjection cannot tell the head of a Module from the rest. Use MLP, "
                "ResidualMLP or ConvNet1d."
            )
        return spec.changed(injected=self.layers)

    def at_task(self, s: State, mem: SimpleNamespace) -> None:
        """Injects here if no update was given."""
        if self.at is None and s.task == self.task:
            self.act(s)

    def after_step(self, s: State, mem: SimpleNamespace) -> None:
        """Injects here if this is the update."""
        if s.step == self.at:
            self.act(s)

    def act(self, s: State) -> None:
        """Trained to old, fresh to trained and to its frozen twin; the gate opens."""
        if not self.layers:
            return
        prefix = f"{len(s.network.layers) - 1}."
        if f"{prefix}gate" not in s.buffers.views:
            raise ValueError(
                "PlasticityInjection: this condition's head is not prepared. Add the intervention "
                "to the condition, for example with an `at` that lies beyond the end."
            )
        head = tuple(name for name in s.weights.views if name.startswith(prefix))
        if s.buffers[f"{prefix}gate"].any():
            raise ValueError(
                "PlasticityInjection: this condition injects twice, and the frozen heads can be "
                "kept for one injection only. Use one of them."
            )
        _copy_head(s, prefix, "old")
        fresh = s.fresh("plasticity injection").weights
        for name in head:
            s.weights[name].copy_(fresh[name])
        _copy_head(s, prefix, "twin")
        s.buffers[f"{prefix}gate"].fill_(1.0)
        if self.reset_optimizer:
            s.reset_optimizer(head)


def _copy_head(s: State, prefix: str, kind: str) -> None:
    """Fill a frozen set from the head that is trained, its buffers included."""
    for name, view in s.buffers.views.items():
        if name.startswith(f"{prefix}{kind}."):
            own = prefix + name.removeprefix(f"{prefix}{kind}.")
            view.copy_(s.weights[own] if own in s.weights.views else s.buffers[own])
