"""Network specs: frozen descriptions of an architecture, from which replicas are drawn."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from plastlab.errors import LOUDEST, check_choice, check_number, check_type
from plastlab.nets.activations import ACTIVATIONS, GAINS, Activation
from plastlab.nets.convolution import Conv1d
from plastlab.nets.injection import with_injection
from plastlab.nets.layers import Layer, Linear, Reshape, Residual
from plastlab.nets.network import Network, Units
from plastlab.nets.noisy import with_noise
from plastlab.nets.normalization import INPUT_NORMS, BatchNorm, LayerNorm
from plastlab.nets.spectral import CHOICES, with_spectral_norm
from plastlab.spec import Spec

STARTS = ("he", "torch")


@dataclass(frozen=True, kw_only=True)
class Architecture(Spec):
    """What all specs share. `start` is the initialization: "he" draws N(0, gain**2 / fan_in)
    and zero biases (He et al., 2015), "torch" as `torch.nn` does. `gain` is that of the hidden
    layers, by default the activation's own; the output layer has gain 1. `layer_norm` or
    `batch_norm` puts such a layer before each activation.
    Without `bias` the hidden layers have none; the output layer always has one. `noise` above 0
    makes the matrices noisy (see `noisy.NoisyLinear`; convolutions stay), and the last `injected`
    layers are built so that plasticity can be injected into them (see `injection.Injected`).
    `spectral_norm` "penultimate" or "hidden" divides the matrix before the last one, or all before
    it, by their largest singular values (see `spectral.SpectralNorm`). `input_norm` "layer" or
    "running" normalizes the inputs (see `normalization.LayerNormInputs` and `RunningNormInputs`,
    whose statistics the intervention `InputNormalization` keeps up)."""

    activation: str = "relu"
    layer_norm: bool = False
    batch_norm: bool = False
    start: str = "he"
    gain: float | None = None
    bias: bool = True
    noise: float = 0.0
    injected: int = 0
    spectral_norm: str | None = None
    input_norm: str | None = None

    def __post_init__(self) -> None:
        name = type(self).__name__
        check_choice(f"{name}.activation", self.activation, ACTIVATIONS)
        for norm in ("layer_norm", "batch_norm"):
            check_type(f"{name}.{norm}", getattr(self, norm), bool, "Give True or False.")
        if self.layer_norm and self.batch_norm:
            raise ValueError(
                f"{name}: layer_norm and batch_norm cannot go together: they stand in the same "
                "place. Set one of them to False."
            )
        check_choice(f"{name}.start", self.start, STARTS)
        if self.gain is not None:
            check_number(f"{name}.gain", self.gain, 0, low_open=True)
            if self.start != "he":
                raise ValueError(
                    f"{name}: gain={self.gain!r} and start={self.start!r} cannot go together: "
                    'only the start "he" has a gain. Leave one of them out.'
                )
        check_type(f"{name}.bias", self.bias, bool, "Give True or False.")
        check_number(f"{name}.noise", self.noise, 0, LOUDEST)
        check_number(f"{name}.injected", self.injected, 0, integer=True)
        if self.noise and self.injected:
            raise ValueError(
                f"{name}: noise and injected (NoisyNet, PlasticityInjection) cannot go together: "
                "frozen heads would be noisy for good. Use one of them."
            )
        check_choice(f"{name}.spectral_norm", self.spectral_norm, CHOICES)
        check_choice(f"{name}.input_norm", self.input_norm, (None, *INPUT_NORMS))

    @property
    def hidden_gain(self) -> float | None:
        """Gain of the hidden layers' start."""
        if self.start != "he":
            return None
        return GAINS.get(self.activation, 1.0) if self.gain is None else self.gain

    @property
    def last_gain(self) -> float | None:
        """Gain of the output layer's start."""
        return 1.0 if self.start == "he" else None

    @property
    def is_linear(self) -> bool:
        """Whether it has no hidden unit."""
        return False

    @property
    def copies(self) -> int:
        """Features a unit: 2 for CReLU and Fourier features, else 1."""
        return 2 if ACTIVATIONS[self.activation].doubles else 1

    def norm(self, units: int) -> list[Layer]:
        """The normalization that was asked for, if any."""
        if self.batch_norm:
            return [BatchNorm(units)]
        return [LayerNorm(units)] if self.layer_norm else []

    def nonlinearity(self, units: int) -> list[Layer]:
        """The layers between one matrix and the next: a norm if asked for, an activation."""
        return [*self.norm(units), ACTIVATIONS[self.activation](units)]

    def layers(self, inputs: int, outputs: int) -> tuple[list[Layer], list[Units]]:
        """The layers, and which parameters belong to which hidden unit."""
        raise TypeError(f"{type(self).__name__} is abstract: use MLP, ResidualMLP or ConvNet1d")

    def build(self, inputs: int, outputs: int, seeds: tuple[int, ...], *key: object) -> Network:
        """One newly drawn network a seed; a draw depends on (seed, key) alone."""
        layers, units = self.layers(inputs, outputs)
        if self.spectral_norm:
            layers = with_spectral_norm(layers, self.spectral_norm)
        if self.noise:
            layers, units = with_noise(layers, units, self.noise)
        if self.injected:
            layers, units = with_injection(layers, units, self.injected)
        if self.input_norm:
            layers[0] = INPUT_NORMS[self.input_norm](layers[0], inputs)
        return Network.draw(tuple(layers), tuple(units), tuple(seeds), key)

    def changed(self, **settings: object) -> "Architecture":
        """The same architecture with other settings, for example activation="crelu"."""
        return replace(self, **settings)


@dataclass(frozen=True)
class MLP(Architecture):
    """`depth` hidden layers of `width` units: matrix, (LayerNorm,) activation; then an output
    matrix. With activation "identity" it is a deep linear network; depth 0 is a linear model."""

    width: int = 100
    depth: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number(f"{type(self).__name__}.width", self.width, 1, integer=True)
        check_number(f"{type(self).__name__}.depth", self.depth, 0, integer=True)

    @property
    def is_linear(self) -> bool:
        """At depth 0."""
        return self.depth == 0

    def layers(self, inputs: int, outputs: int) -> tuple[list[Layer], list[Units]]:
        """Linear, (LayerNorm,) activation, …, Linear."""
        layers, units, fan_in = [], [], inputs
        for depth in range(self.depth):
            here = len(layers)
            layers += [Linear(fan_in, self.width, self.hidden_gain, depth == 0, self.bias)]
            layers += self.nonlinearity(self.width)
            units.append(units_of(layers, here, f"{len(layers)}.", self.copies))
            fan_in = self.width * self.copies
        layers.append(Linear(fan_in, outputs, self.last_gain, first=self.depth == 0))
        return layers, units


@dataclass(frozen=True)
class ResidualMLP(Architecture):
    """A matrix to `width` features, `blocks` of h + W2 f(W1 norm(h)), a norm, an output matrix.

    With `layer_norm` (the default) each block and the output see normalized features (pre-norm);
    for `batch_norm`, set it to False. `branch` is the gain with which W2 starts: 0 starts each
    block as the identity, as SkipInit does with a factor of its own.
    The hidden units are those inside the blocks, `expansion` * width each; the stream of features
    that the skips carry has none of its own. With expansion 4 and input_norm="running" it is the
    network of SimBa, but for the start.

    Source: Lee et al. (2025), SimBa, for the block.
    """

    layer_norm: bool = field(default=True, kw_only=True)
    width: int = 64
    blocks: int = 3
    expansion: int = 1
    branch: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("ResidualMLP.branch", self.branch, 0)
        if self.start != "he" and self.branch != 1:
            raise ValueError(
                f"ResidualMLP: branch={self.branch!r} and start={self.start!r} cannot go together: "
                'only the start "he" has gains. Leave one of them out.'
            )
        for setting in ("width", "blocks", "expansion"):
            check_number(f"ResidualMLP.{setting}", getattr(self, setting), 1, integer=True)

    def layers(self, inputs: int, outputs: int) -> tuple[list[Layer], list[Units]]:
        """Linear, blocks, (LayerNorm,) Linear."""
        norm, last = self.norm(self.width), self.branch if self.start == "he" else None
        n, inner = len(norm), self.width * self.expansion
        layers: list[Layer] = [Linear(inputs, self.width, self.last_gain, True, self.bias)]
        units = []
        for block in range(1, self.blocks + 1):
            layers.append(
                Residual(
                    *norm,
                    Linear(self.width, inner, self.hidden_gain, bias=self.bias),
                    ACTIVATIONS[self.activation](inner),
                    Linear(inner * self.copies, self.width, last, bias=self.bias),
                )
            )
            inside, outgoing = layers[block].layers, f"{block}.{n + 2}."
            units.append(units_of(inside, n, outgoing, self.copies, prefix=f"{block}."))
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
        check_number(f"{type(self).__name__}.channels", self.channels, 1, integer=True)

    def layers(self, inputs: int, outputs: int) -> tuple[list[Layer], list[Units]]:
        """Conv1d, (LayerNorm,) activation, three times; flattened to Linear."""
        check_number("ConvNet1d needs inputs of that many points: inputs", inputs, 8, integer=True)
        layers: list[Layer] = [Reshape(1, inputs)]
        units, channels, length = [], 1, inputs
        for depth, kernel in enumerate((5, 3, 3)):
            here = len(layers)
            conv = Conv1d(
                channels, self.channels, kernel, 2, 1, self.hidden_gain, depth == 0, self.bias
            )
            layers += [conv, *self.nonlinearity(self.channels)]
            channels, length = self.channels * self.copies, conv.length(length)
            last = depth == 2
            outgoing, spread = f"{len(layers) + last}.", length if last else 1
            units.append(units_of(layers, here, outgoing, self.copies, spread))
        layers += [Reshape(-1), Linear(channels * length, outputs, self.last_gain)]
        return layers, units


def units_of(
    layers: Sequence[Layer],
    incoming: int,
    outgoing: str,
    copies: int,
    spread: int = 1,
    prefix: str = "",
) -> Units:
    """The units that layer number `incoming` feeds. Theirs is what the layers after it, up to their
    activation, hold for each unit. `prefix` stands before all names but `outgoing`, which is
    whole."""
    own: list[str] = []
    statistics: list[str] = []
    for i, layer in enumerate(layers[incoming + 1 :], incoming + 1):
        own += [f"{prefix}{i}.{name}" for name in layer.per_unit]
        statistics += [f"{prefix}{i}.{name}" for name in layer.per_unit_buffers]
        if isinstance(layer, Activation):
            break
    feeds = f"{prefix}{incoming}."
    return Units(feeds, outgoing, tuple(own), copies, spread, tuple(statistics))
