"""R networks of one architecture, trained as one: weights as rows, forward, backward."""

from dataclasses import dataclass
from typing import Any

import torch

from plastlab.layers import Layer
from plastlab.rng import generator
from plastlab.rows import Layout, Rows


@dataclass(frozen=True)
class Units:
    """A hidden layer's units: which parameters come in and which go out.

    Unit i owns row i of `incoming` (weight and bias), its gain and offset in `norm` if there is
    one, and in the next matrix `outgoing` the columns that read it: with `copies` 2 (CReLU) those
    of both halves, with `spread` L (a channel of a flattened convolution) L neighboring columns.
    """

    incoming: str
    outgoing: str
    norm: str | None = None
    copies: int = 1
    spread: int = 1

    def columns(self, mask: torch.Tensor) -> torch.Tensor:
        """Unit mask [R, units] -> mask over the inputs of the next matrix [R, in]."""
        return mask.repeat(1, self.copies).repeat_interleave(self.spread, 1)


@dataclass
class Pass:
    """What one forward pass leaves: logits [R, outputs, B], hidden activations
    [[R, features, ..., B]] in order of depth, and what the backward pass needs."""

    logits: torch.Tensor
    hidden: list[torch.Tensor]
    saved: Any


class Network:
    """R networks of one architecture. `weights` are their parameters, as rows."""

    needs_graph = False  # whether `backward` needs a forward pass that autograd has recorded

    def __init__(self, layers: tuple[Layer, ...], units: tuple[Units, ...], weights: Rows) -> None:
        self.layers, self.units, self.weights = layers, units, weights
        self._bound = self._bind(weights)
        self._first = [layer.first for layer in layers].index(True)

    @classmethod
    def draw(
        cls, layers: tuple[Layer, ...], units: tuple[Units, ...], seeds: tuple[int, ...], key: tuple
    ) -> "Network":
        """One newly drawn network a seed; a draw depends on (seed, key) alone."""
        shapes = tuple(
            (f"{i}.{name}", shape)
            for i, layer in enumerate(layers)
            for name, shape in layer.shapes.items()
        )
        weights = Rows.zeros(Layout(shapes), len(seeds))
        for r, seed in enumerate(seeds):
            own = generator(seed, "weights", *key)
            for name, shape in shapes:
                index, _, inner = name.partition(".")
                weights[name][r] = layers[int(index)].start(inner, shape, own)
        return cls(layers, units, weights)

    def _bind(self, rows: Rows) -> list[Any]:
        return [layer.bind(rows.views, f"{i}.") for i, layer in enumerate(self.layers)]

    def select(self, rows: slice) -> "Network":
        """The replicas in `rows`, sharing their weights with this network."""
        return Network(self.layers, self.units, self.weights.select(rows))

    def differentiable(self) -> "Network":
        """The same networks with weights that autograd differentiates."""
        return Network(self.layers, self.units, self.weights.leaves())

    def forward(self, x: torch.Tensor) -> Pass:
        """Inputs [R, B, features] through the network, by differentiable torch operations."""
        h, hidden, saved = x.mT, [], []
        for layer, own in zip(self.layers, self._bound, strict=True):
            h, kept = layer.forward(own, h, hidden)
            saved.append(kept)
        return Pass(h, hidden, saved)

    def backward(
        self,
        passed: Pass,
        slope: torch.Tensor,
        gradients: "GradientRoom",
        extra: list[torch.Tensor | None],
    ) -> None:
        """Write the gradient of the summed losses into `gradients`.

        `slope` is the gradient for the logits; `extra` holds gradients for the hidden activations
        beyond those that come through the logits (from a penalty on them), or nothing.
        """
        extra = list(extra)
        for i in reversed(range(self._first, len(self.layers))):
            slope = self.layers[i].backward(
                self._bound[i], gradients.bound[i], passed.saved[i], slope, extra
            )

    def room(self) -> "GradientRoom":
        """Zeroed gradients for these weights."""
        return GradientRoom(self)


class GradientRoom:
    """Gradients of a network, as rows, bound to its layers."""

    def __init__(self, network: Network) -> None:
        self.rows = Rows.zeros(network.weights.layout, len(network.weights.flat))
        self.bound = network._bind(self.rows)
