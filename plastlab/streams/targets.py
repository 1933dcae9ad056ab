"""Streams whose real-valued targets move."""

from dataclasses import dataclass

from plastlab.data import Data, Problem, RandomTargets
from plastlab.errors import check_number, check_type
from plastlab.losses import SquaredError
from plastlab.rng import normal
from plastlab.streams.base import Stream


@dataclass(frozen=True)
class TargetOffset(Stream):
    """Regression whose targets are multiplied by `scale` and shifted by `offset`, from task
    `start` on, and up to, not including, task `until`.

    With `grow`, offset and scale grow linearly with the tasks instead and reach these values in
    the last one. With `redraw`, each task has new standard normal targets (before scale and
    offset), to be memorized: then held-out examples are the training examples. Without, targets
    are those of `data`, and held-out targets move alike.

    Source: Lyle et al. (2024, "Disentangling the Causes"), new targets after a regression onto
        noise around a large constant.
    Differs: a sequence of tasks, where theirs is one regression and then new targets; here the new
        targets have the offset, too.
    """

    data: Data = RandomTargets()
    offset: float = 16.0
    scale: float = 1.0
    start: int = 0
    grow: bool = False
    redraw: bool = True
    until: int | None = None

    changes = "labels"

    def __post_init__(self) -> None:
        super().__post_init__()
        remedy = "Give regression data, such as RandomTargets(Mnist1d(256)) or TeacherRegression."
        check_type("TargetOffset.data: its loss", self.data.loss, SquaredError, remedy)
        check_number("TargetOffset.offset", self.offset, 0)
        check_number("TargetOffset.scale", self.scale, 0)
        check_number("TargetOffset.start", self.start, 0, self.tasks, integer=True)
        if self.until is not None:
            check_number("TargetOffset.until", self.until, self.start, self.tasks, integer=True)
        check_type("TargetOffset.grow", self.grow, bool)
        check_type("TargetOffset.redraw", self.redraw, bool)

    def moved(self, t: int) -> tuple[float, float]:
        """Scale and offset of task `t`."""
        end = self.tasks if self.until is None else self.until
        if not self.start <= t < end:
            return 1.0, 0.0
        part = (t - self.start + 1) / (end - self.start) if self.grow else 1.0
        return 1.0 + part * (self.scale - 1.0), part * self.offset

    def change(self, problem: Problem, t: int, seeds: tuple[int, ...]) -> Problem:
        """Targets as they are by now."""
        scale, offset = self.moved(t)
        x, y, x_test, y_test = problem.x, problem.y, problem.x_test, problem.y_test
        if self.redraw:
            x_test, y = x, normal(y.shape[1:], seeds, "target offset", t)
            y_test = y
        return Problem(x, scale * y + offset, x_test, scale * y_test + offset)
