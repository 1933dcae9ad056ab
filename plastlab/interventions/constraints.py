"""Constraints: weights are kept where they may be."""

import math
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar

import torch

from plastlab.errors import check_choice, check_number, check_type
from plastlab.interventions.base import Intervention, need_hidden
from plastlab.interventions.schedules import line
from plastlab.nets.spectral import power_step
from plastlab.state import State


@dataclass(frozen=True)
class WeightClipping(Intervention):
    """Clips every weight and bias to [-bound, bound], bound = kappa / sqrt(fan_in of its layer).

    At kappa 1 the bound is that of `torch.nn.Linear`'s uniform start; with start="he" a part of
    the fresh weights lies outside (48 % at kappa 1, 16 % at 2, 3 % at 3) and is clipped at once.

    Source: Elsayed, Lan, Lyle and Mahmood (2024), section "Weight Clipping".
    Differs: nothing; gains and offsets of normalization layers are left alone, and so are tables,
        such as a Transformer's positions, which have no fan_in.
    Cost: one pass over the weights each update.
    """

    family: ClassVar[str] = "constraints"
    tuned: ClassVar[tuple[str, tuple]] = ("kappa", (1.0, 2.0, 3.0))
    off: ClassVar[dict[str, float]] = {"kappa": 1e12}

    kappa: float = 2.0

    def __post_init__(self) -> None:
        check_number("WeightClipping.kappa", self.kappa, 0, 1e30, low_open=True)

    def after_step(self, s: State, mem: SimpleNamespace) -> None:
        """Clip."""
        layout = s.weights.layout
        for name in (*layout.matrices, *layout.biases):
            bound = self.kappa / math.sqrt(layout.fan_in(name))
            s.weights[name].clamp_(-bound, bound)


@dataclass(frozen=True)
class FrobeniusProjection(Intervention):
    """Rescales every hidden matrix to the Frobenius norm that it started with, every `every`
    updates.

    By itself it changes the function: NormalizeAndProject is the form in which it does not. So it
    does after units were recycled, whose weights leave the others a larger share of the norm.

    Source: Lyle et al. (2024, "Normalization and effective learning rates"), the projection alone.
    Differs: nothing; with `last_layer` the output matrix is rescaled too, which the paper spares.
    Cost: two passes over the hidden matrices each update.
    """

    family: ClassVar[str] = "constraints"
    tuned: ClassVar[tuple[str, tuple]] = ("every", (1, 10, 100))
    off: ClassVar[dict[str, int]] = {"every": 10**9}

    every: int = 1
    last_layer: bool = False

    def __post_init__(self) -> None:
        check_number("FrobeniusProjection.every", self.every, 1, integer=True)
        remedy = "Give True or False."
        check_type("FrobeniusProjection.last_layer", self.last_layer, bool, remedy)

    def network(self, spec: Any) -> Any:
        """The same, if there is a matrix to rescale."""
        return spec if self.last_layer else need_hidden(spec, "FrobeniusProjection")

    def at_start(self, s: State, mem: SimpleNamespace) -> None:
        """Remember the norms of the start."""
        matrices = s.weights.layout.matrices
        mem.groups = [(name,) for name in (matrices if self.last_layer else matrices[:-1])]
        mem.norms = [_norm(s, group) for group in mem.groups]

    def after_step(self, s: State, mem: SimpleNamespace) -> None:
        """Rescale."""
        if s.step % self.every == 0:
            _project(s, mem)


@dataclass(frozen=True)
class NormalizeAndProject(Intervention):
    """LayerNorm before every nonlinearity, no hidden biases, and after each update every hidden
    matrix is rescaled to the Frobenius norm that it started with; the learning rate falls in a
    straight line to `low` of itself over the first `over` updates of each task.

    With LayerNorm the size of a matrix changes nothing that the network says, but an update turns
    it by about lr / ||W||^2 (gradient descent) or lr / ||W|| (Adam): as weights grow, the effective
    learning rate falls unseen, and never comes back. The projection stops that, and makes the
    schedule the only one. At a constant rate (`over` None) training stays noisy or diverges.

    Gains and offsets: with `scales` "project", each layer's gains and offsets together are rescaled
    to the norm that they started with; with "decay" they move toward 1 and 0 by `decay` of the
    distance each update; with "free" they are left alone.

    Source: Lyle et al. (2024, "Normalization and effective learning rates"), normalize-and-project.
    Differs: the schedule is linear and restarts at each boundary (the paper also has a cosine with
        warm-up: use over=None, Rewarming and TaskDecay). Matrices whose output is not normalized,
        such as those of a residual network's blocks, which have their norm before the matrix, are
        rescaled too, and there the projection does change the function.
    Cost: LayerNorm's, and two passes over the hidden matrices each update.
    """

    family: ClassVar[str] = "constraints"
    tuned: ClassVar[tuple[str, tuple]] = ("over", (30, 100, 300))

    over: int | None = 100
    low: float = 0.01
    every: int = 1
    scales: str = "project"
    decay: float = 0.01

    def __post_init__(self) -> None:
        if self.over is not None:
            check_number("NormalizeAndProject.over", self.over, 1, integer=True)
        check_number("NormalizeAndProject.low", self.low, 0, 1)
        check_number("NormalizeAndProject.every", self.every, 1, integer=True)
        check_choice("NormalizeAndProject.scales", self.scales, ("project", "decay", "free"))
        check_number("NormalizeAndProject.decay", self.decay, 0, 1)

    def network(self, spec: Any) -> Any:
        """The same architecture, normalized and without hidden biases."""
        return need_hidden(spec, "NormalizeAndProject").changed(layer_norm=True, bias=False)

    def at_start(self, s: State, mem: SimpleNamespace) -> None:
        """Remember the norms of the start."""
        layout = s.weights.layout
        mem.scales = [(f"{prefix}weight", f"{prefix}bias") for prefix in layout.norms]
        mem.groups = [(name,) for name in layout.matrices[:-1]]
        if self.scales == "project":
            mem.groups += mem.scales
        mem.norms = [_norm(s, group) for group in mem.groups]

    def after_backward(self, s: State, mem: SimpleNamespace) -> None:
        """The schedule."""
        if self.over is not None:
            part = min(s.task_step / self.over, 1.0)
            s.lr.mul_(line(part, self.low))

    def after_step(self, s: State, mem: SimpleNamespace) -> None:
        """Rescale."""
        if self.scales == "decay":
            for gain, offset in mem.scales:
                s.weights[gain].lerp_(torch.ones(()), self.decay)
                s.weights[offset].mul_(1 - self.decay)
        if s.step % self.every == 0:
            _project(s, mem)


def _norm(s: State, names: tuple[str, ...]) -> torch.Tensor:
    """Norm of the named parameters, together [R]."""
    return sum(s.weights[name].flatten(1).square().sum(1) for name in names).sqrt()


def _project(s: State, mem: SimpleNamespace) -> None:
    """Give each group of parameters its norm of the start; what is 0 stays 0."""
    for names, norm in zip(mem.groups, mem.norms, strict=True):
        factor = norm / _norm(s, names).clamp_min(1e-12)
        for name in names:
            s.weights[name].flatten(1).mul_(factor[:, None])


@dataclass(frozen=True)
class SpectralNormalization(Intervention):
    """Divides the matrix before the last one ("penultimate"), or every matrix before the last one
    ("hidden"), by its largest singular value in the forward pass.

    It bounds how much these layers stretch their inputs, and scales their gradients: part of its
    effect is that of another step size.

    Source: Miyato et al. (2018), in reinforcement learning Gogianu et al. (2021) and Bjorck et al.
        (2021), who normalize some layers only.
    Differs: nothing; one step of power iteration each update, the gradient goes through the
        division, as in `torch.nn.utils.parametrizations.spectral_norm`.
    Cost: three products of the matrix with a vector and two passes over it each update.
    """

    family: ClassVar[str] = "constraints"
    tuned: ClassVar[tuple[str, tuple]] = ("layers", ("penultimate", "hidden"))

    layers: str = "penultimate"

    def __post_init__(self) -> None:
        check_choice("SpectralNormalization.layers", self.layers, ("penultimate", "hidden"))

    def network(self, spec: Any) -> Any:
        """The same architecture, these matrices normalized."""
        return need_hidden(spec, "SpectralNormalization").changed(spectral_norm=self.layers)

    def at_start(self, s: State, mem: SimpleNamespace) -> None:
        """Singular vectors to begin with: 15 steps from a random direction."""
        prefixes = [name.removesuffix("weight") for name in s.weights.layout.matrices]
        mem.matrices = [prefix for prefix in prefixes if f"{prefix}v" in s.buffers.views]
        for _ in range(15):
            self.after_backward(s, mem)

    def after_backward(self, s: State, mem: SimpleNamespace) -> None:
        """Keep the vector that this update's forward pass has found."""
        for name in mem.matrices:
            matrix = s.weights[f"{name}weight"].flatten(2)
            s.buffers[f"{name}v"].copy_(power_step(matrix, s.buffers[f"{name}v"])[2])
