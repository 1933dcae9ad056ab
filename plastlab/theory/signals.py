"""What very wide, fully connected networks do to a signal before any training.

Hidden layers l = 1, 2, ... have preactivations h_l = W_l f(h_{l-1}) + b_l, with weights drawn from
N(0, gain**2 / fan_in) and biases from N(0, bias_std**2). As the width grows, preactivations become
normal, and all there is to know about two inputs is their variance q_l (the same for both here) and
their correlation c_l. Each layer maps these two numbers to the next ones.

Source: Poole et al. (2016) for the maps; Schoenholz et al. (2017) for the backward pass, the slope
chi_1 and the depth scale; Glorot and Bengio (2010) and He et al. (2015) for the choices of the gain
that keep q, or the gradient, the same.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import erf, expit

from plastlab.errors import LONGEST, check_choice, check_function, check_number, check_numbers
from plastlab.spec import Spec

Array = np.ndarray
Function = Callable[[Array], Array]

# f(h) = a h + b |h|: what these do to normal numbers has a closed form.
PIECEWISE_LINEAR = {"identity": (1.0, 0.0), "relu": (0.5, 0.5), "leaky relu": (0.55, 0.45)}
SMOOTH: dict[str, Function] = {
    "tanh": np.tanh,
    "gelu": lambda h: h * (1 + erf(h / np.sqrt(2))) / 2,
    "silu": lambda h: h * expit(h),
}
NODES = np.linspace(-7, 7, 128)  # none at 0, where some activations have a corner
WEIGHTS = np.exp(-(NODES**2) / 2) / np.exp(-(NODES**2) / 2).sum()
ROUNDING = 1e-9  # by which a cosine that was computed may be above 1
ABOVE = {"low_open": True}
ENDS = 1e-12, 1e12  # variances taken for zero, and for infinite


@dataclass(frozen=True)
class Signals(Spec):
    """The maps of one activation, by name or as a function of an array, at one `gain` (sigma_w)
    and one `bias_std` (sigma_b).

    ReLU, leaky ReLU (slope 0.1) and the identity are exact; the integrals over other activations
    are sums over 128 equally spaced nodes within 7 standard deviations.

    >>> Signals("relu", gain=2**0.5).forward(3).round(6).tolist()
    [2.0, 2.0, 2.0]
    """

    activation: str | Function = "relu"
    gain: float = 1.0
    bias_std: float = 0.0

    def __post_init__(self) -> None:
        if callable(self.activation):
            _check_function(self.activation)
        else:
            check_choice("Signals.activation", self.activation, (*PIECEWISE_LINEAR, *SMOOTH))
        check_number("Signals.gain", self.gain, 0, low_open=True)
        check_number("Signals.bias_std", self.bias_std, 0)

    def variance_map(self, q: float) -> float:
        """The next layer's variance: gain**2 E[f(sqrt(q) z)**2] + bias_std**2, z from N(0, 1)."""
        q = check_number("Signals.variance_map: q", q, 0)
        return self._next(self._mean_square(q))

    def chi(self, q: float) -> float:
        """gain**2 E[f'(sqrt(q) z)**2]. By this factor a layer at variance q changes the squared
        gradient on its way back, and the squared distance of two inputs that lie close together;
        at the variance that deep layers settle at it is chi_1, the slope of the correlation map at
        c = 1."""
        q = check_number("Signals.chi: q", q, 0)
        if self.activation in PIECEWISE_LINEAR:
            a, b = PIECEWISE_LINEAR[self.activation]
            return float(self.gain**2 * (a**2 + b**2))
        f, h, step = self._function, np.sqrt(q) * NODES, 1e-5
        slope = (f(h + step) - f(h - step)) / (2 * step)
        return float(self.gain**2 * (WEIGHTS @ slope**2))

    def correlation_map(self, c: Array | float, q: float | None = None) -> Array:
        """The next layer's correlation of two inputs with correlation `c` [...] and variance `q`,
        by default that which deep layers settle at."""
        q = self._deep if q is None else check_number("Signals.correlation_map: q", q, 0, **ABOVE)
        c = check_numbers("Signals.correlation_map: c", c, -1 - ROUNDING, 1 + ROUNDING)
        c = np.clip(c, -1, 1)
        return self._next(self._mean_product(c, q)) / self.variance_map(q)

    def forward(self, depth: int, q: float = 1.0) -> Array:
        """Variance of the preactivations in layers 1 to `depth` [depth]; `q` is the mean square of
        the inputs."""
        self._check("forward", depth, q)
        found = [self._next(q)]
        while len(found) < depth:
            found.append(self.variance_map(found[-1]))
        return np.array(found)

    def backward(self, depth: int, q: float = 1.0) -> Array:
        """Mean square of the gradient for the preactivations in layers 1 to `depth`, that of the
        last layer being 1 [depth], in layers of equal width."""
        self._check("backward", depth, q)
        back = [self.chi(v) for v in self.forward(depth, q)[:-1]]
        return np.append(np.cumprod(back[::-1])[::-1], 1.0)

    def correlation(self, depth: int, c: float = 0.5, q: float = 1.0) -> Array:
        """Correlation of two inputs in layers 1 to `depth` [depth]; `c` is that of the inputs."""
        self._check("correlation", depth, q)
        c = check_number("Signals.correlation: c", c, -1, 1)
        variances = self.forward(depth, q)
        found = [self._next(c * q) / variances[0]]
        for v in variances[:-1]:
            found.append(float(self.correlation_map(found[-1], v)))
        return np.array(found)

    def settled(self, q: float = 1.0) -> float:
        """The variance q* that layers far from the input settle at, from variance `q`; 0 if it
        shrinks for ever, infinity if it grows for ever."""
        q = check_number("Signals.settled: q", q, 0, **ABOVE)
        growth = self.variance_map(q) - q
        if abs(growth) < 1e-12 * q:
            return float(q)
        ratio = 2.0 if growth > 0 else 0.5
        while ENDS[0] < q < ENDS[1]:
            beyond = q * ratio
            if (self.variance_map(beyond) - beyond) * growth <= 0:
                return self._root(q, beyond)
            q = beyond
        return 0.0 if growth < 0 else np.inf

    def _check(self, method: str, depth: int, q: float) -> None:
        check_number(f"Signals.{method}: depth", depth, 1, LONGEST, integer=True)
        check_number(f"Signals.{method}: q", q, 0, low_open=method == "correlation")

    def _root(self, near: float, far: float) -> float:
        """The variance between these two that a layer keeps, by bisection: growth changes its sign
        there."""
        growing = self.variance_map(near) > near
        for _ in range(60):
            middle = (near + far) / 2
            if (self.variance_map(middle) > middle) == growing:
                near = middle
            else:
                far = middle
        return (near + far) / 2

    @property
    def chi_1(self) -> float:
        """chi at the variance that deep layers settle at: below 1 inputs flow together and
        gradients vanish, above 1 inputs part and gradients explode."""
        return self.chi(self._deep)

    @property
    def depth_scale(self) -> float:
        """Number of layers in which a small difference of two inputs, squared, or a squared
        gradient changes by the factor e: 1 / |log chi_1|; infinite at the edge, chi_1 = 1."""
        rate = abs(np.log(self.chi_1))
        return float(1 / rate) if rate > 1e-12 else np.inf

    @property
    def _deep(self) -> float:
        """The variance that deep layers settle at, or one that is very near to 0 or infinity."""
        return min(max(self.settled(), ENDS[0]), ENDS[1])

    @property
    def _function(self) -> Function:
        return self.activation if callable(self.activation) else SMOOTH[self.activation]

    def _next(self, moment: Array | float) -> Array | float:
        return self.gain**2 * moment + self.bias_std**2

    def _mean_square(self, q: float) -> float:
        """E[f(sqrt(q) z)**2]."""
        if self.activation in PIECEWISE_LINEAR:
            a, b = PIECEWISE_LINEAR[self.activation]
            return (a**2 + b**2) * q
        return float(WEIGHTS @ self._function(np.sqrt(q) * NODES) ** 2)

    def _mean_product(self, c: Array, q: float) -> Array:
        """E[f(u) f(v)] for u, v from N(0, q) with correlation c [...]."""
        if self.activation in PIECEWISE_LINEAR:
            a, b = PIECEWISE_LINEAR[self.activation]
            both = (2 / np.pi) * (np.sqrt(1 - c**2) + c * np.arcsin(c))  # E|u v| at q = 1
            return (a**2 * c + b**2 * both) * q
        own = np.sqrt(1 - c**2)[..., None, None] * NODES
        other = self._function(np.sqrt(q) * (c[..., None, None] * NODES[:, None] + own))
        return (other @ WEIGHTS) @ (WEIGHTS * self._function(np.sqrt(q) * NODES))


def _check_function(activation: Function) -> None:
    """Raise unless this maps an array of numbers to another of its shape."""
    remedy = "Give a name, or a function of an array, such as np.tanh."
    check_function("Signals.activation", activation, remedy)
    try:
        found = np.asarray(activation(NODES), dtype=float)
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        raise TypeError(
            f"Signals.activation cannot be called with numbers: {what}. {remedy}"
        ) from error
    if found.shape != NODES.shape or not np.isfinite(found).all():
        raise ValueError(f"Signals.activation must give a finite number for each one. {remedy}")


def own_gain(activation: str | Function, q: float = 1.0) -> float:
    """The gain at which layers keep the variance `q` of their preactivations, without biases:
    sqrt(q / E[f(sqrt(q) z)**2]). Without an activation it is 1 (Glorot and Bengio, 2010, for equal
    widths), for ReLU sqrt(2) (He et al., 2015).

    >>> round(own_gain("relu"), 4)
    1.4142
    """
    q = check_number("own_gain: q", q, 0, low_open=True)
    return float(np.sqrt(q / Signals(activation).variance_map(q)))
