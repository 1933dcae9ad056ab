"""The optimizer: what it forgets, with which constants it runs, and what bounds its updates."""

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, ClassVar

import torch

from plastlab.errors import check_number, check_type
from plastlab.interventions.base import Event, Intervention
from plastlab.optim import Adam
from plastlab.state import State


@dataclass(frozen=True)
class AdamReset(Event):
    """Makes Adam forget its first moment `m`, its second moment `v` and its update `count`.

    All three together are a new optimizer. Forgetting the moments without the count makes the
    next steps up to 6.5 times too large; forgetting the count alone is Adam-Rel.

    Source: Asadi, Fakoor and Sabach (2023), section 3 (m and v, at target updates); Ellis et al.
        (2024), section 3 (count).
    Differs: acts at the boundaries of supervised tasks; with SGD it clears the momentum.
    Cost: none.
    """

    family: ClassVar[str] = "optimizer"
    tuned: ClassVar[tuple[str, tuple]] = ("count", (True, False))
    off: ClassVar[dict[str, bool]] = {"m": False, "v": False, "count": False}

    m: bool = True
    v: bool = True
    count: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        for part in ("m", "v", "count"):
            check_type(f"AdamReset.{part}", getattr(self, part), bool, "Give True or False.")

    def act(self, s: State) -> None:
        """Forget."""
        s.reset_optimizer(parts=tuple(p for p in ("m", "v", "count") if getattr(self, p)))


@dataclass(frozen=True)
class AdamRel(Event):
    """Makes Adam forget how many updates it has done, and nothing else.

    Where gradients jump up at a boundary, the first updates then have the usual size (kept whole,
    the memory makes some of them 6.5 times too large). Where they do not jump, it is a warm-up from
    a third of the learning rate that lasts as long as the second moment looks back: about
    1 / (1 - beta2) updates, 1000 at Adam's default.

    Source: Ellis et al. (2024), "Adam on Local Time".
    Differs: acts at the boundaries of supervised tasks; with SGD it does nothing.
    Cost: none.
    """

    family: ClassVar[str] = "optimizer"
    off: ClassVar[dict[str, int]] = {"every": 10**9}

    def act(self, s: State) -> None:
        """Forget the count."""
        s.reset_optimizer(parts=("count",))


@dataclass(frozen=True)
class TunedAdam(Intervention):
    """Runs Adam with these constants in the place of the condition's own.

    With beta1 = beta2 the first and the second moment look back equally far, so that no update is
    larger than the learning rate, however the gradient jumps. A large `eps` shortens the updates
    of weights whose gradients are small.

    Source: Adam is Kingma and Ba's (2015), algorithm 1; equal betas as in the released code of
        Parseval regularization (0.9) and of continual backprop with PPO (0.99).
    Differs: nothing. SGD and Muon stay as they are.
    Cost: none.
    """

    family: ClassVar[str] = "optimizer"
    tuned: ClassVar[tuple[str, tuple]] = ("beta2", (0.9, 0.97, 0.99))
    off: ClassVar[dict[str, float]] = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8}

    beta1: float = 0.9
    beta2: float = 0.9
    eps: float = 1e-8

    def __post_init__(self) -> None:
        for beta in ("beta1", "beta2"):
            check_number(f"TunedAdam.{beta}", getattr(self, beta), 0, 1 - 1e-9)
        check_number("TunedAdam.eps", self.eps, 0, low_open=True)

    def optimizer(self, settings: Any) -> Any:
        """The same Adam with these constants."""
        if not isinstance(settings, Adam):
            return settings
        return replace(settings, beta1=self.beta1, beta2=self.beta2, eps=self.eps)


@dataclass(frozen=True)
class GradientClipping(Intervention):
    """Shortens each replica's gradient to length `max_norm` where it is longer.

    The length is that of all parameters' gradients together. Adam divides by the gradient's usual
    size anyway; with it this matters where a gradient is longer than usual.

    Source: Pascanu, Mikolov and Bengio (2013), "On the difficulty of training recurrent neural
        networks".
    Differs: nothing; what penalties add to the gradient is clipped too, if they were added before.
    Cost: two passes over the gradient each update.
    """

    family: ClassVar[str] = "optimizer"
    tuned: ClassVar[tuple[str, tuple]] = ("max_norm", (0.1, 0.5, 2.0))
    off: ClassVar[dict[str, float]] = {"max_norm": 1e12}

    max_norm: float = 0.5

    def __post_init__(self) -> None:
        check_number("GradientClipping.max_norm", self.max_norm, 0, low_open=True)

    def after_backward(self, s: State, mem: SimpleNamespace) -> None:
        """Clip."""
        norm = torch.linalg.vector_norm(s.gradients.flat, dim=1, keepdim=True)
        s.gradients.flat.mul_((self.max_norm / (norm + 1e-6)).clamp_(max=1.0))


@dataclass(frozen=True)
class WeightDecay(Intervention):
    """Shrinks weights beside the gradient: w <- w - lr strength w, just before each update.

    Adam with it is AdamW. Without `biases` only matrices and tables shrink, which is the usual
    choice for large models. The learning rate is that of the moment at which it acts: add schedules
    before it.

    Source: Loshchilov and Hutter (2019), algorithm 2.
    Differs: gains and offsets of normalization layers, and slopes of activations, are left alone;
        AdamW here and in `torch.optim` shrinks them too.
    Cost: one pass over the weights each update.
    """

    family: ClassVar[str] = "penalties"
    tuned: ClassVar[tuple[str, tuple]] = ("strength", (0.01, 0.1, 1.0))
    off: ClassVar[dict[str, float]] = {"strength": 0.0}

    strength: float = 0.1
    biases: bool = True

    def __post_init__(self) -> None:
        check_number("WeightDecay.strength", self.strength, 0)
        check_type("WeightDecay.biases", self.biases, bool, "Give True or False.")

    def after_backward(self, s: State, mem: SimpleNamespace) -> None:
        """Shrink."""
        layout, kept = s.weights.layout, (1 - s.lr * self.strength).float()
        names = layout.connections if self.biases else (*layout.matrices, *layout.tables)
        for name in names:
            weight = s.weights[name]
            weight.mul_(kept.view(-1, *[1] * (weight.dim() - 1)))
