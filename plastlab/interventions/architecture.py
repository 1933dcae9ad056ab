"""Architecture: the network is built differently from the start."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar

from plastlab.errors import check_choice
from plastlab.interventions.base import Intervention, need_hidden
from plastlab.state import State

BASES = {"relu": "adalin", "tanh": "adalin tanh"}


@dataclass(frozen=True)
class LayerNorm(Intervention):
    """Puts a LayerNorm before every nonlinearity.

    Source: Ba, Kiros and Hinton (2016), section 3; for plasticity Lyle et al. (2023).
    Differs: nothing; each norm has a learned gain and offset.
    Cost: two more vectors a layer; about twice the time of a step.
    """

    family: ClassVar[str] = "architecture"

    def network(self, spec: Any) -> Any:
        """The same architecture, normalized."""
        return need_hidden(spec, "LayerNorm").changed(layer_norm=True)


@dataclass(frozen=True)
class LeakyReLU(Intervention):
    """Gives every unit a leaky ReLU, which passes a tenth of what is negative: no unit is ever
    without a gradient.

    Source: Maas, Hannun and Ng (2013).
    Differs: the leak is 0.1 (there and in PyTorch 0.01).
    Cost: nothing.
    """

    family: ClassVar[str] = "architecture"

    def network(self, spec: Any) -> Any:
        """The same architecture, leaky."""
        return need_hidden(spec, "LeakyReLU").changed(activation="leaky relu")


@dataclass(frozen=True)
class PReLU(Intervention):
    """Gives every unit a leaky ReLU whose leak it learns, from 0.25 on.

    Source: He, Zhang, Ren and Sun (2015).
    Differs: nothing. The slopes are trained like weights; a penalty or a constraint on matrices
        leaves them alone, one on all parameters (such as decoupled weight decay) shrinks them.
    Cost: one more number a unit; about a fifth more time a step.
    """

    family: ClassVar[str] = "architecture"

    def network(self, spec: Any) -> Any:
        """The same architecture, with learned leaks."""
        return need_hidden(spec, "PReLU").changed(activation="prelu")


@dataclass(frozen=True)
class AdaLin(Intervention):
    """Adds to each unit's activation f a linear term where f passes no gradient: f(z) + a z
    g(f'(z)), with a learned slope a for each unit, g = 1 where f' = 0 and g = 0 where f' = 1.

    With `base` "relu" that is ReLU above 0 and a z below: a PReLU whose slopes start at 0. With
    "tanh" the term grows as the unit saturates.

    Source: Rohani et al. (2025), who call the PReLU that it becomes with ReLU surprisingly good.
    Differs: the shape of their gate is not known here; g = 1 - f' is the simplest, and with ReLU
        the only one. Slopes start at 0, so that training begins with f alone. The network's own
        activation is replaced by that on `base`.
    Cost: one more number a unit; about a fifth more time a step with ReLU, twice the time with tanh
        (tanh alone: 1.6 times).
    """

    family: ClassVar[str] = "architecture"
    tuned: ClassVar[tuple[str, tuple]] = ("base", ("relu", "tanh"))

    base: str = "relu"

    def __post_init__(self) -> None:
        check_choice("AdaLin.base", self.base, BASES)

    def network(self, spec: Any) -> Any:
        """The same architecture, with the linear terms."""
        return need_hidden(spec, "AdaLin").changed(activation=BASES[self.base])


@dataclass(frozen=True)
class CReLU(Intervention):
    """Gives every unit two outputs, ReLU(z) and ReLU(-z): one of them is always on.

    Source: Shang et al. (2016); for plasticity Abbas et al. (2023).
    Differs: layers keep their units, so each matrix behind has twice the inputs. Released variants
        have fewer units instead: give the network half the width.
    Cost: nearly twice the parameters, and twice the time of a step.
    """

    family: ClassVar[str] = "architecture"

    def network(self, spec: Any) -> Any:
        """The same architecture, concatenated."""
        return need_hidden(spec, "CReLU").changed(activation="crelu")


@dataclass(frozen=True)
class DeepFourierFeatures(Intervention):
    """Gives every unit two outputs, sin z and cos z: where one of them is flat, the other is steep.

    Source: Lewandowski, Schuurmans and Machado (2025).
    Differs: layers keep their units, so each matrix behind has twice the inputs; give the network
        half the width for equal features. In the paper it goes together with regularization: add
        a penalty such as L2. A unit with incoming weights 0 still gives
        cos 0 = 1, so none is ever dormant.
    Cost: nearly twice the parameters, and 2.6 times the time of a step.
    """

    family: ClassVar[str] = "architecture"

    def network(self, spec: Any) -> Any:
        """The same architecture, with sines and cosines."""
        return need_hidden(spec, "DeepFourierFeatures").changed(activation="fourier")


@dataclass(frozen=True)
class Rational(Intervention):
    """Gives every layer an activation that it learns, P(z) / (1 + |Q(z)|) with polynomials of
    degree 5 and 4.

    Source: Delfosse et al. (2024); the form is by Molina, Schramowski and Kersting (2020).
    Differs: it starts as a least-squares fit to a leaky ReLU of leak 0.1 on [-3, 3]. The
        coefficients are trained like weights; decoupled weight decay shrinks them, too.
    Cost: ten more numbers a layer; 2.7 times the time of a step, for the powers.
    """

    family: ClassVar[str] = "architecture"

    def network(self, spec: Any) -> Any:
        """The same architecture, with rational activations."""
        return need_hidden(spec, "Rational").changed(activation="rational")


@dataclass(frozen=True)
class InputNormalization(Intervention):
    """Normalizes each input feature by its own running mean and variance, over all examples so far.

    Beware of features that never vary and then do, as pixels do when tasks permute them: after n
    examples without variation a step of 1 becomes one of sqrt(n), until the variance has followed
    (at most 316).

    Source: Lee et al. (2025), the observation normalization of SimBa.
    Differs: a batch is normalized by what came before it (there, by itself too), and the start,
        mean 0 and variance 1, counts as one example. Networks drawn later, by `fresh` or
        `initial`, know no statistics.
    Cost: two numbers an input, never trained; one pass over the inputs.
    """

    family: ClassVar[str] = "architecture"

    def network(self, spec: Any) -> Any:
        """The same architecture, its inputs normalized."""
        return spec.changed(input_norm="running")

    def after_step(self, s: State, mem: SimpleNamespace) -> None:
        """Takes the batch into the statistics."""
        mean, variance, count = (
            s.buffers[f"0.inputs.{name}"] for name in ("mean", "variance", "count")
        )
        count.add_(s.x.shape[1])
        share = (s.x.shape[1] / count).unsqueeze(1)
        shift = s.x.mean(1) - mean
        mean.addcmul_(share, shift)
        variance.lerp_(s.x.var(1, correction=0), share)
        variance.addcmul_(share * (1 - share), shift.square())


@dataclass(frozen=True)
class LayerNormInputs(Intervention):
    """Normalizes each example's inputs over its features, as LayerNorm does.

    It erases each example's size and level: in two dimensions (1, 1) and (10, 10) become the same
    point, and of any other only the order of its coordinates is left. See `InputNormalization`.

    Source: Ba, Kiros and Hinton (2016), section 3.
    Differs: no gain and no offset; the first matrix can do their work.
    Cost: one pass over the inputs.
    """

    family: ClassVar[str] = "architecture"

    def network(self, spec: Any) -> Any:
        """The same architecture, its inputs normalized."""
        return spec.changed(input_norm="layer")
