"""Layers that work on tokens [R, size, tokens, B], and a Transformer made of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from plastlab.errors import check_choice, check_number
from plastlab.nets.activations import ACTIVATIONS
from plastlab.nets.architectures import Architecture
from plastlab.nets.layers import (
    Composite,
    Layer,
    Linear,
    Residual,
    Tensor,
    Trace,
    aten,
    fan_in_start,
)
from plastlab.nets.network import Units
from plastlab.nets.normalization import LayerNorm
from plastlab.nets.pointwise import Activation
from plastlab.products import product
from plastlab.rows import Table

PLACES = ("pre", "post")


class Tokens(Layer):
    """Cuts each example into neighboring parts of equal size: [R, tokens * size, B] ->
    [R, size, tokens, B]."""

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens

    def forward(self, parameters: Any, h: Tensor, trace: Trace) -> tuple[Tensor, Any]:
        """As above."""
        return h.unflatten(1, (self.tokens, -1)).transpose(1, 2), None

    def backward(
        self, parameters: Any, room: Any, saved: Any, slope: Tensor, extra: list[Tensor | None]
    ) -> Tensor:
        """The way back."""
        return slope.transpose(1, 2).flatten(1, 2)


class Positions(Layer):
    """Adds to each token a vector of its position, `weight` [R, size, tokens], which is learned and
    starts with entries from N(0, 1 / size)."""

    def __init__(self, size: int, tokens: int) -> None:
        self.shapes = {"weight": Table((size, tokens))}

    def start(self, name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """As above."""
        return fan_in_start(name, shape, shape[0], 1.0, generator)

    def forward(self, parameters: Any, h: Tensor, trace: Trace) -> tuple[Tensor, Any]:
        """Same shape in and out."""
        return h + parameters[0].unsqueeze(-1), None

    def backward(
        self, parameters: Any, room: Any, saved: Any, slope: Tensor, extra: list[Tensor | None]
    ) -> Tensor:
        """Same shape in and out."""
        torch.sum(slope, 3, out=room[0])
        return slope


class Mean(Layer):
    """The mean over tokens [R, size, tokens, B] -> [R, size, B]."""

    def forward(self, parameters: Any, h: Tensor, trace: Trace) -> tuple[Tensor, Any]:
        """As above."""
        return h.mean(2), h.shape[2]

    def backward(
        self, parameters: Any, room: Any, saved: Any, slope: Tensor, extra: list[Tensor | None]
    ) -> Tensor:
        """To each token its share."""
        return (slope / saved).unsqueeze(2).expand(-1, -1, saved, -1)


class EachToken(Composite):
    """Layers [R, in, n] -> [R, out, n] on every token by itself; to them, tokens are just more
    examples. The last of them is no activation, whose features are [R, units, tokens, B]."""

    def __init__(self, *layers: Layer) -> None:
        super().__init__(*layers)
        self.first = any(layer.first for layer in layers)

    def forward(self, parameters: Any, h: Tensor, trace: Trace) -> tuple[Tensor, Any]:
        """[R, in, tokens, B] -> [R, out, tokens, B]."""
        shape, saved = h.shape[2:], []
        for layer, own in zip(self.layers, parameters, strict=True):
            h, kept = layer.forward(own, _as_seen(layer, h, shape), trace)
            saved.append(kept)
        return h.unflatten(2, shape), saved

    def backward(
        self, parameters: Any, room: Any, saved: Any, slope: Tensor, extra: list[Tensor | None]
    ) -> Tensor:
        """[R, out, tokens, B] -> [R, in, tokens, B]."""
        shape = slope.shape[2:]
        for i in reversed(range(len(self.layers))):
            seen = _as_seen(self.layers[i], slope, shape)
            slope = self.layers[i].backward(parameters[i], room[i], saved[i], seen, extra)
        return slope.unflatten(2, shape)


def _as_seen(layer: Layer, h: Tensor, shape: Sequence[int]) -> Tensor:
    """Features of all tokens: in a row [R, size, tokens * B], but for an activation as they are, so
    that what it leaves in the trace has every token in its place."""
    flat = h.flatten(2)
    return flat.unflatten(2, shape) if isinstance(layer, Activation) else flat


class SelfAttention(Layer):
    """Every token asks all tokens of its example: [R, size, tokens, B] -> the same shape.

    In each head a token's query is compared to all keys, and softmax(keys . query / sqrt(size of
    a head)) are the weights of a mean over the values; the heads' means, one below the other, go
    through a last matrix. As `torch.nn.MultiheadAttention`, whose in_proj and out_proj are called
    "in" and "out" here: "in" gives queries, keys and values, in this order.

    Source: Vaswani et al. (2017), section 3.2, without masks and dropout.
    """

    def __init__(self, size: int, heads: int, gain: float | None = 1.0) -> None:
        self.size, self.heads, self.gain = size, heads, gain
        shapes = (("in", 3 * size), ("out", size))
        self.shapes = {f"{name}.weight": (units, size) for name, units in shapes}
        self.shapes |= {f"{name}.bias": (units,) for name, units in shapes}

    def start(self, name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """A fresh weight or bias, as `Linear` draws them."""
        return fan_in_start(name.rpartition(".")[2], shape, self.size, self.gain, generator)

    def forward(self, parameters: Any, h: Tensor, trace: Trace) -> tuple[Tensor, Any]:
        """Same shape in and out."""
        w_in, w_out, b_in, b_out = parameters
        flat = h.flatten(2)
        q, k, v = self._heads(product(w_in, flat) + b_in.unsqueeze(2), h.shape)
        weights = ((q * self._scale) @ k.mT).softmax(-1)
        mixed = self._joined(weights @ v)
        y = product(w_out, mixed) + b_out.unsqueeze(2)
        return y.view(h.shape), (flat, q, k, v, weights, mixed)

    def backward(
        self, parameters: Any, room: Any, saved: Any, slope: Tensor, extra: list[Tensor | None]
    ) -> Tensor:
        """Same shape in and out."""
        (w_in, w_out, _, _), (flat, q, k, v, weights, mixed) = parameters, saved
        shape, slope = slope.shape, slope.flatten(2)
        product(slope, mixed.mT, out=room[1])
        torch.sum(slope, 2, out=room[3])
        (for_mixed,) = self._heads(product(w_out.mT, slope), shape)
        for_v = weights.mT @ for_mixed
        for_scores = aten._softmax_backward_data(for_mixed @ v.mT, weights, -1, weights.dtype)
        for_scores *= self._scale
        back = [self._joined(each) for each in (for_scores @ k, for_scores.mT @ q, for_v)]
        back = torch.cat(back, 1)
        product(back, flat.mT, out=room[0])
        torch.sum(back, 2, out=room[2])
        return product(w_in.mT, back).view(shape)

    @property
    def _scale(self) -> float:
        return (self.size // self.heads) ** -0.5

    def _heads(self, flat: Tensor, shape: Sequence[int]) -> Tensor:
        """[R, n * size, tokens * B] -> n times [R, heads, B, tokens, size of a head]."""
        whole = flat.view(shape[0], -1, self.heads, self.size // self.heads, *shape[2:])
        return whole.permute(1, 0, 2, 5, 4, 3).contiguous()

    def _joined(self, heads: Tensor) -> Tensor:
        """[R, heads, B, tokens, size of a head] -> [R, size, tokens * B]."""
        return heads.permute(0, 1, 4, 3, 2).reshape(len(heads), self.size, -1)


@dataclass(frozen=True)
class Transformer(Architecture):
    """Inputs cut into `tokens`, each made `width` features by one matrix, plus a learned vector for
    its position; `blocks` of attention and of a hidden layer of `expansion` * width units, each
    with a skip; the mean over tokens; an output matrix.

    `norm_place` "pre" is h + F(LayerNorm(h)) with one more LayerNorm before the mean, "post" is
    LayerNorm(h + F(h)), None leaves LayerNorm out. The hidden units are those of the hidden layers.
    Matrices in the blocks have gain 1, and those that feed an activation `gain`.

    Source: Vaswani et al. (2017), the encoder, post-LN; Xiong et al. (2020) for pre-LN beside it.
    """

    tokens: int = 8
    width: int = 32
    blocks: int = 2
    heads: int = 2
    expansion: int = 2
    norm_place: str | None = "pre"

    def __post_init__(self) -> None:
        super().__post_init__()
        for setting in ("tokens", "width", "blocks", "heads", "expansion"):
            check_number(f"Transformer.{setting}", getattr(self, setting), 1, integer=True)
        check_choice("Transformer.norm_place", self.norm_place, (*PLACES, None))
        if self.width % self.heads:
            raise ValueError(
                f"Transformer: width={self.width} cannot be shared by heads={self.heads}. Give a "
                "width that is a multiple of heads."
            )
        for setting in ("layer_norm", "batch_norm", "noise", "injected", "spectral_norm"):
            if getattr(self, setting):
                raise ValueError(
                    f"Transformer has no {setting}; got {getattr(self, setting)!r}. Leave it out; "
                    "norm_place says where LayerNorm stands."
                )

    def layers(self, inputs: int, outputs: int) -> tuple[list[Layer], list[Units]]:
        """Tokens, embedding, positions, two residual branches a block, mean, output matrix."""
        if inputs % self.tokens:
            raise ValueError(
                f"Transformer.tokens: {inputs} inputs cannot be cut into {self.tokens} tokens of "
                "one size. Give a number that divides them."
            )
        embedding = Linear(inputs // self.tokens, self.width, self.last_gain, True, self.bias)
        layers: list[Layer] = [
            Tokens(self.tokens),
            EachToken(embedding),
            Positions(self.width, self.tokens),
        ]
        units = []
        for _ in range(self.blocks):
            layers += self._branch(SelfAttention(self.width, self.heads, self.last_gain))
            units.append(self._units(len(layers)))
            layers += self._branch(EachToken(*self._hidden_layer()))
        if self.norm_place == "pre":
            layers.append(EachToken(LayerNorm(self.width)))
        return [*layers, Mean(), Linear(self.width, outputs, self.last_gain)], units

    def _branch(self, inner: Layer) -> list[Layer]:
        """A skip around a layer, and the norm in its place."""
        norm = EachToken(LayerNorm(self.width))
        if self.norm_place == "pre":
            return [Residual(norm, inner)]
        return [Residual(inner), norm] if self.norm_place == "post" else [Residual(inner)]

    def _hidden_layer(self) -> list[Layer]:
        """The token-wise part of a block."""
        inner = self.width * self.expansion
        return [
            Linear(self.width, inner, self.hidden_gain, bias=self.bias),
            ACTIVATIONS[self.activation](inner),
            Linear(inner * self.copies, self.width, self.last_gain, bias=self.bias),
        ]

    def _units(self, here: int) -> Units:
        """The units of the hidden layer whose `Residual` is layer `here`."""
        prefix = f"{here}.{int(self.norm_place == 'pre')}."
        activation = ACTIVATIONS[self.activation](self.width * self.expansion)
        own = tuple(f"{prefix}1.{name}" for name in activation.per_unit)
        return Units(f"{prefix}0.", f"{prefix}2.", own, self.copies)
