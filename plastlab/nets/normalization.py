"""Normalization layers of R networks at once."""

from typing import Any

import torch
import torch.nn.functional as F

from plastlab.nets.layers import Layer, Tensor, Tensors, Trace, aten, per_unit


class LayerNorm(Layer):
    """Normalizes each example over its features, then scales by gain and shifts by offset.

    Convolutional features are normalized over channels and positions together, with one gain and
    offset a channel (`torch.nn.GroupNorm(1, channels)`).

    Source: Ba, Kiros and Hinton (2016), section 3.
    """

    def __init__(self, units: int) -> None:
        self.shapes = {"weight": (units,), "bias": (units,)}
        self.per_unit = ("weight", "bias")

    def start(self, name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Gain one, offset zero."""
        return torch.ones(shape) if name == "weight" else torch.zeros(shape)

    def forward(self, parameters: Any, h: Tensor, trace: Trace) -> tuple[Tensor, Any]:
        """Same shape in and out."""
        weight, bias = (per_unit(p, h) for p in parameters)
        rows = h.flatten(1, -2).mT.contiguous()
        normal, mean, rstd = torch.native_layer_norm(rows, rows.shape[-1:], None, None, 1e-5)
        scaled = normal.mT.contiguous().view(h.shape)
        return torch.addcmul(bias, scaled, weight), (rows, mean, rstd, scaled)

    def backward(
        self, parameters: Any, room: Any, saved: Any, slope: Tensor, extra: list[Tensor | None]
    ) -> Tensor:
        """Same shape in and out."""
        rows, mean, rstd, scaled = saved
        units = slope.shape[:2]
        torch.sum((slope * scaled).reshape(*units, -1), 2, out=room[0])
        torch.sum(slope.reshape(*units, -1), 2, out=room[1])
        slope = (slope * per_unit(parameters[0], slope)).flatten(1, -2).mT.contiguous()
        back, _, _ = aten.native_layer_norm_backward(
            slope, rows, rows.shape[-1:], mean, rstd, None, None, [True, False, False]
        )
        return back.mT.reshape(scaled.shape)


class BatchNorm(Layer):
    """Normalizes each unit over the examples of the batch (and positions, of a channel), then
    scales by gain and shifts by offset.

    In training, which is a forward pass with a rate, mean and variance are those of the batch, and
    the running ones, which are buffers, move to them by that share. Otherwise the running ones are
    used, so an answer does not depend on what else is asked. As `torch.nn.BatchNorm1d`, whose
    running variance is the unbiased one, too.

    Source: Ioffe and Szegedy (2015), algorithms 1 and 2.
    """

    epsilon = 1e-5

    def __init__(self, units: int) -> None:
        self.shapes = {"weight": (units,), "bias": (units,)}
        self.buffers = {"mean": (units,), "variance": (units,)}
        self.per_unit, self.per_unit_buffers = ("weight", "bias"), ("mean", "variance")

    def start(self, name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Gain and variance one, offset and mean zero."""
        return torch.ones(shape) if name in ("weight", "variance") else torch.zeros(shape)

    def forward(self, parameters: Any, h: Tensor, trace: Trace) -> tuple[Tensor, Any]:
        """Same shape in and out."""
        weight, bias, *running = parameters
        mean, variance = running if trace.rate is None else _batch(h, running, trace.rate)
        rstd = (variance + self.epsilon).rsqrt()
        scaled = (h - per_unit(mean, h)) * per_unit(rstd, h)
        y = torch.addcmul(per_unit(bias, h), scaled, per_unit(weight, h))
        return y, (scaled, rstd, trace.rate is not None)

    def backward(
        self, parameters: Any, room: Any, saved: Any, slope: Tensor, extra: list[Tensor | None]
    ) -> Tensor:
        """Same shape in and out; the batch's own statistics pass gradients on, too."""
        scaled, rstd, own = saved
        units = slope.shape[:2]
        torch.sum((slope * scaled).reshape(*units, -1), 2, out=room[0])
        torch.sum(slope.reshape(*units, -1), 2, out=room[1])
        factor = per_unit(parameters[0] * rstd, slope)
        if not own:
            return slope * factor
        count = slope[0, 0].numel()
        through = scaled * per_unit(room[0] / count, slope) + per_unit(room[1] / count, slope)
        return (slope - through) * factor


def _batch(h: Tensor, running: list[Tensor], rate: float) -> tuple[Tensor, Tensor]:
    """Each unit's mean and variance in this batch [R, units], to which the running ones move."""
    flat = h.reshape(*h.shape[:2], -1)
    variance, mean = torch.var_mean(flat, 2, correction=0)
    count = flat.shape[2]
    with torch.no_grad():
        running[0].lerp_(mean, rate)
        running[1].lerp_(variance * (count / max(count - 1, 1)), rate)
    return mean, variance


class NormalizedInputs(Layer):
    """A network's first layer, which sees its inputs [R, features, B] normalized. Base of the two
    ways to do that; as it stands, it changes nothing."""

    def __init__(self, inner: Layer, inputs: int) -> None:
        self.inner, self.first = inner, inner.first
        self.shapes, self.per_unit = inner.shapes, inner.per_unit
        self.own = self.statistics(inputs)
        self.buffers = self.own | inner.buffers

    def statistics(self, inputs: int) -> dict[str, tuple[int, ...]]:
        """The buffers that this normalization needs."""
        return {}

    def normalized(self, x: Tensor, *statistics: Tensor) -> Tensor:
        """The inputs as the inner layer is to see them."""
        return x

    def start(self, name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Asks the inner layer."""
        return self.inner.start(name, shape, generator)

    def bind(self, tensors: Tensors, buffers: Tensors | None, prefix: str) -> Any:
        """The inner layer's tensors and the statistics; for the gradients' room, the former."""
        inner = self.inner.bind(tensors, buffers, prefix)
        return inner if buffers is None else (inner, [buffers[prefix + name] for name in self.own])

    def forward(self, parameters: Any, h: Tensor, trace: Trace) -> tuple[Tensor, Any]:
        """As the inner layer."""
        inner, statistics = parameters
        return self.inner.forward(inner, self.normalized(h, *statistics), trace)

    def backward(
        self, parameters: Any, room: Any, saved: Any, slope: Tensor, extra: list[Tensor | None]
    ) -> Tensor:
        """As the inner layer; no parameter lies before it."""
        return self.inner.backward(parameters[0], room, saved, slope, extra)


class LayerNormInputs(NormalizedInputs):
    """Each example minus its mean over features, over its standard deviation over features; what
    an example has of size and of level is gone."""

    def normalized(self, x: Tensor, *statistics: Tensor) -> Tensor:
        """[R, features, B] -> [R, features, B]."""
        return F.layer_norm(x.mT, x.shape[1:2]).mT


class RunningNormInputs(NormalizedInputs):
    """Each feature minus its running mean, over the root of its running variance. Both are buffers,
    as is the number of examples they were taken from; they start at mean 0 and variance 1, counted
    as one example."""

    epsilon = 1e-5

    def statistics(self, inputs: int) -> dict[str, tuple[int, ...]]:
        """Mean, variance and number of examples."""
        return {"inputs.mean": (inputs,), "inputs.variance": (inputs,), "inputs.count": ()}

    def start(self, name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """As above, or asks the inner layer."""
        if name in self.own:
            return torch.full(shape, 0.0 if name == "inputs.mean" else 1.0)
        return super().start(name, shape, generator)

    def normalized(self, x: Tensor, *statistics: Tensor) -> Tensor:
        """[R, features, B] -> [R, features, B]."""
        mean, variance, _ = (s.unsqueeze(-1) for s in statistics)
        return (x - mean) * (variance + self.epsilon).rsqrt()


INPUT_NORMS: dict[str, type[NormalizedInputs]] = {
    "layer": LayerNormInputs,
    "running": RunningNormInputs,
}
