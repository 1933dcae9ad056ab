"""Resets of single weights."""

from dataclasses import dataclass, field
from typing import ClassVar

import torch

from plastlab.errors import check_choice, check_number
from plastlab.interventions.base import Event
from plastlab.rng import generator
from plastlab.state import State

UTILITIES = ("gradient", "magnitude")


@dataclass(frozen=True)
class SelectiveWeightReinit(Event):
    """Draws anew the least useful weights: of each matrix, table and bias, the `share` with the
    lowest |gradient * weight| on the current batch, or the lowest |weight| (utility "magnitude").

    Where the share is not a whole number of weights, one more is taken with the probability that is
    missing, so that the share holds on average.

    Source: Hernandez-Garcia, Dohare, Luo and Sutton (2025), "selective weight reinitialization",
        with proportional pruning and resampling.
    Differs: utilities are those of one batch, not averaged; gains and offsets of normalization
        layers are left alone. The optimizer keeps its memory.
    Cost: a sort of all weights and a fresh draw, every `every` updates.
    """

    family: ClassVar[str] = "neuron resets"
    tuned: ClassVar[tuple[str, tuple]] = ("share", (0.001, 0.01, 0.1))
    off: ClassVar[dict[str, float]] = {"share": 0.0}

    every: int | None = field(default=100, kw_only=True)
    share: float = 0.01
    utility: str = "gradient"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("SelectiveWeightReinit.share", self.share, 0, 1)
        check_choice("SelectiveWeightReinit.utility", self.utility, UTILITIES)

    def act(self, s: State) -> None:
        """Replace the least useful."""
        fresh, names = s.fresh("selective weight reinit").weights, s.weights.layout.connections
        chances = [generator(seed, "selective weight reinit", s.step) for seed in s.seeds]
        for name in names:
            weight = s.weights[name].flatten(1)
            useful = weight * s.gradients[name].flatten(1) if self.utility == "gradient" else weight
            chance = [torch.rand(1, generator=own, dtype=torch.float64) for own in chances]
            count = (self.share * weight.shape[1] + torch.stack(chance)).long()
            low = _lowest(useful.abs(), count).view(s.weights[name].shape)
            s.weights[name].copy_(torch.where(low, fresh[name], s.weights[name]))


def _lowest(values: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
    """True at the `count` [R, 1] smallest of each row of values [R, n]; of equal ones, the first,
    as dead units have many."""
    most = min(int(count.max()), values.shape[1])
    if not most:
        return torch.zeros_like(values, dtype=torch.bool)
    last = values.topk(most, dim=1, largest=False).values.gather(1, (count - 1).clamp(0, most - 1))
    below, equal = values < last, values == last
    return below | (equal & (equal.cumsum(1) <= count - below.sum(1, keepdim=True)))
