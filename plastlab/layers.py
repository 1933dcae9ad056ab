"""Layers of R networks at once, each with a forward and a hand-written backward pass.

Activations are batch last, [R, features, B] or [R, channels, length, B]; a replica's slice of a
weight is what `torch.nn` holds for the same layer. `forward` is made of differentiable torch
operations, so autograd can take over where a penalty or a probe needs it; `backward` computes the
same gradient two to three times faster and writes it where it belongs (tests hold them equal).

A layer's parameters arrive as a tuple in the order of `shapes`, as does the room for their
gradients. `forward` returns its output and what `backward` needs to know; activations append
their output to `hidden`.
"""

import math
from typing import Any

import torch

from plastlab.products import product

Tensor = torch.Tensor
Shapes = dict[str, tuple[int, ...]]
aten = torch.ops.aten


class Layer:
    """A layer without parameters that changes nothing."""

    shapes: Shapes = {}
    first = False  # whether no parameter lies before it, so its input needs no gradient

    def start(self, name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """The initial value of one replica's parameter."""
        raise TypeError(f"{type(self).__name__} has no parameter {name!r}")

    def bind(self, tensors: dict[str, Tensor], prefix: str) -> Any:
        """This layer's own tensors out of a network's, by name."""
        return tuple(tensors[prefix + name] for name in self.shapes)

    def forward(self, parameters: Any, h: Tensor, hidden: list[Tensor]) -> tuple[Tensor, Any]:
        """Output for the input `h`, and what `backward` will need."""
        return h, None

    def backward(
        self, parameters: Any, room: Any, saved: Any, slope: Tensor, extra: list[Tensor | None]
    ) -> Tensor:
        """Gradient for the input, given `slope`, the gradient for the output.

        Writes the parameters' gradients into `room`. `extra` holds further gradients for the
        hidden activations; each activation takes its own from the end.
        """
        return slope


class Linear(Layer):
    """y = W h + b with W [R, out, in] and b [R, out], as `torch.nn.Linear`.

    `gain` None draws as `torch.nn.Linear` does, uniform within 1/sqrt(fan_in); a number draws
    weights from N(0, gain**2 / fan_in) with zero biases (He et al., 2015, section 2.2).
    """

    def __init__(self, fan_in: int, units: int, gain: float | None, first: bool = False) -> None:
        self.fan_in, self.gain, self.first = fan_in, gain, first
        self.shapes = {"weight": (units, fan_in), "bias": (units,)}

    def start(self, name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """A fresh weight or bias."""
        return _fan_in_start(name, shape, self.fan_in, self.gain, generator)

    def forward(self, parameters: Any, h: Tensor, hidden: list[Tensor]) -> tuple[Tensor, Any]:
        """[R, in, B] -> [R, out, B]."""
        weight, bias = parameters
        return product(weight, h).add_(bias.unsqueeze(2)), h

    def backward(
        self, parameters: Any, room: Any, saved: Any, slope: Tensor, extra: list[Tensor | None]
    ) -> Tensor:
        """[R, out, B] -> [R, in, B]."""
        product(slope, saved.mT, out=room[0])
        torch.sum(slope, 2, out=room[1])
        return slope if self.first else product(parameters[0].mT, slope)


class Conv1d(Layer):
    """One-dimensional convolution, weight [R, out, in, kernel], as `torch.nn.Conv1d`.

    It gathers the windows and multiplies matrices: grouped convolution over replicas is several
    times slower on a CPU.
    """

    def __init__(
        self,
        channels_in: int,
        channels: int,
        kernel: int,
        stride: int,
        padding: int,
        gain: float | None,
        first: bool = False,
    ) -> None:
        self.kernel, self.stride, self.padding = kernel, stride, padding
        self.fan_in, self.gain, self.first = channels_in * kernel, gain, first
        self.shapes = {"weight": (channels, channels_in, kernel), "bias": (channels,)}

    def length(self, length: int) -> int:
        """Number of output positions for `length` input positions."""
        return (length + 2 * self.padding - self.kernel) // self.stride + 1

    def start(self, name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """A fresh weight or bias."""
        return _fan_in_start(name, shape, self.fan_in, self.gain, generator)

    def _taps(self, length: int) -> list[tuple[int, slice, slice]]:
        """For each kernel position: the outputs it reaches, and the inputs it reads."""
        taps = []
        for j in range(self.kernel):
            low = max(0, -(-(self.padding - j) // self.stride))
            high = min(self.length(length), (length - 1 + self.padding - j) // self.stride + 1)
            start = low * self.stride + j - self.padding
            stop = (high - 1) * self.stride + j - self.padding + 1
            taps.append((j, slice(low, high), slice(start, stop, self.stride)))
        return taps

    def _windows(self, h: Tensor) -> Tensor:
        """[R, in, length, B] -> [R, in * kernel, out length * B], zero where padded."""
        replicas, channels, length, batch = h.shape
        out = h.new_zeros(replicas, channels, self.kernel, self.length(length), batch)
        for j, outputs, inputs in self._taps(length):
            out[:, :, j, outputs] = h[:, :, inputs]
        return out.view(replicas, self.fan_in, -1)

    def forward(self, parameters: Any, h: Tensor, hidden: list[Tensor]) -> tuple[Tensor, Any]:
        """[R, in, length, B] -> [R, out, out length, B]."""
        weight, bias = parameters
        windows = self._windows(h)
        y = product(weight.flatten(2), windows).add_(bias.unsqueeze(2))
        return y.view(*y.shape[:2], -1, h.shape[-1]), (windows, h.shape)

    def backward(
        self, parameters: Any, room: Any, saved: Any, slope: Tensor, extra: list[Tensor | None]
    ) -> Tensor:
        """[R, out, out length, B] -> [R, in, length, B]."""
        windows, shape = saved
        slope = slope.flatten(2)
        product(slope, windows.mT, out=room[0].flatten(2))
        torch.sum(slope, 2, out=room[1])
        if self.first:
            return slope
        parts = product(parameters[0].flatten(2).mT, slope)
        parts = parts.view(*shape[:2], self.kernel, -1, shape[-1])
        out = slope.new_zeros(shape)
        for j, outputs, inputs in self._taps(shape[2]):
            out[:, :, inputs] += parts[:, :, j, outputs]
        return out


class LayerNorm(Layer):
    """Normalizes each example over its features, then scales by gain and shifts by offset.

    Convolutional features are normalized over channels and positions together, with one gain and
    offset a channel (`torch.nn.GroupNorm(1, channels)`).

    Source: Ba, Kiros and Hinton (2016), section 3.
    """

    def __init__(self, units: int) -> None:
        self.shapes = {"weight": (units,), "bias": (units,)}

    def start(self, name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Gain one, offset zero."""
        return torch.ones(shape) if name == "weight" else torch.zeros(shape)

    def forward(self, parameters: Any, h: Tensor, hidden: list[Tensor]) -> tuple[Tensor, Any]:
        """Same shape in and out."""
        weight, bias = (_per_unit(p, h) for p in parameters)
        rows = h.flatten(1, -2).mT.contiguous()
        normal, mean, rstd = torch.native_layer_norm(rows, rows.shape[-1:], None, None, 1e-5)
        scaled = normal.mT.reshape(h.shape)
        return torch.addcmul(bias, scaled, weight), (rows, mean, rstd, scaled)

    def backward(
        self, parameters: Any, room: Any, saved: Any, slope: Tensor, extra: list[Tensor | None]
    ) -> Tensor:
        """Same shape in and out."""
        rows, mean, rstd, scaled = saved
        units = slope.shape[:2]
        torch.sum((slope * scaled).reshape(*units, -1), 2, out=room[0])
        torch.sum(slope.reshape(*units, -1), 2, out=room[1])
        slope = (slope * _per_unit(parameters[0], slope)).flatten(1, -2).mT.contiguous()
        back, _, _ = aten.native_layer_norm_backward(
            slope, rows, rows.shape[-1:], mean, rstd, None, None, [True, False, False]
        )
        return back.mT.reshape(scaled.shape)


class Reshape(Layer):
    """Views each example's features as `shape`, for example (channels, length), or (-1,)."""

    def __init__(self, *shape: int) -> None:
        self.shape = shape

    def forward(self, parameters: Any, h: Tensor, hidden: list[Tensor]) -> tuple[Tensor, Any]:
        """[R, ..., B] -> [R, *shape, B]."""
        return h.reshape(h.shape[0], *self.shape, h.shape[-1]), h.shape

    def backward(
        self, parameters: Any, room: Any, saved: Any, slope: Tensor, extra: list[Tensor | None]
    ) -> Tensor:
        """Back to the input's shape."""
        return slope.reshape(saved)


class Residual(Layer):
    """h + the layers' output for h."""

    def __init__(self, *layers: Layer) -> None:
        self.layers = layers
        self.shapes = {
            f"{i}.{name}": shape
            for i, layer in enumerate(layers)
            for name, shape in layer.shapes.items()
        }

    def start(self, name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Asks the layer whose parameter it is."""
        index, _, inner = name.partition(".")
        return self.layers[int(index)].start(inner, shape, generator)

    def bind(self, tensors: dict[str, Tensor], prefix: str) -> Any:
        """One entry a layer."""
        return [layer.bind(tensors, f"{prefix}{i}.") for i, layer in enumerate(self.layers)]

    def forward(self, parameters: Any, h: Tensor, hidden: list[Tensor]) -> tuple[Tensor, Any]:
        """Same shape in and out."""
        y, saved = h, []
        for layer, own in zip(self.layers, parameters, strict=True):
            y, kept = layer.forward(own, y, hidden)
            saved.append(kept)
        return y + h, saved

    def backward(
        self, parameters: Any, room: Any, saved: Any, slope: Tensor, extra: list[Tensor | None]
    ) -> Tensor:
        """The skip's slope plus what came through the layers."""
        inner = slope
        for i in reversed(range(len(self.layers))):
            inner = self.layers[i].backward(parameters[i], room[i], saved[i], inner, extra)
        return inner + slope


def _per_unit(parameter: Tensor, like: Tensor) -> Tensor:
    """A parameter [R, units] shaped to multiply `like` [R, units, ..., B]."""
    return parameter.view(*parameter.shape, *[1] * (like.dim() - 2))


def _fan_in_start(
    name: str, shape: tuple[int, ...], fan_in: int, gain: float | None, generator: torch.Generator
) -> Tensor:
    if gain is None:
        bound = 1 / math.sqrt(fan_in)
        return torch.empty(shape).uniform_(-bound, bound, generator=generator)
    if name == "bias":
        return torch.zeros(shape)
    return torch.randn(shape, generator=generator).mul_(gain / math.sqrt(fan_in))
