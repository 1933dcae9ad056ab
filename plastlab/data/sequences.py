"""Sequences, for networks that read one step after the other."""

from dataclasses import dataclass

import torch

from plastlab.data.base import Data, Problem
from plastlab.errors import check_number
from plastlab.rng import generator, normal


@dataclass(frozen=True)
class Recall(Data):
    """A symbol is shown at the first of `steps` steps, and asked for after the last.

    Each step has one input a class: first the symbol's is 1 and the others 0, then all are normal
    noise of standard deviation `noise`. The inputs hold the steps one after the other.

    Source: Bengio, Simard and Frasconi (1994), the latching problem.
    """

    examples: int = 512
    steps: int = 20
    classes: int = 4
    noise: float = 0.1

    def __post_init__(self) -> None:
        check_number("Recall.examples", self.examples, 1, integer=True)
        check_number("Recall.steps", self.steps, 1, integer=True)
        check_number("Recall.classes", self.classes, 2, integer=True)
        check_number("Recall.noise", self.noise, 0)

    @property
    def inputs(self) -> int:
        """Number of input features, those of all steps."""
        return self.steps * self.classes

    @property
    def outputs(self) -> int:
        """Number of classes."""
        return self.classes

    def draw(self, seeds: tuple[int, ...]) -> Problem:
        """x [S, examples, steps * classes], y [S, examples]; 256 held-out examples."""
        n = self.examples
        y = torch.stack(
            [
                torch.randint(self.classes, (n + 256,), generator=generator(s, "Recall symbols"))
                for s in seeds
            ]
        )
        x = self.noise * normal((n + 256, self.inputs), seeds, "Recall noise")
        x[..., : self.classes] = torch.nn.functional.one_hot(y, self.classes).float()
        return Problem(x[:, :n], y[:, :n], x[:, n:], y[:, n:])
