"""Task 4.3: which units are dormant."""

from collections.abc import Callable
from copy import copy
from functools import lru_cache

import torch

from plastlab import probes
from plastlab.condition import Condition
from plastlab.data import Gaussian
from plastlab.labs.marking import Rival, compare, expect
from plastlab.nets import MLP
from plastlab.optim import Adam
from plastlab.shard import Shard
from plastlab.state import State
from plastlab.streams import RandomLabels

Tensor = torch.Tensor
Dormant = Callable[[State, float], list[Tensor]]


# What it means to get it wrong, activations [units, examples] of each layer, tau.
Case = tuple[str, list, float]
BY_HAND: tuple[Case, ...] = (
    (
        "A unit whose score is exactly tau counts as dormant, and the next larger one does not.",
        [[[1, 3], [4, 4], [6, 6]], [[0, 1], [1, 0], [2, 0]]],
        0.5,
    ),
    (
        "Two layers, one a hundred times as active as the other: you flag other units.",
        [[[1, 1], [300, 300], [500, 500]], [[1, 1], [3, 3], [5, 5]]],
        0.25,
    ),
    (
        "Activations of both signs: you flag other units.",
        [[[4, -4], [1, 1], [3, 3]], [[-8, 8], [0, 0], [1, -1]]],
        0.4,
    ),
)


def examine(dormant: Dormant, seeds: tuple[int, ...] = (0, 1)) -> None:
    """Compare masks on trained networks.

    Raises:
        Misconception: the first thing that is wrong.
    """
    relu, tanh = trained("relu", seeds), trained("tanh", seeds)
    cases = {
        "On a trained ReLU network you flag other units.": (relu, 0.1),
        "On a trained ReLU network you flag other units at tau 0.5.": (relu, 0.5),
        "At tau 0 you flag other units than those that are silent.": (relu, 0.0),
        "On a trained tanh network you flag other units.": (tanh, 0.5),
    }
    rivals = (*RIVALS, PREACTIVATIONS)
    compare(lambda s, tau: _masks(dormant, s, tau), _right, rivals, cases, _same)


def examine_by_hand(dormant: Dormant, by_hand: tuple[Case, ...] = BY_HAND) -> None:
    """Compare masks on activations written by hand; a second replica is ten times as active.

    Raises:
        Misconception: the first thing that is wrong.
    """
    cases = {sentence: (_showing(layers), tau) for sentence, layers, tau in by_hand}
    compare(lambda s, tau: _masks(dormant, s, tau), _right, RIVALS, cases, _same)


@lru_cache(maxsize=64)
def trained(activation: str, seeds: tuple[int, ...]) -> State:
    """The state of a small network whose learning rate was far too large for it."""
    labels = RandomLabels(Gaussian(examples=32, inputs=12), tasks=4, steps=40, batch=32)
    network = Condition(Adam(lr=0.02), MLP(width=24, depth=2, activation=activation))
    shard = Shard(labels, {"trained": network}, seeds)
    shard.advance(labels.tasks * labels.steps)
    shard.measure(probes.accuracy)
    return shard.blocks["trained"].state


def _showing(layers: list) -> State:
    """A state of two replicas whose hidden layers show these activations."""
    s = copy(trained("relu", (0, 1)))
    hidden = [torch.tensor(layer, dtype=torch.float32) for layer in layers]
    s.hidden = [torch.stack([h, 10 * h]) for h in hidden]
    return s


def _masks(dormant: Dormant, s: State, tau: float) -> list[Tensor]:
    masks = dormant(s, tau)
    shapes = [h.shape[:2] for h in s.hidden]
    expect(
        isinstance(masks, list | tuple) and len(masks) == len(shapes),
        "dormant must return a list with one mask for each hidden layer.",
    )
    for mask, shape in zip(masks, shapes, strict=True):
        fits = isinstance(mask, Tensor) and mask.dtype == torch.bool and mask.shape == shape
        expect(fits, f"Each mask must hold True or False for each unit, [R, units] = {[*shape]}.")
    return list(masks)


def _same(ours: list[Tensor], theirs: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def _right(s: State, tau: float) -> list[Tensor]:
    return [probes.dormancy(h) <= tau for h in s.hidden]


def _size(h: Tensor) -> Tensor:
    return h.abs().mean(2)


def _against(reference: Callable[[Tensor], Tensor], size: Callable = _size) -> Dormant:
    """A rival that compares each unit's size to another reference than the layer's mean."""
    return lambda s, tau: [size(h) <= tau * reference(size(h)) for h in s.hidden]


def _layer_mean(size: Tensor) -> Tensor:
    return size.mean(1, keepdim=True)


def _signed(h: Tensor) -> Tensor:
    return h.mean(2)


def _preactivations(s: State, tau: float) -> list[Tensor]:
    found, h = [], s.x.mT
    for unit, active in zip(s.network.units, s.hidden, strict=True):
        weight, bias = (s.weights[f"{unit.incoming}{part}"] for part in ("weight", "bias"))
        z, h = torch.baddbmm(bias[:, :, None], weight, h), active
        found.append(_size(z) <= tau * _size(z).mean(1, keepdim=True))
    return found


def _whole_network(s: State, tau: float) -> list[Tensor]:
    everywhere = torch.cat([_size(h) for h in s.hidden], 1).mean(1, keepdim=True)
    return [_size(h) <= tau * everywhere for h in s.hidden]


NO_SIGN = "Take absolute values first: activations of both signs cancel, and no unit is silent."
RIVALS = (
    Rival(lambda s, tau: [_size(h) < 0 for h in s.hidden], "You flag no unit at all."),
    Rival(
        _against(torch.ones_like),
        "You compare a unit's activation to tau itself. Divide by its layer's mean.",
    ),
    Rival(_against(_layer_mean, _signed), NO_SIGN),
    Rival(lambda s, tau: [_signed(h) / _layer_mean(_signed(h)) <= tau for h in s.hidden], NO_SIGN),
    Rival(
        lambda s, tau: [(h.abs() / h.abs().mean(1, keepdim=True)).mean(2) <= tau for h in s.hidden],
        "You average ratios, one an example. Average over the examples first, then divide once.",
    ),
    Rival(
        lambda s, tau: [_size(h) < tau * _layer_mean(_size(h)) for h in s.hidden],
        "A unit whose score is tau is dormant too: <=. With < nobody is at tau 0.",
    ),
    Rival(_whole_network, "You divide by the mean over the whole network. Each layer has its own."),
    Rival(
        _against(torch.mean),
        "You divide by a mean over all seeds. Each replica, the first axis, has its own mean.",
    ),
    Rival(
        _against(lambda size: size.sum(1, keepdim=True)),
        "You divide by the layer's sum. With the mean, 1 is an average unit at any width.",
    ),
    Rival(
        _against(lambda size: size.amax(1, keepdim=True)),
        "You divide by the layer's most active unit. Divide by the mean of the layer.",
    ),
    Rival(
        _against(lambda size: size.median(1, keepdim=True).values),
        "You divide by the layer's median. Divide by its mean.",
    ),
    Rival(
        _against(_layer_mean, lambda h: h.square().mean(2)),
        "You score squares. The score is made of absolute values.",
    ),
    Rival(
        lambda s, tau: [~mask for mask in _right(s, tau)],
        "Your masks are upside down: True means dormant.",
    ),
)
PREACTIVATIONS = Rival(
    _preactivations,
    "You score what goes into the nonlinearity. A ReLU unit is silent when nothing comes out.",
)
