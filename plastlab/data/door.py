"""The door: what every problem must be before a network sees it, whoever made it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from plastlab.data.base import Data, Problem
from plastlab.data.given import got, local
from plastlab.errors import check_number, check_type
from plastlab.losses import CrossEntropy, SquaredError

Tensor = torch.Tensor
PARTS = ("x", "y", "x_test", "y_test")


def check_data(data: Data) -> None:
    """Raise unless a spec says how many inputs and outputs it has, and what the loss is."""
    name = type(data).__name__
    check_number(f"{name}.inputs", data.inputs, 1, integer=True)
    check_number(f"{name}.outputs", data.outputs, 1, integer=True)
    remedy = "Write loss = SquaredError(), of plastlab.losses, for real targets."
    check_type(f"{name}.loss", data.loss, (CrossEntropy, SquaredError), remedy)


def versions(problem: Problem) -> list[int]:
    """How often each part was written to; autograd counts, except in inference mode."""
    values = (getattr(problem, part) for part in PARTS)
    return [0 if v.is_inference() else v._version for v in values]


def admitted(
    problem: Problem,
    name: str,
    data: Data,
    seeds: tuple[int, ...],
    known: Problem | None = None,
) -> Problem:
    """The problem that `name` (as "Own.draw") gave: x float32 [S, N, inputs], y int64 [S, N]
    classes from 0 or float32 [S, N, outputs], the same held out.

    NumPy arrays, other whole numbers for classes and other numbers for real values are converted.
    Parts of a `known` problem are known to be right, and not looked at again.

    Raises:
        TypeError, ValueError: it is something else.
    """
    check_type(f"{name}: the result", problem, Problem, "Return Problem(x, y, x_test, y_test).")
    known_parts = () if known is None else (getattr(known, part) for part in PARTS)
    door = _Door(name, data, seeds, frozenset(map(id, known_parts)))
    x, y = door.pair(problem.x, problem.y)
    x_test, y_test = x, y
    if problem.x_test is not problem.x or problem.y_test is not problem.y:
        x_test, y_test = door.pair(problem.x_test, problem.y_test, "_test")
    found = x, y, x_test, y_test
    if all(v is getattr(problem, part) for v, part in zip(found, PARTS, strict=True)):
        return problem
    return Problem(*found)


def check_order(name: str, order: Tensor, shape: tuple[int, ...], examples: int) -> Tensor:
    """Return the order [S, steps, batch] if it names examples from 0 to `examples` - 1.

    Raises:
        TypeError, ValueError: it does not.
    """
    order = _tensor(name, order)
    if order.is_floating_point() or order.dtype == torch.bool:
        raise TypeError(f"{name} must give whole numbers; got {order.dtype}. Give order.long().")
    if order.shape != shape:
        wanted = f"[seeds, steps, batch] = {list(shape)}"
        raise ValueError(f"{name} must give {wanted}; got {list(order.shape)}.")
    low, high = (int(v) for v in order.aminmax())
    if low < 0 or high >= examples:
        raise ValueError(f"{name} must name examples 0 to {examples - 1}; got {low} to {high}.")
    return order.long()


@dataclass(frozen=True)
class _Door:
    """What is asked of a problem that `name` gave; the values of `known` tensors are not."""

    name: str
    data: Data
    seeds: tuple[int, ...]
    known: frozenset[int]

    def pair(self, x: Any, y: Any, of: str = "") -> tuple[Tensor, Tensor]:
        """Inputs and targets as they should be."""
        inputs = self._inputs(f"{self.name}: x{of}", x)
        return inputs, self._targets(f"{self.name}: y{of}", y, inputs.shape[1])

    def _inputs(self, name: str, given: Any) -> Tensor:
        x, count, own = _tensor(name, given), len(self.seeds), type(self.data).__name__
        wanted = f"[seeds, examples, inputs] = [{count}, N, {self.data.inputs}]"
        if x.dim() != 3:
            remedy = "Flatten each example: x.flatten(2)."
            if x.dim() < 3:
                remedy = "Inputs that all seeds share: x.expand(len(seeds), -1, -1)."
            raise ValueError(f"{name} must be {wanted}; got {list(x.shape)}. {remedy}")
        if x.shape[0] != count:
            remedy = "Give one problem for each of the seeds, in their order."
            raise ValueError(f"{name} must be {wanted}; got {list(x.shape)}. {remedy}")
        if x.shape[2] != self.data.inputs:
            remedy = f"Or is {own}.inputs wrong?"
            raise ValueError(f"{name} must be {wanted}; got {list(x.shape)}. {remedy}")
        if not x.shape[1]:
            raise ValueError(f"{name} must have at least one example; got {list(x.shape)}.")
        return self._finite(name, x, given)

    def _targets(self, name: str, given: Any, examples: int) -> Tensor:
        y, shape = _tensor(name, given), (len(self.seeds), examples)
        own, outputs = type(self.data).__name__, self.data.outputs
        if isinstance(self.data.loss, SquaredError):
            if y.shape != (*shape, outputs):
                wanted = f"[seeds, examples, outputs] = {[*shape, outputs]}"
                remedy = "Give y.unsqueeze(2)." if y.shape == shape else "Look at its shape."
                raise ValueError(f"{name} must be {wanted}; got {list(y.shape)}. {remedy}")
            return self._finite(name, y, given)
        if y.shape != shape:
            wanted = f"classes [seeds, examples] = {list(shape)}"
            one_hot = y.shape == (*shape, outputs)
            remedy = "Give y.argmax(2)." if one_hot else "Give one class an example of x."
            raise ValueError(f"{name} must be {wanted}; got {list(y.shape)}. {remedy}")
        if y.is_floating_point():
            remedy = f"Give y.long(); or, for real targets, write {own}.loss = SquaredError()."
            raise TypeError(f"{name} must be classes, whole numbers; got {y.dtype}. {remedy}")
        y = y if y.dtype == torch.int64 else _each(y).long().expand(y.shape)
        return self._in_range(name, y, given)

    def _finite(self, name: str, v: Tensor, given: Any) -> Tensor:
        """Real numbers, as float32."""
        v = v if v.dtype == torch.float32 else _each(v).float().expand(v.shape)
        if id(given) in self.known or torch.isfinite(_each(v).sum()):
            return v
        bad = (~torch.isfinite(_each(v))).nonzero()
        if not len(bad):  # only their sum is too large
            return v
        s, example, place = bad[0].tolist()
        where = f"seed {self.seeds[s]}, example {example}, place {place}"
        got = f"{v[s, example, place].item()} at {where} (from 0)"
        raise ValueError(f"{name} must be finite numbers; got {got}. Fill in or leave out.")

    def _in_range(self, name: str, y: Tensor, given: Any) -> Tensor:
        """Classes, from 0."""
        if id(given) in self.known:
            return y
        low, high = (int(v) for v in _each(y).aminmax())
        if low >= 0 and high < self.data.outputs:
            return y
        own, outputs = type(self.data).__name__, self.data.outputs
        remedy = f"Or is {own}.outputs = {outputs} wrong?"
        if (low, high) == (1, outputs):
            remedy = "Count from 0: y - 1."
        rule = f"{name} must be classes 0 to {outputs - 1}"
        raise ValueError(f"{rule}; got {low} to {high}. {remedy}")


def _each(v: Tensor) -> Tensor:
    """The values, once if all seeds share them."""
    return v[:1] if v.stride(0) == 0 else v


def _tensor(name: str, given: Any) -> Tensor:
    """A plain tensor in this machine's memory with the same numbers, the same tensor if it can."""
    check_type(name, given, (Tensor, np.ndarray), "Give a tensor.")
    if isinstance(given, Tensor):
        return local(name, given)
    if given.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers; got {got(given)}.")
    once = given[:1] if given.ndim and given.strides[0] == 0 else given
    own = np.array(once, dtype=np.float32 if given.dtype.kind == "f" else np.int64, order="C")
    return torch.from_numpy(own).expand(given.shape)
