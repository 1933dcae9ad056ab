"""A quadratic bowl: what the ratio of the largest to the smallest curvature does to an optimizer.

Near a minimum every smooth loss is a bowl. Along its own axes it is a sum of parabolas,

    loss = sum_i h_i w_i**2 / 2,

and gradient descent treats each coordinate alone: w_i <- (1 - lr h_i) w_i. One learning rate must
serve the steepest axis, where it may not exceed 2 / h, and the flattest, where it can hardly be too
large. With the best one the slowest coordinate shrinks by (kappa - 1) / (kappa + 1) an update, with
the best momentum by (sqrt(kappa) - 1) / (sqrt(kappa) + 1). Newton's method divides by h_i first and
is done after one update, for every kappa.

Source: Polyak (1964) for both rates.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from plastlab.errors import LONGEST, check_function, check_number, check_numbers, check_type
from plastlab.rng import normal, resolve_seeds
from plastlab.spec import Spec

Array = np.ndarray
Tensor = torch.Tensor
REMEDY = "Write lambda w: torch.optim.SGD(w, lr=0.1)."


@dataclass(frozen=True)
class Bowl(Spec):
    """A bowl in `size` dimensions with curvatures from 1 down to 1 / kappa, in equal ratios.

    >>> Bowl(kappa=3.0).rate(Bowl(kappa=3.0).best_lr)
    0.5
    """

    kappa: float = 100.0
    size: int = 2

    def __post_init__(self) -> None:
        check_number("Bowl.kappa", self.kappa, 1)
        check_number("Bowl.size", self.size, 2, LONGEST, integer=True)

    @property
    def curvatures(self) -> Array:
        """The curvature along each axis [size], the largest first."""
        return float(self.kappa) ** -np.linspace(0, 1, self.size)

    def hessian(self, seed: int = 0) -> Array:
        """The bowl's second derivatives in coordinates that are turned at random [size, size]."""
        seed = check_number("Bowl.hessian: seed", seed, 0, integer=True)
        axes = np.linalg.qr(normal((self.size, self.size), (seed,), "hessian")[0].double().numpy())[
            0
        ]
        return axes @ np.diag(self.curvatures) @ axes.T

    def ring(self, loss: float, points: int = 90) -> tuple[Array, Array]:
        """The coordinates along the first two axes at which the loss is `loss` [points] each."""
        loss = check_number("Bowl.ring: loss", loss, 0)
        points = check_number("Bowl.ring: points", points, 1, LONGEST, integer=True)
        turn = np.linspace(0, 2 * np.pi, points)
        steep, flat = np.sqrt(2 * loss / self.curvatures[:2])
        return steep * np.cos(turn), flat * np.sin(turn)

    @property
    def best_lr(self) -> float:
        """The learning rate at which gradient descent's slowest coordinate is fastest: there the
        steepest one overshoots by as much as the flattest falls short."""
        return 2 / (1 + 1 / self.kappa)

    @property
    def best_momentum(self) -> tuple[float, float]:
        """Learning rate and momentum at which the slowest coordinate is fastest."""
        root = self.kappa**-0.5
        return 4 / (1 + root) ** 2, ((1 - root) / (1 + root)) ** 2

    def rate(self, lr: float, momentum: float = 0.0) -> float:
        """By how much the slowest coordinate is multiplied an update, in the long run: the largest
        root of z**2 - (1 + momentum - lr h) z + momentum over all curvatures h."""
        _check("Bowl.rate", lr, momentum)
        middle = 1 + momentum - lr * self.curvatures
        root = np.sqrt((middle**2 - 4 * momentum).astype(complex))
        return float(max(abs(middle + root).max(), abs(middle - root).max()) / 2)

    def course(self, start: Sequence[float], steps: int, lr: float, momentum: float = 0.0) -> Array:
        """The coordinates from the `start` [size] on, after each update [steps + 1, size]."""
        here = check_numbers("Bowl.course: start", start)
        if here.shape != (self.size,):
            shape = list(here.shape)
            raise ValueError(f"Bowl.course: start must have shape [{self.size}]; got {shape}.")
        steps = check_number("Bowl.course: steps", steps, 0, LONGEST, integer=True)
        _check("Bowl.course", lr, momentum)
        way, speed = [here], np.zeros_like(here)
        for _ in range(steps):
            speed = momentum * speed + self.curvatures * way[-1]
            way.append(way[-1] - lr * speed)
        return np.stack(way)

    def loss(self, coordinates: Array) -> Array:
        """The loss at these coordinates [..., size]."""
        at = check_numbers("Bowl.loss: coordinates", coordinates)
        if at.ndim == 0 or at.shape[-1] != self.size:
            wanted, shape = f"[..., {self.size}]", list(at.shape)
            raise ValueError(f"Bowl.loss: coordinates must have shape {wanted}; got {shape}.")
        return (self.curvatures * np.square(at)).sum(-1) / 2

    def fit(
        self,
        optimizer: Callable[[list[Tensor]], torch.optim.Optimizer],
        steps: int,
        seeds: int | Sequence[int] = 16,
        turned: bool = True,
    ) -> "Fit":
        """Fit a linear regression whose loss is this bowl, by any optimizer of `torch.optim` that
        treats each weight alone, such as `lambda w: torch.optim.SGD(w, lr=0.1)`.

        There are as many examples as inputs. Weights start at distance 1 from the solution along
        every axis of the bowl, with random signs. If `turned`, the axes are a random rotation of
        the weights', another one for each seed; else each axis is one weight's.
        """
        check_function("Bowl.fit: optimizer", optimizer, REMEDY)
        steps = check_number("Bowl.fit: steps", steps, 1, LONGEST, integer=True)
        check_type("Bowl.fit: turned", turned, bool, "Give True or False.")
        seeds = resolve_seeds(seeds)
        axes = torch.eye(self.size).double().expand(len(seeds), -1, -1)
        if turned:
            axes = torch.linalg.qr(normal((self.size, self.size), seeds, "bowl axes").double())[0]
        solution, signs = normal((2, self.size), seeds, "bowl").double().unbind(1)
        roots = torch.from_numpy((self.size * self.curvatures) ** 0.5)
        x = roots[:, None] * axes  # [S, examples, size]: each example lies along one axis
        y = (x @ solution[:, :, None])[:, :, 0]
        away = (signs.sign()[:, None] @ axes)[:, 0]
        weights = (solution + away).requires_grad_()
        trainer, losses = _made(optimizer, weights), []
        for _ in range(steps + 1):
            own = ((x @ weights[:, :, None])[:, :, 0] - y).square().mean(1) / 2
            losses.append(own.detach().numpy())
            trainer.zero_grad()
            own.sum().backward()
            trainer.step()
        return Fit(seeds, np.stack(losses, 1))


def _made(optimizer: Callable, weights: Tensor) -> torch.optim.Optimizer:
    try:
        made = optimizer([weights])
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        raise TypeError(f"Bowl.fit: optimizer cannot take weights: {what}. {REMEDY}") from error
    return check_type("Bowl.fit: optimizer's result", made, torch.optim.Optimizer, REMEDY)


def _check(function: str, lr: float, momentum: float) -> None:
    check_number(f"{function}: lr", lr, 0)
    check_number(f"{function}: momentum", momentum, 0, 1)


@dataclass(frozen=True, eq=False)
class Fit:
    """The loss of every seed before the first update and after each one [S, steps + 1]."""

    seeds: tuple[int, ...]
    loss: Array

    @property
    def shrinkage(self) -> Array:
        """By how much the distance to the solution was multiplied an update, in the second half
        [S]: the loss goes with its square."""
        half = self.loss.shape[1] // 2
        return (self.loss[:, -1] / self.loss[:, half]) ** (0.5 / (self.loss.shape[1] - 1 - half))
