"""Soft boundaries for the streams that have hard ones."""

from dataclasses import dataclass, field

import torch

from plastlab.data import Data, Problem
from plastlab.errors import check_choice, check_number, check_type
from plastlab.losses import SquaredError
from plastlab.rng import generator
from plastlab.streams.base import Stream, for_all, take
from plastlab.streams.labels import RandomLabels


@dataclass(frozen=True)
class Gradual(Stream):
    """Another stream with soft boundaries: over the first `over` updates of each task, the new task
    takes the old one's place little by little.

    A weight rises linearly from 0, at the task's first update, to 1, `over` updates later. `how`
    says what it weighs. "examples": it is the share of examples that come from the new task; goes
    with every stream. "inputs": each input is the weighted mean of itself in the new task and in
    the old; goes with streams that change inputs and nothing else. "labels": real targets are
    weighted means in the same way; of classes, the new task's label is drawn with this
    probability, else the old one's, so the expected gradient is that of the weighted mean of the
    two one-hot labels; goes with streams that change labels and nothing else. Held-out examples
    are the new task's. The first task starts at once.

    Source: Liu and Mou (2026): interpolated inputs, interpolated outputs, sampled tasks.
    Differs: labels of classes are sampled, not mixed.
    """

    data: Data = field(init=False)
    tasks: int = field(init=False)
    steps: int = field(init=False)
    batch: int = field(init=False)
    stream: Stream = RandomLabels()
    over: int = 50
    how: str = "examples"

    def __post_init__(self) -> None:
        check_type("Gradual.stream", self.stream, Stream, "Give the stream to soften.")
        if isinstance(self.stream, Gradual):
            raise ValueError("Gradual.stream is gradual already; give the stream to soften.")
        check_number("Gradual.over", self.over, 0, self.stream.steps, integer=True)
        check_choice("Gradual.how", self.how, ("examples", "inputs", "labels"))
        if self.how not in ("examples", self.stream.changes):
            fitting = {"inputs", "labels"} & {self.stream.changes}
            others = "".join(f" or how={how!r}" for how in fitting)
            raise ValueError(
                f"Gradual.how={self.how!r} needs tasks that differ in their {self.how} alone; what "
                f"differs between those of {type(self.stream).__name__} is: {self.stream.changes}. "
                f"Give how='examples'{others}."
            )
        for name in ("data", "tasks", "steps", "batch"):
            object.__setattr__(self, name, getattr(self.stream, name))

    def task(self, t: int, seeds: tuple[int, ...]) -> Problem:
        """The new task's examples, then those that are seen on the way to it."""
        new = self.stream.task(t, seeds)
        if t == 0 or self.over == 0:
            return new
        old = self.stream.task(t - 1, seeds)
        x, y = self._between(old, new, t, seeds) if self._mixes else (old.x, old.y)
        x, y = for_all(_one_after_the_other, new.x, x), _one_after_the_other(new.y, y)
        return Problem(x, y, new.x_test, new.y_test)

    def order(self, t: int, seeds: tuple[int, ...]) -> torch.Tensor:
        """The new task's order, with examples on the way to it in the place of some."""
        order = self.stream.order(t, seeds)
        if t == 0 or self.over == 0:
            return order
        new = self.stream.examples(t, seeds)
        if self._mixes:
            mixed = new + torch.arange(self.over * self.batch).view(self.over, self.batch)
            return torch.cat([mixed.expand(len(seeds), -1, -1), order[:, self.over :]], 1)
        share = (torch.arange(self.steps, dtype=torch.float32) / self.over).clamp(max=1.0)[:, None]
        draws, shape = [generator(seed, "gradual", t) for seed in seeds], order.shape[1:]
        draws = torch.stack(
            [torch.rand(shape, generator=own, dtype=torch.float32) for own in draws]
        )
        return torch.where(draws < share, order, new + order % self.stream.examples(t - 1, seeds))

    @property
    def _mixes(self) -> bool:
        """Whether examples between the two tasks are made, not drawn from one or the other."""
        real = isinstance(self.data.loss, SquaredError)
        return self.how == "inputs" or (self.how == "labels" and real)

    def _between(
        self, old: Problem, new: Problem, t: int, seeds: tuple[int, ...]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The examples of the first `over` updates, in their order: x [S, over * batch, inputs],
        y [S, over * batch, ...]."""
        picks = self.stream.order(t, seeds)[:, : self.over].reshape(len(seeds), -1)
        weight = torch.arange(self.over, dtype=torch.float32) / self.over
        weight = weight.repeat_interleave(self.batch)[:, None]
        x, y = take(new.x, picks), take(new.y, picks)
        if self.how == "inputs":
            return torch.lerp(take(old.x, picks), x, weight), y
        return x, torch.lerp(take(old.y, picks), y, weight)


def _one_after_the_other(first: torch.Tensor, then: torch.Tensor) -> torch.Tensor:
    return torch.cat([first, then], 1)
