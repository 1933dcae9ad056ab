"""Activation layers with parameters of their own, which are trained with the weights."""

from typing import Any

import torch

from plastlab.nets.layers import Tensor, aten, per_unit
from plastlab.nets.pointwise import Activation, LeakyReLU

LEAKY_NUMERATOR = (0.0305296, 0.55, 1.50120, 2.18314, 0.843578, 0.165041)
LEAKY_DENOMINATOR = (0.0, 3.96934, 0.0, 0.300074)


class Sloped(Activation):
    """Base of the activations with one learned number a for each unit, a slope."""

    initial = 0.0
    per_unit = ("weight",)

    def __init__(self, units: int = 1) -> None:
        super().__init__(units)
        self.shapes = {"weight": (units,)}

    def start(self, name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """The initial slope."""
        return torch.full(shape, self.initial)


class PReLU(Sloped):
    """h where positive, a h elsewhere, as `torch.nn.PReLU`; a starts at 0.25.

    Source: He, Zhang, Ren and Sun (2015).
    """

    initial = 0.25

    def evaluate(self, h: Tensor, *parameters: Tensor) -> tuple[Tensor, Any]:
        """Entrywise."""
        return aten._prelu_kernel(h, per_unit(parameters[0], h)), h

    def slopes(self, parameters: Any, room: Any, saved: Any, slope: Tensor) -> Tensor:
        """One or a; the slope's own gradient is the input where that is negative."""
        torch.sum((slope * saved.clamp_max(0)).flatten(2), 2, out=room[0])
        passed = aten.threshold_backward(slope, saved, 0)
        return passed.lerp_(slope, per_unit(parameters[0], slope))


class AdaLin(PReLU):
    """f(h) + a h g(f'(h)) on f = ReLU: where the unit passes no gradient, g is 1 and a linear term
    with a learned slope joins in; where it passes all of it, g is 0. With ReLU that is a PReLU
    whose slope starts at 0.

    Source: Rohani et al. (2025), who name the equality with PReLU.
    """

    initial = 0.0


class AdaLinTanh(Sloped):
    """f(h) + a h (1 - f'(h)) on f = tanh; a starts at 0. The more a unit saturates, the more linear
    it may become.

    Source: Rohani et al. (2025); the gate 1 - f' is the simplest that is 1 where no gradient
    passes and 0 where all of it does.
    """

    def evaluate(self, h: Tensor, *parameters: Tensor) -> tuple[Tensor, Any]:
        """Entrywise; 1 - tanh' is tanh squared."""
        curve = torch.tanh(h)
        gate = curve.square()
        return torch.addcmul(curve, per_unit(parameters[0], h) * h, gate), (h, curve, gate)

    def slopes(self, parameters: Any, room: Any, saved: Any, slope: Tensor) -> Tensor:
        """Of tanh, of the linear term, and of its gate."""
        h, curve, gate = saved
        torch.sum((slope * h * gate).flatten(2), 2, out=room[0])
        steep = 1 - gate
        linear = torch.addcmul(gate, h * curve, steep, value=2)
        return slope * torch.addcmul(steep, per_unit(parameters[0], h), linear)


class Rational(Activation):
    """P(h) / (1 + |Q(h)|), one pair of learned polynomials a layer: P of degree 5, Q of degree 4
    without a constant. It starts as the least-squares fit to leaky ReLU at 601 even steps on
    [-3, 3], at most 0.031 off.

    Source: Delfosse et al. (2024); the form is Molina, Schramowski and Kersting's (2020).
    """

    shapes = {"numerator": (6,), "denominator": (4,)}
    fitted = LeakyReLU.leak

    def start(self, name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """The coefficients of the fit, lowest power first."""
        return torch.tensor(LEAKY_NUMERATOR if name == "numerator" else LEAKY_DENOMINATOR)

    def evaluate(self, h: Tensor, *parameters: Tensor) -> tuple[Tensor, Any]:
        """Entrywise."""
        numerator, denominator = parameters
        flat = h.flatten(1)
        q = _polynomial(denominator, flat) * flat
        scale = q.abs().add_(1).reciprocal_()
        y = _polynomial(numerator, flat) * scale
        return y.view_as(h), (flat, q, scale, y)

    def slopes(self, parameters: Any, room: Any, saved: Any, slope: Tensor) -> Tensor:
        """The quotient rule, for the input and for each coefficient."""
        numerator, denominator = parameters
        h, q, scale, y = saved
        for_p = slope.flatten(1) * scale
        down = y * q.sign()
        q_slope = _polynomial(denominator * torch.arange(1, 5), h)
        p_slope = _polynomial(numerator[:, 1:] * torch.arange(1, 6), h)
        back = p_slope.addcmul_(down, q_slope, value=-1).mul_(for_p)
        _moments(down.mul_(for_p).mul_(h).neg_(), h, room[1])
        _moments(for_p, h, room[0])
        return back.view_as(slope)


def _polynomial(coefficients: Tensor, h: Tensor) -> Tensor:
    """The polynomial with these coefficients [R, n], lowest power first, at each h [R, entries], by
    Horner's rule."""
    *rest, highest = coefficients.unsqueeze(2).unbind(1)
    y = highest
    for coefficient in reversed(rest):
        y = (y * h).add_(coefficient)
    return y


def _moments(values: Tensor, h: Tensor, out: Tensor) -> None:
    """Sums of values * h**k over the entries, for each k [R, n], written into `out`. Uses up the
    values [R, entries]."""
    for power in range(out.shape[1]):
        torch.sum(values.mul_(h) if power else values, 1, out=out[:, power])
