"""Continual backprop: at every update, a few of the least useful mature units are replaced."""

from collections.abc import Iterable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import torch

from plastlab.errors import check_choice, check_number
from plastlab.interventions.base import Intervention
from plastlab.interventions.neurons import need_recyclable, need_units
from plastlab.nets.convolution import Conv1d
from plastlab.nets.layers import Layer, Linear, Reshape, Residual
from plastlab.nets.modules import ModuleNetwork
from plastlab.nets.network import Units
from plastlab.nets.normalization import LayerNorm
from plastlab.nets.pointwise import CReLU, ReLU
from plastlab.optim import ONE
from plastlab.rng import generator
from plastlab.rows import Rows
from plastlab.state import State

Tensor = torch.Tensor
UTILITIES = (
    "contribution",
    "mean-corrected contribution",
    "adaptation",
    "adaptable contribution",
    "weight magnitude",
    "random",
)
SMALL = 1e-12
NEVER_NEGATIVE = (Linear, Conv1d, LayerNorm, Reshape, ReLU, CReLU)  # networks made of these


@dataclass(frozen=True)
class ContinualBackprop(Intervention):
    """Replaces the least useful of the units that are older than `maturity` updates: in each layer
    `replacement_rate` of them an update, a fraction that adds up until a whole unit is due.

    Usefulness is an average over updates with this `decay`, corrected for its start, of
    "contribution": mean |h| times mean |outgoing weight|; "mean-corrected contribution": the same
    with |h - its running mean|; "adaptation": 1 / mean |incoming weight|; "adaptable contribution":
    the product of the last two; "weight magnitude": mean |outgoing weight|; or "random".

    A replaced unit starts as a new one that nobody reads, and what it gave on average moves to the
    next bias. With `decay` 0.99, a hundred updates count.

    Source: Dohare et al. (2021), algorithm 1; Dohare et al. (2024), section "Continual
        backpropagation" (its `contribution` is the default here).
    Differs: fractions of units are added up, and not drawn; a unit's contribution is the mean over
        the features that it gives (halves of CReLU, positions that a matrix reads); the running
        mean of a feature does reach the next bias, which in the authors' code is zeroed too early;
        the optimizer forgets biases and update counts, too.
    Cost: each update two looks at the activations and one at the outgoing weights; once a unit has
        been replaced, Adam keeps its bias corrections for every entry.
    """

    family: ClassVar[str] = "neuron resets"
    tuned: ClassVar[tuple[str, tuple]] = ("replacement_rate", (1e-4, 1e-3, 1e-2))
    off: ClassVar[dict[str, Any]] = {"replacement_rate": 0.0}
    eager: ClassVar[dict[str, Any]] = {"replacement_rate": 0.1, "maturity": 3}

    replacement_rate: float = 1e-4
    maturity: int = 100
    decay: float = 0.99
    utility: str = "contribution"

    def __post_init__(self) -> None:
        check_number("ContinualBackprop.replacement_rate", self.replacement_rate, 0, 1)
        check_number("ContinualBackprop.maturity", self.maturity, 0, integer=True)
        check_number("ContinualBackprop.decay", self.decay, 0, 1 - 1e-9)
        check_choice("ContinualBackprop.utility", self.utility, UTILITIES)

    def network(self, spec: Any) -> Any:
        """The same, if its units can be recycled."""
        return need_recyclable(spec, "ContinualBackprop")

    def at_start(self, s: State, mem: SimpleNamespace) -> None:
        """All units are new."""
        positive = not isinstance(s.network, ModuleNetwork) and _positive(s.network.layers)
        mem.layers = [Tracked(unit, s.weights, self.decay, positive) for unit in s.network.units]
        shape = len(mem.layers), len(s.seeds)
        # by layer and replica: mature units, updates that mature units have lived, replacements
        mem.mature, mem.lived, mem.replaced = (np.zeros(shape, dtype=np.int64) for _ in range(3))
        mem.counted = 0  # the step up to which these are right
        mem.matures = [self.maturity + 1]  # steps at which units become mature
        mem.next = mem.matures[0]  # before that step nothing can be due

    def after_step(self, s: State, mem: SimpleNamespace) -> None:
        """Look, and replace what is due."""
        need_units(s, "ContinualBackprop")
        for tracked, h in zip(mem.layers, s.hidden, strict=True):
            tracked.look(h, s.weights, self.utility)
        if s.step >= mem.next:
            self._count(s, mem)
            due = (self.replacement_rate * mem.lived + SMALL).astype(np.int64) - mem.replaced
            if due.any():
                self._replace(s, mem, due)
            mem.next = self._next(s.step, mem)

    def _count(self, s: State, mem: SimpleNamespace) -> None:
        """Bring the counts up to this step."""
        mem.lived += mem.mature * (s.step - 1 - mem.counted)
        mem.mature[:] = [self._mature(s, tracked).sum(1).numpy() for tracked in mem.layers]
        mem.lived += mem.mature
        mem.counted = s.step

    def _next(self, step: int, mem: SimpleNamespace) -> float:
        """The next step at which a unit becomes due or mature."""
        mem.matures = [at for at in mem.matures if at > step]
        with np.errstate(divide="ignore"):
            missing = mem.replaced + 1 - self.replacement_rate * mem.lived
            wait = missing / (self.replacement_rate * mem.mature)
        due = step + max(1.0, np.ceil(wait.min() - SMALL * step)) if wait.size else np.inf
        return min(due, *mem.matures, np.inf)

    def _mature(self, s: State, tracked: "Tracked") -> Tensor:
        """Which units may be replaced [R, units]."""
        return s.step - tracked.born > self.maturity

    def _replace(self, s: State, mem: SimpleNamespace, due: np.ndarray) -> None:
        """Replace so many of the least useful mature units in each layer and replica."""
        for layer in due.any(1).nonzero()[0].tolist():
            tracked = mem.layers[layer]
            useful = self._usefulness(s, layer, tracked)
            useful = useful.masked_fill(~self._mature(s, tracked), torch.inf)
            mask = torch.zeros_like(useful, dtype=torch.bool)
            for r in due[layer].nonzero()[0].tolist():
                mask[r, useful[r].argsort(stable=True)[: due[layer, r]]] = True
            s.reset_units(layer, mask, tracked.usual())
            tracked.forget(mask, s.step)
        mem.replaced += due
        mem.mature -= due
        mem.matures.append(s.step + self.maturity + 1)

    def _usefulness(self, s: State, layer: int, tracked: "Tracked") -> Tensor:
        """What units are ranked by [R, units]."""
        if self.utility != "random":
            return tracked.utility / tracked.seen
        key = "random utility", s.step, layer
        units = tracked.utility.shape[1]
        return torch.stack([torch.rand(units, generator=generator(r, *key)) for r in s.seeds])


class Tracked:
    """What continual backprop remembers of one hidden layer: the step at which each unit was born
    [R, units], and running averages since then, from 0, of its utility [R, units], of its features'
    values [R, inputs of the next matrix], and of ones (`seen`), by which the others are divided."""

    def __init__(self, unit: Units, weights: Rows, decay: float, positive: bool) -> None:
        self.unit, self.rate, self.positive = unit, 1 - decay, positive
        replicas, units = weights[f"{unit.incoming}weight"].shape[:2]
        self.inputs = weights[f"{unit.outgoing}weight"].shape[2]
        self.born = torch.zeros(replicas, units, dtype=torch.int64)
        self.utility, self.seen = torch.zeros(replicas, units), torch.zeros(replicas, units)
        self.mean = torch.zeros(replicas, self.inputs)
        self._rooms: dict[str, Tensor] = {}

    def usual(self) -> Tensor:
        """Each feature's usual value [R, inputs of the next matrix]."""
        seen = self.seen if self.inputs == self.seen.shape[1] else self.unit.columns(self.seen)
        return self.mean / seen

    def look(self, h: Tensor, weights: Rows, utility: str) -> None:
        """Take in the activations [R, features, ..., B] of one update."""
        h = h.reshape(len(h), self.inputs, -1)
        mean = h.mean(2)
        self.mean.lerp_(mean, self.rate)
        self.seen.lerp_(ONE, self.rate)
        if utility != "random":
            self.utility.lerp_(self._of_this_batch(h, mean, weights, utility), self.rate)

    def _of_this_batch(self, h: Tensor, mean: Tensor, weights: Rows, utility: str) -> Tensor:
        """The utility that a batch shows [R, units]."""
        if utility == "adaptation":
            return self._adaptation(weights)
        outgoing = weights[f"{self.unit.outgoing}weight"]
        read = torch.abs(outgoing, out=self._room("outgoing", outgoing)).mean(1)
        read = read.mean(2) if read.dim() == 3 else read
        if utility == "weight magnitude":
            return self._by_unit(read)
        if utility == "contribution":
            size = mean if self.positive else torch.abs(h, out=self._room("h", h)).mean(2)
            return self._by_unit(size.mul_(read))
        surprise = torch.sub(h, self.usual().unsqueeze(2), out=self._room("h", h)).abs_()
        contribution = self._by_unit(surprise.mean(2).mul_(read))
        adaptable = utility == "adaptable contribution"
        return contribution * self._adaptation(weights) if adaptable else contribution

    def _room(self, name: str, like: Tensor) -> Tensor:
        """A tensor to write into: making a new one each time takes longer than filling it."""
        if name not in self._rooms or self._rooms[name].shape != like.shape:
            self._rooms[name] = torch.empty_like(like, memory_format=torch.contiguous_format)
        return self._rooms[name]

    def _adaptation(self, weights: Rows) -> Tensor:
        """1 / mean |incoming weight| [R, units]."""
        incoming = self.unit.incoming_of(weights)
        size = torch.abs(incoming, out=self._room("incoming", incoming)).mean(2)
        return size.clamp_min_(SMALL).reciprocal_()

    def _by_unit(self, values: Tensor) -> Tensor:
        """Values [R, inputs of the next matrix] as each unit's mean [R, units]."""
        if self.inputs == self.utility.shape[1]:
            return values
        return values.view(len(values), self.unit.copies, -1, self.unit.spread).mean((1, 3))

    def forget(self, mask: Tensor, step: int) -> None:
        """The units where mask [R, units] is true are born now."""
        self.utility.masked_fill_(mask, 0.0)
        self.seen.masked_fill_(mask, 0.0)
        self.mean.masked_fill_(self.unit.columns(mask), 0.0)
        self.born.masked_fill_(mask, step)


def _positive(layers: Iterable[Layer]) -> bool:
    """Whether hidden activations are never negative, so that |h| need not be computed."""
    return all(
        _positive(layer.layers) if type(layer) is Residual else type(layer) in NEVER_NEGATIVE
        for layer in layers
    )
