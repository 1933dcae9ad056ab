"""R networks of one architecture, trained as one: weights as rows, forward, backward."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from plastlab.nets.layers import Layer, Trace, numbered, start_of
from plastlab.rng import generator
from plastlab.rows import Layout, Rows
from plastlab.whole import Whole

Tensor = torch.Tensor


@dataclass(frozen=True)
class Units:
    """A hidden layer's units: which parameters come in and which go out.

    Unit i owns row i of `incoming` (weight and bias), entry i of each parameter in `own` (gains
    and offsets of its normalization, slopes of its activation) and of each buffer in `statistics`
    (running ones of its normalization), and in the next matrix `outgoing` the columns that read
    it: with `copies` 2 (CReLU) those of both halves, with `spread` L (a channel of a flattened
    convolution) L neighboring columns. Each matrix in `frozen`, which is a buffer, reads it in the
    same way.
    """

    incoming: str
    outgoing: str
    own: tuple[str, ...] = ()
    copies: int = 1
    spread: int = 1
    statistics: tuple[str, ...] = ()
    frozen: tuple[str, ...] = ()

    def columns(self, mask: Tensor) -> Tensor:
        """Unit mask [R, units] -> mask over the inputs of the next matrix [R, in]."""
        return mask.repeat(1, self.copies).repeat_interleave(self.spread, 1)

    def incoming_of(self, rows: Rows) -> Tensor:
        """Each unit's incoming weights [R, units, fan_in], without the bias."""
        return rows[f"{self.incoming}weight"].flatten(2)

    def outgoing_of(self, rows: Rows) -> Tensor:
        """Each unit's outgoing weights [R, units, everything that reads it]."""
        weight = rows[f"{self.outgoing}weight"]
        units = weight.shape[2] // (self.copies * self.spread)
        by_unit = weight.reshape(*weight.shape[:2], self.copies, units, -1)
        return by_unit.permute(0, 3, 1, 2, 4).flatten(2)

    def activity(self, h: Tensor) -> Tensor:
        """Each unit's activations [R, units, copies * ... * B], given the layer's."""
        by_unit = h.reshape(len(h), self.copies, h.shape[1] // self.copies, -1)
        return by_unit.movedim(1, 2).flatten(2)


@dataclass
class Pass:
    """What one forward pass leaves: logits [R, outputs, B], hidden activations
    [[R, features, ..., B]] in order of depth, what the backward pass needs and, if asked for, the
    preactivations [[R, units, ..., B]]."""

    logits: Tensor
    hidden: list[Tensor]
    saved: Any
    before: list[Tensor] | None = None


SHOWN = 2**11  # examples that are shown at once: with more, new memory costs more than the work
TRAINING = 0.1  # share by which running statistics move to each batch's, as in torch.nn


class Network(Whole):
    """R networks of one architecture. `weights` are their parameters, as rows; `buffers` are values
    that belong to them and are never trained, such as running statistics."""

    needs_graph = False  # whether `backward` needs a forward pass that autograd has recorded

    def __init__(
        self, layers: tuple[Layer, ...], units: tuple[Units, ...], weights: Rows, buffers: Rows
    ) -> None:
        self.layers, self.units, self.weights, self.buffers = layers, units, weights, buffers
        self._bound = self._bind(weights, buffers)
        self._first = [layer.first for layer in layers].index(True)

    @classmethod
    def draw(
        cls, layers: tuple[Layer, ...], units: tuple[Units, ...], seeds: tuple[int, ...], key: tuple
    ) -> "Network":
        """One newly drawn network a seed; a draw depends on (seed, key) alone."""
        kinds = [Layout(tuple(numbered(layers, k).items())) for k in ("shapes", "buffers")]
        weights, buffers = (Rows.zeros(layout, len(seeds)) for layout in kinds)
        for r, seed in enumerate(seeds):
            own = generator(seed, "weights", *key)
            for rows in (weights, buffers):
                for name, shape in rows.layout.shapes:
                    rows[name][r] = start_of(layers, name, shape, own)
        return cls(layers, units, weights, buffers)

    def _bind(self, rows: Rows, buffers: Rows | None) -> list[Any]:
        held = None if buffers is None else buffers.views
        return [layer.bind(rows.views, held, f"{i}.") for i, layer in enumerate(self.layers)]

    def start(self, name: str, count: int, own: torch.Generator) -> Tensor:
        """New initial values for `count` units' entries of one network's parameter or buffer
        [count, ...]."""
        rows = self.weights if name in self.weights.views else self.buffers
        shape = rows.layout.spans[name][1]
        return start_of(self.layers, name, (count, *shape[1:]), own)

    def select(self, rows: slice) -> "Network":
        """The replicas in `rows`, sharing their weights with this network."""
        return self.twin(self.weights.select(rows), self.buffers.select(rows))

    def differentiable(self) -> "Network":
        """The same networks with weights that autograd differentiates."""
        return self.twin(self.weights.leaves(), self.buffers)

    def twin(self, weights: Rows, buffers: Rows) -> "Network":
        """Networks of this architecture with other weights and buffers."""
        return Network(self.layers, self.units, weights, buffers)

    def forward(self, x: Tensor, before: bool = False, rate: float | None = None) -> Pass:
        """Inputs [R, B, features] through the network, by differentiable torch operations; with
        `before`, preactivations are kept too. A `rate` is given in training: batch normalization
        then uses this batch's statistics, and its running ones move to them by that share."""
        h, saved, trace = x.mT, [], Trace(before=[] if before else None, rate=rate)
        for layer, own in zip(self.layers, self._bound, strict=True):
            h, kept = layer.forward(own, h, trace)
            saved.append(kept)
        return Pass(h, trace.hidden, saved, trace.before)

    def walk(self, x: Tensor, rate: float | None = None) -> Iterator[tuple[Layer, Tensor, Tensor]]:
        """The same way layer by layer: each one with what goes in and what comes out."""
        h, trace = x.mT, Trace(rate=rate)
        for layer, own in zip(self.layers, self._bound, strict=True):
            y, _ = layer.forward(own, h.clone(), trace)  # some work in place
            yield layer, h, y
            h = y

    def gradient(
        self, x: Tensor, slope: Callable[[Tensor], Tensor], rate: float | None = None
    ) -> Rows:
        """Gradient of any loss on inputs x [R, B, features], given `slope`, which maps the logits
        to the loss's gradient for them [R, outputs, B]; `rate` as in `forward`."""
        with torch.set_grad_enabled(self.needs_graph):
            passed = self.forward(x, rate=rate)
        room = self.room()
        with torch.no_grad():
            nothing = [None] * len(passed.hidden)
            self.backward(passed, slope(passed.logits.detach()), room, nothing)
        return room.rows

    def backward(
        self,
        passed: Pass,
        slope: Tensor,
        gradients: "GradientRoom",
        extra: list[Tensor | None],
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
        self.bound = network._bind(self.rows, None)


class Look:
    """Forward passes on many examples, again and again: a few replicas at a time, into memory that
    is kept. New memory for all activations at once would take twice as long as the products."""

    def __init__(self) -> None:
        self._kept: Pass | None = None

    def __call__(self, network: Network, x: Tensor) -> Pass:
        """The networks' answers to inputs x [R, B, features], for reading: the next look writes
        over them."""
        count, few = len(x), max(1, SHOWN // x.shape[1])
        if count <= few:
            return network.forward(x)
        for start in range(0, count, few):
            rows = slice(start, start + few)
            passed = network.select(rows).forward(x[rows])
            kept = self._room(passed, count)
            kept.logits[rows] = passed.logits
            for whole, part in zip(kept.hidden, passed.hidden, strict=True):
                whole[rows] = part
        return kept

    def _room(self, like: Pass, count: int) -> Pass:
        """Memory for `count` replicas' answers, new if these are of another shape."""
        shape = (count, *like.logits.shape[1:])
        if self._kept is None or self._kept.logits.shape != shape:
            hidden = [h.new_empty(count, *h.shape[1:]) for h in like.hidden]
            self._kept = Pass(like.logits.new_empty(shape), hidden, None)
        return self._kept
