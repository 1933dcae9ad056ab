"""Replica-batched optimizers: frozen settings, and the memory they keep as rows.

Each optimizer equals its namesake in `torch.optim` for every replica (tests hold them equal).
Settings may differ between conditions in one batch: they are kept a row each, and so is the
learning rate, which interventions may change while training runs.
"""

from dataclasses import dataclass

import torch

from plastlab.errors import check_number
from plastlab.rows import Rows, forget, places
from plastlab.spec import Spec, known_elsewhere_as
from plastlab.whole import Whole

Tensor = torch.Tensor
ONE = torch.ones((), dtype=torch.float32, device="cpu")
BETAS = "write beta1=0.9, beta2=0.999."


@dataclass(frozen=True)
class SGD(Spec):
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


@known_elsewhere_as(betas=BETAS)
@dataclass(frozen=True)
class Adam(Spec):
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


@known_elsewhere_as(betas=BETAS)
@dataclass(frozen=True)
class AdamW(Adam):
    """Adam whose weight decay acts beside the gradient: w <- w - lr weight_decay w.

    Source: Loshchilov and Hutter (2019), algorithm 2.
    """

    weight_decay: float = 0.01

    decoupled = True


class Memory(Whole):
    """What an optimizer remembers of R replicas. `lr` [R] is the learning rate of this update,
    `base_lr` [R] the one with which each update begins; both may be changed at any time."""

    def __init__(self, settings: list, weights: Rows) -> None:
        self.settings, self.weights = settings, weights
        self.base_lr = torch.tensor([s.lr for s in settings], dtype=torch.float64)
        self.lr = self.base_lr.clone()
        beside = [[self.decay_beside(s)] for s in settings]
        self._beside = torch.tensor(beside) if any(b for [b] in beside) else None
        self._shares: Tensor | None = None
        self._sharing = False

    @staticmethod
    def decay_beside(setting: object) -> float:
        """The weight decay that is a step of its own, beside the gradient's."""
        return 0.0

    def shares(self) -> Tensor:
        """Which part of its step each entry takes in this update [R, P]; all of it, unless it is
        multiplied. Weight decay that acts beside the gradient is not part of the step."""
        if self._shares is None:
            self._shares = torch.ones_like(self.weights.flat)
            self._before = torch.empty_like(self.weights.flat)
        elif not self._sharing:
            self._shares.fill_(1.0)
        self._sharing = True
        return self._shares

    def step(self, gradients: Rows) -> None:
        """One update of all weights."""
        if not self._sharing:
            self.update(gradients)
            return
        weights = self.weights.flat
        before = self._before.copy_(weights)
        self.update(gradients)
        if self._beside is not None:
            before.sub_(before * (self.lr.float()[:, None] * self._beside))
        torch.lerp(before, weights, self._shares, out=weights)
        self._sharing = False

    def update(self, gradients: Rows) -> None:
        """The optimizer's update of all weights."""
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

    @staticmethod
    def decay_beside(setting: SGD) -> float:
        """All of it; with momentum none, since then it is in the buffer, too."""
        return 0.0 if setting.momentum else setting.weight_decay

    def update(self, gradients: Rows) -> None:
        """One update of all weights."""
        step = gradients.flat
        if self._decay is not None:
            step = torch.addcmul(step, self._decay, self.weights.flat)
        if self.buffer is not None:
            step = self.buffer.mul_(self._momentum).add_(step)
        self.weights.flat.addcmul_(step, self.lr.neg().float()[:, None])

    def reset(self, rows: slice, mask: Tensor | None, parts: tuple[str, ...]) -> None:
        """Zero the momentum "m"; plain gradient descent has nothing to forget."""
        if self.buffer is not None and "m" in parts:
            buffer = self.buffer[rows]
            forget(buffer, places(mask, buffer))


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
        self._correction1 = self._correction2 = self._room = None
        self._grouped_by: list[float] | None = None  # the learning rates; None after a reset
        self._groups: list[tuple] = []

    @staticmethod
    def decay_beside(setting: Adam) -> float:
        """AdamW's."""
        return setting.weight_decay if setting.decoupled else 0.0

    def update(self, gradients: Rows) -> None:
        """One update of all weights, one call for each run of rows with equal settings."""
        self.count += 1
        lr = self.lr.tolist()
        if lr != self._grouped_by:
            self._regroup(lr)
        for rows, setting, rate, tensors in self._groups:
            if self.entrywise[rows.start]:
                self._entrywise_update(setting, rate, gradients.flat[rows], *tensors)
            else:
                weights, m, v, count = tensors
                update = torch._fused_adamw_ if setting.decoupled else torch._fused_adam_
                update(
                    [weights],
                    [gradients.flat[rows]],
                    [m],
                    [v],
                    [],
                    [count],
                    lr=rate,
                    beta1=setting.beta1,
                    beta2=setting.beta2,
                    weight_decay=setting.weight_decay,
                    eps=setting.eps,
                    amsgrad=False,
                    maximize=False,
                )

    def _regroup(self, lr: list[float]) -> None:
        entrywise = self.entrywise.tolist()
        count = [None if e else c for c, e in zip(self.count.tolist(), entrywise, strict=True)]
        keys = list(zip(self.settings, lr, count, strict=True))
        starts = [r for r in range(len(keys)) if r == 0 or keys[r] != keys[r - 1]]
        self._grouped_by, self._groups = lr, []
        for start, stop in zip(starts, [*starts[1:], len(keys)], strict=True):
            rows = slice(start, stop)
            kept = [self.weights.flat, self.m, self.v]
            if entrywise[start]:
                kept += [self._correction1, self._correction2, self._room]
            tensors = [tensor[rows] for tensor in kept]
            if not entrywise[start]:
                tensors.append(self.count[start])
            self._groups.append((rows, keys[start][0], lr[start], tensors))

    @staticmethod
    def _entrywise_update(
        setting: Adam,
        lr: float,
        gradient: Tensor,
        weights: Tensor,
        m: Tensor,
        v: Tensor,
        correction1: Tensor,
        correction2: Tensor,
        room: Tensor,
    ) -> None:
        """Adam in as few passes as there are without fusing them, and without new tensors."""
        if setting.decoupled:
            weights.mul_(1 - lr * setting.weight_decay)
        elif setting.weight_decay:
            gradient = torch.add(gradient, weights, alpha=setting.weight_decay)
        m.lerp_(gradient, 1 - setting.beta1)
        v.mul_(setting.beta2).addcmul_(gradient, gradient, value=1 - setting.beta2)
        correction1.lerp_(ONE, 1 - setting.beta1)
        correction2.lerp_(ONE, 1 - setting.beta2)
        # sqrt(v / correction2), in two thirds of the time that torch.sqrt takes here
        torch.div(correction2, v, out=room).rsqrt_()
        room.add_(setting.eps).mul_(correction1)
        weights.addcdiv_(m, room, value=-lr)

    def reset(self, rows: slice, mask: Tensor | None, parts: tuple[str, ...]) -> None:
        """Forget `parts` (of "m", "v", "count") of `rows`, everywhere or where `mask` is true."""
        where = places(mask, self.m[rows])
        for part in ("m", "v"):
            if part in parts:
                forget(getattr(self, part)[rows], where)
        if "count" in parts:
            self._reset_count(rows, mask, where)

    def _reset_count(self, rows: slice, mask: Tensor | None, where: Tensor | None) -> None:
        if mask is None:
            self.count[rows] = 0
            self.entrywise[rows] = False
            self._grouped_by = None
            return
        if self._correction1 is None:
            kept = (torch.zeros_like(self.m) for _ in range(3))
            self._correction1, self._correction2, self._room = kept
        touched = torch.zeros_like(self.entrywise)
        touched[rows] = mask.any(1)
        for r in (touched & ~self.entrywise).nonzero().flatten().tolist():
            self._correction1[r] = 1 - self.settings[r].beta1 ** float(self.count[r])
            self._correction2[r] = 1 - self.settings[r].beta2 ** float(self.count[r])
            self.entrywise[r], self._grouped_by = True, None
        forget(self._correction1[rows], where)
        forget(self._correction2[rows], where)
