"""Pulls towards home and power iteration: the formulas against torch's optimizers and by hand."""

import numpy as np
import pytest
import torch

from plastlab import theory


def test_a_pulled_weight_rests_where_gradient_descent_ends():
    curvature, home, best = np.array([0.1, 1.0, 5.0]), 2.0, -1.0
    w = np.full(3, home)
    for _ in range(5000):
        w -= 0.05 * (curvature * (w - best) + 2 * 0.3 * (w - home))
    share = theory.pulled_home(curvature, 0.3)
    np.testing.assert_allclose(w, best + share * (home - best), rtol=1e-10)


def test_without_curvature_a_weight_goes_home_and_without_a_pull_it_stays():
    assert theory.pulled_home(0.0, 0.01) == 1.0
    assert theory.pulled_home(3.0, 0.0) == 0.0


@pytest.mark.parametrize("noise", [0.2, 1.0])
def test_noise_slows_adam_as_the_formula_says(noise):
    generator = torch.Generator().manual_seed(0)
    w = torch.ones(20_000, requires_grad=True)
    optimizer = torch.optim.Adam([w], lr=1e-3)
    for _ in range(500):
        w.grad = noise * torch.randn(w.shape, generator=generator) + 2 * 1e-2 * w.detach()
        optimizer.step()
    expected = theory.pull_through_adam(1e-2, noise, 1e-3, 500)
    assert w.mean().item() == pytest.approx(expected, abs=0.005)


def test_power_estimates_by_hand():
    assert theory.power_estimate([3.0, 0.0], 1) == pytest.approx(3.0)
    assert theory.power_estimate([2.0, 1.0], 1) == pytest.approx((17 / 5) ** 0.5)
    both = theory.power_estimate([[2.0, 1.0], [5.0, 4.0]], 200)
    np.testing.assert_allclose(both, [2.0, 5.0])


def test_power_estimates_are_near_those_of_random_starts():
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(64, 64))
    v = rng.normal(size=(64, 2000))
    for k in range(1, 9):
        u = matrix @ v
        u /= np.linalg.norm(u, axis=0)
        v = matrix.T @ u
        found = np.linalg.norm(v, axis=0).mean()
        v /= np.linalg.norm(v, axis=0)
        expected = theory.power_estimate(np.linalg.svd(matrix)[1], k)
        assert found == pytest.approx(expected, rel=0.02)


def test_no_noise_is_refused():
    with pytest.raises(ValueError, match="noise"):
        theory.pull_through_adam(1e-2, 0.0, 1e-3, 10)
