"""Activation layers without parameters, and what all activations have in common: each appends its
output to the hidden activations of its network."""

from typing import Any

import torch
import torch.nn.functional as F

from plastlab.nets.layers import Layer, Tensor, Trace, aten


class Activation(Layer):
    """Base of the activations. `doubles` says that n units give 2 n features."""

    doubles = False

    def __init__(self, units: int = 1) -> None:
        self.units = units

    def value(self, h: Tensor) -> Tensor:
        """The activation of each entry."""
        return h

    def slope(self, slope: Tensor, before: Tensor, after: Tensor) -> Tensor:
        """The gradient for the input, given that for the output."""
        return slope

    def evaluate(self, h: Tensor, *parameters: Tensor) -> tuple[Tensor, Any]:
        """As `value`, with parameters if there are any, and what `slopes` will need."""
        y = self.value(h)
        return y, (h, y)

    def slopes(self, parameters: Any, room: Any, saved: Any, slope: Tensor) -> Tensor:
        """As `slope`; writes the parameters' gradients into `room` if there are any."""
        return self.slope(slope, *saved)

    def forward(self, parameters: Any, h: Tensor, trace: Trace) -> tuple[Tensor, Any]:
        """Same shape in and out, or twice the features."""
        if trace.before is not None:
            trace.before.append(h)
            h = h.clone()  # some values are computed in place
        y, saved = self.evaluate(h, *parameters)
        trace.hidden.append(y)
        return y, saved

    def backward(
        self, parameters: Any, room: Any, saved: Any, slope: Tensor, extra: list[Tensor | None]
    ) -> Tensor:
        """Adds the extra gradient of this hidden activation, then the slope."""
        if extra and (own := extra.pop()) is not None:
            slope = slope + own
        return self.slopes(parameters, room, saved, slope)


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


class DeepFourier(Activation):
    """[sin h, cos h]: each unit has a steep side and a flat one, and where one flattens the other
    does not.

    Source: Lewandowski, Schuurmans and Machado (2025), deep Fourier features.
    """

    doubles = True

    def value(self, h: Tensor) -> Tensor:
        """Twice the features: the sines, then the cosines."""
        return torch.cat([torch.sin(h), torch.cos(h)], 1)

    def slope(self, slope: Tensor, before: Tensor, after: Tensor) -> Tensor:
        """The derivative of each half is the other half, up to its sign."""
        sine, cosine = after.chunk(2, 1)
        for_sine, for_cosine = slope.chunk(2, 1)
        return torch.addcmul(for_sine * cosine, for_cosine, sine, value=-1)


class Unlisted(Layer):
    """An activation that is no hidden layer of units: what it gives is not left in the trace. For
    activations of a stream that several layers write to, or that more than one matrix reads."""

    def __init__(self, inner: Activation) -> None:
        self.inner, self.shapes = inner, inner.shapes

    def start(self, name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Asks the activation."""
        return self.inner.start(name, shape, generator)

    def forward(self, parameters: Any, h: Tensor, trace: Trace) -> tuple[Tensor, Any]:
        """As the activation, but not in place: others may read the input."""
        return self.inner.forward(parameters, h.clone(), Trace())

    def backward(
        self, parameters: Any, room: Any, saved: Any, slope: Tensor, extra: list[Tensor | None]
    ) -> Tensor:
        """As the activation; it takes no extra gradient."""
        return self.inner.backward(parameters, room, saved, slope, [])
