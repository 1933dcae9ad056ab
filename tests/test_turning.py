"""The turn of scale-invariant weights, held against random walks."""

import numpy as np
import pytest

from plastlab import theory


def walk(lr, decay, slope, steps, momentum=0.0, fixed=False, size=200):
    """Updates over weights, of a walk whose steps are at random."""
    rng, ratios = np.random.default_rng(0), []
    w, m = np.zeros(size), np.zeros(size)
    w[0] = 1.0
    for _ in range(steps):
        g = rng.normal(size=size)
        if not fixed:
            g -= w * (g @ w) / (w @ w)
        g *= slope / np.linalg.norm(g) / (1.0 if fixed else np.linalg.norm(w))
        m = momentum * m + (1 - momentum) * g
        step = -lr * m
        ratios.append(np.linalg.norm(step) / np.linalg.norm(w))
        w = (1 - lr * decay) * w + step
    return np.array(ratios)


@pytest.mark.parametrize("decay", [0.0, 0.05, 0.3])
def test_course_is_that_of_a_walk_at_right_angles(decay):
    measured = walk(0.1, decay, 0.8, 600)
    np.testing.assert_allclose(theory.turn_course(0.1, decay, 0.8, np.arange(600)), measured, 0.02)


def test_course_ends_at_the_balance_wherever_it_starts():
    ends = [theory.turn_course(0.1, 0.2, slope, 1e4, size) for slope in (0.1, 3) for size in (1, 5)]
    np.testing.assert_allclose(ends, theory.turn_at_balance(0.1, 0.2))


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_balance_is_that_of_a_walk_with_steps_of_fixed_size(momentum):
    measured = walk(0.01, 0.5, 1.0, 4000, momentum, fixed=True)[2000:]
    balance = theory.turn_at_balance(0.01, 0.5, momentum)
    assert np.sqrt(np.mean(measured**2)) == pytest.approx(balance, rel=0.05)


def test_without_decay_the_size_grows_with_the_fourth_root():
    early, late = theory.turn_course(0.1, 0.0, 1.0, np.array([1e6, 16e6]))
    assert early / late == pytest.approx(4.0, rel=1e-3)


def test_wrong_numbers_are_named():
    with pytest.raises(ValueError, match="turn_course: size"):
        theory.turn_course(0.1, 0.1, 1.0, np.arange(3), size=0.0)
    with pytest.raises(ValueError, match="turn_at_balance: decay"):
        theory.turn_at_balance(0.1, -1.0)
