"""What a stream is, and the one that does not change."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch

from plastlab.data import Data, Mnist1d, Problem
from plastlab.data.door import admitted, check_data, check_order, versions
from plastlab.data.drawn import base
from plastlab.errors import check_number, check_type
from plastlab.losses import CrossEntropy
from plastlab.rng import generator
from plastlab.spec import Spec


@dataclass(frozen=True)
class Stream(Spec):
    """`tasks` problems, one after the other, with `steps` updates on batches of `batch` each.

    Subclasses say in `change` what becomes of the base problem `data` at task t, and in `changes`
    what differs from task to task: "nothing"; "inputs" or "labels" (or real targets) if the same
    examples stay in the same rows; else "examples".
    """

    data: Data = Mnist1d()
    tasks: int = 20
    steps: int = 100
    batch: int = 32

    changes: ClassVar[str] = "examples"

    def __post_init__(self) -> None:
        name = type(self).__name__
        check_type(f"{name}.data", self.data, Data, "Give for example Mnist1d(examples=128).")
        check_data(self.data)
        for setting in ("tasks", "steps", "batch"):
            check_number(f"{name}.{setting}", getattr(self, setting), 1, integer=True)

    def change(self, problem: Problem, t: int, seeds: tuple[int, ...]) -> Problem:
        """The base problem as task `t` (from 0) sees it."""
        raise TypeError(f"{type(self).__name__} does not say how its tasks change: write `change`")

    def task(self, t: int, seeds: tuple[int, ...]) -> Problem:
        """Task `t` (from 0) for every seed: x [S, N, inputs], y [S, N], and the same held out."""
        self.check_task(t)
        name, problem = f"{type(self).__name__}.change", base(self.data, tuple(seeds))
        before = versions(problem)
        task = self.change(problem, t, tuple(seeds))
        if versions(problem) != before:
            base.cache_clear()
            raise ValueError(
                f"{name} writes to the base problem that it was lent, which every task shares. "
                "Make new tensors: problem.x * 2, not problem.x.mul_(2)."
            )
        return admitted(task, name, self.data, tuple(seeds), known=problem)

    def examples(self, t: int, seeds: tuple[int, ...]) -> int:
        """How many training examples task `t` has, N."""
        if self.changes != "examples":  # they stay in the same rows
            return base(self.data, tuple(seeds)).x.shape[1]
        return self.task(t, seeds).x.shape[1]

    def order(self, t: int, seeds: tuple[int, ...]) -> torch.Tensor:
        """Which examples each update of task `t` sees [S, steps, batch]: whole passes over the
        examples, each in a new random order."""
        examples, needed = self.examples(t, seeds), self.steps * self.batch
        rows = []
        for seed in seeds:
            own = generator(seed, "order", t)
            passes = [
                torch.randperm(examples, generator=own) for _ in range(-(-needed // examples))
            ]
            rows.append(torch.cat(passes)[:needed].view(self.steps, self.batch))
        return torch.stack(rows)

    def check_task(self, t: int) -> None:
        """Raise unless the stream has a task `t`."""
        check_number(f"{type(self).__name__}.task: t", t, 0, self.tasks - 1, integer=True)

    def check_classes(self) -> None:
        """Raise unless the data have classes."""
        remedy = "Labels need classes: give Mnist1d, Digits or Gaussian."
        check_type(f"{type(self).__name__}.data: its loss", self.data.loss, CrossEntropy, remedy)


@dataclass(frozen=True)
class Stationary(Stream):
    """The same problem all along: the control without any change.

    Source: the control of every other stream; of no paper.
    """

    changes = "nothing"

    def change(self, problem: Problem, t: int, seeds: tuple[int, ...]) -> Problem:
        """Nothing changes."""
        return problem


def lesson(stream: Stream, t: int, seeds: tuple[int, ...]) -> tuple[Problem, torch.Tensor]:
    """Task `t` and its order, checked, for whoever trains on them.

    Raises:
        TypeError, ValueError: a stream of the reader's own gives something else.
    """
    kind, name = type(stream), type(stream).__name__
    task = stream.task(t, seeds)
    if kind.task is not Stream.task:
        task = admitted(task, f"{name}.task", stream.data, seeds)
    found = task.x.shape[1]
    if kind.examples is not Stream.examples or stream.changes != "examples":
        said = stream.examples(t, seeds)
        if said != found:
            raise ValueError(
                f"{name}.examples says that task {t} has {said}, but its x has {found}. Where "
                'tasks differ in more than inputs or labels, write `changes = "examples"`.'
            )
    order = stream.order(t, seeds)
    if kind.order is not Stream.order:
        shape = len(seeds), stream.steps, stream.batch
        order = check_order(f"{name}.order", order, shape, found)
    return task, order


def shared(values: torch.Tensor) -> bool:
    """Whether all seeds have the same values [S, ...], kept once: those of `expand`."""
    return values.shape[0] > 1 and values.stride(0) == 0


def for_all(make: Callable[..., torch.Tensor], *values: torch.Tensor) -> torch.Tensor:
    """What `make` gives for values [S, ...]; made and kept once if all seeds share them."""
    if not all(map(shared, values)):
        return make(*values)
    once = make(*(v[:1] for v in values))
    return once.expand(len(values[0]), *once.shape[1:])


def shuffled(size: int, seeds: tuple[int, ...], *key: object) -> torch.Tensor:
    """A random order of `size` things for each seed [S, size]."""
    return torch.stack([torch.randperm(size, generator=generator(seed, *key)) for seed in seeds])


def classes(number: int, examples: int, seeds: tuple[int, ...], *key: object) -> torch.Tensor:
    """Uniform draws of one of `number` classes for each example of each seed [S, examples]."""
    return torch.stack(
        [torch.randint(number, (examples,), generator=generator(seed, *key)) for seed in seeds]
    )


def at_least_one(share: float, of: int) -> int:
    """A share as a whole number of examples, at least one."""
    return max(1, round(share * of))


def take(values: torch.Tensor, picks: torch.Tensor) -> torch.Tensor:
    """Rows `picks` [S, K] of values [S, N, ...], each seed its own: [S, K, ...]."""
    return torch.stack([own[pick] for own, pick in zip(values, picks, strict=True)])


def rows(problem: Problem, picks: torch.Tensor) -> Problem:
    """The problem with the training examples `picks` [S, K] only."""
    return Problem(take(problem.x, picks), take(problem.y, picks), problem.x_test, problem.y_test)
