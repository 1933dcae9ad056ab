"""Soft mixture of experts, for R networks at once."""

from collections.abc import Sequence
from typing import Any

import torch

from plastlab.nets.layers import (
    Layer,
    Shapes,
    Tensor,
    Tensors,
    Trace,
    fan_in_start,
    numbered,
    start_of,
)
from plastlab.products import product
from plastlab.rows import Table


class SoftMixture(Layer):
    """Tokens [R, size, tokens, B] -> [R, size, tokens, B], each example on its own: a slot reads an
    average of the tokens, an expert works on its slots, and a token gets an average of them.

    With logits L = `weight` X, a slot's average has weights softmax(L) over the tokens, a token's
    has softmax(L) over all slots. `experts` are lists of layers that map [R, size, n] to the same
    shape, `slots` is the number of slots of each. The hidden activations are those of the experts,
    one after the other, [R, units, slots, B].

    Source: Puigcerver et al. (2024), without its normalization of tokens and weights.
    """

    def __init__(self, size: int, slots: int, experts: Sequence[Sequence[Layer]]) -> None:
        self.size, self.slots, self.experts = size, slots, [list(layers) for layers in experts]
        self.shapes = {"weight": Table((slots * len(experts), size)), **self._inner("shapes")}
        self.buffers = self._inner("buffers")

    def _inner(self, kind: str) -> Shapes:
        """The experts' "shapes" or "buffers", each name with its expert's number before it."""
        return {
            f"{e}.{name}": shape
            for e, layers in enumerate(self.experts)
            for name, shape in numbered(layers, kind).items()
        }

    def start(self, name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Asks the layer whose parameter it is; the slots' own weights are N(0, 1 / size)."""
        if name == "weight":
            return fan_in_start(name, shape, self.size, 1.0, generator)
        expert, _, inner = name.partition(".")
        return start_of(self.experts[int(expert)], inner, shape, generator)

    def bind(self, tensors: Tensors, buffers: Tensors | None, prefix: str) -> Any:
        """The slots' weights, and for each expert one entry a layer."""
        return tensors[f"{prefix}weight"], [
            [layer.bind(tensors, buffers, f"{prefix}{e}.{i}.") for i, layer in enumerate(layers)]
            for e, layers in enumerate(self.experts)
        ]

    def forward(self, parameters: Any, h: Tensor, trace: Trace) -> tuple[Tensor, Any]:
        """Same shape in and out."""
        weight, experts = parameters
        logits = product(weight, h.flatten(2)).view(len(h), -1, *h.shape[2:])
        dispatch, combine = logits.softmax(2), logits.softmax(1)
        answers, saved = [], []
        for layers, own, slots in zip(
            self.experts, experts, _mixed(h, dispatch).split(self.slots, 2), strict=True
        ):
            answer, kept = _expert(layers, own, slots, trace)
            answers.append(answer)
            saved.append(kept)
        answers = torch.cat(answers, 2)
        y = _mixed(answers, combine.transpose(1, 2))
        return y, (h, dispatch, combine, answers, saved)

    def backward(
        self, parameters: Any, room: Any, saved: Any, slope: Tensor, extra: list[Tensor | None]
    ) -> Tensor:
        """Same shape in and out."""
        (weight, experts), (h, dispatch, combine, answers, kept) = parameters, saved
        slopes = list(_mixed(slope, combine).split(self.slots, 2))
        for e in reversed(range(len(self.experts))):
            slopes[e] = _expert_backward(
                self.experts[e], experts[e], room[1][e], kept[e], slopes[e], extra
            )
        slots = torch.cat(slopes, 2)
        for_logits = _softmax_slope(combine, _matched(answers, slope), 1)
        for_logits += _softmax_slope(dispatch, _matched(slots, h), 2)
        for_logits = for_logits.flatten(2)
        product(for_logits, h.flatten(2).mT, out=room[0])
        back = _mixed(slots, dispatch.transpose(1, 2))
        return back + product(weight.mT, for_logits).view_as(h)


def _expert(
    layers: Sequence[Layer], parameters: Any, slots: Tensor, trace: Trace
) -> tuple[Tensor, list[Any]]:
    """One expert on its slots [R, size, slots, B], which to its layers are just more examples."""
    h, saved = slots.flatten(2), []
    inner = Trace(before=None if trace.before is None else [], rate=trace.rate)
    for layer, own in zip(layers, parameters, strict=True):
        h, kept = layer.forward(own, h, inner)
        saved.append(kept)
    trace.hidden += [a.unflatten(2, slots.shape[2:]) for a in inner.hidden]
    if trace.before is not None:
        trace.before += [a.unflatten(2, slots.shape[2:]) for a in inner.before]
    return h.view_as(slots), saved


def _expert_backward(
    layers: Sequence[Layer], parameters: Any, room: Any, saved: Any, slope: Tensor, extra: list
) -> Tensor:
    """The gradient for the expert's slots, given that for its answers."""
    flat = slope.flatten(2)
    own = [None if not extra or (a := extra.pop()) is None else a.flatten(2)]
    for i in reversed(range(len(layers))):
        flat = layers[i].backward(parameters[i], room[i], saved[i], flat, own)
    return flat.view_as(slope)


def _mixed(values: Tensor, shares: Tensor) -> Tensor:
    """Sums of values [R, size, n, B] over n with weights shares [R, m, n, B]: [R, size, m, B]."""
    return _by_example(values.permute(0, 3, 1, 2), shares.permute(0, 3, 2, 1))


def _matched(left: Tensor, right: Tensor) -> Tensor:
    """Products of values [R, size, m, B] and [R, size, n, B], summed over size: [R, m, n, B]."""
    return _by_example(left.permute(0, 3, 2, 1), right.permute(0, 3, 1, 2))


def _by_example(a: Tensor, b: Tensor) -> Tensor:
    """Matrix products [R, B, n, k] times [R, B, k, m], as [R, n, m, B]."""
    found = product(a.flatten(0, 1), b.flatten(0, 1))
    return found.unflatten(0, a.shape[:2]).permute(0, 2, 3, 1)


def _softmax_slope(shares: Tensor, slope: Tensor, axis: int) -> Tensor:
    """The gradient for a softmax's logits, given that for its shares."""
    own = shares * slope
    return own - shares * own.sum(axis, keepdim=True)
