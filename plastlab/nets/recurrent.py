"""A recurrent network of R replicas: one matrix, used again at every step of a sequence."""

from dataclasses import dataclass, field
from typing import Any

import torch

from plastlab.errors import check_choice, check_number, check_type
from plastlab.nets.activations import ACTIVATIONS
from plastlab.nets.architectures import Architecture
from plastlab.nets.layers import Layer, Linear, Tensor, Trace, fan_in_start
from plastlab.nets.network import Units
from plastlab.products import product

KINDS = ("tanh", "relu", "identity")
PLAIN = {
    "layer_norm": False,
    "batch_norm": False,
    "bias": True,
    "noise": 0.0,
    "injected": 0,
    "spectral_norm": None,
    "input_norm": None,
}


class Recurrence(Layer):
    """h_t = f(W x_t + V h_(t-1) + b) for t = 1 to `steps`, from h_0 = 0; gives the last h.

    W is `weight` [R, units, features], V `recurrent.weight` [R, units, units], as the parameters
    weight_ih_l0 and weight_hh_l0 of `torch.nn.RNN`, whose two biases are one here. The input holds
    the steps one after the other, [R, steps * features, B]. Each step's activation and
    preactivation goes into the trace: unrolled in time this is a deep network whose layers share V.

    `gain` None draws everything as `torch.nn.RNN` does. Else W is N(0, gain**2 / features), b is 0,
    and V a normal matrix scaled to the spectral radius `radius`, or, with `orthogonal`, that times
    a random orthogonal matrix.
    """

    first = True

    def __init__(
        self,
        features: int,
        units: int,
        steps: int,
        activation: str,
        gain: float | None,
        radius: float,
        orthogonal: bool,
    ) -> None:
        self.features, self.units, self.steps = features, units, steps
        self.gain, self.radius, self.orthogonal = gain, radius, orthogonal
        self.f = ACTIVATIONS[activation](units)
        self.shapes = {
            "weight": (units, features),
            "recurrent.weight": (units, units),
            "bias": (units,),
        }

    def start(self, name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """A fresh parameter."""
        if self.gain is None:
            return fan_in_start(name, shape, self.units, None, generator)
        if name == "recurrent.weight":
            drawn = torch.randn(shape, generator=generator, dtype=torch.float64)
            if self.orthogonal:
                return (self.radius * _rotation(drawn)).float()
            return (self.radius / torch.linalg.eigvals(drawn).abs().max() * drawn).float()
        return fan_in_start(name, shape, self.features, self.gain, generator)

    def forward(self, parameters: Any, h: Tensor, trace: Trace) -> tuple[Tensor, Any]:
        """[R, steps * features, B] -> [R, units, B]."""
        weight, recurrent, bias = parameters
        inputs = self._by_step(h)
        driven = product(weight, inputs).add_(bias.unsqueeze(2)).chunk(self.steps, 2)
        after: list[Tensor] = []
        for drive in driven:
            z = drive + product(recurrent, after[-1]) if after else drive.clone()
            if trace.before is not None:
                trace.before.append(z)
                z = z.clone()  # some values are computed in place
            after.append(self.f.value(z))
        trace.hidden += after
        return after[-1], (inputs, after)

    def backward(
        self, parameters: Any, room: Any, saved: Any, slope: Tensor, extra: list[Tensor | None]
    ) -> Tensor:
        """Back through time; no gradient for the input."""
        recurrent, (inputs, after) = parameters[1], saved
        slopes: list[Tensor] = []  # for the preactivations, the last step's first
        for h in reversed(after):
            slope = product(recurrent.mT, slopes[-1]) if slopes else slope
            if extra and (own := extra.pop()) is not None:
                slope = slope + own
            slopes.append(self.f.slope(slope, h, h))
        every = torch.cat(slopes[::-1], 2)
        product(every, inputs.mT, out=room[0])
        torch.sum(every, 2, out=room[2])
        if self.steps > 1:
            later, earlier = torch.cat(slopes[-2::-1], 2), torch.cat(after[:-1], 2)
            product(later, earlier.mT, out=room[1])
        else:
            room[1].zero_()
        return every

    def _by_step(self, x: Tensor) -> Tensor:
        """[R, steps * features, B] -> [R, features, steps * B]."""
        steps = x.reshape(len(x), self.steps, self.features, -1)
        return steps.transpose(1, 2).reshape(len(x), self.features, -1)


@dataclass(frozen=True)
class Recurrent(Architecture):
    """A recurrent layer of `width` units reads its inputs in `steps` equal parts, one after the
    other; then an output matrix reads its last state.

    `radius` is the spectral radius of the recurrent matrix at the start, the largest absolute value
    of its eigenvalues; with `orthogonal` all its singular values are that. `gain` is that of the
    input matrix. start="torch" draws as `torch.nn.RNN`. Hidden activations are the states at every
    step; since they are the same units again and again, methods that recycle units do not apply.

    Source: Elman (1990); Pascanu, Mikolov and Bengio (2013) for the spectral radius as the scale.
    """

    activation: str = field(default="tanh", kw_only=True)
    width: int = 32
    steps: int = 20
    radius: float = 1.0
    orthogonal: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        for setting in ("width", "steps"):
            check_number(f"Recurrent.{setting}", getattr(self, setting), 1, integer=True)
        check_number("Recurrent.radius", self.radius, 0, low_open=True)
        check_type("Recurrent.orthogonal", self.orthogonal, bool, "Give True or False.")
        check_choice("Recurrent.activation", self.activation, KINDS)
        for setting, only in PLAIN.items():
            if (given := getattr(self, setting)) != only:
                raise ValueError(
                    f"Recurrent.{setting} must be {only!r}, a plain network; got {given!r}. "
                    "Leave it out, or write your own network as a Module."
                )
        if self.start == "torch" and (self.radius != 1.0 or self.orthogonal):
            raise ValueError(
                'Recurrent: start="torch" sets the recurrent matrix itself; got '
                f"radius={self.radius!r}, orthogonal={self.orthogonal!r}. Leave them out."
            )

    def layers(self, inputs: int, outputs: int) -> tuple[list[Layer], list[Units]]:
        """Recurrence, Linear."""
        if inputs % self.steps:
            raise ValueError(
                f"Recurrent.steps must divide the number of inputs, {inputs}; got {self.steps}. "
                "Give the stream's number of steps."
            )
        features = inputs // self.steps
        layer = Recurrence(
            features,
            self.width,
            self.steps,
            self.activation,
            self.hidden_gain,
            self.radius,
            self.orthogonal,
        )
        return [layer, Linear(self.width, outputs, self.last_gain)], []


def _rotation(drawn: Tensor) -> Tensor:
    """A uniformly random rotation or reflection, out of a normal matrix."""
    q, r = torch.linalg.qr(drawn)
    return q * r.diagonal().sign()
