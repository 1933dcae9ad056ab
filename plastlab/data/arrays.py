"""Your own examples, from arrays or from a table."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
import torch

from plastlab.data.base import Data, Problem
from plastlab.data.classes import subsets
from plastlab.data.given import as_numbers, check_finite, got, plain, real, table, where
from plastlab.errors import check_choice, check_number, check_type
from plastlab.losses import CrossEntropy, SquaredError
from plastlab.rng import generator

KINDS = ("auto", "classes", "numbers")
AT_ONCE = 64  # columns that are standardized together


@dataclass(frozen=True, eq=False, repr=False)
class Arrays(Data):
    """Your own examples: inputs `x` and for each of them a class, or real numbers, `y`.

        x, y = sklearn.datasets.load_wine(return_X_y=True)
        wine = Arrays(x, y)
        result = run(RandomLabels(wine), {"Adam": Condition()})

    NumPy arrays, tensors, lists and pandas' frames do; they are copied. `x` is [N, inputs] or, for
    images, [N, rows, columns]. `y` is [N]: text, bools, or a few different whole numbers are
    classes, as is one-hot [N, classes]; other numbers, also [N, outputs], are real targets. `kind`,
    "classes" or "numbers", says which, where it is not plain. Classes are numbered in the order of
    their `names`.

    A share `held_out` of the examples (of each class) is held out, at random, the same for all
    seeds; at 0 the held-out examples are the training examples. Seeds share the others, or each
    gets its own `examples` of them. With `scale` each input and each real target has mean 0 and
    standard deviation 1 over all training examples, and a constant one is 0; without, they stay.

    Raises:
        TypeError, ValueError: text or a missing number among the inputs, rows that do not match,
            a single class, no example to hold out; the message says where.
    """

    x: Any
    y: Any
    kind: str = "auto"
    held_out: float = 0.2
    examples: int | None = None
    scale: bool = True

    def __post_init__(self) -> None:
        check_choice("Arrays.kind", self.kind, KINDS)
        check_number("Arrays.held_out", self.held_out, 0, 0.9)
        check_type("Arrays.scale", self.scale, bool)
        x, y = _inputs(self.x), plain("Arrays.y", self.y)
        if len(y) != len(x) or y.ndim > 2 or not y.size:
            rule = f"Arrays.y must be [{len(x)}] or [{len(x)}, outputs], one row for each of x"
            raise ValueError(f"{rule}; got {got(self.y)}.")
        targets, names = _targets(y, self.kind)
        own = {"x": x, "y": y, "names": names, "_digest": _digest(x, y)}
        own["_pool"] = self._split(x.reshape(len(x), -1), targets)
        for array in (x, y):
            array.setflags(write=False)
        for name, value in own.items():
            object.__setattr__(self, name, value)
        if self.examples is not None:
            check_number("Arrays.examples", self.examples, 1, len(self._pool.x), integer=True)

    @classmethod
    def from_table(
        cls,
        file: str | PathLike | Any,
        target: Any,
        columns: Sequence | None = None,
        kind: str = "auto",
        held_out: float = 0.2,
        examples: int | None = None,
        scale: bool = True,
    ) -> "Arrays":
        """The same from a table: the path of a CSV file, a pandas or polars frame, or a dict of
        columns. `target` names the column to predict (a list: several real ones), `columns` the
        inputs, by default all others.

            wine = Arrays.from_table("wine.csv", target="quality")
        """
        found = table("Arrays.from_table: file", file)
        targets = list(target) if isinstance(target, (list, tuple)) else [target]
        if columns is None:
            columns = [name for name in found if name not in targets]
        remedy = "Give a list of names."
        check_type("Arrays.from_table: columns", columns, (list, tuple), remedy)
        for role, names in (("target", targets), ("columns", columns)):
            for name in names:
                check_choice(f"Arrays.from_table: {role}", name, found)
        if not targets or not columns or set(targets) & set(columns):
            rule = "Arrays.from_table: target and columns must name at least one column each"
            raise ValueError(f"{rule}, none in both; got {targets} and {list(columns)}.")
        x, y = (
            [read(f"Arrays.from_table: column {name!r}", found[name]) for name in names]
            for read, names in ((real, columns), (plain, targets))
        )
        x, y = (_beside(v, n) for v, n in ((x, columns), (y, targets)))
        return cls(x, y if len(targets) > 1 else y[:, 0], kind, held_out, examples, scale)

    @property
    def inputs(self) -> int:
        """Number of input features."""
        return self.x[0].size

    @property
    def outputs(self) -> int:
        """Number of classes, or of real targets."""
        return len(self.names) or self._pool.y.shape[1]

    @property
    def loss(self) -> CrossEntropy | SquaredError:
        """Of classes the cross-entropy, of numbers the squared error."""
        return CrossEntropy() if self.names else SquaredError()

    @property
    def grid(self) -> tuple[int, ...] | None:
        """How the inputs lie beside each other, if `x` has more than two axes."""
        return tuple(side for side in self.x.shape[1:] if side > 1) if self.x.ndim > 2 else None

    def draw(self, seeds: tuple[int, ...]) -> Problem:
        """x [S, examples, inputs], y [S, examples] or [S, examples, outputs]."""
        pool = self._pool
        if self.examples is not None:
            return subsets(pool, self.examples, len(pool.x_test), seeds, "Arrays")
        parts = pool.x, pool.y, pool.x_test, pool.y_test
        return Problem(*(v.expand(len(seeds), *v.shape) for v in parts))

    def _split(self, x: np.ndarray, y: np.ndarray) -> Problem:
        """All training examples [N, ...] and the held-out ones."""
        order = torch.randperm(len(x), generator=generator("Arrays", "split")).numpy()
        held = _held_out(order, y, self.held_out)
        if self.held_out and not held.any():
            rule = f"Arrays.held_out={self.held_out} of {len(x)} examples must be at least one"
            raise ValueError(f"{rule} (of some class); got none. Give more examples, or 0.")
        rows = np.concatenate([order[~held[order]], order[held[order]]])
        size = len(x) - held.sum()
        x = torch.from_numpy(_standardized(x, rows, size, self.scale))
        if y.ndim == 2:
            y = torch.from_numpy(_standardized(y, rows, size, self.scale))
        else:
            y = torch.from_numpy(y[rows])
        if not self.held_out:
            return Problem(x, y, x, y)
        return Problem(x[:size], y[:size], x[size:], y[size:])

    def _key(self) -> tuple:
        return self._digest, self.kind, self.held_out, self.examples, self.scale

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other._key() == self._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        """The settings, and a digest in the arrays' place."""
        settings = ", ".join(f"{n}={getattr(self, n)!r}" for n in ("kind", "held_out"))
        more = ", ".join(f"{n}={getattr(self, n)!r}" for n in ("examples", "scale"))
        shapes = f"x={list(self.x.shape)}, y={list(self.y.shape)}"
        return f"Arrays({shapes}, digest={self._digest!r}, {settings}, {more})"

    def __reduce__(self) -> tuple:
        """Another process makes it anew, from the same arrays."""
        return type(self), (self.x, self.y, self.kind, self.held_out, self.examples, self.scale)


def _inputs(given: Any) -> np.ndarray:
    x = plain("Arrays.x", given)
    if x.ndim == 1 or not x.size or sum(side > 1 for side in x.shape[1:]) > 2:
        rule = "Arrays.x must be numbers [examples, inputs] or [examples, rows, columns]"
        raise ValueError(f"{rule}, at least one; got {got(given)}.")
    return as_numbers("Arrays.x", x)


def _targets(y: np.ndarray, kind: str) -> tuple[np.ndarray, tuple]:
    """Classes int64 [N] and their names, or numbers [N, outputs] and no names."""
    check_finite("Arrays.y", y)
    if y.dtype.kind == "U" and (y == "").any():
        place = where(np.argwhere(y == "")[0])
        raise ValueError(f"Arrays.y must name a class in each row; got '' at {place}.")
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if kind != "numbers" and _one_hot(y):
        y, kind = y.argmax(1), "classes"
    kind = _plain_kind(y) if kind == "auto" else kind
    if kind == "numbers":
        if y.dtype.kind == "U":
            raise TypeError(f"Arrays.y must be numbers, with kind='numbers'; got {got(y)}.")
        return y.reshape(len(y), -1), ()
    if y.ndim == 2:
        raise ValueError(f"Arrays.y must be [N], or one-hot [N, classes]; got {got(y)}.")
    names, classes = np.unique(y, return_inverse=True)
    if len(names) < 2:
        raise ValueError(f"Arrays.y must have at least two classes; got {names.tolist()} alone.")
    return classes.astype(np.int64), tuple(names.tolist())


def _one_hot(y: np.ndarray) -> bool:
    if y.ndim != 2 or y.dtype.kind == "U":
        return False
    return bool(np.isin(y, (0, 1)).all() and (y.sum(1) == 1).all())


def _plain_kind(y: np.ndarray) -> str:
    """What targets are, where that is plain: text, bools and few whole numbers are classes, others
    are numbers."""
    if y.dtype.kind in "Ub":
        return "classes"
    if y.dtype.kind == "f" and (y % 1 != 0).any():
        return "numbers"
    different, count = len(np.unique(y)), len(y)
    if y.ndim == 1 and different <= min(count // 3, max(10, count // 10)):
        return "classes"
    found = f"{different} different whole numbers in {list(y.shape)}"
    rule = f"Arrays.kind must be said where y has {found}, which may be classes or numbers"
    raise ValueError(f"{rule}; got 'auto'. Give kind='classes' or kind='numbers'.")


def _held_out(order: np.ndarray, y: np.ndarray, share: float) -> np.ndarray:
    """Which examples are held out: the first in the order, of each class."""
    held = np.zeros(len(order), dtype=bool)
    groups = [order] if y.ndim == 2 else [order[y[order] == c] for c in range(y.max() + 1)]
    for rows in groups:
        held[rows[: math.floor(share * len(rows) + 1e-9)]] = True
    return held


def _standardized(v: np.ndarray, rows: np.ndarray, size: int, scale: bool) -> np.ndarray:
    """Rows of values [N, K], in float32, scaled by the first `size` of them; some columns at a
    time, since doubles of all would need twice the room."""
    out = np.empty((len(rows), v.shape[1]), dtype=np.float32)
    for first in range(0, v.shape[1], AT_ONCE):
        columns = slice(first, first + AT_ONCE)
        some = v[rows, columns].astype(np.float64)
        if scale:
            train = some[:size]
            constant = train.min(0) == train.max(0)
            deviation = np.where(constant, 1.0, train.std(0))
            some = (some - np.where(constant, train[0], train.mean(0))) / deviation
        out[:, columns] = some
    return out


def _beside(columns: list[np.ndarray], names: Sequence) -> np.ndarray:
    """Columns [N] each, as [N, K]."""
    for column, name in zip(columns, names, strict=True):
        if column.shape != columns[0].shape or column.ndim != 1:
            rule = f"Arrays.from_table: column {name!r} must have one value a row"
            raise ValueError(f"{rule}, {columns[0].shape[0]} in all; got {list(column.shape)}.")
    return np.stack(columns, 1)


def _digest(*arrays: np.ndarray) -> str:
    """Of the arrays' types, shapes and contents."""
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        digest.update(repr((array.dtype.str, array.shape)).encode())
        digest.update(array.reshape(-1).view(np.uint8))
    return digest.hexdigest()
