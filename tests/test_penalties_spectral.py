"""How well the spectral penalty sees what it pulls at, measured while it pulls."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
import torch
from small import LABELS as SMALL
from small import draws, trained

from plastlab.condition import Condition
from plastlab.data import Mnist1d
from plastlab.interventions import SpectralPenalty
from plastlab.nets import MLP
from plastlab.nets.spectral import power_step
from plastlab.optim import Adam
from plastlab.shard import Shard
from plastlab.streams import RandomLabels

LABELS = RandomLabels(Mnist1d(64), tasks=6, steps=50, batch=32)
WARM = 20  # updates after which the singular vectors have been found


@dataclass(frozen=True)
class Watched(SpectralPenalty):
    """Notes by which share its sigma is off, in each update, matrix and replica."""

    seen: ClassVar[list] = []

    def after_backward(self, s, mem):
        row = []
        for name, v in mem.right.items():
            for _ in range(self.iterations):
                sigma, _, v = power_step(s.weights[name], v)
            row.append(1 - sigma / torch.linalg.matrix_norm(s.weights[name], 2))
        self.seen.append(torch.stack(row).numpy())
        super().after_backward(s, mem)


def errors(strength, iterations):
    """Shares [updates, matrices, seeds] by which sigma is too small once it is warm."""
    penalty = Watched(strength, iterations=iterations)
    penalty.seen.clear()
    shard = Shard(LABELS, {"a": Condition(Adam(0.02), MLP(width=32)) + penalty}, range(2))
    shard.advance(LABELS.tasks * LABELS.steps)
    return np.stack(penalty.seen[WARM:])


@pytest.mark.parametrize(
    ("strength", "iterations", "percent"),
    [
        (1e-3, 1, 4),
        (1e-3, 2, 2.5),
        (1e-3, 5, 1),
        (1e-2, 1, 9),
        (1e-2, 2, 5),
        (1e-2, 5, 2),
    ],
)
def test_sigma_is_off_by_what_the_docstring_says(strength, iterations, percent):
    assert 100 * errors(strength, iterations).mean() == pytest.approx(percent, rel=0.25)


def test_at_worst_a_third_is_missed_and_never_anything_added():
    found = errors(1e-2, 1)
    assert found.min() > -1e-5
    assert 0.2 < found.max() < 0.45


@pytest.mark.parametrize("iterations", [1, 3])
def test_iterations_are_so_many_steps_from_the_vectors_that_were_kept(iterations):
    penalty, mem = SpectralPenalty(0.5, power=2, iterations=iterations), SimpleNamespace()
    state = trained(SMALL, {"a": Condition(Adam(), MLP(width=8))}, (5, 2), 3).blocks["a"].state
    penalty.at_start(state, mem)
    state.weights.flat.add_(0.3 * draws(*state.weights.flat.shape))
    kept = dict(mem.right)
    state.gradients.flat.zero_()
    penalty.after_backward(state, mem)
    for name, v in kept.items():
        for _ in range(iterations):
            sigma, u, v = power_step(state.weights[name], v)
        slope = (2 * (sigma**2 - 1) * sigma).view(-1, 1, 1)  # d/d sigma of (sigma^2 - 1)^2 / 2
        expected = slope * u.unsqueeze(2) * v.unsqueeze(1)
        torch.testing.assert_close(state.gradients[name], expected)
        assert torch.equal(mem.right[name], v)


def test_iterations_are_checked():
    with pytest.raises(ValueError, match="SpectralPenalty.iterations must be a whole number"):
        SpectralPenalty(iterations=0)
