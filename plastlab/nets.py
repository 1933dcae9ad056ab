"""Network specs: frozen descriptions of an architecture, from which replicas are drawn."""

from dataclasses import dataclass, field, replace

from plastlab.activations import ACTIVATIONS, GAINS
from plastlab.errors import check_choice, check_number, check_type
from plastlab.layers import Conv1d, Layer, LayerNorm, Linear, Reshape, Residual
from plastlab.network import Network, Units

STARTS = ("he", "torch")


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """What all specs share. `start` is the initialization: "he" draws N(0, gain**2 / fan_in)
    with the activation's gain and zero biases (He et al., 2015), "torch" as `torch.nn` does."""

    activation: str = "relu"
    layer_norm: bool = False
    start: str = "he"

    def __post_init__(self) -> None:
        name = type(self).__name__
        check_choice(f"{name}.activation", self.activation, ACTIVATIONS)
        check_type(f"{name}.layer_norm", self.layer_norm, bool, "Give True or False.")
        check_choice(f"{name}.start", self.start, STARTS)

    @property
    def gain(self) -> float | None:
        """Gain of the hidden layers' start; the output layer has gain 1."""
        return GAINS.get(self.activation, 1.0) if self.start == "he" else None

    @property
    def last_gain(self) -> float | None:
        """Gain of the output layer's start."""
        return 1.0 if self.start == "he" else None

    @property
    def copies(self) -> int:
        """Features a unit: 2 for CReLU, else 1."""
        return 2 if ACTIVATIONS[self.activation].doubles else 1

    def nonlinearity(self, units: int) -> list[Layer]:
        """The layers between one matrix and the next: LayerNorm if asked for, an activation."""
        norm = [LayerNorm(units)] if self.layer_norm else []
        return [*norm, ACTIVATIONS[self.activation]()]

    def layers(self, inputs: int, outputs: int) -> tuple[list[Layer], list[Units]]:
        """The layers, and which parameters belong to which hidden unit."""
        raise TypeError(f"{type(self).__name__} is abstract: use MLP, ResidualMLP or ConvNet1d")

    def build(self, inputs: int, outputs: int, seeds: tuple[int, ...], *key: object) -> Network:
        """One newly drawn network a seed; a draw depends on (seed, key) alone."""
        layers, units = self.layers(inputs, outputs)
        return Network.draw(tuple(layers), tuple(units), tuple(seeds), key)

    def with_layer_norm(self) -> "Architecture":
        """The same architecture, LayerNorm before each nonlinearity."""
        return replace(self, layer_norm=True)


@dataclass(frozen=True)
class MLP(Architecture):
    """`depth` hidden layers of `width` units: matrix, (LayerNorm,) activation; then an output
    matrix. With activation "identity" it is a deep linear network; depth 0 is a linear model."""

    width: int = 100
    depth: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("MLP.width", self.width, 1, integer=True)
        check_number("MLP.depth", self.depth, 0, integer=True)

    def layers(self, inputs: int, outputs: int) -> tuple[list[Layer], list[Units]]:
        """Linear, (LayerNorm,) activation, …, Linear."""
        layers, units, fan_in = [], [], inputs
        for depth in range(self.depth):
            here = len(layers)
            layers += [Linear(fan_in, self.width, self.gain, first=depth == 0)]
            layers += self.nonlinearity(self.width)
            norm = f"{here + 1}." if self.layer_norm else None
            units.append(Units(f"{here}.", f"{len(layers)}.", norm, self.copies))
            fan_in = self.width * self.copies
        layers.append(Linear(fan_in, outputs, self.last_gain, first=self.depth == 0))
        return layers, units


@dataclass(frozen=True)
class ResidualMLP(Architecture):
    """A matrix to `width` features, `blocks` of h + W2 f(W1 norm(h)), a norm, an output matrix.

    With `layer_norm` (the default) each block and the output see normalized features (pre-norm).
    The hidden units are those inside the blocks; the stream of features that the skips carry has
    none of its own.
    """

    layer_norm: bool = field(default=True, kw_only=True)
    width: int = 64
    blocks: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("ResidualMLP.width", self.width, 1, integer=True)
        check_number("ResidualMLP.blocks", self.blocks, 1, integer=True)

    def layers(self, inputs: int, outputs: int) -> tuple[list[Layer], list[Units]]:
        """Linear, blocks, (LayerNorm,) Linear."""
        norm = [LayerNorm(self.width)] if self.layer_norm else []
        n = len(norm)
        layers: list[Layer] = [Linear(inputs, self.width, self.last_gain, first=True)]
        units = []
        for block in range(1, self.blocks + 1):
            layers.append(
                Residual(
                    *norm,
                    Linear(self.width, self.width, self.gain),
                    ACTIVATIONS[self.activation](),
                    Linear(self.width * self.copies, self.width, self.last_gain),
                )
            )
            units.append(Units(f"{block}.{n}.", f"{block}.{n + 2}.", None, self.copies))
        layers += [*norm, Linear(self.width, outputs, self.last_gain)]
        return layers, units


@dataclass(frozen=True)
class ConvNet1d(Architecture):
    """Three one-dimensional convolutions (kernels 5, 3, 3; stride 2, padding 1), then a matrix.

    The network that comes with MNIST-1D, at 25 channels a layer. Hidden units are channels.

    Source: Greydanus and Kobak (2024), the convolutional baseline.
    """

    channels: int = 25

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("ConvNet1d.channels", self.channels, 1, integer=True)

    def layers(self, inputs: int, outputs: int) -> tuple[list[Layer], list[Units]]:
        """Conv1d, (LayerNorm,) activation, three times; flattened to Linear."""
        check_number("ConvNet1d needs inputs of that many points: inputs", inputs, 8, integer=True)
        layers: list[Layer] = [Reshape(1, inputs)]
        units, channels, length = [], 1, inputs
        for depth, kernel in enumerate((5, 3, 3)):
            here = len(layers)
            conv = Conv1d(channels, self.channels, kernel, 2, 1, self.gain, first=depth == 0)
            layers += [conv, *self.nonlinearity(self.channels)]
            channels, length = self.channels * self.copies, conv.length(length)
            last = depth == 2
            norm = f"{here + 1}." if self.layer_norm else None
            outgoing = f"{len(layers) + last}."
            units.append(Units(f"{here}.", outgoing, norm, self.copies, length if last else 1))
        layers += [Reshape(-1), Linear(channels * length, outputs, self.last_gain)]
        return layers, units
