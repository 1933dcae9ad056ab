"""The smallest network that a large learning rate throws to a flatter place.

Two layers without an activation, width n, answer f = u.v / sqrt(n) to the single input 1, whose
target is 0; the loss is f**2 / 2. The kernel of this network is one number, its curvature
lam = (u.u + v.v) / n, and gradient descent with learning rate lr changes the two exactly by

    f   <- f (1 - lr lam + lr**2 f**2 / n)
    lam <- lam + lr f**2 / n (lr lam - 4).

For wide networks, with lam0 at the start: below lr lam0 = 2 the loss falls and lam stays about
what it was (lazy); from 2 to 4 the loss first grows, until f**2 is of the order of n, and lam falls
below 2 / lr (catapult); above 4 both grow for good.

Source: Lewkowycz et al. (2020), equations 2 to 4.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from plastlab.errors import LONGEST, check_number, check_numbers, check_shapes
from plastlab.rng import normal, resolve_seeds
from plastlab.spec import Spec

Array = np.ndarray


@dataclass(frozen=True)
class Catapult(Spec):
    """The network of this `width`. A `rate` is the learning rate in units of 1 / lam0.

    >>> answers, curvatures = Catapult(width=100).course(rate=3.0, steps=1, answer=1.0)
    >>> answers.round(4).tolist(), curvatures.round(4).tolist()
    ([1.0, -1.9775], [2.0, 1.985])
    """

    width: int = 512

    def __post_init__(self) -> None:
        check_number("Catapult.width", self.width, 1, LONGEST, integer=True)

    def course(
        self,
        rate: float | Array,
        steps: int,
        answer: float | Array = 1.0,
        curvature: float | Array = 2.0,
    ) -> tuple[Array, Array]:
        """Answers f and curvatures lam [steps + 1, ...] from these at the start, by the two
        equations. Numbers or arrays, which are broadcast. What diverges ends as inf or nan."""
        steps = check_number("Catapult.course: steps", steps, 0, LONGEST, integer=True)
        rate, answer = (
            check_numbers(f"Catapult.course: {name}", value)
            for name, value in (("rate", rate), ("answer", answer))
        )
        curvature = check_numbers("Catapult.course: curvature", curvature, 0, low_open=True)
        check_shapes("Catapult.course: rate, answer, curvature", rate, answer, curvature)
        lr = rate / curvature
        f, lam = answer + 0.0 * lr, curvature + 0.0 * (lr + answer)
        course = [(f, lam)]
        with np.errstate(all="ignore"):
            for _ in range(steps):
                push = lr * f**2 / self.width
                f, lam = f * (1 - lr * lam + lr * push), lam + push * (lr * lam - 4)
                course.append((f, lam))
        answers, curvatures = zip(*course, strict=True)
        return np.array(answers), np.array(curvatures)

    def train(self, rate: float, steps: int, seeds: int | Sequence[int] = 16) -> "Flight":
        """Gradient descent on real weights, u and v drawn from N(0, 1) for each seed."""
        rate = check_number("Catapult.train: rate", rate, 0, low_open=True)
        steps = check_number("Catapult.train: steps", steps, 0, LONGEST, integer=True)
        seeds = resolve_seeds(seeds)
        drawn = normal((2, self.width), seeds, "catapult").double().numpy()
        u, v = drawn[:, 0], drawn[:, 1]
        lr, course = None, []
        with np.errstate(all="ignore"):
            for _ in range(steps + 1):
                f = (u * v).sum(1) / self.width**0.5
                lam = (u * u + v * v).sum(1) / self.width
                course.append((f, lam))
                lr = rate / lam if lr is None else lr
                pull = (lr * f / self.width**0.5)[:, None]
                u, v = u - pull * v, v - pull * u
        answers, curvatures = zip(*course, strict=True)
        return Flight(seeds, np.array(answers), np.array(curvatures))


@dataclass(frozen=True, eq=False)
class Flight:
    """What trained networks went through: answers and curvatures [steps + 1, seeds]."""

    seeds: tuple[int, ...]
    answers: Array
    curvatures: Array

    @property
    def losses(self) -> Array:
        """Half the squared answer [steps + 1, seeds]."""
        with np.errstate(over="ignore"):
            return self.answers**2 / 2
