"""The head of a network, in the form that plasticity injection needs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from plastlab.nets.layers import Layer, Tensor, Tensors, Trace, numbered, per_unit, start_of
from plastlab.nets.network import Units
from plastlab.rows import is_matrix

FROZEN = ("old", "twin")


@dataclass
class Branches:
    """A head's tensors, a list entry a layer: those that train, two frozen sets, and the gate
    [R]."""

    trained: list[Any]
    old: list[Any]
    twin: list[Any]
    gate: Tensor


class Injected(Layer):
    """h(x; trained) + gate (h(x; old) - h(x; twin)), with the last two sets of weights frozen.

    While the gate is 0, as at the start, the head is the layers alone. To inject, copy the trained
    weights to `old`, draw new ones, copy these to `twin`, and set the gate to 1: no output moves.
    Each set has its own copy of the layers' buffers. The frozen sets pass gradients on to their
    input and get none. The hidden activations are those of the trained set.

    Source: Nikishin et al. (2023), "Deep RL with Plasticity Injection".
    """

    def __init__(self, *layers: Layer) -> None:
        self.layers = layers
        self.shapes = numbered(layers, "shapes")
        buffers = numbered(layers, "buffers")
        inner = self.shapes | buffers
        frozen = {f"{kind}.{n}": shape for kind in FROZEN for n, shape in inner.items()}
        self.buffers = {"gate": (), **buffers, **frozen}
        self.first = any(layer.first for layer in layers)

    def start(self, name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Asks the layer whose parameter it is; the gate is shut and the frozen sets are zero."""
        if name == "gate" or name.startswith(FROZEN):
            return torch.zeros(shape)
        return start_of(self.layers, name, shape, generator)

    def bind(self, tensors: Tensors, buffers: Tensors | None, prefix: str) -> Any:
        """The branches; for the gradients' room, one entry a layer."""
        trained = self._bind(tensors, buffers, prefix)
        if buffers is None:
            return trained
        frozen = [self._bind(buffers, buffers, f"{prefix}{kind}.") for kind in FROZEN]
        return Branches(trained, *frozen, buffers[f"{prefix}gate"])

    def _bind(self, tensors: Tensors, buffers: Tensors | None, prefix: str) -> list[Any]:
        return [
            layer.bind(tensors, buffers, f"{prefix}{i}.") for i, layer in enumerate(self.layers)
        ]

    def forward(self, parameters: Any, h: Tensor, trace: Trace) -> tuple[Tensor, Any]:
        """The trained branch, and the frozen ones where the gate is open."""
        y, saved = self._forward(parameters.trained, h, trace)
        if not parameters.gate.any():
            return y, (saved, None, None)
        old, saved_old = self._forward(parameters.old, h, Trace())
        twin, saved_twin = self._forward(parameters.twin, h, Trace())
        y = y + _gated(parameters.gate, old - twin)
        return y, (saved, saved_old, saved_twin)

    def _forward(self, own: list[Any], h: Tensor, trace: Trace) -> tuple[Tensor, list[Any]]:
        saved = []
        for layer, tensors in zip(self.layers, own, strict=True):
            h, kept = layer.forward(tensors, h, trace)
            saved.append(kept)
        return h, saved

    def backward(
        self, parameters: Any, room: Any, saved: Any, slope: Tensor, extra: list[Tensor | None]
    ) -> Tensor:
        """The slopes of all open branches; only the trained one's parameters get theirs."""
        inner = self._backward(parameters.trained, room, saved[0], slope, extra)
        if saved[1] is None or self.first:
            return inner
        slope, nowhere = _gated(parameters.gate, slope), self._room(slope)
        inner = inner + self._backward(parameters.old, nowhere, saved[1], slope, [])
        return inner - self._backward(parameters.twin, nowhere, saved[2], slope, [])

    def _backward(
        self, own: list[Any], room: list[Any], saved: list[Any], slope: Tensor, extra: list
    ) -> Tensor:
        first = next((i for i, layer in enumerate(self.layers) if layer.first), 0)
        for i in reversed(range(first, len(self.layers))):
            slope = self.layers[i].backward(own[i], room[i], saved[i], slope, extra)
        return slope

    def _room(self, like: Tensor) -> list[Any]:
        """A room for gradients that nobody will read."""
        flat = like.new_empty(len(like), sum(math.prod(s) for s in self.shapes.values()))
        sizes = [math.prod(shape) for shape in self.shapes.values()]
        parts = zip(self.shapes.items(), flat.split(sizes, 1), strict=True)
        views = {name: part.view(len(like), *shape) for (name, shape), part in parts}
        return self._bind(views, None, "")


def with_injection(
    layers: Sequence[Layer], units: Sequence[Units], count: int
) -> tuple[list[Layer], list[Units]]:
    """The same layers, those from the `count`-th with a matrix, counted from the end, in one
    `Injected`; and the units under the parameters' new names."""
    matrices = [i for i, layer in enumerate(layers) if _has_matrix(layer)]
    first = matrices[-min(count, len(matrices))]

    def renamed(name: str) -> str:
        index, _, rest = name.partition(".")
        return f"{first}.{int(index) - first}.{rest}" if int(index) >= first else name

    def moved(unit: Units) -> Units:
        outgoing, head = renamed(unit.outgoing), f"{first}."
        into = renamed(unit.incoming) == unit.incoming and outgoing != unit.outgoing
        inner = outgoing.removeprefix(head)
        return replace(
            unit,
            incoming=renamed(unit.incoming),
            outgoing=outgoing,
            own=tuple(renamed(name) for name in unit.own),
            statistics=tuple(renamed(name) for name in unit.statistics),
            frozen=tuple(f"{head}{kind}.{inner}" for kind in FROZEN) if into else (),
        )

    return [*layers[:first], Injected(*layers[first:])], [moved(unit) for unit in units]


def _has_matrix(layer: Layer) -> bool:
    return any(is_matrix(shape) for shape in layer.shapes.values())


def _gated(gate: Tensor, like: Tensor) -> Tensor:
    return per_unit(gate.unsqueeze(1), like) * like
