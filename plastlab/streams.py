"""Streams: sequences of learning problems. Pure and random-access: task t of seed s is the same
whoever asks, in whatever order."""

from dataclasses import dataclass, field
from functools import lru_cache

import torch

from plastlab.data import Data, Mnist1d, Problem
from plastlab.errors import check_number, check_type
from plastlab.losses import CrossEntropy
from plastlab.rng import generator


@dataclass(frozen=True)
class Stream:
    """`tasks` problems, one after the other, with `steps` updates on batches of `batch` each.

    Subclasses say in `change` what becomes of the base problem `data` at task t.
    """

    data: Data = Mnist1d()
    tasks: int = 20
    steps: int = 100
    batch: int = 32

    def __post_init__(self) -> None:
        name = type(self).__name__
        check_type(f"{name}.data", self.data, Data, "Give for example Mnist1d(examples=128).")
        for setting in ("tasks", "steps", "batch"):
            check_number(f"{name}.{setting}", getattr(self, setting), 1, integer=True)

    def change(self, problem: Problem, t: int, seeds: tuple[int, ...]) -> Problem:
        """The base problem as task `t` (from 0) sees it."""
        raise TypeError(f"{type(self).__name__} does not say how its tasks change: write `change`")

    def task(self, t: int, seeds: tuple[int, ...]) -> Problem:
        """Task `t` (from 0) for every seed: x [S, N, inputs], y [S, N], and the same held out."""
        check_number(f"{type(self).__name__}.task: t", t, 0, self.tasks - 1, integer=True)
        return self.change(_base(self.data, tuple(seeds)), t, tuple(seeds))

    def order(self, t: int, seeds: tuple[int, ...]) -> torch.Tensor:
        """Which examples each update of task `t` sees [S, steps, batch]: whole passes over the
        examples, each in a new random order."""
        examples, needed = self.task(t, seeds).x.shape[1], self.steps * self.batch
        rows = []
        for seed in seeds:
            own = generator(seed, "order", t)
            passes = [
                torch.randperm(examples, generator=own) for _ in range(-(-needed // examples))
            ]
            rows.append(torch.cat(passes)[:needed].view(self.steps, self.batch))
        return torch.stack(rows)


@dataclass(frozen=True)
class Stationary(Stream):
    """The same problem all along: the control without any change."""

    def change(self, problem: Problem, t: int, seeds: tuple[int, ...]) -> Problem:
        """Nothing changes."""
        return problem


@dataclass(frozen=True)
class RandomLabels(Stream):
    """Each task draws new uniform labels for the same inputs, to be memorized.

    There is nothing to generalize, so the held-out examples are the training examples.

    Source: Lyle et al. (2023), the random-label tasks; Zhang et al. (2017) for fitting random
        labels at all.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        remedy = "Labels need classes: give Mnist1d, Digits or Gaussian."
        check_type("RandomLabels.data: its loss", self.data.loss, CrossEntropy, remedy)

    def change(self, problem: Problem, t: int, seeds: tuple[int, ...]) -> Problem:
        """New labels, same inputs."""
        size, classes = problem.x.shape[1:2], self.data.outputs
        y = torch.stack(
            [
                torch.randint(classes, size, generator=generator(seed, "random labels", t))
                for seed in seeds
            ]
        )
        return Problem(problem.x, y, problem.x, y)


@dataclass(frozen=True)
class PermutedInputs(Stream):
    """Each task shuffles the input features by a new permutation; labels stay.

    Source: Goodfellow et al. (2013), the permuted-input tasks; for plasticity Dohare et al. (2024).
    """

    def change(self, problem: Problem, t: int, seeds: tuple[int, ...]) -> Problem:
        """A new permutation of the features, the same for training and held-out inputs."""
        permutations = torch.stack(
            [
                torch.randperm(self.data.inputs, generator=generator(seed, "permuted inputs", t))
                for seed in seeds
            ]
        )
        x, x_test = (
            v.gather(2, permutations[:, None].expand(v.shape)) for v in (problem.x, problem.x_test)
        )
        return Problem(x, problem.y, x_test, problem.y_test)


@dataclass(frozen=True)
class Gradual(Stream):
    """Another stream with soft boundaries: over the first `over` updates of each task, the share
    of examples that come from the new task rises linearly from 0 to 1.

    Held-out examples are the new task's. The first task starts at once.

    Source: in the spirit of Liu and Mou (2026), who change tasks gradually in several ways.
    """

    data: Data = field(init=False)
    tasks: int = field(init=False)
    steps: int = field(init=False)
    batch: int = field(init=False)
    stream: Stream = RandomLabels()
    over: int = 50

    def __post_init__(self) -> None:
        check_type("Gradual.stream", self.stream, Stream, "Give the stream to soften.")
        if isinstance(self.stream, Gradual):
            raise ValueError("Gradual.stream is gradual already; give the stream to soften.")
        check_number("Gradual.over", self.over, 0, self.stream.steps, integer=True)
        for name in ("data", "tasks", "steps", "batch"):
            object.__setattr__(self, name, getattr(self.stream, name))

    def task(self, t: int, seeds: tuple[int, ...]) -> Problem:
        """The new task's examples, then the previous task's."""
        new = self.stream.task(t, seeds)
        if t == 0:
            return new
        old = self.stream.task(t - 1, seeds)
        return Problem(
            torch.cat([new.x, old.x], 1), torch.cat([new.y, old.y], 1), new.x_test, new.y_test
        )

    def order(self, t: int, seeds: tuple[int, ...]) -> torch.Tensor:
        """The new task's order, with examples of the previous task in the place of some."""
        order = self.stream.order(t, seeds)
        if t == 0 or self.over == 0:
            return order
        share = (torch.arange(self.steps) / self.over).clamp(max=1.0)[:, None]
        draws = torch.stack(
            [torch.rand(order.shape[1:], generator=generator(seed, "gradual", t)) for seed in seeds]
        )
        new, old = (self.stream.task(i, seeds).x.shape[1] for i in (t, t - 1))
        return torch.where(draws < share, order, new + order % old)


@lru_cache(maxsize=16)
def _base(data: Data, seeds: tuple[int, ...]) -> Problem:
    return data.draw(seeds)
