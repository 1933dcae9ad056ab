"""Replica-batched optimizers: frozen settings, and the memory they keep as rows.

Each optimizer equals its namesake in `torch.optim` for every replica (tests hold them equal).
Settings may differ between conditions in one batch: they are kept a row each, and so is the
learning rate, which interventions may change while training runs.
"""

from dataclasses import dataclass

import torch

from plastlab.errors import check_number
from plastlab.rows import Rows

Tensor = torch.Tensor


@dataclass(frozen=True)
class SGD:
    """Gradient descent with momentum: b <- momentum b + g, w <- w - lr b. `weight_decay` adds
    weight_decay * w to the gradient, as in `torch.optim.SGD`."""

    lr: float = 0.1
    momentum: float = 0.0
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        check_number("SGD.lr", self.lr, 0)
        check_number("SGD.momentum", self.momentum, 0, 1)
        check_number("SGD.weight_decay", self.weight_decay, 0)

    @staticmethod
    def memory(settings: list["SGD"], weights: Rows) -> "SGDMemory":
        """Empty memory for rows with these settings, one each."""
        return SGDMemory(settings, weights)


@dataclass(frozen=True)
class Adam:
    """Adam with bias correction; `weight_decay` adds weight_decay * w to the gradient (coupled),
    as in `torch.optim.Adam`.

    Source: Kingma and Ba (2015), algorithm 1.
    """

    lr: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0

    decoupled = False

    def __post_init__(self) -> None:
        name = type(self).__name__
        check_number(f"{name}.lr", self.lr, 0)
        check_number(f"{name}.beta1", self.beta1, 0, 1 - 1e-9)
        check_number(f"{name}.beta2", self.beta2, 0, 1 - 1e-9)
        check_number(f"{name}.eps", self.eps, 0, low_open=True)
        check_number(f"{name}.weight_decay", self.weight_decay, 0)

    @staticmethod
    def memory(settings: list["Adam"], weights: Rows) -> "AdamMemory":
        """Empty memory for rows with these settings, one each."""
        return AdamMemory(settings, weights)


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam whose weight decay acts beside the gradient: w <- w - lr weight_decay w.

    Source: Loshchilov and Hutter (2019), algorithm 2.
    """

    weight_decay: float = 0.01

    decoupled = True


class Memory:
    """What an optimizer remembers of R replicas. `lr` [R] may be changed at any time."""

    def __init__(self, settings: list, weights: Rows) -> None:
        self.settings, self.weights = settings, weights
        self.lr = torch.tensor([s.lr for s in settings], dtype=torch.float64)

    def step(self, gradients: Rows) -> None:
        """One update of all weights."""
        raise TypeError("Memory is abstract: use SGD, Adam or AdamW")

    def reset(self, rows: slice, mask: Tensor | None, parts: tuple[str, ...]) -> None:
        """Forget `parts` of the memory of `rows`, everywhere or where `mask` [., P] is true."""
        raise TypeError("Memory is abstract: use SGD, Adam or AdamW")


class SGDMemory(Memory):
    """The momentum buffer, if any row has momentum."""

    def __init__(self, settings: list[SGD], weights: Rows) -> None:
        super().__init__(settings, weights)
        column = {
            field: torch.tensor([[getattr(s, field)] for s in settings])
            for field in ("momentum", "weight_decay")
        }
        self._momentum = column["momentum"] if column["momentum"].any() else None
        self._decay = column["weight_decay"] if column["weight_decay"].any() else None
        self.buffer = None if self._momentum is None else torch.zeros_like(weights.flat)

    def step(self, gradients: Rows) -> None:
        """One update of all weights."""
        step = gradients.flat
        if self._decay is not None:
            step = torch.addcmul(step, self._decay, self.weights.flat)
        if self.buffer is not None:
            step = self.buffer.mul_(self._momentum).add_(step)
        self.weights.flat.addcmul_(step, self.lr.neg().float()[:, None])

    def reset(self, rows: slice, mask: Tensor | None, parts: tuple[str, ...]) -> None:
        """Zero the momentum; plain gradient descent has nothing to forget."""
        if self.buffer is not None:
            _forget(self.buffer[rows], mask)


class AdamMemory(Memory):
    """Both moments as rows, and the number of updates they have seen.

    The count is one number a replica until part of a replica is reset; then it is kept for every
    entry, as the bias corrections 1 - beta**count themselves (running averages of ones), so that
    a reset unit starts exactly like a new one.
    """

    def __init__(self, settings: list[Adam], weights: Rows) -> None:
        super().__init__(settings, weights)
        self.m, self.v = torch.zeros_like(weights.flat), torch.zeros_like(weights.flat)
        self.count = torch.zeros(len(settings))
        self.entrywise = torch.zeros(len(settings), dtype=torch.bool)
        self._correction1 = self._correction2 = None
        self._grouped_by: list[float] | None = None  # the learning rates; None after a reset
        self._groups: list[tuple] = []

    def step(self, gradients: Rows) -> None:
        """One update of all weights: one fused call for each run of rows with equal settings."""
        self.count += 1
        lr = self.lr.tolist()
        if lr != self._grouped_by:
            self._regroup(lr, gradients)
        for rows, setting, lr, tensors in self._groups:
            if self.entrywise[rows.start]:
                self._entrywise_step(rows, setting, lr, gradients.flat[rows])
            else:
                update = torch._fused_adamw_ if setting.decoupled else torch._fused_adam_
                update(
                    *tensors,
                    lr=lr,
                    beta1=setting.beta1,
                    beta2=setting.beta2,
                    weight_decay=setting.weight_decay,
                    eps=setting.eps,
                    amsgrad=False,
                    maximize=False,
                )

    def _regroup(self, lr: list[float], gradients: Rows) -> None:
        count, entrywise = self.count.tolist(), self.entrywise.tolist()
        keys = list(zip(self.settings, lr, count, entrywise, strict=True))
        starts = [r for r in range(len(keys)) if r == 0 or keys[r] != keys[r - 1]]
        self._grouped_by, self._groups = lr, []
        for start, stop in zip(starts, [*starts[1:], len(keys)], strict=True):
            rows = slice(start, stop)
            flats = (self.weights.flat, gradients.flat, self.m, self.v)
            tensors = [[flat[rows]] for flat in flats] + [[], [self.count[start]]]
            self._groups.append((rows, keys[start][0], lr[start], tensors))

    def _entrywise_step(self, rows: slice, setting: Adam, lr: float, gradient: Tensor) -> None:
        weights, m, v = self.weights.flat[rows], self.m[rows], self.v[rows]
        correction1, correction2 = self._correction1[rows], self._correction2[rows]
        if setting.decoupled:
            weights.mul_(1 - lr * setting.weight_decay)
        elif setting.weight_decay:
            gradient = gradient + setting.weight_decay * weights
        m.lerp_(gradient, 1 - setting.beta1)
        v.mul_(setting.beta2).addcmul_(gradient, gradient, value=1 - setting.beta2)
        correction1.mul_(setting.beta1).add_(1 - setting.beta1)
        correction2.mul_(setting.beta2).add_(1 - setting.beta2)
        scale = (v / correction2).sqrt_().add_(setting.eps)
        weights.sub_((m / correction1).div_(scale).mul_(lr))

    def reset(self, rows: slice, mask: Tensor | None, parts: tuple[str, ...]) -> None:
        """Forget `parts` (of "m", "v", "count") of `rows`, everywhere or where `mask` is true."""
        for part in ("m", "v"):
            if part in parts:
                _forget(getattr(self, part)[rows], mask)
        if "count" in parts:
            self._reset_count(rows, mask)

    def _reset_count(self, rows: slice, mask: Tensor | None) -> None:
        self._grouped_by = None
        if mask is None:
            self.count[rows] = 0
            self.entrywise[rows] = False
            return
        if self._correction1 is None:
            self._correction1, self._correction2 = (torch.zeros_like(self.m) for _ in range(2))
        touched = torch.zeros_like(self.entrywise)
        touched[rows] = mask.any(1)
        for r in (touched & ~self.entrywise).nonzero().flatten().tolist():
            self._correction1[r] = 1 - self.settings[r].beta1 ** float(self.count[r])
            self._correction2[r] = 1 - self.settings[r].beta2 ** float(self.count[r])
        self.entrywise |= touched
        _forget(self._correction1[rows], mask)
        _forget(self._correction2[rows], mask)


def _forget(memory: Tensor, mask: Tensor | None) -> None:
    memory.zero_() if mask is None else memory.masked_fill_(mask, 0.0)
