"""Streams in which examples or classes arrive little by little, all from one problem."""

from dataclasses import dataclass

import torch

from plastlab.data import Problem
from plastlab.errors import check_number, check_type
from plastlab.streams.base import Stream, at_least_one, base, rows, shuffled, take


@dataclass(frozen=True)
class WarmStart(Stream):
    """First a share of the training examples, then all of them.

    Tasks before `until` show the same random `share` of the examples, the others all. Every task
    has the same number of updates, however many examples it shows, so a condition with FullReset
    is the control that starts from scratch on all the data: it has as many updates on them.
    Held-out examples are the same all along. At `until=0` every task shows all.

    Source: Ash and Adams (2020), half of the data and then all.
    Differs: a fixed number of updates for each part, where theirs train to 99 % accuracy.
    """

    tasks: int = 2
    steps: int = 1500
    share: float = 0.5
    until: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        name = type(self).__name__
        check_number(f"{name}.share", self.share, 0, 1, low_open=True)
        check_number(f"{name}.until", self.until, 0, self.tasks, integer=True)

    def examples(self, t: int, seeds: tuple[int, ...]) -> int:
        """All, or the share."""
        size = base(self.data, tuple(seeds)).x.shape[1]
        return size if t >= self.until else at_least_one(self.share, size)

    def change(self, problem: Problem, t: int, seeds: tuple[int, ...]) -> Problem:
        """All rows, or some."""
        if t >= self.until:
            return problem
        size = problem.x.shape[1]
        chosen = shuffled(size, seeds, "warm start")[:, : at_least_one(self.share, size)]
        return rows(problem, chosen)


@dataclass(frozen=True)
class EarlyOvertraining(WarmStart):
    """A small part of the training examples for long, then all of them; the distribution stays.

    WarmStart with a small `share` for several tasks. Held-out examples are the same all along.

    Source: Ash and Adams (2020), and the growing data set of Igl et al. (2021); in reinforcement
        learning the heavy priming of Nikishin et al. (2022).
    """

    tasks: int = 10
    steps: int = 300
    share: float = 0.05
    until: int = 5


@dataclass(frozen=True)
class ClassIncremental(Stream):
    """Classes arrive `new` at a time, in a random order of each seed's own.

    With `keep`, a task shows every class that has arrived so far; without, the new ones only. The
    network has an output for every class from the start. Held-out examples are of the classes
    shown. So that all seeds have equally many rows, the examples of these classes are repeated to
    fill as many rows as the data have; some occur once more than others.

    Source: Dohare et al. (2024), class-incremental CIFAR-100 (old classes stay).
    Differs: one softmax over all classes, those to come included; no learning-rate schedule and no
        return to the best checkpoint.
    """

    tasks: int = 5
    new: int = 2
    keep: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_classes()
        most = self.data.outputs // self.tasks
        check_type("ClassIncremental.keep", self.keep, bool)
        check_number("ClassIncremental.new", self.new, 1, integer=True)
        if self.new > most:
            raise ValueError(
                f"ClassIncremental.new must be at most {most}, so that {self.tasks} tasks share "
                f"{self.data.outputs} classes; got {self.new}. Give fewer tasks or fewer new ones."
            )

    def shown(self, t: int, seeds: tuple[int, ...]) -> torch.Tensor:
        """The classes that each seed sees in task `t` [S, classes]."""
        first = 0 if self.keep else t * self.new
        return shuffled(self.data.outputs, seeds, "class order")[:, first : (t + 1) * self.new]

    def examples(self, t: int, seeds: tuple[int, ...]) -> int:
        """As many as the data have."""
        return base(self.data, tuple(seeds)).x.shape[1]

    def change(self, problem: Problem, t: int, seeds: tuple[int, ...]) -> Problem:
        """Rows of the classes shown, repeated."""
        shown = self.shown(t, seeds)
        train, test = (_filled(y, shown) for y in (problem.y, problem.y_test))
        return Problem(
            take(problem.x, train),
            take(problem.y, train),
            take(problem.x_test, test),
            take(problem.y_test, test),
        )


def _filled(y: torch.Tensor, shown: torch.Tensor) -> torch.Tensor:
    """Rows whose class is among `shown` [S, classes], repeated to fill N rows [S, N]."""
    picks = []
    for own, kinds in zip(y, shown, strict=True):
        found = torch.isin(own, kinds).nonzero().flatten()
        if not len(found):
            raise ValueError(
                f"ClassIncremental.data has no example of the classes {kinds.tolist()} among its "
                f"{len(own)}. Give more examples."
            )
        picks.append(found.repeat(-(-len(own) // len(found)))[: len(own)])
    return torch.stack(picks)
