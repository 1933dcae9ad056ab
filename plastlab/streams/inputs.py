"""Streams whose inputs change."""

from dataclasses import dataclass

import torch

from plastlab.data import Data, LTURegression, Problem
from plastlab.data.regression import bits
from plastlab.errors import check_number, check_type
from plastlab.rng import generator
from plastlab.streams.base import Stream, shuffled

BLOCK = 256  # flips drawn at once, so that a late task does not take a generator for each
LISTED = 9  # bits of which all combinations are held out: 512


@dataclass(frozen=True)
class PermutedInputs(Stream):
    """Each task shuffles the input features by a new permutation; labels stay.

    Held-out inputs are shuffled alike.

    Source: Goodfellow et al. (2013), the permuted-input tasks; for plasticity Dohare et al. (2024).
    """

    changes = "inputs"

    def change(self, problem: Problem, t: int, seeds: tuple[int, ...]) -> Problem:
        """A new permutation of the features, the same for training and held-out inputs."""
        permutations = shuffled(self.data.inputs, seeds, "permuted inputs", t)
        x, x_test = (
            v.gather(2, permutations[:, None].expand(v.shape)) for v in (problem.x, problem.x_test)
        )
        return Problem(x, problem.y, x_test, problem.y_test)


@dataclass(frozen=True)
class SlowlyChangingRegression(Stream):
    """Of the input bits, `slow` keep their values during a task and one of them flips at each
    boundary; the others are random in every example. The target function stays.

    Every example is new: task t has steps * batch of them, seen once, in order, so the number of
    examples that `data` names does not matter. The online loss is the measure (`online(loss)`).
    Held-out examples are all inputs that the task can show, or 512 random ones if there are more.
    With `redraw`, all slow bits are drawn anew at each boundary.

    Source: Dohare et al. (2024), slowly-changing regression ("bit flipping" in 2021).
    Differs: their released settings redraw all slow bits (`redraw=True`), their text flips one.
        The constant input is the network's bias. Thresholds count the constant's weight as they
        count the others'; the released code counts it with the other sign.
    """

    data: Data = LTURegression()
    tasks: int = 100
    steps: int = 10_000
    batch: int = 1
    slow: int = 15
    redraw: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        name = type(self).__name__
        check_type(f"{name}.data", self.data, LTURegression, "Give LTURegression().")
        check_number(f"{name}.slow", self.slow, 1, self.data.inputs, integer=True)
        check_type(f"{name}.redraw", self.redraw, bool)

    def task(self, t: int, seeds: tuple[int, ...]) -> Problem:
        """Task `t`: x [S, steps * batch, inputs], y [S, steps * batch, 1]."""
        self.check_task(t)
        quick = self.data.inputs - self.slow
        x = bits((self.steps * self.batch, quick), seeds, "quick bits", t)
        if quick <= LISTED:
            every = torch.arange(2**quick)[:, None] >> torch.arange(quick) & 1
            x_test = every.float().expand(len(seeds), -1, -1)
        else:
            x_test = bits((2**LISTED, quick), seeds, "quick bits held out", t)
        x, x_test = (self._beside_slow(v, t, seeds) for v in (x, x_test))
        return Problem(x, self.data.targets(x, seeds), x_test, self.data.targets(x_test, seeds))

    def examples(self, t: int, seeds: tuple[int, ...]) -> int:
        """One for each place in a batch."""
        return self.steps * self.batch

    def order(self, t: int, seeds: tuple[int, ...]) -> torch.Tensor:
        """Each example once [S, steps, batch]."""
        once = torch.arange(self.steps * self.batch).view(self.steps, self.batch)
        return once.expand(len(seeds), -1, -1)

    def slow_bits(self, t: int, seeds: tuple[int, ...]) -> torch.Tensor:
        """The slow bits of task `t` [S, slow]."""
        if self.redraw:
            return bits((self.slow,), seeds, "slow bits", t)
        flips = torch.zeros(len(seeds), self.slow, dtype=torch.float32)
        for row, seed in zip(flips, seeds, strict=True):
            row += torch.bincount(self._flipped(t, seed), minlength=self.slow)
        return (bits((self.slow,), seeds, "slow bits", 0) + flips) % 2

    def _flipped(self, t: int, seed: int) -> torch.Tensor:
        """Which bit flipped at each of the boundaries up to task `t` [t]."""
        blocks = [
            torch.randint(self.slow, (BLOCK,), generator=generator(seed, "flips", block))
            for block in range(-(-t // BLOCK))
        ]
        return torch.cat([torch.empty(0, dtype=torch.int64), *blocks])[:t]

    def _beside_slow(self, quick: torch.Tensor, t: int, seeds: tuple[int, ...]) -> torch.Tensor:
        """Inputs [S, N, inputs]: slow bits first, then quick ones [S, N, quick]."""
        slow = self.slow_bits(t, seeds)[:, None].expand(-1, quick.shape[1], -1)
        return torch.cat([slow, quick], 2)
