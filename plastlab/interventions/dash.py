"""Shrinking that spares what the new task can use."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import ClassVar

import torch.nn.functional as F

from plastlab.errors import check_number
from plastlab.interventions.episodes import Episode
from plastlab.rows import Rows
from plastlab.state import State


@dataclass(frozen=True)
class DASH(Episode):
    """Multiplies each unit's incoming weights (in a convolution, each kernel) by the cosine between
    them and the negative gradient on the new task, but by no less than `lowest`; then the optimizer
    starts anew. What the new data ask for stays, the rest shrinks; no direction changes.

    The gradient is a running average over the first `over` batches, in which the newest has weight
    `ema`; the network does not learn meanwhile. One gathering is finished before another begins.

    Source: Shin, Oh, Cho and Yun (2024), "DASH".
    Differs: a few batches instead of the whole new data set; biases, tables, gains and offsets
        are left alone.
    Cost: a copy of the weights, and `over` updates without learning after each boundary.
    """

    family: ClassVar[str] = "full resets"
    tuned: ClassVar[tuple[str, tuple]] = ("lowest", (0.05, 0.1, 0.3))
    off: ClassVar[dict[str, int]] = {"every": 10**9}

    over: int = 5
    lowest: float = 0.1
    ema: float = 0.3

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("DASH.lowest", self.lowest, 0, 1)
        check_number("DASH.ema", self.ema, 0, 1, low_open=True)

    def launch(self, s: State, mem: SimpleNamespace) -> None:
        """Begins, unless a gathering runs."""
        if not mem.left:
            super().launch(s, mem)

    def begin(self, s: State, mem: SimpleNamespace) -> None:
        """No gradient yet."""
        mem.average = Rows.zeros(s.gradients.layout, len(s.seeds))

    def after_backward(self, s: State, mem: SimpleNamespace) -> None:
        """Gathers the gradient, and lets this update pass without learning."""
        if mem.left:
            mem.average.flat.lerp_(s.gradients.flat, self.ema)
            s.lr.zero_()

    def end(self, s: State, mem: SimpleNamespace) -> None:
        """Shrinks, and starts the optimizer anew."""
        for name in s.weights.layout.matrices:
            cosine = F.cosine_similarity(-mem.average[name], s.weights[name], dim=-1)
            s.weights[name].mul_(cosine.clamp(self.lowest, 1.0).unsqueeze(-1))
        s.reset_optimizer()
