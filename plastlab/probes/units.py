"""Probes of hidden units: shares of them that are silent, linear, saturated or get no gradient.

All depend on which and how many examples are shown. A channel of a convolution is one unit, at all
positions together. `layer` picks one hidden layer, from 0 or from -1 backwards; None takes all.
"""

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import nn

from plastlab.errors import check_choice, check_number, check_type
from plastlab.nets.activations import Activation, Tanh
from plastlab.nets.layers import Layer
from plastlab.nets.modules import ACTIVATION_MODULES, ModuleNetwork
from plastlab.probes.base import CACHED, Tensor, chosen, follows_an_update, hidden, keep_nan
from plastlab.state import State

BY = ("weights", "preactivations")


def dead_units(s: State, layer: int | None = None) -> Tensor:
    """Share of hidden features that are 0 on every shown example (ReLU-like activations).

    Misses units that are saturated, or always on; a sign of tanh or GELU networks it is not.
    """
    return _share(s, layer, lambda size: size == 0)


def dormant_units(s: State, tau: float = 0.025, layer: int | None = None) -> Tensor:
    """Share of hidden features whose mean absolute activation is at most `tau` times their layer's.

    Source: Sokar et al. (2023), definition 3.1.
    Misses what a layer loses as a whole: the score is relative, and one huge unit makes the others
        dormant. A saturated tanh unit is far from dormant.
    """
    check_number("dormant_units: tau", tau, 0)
    return _share(s, layer, lambda size: _relative(size) <= tau)


def active_fraction(s: State, layer: int | None = None) -> Tensor:
    """Share of all activations that are not 0, over units and shown examples (FAU, the fraction of
    active units); in tanh networks, of those with an absolute value of at most 0.99.

    Source: Ma et al. (2024).
    Misses who is silent: half the units dead, and all units silent half of the time, are the same
        to it. It is not the complement of the dead units. GELU and SiLU are never quite 0.
    """
    saturates = _is_tanh(s)
    layers = [h.flatten(1) for h in chosen(hidden(s), layer)]
    active = [(h.abs() <= 0.99 if saturates else h != 0).sum(1) for h in layers]
    share = sum(active) / sum(h.shape[1] for h in layers)
    return keep_nan(share, torch.stack([h.sum(1) for h in layers], 1))


def linearized_units(s: State, layer: int | None = None) -> Tensor:
    """Share of hidden units whose preactivation is above 0 on every shown example: to these
    examples a ReLU is the identity.

    Source: Lyle et al. (2024).
    Misses leaky ReLU units that are always below 0, which are as linear. In tanh, GELU and SiLU
        networks it tells a sign and nothing about linearity.
    """
    layers = [z.flatten(2) for z in chosen(_preactivations(s), layer)]
    always = torch.cat([z.amin(2) > 0 for z in layers], 1).float().mean(1)
    return keep_nan(always, torch.stack([z.sum((1, 2)) for z in layers], 1))


def saturated_units(s: State, level: float = 0.99, layer: int | None = None) -> Tensor:
    """Share of tanh units with an absolute activation above `level` on every shown example: next
    to no gradient passes them.

    Misses units that are saturated on almost all examples, and those that jump between the two
        ends.

    Raises:
        ValueError: the network's activations are not tanh.
    """
    check_number("saturated_units: level", level, 0, 1)
    layers = chosen(hidden(s), layer)
    if not _is_tanh(s):
        raise ValueError(
            "saturated_units is defined for tanh; this network has other activations. Use "
            "dead_units for ReLU, or gradient_dormant_units for any."
        )
    flat = [h.abs().flatten(2) for h in layers]
    always = torch.cat([h.amin(2) > level for h in flat], 1).float().mean(1)
    return keep_nan(always, torch.stack([h.sum((1, 2)) for h in flat], 1))


@follows_an_update
def gradient_dormant_units(
    s: State, tau: float = 0.01, by: str = "weights", layer: int | None = None
) -> Tensor:
    """Share of hidden units whose mean absolute gradient is at most `tau` times their layer's.

    `by` "weights" takes the last batch's gradient for each unit's incoming weights, bias left out;
    "preactivations" takes each shown example's own gradient for the unit's preactivation, so that
    examples cannot cancel. In a layer without any gradient all units count.

    Source: Liu et al. (2025), GraMa; the variable is chosen so that a dead ReLU and a saturated
        tanh unit both score 0, which the gradient for the activation would not give.
    Misses what the layer loses as a whole. A unit that was just recycled has outgoing weights 0, so
        its gradient is 0 too, though nothing is wrong with it. On a fitted batch all gradients are
        small, and the scores are of noise.
    """
    check_choice("gradient_dormant_units: by", by, BY)
    check_number("gradient_dormant_units: tau", tau, 0)
    slopes = _weight_slopes(s) if by == "weights" else preactivation_slopes(s)
    sizes = [_mean_size(slope) for slope in chosen(slopes, layer)]
    dormant = torch.cat([_relative(size) <= tau for size in sizes], 1).float().mean(1)
    return keep_nan(dormant, torch.cat(sizes, 1))


def dormancy(h: Tensor, copies: int = 1) -> Tensor:
    """Each unit's mean absolute activation over its layer's mean [R, units]; 1 is average.

    h [R, features, ..., B]; with `copies` 2 the second half of the features belongs to the same
    units as the first. A layer that is silent as a whole scores 0 everywhere.
    """
    check_type("dormancy: h", h, Tensor, "Give a layer's activations, such as s.hidden[0].")
    check_number("dormancy: copies", copies, 1, integer=True)
    if h.dim() < 3 or h.shape[1] % copies or not h.is_floating_point():
        raise ValueError(
            f"dormancy: h must be real numbers [R, features, ..., B], with {copies} copies of each "
            f"unit; got {h.dtype} {list(h.shape)}."
        )
    size = _mean_size(h)
    return _relative(size.view(len(h), copies, -1).mean(1))


def _share(s: State, layer: int | None, flag: Callable[[Tensor], Tensor]) -> Tensor:
    """Share of the hidden features that `flag` marks given their mean sizes [R, features]; nan
    where a replica diverged."""
    sizes = chosen(_sizes(s), layer)
    return keep_nan(torch.cat([flag(size) for size in sizes], 1).float().mean(1), sizes[-1])


def _sizes(s: State) -> list[Tensor]:
    """Mean absolute activation of each hidden feature, by layer [[R, features]]."""
    layers = hidden(s)
    if "mean size 0" not in s.memo:
        s.memo |= {f"mean size {i}": _mean_size(h) for i, h in enumerate(layers)}
    return [s.memo[f"mean size {i}"] for i in range(len(layers))]


def _mean_size(h: Tensor) -> Tensor:
    """Mean absolute value over all but the first two axes [R, features]. Replicas are taken a few
    at a time: absolute values of all of them at once would leave the processor's cache."""
    h = h.flatten(2)
    if h.amin() >= 0:  # as ReLU gives it
        return h.mean(2)
    size = h.new_empty(h.shape[:2])
    some = max(1, CACHED // h[0].numel())
    room = h.new_empty(min(some, len(h)), *h.shape[1:])
    for part, mean in zip(h.split(some), size.split(some), strict=True):
        torch.mean(torch.abs(part, out=room[: len(part)]), 2, out=mean)
    return size


def _relative(size: Tensor) -> Tensor:
    """Sizes over their layer's mean [R, units]; 0 everywhere if all are 0."""
    mean = size.mean(1, keepdim=True)
    return torch.where(mean == 0, torch.zeros_like(size), size / mean)


def _preactivations(s: State) -> list[Tensor]:
    """What the nonlinearities got as input [[R, units, ..., B]]."""
    hidden(s)  # says so if there are none
    return s.preactivations


def _weight_slopes(s: State) -> list[Tensor]:
    """The last batch's gradient for each unit's incoming weights, by layer [[R, units, n]]."""
    listed, run = len(s.network.units), len(hidden(s))
    if listed != run:
        raise ValueError(
            f"gradient_dormant_units by weights needs to know the network's units: {run} hidden "
            f"activations run in it, and {listed} are listed in Module.units. List them, or use "
            f'by="preactivations".'
        )
    return [unit.incoming_of(s.gradients) for unit in s.network.units]


def preactivation_slopes(s: State) -> list[Tensor]:
    """Each shown example's gradient for each preactivation, by layer [[R, units, ..., B]]."""
    hidden(s)
    if isinstance(s.network, ModuleNetwork):
        raise ValueError(
            "gradients for preactivations need one of plastlab's own networks; this one is a "
            "Module. Use the gradients for the incoming weights."
        )
    with torch.enable_grad():
        passed = s.network.differentiable().forward(s.x, before=True)
        return list(torch.autograd.grad(s.loss(passed.logits, s.y).sum(), passed.before))


def _is_tanh(s: State) -> bool:
    """Whether every activation of the network is tanh."""
    if isinstance(s.network, ModuleNetwork):
        kinds = {type(m) for m in s.network.module.modules() if isinstance(m, ACTIVATION_MODULES)}
        return kinds == {nn.Tanh}
    return set(_activations(s.network.layers)) == {Tanh}


def _activations(parts: Iterable) -> Iterator[type]:
    """The kinds of activations among layers, and among the layers that these are made of."""
    for part in parts:
        if isinstance(part, Activation):
            yield type(part)
        elif isinstance(part, Layer):
            yield from _activations(vars(part).values())
        elif isinstance(part, (list, tuple)):
            yield from _activations(part)
