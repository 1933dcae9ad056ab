"""What an intervention is: settings, and up to eight moments at which it acts."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, ClassVar

from plastlab.errors import check_number
from plastlab.muon import Muon
from plastlab.nets import Architecture
from plastlab.optim import SGD, Adam
from plastlab.rows import Rows
from plastlab.spec import Spec
from plastlab.state import State

MOMENTS = ("at_start", "at_task", "penalty", "after_backward", "after_step", "answers_with")


@dataclass(frozen=True)
class Intervention(Spec):
    """A change to how one condition trains. As it stands, it changes nothing.

    Settings are fields. What a method must remember lives in `mem`, an empty namespace that the
    runner keeps for it. Every moment sees the condition's own replicas and nothing else; in all
    of them but `penalty`, tensors are changed in place and gradients are off.

    family: the kind of cure. tuned: the setting that matters most, and the values of it that the
    tournament tries; () if there is nothing to tune. off: settings at which it does nothing. eager:
    settings at which it acts within ten updates, if it would not by itself.
    """

    family: ClassVar[str] = ""
    tuned: ClassVar[tuple[str, tuple] | tuple[()]] = ()
    off: ClassVar[dict[str, Any]] = {}
    eager: ClassVar[dict[str, Any]] = {}

    def network(self, spec: Any) -> Any:
        """The architecture to build instead of `spec`."""
        return spec

    def optimizer(self, settings: SGD | Adam | Muon) -> SGD | Adam | Muon:
        """The optimizer to use instead of `settings`."""
        return settings

    def at_start(self, s: State, mem: SimpleNamespace) -> None:
        """Once, before the first update."""

    def at_task(self, s: State, mem: SimpleNamespace) -> None:
        """At each boundary, before the first update of a new task (not before the first task)."""

    def penalty(self, s: State, mem: SimpleNamespace) -> Any:
        """[R], added to the loss; differentiated through `s.weights`, `s.hidden`, `s.logits`.
        Where the gradient is a short formula, add it in `after_backward`: that is faster."""
        return 0.0

    def after_backward(self, s: State, mem: SimpleNamespace) -> None:
        """After each backward pass: `s.gradients` and `s.lr` may be changed, for this update."""

    def after_step(self, s: State, mem: SimpleNamespace) -> None:
        """After each update."""

    def answers_with(self, s: State, mem: SimpleNamespace) -> Rows | None:
        """Weights that answer held-out examples in the place of the trained ones, or None.
        Probes of the weights themselves look at the trained ones."""
        return None


def need_hidden(spec: Any, method: str) -> Any:
    """The network's spec, for a method that acts on hidden units or between them.

    Raises:
        ValueError: it has none.
    """
    if isinstance(spec, Architecture) and spec.is_linear:
        raise ValueError(
            f"{method} acts on hidden layers, and {type(spec).__name__}(depth=0) has none. Give it "
            "one, for example MLP(depth=2), or leave the method out."
        )
    return spec


@dataclass(frozen=True)
class Act(Intervention):
    """An intervention that is one act; `Training.apply` does it at any moment."""

    def act(self, s: State) -> None:
        """Do it, now."""


@dataclass(frozen=True)
class Event(Act):
    """An act that is done at every boundary, or every `every` updates."""

    every: int | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if self.every is not None:
            check_number(f"{type(self).__name__}.every", self.every, 1, integer=True)

    def at_task(self, s: State, mem: SimpleNamespace) -> None:
        """Acts here unless it acts by the clock."""
        if self.every is None:
            self.act(s)

    def after_step(self, s: State, mem: SimpleNamespace) -> None:
        """Acts here every `every` updates."""
        if self.every is not None and s.step % self.every == 0:
            self.act(s)
