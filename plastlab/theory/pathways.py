"""Two deep linear pathways that answer together, of which one is not taught for a while.

Each pathway is a product of `depth` matrices; both see the same input, and the answer is the sum of
theirs. Started balanced and aligned with the teacher, each of the teacher's modes is learned by
itself. Its strength in a pathway, a or b, is p**depth for the weight p that all layers share, and

    da/dt = depth a**(2 - 2 / depth) (strength - a - b - noise a)

under gradient descent, with t the learning rate times the number of updates; the same for b, or 0
while it is frozen. The more a pathway has learned, the faster it learns: at depth 2 in proportion,
above that even more, and at depth 1 not at all.

Source: Kleinman et al. (2024) for the equations without noise and the frozen pathway (it answers,
but no gradient reaches it); Saxe et al. (2014) for the modes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from plastlab.errors import LONGEST, WIDEST, check_number, check_type
from plastlab.rng import normal, resolve_seeds
from plastlab.spec import Spec

Array = np.ndarray
Window = tuple[float, float]
NEVER: Window = (0.0, 0.0)


@dataclass(frozen=True)
class Pathways(Spec):
    """Two pathways of `depth` layers learn one mode of a teacher's `strength`; at the `start` each
    has that much of it. `noise` is the variance of noise in each pathway's own input, against an
    input of variance 1: with it, sharing pays.

    >>> round(Pathways(depth=2).settled(0.2, 0.1)[1], 4)
    0.3333
    """

    depth: int = 4
    strength: float = 1.0
    start: float = 0.01
    noise: float = 0.0

    def __post_init__(self) -> None:
        check_number("Pathways.depth", self.depth, 1, integer=True)
        check_number("Pathways.strength", self.strength, 0, low_open=True)
        check_number("Pathways.start", self.start, 0, self.strength / 4, low_open=True)
        check_number("Pathways.noise", self.noise, 0)

    @property
    def half_time(self) -> float:
        """The time at which both together have learned half of the teacher's strength, if none is
        frozen and there is no noise."""
        k = np.geomspace(self.start, self.strength / 4, 4001)
        slowness = k / (self.depth * k ** (2 - 2 / self.depth) * (self.strength - 2 * k))
        return float(np.trapezoid(slowness, np.log(k)))

    def course(
        self, until: float, frozen: Window = NEVER, steps: int = 300
    ) -> tuple[Array, Array, Array]:
        """Times from 0 to `until`, and the strengths a and b [times] then; b is frozen from the
        first to the second time in `frozen`. Solved by Runge and Kutta's fourth-order method, in
        about `steps` steps."""
        until = check_number("Pathways.course: until", until, 0, low_open=True)
        steps = check_number("Pathways.course: steps", steps, 1, LONGEST, integer=True)
        begin, end = (min(time, until) for time in _window(frozen))
        t, a, b = [0.0], [self.start], [self.start]
        for left, right, learns in ((0.0, begin, True), (begin, end, False), (end, until, True)):
            count = int(np.ceil(steps * (right - left) / until))
            for i in range(count):
                now = self._step(a[-1], b[-1], (right - left) / count, learns)
                a.append(now[0])
                b.append(now[1])
                t.append(left + (right - left) * (i + 1) / count)
        return np.array(t), np.array(a), np.array(b)

    def settled(self, a: float, b: float) -> tuple[float, float]:
        """Where strengths a and b end when both learn and there is no noise: their sum is the
        teacher's strength, and a conserved quantity says how it is split. It is a - b at depth 1,
        a / b at depth 2, and a**e - b**e with e = 2 / depth - 1 above."""
        a = check_number("Pathways.settled: a", a, 0, low_open=True)
        b = check_number("Pathways.settled: b", b, 0, low_open=True)
        if a < b:
            return self.settled(b, a)[::-1]
        if self.depth == 1:
            return (self.strength + a - b) / 2, (self.strength - a + b) / 2
        if self.depth == 2:
            return self.strength * a / (a + b), self.strength * b / (a + b)
        e = 2 / self.depth - 1
        low, high, kept = self.strength / 2, self.strength, b**e - a**e
        for _ in range(60):
            a = (low + high) / 2
            b = (a**e + kept) ** (1 / e)
            low, high = (low, a) if a + b > self.strength else (a, high)
        return a, b

    def share(self, frozen: Window) -> float:
        """The second pathway's share of what is learned in the end, without noise, if it was frozen
        from the first to the second time."""
        if self.noise:
            raise ValueError(
                f"Pathways.share is known without noise; got noise={self.noise}. "
                "Follow `course` for as long as you like instead."
            )
        end = _window(frozen)[1]
        a, b = (x[-1] for x in self.course(end, frozen)[1:]) if end else (self.start, self.start)
        return self.settled(a, b)[1] / self.strength

    def train(
        self,
        frozen: Sequence[Window],
        until: float,
        seeds: int | Sequence[int] = 16,
        width: int = 4,
        lr: float = 0.02,
        balanced: bool = True,
    ) -> "Trained":
        """Gradient descent on real matrices, from time 0 to `until`, once for each window.

        The teacher has `width` modes of equal strength: a random orthogonal matrix. The loss is
        half the squared error, summed over outputs and expected over inputs. Layers start
        `balanced` and aligned with the teacher, or drawn from N(0, p**2 / width), p**depth being
        the start.
        """
        until = check_number("Pathways.train: until", until, 0, low_open=True)
        lr = check_number("Pathways.train: lr", lr, 0, low_open=True)
        width = check_number("Pathways.train: width", width, 1, WIDEST, integer=True)
        check_number("Pathways.train: until / lr", until / lr, 0, LONGEST)
        check_type("Pathways.train: balanced", balanced, bool, "Give True or False.")
        check_type("Pathways.train: frozen", frozen, (list, tuple), "Give [(0.0, 1.0)], a list.")
        if not frozen:
            raise ValueError("Pathways.train: frozen must hold at least one window; got none.")
        windows, seeds = np.array([_window(each) for each in frozen]), resolve_seeds(seeds)
        teacher = _orthogonal(width, seeds, "teacher")
        layers = [self._layers(teacher, seeds, name, balanced) for name in ("first", "second")]
        # [depth, pathways, seeds x windows, width, width]
        layers = np.repeat(np.stack(layers, 1), len(windows), 2)
        target = np.repeat(teacher, len(windows), 0)
        begin, end = np.tile(windows.T, len(seeds))
        for k in range(round(until / lr)):
            rates = np.full(layers.shape[1:3], lr)
            rates[1, (begin <= k * lr) & (k * lr < end)] = 0.0
            layers -= rates[..., None, None] * self._gradient(layers, target)
        whole = layers[0]
        for layer in layers[1:]:
            whole = layer @ whole
        found = np.einsum("prij,rij->pr", whole, target) / width
        return Trained(seeds, *found.reshape(2, len(seeds), len(windows)))

    def _step(self, a: float, b: float, dt: float, learns: bool) -> tuple[float, float]:
        """One step of length dt."""
        da = db = 0.0
        total_a, total_b = a, b
        for reach, weight in ((0.0, 1 / 6), (0.5, 1 / 3), (0.5, 1 / 3), (1.0, 1 / 6)):
            da, db = self._slope(a + reach * dt * da, b + reach * dt * db, learns)
            total_a, total_b = total_a + weight * dt * da, total_b + weight * dt * db
        return total_a, total_b

    def _slope(self, a: float, b: float, learns: bool) -> tuple[float, float]:
        """da/dt and db/dt."""
        left, power = self.strength - a - b, 2 - 2 / self.depth
        da = self.depth * a**power * (left - self.noise * a)
        return da, self.depth * b**power * (left - self.noise * b) if learns else 0.0

    def _layers(self, teacher: Array, seeds: tuple[int, ...], name: str, balanced: bool) -> Array:
        """A pathway's matrices [depth, seeds, width, width], the first one first."""
        width, p = teacher.shape[-1], self.start ** (1 / self.depth)
        keys = [("pathway", name, layer) for layer in range(self.depth)]
        if not balanced:
            drawn = [normal((width, width), seeds, *key).double().numpy() for key in keys]
            return p / width**0.5 * np.stack(drawn)
        first, turns = teacher, [_orthogonal(width, seeds, *key) for key in keys[1:]]
        for turn in reversed(turns):
            first = turn.mT @ first
        return p * np.stack([first, *turns])

    def _gradient(self, layers: Array, target: Array) -> Array:
        """Of the loss, for every matrix."""
        before = [np.broadcast_to(np.eye(target.shape[-1]), layers.shape[1:])]
        for layer in layers:
            before.append(layer @ before[-1])
        slope = before[-1].sum(0) - self.strength * target + self.noise * before[-1]
        found = []
        for layer, inner in zip(layers[::-1], before[-2::-1], strict=True):
            found.append(slope @ inner.mT)
            slope = layer.mT @ slope
        return np.stack(found[::-1])


@dataclass(frozen=True, eq=False)
class Trained:
    """Strengths that the two pathways ended with, means over modes [seeds, windows]."""

    seeds: tuple[int, ...]
    first: Array
    second: Array

    @property
    def share(self) -> Array:
        """The second pathway's share of what both learned [seeds, windows]."""
        return self.second / (self.first + self.second)


def _window(frozen: Window) -> Window:
    """Two times, the second not before the first."""
    remedy = "Give (from, until), two times."
    check_type("Pathways: frozen", frozen, (tuple, list), remedy)
    if len(frozen) != 2:
        raise ValueError(f"Pathways: frozen must be two times; got {len(frozen)}. {remedy}")
    begin, end = frozen
    check_number("Pathways: frozen from", begin, 0)
    check_number("Pathways: frozen until", end, begin)
    return float(begin), float(end)


def _orthogonal(width: int, seeds: tuple[int, ...], *key: object) -> Array:
    """A random rotation or reflection for each seed [seeds, width, width]."""
    return np.linalg.qr(normal((width, width), seeds, *key).double().numpy())[0]
