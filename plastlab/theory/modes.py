"""The modes of a deep linear network: what it learns when, without any activation.

A product of `depth` matrices is trained by gradient descent on a teacher, a matrix that stretches
orthogonal directions by given strengths; the inputs are white. Started balanced and aligned with
the teacher, each direction is a mode that is learned by itself. Its strength u in the product grows
from u0 to the teacher's s by

    du/dt = depth u**(2 - 2 / depth) (s - u)

with t the learning rate times the number of updates.

Source: Saxe, McClelland and Ganguli (2014), equations of sections 1 and 2.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from plastlab.errors import LONGEST, WIDEST, check_choice, check_number, check_numbers, check_type
from plastlab.rng import normal, resolve_seeds
from plastlab.spec import Spec

Array = np.ndarray
STARTS = ("balanced", "random")
FINE = 4001  # points at which a course is computed, if it has no closed form


@dataclass(frozen=True)
class Modes(Spec):
    """A product of `depth` matrices learns a teacher's modes of these `strengths`; at the `start`
    it has that much of each.

    >>> Modes((4.0, 1.0), depth=2, start=0.01).half_times.round(3).tolist()
    [0.749, 2.298]
    """

    strengths: tuple[float, ...] = (4.0, 3.0, 2.0, 1.0)
    depth: int = 2
    start: float = 1e-3

    def __post_init__(self) -> None:
        check_type("Modes.strengths", self.strengths, tuple, "Write for example (4.0, 1.0).")
        check_number("Modes.depth", self.depth, 1, integer=True)
        check_number("Modes.start", self.start, 0, low_open=True)
        if not self.strengths:
            raise ValueError("Modes.strengths is empty; write for example (4.0, 1.0).")
        for strength in self.strengths:
            check_number("Modes.strengths: each", strength, 2 * self.start, low_open=True)

    def course(self, times: Array) -> Array:
        """The strength of each mode in the product [modes, times]."""
        s, t = np.array(self.strengths)[:, None], check_numbers("Modes.course: times", times, 0)
        if t.ndim > 1:
            raise ValueError(f"Modes.course: times must be one row; got shape {list(t.shape)}.")
        if self.depth == 1:
            return s - (s - self.start) * np.exp(-t)
        if self.depth == 2:
            return s / (1 + (s / self.start - 1) * np.exp(-2 * s * t))
        return np.stack([self._found(strength, t) for strength in self.strengths])

    @property
    def half_times(self) -> Array:
        """When half of each mode is learned [modes]."""
        return np.array([np.interp(s / 2, *self._line(s)) for s in self.strengths])

    def train(
        self,
        until: float,
        seeds: int | Sequence[int] = 16,
        start: str = "balanced",
        width: int = 32,
        lr: float = 0.005,
    ) -> "Learned":
        """Gradient descent on real matrices, from time 0 to `until`, with hidden layers of `width`.

        The loss is half the squared error, summed over outputs and expected over inputs. Layers
        start "balanced", all of them stretching each mode by start**(1 / depth), or "random", drawn
        from N(0, start**(2 / depth) / width): on average as large, but each by itself.
        """
        until = check_number("Modes.train: until", until, 0, low_open=True)
        check_choice("Modes.train: start", start, STARTS)
        width = check_number("Modes.train: width", width, len(self.strengths), WIDEST, integer=True)
        lr = check_number("Modes.train: lr", lr, 0, low_open=True)
        check_number("Modes.train: until / lr", until / lr, 0, LONGEST)
        seeds = resolve_seeds(seeds)
        layers = self._layers(seeds, start, width)
        teacher, times, found = np.diag(self.strengths), lr * np.arange(round(until / lr) + 1), []
        agreed = (layers[0] + layers[1].mT) / 2 if self.depth == 2 else None
        for _ in times:
            before = [np.broadcast_to(np.eye(len(teacher)), (len(seeds), *teacher.shape))]
            for layer in layers:
                before.append(layer @ before[-1])
            found.append(before[-1])
            slope, steps = before[-1] - teacher, []
            for layer, inner in zip(layers[::-1], before[-2::-1], strict=True):
                steps.append(slope @ inner.mT)
                slope = layer.mT @ slope
            layers = [w - lr * step for w, step in zip(layers, steps[::-1], strict=True)]
        whole = np.stack(found, 1)  # [seeds, times, outputs, inputs]
        loss = ((whole - teacher) ** 2).sum((2, 3)) / 2
        strengths = whole.diagonal(axis1=2, axis2=3).mT
        shared = None if agreed is None else (agreed**2).sum(1)
        return Learned(seeds, self.strengths, times, strengths, loss, shared)

    def _layers(self, seeds: tuple[int, ...], start: str, width: int) -> list[Array]:
        """The matrices [seeds, out, in], the first one first, in the teacher's own directions."""
        ends, p = len(self.strengths), self.start ** (1 / self.depth)
        if start == "random" or self.depth == 1:
            sizes = [ends, *[width] * (self.depth - 1), ends]
            shapes = list(zip(sizes[1:], sizes, strict=False))
            drawn = [normal(shape, seeds, "modes", i) for i, shape in enumerate(shapes)]
            if start == "random":
                return [p / width**0.5 * w.double().numpy() for w in drawn]
            return [p * np.broadcast_to(np.eye(ends), drawn[0].shape)]
        between = [normal((width, ends), seeds, "bases", i) for i in range(self.depth - 1)]
        bases = [np.linalg.qr(w.double().numpy())[0] for w in between]
        middle = [left @ right.mT for left, right in zip(bases[1:], bases, strict=False)]
        return [p * w for w in [bases[0], *middle, bases[-1].mT]]

    def _line(self, strength: float) -> tuple[Array, Array]:
        """Strengths from the start to nearly all of it, and the times at which they are there."""
        low, high = np.log(self.start / (strength - self.start)), np.log(1e6)
        u = strength / (1 + np.exp(-np.linspace(low, high, FINE)))
        # du / (u (s - u)) is d(logit) / s, so the integrand is smooth in the logit
        slowness = u ** (2 / self.depth - 1) / (self.depth * strength)
        steps = (slowness[1:] + slowness[:-1]) / 2 * (high - low) / (FINE - 1)
        return u, np.concatenate([[0.0], np.cumsum(steps)])

    def _found(self, strength: float, times: Array) -> Array:
        u, reached = self._line(strength)
        return np.interp(times, reached, u)


@dataclass(frozen=True, eq=False)
class Learned:
    """What real matrices learned: at each of `times` [times] the strength of every mode
    [seeds, modes, times] and the loss [seeds, times].

    agreed [seeds, modes]: with two layers, the strength at the start of that half of it on which
    both layers agree, |(W1 v + W2^T u) / 2|**2 for a mode that leads from v to u.
    """

    seeds: tuple[int, ...]
    teacher: tuple[float, ...]
    times: Array
    strengths: Array
    loss: Array
    agreed: Array | None

    @property
    def half_times(self) -> Array:
        """When each mode first reaches half the teacher's strength [seeds, modes]; nan if never."""
        half = np.array(self.teacher)[:, None] / 2
        past = self.strengths >= half
        k = past.argmax(2)
        left, right = np.maximum(k - 1, 0), k
        low, high = (np.take_along_axis(self.strengths, i[..., None], 2) for i in (left, right))
        part = np.divide(half - low, high - low, out=np.ones_like(low), where=high > low)[..., 0]
        found = self.times[left] + part * (self.times[right] - self.times[left])
        return np.where(past.any(2), found, np.nan)
