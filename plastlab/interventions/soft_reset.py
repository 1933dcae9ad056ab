"""Soft reset: at each update the batch itself says how much of the past to give up."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import ClassVar

import torch

from plastlab.errors import check_choice, check_number, check_type
from plastlab.interventions.base import Intervention
from plastlab.rows import Layout, Rows
from plastlab.state import State

Tensor = torch.Tensor
ENDS = ("start", "zero")


@dataclass(frozen=True)
class SoftReset(Intervention):
    """Draws weights toward where they came from, as far as lowers the loss on the batch that comes
    in, before the update on it: w <- gamma w + (1 - gamma) mean, one gamma a layer.

    Each layer's gamma (or, without `by_layer`, the one for all) is the best of `choices`: 1, and
    1 - `drift`, 1 - drift / 10, and so on. The gradient is then that at the new weights, and the
    layer's update is gamma**2 + (1 - gamma**2) / spread**2 times as long. The mean is the
    replica's own "start" or "zero" (for gains, offsets and slopes always the start); `noise` adds
    sqrt(1 - gamma**2) times a fresh draw of the weights.

    Source: Galashov et al. (2024), "Automatic Soft Parameter Reset".
    Differs: a simplification. The paper fits gamma by gradient steps on the likelihood averaged
        over draws of the weights; here it is picked from a few values by one loss, layer after
        layer from the first. One gradient step follows, no proximal or Bayesian update; the
        optimizer's memory stays. Gradients of penalties are those of before.
    Cost: a forward pass for each layer and choice but gamma = 1, every `every` updates; two more
        forward and backward passes whenever anything drifts; up to three copies of the weights.
        `noise` draws a whole network each time.
    """

    family: ClassVar[str] = "optimizer"
    tuned: ClassVar[tuple[str, tuple]] = ("drift", (0.1, 0.3, 1.0))
    off: ClassVar[dict[str, float]] = {"drift": 0.0}

    drift: float = 0.3
    choices: int = 3
    by_layer: bool = True
    every: int = 1
    mean: str = "start"
    noise: bool = False
    spread: float = 0.7

    def __post_init__(self) -> None:
        check_number("SoftReset.drift", self.drift, 0, 1)
        check_number("SoftReset.choices", self.choices, 1, integer=True)
        check_type("SoftReset.by_layer", self.by_layer, bool, "Give True or False.")
        check_number("SoftReset.every", self.every, 1, integer=True)
        check_choice("SoftReset.mean", self.mean, ENDS)
        check_type("SoftReset.noise", self.noise, bool, "Give True or False.")
        check_number("SoftReset.spread", self.spread, 0, 1, low_open=True)

    @property
    def gammas(self) -> list[float]:
        """The values to choose from besides 1, the nearest to 1 first."""
        drifts = (self.drift / 10**i for i in reversed(range(self.choices - 1)))
        return [1 - drift for drift in drifts if drift > 0]

    def at_start(self, s: State, mem: SimpleNamespace) -> None:
        """Remember where weights drift to, and which entries a gamma is for."""
        layout = s.weights.layout
        mem.mean, mem.layer = s.weights.flat.clone(), _layers(layout, self.by_layer)
        if self.mean == "zero":
            mem.mean.masked_fill_(s.weights.mask(layout.connections), 0.0)

    def after_backward(self, s: State, mem: SimpleNamespace) -> None:
        """Choose, drift, and take the gradient again where anything drifted."""
        mem.before = None
        if s.step % self.every or not self.gammas:
            return
        noise = self._noise(s)
        chosen = self._choose(s, mem, noise)
        if (chosen == 1).all():
            return
        old = _gradient(s)
        s.weights.flat.copy_(_drifted(s.weights.flat, mem, chosen, noise))
        new = _gradient(s)
        drifted = (chosen < 1).any(1, keepdim=True)
        s.gradients.flat.add_((new.flat - old.flat).mul_(drifted))
        mem.before = s.weights.flat.clone()
        mem.length = chosen**2 + (1 - chosen**2) / self.spread**2

    def after_step(self, s: State, mem: SimpleNamespace) -> None:
        """Lengthen the update of the layers that drifted."""
        if mem.before is not None:
            s.weights.flat.lerp_(mem.before, 1 - mem.length[:, mem.layer])

    def _noise(self, s: State) -> Tensor | None:
        """Fresh weights [R, P], zero where there is no randomness in a start."""
        if not self.noise:
            return None
        fresh = s.fresh("soft reset").weights
        return fresh.flat * fresh.mask(fresh.layout.connections)

    def _choose(self, s: State, mem: SimpleNamespace, noise: Tensor | None) -> Tensor:
        """The gammas [R, layers] of the least loss on the batch; ties go to the largest."""
        best = s.loss(s.logits, s.y)
        chosen = torch.ones(len(best), int(mem.layer.max()) + 1)
        for layer in range(chosen.shape[1]):
            for gamma in self.gammas:
                tried = chosen.clone()
                tried[:, layer] = gamma
                weights = Rows(s.weights.layout, _drifted(s.weights.flat, mem, tried, noise))
                network = s.network.twin(weights, s.network.buffers)
                found = s.loss(network.forward(s.x, rate=0.0).logits, s.y)
                chosen = torch.where((found < best)[:, None], tried, chosen)
                best = torch.minimum(found, best)
        return chosen


def _layers(layout: Layout, by_layer: bool) -> Tensor:
    """Number of the layer that each entry of a row belongs to [P]; what stands before the first
    matrix belongs to its layer."""
    numbers = torch.zeros(layout.width, dtype=torch.long)
    for here, names in enumerate(layout.layers if by_layer else ()):
        for name in names:
            numbers[layout.spans[name][0]] = here
    return numbers


def _drifted(weights: Tensor, mem: SimpleNamespace, gammas: Tensor, noise: Tensor | None) -> Tensor:
    """Weights [R, P] after a drift by these gammas [R, layers]; they stay as they are at 1."""
    gamma = gammas[:, mem.layer]
    drifted = torch.lerp(mem.mean, weights, gamma)
    return drifted if noise is None else drifted.addcmul_((1 - gamma**2).sqrt_(), noise)


def _gradient(s: State) -> Rows:
    """Gradient of the loss on the batch at the present weights, as in training."""
    return s.network.gradient(s.x, lambda logits: s.loss.gradient(logits, s.y), rate=0.0)
