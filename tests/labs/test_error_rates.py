"""How often the one statistical test of Lab 4 misjudges: estimated from 48 seeds, four at a time.

False rejection: a right experiment fails. False acceptance: one whose `both` is only a half, or
whose keep is not the one asked for, passes. Both rates must be below 1 %.
"""

import numpy as np
import pytest

from plastlab import ShrinkAndPerturb, run
from plastlab.labs.lab04.halves import ADAM, LABELS, cures

SEEDS = range(3000, 3048)
AT_A_TIME = 4
REPEATS = 20_000
BOTH = {
    "right": ShrinkAndPerturb(keep=0.0, noise=0.5),
    "only shrinks": ShrinkAndPerturb(keep=0.0, noise=0.0),
    "only perturbs": ShrinkAndPerturb(keep=1.0, noise=0.5),
    "hardly shrinks": ShrinkAndPerturb(keep=0.95, noise=0.5),
}


@pytest.fixture(scope="module")
def gains():
    """Gain of `both` by kind of answer, one a seed."""
    conditions = {"neither": ADAM} | {name: ADAM + both for name, both in BOTH.items()}
    result = run(LABELS, conditions, SEEDS)
    control = result.last("accuracy", "neither", times=4)
    return {name: result.last("accuracy", name, times=4) - control for name in BOTH}


def share_that_passes(values):
    draws = np.random.default_rng(0)
    picks = np.stack([draws.permutation(len(values))[:AT_A_TIME] for _ in range(REPEATS)])
    return np.mean([cures(one) for one in values[picks]])


def test_right_answers_are_rejected_less_than_once_in_a_hundred_times(gains):
    assert 1 - share_that_passes(gains["right"]) < 0.01


@pytest.mark.parametrize("wrong", [name for name in BOTH if name != "right"])
def test_wrong_answers_are_accepted_less_than_once_in_a_hundred_times(gains, wrong):
    assert share_that_passes(gains[wrong]) < 0.01
