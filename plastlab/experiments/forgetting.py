"""Adam with some of its memory emptied: its next steps. Soft resets, watched and taken apart."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import torch

from plastlab.boundary import Steps
from plastlab.errors import check_choice, check_number
from plastlab.interventions import AdamReset, SoftReset
from plastlab.neutral import neutral
from plastlab.optim import Adam
from plastlab.panels.marks import Bars, Dots
from plastlab.panels.picture import Picture
from plastlab.plots.axis import Axis
from plastlab.rng import normal, resolve_seeds
from plastlab.state import PARTS, State
from plastlab.theory import adam_step_after_jump

WAYS = {
    "none": (),
    "m": ("m",),
    "v": ("v",),
    "c": ("count",),
    "mv": ("m", "v"),
    "mc": ("m", "count"),
    "vc": ("v", "count"),
    "all": PARTS,
}
KEPT = {"m": "exp_avg", "v": "exp_avg_sq", "count": "step"}  # as torch.optim.Adam calls them


def emptied(way: str) -> AdamReset:
    """The intervention that empties what the letters of `WAYS` stand for: m, v, c the count."""
    parts = WAYS[check_choice("emptied: way", way, WAYS)]
    return AdamReset(**{part: part in parts for part in PARTS})


@dataclass(frozen=True, eq=False)
class Emptied:
    """Steps of Adam after a gradient became another one and a part of its memory was emptied.

    step_size [S, K]: sizes of updates 1 to K, in learning rates. expected [K]: the same by
    `theory.adam_step_after_jump`.
    """

    seeds: tuple[int, ...]
    step_size: np.ndarray
    expected: np.ndarray

    @property
    def error(self) -> np.ndarray:
        """The largest relative error of the theory [S]."""
        return np.abs(self.step_size / self.expected - 1).max(1)


@neutral()
def empty(
    jump: float = 1.0,
    optimizer: Adam | None = None,
    seeds: int = 16,
    steps: int = 100,
    count: int = 5000,
) -> dict[str, Emptied]:
    """Run `torch.optim.Adam` on one number a seed, without any network, in each of the `WAYS`.

    The number gets `count` times the same gradient, drawn for each seed. Then the optimizer loses a
    part of its memory, and `steps` gradients follow that are `jump` times as large.
    """
    check_number("empty: jump", jump, 0, low_open=True)
    check_number("empty: count", count, 1, integer=True)
    seeds, optimizer = resolve_seeds(seeds), Adam() if optimizer is None else optimizer
    gradient, betas = normal((1,), seeds, "emptied"), (optimizer.beta1, optimizer.beta2)
    number = torch.zeros_like(gradient, requires_grad=True)
    adam = torch.optim.Adam([number], optimizer.lr, betas, eps=1e-30)
    _steps(adam, gradient, count)
    before, found = deepcopy(adam.state_dict()), {}
    for way, parts in WAYS.items():
        adam.load_state_dict(deepcopy(before))
        for part in parts:
            adam.state[number][KEPT[part]].zero_()
        sizes = _steps(adam, jump * gradient, steps) / optimizer.lr
        expected = adam_step_after_jump(jump, steps, *betas, count, parts)
        found[way] = Emptied(seeds, sizes.numpy(), expected)
    return found


def _steps(adam: torch.optim.Adam, gradient: torch.Tensor, steps: int) -> torch.Tensor:
    """Sizes [S, steps] of so many updates with this gradient [S, 1]."""
    (number,), sizes = adam.param_groups[0]["params"], []
    for _ in range(steps):
        number.data.zero_()
        number.grad = gradient.clone()
        adam.step()
        sizes.append(number.detach().abs())
    return torch.cat(sizes, 1)


def chart(found: Mapping[str, Emptied | Steps], title: str, high: float) -> Picture:
    """log10 of the steps in each of the ways of `found`: a bar to the first one by the theory (of
    networks, to the mean over seeds), dots for each seed's first and longest. `high` is the upper
    end of the axis; `title` stands under it."""
    marks: list[Bars | Dots] = []
    for k, one in enumerate(found.values()):
        at = k + np.linspace(-0.25, 0.25, len(one.seeds))
        marks.append(Dots(at, np.log10(one.step_size.max(1)), label="longest"))
        marks.append(Dots(at, np.log10(one.step_size[:, 0]), label="first"))
    bars = [
        np.log10(one.expected[0])
        if isinstance(one, Emptied)
        else np.log10(one.step_size[:, 0]).mean()
        for one in found.values()
    ]
    kind = "theory" if all(isinstance(one, Emptied) for one in found.values()) else "mean"
    bar = Bars(list(found), bars, label=f"first, {kind}")
    return Picture([bar, *marks], title, Axis("log₁₀ of the step, in learning rates", -2, high))


@dataclass(frozen=True)
class WatchedSoftReset(SoftReset):
    """A soft reset that writes down its learning rates: `notes[seed]` holds, for each update, by
    how much the rate was multiplied, in the mean over layers. Run it with use_cache=False, since
    what comes from the cache was not done."""

    notes: dict[int, list[float]] = field(default_factory=dict, compare=False, repr=False)

    def after_step(self, s: State, mem: SimpleNamespace) -> None:
        """Note, then lengthen."""
        raised = np.ones(len(s.seeds)) if mem.before is None else mem.length.mean(1).numpy()
        for seed, rate in zip(s.seeds, raised.tolist(), strict=True):
            self.notes.setdefault(seed, []).append(rate)
        super().after_step(s, mem)


@dataclass(frozen=True)
class RateOnly(SoftReset):
    """The learning rates of a soft reset without its drift: the weights stay where they are."""

    def after_backward(self, s: State, mem: SimpleNamespace) -> None:
        """Choose, and undo all but the choice."""
        weights, gradients = s.weights.flat.clone(), s.gradients.flat.clone()
        super().after_backward(s, mem)
        s.weights.flat.copy_(weights)
        s.gradients.flat.copy_(gradients)
        mem.before = None if mem.before is None else weights
