"""Modes of deep linear networks: closed forms, an independent solver, autograd on real matrices."""

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from plastlab.theory import Modes
from plastlab.theory.modes import Learned

DEPTHS = pytest.mark.parametrize("depth", [1, 2, 3, 5])


@DEPTHS
def test_the_course_is_that_of_the_layers_weights(depth):
    # p' = p^(depth-1) (s - p^depth), p being the weight that all layers share
    own = Modes((3.0, 1.5), depth, start=0.02)
    at = np.linspace(0, 4, 9)
    for s, row in zip(own.strengths, own.course(at), strict=True):
        solved = solve_ivp(
            lambda t, p, s=s: p ** (depth - 1) * (s - p**depth),
            (0, 4),
            [0.02 ** (1 / depth)],
            t_eval=at,
            rtol=1e-9,
            atol=1e-12,
        )
        np.testing.assert_allclose(row, solved.y[0] ** depth, rtol=2e-4)


@DEPTHS
def test_half_of_each_mode_is_learned_at_its_half_time(depth):
    own = Modes((4.0, 2.0, 1.0), depth, start=0.01)
    halves = own.course(own.half_times).diagonal()
    np.testing.assert_allclose(halves, [2.0, 1.0, 0.5], rtol=1e-4)


def test_half_times_by_hand():
    # one matrix: (s - u0) exp(-t) = s / 2; two: t = log(s / u0 - 1) / (2 s)
    own = np.array([4.0, 1.0])
    np.testing.assert_allclose(Modes((4.0, 1.0), 1).half_times, np.log(2 - 0.002 / own), rtol=1e-4)
    expected = np.log(own / 1e-3 - 1) / (2 * own)
    np.testing.assert_allclose(Modes((4.0, 1.0), 2).half_times, expected, rtol=1e-4)


@DEPTHS
def test_balanced_matrices_follow_the_course_and_more_closely_the_smaller_the_steps(depth):
    own = Modes((2.0, 1.0), depth, start=0.05)
    errors = []
    for lr in (0.02, 0.005):
        found = own.train(3.0, seeds=2, width=5, lr=lr)
        errors.append(abs(found.strengths - own.course(found.times)).max())
    assert errors[1] < 0.03
    assert errors[1] < errors[0] / 3


@pytest.mark.parametrize("start", ["balanced", "random"])
@pytest.mark.parametrize("depth", [1, 2, 4])
def test_training_is_gradient_descent_on_the_squared_error(depth, start):
    own = Modes((2.0, 1.0), depth, start=0.3)
    seeds, width, lr = (4, 1), 3, 0.1
    found = own.train(1.0, seeds, start, width, lr)
    teacher = torch.diag(torch.tensor(own.strengths, dtype=torch.float64))
    for r in range(len(seeds)):
        drawn = own._layers(seeds, start, width)
        layers = [torch.tensor(w[r].copy(), requires_grad=True) for w in drawn]
        for k in range(len(found.times)):
            whole = layers[0]
            for layer in layers[1:]:
                whole = layer @ whole
            loss = (whole - teacher).square().sum() / 2
            assert found.loss[r, k] == pytest.approx(loss.item(), 1e-9)
            strengths = whole.diagonal().detach().numpy()
            np.testing.assert_allclose(found.strengths[r, :, k], strengths, atol=1e-12)
            gradients = torch.autograd.grad(loss, layers)
            layers = [
                (w - lr * g).detach().requires_grad_()
                for w, g in zip(layers, gradients, strict=True)
            ]


def test_a_balanced_start_has_the_modes_and_layers_of_one_size():
    own = Modes((2.0, 1.0, 0.5), 3, start=0.008)
    layers = own._layers((0, 7), "balanced", 6)
    whole = layers[2] @ layers[1] @ layers[0]
    np.testing.assert_allclose(whole, np.broadcast_to(0.008 * np.eye(3), whole.shape), atol=1e-12)
    for layer in layers:
        np.testing.assert_allclose(np.linalg.svd(layer, compute_uv=False)[:, :3], 0.2, atol=1e-12)
    for left, right in zip(layers[:-1], layers[1:], strict=True):
        np.testing.assert_allclose(left @ left.mT, right.mT @ right, atol=1e-12)


def test_a_random_start_is_as_large_and_half_agreed_upon():
    own = Modes((2.0, 1.0), 2, start=0.01)
    found = own.train(0.1, 200, "random", width=50)
    first = own._layers(tuple(range(200)), "random", 50)[0]
    assert (first**2).sum((1, 2)).mean() == pytest.approx(2 * 0.01, 0.05)
    assert found.agreed.mean() == pytest.approx(0.005, 0.05)
    balanced = own.train(0.1, 2)
    np.testing.assert_allclose(balanced.agreed, 0.01)
    assert Modes(depth=3).train(0.1, 2).agreed is None


def test_half_times_are_read_off_between_updates():
    strengths = np.array([[[0.0, 0.4, 0.8], [0.0, 0.1, 0.2]]])
    learned = Learned((0,), (1.0, 1.0), np.array([0.0, 2.0, 4.0]), strengths, None, None)
    assert learned.half_times[0, 0] == pytest.approx(2.5)
    assert np.isnan(learned.half_times[0, 1])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"strengths": ()}, "Modes.strengths is empty"),
        ({"strengths": (1.0, 1e-3)}, "Modes.strengths: each must be"),
        ({"depth": 0}, "Modes.depth must be"),
        ({"start": 0.0}, "Modes.start must be"),
    ],
)
def test_wrong_settings_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        Modes(**settings)


def test_wrong_training_is_refused():
    with pytest.raises(ValueError, match="Modes.train: start must be one of balanced, random"):
        Modes().train(1.0, start="aligned")
    with pytest.raises(ValueError, match="Modes.train: width must be"):
        Modes().train(1.0, width=3)
