"""What a base problem is."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from plastlab.losses import CrossEntropy, SquaredError
from plastlab.spec import Spec


@dataclass(frozen=True, eq=False)
class Problem:
    """One learning problem for S seeds: x [S, N, inputs], y [S, N] classes or [S, N, outputs]
    values, and the same for held-out examples."""

    x: torch.Tensor
    y: torch.Tensor
    x_test: torch.Tensor
    y_test: torch.Tensor


@dataclass(frozen=True, eq=False)
class Data(Spec):
    """A kind of problem. Subclasses give `inputs`, `outputs`, `draw` and, where targets are real
    numbers, `loss = SquaredError()`. Your own arrays need no subclass: see Arrays.

    `grid` says how the inputs lie beside each other: (40,) for a signal of 40 points, (8, 8) for
    an image; None if no input is next to another.
    """

    loss: ClassVar[CrossEntropy | SquaredError] = CrossEntropy()
    grid: ClassVar[tuple[int, ...] | None] = None

    @property
    def inputs(self) -> int:
        """Number of input features."""
        raise TypeError(_missing(self, "inputs"))

    @property
    def outputs(self) -> int:
        """Number of classes, or of regression outputs."""
        raise TypeError(_missing(self, "outputs"))

    def draw(self, seeds: tuple[int, ...]) -> Problem:
        """The problem of each seed. The same seed gets the same problem whoever asks."""
        raise TypeError(_missing(self, "draw"))


def _missing(data: Data, what: str) -> str:
    name = type(data).__name__
    return f"{name} does not say its `{what}`: write it in the class, or use Mnist1d, Arrays, …"
