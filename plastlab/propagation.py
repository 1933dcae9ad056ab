"""What a network does to signals before any training, layer by layer: size, gradient, angle."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from plastlab.errors import check_choice, check_number, check_type
from plastlab.nets import MLP, Architecture
from plastlab.nets.shaping import ShapedMLP
from plastlab.neutral import neutral
from plastlab.rng import normal, resolve_seeds
from plastlab.theory import Signals

Tensor = torch.Tensor
MOST = 100_000  # inputs, and pairs of them
QUANTITIES = ("forward", "backward", "correlation")


@dataclass(frozen=True, eq=False)
class Propagation:
    """What `propagate` measured in the layers 1 to L of every seed's network, each [S, L].

    forward: mean square of the preactivations. backward: mean square of the gradient for them, in
    units of that in layer L. correlation: mean cosine between the preactivations of the two inputs
    of a pair, `cosine` being that of the inputs.
    """

    net: Architecture
    seeds: tuple[int, ...]
    cosine: float
    forward: np.ndarray
    backward: np.ndarray
    correlation: np.ndarray

    @property
    def layers(self) -> np.ndarray:
        """The numbers 1 to L of the layers."""
        return np.arange(1, self.forward.shape[1] + 1)

    def expected(self, quantity: str) -> np.ndarray:
        """The same by `theory.Signals`, for networks without end in width [L]; with start "torch",
        as if there were as many inputs as units.

        Raises:
            ValueError: the network is no plain MLP, to which the theory applies.
        """
        check_choice("Propagation.expected: quantity", quantity, QUANTITIES)
        arguments = (self.cosine,) if quantity == "correlation" else ()
        return getattr(self._signals(), quantity)(len(self.layers), *arguments)

    def _signals(self) -> Signals:
        """The theory of the network."""
        net = self.net
        if isinstance(net, ShapedMLP) and not (net.batch_norm or net.layer_norm):
            return net.signals
        settings = {name: getattr(net, name) for name in ("activation", "start", "gain", "bias")}
        if not isinstance(net, MLP) or net != MLP(net.width, net.depth, **settings):
            raise ValueError(f"Propagation.expected: the theory is of plain MLPs; got {net!r}.")
        if net.start == "torch":  # uniform within 1 / sqrt(fan_in), as biases are too
            gain, bias_std = 3**-0.5, (3 * net.width) ** -0.5 if net.bias else 0.0
        else:
            gain, bias_std = net.hidden_gain, 0.0
        return Signals(net.activation, gain, bias_std)

    def error(self, quantity: str) -> np.ndarray:
        """How far the measured is from the expected [S, L]: the difference of cosines, or of
        decimal logarithms."""
        measured, expected = getattr(self, quantity), self.expected(quantity)
        if quantity == "correlation":
            return measured - expected
        return np.log10(measured) - np.log10(expected)


@neutral()
def propagate(
    net: Architecture,
    seeds: int | Sequence[int] = 16,
    *,
    inputs: int = 100,
    pairs: int = 8,
    cosine: float = 0.5,
) -> Propagation:
    """Send pairs of inputs through newly drawn networks, and a random gradient back.

    The inputs have mean square 1 and the two of a pair the given `cosine`, both exactly. The
    gradient for the ten outputs is standard normal. Batch normalization is as in training, over all
    the inputs.

    Source: Glorot and Bengio (2010), who look at the two sizes layer by layer; Poole et al. (2016)
    for the correlation.
    """
    check_type("propagate: net", net, Architecture, "Write for example MLP(depth=20).")
    check_number("propagate: inputs", inputs, 2, MOST, integer=True)
    check_number("propagate: pairs", pairs, 1, MOST, integer=True)
    check_number("propagate: cosine", cosine, -1, 1)
    seeds = resolve_seeds(seeds)
    network = net.build(inputs, 10, seeds, "start")
    x = pairs_at(cosine, inputs, pairs, seeds).requires_grad_()
    passed = network.forward(x, before=True, rate=0.0)
    slope = normal(passed.logits.shape[1:], seeds, "slope")
    slopes = torch.autograd.grad(passed.logits, passed.before, slope)
    before = [z.detach() for z in passed.before]
    forward, backward = (
        torch.stack([_mean_square(z) for z in given], 1).numpy() for given in (before, slopes)
    )
    angles = torch.stack([_mean_cosine(z) for z in before], 1).numpy()
    return Propagation(net, seeds, cosine, forward, backward / backward[:, -1:], angles)


def pairs_at(cosine: float, inputs: int, pairs: int, seeds: tuple[int, ...]) -> Tensor:
    """Inputs of mean square 1 [S, 2 * pairs, inputs], the first of each pair before all the second
    ones."""
    one, noise = normal((2, pairs, inputs), seeds, "pairs").double().unbind(1)
    one = one / one.norm(dim=2, keepdim=True)
    noise = noise - (noise * one).sum(2, keepdim=True) * one
    noise = noise / noise.norm(dim=2, keepdim=True)
    other = cosine * one + (1 - cosine**2) ** 0.5 * noise
    return torch.cat([one, other], 1).mul_(inputs**0.5).float()


def _mean_square(z: Tensor) -> Tensor:
    """[S, units, ..., B] -> [S]; in double precision, where very small numbers have a square."""
    return z.double().square().flatten(1).mean(1)


def _mean_cosine(z: Tensor) -> Tensor:
    """Between the two halves of the batch [S, units, ..., B] -> [S]."""
    one, other = z.double().flatten(1, -2).chunk(2, 2)
    return ((one * other).sum(1) / (one.norm(dim=1) * other.norm(dim=1))).mean(1)
