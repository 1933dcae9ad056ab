"""Deficits: for a time the world is seen badly. Does it leave a trace?"""

from dataclasses import dataclass

import torch
from torch.nn import functional

from plastlab.data import Problem
from plastlab.errors import check_choice, check_number
from plastlab.rng import normal
from plastlab.streams.base import Stream, for_all, shuffled

KINDS = ("blur", "noise", "flip", "labels")


@dataclass(frozen=True)
class Deficit(Stream):
    """Tasks from `start` up to, not including, `until` have a deficit; all others are normal.

    The `kind` is "blur": inputs are averaged over blocks of `block` points along each axis and
    interpolated back; "noise": inputs are replaced by standard normal noise, drawn once a task;
    "flip": images are upside down, signals run backwards; "labels": classes are renamed so that
    none keeps its name, the same way all along. Held-out examples never have the deficit. From
    `start=0` the deficit lasts until a time; of fixed length and with a later `start` it is a
    window; at `until=start` there is none: the control.

    Source: Achille, Rovere and Soatto (2019), blur by a factor of 4 and the other deficits.
    Differs: noise is drawn once a task, so it can be memorized; no augmentation. Their learning
        rate falls through the deficit: here that is the condition's affair.
    """

    kind: str = "blur"
    start: int = 0
    until: int = 10
    block: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("Deficit.kind", self.kind, KINDS)
        check_number("Deficit.start", self.start, 0, self.tasks, integer=True)
        check_number("Deficit.until", self.until, self.start, self.tasks, integer=True)
        check_number("Deficit.block", self.block, 1, integer=True)
        if self.kind == "labels":
            self.check_classes()
        if self.kind in ("blur", "flip") and self.data.grid is None:
            raise ValueError(
                f"Deficit.kind={self.kind!r} needs inputs that lie beside each other; those of "
                f"{type(self.data).__name__} do not. Give Mnist1d or Digits, or kind='noise'."
            )
        if self.kind == "blur" and any(side % self.block for side in self.data.grid):
            raise ValueError(
                f"Deficit.block must divide the sides {self.data.grid} of the inputs; "
                f"got {self.block}."
            )

    @property
    def changes(self) -> str:
        """What differs from task to task."""
        return "labels" if self.kind == "labels" else "inputs"

    def change(self, problem: Problem, t: int, seeds: tuple[int, ...]) -> Problem:
        """The training examples with the deficit, if it is its time."""
        x, y = problem.x, problem.y
        if not self.start <= t < self.until:
            return problem
        if self.kind == "labels":
            y = _renamed(self.data.outputs, seeds).gather(1, y)
        elif self.kind == "noise":
            x = normal(x.shape[1:], seeds, "deficit noise", t)
        else:
            x = for_all(self._seen, x)
        return Problem(x, y, problem.x_test, problem.y_test)

    def _seen(self, x: torch.Tensor) -> torch.Tensor:
        """Inputs [S, N, inputs] upside down, or blurred."""
        grid = x.reshape(-1, 1, *self.data.grid)
        seen = grid.flip(2) if self.kind == "flip" else blurred(grid, self.block)
        return seen.reshape(x.shape)


def blurred(x: torch.Tensor, block: int) -> torch.Tensor:
    """Signals [N, 1, length] or images [N, 1, rows, columns]: means over blocks, interpolated
    linearly between the blocks' centers; beyond the outer centers they stay."""
    pool, mode = {
        3: (functional.avg_pool1d, "linear"),
        4: (functional.avg_pool2d, "bilinear"),
    }[x.dim()]
    return functional.interpolate(pool(x, block), x.shape[2:], mode=mode, align_corners=False)


def _renamed(classes: int, seeds: tuple[int, ...]) -> torch.Tensor:
    """New names of the classes [S, classes]: each takes the next one's, in a random circle."""
    circle = shuffled(classes, seeds, "deficit labels")
    return torch.empty_like(circle).scatter_(1, circle, circle.roll(-1, 1))
