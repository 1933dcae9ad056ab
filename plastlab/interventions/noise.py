"""Noise on the weights."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar

from plastlab.errors import LOUDEST, check_number
from plastlab.interventions.base import Intervention
from plastlab.nets import Architecture
from plastlab.nets.noisy import factor
from plastlab.rng import normal
from plastlab.rows import Rows
from plastlab.state import State


@dataclass(frozen=True)
class NoisyNet(Intervention):
    """Puts noise on every linear layer's weights and biases, drawn anew after each update; how much
    on which weight is learned and starts at sigma / sqrt(fan_in).

    Held-out examples are answered with the mean weights, without noise. Convolutions and
    spectrally normalized matrices stay as they are.

    Source: Fortunato et al. (2018), factorised Gaussian noise.
    Differs: the matrices start as the architecture says (the paper: uniform within 1/sqrt(fan_in));
        one draw of noise serves the whole batch.
    Cost: twice the parameters; two more passes over the matrices each way.
    """

    family: ClassVar[str] = "full resets"
    tuned: ClassVar[tuple[str, tuple]] = ("sigma", (0.1, 0.5, 1.0))
    off: ClassVar[dict[str, float]] = {"sigma": 0.0}

    sigma: float = 0.5

    def __post_init__(self) -> None:
        check_number("NoisyNet.sigma", self.sigma, 0, LOUDEST)

    def network(self, spec: Any) -> Any:
        """The same architecture, noisy."""
        if not self.sigma:
            return spec
        if not isinstance(spec, Architecture):
            raise ValueError(
                "NoisyNet cannot be added to a Module from outside. Use MLP, ResidualMLP or "
                "ConvNet1d."
            )
        return spec.changed(noise=self.sigma)

    def at_start(self, s: State, mem: SimpleNamespace) -> None:
        """Which buffers are noise."""
        mem.noise = [view for name, view in s.buffers.views.items() if ".noise." in name]

    def after_step(self, s: State, mem: SimpleNamespace) -> None:
        """New noise."""
        sizes = [view.shape[1] for view in mem.noise]
        draws = factor(normal((sum(sizes),), s.seeds, "noise", s.step))
        for view, draw in zip(mem.noise, draws.split(sizes, 1), strict=True):
            view.copy_(draw)

    def answers_with(self, s: State, mem: SimpleNamespace) -> Rows | None:
        """The mean weights."""
        if not self.sigma:
            return None
        means = s.weights.clone()
        for name in means.layout.scales:
            means[name].zero_()
        return means
