"""A plain network whose activation is shaped to its depth."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch.nn.functional as F

from plastlab.errors import check_choice, check_number
from plastlab.nets.architectures import MLP
from plastlab.nets.layers import Layer, Tensor, aten
from plastlab.nets.pointwise import GELU, Activation, LeakyReLU, SiLU, Tanh
from plastlab.theory import Signals, dks, tailored_leak
from plastlab.theory.kernels import Shape

CURVES: dict[str, type[Activation]] = {"tanh": Tanh, "gelu": GELU, "silu": SiLU}
SHAPED = ("leaky relu", *CURVES)


class TailoredReLU(LeakyReLU):
    """h where positive, `leak` times h elsewhere, times the factor that keeps a variance of 1."""

    def __init__(self, units: int, leak: float) -> None:
        super().__init__(units)
        self.leak, self.factor = leak, (2 / (1 + leak**2)) ** 0.5

    def value(self, h: Tensor) -> Tensor:
        """Entrywise."""
        return F.leaky_relu(h, self.leak) * self.factor

    def slope(self, slope: Tensor, before: Tensor, after: Tensor) -> Tensor:
        """The factor, or leak times the factor."""
        return aten.leaky_relu_backward(slope * self.factor, after, self.leak, False)


class ShapedActivation(Activation):
    """scale * (f(stretch * h + shift) + offset)."""

    def __init__(self, units: int, shape: Shape) -> None:
        super().__init__(units)
        self.shape, self.inner = shape, CURVES[shape.activation](units)

    def evaluate(self, h: Tensor, *parameters: Tensor) -> tuple[Tensor, Any]:
        """Entrywise; what the inner activation saw and gave is kept."""
        before = h * self.shape.stretch + self.shape.shift
        after = self.inner.value(before)
        return (after + self.shape.offset) * self.shape.scale, (before, after)

    def slope(self, slope: Tensor, before: Tensor, after: Tensor) -> Tensor:
        """That of the inner activation, times both factors."""
        return self.inner.slope(slope * (self.shape.scale * self.shape.stretch), before, after)


@dataclass(frozen=True)
class ShapedMLP(MLP):
    """An MLP without skips and normalization whose activation depends on its depth: a leaky ReLU by
    `theory.tailored_leak`, which takes inputs at right angles to the cosine `target` at the top; a
    smooth one by `theory.dks`. Weights are drawn from N(0, 1 / fan_in).

    Source: Zhang, Botev and Martens (2022) for the leaky ReLU, Martens et al. (2021) for the
        others, who draw orthogonal matrices.
    """

    activation: str = field(default="leaky relu", kw_only=True)
    target: float = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("ShapedMLP.activation", self.activation, SHAPED)
        check_number("ShapedMLP.target", self.target, 0, 1, low_open=True)

    @property
    def hidden_gain(self) -> float | None:
        """1, unless another was given: the activation keeps the variance."""
        return super().hidden_gain if self.gain is not None or self.start != "he" else 1.0

    @property
    def signals(self) -> Signals:
        """The maps of its activation at its gain."""
        return Signals(self.curve, self.hidden_gain)

    @property
    def curve(self) -> Callable[[np.ndarray], np.ndarray]:
        """Its activation, as a function of arrays."""
        if self.activation != "leaky relu":
            return dks(self.activation, self.depth)
        leak = tailored_leak(self.depth, self.target)
        return lambda h: np.where(h > 0, h, leak * h) * (2 / (1 + leak**2)) ** 0.5

    def nonlinearity(self, units: int) -> list[Layer]:
        """A norm if asked for, and the shaped activation."""
        if self.activation == "leaky relu":
            return [*self.norm(units), TailoredReLU(units, tailored_leak(self.depth, self.target))]
        return [*self.norm(units), ShapedActivation(units, dks(self.activation, self.depth))]
