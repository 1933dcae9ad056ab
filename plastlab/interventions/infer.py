"""InFeR: the features keep the power to predict what the initial network predicted."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import ClassVar

import torch

from plastlab.errors import check_number
from plastlab.interventions.feature_penalties import FeaturePenalty, features
from plastlab.nets.layers import fan_in_start
from plastlab.products import product
from plastlab.rng import generator
from plastlab.rows import Layout, Rows
from plastlab.state import State

Tensor = torch.Tensor


@dataclass(frozen=True)
class InFeR(FeaturePenalty):
    """Adds strength times the mean over batch and heads of (g_i(x) - beta g_i0(x))^2 to the loss:
    `heads` linear heads g_i on the features are trained to give `beta` times the answers g_i0 that
    they gave at the start, on the features of the initial network.

    A large beta makes features and heads grow, so it must suit the size of the features and the
    number of updates.

    Source: Lyle, Rowland and Dabney (2022), section "InFeR".
    Differs: beta is 10 (the paper: 100, a port: 175), for short streams. As in the port, heads
        start as `torch.nn.Linear` does and the error is their mean (the paper: their sum). The
        heads are no part of the network that other methods see, and have an optimizer of their
        own with the condition's settings.
    Cost: one more forward pass each update, a copy of the initial network, and the heads.
    """

    tuned: ClassVar[tuple[str, tuple]] = ("beta", (1.0, 10.0, 100.0))

    strength: float = 0.1
    beta: float = 10.0
    heads: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("InFeR.beta", self.beta, 0)
        check_number("InFeR.heads", self.heads, 1, integer=True)

    def at_start(self, s: State, mem: SimpleNamespace) -> None:
        """Remember the initial network; the heads come with the first features."""
        mem.initial = s.network.twin(s.weights.clone(), s.buffers.clone())
        mem.heads = None

    def slope(self, s: State, mem: SimpleNamespace, h: Tensor) -> Tensor:
        """Twice the heads' errors, back through the heads; and the heads' own gradient."""
        if mem.heads is None:
            self._make_heads(s, mem, h.shape[1])
        frozen = features(mem.initial.forward(s.x).hidden, self)
        weight, bias = mem.heads["weight"], mem.heads["bias"]
        target = product(mem.start["weight"], frozen).add_(mem.start["bias"].unsqueeze(2))
        error = product(weight, h).add_(bias.unsqueeze(2)).sub_(target, alpha=self.beta)
        error *= 2 / (h.shape[2] * self.heads)
        product(error, h.mT, out=mem.gradients["weight"])
        torch.sum(error, 2, out=mem.gradients["bias"])
        return product(weight.mT, error)

    def after_step(self, s: State, mem: SimpleNamespace) -> None:
        """Train the heads."""
        mem.gradients.flat.mul_(self.strength)
        mem.optimizer.lr.copy_(s.lr)
        mem.optimizer.step(mem.gradients)

    def _make_heads(self, s: State, mem: SimpleNamespace, size: int) -> None:
        layout = Layout((("weight", (self.heads, size)), ("bias", (self.heads,))))
        mem.heads, mem.gradients = (Rows.zeros(layout, len(s.seeds)) for _ in range(2))
        for r, seed in enumerate(s.seeds):
            own = generator(seed, "InFeR")
            for name, shape in layout.shapes:
                mem.heads[name][r] = fan_in_start(name, shape, size, None, own)
        mem.start = mem.heads.clone()
        mem.optimizer = s.optimizer_for(mem.heads)
