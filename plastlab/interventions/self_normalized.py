"""Self-normalized resets: a unit is recycled when it is silent for longer than it ever is."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar

import torch

from plastlab.errors import check_number
from plastlab.interventions.base import Intervention
from plastlab.interventions.neurons import need_recyclable, need_units
from plastlab.state import State

Tensor = torch.Tensor
EXPANSION = 2


@dataclass(frozen=True)
class SelfNormalizedResets(Intervention):
    """Recycles a unit once it has been silent for more updates than its own threshold: the
    `percentile` (a share) of the gaps between updates at which it fired, so far in its history.

    A unit fires if its activation is above 0 for an example of the batch. So it is with GELU, SiLU
    and tanh, too: a tanh unit stuck at -1 counts as silent, one stuck at 1 does not. Both halves of
    a CReLU unit and deep Fourier features speak for one unit, which is never silent.

    A unit that fires at every update has gaps of 1 and is recycled at its second silent batch. A
    reset cuts a gap short; that gap counts as longer than the threshold. Thresholds are taken anew
    every `every` updates: the percentile, or twice the old threshold if the percentile lies beyond
    it. They start at `longest`, and stay from 1 to `longest`. When they are taken, what is in the
    history loses half of its weight.

    Source: Farias and Jozefiak (2025), algorithm 1.
    Differs: time is counted in updates and not in examples; gaps of one update count, too, and
        old gaps fade, where the authors' code starts a new history.
    Cost: a look at all activations each update, and `longest` numbers for each unit; once a unit
        has been recycled, Adam keeps its bias corrections for every entry.
    """

    family: ClassVar[str] = "neuron resets"
    tuned: ClassVar[tuple[str, tuple]] = ("percentile", (0.92, 0.98, 0.99))
    off: ClassVar[dict[str, Any]] = {}

    percentile: float = 0.98
    every: int = 100
    longest: int = 200

    def __post_init__(self) -> None:
        check_number("SelfNormalizedResets.percentile", self.percentile, 0, 1, low_open=True)
        check_number("SelfNormalizedResets.every", self.every, 1, integer=True)
        check_number("SelfNormalizedResets.longest", self.longest, 1, integer=True)

    def network(self, spec: Any) -> Any:
        """The same, if its units can be recycled."""
        return need_recyclable(spec, "SelfNormalizedResets")

    def at_start(self, s: State, mem: SimpleNamespace) -> None:
        """No gaps yet; all layers' units beside each other."""
        names = [f"{unit.incoming}weight" for unit in s.network.units]
        mem.widths = [s.weights[name].shape[1] for name in names]
        shape = len(s.seeds), sum(mem.widths)
        mem.silent = torch.zeros(shape, dtype=torch.int64)  # updates since a unit fired
        mem.threshold = torch.full(shape, self.longest)
        bins = self.longest + 2  # gaps of 1, 2, … longest, and longer; the first bin is for none
        mem.gaps = torch.zeros(*shape, bins)
        mem.first = torch.arange(mem.silent.numel()).view(shape) * bins
        mem.one = torch.ones(mem.silent.numel())

    def after_step(self, s: State, mem: SimpleNamespace) -> None:
        """Count, recycle, and take thresholds anew."""
        need_units(s, "SelfNormalizedResets")
        pairs = zip(s.network.units, s.hidden, strict=True)
        quiet = torch.cat([unit.activity(h).amax(2) <= 0 for unit, h in pairs], 1)
        self._record(mem, torch.where(quiet, 0, mem.silent + 1))
        mem.silent.add_(1).mul_(quiet)
        overdue = mem.silent > mem.threshold
        if overdue.any():
            self._record(mem, mem.silent * overdue)
            mem.silent.masked_fill_(overdue, 0)
            for layer, mask in enumerate(overdue.split(mem.widths, 1)):
                s.reset_units(layer, mask)
        if s.step % self.every == 0:
            self._take_thresholds(mem)

    def _record(self, mem: SimpleNamespace, gaps: Tensor) -> None:
        """Enter gaps [R, units] into the history; 0 is none."""
        places = gaps.clamp(max=self.longest + 1).add_(mem.first)
        mem.gaps.view(-1).index_add_(0, places.view(-1), mem.one)

    def _take_thresholds(self, mem: SimpleNamespace) -> None:
        below = mem.gaps[:, :, 1:].cumsum(2)
        total = below[:, :, -1:]
        share = (below < self.percentile * total).sum(2).add_(1)
        wider = (EXPANSION * mem.threshold).clamp_(max=self.longest)
        taken = torch.where(share <= mem.threshold, share, wider)
        mem.threshold = torch.where(total.squeeze(2) > 0, taken, mem.threshold)
        mem.gaps.mul_(0.5)
