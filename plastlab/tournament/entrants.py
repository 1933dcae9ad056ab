"""Entrants: the methods that compete, and the settings in which each of them is tried."""

from dataclasses import dataclass, replace

import numpy as np

from plastlab import interventions
from plastlab.condition import Condition
from plastlab.errors import check_all, check_number, check_type
from plastlab.interventions import (
    L2,
    Event,
    FullReset,
    Intervention,
    LayerNorm,
    ShrinkAndPerturb,
    TunedAdam,
    WeightDecay,
)
from plastlab.nets import Architecture
from plastlab.optim import SGD, Adam
from plastlab.spec import Spec

BASELINE = "baselines"


@dataclass(frozen=True)
class Option(Spec):
    """One strength of a method: what is added to plain training, and how the table names it."""

    label: str = ""
    interventions: tuple[Intervention, ...] = ()

    def __post_init__(self) -> None:
        check_type("Option.label", self.label, str)
        check_type("Option.interventions", self.interventions, tuple, "Write (ReDo(),).")
        check_all("Option.interventions", self.interventions, Intervention, "Write (ReDo(),).")


@dataclass(frozen=True)
class Entrant(Spec):
    """A method, with the strengths of it that are tried."""

    name: str
    family: str
    options: tuple[Option, ...]

    def __post_init__(self) -> None:
        check_type("Entrant.name", self.name, str, "Give the text of the table.")
        check_type("Entrant.family", self.family, str)
        check_type("Entrant.options", self.options, tuple, "Write (Option(),).")
        for option in self.options:
            check_type("Entrant.options: each", option, Option, "Write Option(), with parentheses.")
        if not self.options:
            raise ValueError(f"Entrant.options must be at least one; {self.name!r} has none.")


@dataclass(frozen=True)
class Trial:
    """A strength and a learning rate: one thing to try."""

    option: Option
    lr: float

    @property
    def label(self) -> str:
        """ "lr 0.001, strength 0.01"."""
        return ", ".join(filter(None, [f"lr {self.lr:g}", self.option.label]))

    def condition(self, net: Architecture, optimizer: SGD | Adam) -> Condition:
        """What is trained."""
        return Condition(replace(optimizer, lr=self.lr), net, self.option.interventions)


NOTHING = Entrant("nothing", BASELINE, (Option(),))
FRESH = Entrant("fresh network per task", BASELINE, (Option("", (FullReset(),)),))


def trials(entrant: Entrant, count: int, lrs: tuple[float, float]) -> list[Trial]:
    """`count` things to try: the entrant's strengths with as equally many learning rates each as
    can be, spaced evenly in the logarithm from `lrs[0]` to `lrs[1]`. So who has fewer strengths
    tries a finer grid of learning rates.

    Raises:
        ValueError: fewer trials than strengths.
    """
    strengths = len(entrant.options)
    check_number(f"trials of {entrant.name!r}: count", count, strengths, integer=True)
    sizes = [count // strengths + (i < count % strengths) for i in range(strengths)]
    return [
        Trial(option, lr)
        for option, size in zip(entrant.options, sizes, strict=True)
        for lr in grid(*lrs, size)
    ]


def grid(low: float, high: float, count: int) -> list[float]:
    """`count` numbers from `low` to `high` with equal ratios, to three digits; the middle for 1."""
    numbers = np.geomspace(low, high, count) if count > 1 else [(low * high) ** 0.5]
    return [float(f"{number:.3g}") for number in numbers]


def entrant(kind: type[Intervention], *more: Intervention) -> Entrant:
    """The entrant of a method's class, in each strength that its class attribute `tuned` lists,
    together with the interventions `more`, which act before it."""
    if not isinstance(kind, type) or not issubclass(kind, Intervention):
        raise TypeError(f"entrant: kind must be an intervention's class; got {kind!r:.60}.")
    check_all("entrant: more", more, Intervention, "Write LayerNorm(), with parentheses.")
    labels, made = [""], [kind()]
    if kind.tuned:
        field, values = kind.tuned
        labels = [f"{field} {_text(value)}" for value in values]
        made = [kind(**{field: value}) for value in values]
    name = " + ".join([*(type(one).__name__ for one in more), kind.__name__])
    options = (Option(text, (*more, one)) for text, one in zip(labels, made, strict=True))
    return Entrant(name, BASELINE if more else kind.family, tuple(options))


def methods() -> list[Entrant]:
    """Every method that plastlab.interventions exports, in the order of the alphabet."""
    kinds = (getattr(interventions, name) for name in interventions.__all__)
    return [
        entrant(kind)
        for kind in kinds
        if isinstance(kind, type)
        and issubclass(kind, Intervention)
        and kind not in (Intervention, Event)
    ]


def challengers() -> tuple[Entrant, ...]:
    """Everybody but NOTHING and FRESH: the other baselines, then every method."""
    with_norm = (L2, ShrinkAndPerturb, TunedAdam, WeightDecay)
    return (*(entrant(kind, LayerNorm()) for kind in with_norm), *methods())


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
