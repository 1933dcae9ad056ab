"""Activation layers: each appends its output to the hidden activations of its network."""

from typing import Any

import torch
import torch.nn.functional as F

from plastlab.layers import Layer, Tensor, aten


class Activation(Layer):
    """Base of the activations. `doubles` says that n units give 2 n features."""

    doubles = False

    def value(self, h: Tensor) -> Tensor:
        """The activation of each entry."""
        return h

    def slope(self, slope: Tensor, before: Tensor, after: Tensor) -> Tensor:
        """The gradient for the input, given that for the output."""
        return slope

    def forward(self, parameters: Any, h: Tensor, hidden: list[Tensor]) -> tuple[Tensor, Any]:
        """Same shape in and out, or twice the features."""
        y = self.value(h)
        hidden.append(y)
        return y, (h, y)

    def backward(
        self, parameters: Any, room: Any, saved: Any, slope: Tensor, extra: list[Tensor | None]
    ) -> Tensor:
        """Adds the extra gradient of this hidden activation, then the slope."""
        if extra and (own := extra.pop()) is not None:
            slope = slope + own
        return self.slope(slope, *saved)


class Identity(Activation):
    """No nonlinearity: a deep linear network."""


class ReLU(Activation):
    """max(h, 0)."""

    def value(self, h: Tensor) -> Tensor:
        """In place: the layer before does not need its output."""
        return torch.relu_(h)

    def slope(self, slope: Tensor, before: Tensor, after: Tensor) -> Tensor:
        """Passes where the output is positive."""
        return aten.threshold_backward(slope, after, 0)


class LeakyReLU(Activation):
    """h where positive, a tenth of h elsewhere."""

    leak = 0.1

    def value(self, h: Tensor) -> Tensor:
        """Entrywise."""
        return F.leaky_relu(h, self.leak)

    def slope(self, slope: Tensor, before: Tensor, after: Tensor) -> Tensor:
        """One or a tenth."""
        return aten.leaky_relu_backward(slope, after, self.leak, True)


class Tanh(Activation):
    """Hyperbolic tangent."""

    def value(self, h: Tensor) -> Tensor:
        """Entrywise."""
        return torch.tanh(h)

    def slope(self, slope: Tensor, before: Tensor, after: Tensor) -> Tensor:
        """1 - tanh squared."""
        return aten.tanh_backward(slope, after)


class GELU(Activation):
    """h times the standard normal distribution function of h."""

    def value(self, h: Tensor) -> Tensor:
        """Entrywise."""
        return F.gelu(h)

    def slope(self, slope: Tensor, before: Tensor, after: Tensor) -> Tensor:
        """From the input."""
        return aten.gelu_backward(slope, before)


class SiLU(Activation):
    """h times the logistic function of h."""

    def value(self, h: Tensor) -> Tensor:
        """Entrywise."""
        return F.silu(h)

    def slope(self, slope: Tensor, before: Tensor, after: Tensor) -> Tensor:
        """From the input."""
        return aten.silu_backward(slope, before)


class CReLU(Activation):
    """[ReLU(h), ReLU(-h)]: no unit is ever silent on both sides.

    Source: Shang et al. (2016); Abbas et al. (2023) for plasticity.
    """

    doubles = True

    def value(self, h: Tensor) -> Tensor:
        """Twice the features: the positive parts, then the negative ones."""
        return torch.cat([h, -h], 1).relu_()

    def slope(self, slope: Tensor, before: Tensor, after: Tensor) -> Tensor:
        """Each half passes where it is positive."""
        positive, negative = aten.threshold_backward(slope, after, 0).chunk(2, 1)
        return positive - negative


ACTIVATIONS: dict[str, type[Activation]] = {
    "relu": ReLU,
    "leaky relu": LeakyReLU,
    "tanh": Tanh,
    "gelu": GELU,
    "silu": SiLU,
    "crelu": CReLU,
    "identity": Identity,
}
GAINS = {"relu": 2**0.5, "leaky relu": (2 / 1.01) ** 0.5, "gelu": 2**0.5, "silu": 2**0.5}
