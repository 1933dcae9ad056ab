"""States of a moving thing, and what to do there."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from plastlab.data.base import Data, Problem
from plastlab.errors import check_choice, check_number
from plastlab.rng import generator


@dataclass(frozen=True)
class Cart(Data):
    """A cart at x moves with velocity v; which way is its engine to push, as hard as it can, so
    that it comes to rest at 0 soonest? Class 1 is left: the best push where x + v |v| / 2 > 0.

    States come from all directions alike; their size is log-uniform from `low` to `high`. 512 are
    held out. The answer is not the same along a ray: (1, -1) calls for another push than (10, -10).

    Source: the double integrator, a textbook problem of optimal control.
    """

    examples: int = 1000
    low: float = 0.3
    high: float = 10.0

    inputs = 2
    outputs = 2

    def __post_init__(self) -> None:
        check_number("Cart.examples", self.examples, 1, integer=True)
        check_number("Cart.low", self.low, 0, low_open=True)
        check_number("Cart.high", self.high, self.low, low_open=True)

    def draw(self, seeds: tuple[int, ...]) -> Problem:
        """x [S, examples, 2], position and velocity, and y [S, examples]."""
        shape = (2, self.examples + 512)
        draws = [generator(seed, "cart") for seed in seeds]
        drawn = [torch.rand(shape, generator=own, dtype=torch.float32) for own in draws]
        size, turn = torch.stack(drawn).unbind(1)
        size = self.low * (self.high / self.low) ** size
        x = torch.stack([size * (2 * math.pi * turn).cos(), size * (2 * math.pi * turn).sin()], 2)
        y = (x[..., 0] + x[..., 1] * x[..., 1].abs() / 2 > 0).long()
        n = self.examples
        return Problem(x[:, :n], y[:, :n], x[:, n:], y[:, n:])

    def ceiling(self, known: str) -> float:
        """The best accuracy of anyone who knows only the "direction" of a state, or only its
        "order", which of its two numbers is larger."""
        check_choice("Cart.ceiling: known", known, ("direction", "order"))
        turn = (np.arange(100_000) + 0.5) / 100_000 * math.pi / 2  # from (1, 0) down to (0, -1)
        switch = 2 * np.cos(turn) / np.sin(turn) ** 2  # up to this size, push left
        left = np.clip(np.log(switch / self.low) / math.log(self.high / self.low), 0, 1)
        if known == "direction":  # in half of the directions both numbers have one sign: no doubt
            return float(0.5 + np.maximum(left, 1 - left).mean() / 2)
        share = 0.25 + left.mean() / 2  # x > v: this quarter, half of (+, +) and half of (-, -)
        return float(max(share, 1 - share))
