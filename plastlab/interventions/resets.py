"""Full resets: parts of the network, or all of it, start anew."""

from dataclasses import dataclass
from typing import ClassVar

from plastlab.errors import LOUDEST, check_number, check_type
from plastlab.interventions.base import Event
from plastlab.nets.network import Network
from plastlab.rows import Layout, Rows
from plastlab.state import State


@dataclass(frozen=True)
class FullReset(Event):
    """Starts anew: fresh weights and an empty optimizer, for all layers or the last few.

    `layers`: so many of the last matrices, with what follows them. `only`: the matrix with this
    number, from 0 at the input, with what follows it up to the next. Running statistics start anew
    with their layer.

    Source: Nikishin et al. (2022), section "Have You Tried Resetting It?".
    Differs: the paper resets on a clock, inside reinforcement learning, and relearns from a replay
        buffer; here the default is a reset at every boundary, and nothing is kept.
    Cost: no extra passes or memory; what was learned is gone.
    """

    family: ClassVar[str] = "full resets"
    tuned: ClassVar[tuple[str, tuple]] = ("layers", (None, 1, 2))
    off: ClassVar[dict[str, int]] = {"every": 10**9}

    layers: int | None = None
    only: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.layers is not None:
            check_number("FullReset.layers", self.layers, 1, integer=True)
        if self.only is None:
            return
        check_number("FullReset.only", self.only, 0, integer=True)
        if self.layers is not None:
            raise ValueError(
                f"FullReset takes layers or only, not both; got layers={self.layers} and "
                f"only={self.only}."
            )

    def act(self, s: State) -> None:
        """Fresh weights for the chosen part, or for everything."""
        fresh = s.fresh()
        if self.layers is None and self.only is None:
            s.weights.flat.copy_(fresh.weights.flat)
            s.buffers.flat.copy_(fresh.buffers.flat)
            s.reset_optimizer()
            return
        names = self._part(s.weights.layout)
        _renew(s, fresh, names)
        s.reset_optimizer(names)

    def _part(self, layout: Layout) -> tuple[str, ...]:
        """Names of the parameters that start anew."""
        if self.only is None:
            return layout.last_layers(self.layers)
        layers = layout.layers
        check_number("FullReset.only", self.only, 0, len(layers) - 1, integer=True)
        return layers[self.only]


@dataclass(frozen=True)
class ShrinkAndPerturb(Event):
    """Shrinks all weights and adds a little of a freshly drawn network: w <- keep w + noise w_new.

    Gains and offsets of normalization layers are mixed in the same way with their start (1 and 0),
    then divided by keep + noise, so that a gain of 1 stays 1. Running statistics stay as they are:
    batch by batch they follow the new weights. With `every` 1 it is the soft form, a
    little at each update: keep 0.9999 and noise 0.01 are the best settings of Kumar et al. (2024)
    for it, and would take weights that do not learn to 0.71 of their initial scale.

    Source: Ash and Adams (2020), section "Shrink, Perturb, Repeat".
    Differs: the optimizer's memory is kept unless `reset_optimizer` is set (the paper's code makes
        a new optimizer).
    Cost: no extra passes or memory, but a fresh draw each time.
    """

    family: ClassVar[str] = "full resets"
    tuned: ClassVar[tuple[str, tuple]] = ("keep", (0.4, 0.6, 0.8))
    off: ClassVar[dict[str, float]] = {"keep": 1.0, "noise": 0.0}

    keep: float = 0.4
    noise: float = 0.1
    reset_optimizer: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("ShrinkAndPerturb.keep", self.keep, 0)
        check_number("ShrinkAndPerturb.noise", self.noise, 0, LOUDEST)
        remedy = "Give True or False."
        check_type("ShrinkAndPerturb.reset_optimizer", self.reset_optimizer, bool, remedy)

    def act(self, s: State) -> None:
        """Mix with a fresh draw."""
        fresh = s.fresh("shrink and perturb").weights
        _mix(s.weights, fresh, tuple(s.weights.views), self.keep, self.noise)
        if self.reset_optimizer:
            s.reset_optimizer()


@dataclass(frozen=True)
class BBFReset(Event):
    """Starts the last `layers` matrices anew and shrinks and perturbs all before them; the
    optimizer keeps the moments of what was only shrunk, and begins to count updates again.

    Source: Schwarzer et al. (2023), the resets of their agent BBF.
    Differs: acts at boundaries instead of every 20,000 updates; the rest of the agent's recipe
        (annealed horizon and discount, target network, weight decay) is left out.
    Cost: no extra passes or memory, but a fresh draw each time.
    """

    family: ClassVar[str] = "full resets"
    tuned: ClassVar[tuple[str, tuple]] = ("keep", (0.25, 0.5, 0.8))
    off: ClassVar[dict[str, int]] = {"every": 10**9}

    keep: float = 0.5
    noise: float = 0.5
    layers: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("BBFReset.keep", self.keep, 0)
        check_number("BBFReset.noise", self.noise, 0, LOUDEST)
        check_number("BBFReset.layers", self.layers, 1, integer=True)

    def act(self, s: State) -> None:
        """Mix the encoder, replace the head, and forget the head's moments and all counts."""
        fresh = s.fresh("BBF")
        head = s.weights.layout.last_layers(self.layers)
        encoder = tuple(name for name in s.weights.views if name not in head)
        _mix(s.weights, fresh.weights, encoder, self.keep, self.noise)
        _renew(s, fresh, head)
        s.reset_optimizer(head, parts=("m", "v"))
        s.reset_optimizer(parts=("count",))


def _renew(s: State, fresh: Network, names: tuple[str, ...]) -> None:
    """Copy the named parameters, and the buffers of layers whose parameters are all among them."""
    for name in names:
        s.weights[name].copy_(fresh.weights[name])
    for name, view in s.buffers.views.items():
        layer = name.rpartition(".")[0] + "."
        own = [other for other in s.weights.views if other.startswith(layer)]
        if own and all(other in names for other in own):
            view.copy_(fresh.buffers[name])


def _mix(weights: Rows, fresh: Rows, names: tuple[str, ...], keep: float, noise: float) -> None:
    """w <- keep w + noise w_new for the named parameters; for those of normalization layers
    divided by keep + noise."""
    connections, total = weights.layout.connections, keep + noise
    for name in names:
        weights[name].mul_(keep).add_(fresh[name], alpha=noise)
        if name not in connections and total > 0:
            weights[name].div_(total)
