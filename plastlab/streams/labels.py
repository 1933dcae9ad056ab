"""Streams whose labels change: to be memorized anew, or noisy until a time."""

from dataclasses import dataclass

import torch

from plastlab.data import Problem
from plastlab.errors import check_choice, check_number
from plastlab.streams.base import Stream, at_least_one, base, classes, rows, shuffled


@dataclass(frozen=True)
class RandomLabels(Stream):
    """Each task draws new uniform labels for the same inputs, to be memorized.

    With `share` below 1 only that share of the labels (chosen anew at every boundary) is redrawn;
    the others stay as they were in the task before. A redrawn label may be the old one by chance.
    There is nothing to generalize, so the held-out examples are the training examples.

    Source: Lyle et al. (2023), the random-label tasks; Zhang et al. (2017) for fitting random
        labels at all; Lyle et al. (2024, "Disentangling the Causes") for a share.
    """

    share: float = 1.0

    changes = "labels"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_classes()
        check_number("RandomLabels.share", self.share, 0, 1)

    def change(self, problem: Problem, t: int, seeds: tuple[int, ...]) -> Problem:
        """New labels, same inputs."""
        y = torch.stack([self._labels(problem.x.shape[1], t, seed) for seed in seeds])
        return Problem(problem.x, y, problem.x, y)

    def _labels(self, examples: int, t: int, seed: int) -> torch.Tensor:
        """One seed's labels [N]: each from the last task that redrew it, found going back."""
        labels = torch.full((examples,), -1)
        for task in range(t, -1, -1):
            (drawn,) = classes(self.data.outputs, examples, (seed,), "random labels", task)
            redrawn = self._redrawn(examples, task, seed)
            labels = torch.where(redrawn & (labels < 0), drawn, labels)
            if (labels >= 0).all():
                break
        return labels

    def _redrawn(self, examples: int, t: int, seed: int) -> torch.Tensor:
        """Whose labels task `t` redraws: bool [N]."""
        if t == 0 or self.share == 1:
            return torch.ones(examples, dtype=torch.bool)
        (order,) = shuffled(examples, (seed,), "relabeled", t)
        return order < round(self.share * examples)


@dataclass(frozen=True)
class TransientNonstationarity(Stream):
    """An early phase with few examples, noisy labels or wrong labels that fades out; then all is
    right.

    In task t the labels of a share of the examples are right: `share` in the first task, rising
    linearly to 1 at task `until`; who is right once stays right. The `kind` says what the rest is:
    "size", not there at all (a growing data set); "noise", labels drawn anew and uniformly in each
    task; "wrong", labels that are the same each time and never right. Every task has the same
    number of updates. Held-out examples have right labels all along. At `until=0` there is no
    early phase: the control.

    Source: Igl et al. (2021), the supervised experiment with CIFAR-10.
    Differs: the share rises and noise is redrawn with each task, not with each pass over the data
        (for that, let steps * batch be the number of examples).
    """

    kind: str = "noise"
    share: float = 0.05
    until: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("TransientNonstationarity.kind", self.kind, ("size", "noise", "wrong"))
        if self.kind != "size":
            self.check_classes()
        check_number("TransientNonstationarity.share", self.share, 0, 1)
        check_number("TransientNonstationarity.until", self.until, 0, self.tasks, integer=True)

    @property
    def changes(self) -> str:
        """What differs from task to task."""
        return "examples" if self.kind == "size" else "labels"

    def right(self, t: int, examples: int) -> int:
        """How many of the examples have their right label in task `t`."""
        if t >= self.until:
            return examples
        return at_least_one(self.share + (1 - self.share) * t / self.until, examples)

    def examples(self, t: int, seeds: tuple[int, ...]) -> int:
        """All, or those that are there."""
        size = base(self.data, tuple(seeds)).x.shape[1]
        return self.right(t, size) if self.kind == "size" else size

    def change(self, problem: Problem, t: int, seeds: tuple[int, ...]) -> Problem:
        """The rows that are right, or all rows with some labels replaced."""
        size = problem.x.shape[1]
        right = self.right(t, size)
        if right == size:
            return problem
        order = shuffled(size, seeds, "transient")
        if self.kind == "size":
            return rows(problem, order[:, :right])
        others = order[:, right:]
        labels = self._corrupt(problem.y, t, seeds).gather(1, others)
        y = problem.y.scatter(1, others, labels)
        return Problem(problem.x, y, problem.x_test, problem.y_test)

    def _corrupt(self, y: torch.Tensor, t: int, seeds: tuple[int, ...]) -> torch.Tensor:
        """Labels for those whose turn has not come [S, N]."""
        size, number = y.shape[1], self.data.outputs
        if self.kind == "noise":
            return classes(number, size, seeds, "transient noise", t)
        return (y + 1 + classes(number - 1, size, seeds, "transient wrong")) % number
