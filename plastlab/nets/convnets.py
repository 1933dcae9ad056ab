"""Larger convolutional network specs."""

from dataclasses import dataclass

from plastlab.errors import check_choice, check_number, check_type
from plastlab.nets.architectures import Architecture, ConvNet1d, units_of
from plastlab.nets.convolution import Conv1d
from plastlab.nets.layers import Layer, Linear, Reshape, Residual
from plastlab.nets.mixture import SoftMixture
from plastlab.nets.network import Units
from plastlab.nets.pointwise import Unlisted
from plastlab.nets.pooling import MaxPool1d

TOKENS = ("positions", "flat")


@dataclass(frozen=True)
class ImpalaNet1d(Architecture):
    """The residual network of IMPALA in one dimension: in each stage a convolution to so many
    `channels`, max-pooling (3, stride 2) and `blocks` of h + conv(f(conv(f(h)))); then f, a layer
    of `width` units, and the output matrix. All convolutions have kernel 3.

    Hidden units are the channels inside the blocks and the units of the last layer. What the skips
    carry is written by several matrices: its activations belong to no unit and are not among the
    hidden ones. With `layer_norm` there is one before each f.

    Source: Espeholt et al. (2018), the deep network, without its LSTM.
    """

    channels: tuple[int, ...] = (16, 32, 32)
    blocks: int = 2
    width: int = 256

    def __post_init__(self) -> None:
        super().__post_init__()
        remedy = "Write (16, 32, 32): channels by stage."
        for channels in check_type("ImpalaNet1d.channels", self.channels, tuple, remedy):
            check_number("ImpalaNet1d.channels: each", channels, 1, integer=True)
        check_number("ImpalaNet1d.channels: stages", len(self.channels), 1, integer=True)
        check_number("ImpalaNet1d.blocks", self.blocks, 0, integer=True)
        check_number("ImpalaNet1d.width", self.width, 1, integer=True)

    def layers(self, inputs: int, outputs: int) -> tuple[list[Layer], list[Units]]:
        """Stages, an activation; flattened to Linear, activation, Linear."""
        layers: list[Layer] = [Reshape(1, inputs)]
        units, before, length, pool = [], 1, inputs, MaxPool1d(3, 2, 1)
        for stage, channels in enumerate(self.channels):
            layers.append(Conv1d(before, channels, 3, 1, 1, self.last_gain, stage == 0, self.bias))
            layers.append(pool)
            for _ in range(self.blocks):
                block = self._block(channels)
                units.append(self._units(block, f"{len(layers)}."))
                layers.append(Residual(*block))
            before, length = channels, pool.length(length)
        layers += [*self._unlisted(before), Reshape(-1)]
        here = len(layers)
        layers.append(
            Linear(before * self.copies * length, self.width, self.hidden_gain, bias=self.bias)
        )
        layers += self.nonlinearity(self.width)
        units.append(units_of(layers, here, f"{len(layers)}.", self.copies))
        layers.append(Linear(self.width * self.copies, outputs, self.last_gain))
        return layers, units

    def _unlisted(self, channels: int) -> list[Layer]:
        """(LayerNorm and) activation of the stream."""
        *norm, activation = self.nonlinearity(channels)
        return [*norm, Unlisted(activation)]

    def _block(self, channels: int) -> list[Layer]:
        """The branch beside the skip."""
        shape = channels * self.copies, channels, 3, 1, 1
        return [
            *self._unlisted(channels),
            Conv1d(*shape, self.hidden_gain, bias=self.bias),
            *self.nonlinearity(channels),
            Conv1d(*shape, self.last_gain, bias=self.bias),
        ]

    def _units(self, block: list[Layer], prefix: str) -> Units:
        """The channels between the branch's convolutions."""
        first, last = (i for i, layer in enumerate(block) if isinstance(layer, Conv1d))
        return units_of(block, first, f"{prefix}{last}.", self.copies, prefix=prefix)


@dataclass(frozen=True)
class SoftMoENet1d(ConvNet1d):
    """The convolutions of `ConvNet1d`, a soft mixture of `experts` in the place of a penultimate
    layer, and the output matrix.

    An expert has a layer of `width` units and a matrix back to the size of a token. Tokens are the
    "positions" of the last convolution; "flat" makes one token of all of them, and with one expert
    that is an ordinary layer. All experts together have about one slot a token.

    Hidden units are the channels of the first two convolutions and, one layer each, the experts'
    units; so the last hidden features, at which ranks look, are those of the last expert. The third
    convolution is read by the slots and by every expert: its channels are not among the units.
    `layer_norm` stands before the experts' activations, too. Noise and spectral
    normalization do not reach the experts and are refused.

    Source: Obando-Ceron et al. (2024), soft mixtures; Puigcerver et al. (2024) for the layer;
    Sokar et al. (2025) for one expert on positions as the control.
    """

    experts: int = 4
    width: int = 64
    tokens: str = "positions"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("SoftMoENet1d.experts", self.experts, 1, integer=True)
        check_number("SoftMoENet1d.width", self.width, 1, integer=True)
        check_choice("SoftMoENet1d.tokens", self.tokens, TOKENS)
        if self.noise or self.spectral_norm:
            raise ValueError(
                "SoftMoENet1d has no noise and no spectral_norm: they would leave its experts out. "
                "Use ConvNet1d or ImpalaNet1d."
            )

    def layers(self, inputs: int, outputs: int) -> tuple[list[Layer], list[Units]]:
        """Conv1d, (LayerNorm,) activation, three times; SoftMixture; flattened to Linear."""
        layers, units = super().layers(inputs, outputs)
        *layers, flat, last = layers
        units.pop()
        layers[-1] = Unlisted(layers[-1])
        size, number = self.channels * self.copies, last.fan_in // (self.channels * self.copies)
        if self.tokens == "flat":
            size, number = last.fan_in, 1
            layers.append(Reshape(size, 1))
        experts = [self._expert(size) for _ in range(self.experts)]
        for e, expert in enumerate(experts):
            prefix = f"{len(layers)}.{e}."
            outgoing = f"{prefix}{len(expert) - 1}."
            units.append(units_of(expert, 0, outgoing, self.copies, prefix=prefix))
        layers.append(SoftMixture(size, -(-number // self.experts), experts))
        return [*layers, flat, last], units

    def _expert(self, size: int) -> list[Layer]:
        """A layer of units, and back to the size of a token."""
        return [
            Linear(size, self.width, self.hidden_gain, bias=self.bias),
            *self.nonlinearity(self.width),
            Linear(self.width * self.copies, size, self.last_gain, bias=self.bias),
        ]
