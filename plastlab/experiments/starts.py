"""Other starts than a random draw: orthogonal matrices, and layers trained before the whole."""

from dataclasses import dataclass
from types import SimpleNamespace

import torch

from plastlab.data import Data, Digits
from plastlab.errors import check_number, check_type
from plastlab.interventions.base import Intervention
from plastlab.interventions.isometry import polar
from plastlab.losses import SquaredError
from plastlab.nets.layers import Linear
from plastlab.nets.network import Network
from plastlab.nets.pointwise import Activation
from plastlab.optim import Adam
from plastlab.rng import generator
from plastlab.state import State

Tensor = torch.Tensor


@dataclass(frozen=True)
class OrthogonalStart(Intervention):
    """At the start, replaces every matrix by the nearest one with orthonormal rows or columns,
    times `gain`: of a normal draw, that is a uniformly random one.

    Source: Saxe, McClelland and Ganguli (2014), random orthogonal initial conditions.
    """

    gain: float = 1.0

    def __post_init__(self) -> None:
        check_number("OrthogonalStart.gain", self.gain, 0, low_open=True)

    def at_start(self, s: State, mem: SimpleNamespace) -> None:
        """Make them orthogonal."""
        for name in s.weights.layout.matrices:
            s.weights[name].copy_(self.gain * polar(s.weights[name]))


@dataclass(frozen=True)
class Pretraining(Intervention):
    """Trains the hidden layers one after the other, the lowest first, before the whole network
    learns anything; labels are not used.

    Each layer is the lower half of an autoencoder of its own: from what the layers below make of
    the examples, with a share `hidden` of it set to zero, a second matrix is to restore what was
    there. Then that matrix is thrown away. Each layer takes `steps` updates with Adam at `lr`, on
    batches of `batch`.

    Source: Bengio et al. (2007), greedy layer-wise training of autoencoders; Vincent et al. (2008)
        for hiding a part; Larochelle et al. (2009) for an overview.
    """

    data: Data = Digits()
    steps: int = 200
    batch: int = 32
    lr: float = 1e-3
    hidden: float = 0.25

    def __post_init__(self) -> None:
        check_type("Pretraining.data", self.data, Data, "Give the data of your stream.")
        check_number("Pretraining.steps", self.steps, 0, integer=True)
        check_number("Pretraining.batch", self.batch, 1, integer=True)
        check_number("Pretraining.lr", self.lr, 0)
        check_number("Pretraining.hidden", self.hidden, 0, 1)

    def at_start(self, s: State, mem: SimpleNamespace) -> None:
        """Train layer by layer."""
        layers = getattr(s.network, "layers", ())
        plain = all(isinstance(layer, (Linear, Activation)) for layer in layers)
        if not layers or not plain:
            raise ValueError(
                "Pretraining trains a plain MLP, matrices and activations; got other layers. "
                "Use MLP(...) without layer_norm."
            )
        h = self.data.draw(s.seeds).x.mT  # [R, features, examples]
        for i in range(0, len(layers) - 1, 2):
            own = [s.weights[name] for name in s.weights.views if name.startswith(f"{i}.")]
            h = self._train(s.seeds, i, layers[i], layers[i + 1], own, h)

    def _train(
        self,
        seeds: tuple[int, ...],
        number: int,
        linear: Linear,
        activation: Activation,
        own: list[Tensor],
        h: Tensor,
    ) -> Tensor:
        """Trains one layer's `own` weights on its inputs h, and gives what it makes of them."""
        units = linear.shapes["weight"][0] * (2 if activation.doubles else 1)
        lower = Linear(linear.fan_in, own[0].shape[1], linear.gain, True, len(own) == 2)
        parts = lower, activation, Linear(units, linear.fan_in, 1.0)
        twin = Network.draw(parts, (), seeds, ("pretraining", number))
        lowest = [twin.weights[name] for name in twin.weights.views if name.startswith("0.")]
        for mine, given in zip(lowest, own, strict=True):
            mine.copy_(given)
        memory = Adam.memory([Adam(self.lr)] * len(seeds), twin.weights)
        room, loss = twin.room(), SquaredError()
        draws = [generator(seed, "pretraining batches", number) for seed in seeds]
        for _ in range(self.steps):
            picks = [torch.randint(h.shape[2], (self.batch,), generator=g) for g in draws]
            kept = [torch.rand(h.shape[1], self.batch, generator=g) >= self.hidden for g in draws]
            shown = torch.stack([x[:, pick] for x, pick in zip(h, picks, strict=True)])
            passed = twin.forward((shown * torch.stack(kept)).mT)
            slope = loss.gradient(passed.logits, shown)
            twin.backward(passed, slope, room, [None] * len(passed.hidden))
            memory.step(room.rows)
        for mine, given in zip(lowest, own, strict=True):
            given.copy_(mine)
        return twin.forward(h.mT).hidden[0]
