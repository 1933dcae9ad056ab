"""Full resets: parts of the network, or all of it, start anew."""

from dataclasses import dataclass

from plastlab.errors import check_number, check_type
from plastlab.interventions.base import Event
from plastlab.state import State


@dataclass(frozen=True)
class FullReset(Event):
    """Starts anew: fresh weights and an empty optimizer, for all layers or the last few.

    Source: Nikishin et al. (2022), section "Have You Tried Resetting It?".
    Differs: the paper resets on a clock, inside reinforcement learning, and relearns from a replay
        buffer; here the default is a reset at every boundary, and nothing is kept.
    Cost: no extra passes or memory; what was learned is gone.
    """

    layers: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.layers is not None:
            check_number("FullReset.layers", self.layers, 1, integer=True)

    def act(self, s: State) -> None:
        """Fresh weights for the last `layers` matrices and what follows them, or for everything."""
        fresh, layout = s.fresh().weights, s.weights.layout
        if self.layers is None:
            s.weights.flat.copy_(fresh.flat)
            s.reset_optimizer()
            return
        names = layout.last_layers(self.layers)
        for name in names:
            s.weights[name].copy_(fresh[name])
        s.reset_optimizer(names)


@dataclass(frozen=True)
class ShrinkAndPerturb(Event):
    """Shrinks all weights and adds a little of a freshly drawn network: w <- keep w + noise w_new.

    Gains and offsets of normalization layers are mixed in the same way with their start (1 and 0),
    then divided by keep + noise, so that a gain of 1 stays 1.

    Source: Ash and Adams (2020), section "Shrink, Perturb, Repeat".
    Differs: the optimizer's memory is kept unless `reset_optimizer` is set (the paper's code makes
        a new optimizer).
    Cost: no extra passes or memory.
    """

    keep: float = 0.4
    noise: float = 0.1
    reset_optimizer: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("ShrinkAndPerturb.keep", self.keep, 0)
        check_number("ShrinkAndPerturb.noise", self.noise, 0)
        remedy = "Give True or False."
        check_type("ShrinkAndPerturb.reset_optimizer", self.reset_optimizer, bool, remedy)

    def act(self, s: State) -> None:
        """Mix with a fresh draw."""
        fresh, connections = s.fresh().weights, s.weights.layout.connections
        total = self.keep + self.noise
        for name, weight in s.weights.views.items():
            weight.mul_(self.keep).add_(fresh[name], alpha=self.noise)
            if name not in connections and total > 0:
                weight.div_(total)
        if self.reset_optimizer:
            s.reset_optimizer()
