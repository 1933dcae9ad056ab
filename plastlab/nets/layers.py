"""Layers of R networks at once, each with a forward and a hand-written backward pass.

Activations are batch last, [R, features, B] or [R, channels, length, B]; a replica's slice of a
weight is what `torch.nn` holds for the same layer. `forward` is made of differentiable torch
operations, so autograd can take over where a penalty or a probe needs it; `backward` computes the
same gradient two to three times faster and writes it where it belongs (tests hold them equal).

A layer's parameters arrive as a tuple in the order of `shapes`, as does the room for their
gradients; its buffers, values that are never trained, follow the parameters. `forward` returns its
output and what `backward` needs to know; activations leave their output in the `trace`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from plastlab.products import product

Tensor = torch.Tensor
Shapes = dict[str, tuple[int, ...]]
Tensors = dict[str, Tensor]
aten = torch.ops.aten


@dataclass
class Trace:
    """What a forward pass leaves on its way: hidden activations and, if `before` is a list, the
    preactivations they came from, in order of depth. And how it treats batch normalization: by
    running statistics, or, with a `rate`, by those of the batch, to which the running ones then
    move by that share."""

    hidden: list[Tensor] = field(default_factory=list)
    before: list[Tensor] | None = None
    rate: float | None = None


class Layer:
    """A layer without parameters that changes nothing."""

    shapes: Shapes = {}
    buffers: Shapes = {}
    per_unit: tuple[str, ...] = ()  # parameters with one entry a hidden unit, beside the bias
    per_unit_buffers: tuple[str, ...] = ()  # and buffers, such as running statistics
    first = False  # whether no parameter lies before it, so its input needs no gradient

    def start(self, name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """The initial value of one replica's parameter or buffer."""
        raise TypeError(f"{type(self).__name__} has no parameter {name!r}")

    def bind(self, tensors: Tensors, buffers: Tensors | None, prefix: str) -> Any:
        """This layer's own tensors out of a network's, by name; room for gradients has no
        buffers."""
        own = tuple(tensors[prefix + name] for name in self.shapes)
        return own if buffers is None else own + tuple(buffers[prefix + n] for n in self.buffers)

    def forward(self, parameters: Any, h: Tensor, trace: Trace) -> tuple[Tensor, Any]:
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
    weights from N(0, gain**2 / fan_in) with zero biases (He et al., 2015, section 2.2). With
    `bias` False there is no b.
    """

    def __init__(
        self,
        fan_in: int,
        units: int,
        gain: float | None,
        first: bool = False,
        bias: bool = True,
    ) -> None:
        self.fan_in, self.gain, self.first = fan_in, gain, first
        self.shapes = {"weight": (units, fan_in)} | ({"bias": (units,)} if bias else {})

    def start(self, name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """A fresh weight or bias."""
        return fan_in_start(name, shape, self.fan_in, self.gain, generator)

    def forward(self, parameters: Any, h: Tensor, trace: Trace) -> tuple[Tensor, Any]:
        """[R, in, B] -> [R, out, B]."""
        y = product(parameters[0], h)
        return (y.add_(parameters[1].unsqueeze(2)) if len(parameters) == 2 else y), h

    def backward(
        self, parameters: Any, room: Any, saved: Any, slope: Tensor, extra: list[Tensor | None]
    ) -> Tensor:
        """[R, out, B] -> [R, in, B]."""
        product(slope, saved.mT, out=room[0])
        if len(room) == 2:
            torch.sum(slope, 2, out=room[1])
        return slope if self.first else product(parameters[0].mT, slope)


class Reshape(Layer):
    """Views each example's features as `shape`, for example (channels, length), or (-1,)."""

    def __init__(self, *shape: int) -> None:
        self.shape = shape

    def forward(self, parameters: Any, h: Tensor, trace: Trace) -> tuple[Tensor, Any]:
        """[R, ..., B] -> [R, *shape, B]."""
        return h.reshape(h.shape[0], *self.shape, h.shape[-1]), h.shape

    def backward(
        self, parameters: Any, room: Any, saved: Any, slope: Tensor, extra: list[Tensor | None]
    ) -> Tensor:
        """Back to the input's shape."""
        return slope.reshape(saved)


class Composite(Layer):
    """A layer made of layers: their parameters and buffers, each name with its layer's number
    before it."""

    def __init__(self, *layers: Layer) -> None:
        self.layers = layers
        self.shapes = numbered(layers, "shapes")
        self.buffers = numbered(layers, "buffers")

    def start(self, name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Asks the layer whose parameter it is."""
        return start_of(self.layers, name, shape, generator)

    def bind(self, tensors: Tensors, buffers: Tensors | None, prefix: str) -> Any:
        """One entry a layer."""
        return [
            layer.bind(tensors, buffers, f"{prefix}{i}.") for i, layer in enumerate(self.layers)
        ]


class Residual(Composite):
    """h + the layers' output for h."""

    def forward(self, parameters: Any, h: Tensor, trace: Trace) -> tuple[Tensor, Any]:
        """Same shape in and out."""
        y, saved = h, []
        for layer, own in zip(self.layers, parameters, strict=True):
            y, kept = layer.forward(own, y, trace)
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


def numbered(layers: Sequence[Layer], kind: str) -> Shapes:
    """The layers' "shapes" or "buffers", each name with its layer's number before it."""
    return {
        f"{i}.{name}": shape
        for i, layer in enumerate(layers)
        for name, shape in getattr(layer, kind).items()
    }


def start_of(
    layers: Sequence[Layer], name: str, shape: tuple[int, ...], generator: torch.Generator
) -> Tensor:
    """The initial value of a parameter whose name begins with its layer's number."""
    index, _, inner = name.partition(".")
    return layers[int(index)].start(inner, shape, generator)


def per_unit(parameter: Tensor, like: Tensor) -> Tensor:
    """A parameter [R, units] shaped to multiply `like` [R, units, ..., B]."""
    return parameter.view(*parameter.shape, *[1] * (like.dim() - 2))


def fan_in_start(
    name: str, shape: tuple[int, ...], fan_in: int, gain: float | None, generator: torch.Generator
) -> Tensor:
    """A weight or bias as `Linear` and `Conv1d` draw them."""
    if gain is None:
        bound = 1 / math.sqrt(fan_in)
        return torch.empty(shape).uniform_(-bound, bound, generator=generator)
    if name == "bias":
        return torch.zeros(shape)
    return torch.randn(shape, generator=generator).mul_(gain / math.sqrt(fan_in))
