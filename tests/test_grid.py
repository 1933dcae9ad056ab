"""The best of a grid is what run says of it."""

import warnings

import numpy as np
import pytest
from small import LABELS, NETS

from plastlab.condition import Condition
from plastlab.experiments.grid import best_of
from plastlab.optim import SGD, Adam
from plastlab.probes import accuracy, loss
from plastlab.run import run

NET = NETS["MLP"]
GRIDS = {
    "SGD": {lr: Condition(SGD(lr), NET) for lr in (1e-4, 0.1, 1e30)},
    "Adam": {lr: Condition(Adam(lr), NET) for lr in (0.02, 1e-6)},
}


def test_it_keeps_the_setting_with_the_lowest_loss_at_the_end():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found, chosen = best_of(LABELS, GRIDS, [loss, accuracy], 3, every=2)
    assert chosen == {"SGD": 0.1, "Adam": 0.02}
    assert found.conditions == ("SGD", "Adam")
    alone = run(LABELS, {n: GRIDS[n][chosen[n]] for n in GRIDS}, 3, [loss, accuracy], 2)
    for probe in ("loss", "accuracy"):
        np.testing.assert_array_equal(found.values[probe], alone.values[probe])
    assert not found.diverged.any()
    assert found.steps == alone.steps


def test_refused():
    with pytest.raises(TypeError, match="SGD"):
        best_of(LABELS, {"SGD": Condition(SGD(0.1), NET)})
