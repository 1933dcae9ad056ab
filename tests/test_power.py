"""Power iteration watched: matrices are those of the training, and shares those of the formula."""

import numpy as np
import torch

from plastlab.condition import Condition
from plastlab.data import Mnist1d
from plastlab.experiments.power import (
    error,
    foreseen,
    seen_anew,
    seen_on_the_way,
    trained_matrices,
)
from plastlab.interventions import L2
from plastlab.nets import MLP
from plastlab.optim import SGD
from plastlab.streams import RandomLabels
from plastlab.training import Training

LABELS = RandomLabels(Mnist1d(32), tasks=2, steps=4, batch=16)
TWO = {"plain": Condition(SGD(0.1), MLP(6)), "pulled": Condition(SGD(0.1), MLP(6)) + L2(0.1)}


def test_the_matrices_of_each_condition_are_those_after_each_update():
    found = trained_matrices(LABELS, TWO, (3, 5), updates=5)
    assert {name: len(own) for name, own in found.items()} == {"plain": 5, "pulled": 5}
    training = Training(LABELS, {"pulled": TWO["pulled"]}, (3, 5))
    training.advance(4)
    seen = []
    training.measure(lambda s: seen.append(s.weights[s.weights.layout.matrices[1]].clone()) or s.lr)
    assert torch.equal(found["pulled"][3], seen[0])
    assert not torch.equal(found["pulled"][3], found["plain"][3])


def test_what_is_seen_anew_is_what_the_formula_foresees():
    matrix = torch.randn(2, 20, 20, generator=torch.Generator().manual_seed(0))
    seen, law = seen_anew(matrix, 1, steps=6), foreseen(matrix, 6)
    assert seen.shape == law.shape == (6, 2)
    assert abs(seen - law).max() < 0.06
    assert abs(seen[0] - law[1]).max() > 0.15  # one step is not taken for two
    assert (np.diff(seen, axis=0) > 0).all()
    assert (seen <= 1 + 1e-6).all()


def test_on_the_way_vectors_are_kept():
    matrix = torch.randn(2, 20, 20, generator=torch.Generator().manual_seed(0))
    seen = seen_on_the_way([matrix] * 60, seed=1)
    assert seen.shape == (60, 2)
    np.testing.assert_allclose(seen[-1], 1, atol=0.01)
    assert (seen[0] < 0.95).all()


def test_the_error_is_a_mean_after_the_first_steps():
    seen = np.array([[0.1, 0.2], [0.9, 1.1], [0.7, 1.3]])
    np.testing.assert_allclose(error(seen, settled=1), [0.2, 0.2])
