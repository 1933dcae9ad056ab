"""What hidden units are worth, what it costs to recycle some, and who is recycled."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace

import torch

from plastlab.errors import check_choice, check_number
from plastlab.interventions import ContinualBackprop
from plastlab.probes import dormancy
from plastlab.probes.base import follows_an_update
from plastlab.rng import generator
from plastlab.state import State

Tensor = torch.Tensor
SMALL = 1e-12


def size(s: State, layer: int) -> Tensor:
    """Mean |h| over the layer's mean, ReDo's score [R, units]."""
    return dormancy(s.hidden[layer], copies=s.network.units[layer].copies)


def magnitude(s: State, layer: int) -> Tensor:
    """Mean |outgoing weight| [R, units]."""
    return s.network.units[layer].outgoing_of(s.weights).abs().mean(2)


def contribution(s: State, layer: int) -> Tensor:
    """Mean |h| times mean |outgoing weight| [R, units]."""
    return _activity(s, layer).abs().mean(2) * magnitude(s, layer)


def variation(s: State, layer: int) -> Tensor:
    """Mean |h - its mean| times mean |outgoing weight|, the mean-corrected contribution
    [R, units]."""
    h = _activity(s, layer)
    return (h - h.mean(2, keepdim=True)).abs().mean(2) * magnitude(s, layer)


def adaptation(s: State, layer: int) -> Tensor:
    """1 / mean |incoming weight| [R, units]."""
    return s.network.units[layer].incoming_of(s.weights).abs().mean(2).clamp_min(SMALL).reciprocal()


def gradient(s: State, layer: int) -> Tensor:
    """Mean |gradient for an incoming weight| on the last batch, GraMa's score up to its scale
    [R, units]."""
    return s.network.units[layer].incoming_of(s.gradients).abs().mean(2)


def lots(s: State, layer: int) -> Tensor:
    """Random numbers, the same for every condition [R, units]."""
    units = s.network.units[layer].incoming_of(s.weights).shape[1]
    draws = [generator(seed, "lots", s.step, layer) for seed in s.seeds]
    return torch.stack([torch.rand(units, generator=own) for own in draws])


UTILITIES: dict[str, Callable[[State, int], Tensor]] = {
    "activation": size,
    "contribution": contribution,
    "mean-corrected contribution": variation,
    "weight magnitude": magnitude,
    "adaptation": adaptation,
    "gradient": gradient,
    "random": lots,
}


def cost(s: State, tau: float = 0.0, judged: int | None = None) -> Tensor:
    """How much the answers to the shown examples change if ReDo acts now: mean |change of a logit|
    over mean |logit| [R].

    Units are scored on the first `judged` of these examples, on all of them if it is None. A
    probe; what matters is that a recycled unit is not heard, so the fresh weights play no part.

    Source: Sokar et al. (2023) for the score and the threshold `tau`.
    Misses whether an answer is another one now.
    """
    return _change(s, _silent(s, tau, judged))


def bound(s: State, tau: float = 0.0) -> Tensor:
    """What `cost` cannot exceed, from sizes of activations and weights alone [R].

    Mean |change| of a unit's value is its mean |h| if it is recycled, and otherwise at most the sum
    of |weight| times mean |change| over the units below, where the activation's slope is at most 1.
    For the last hidden layer alone this is the sum of the recycled units' contributions.

    Raises:
        ValueError: the network is no plain chain of layers.
    """
    units, masks = s.network.units, _silent(s, tau, None)
    chain = [unit.outgoing for unit in units[:-1]] == [unit.incoming for unit in units[1:]]
    if not chain or any(unit.own or unit.copies > 1 or unit.spread > 1 for unit in units):
        raise ValueError(
            "recycling.bound follows a change from layer to layer, so it needs a chain of plain "
            "layers: MLP(...) without LayerNorm, with one output a unit."
        )
    arriving = torch.zeros(())
    for unit, h, mask in zip(units, s.hidden, masks, strict=True):
        change = torch.where(mask, h.abs().mean(2), arriving)
        arriving = (s.weights[f"{unit.outgoing}weight"].abs() @ change.unsqueeze(2)).squeeze(2)
    return arriving.mean(1) / s.logits.abs().mean((1, 2))


def cost_of_lowest(s: State, share: float, by: str = "contribution", layer: int = -1) -> Tensor:
    """How much the answers to the shown examples change without the `share` of a layer's units that
    has the lowest utility `by`: mean |change of a logit| over mean |logit| [R]. A probe."""
    check_number("cost_of_lowest: share", share, 0, 1)
    check_choice("cost_of_lowest: by", by, tuple(UTILITIES))
    layer %= len(s.hidden)
    useful = UTILITIES[by](s, layer)
    order = useful.argsort(dim=1, stable=True)[:, : round(share * useful.shape[1])]
    lowest = torch.zeros_like(useful, dtype=torch.bool).scatter_(1, order, True)
    every = [torch.zeros_like(size(s, k), dtype=torch.bool) for k in range(len(s.hidden))]
    every[layer] = lowest
    return _change(s, every)


@follows_an_update
def gradient_share(s: State, share: float = 0.25) -> Tensor:
    """Share of a layer's gradient, on the last batch, that goes to the `share` of its units
    which gets most, averaged over hidden layers [R]. A probe; if all got as much it would be
    `share`."""
    layers = [gradient(s, k).sort(1, descending=True).values for k in range(len(s.hidden))]
    shares = [g[:, : round(share * g.shape[1])].sum(1) / g.sum(1) for g in layers]
    return torch.stack(shares).mean(0)


@dataclass(frozen=True)
class Diary(ContinualBackprop):
    """Continual backprop that writes down whom it replaces: `notes[seed]` is a list of
    (layer, unit). Run it with use_cache=False, since what comes from the cache was not done."""

    notes: dict[int, list[tuple[int, int]]] = field(default_factory=dict, compare=False, repr=False)

    def after_step(self, s: State, mem: SimpleNamespace) -> None:
        """Let it act, then note whose life began in this update."""
        super().after_step(s, mem)
        for layer, tracked in enumerate(mem.layers):
            for r, unit in (tracked.born == s.step).nonzero().tolist():
                self.notes.setdefault(s.seeds[r], []).append((layer, unit))


def _activity(s: State, layer: int) -> Tensor:
    """Each unit's activations [R, units, copies * ... * B]."""
    return s.network.units[layer].activity(s.hidden[layer])


def _silent(s: State, tau: float, judged: int | None) -> list[Tensor]:
    """Units whose score is at most `tau`, by layer [[R, units]]."""
    check_number("tau", tau, 0)
    layers = [h if judged is None else h[..., :judged] for h in s.hidden]
    pairs = zip(s.network.units, layers, strict=True)
    return [dormancy(h, copies=unit.copies) <= tau for unit, h in pairs]


def _change(s: State, masks: Sequence[Tensor]) -> Tensor:
    """Mean |change of a logit| over mean |logit| if nobody reads the units in masks [R]."""
    weights = s.weights.clone()
    network = s.network.twin(weights, s.buffers)
    before = network.forward(s.x).logits.detach()  # s.logits may be rounded otherwise
    for unit, mask in zip(s.network.units, masks, strict=True):
        columns = weights[f"{unit.outgoing}weight"].transpose(1, 2)
        chosen = unit.columns(mask)
        columns.masked_fill_(chosen.view(*chosen.shape, *[1] * (columns.dim() - 2)), 0.0)
    change = (network.forward(s.x).logits.detach() - before).abs()
    return change.mean((1, 2)) / before.abs().mean((1, 2))
