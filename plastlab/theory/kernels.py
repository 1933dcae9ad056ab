"""Activations shaped to the depth of a network, so that its map of cosines stays far from constant.

In wide layers without biases that keep the variance 1, the cosine c of two inputs is mapped to
C(c) = E[f(u) f(v)], u and v normal with variance 1 and correlation c. A network of L layers has the
map C applied L times. Where that is nearly the constant 1, all inputs look alike at the top; where
it is 0 at nearly every c, neighbors have nothing in common. What is chosen here is f.

Source: Martens et al. (2021), deep kernel shaping (DKS); Zhang, Botev and Martens (2022), tailored
activation transformations (TAT).
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from plastlab.errors import check_choice, check_number, check_numbers
from plastlab.theory.signals import NODES, ROUNDING, SMOOTH, WEIGHTS, Function, Signals

Array = np.ndarray
DEEPEST = 10_000  # layers
STEP = 1e-4  # of the numerical derivative
STARTS = tuple((a, b) for a in (0.2, 0.5, 1.0) for b in (-1.0, -0.3, 0.3, 1.0))


def leaky_map(c: Array | float, leak: float, layers: int = 1) -> Array:
    """The cosine behind so many layers with f(h) = h where positive and `leak` * h elsewhere, from
    the cosine `c` [...]; leak 0 is ReLU, leak 1 no activation at all.

    >>> leaky_map([0.0, 1.0], leak=0.0).round(4).tolist()
    [0.3183, 1.0]
    """
    leak = check_number("leaky_map: leak", leak, -1, 1)
    layers = check_number("leaky_map: layers", layers, 0, DEEPEST, integer=True)
    c = np.clip(check_numbers("leaky_map: c", c, -1 - ROUNDING, 1 + ROUNDING), -1, 1)
    straight, bent = (1 + leak) ** 2, (1 - leak) ** 2  # f(h) is half (1 + leak) h + (1 - leak) |h|
    for _ in range(layers):
        sizes = (2 / np.pi) * (np.sqrt(1 - c**2) + c * np.arcsin(c))  # E|u v|
        c = np.clip((straight * c + bent * sizes) / (straight + bent), -1, 1)
    return c


def tailored_leak(layers: int, target: float = 0.9) -> float:
    """The leak with which so many layers take two inputs at right angles to the cosine `target`;
    0 if ReLU keeps them further apart.

    Source: Zhang, Botev and Martens (2022), equation for leaky ReLU, with 0.9 as there.
    """
    layers = check_number("tailored_leak: layers", layers, 1, DEEPEST, integer=True)
    target = check_number("tailored_leak: target", target, 0, 1, low_open=True)
    low, high = 0.0, 1.0
    if leaky_map(0.0, low, layers) <= target:
        return low
    for _ in range(60):
        middle = (low + high) / 2
        if leaky_map(0.0, middle, layers) > target:
            low = middle
        else:
            high = middle
    return high


def batch_norm_growth(activation: str | Function) -> float:
    """The factor by which each layer of a wide plain network with batch normalization, in a large
    batch, changes the squared gradient on its way back.

    Deep in such a network the inputs of a batch stand at right angles: a layer takes them to the
    cosine C(0), and centering takes that away again. What is left of the variance, E[f**2] (1 -
    C(0)), is scaled up to 1, and the gradient with it.

    Source: Yang et al. (2019); for ReLU it is pi / (pi - 1).

    >>> round(batch_norm_growth("relu"), 4)
    1.4669
    """
    f = Signals(activation)
    return f.chi(1.0) / (f.variance_map(1.0) * float(1 - f.correlation_map(0.0, 1.0)))


@dataclass(frozen=True)
class Shape:
    """scale * (f(stretch * h + shift) + offset), with f an activation by name."""

    activation: str
    stretch: float = 1.0
    shift: float = 0.0
    scale: float = 1.0
    offset: float = 0.0

    def __call__(self, h: Array) -> Array:
        """Each entry [...]."""
        inner = SMOOTH[self.activation](self.stretch * np.asarray(h) + self.shift)
        return self.scale * (inner + self.offset)

    @property
    def signals(self) -> Signals:
        """Its maps, at gain 1."""
        return Signals(self)


def dks(activation: str, layers: int, slope: float = 1.5) -> Shape:
    """Deep kernel shaping of a plain network of so many layers: every layer keeps the variance 1,
    and small deviations from it; inputs at right angles stay so; and the network's map of cosines
    has this `slope` at 1, so that it is close to the identity.

    Source: Martens et al. (2021), with 1.5 as in their code.

    Raises:
        ValueError: an activation for which no such shape was found.
    """
    check_choice("dks: activation", activation, SMOOTH)
    slope = check_number("dks: slope", slope, 1, low_open=True)
    each = slope ** (1 / check_number("dks: layers", layers, 1, DEEPEST, integer=True))

    def shape(stretch: float, shift: float) -> Shape:
        f = SMOOTH[activation](stretch * NODES + shift)
        mean = WEIGHTS @ f
        scale = (WEIGHTS @ (f - mean) ** 2) ** -0.5
        return Shape(activation, *map(float, (stretch, shift, scale, -mean)))

    def missed(at: Array) -> tuple[float, float]:
        f = shape(*at)
        steep = (f(NODES + STEP) - f(NODES - STEP)) / (2 * STEP)
        return WEIGHTS @ (f(NODES) * steep * NODES) - 1, WEIGHTS @ steep**2 - each

    tried = [least_squares(missed, start, xtol=1e-12, ftol=1e-12) for start in STARTS]
    best = min(tried, key=lambda found: found.cost)
    if best.cost > 1e-10:
        raise ValueError(f"dks: found no shape of {activation!r} that meets all conditions.")
    return shape(*best.x)
