"""The catapult: arithmetic by hand, autograd, phases, conserved quantities."""

import numpy as np
import pytest
import torch

from plastlab.theory import Catapult
from plastlab.theory.catapult import Flight


def test_two_steps_by_hand():
    # width 4, lam 2, lr 1.5: 1 - 3 + 9 / 16 = -23/16; 2 + 1.5 / 4 (3 - 4) = 13/8
    answers, curvatures = Catapult(4).course(3.0, 2)
    assert answers[:2].tolist() == [1.0, -23 / 16]
    assert curvatures[:2].tolist() == [2.0, 13 / 8]
    square = (23 / 16) ** 2
    assert answers[2] == pytest.approx(-23 / 16 * (1 - 39 / 16 + 9 / 16 * square))
    assert curvatures[2] == pytest.approx(13 / 8 + 3 / 8 * square * (39 / 16 - 4))


@pytest.mark.parametrize("rate", [0.5, 1.9, 2.5, 3.9, 4.5])
def test_real_weights_follow_the_recursion(rate):
    own, steps = Catapult(64), 6
    found = own.train(rate, steps, seeds=(3, 8))
    assert isinstance(found, Flight)
    assert found.seeds == (3, 8)
    answers, curvatures = own.course(rate, steps, found.answers[0], found.curvatures[0])
    np.testing.assert_allclose(found.answers, answers, rtol=1e-8)
    np.testing.assert_allclose(found.curvatures, curvatures, rtol=1e-8)
    np.testing.assert_allclose(found.losses, answers**2 / 2, rtol=1e-8)


def test_an_update_is_that_of_autograd_and_the_curvature_that_of_the_kernel():
    own, n = Catapult(32), 32
    torch.manual_seed(0)
    u, v = torch.randn(2, n, dtype=torch.float64).unbind()
    u.requires_grad_(), v.requires_grad_()
    answer = u @ v / n**0.5
    slopes = torch.autograd.grad(answer, (u, v), retain_graph=True)
    lam = sum((slope**2).sum() for slope in slopes).item()
    steps = torch.autograd.grad(answer**2 / 2, (u, v))
    lr = 2.7 / lam
    u, v = (w.detach() - lr * step for w, step in zip((u, v), steps, strict=True))
    answers, curvatures = own.course(2.7, 1, answer.item(), lam)
    assert curvatures[0] == lam
    assert answers[1] == pytest.approx((u @ v / n**0.5).item())
    assert curvatures[1] == pytest.approx(((u @ u + v @ v) / n).item())


def test_three_phases():
    rates = np.array([0.5, 1.9, 2.2, 3.0, 3.6, 4.2])
    answers, curvatures = Catapult(4096).course(rates, 600)
    peak, ended = abs(answers).max(0), curvatures[-1] / 2
    assert (peak[:2] == 1).all()  # lazy: never above where it began
    assert (ended[:2] > 0.995).all()
    assert (peak[2:5] > 5).all()  # catapult: up, and down at a curvature that allows it
    assert (abs(answers[-1, 2:5]) < 1e-6).all()
    assert (rates[2:5] * ended[2:5] < 2).all()
    assert (np.diff(ended[1:4]) < 0).all()
    assert not np.isfinite(answers[-1, 5])


def test_the_imbalance_of_the_layers_only_shrinks_or_grows_as_it_must():
    # (u + v)^2 and (u - v)^2 are multiplied by (1 -+ lr f / sqrt(n))^2: their sum is 2 n lam
    found, n = Catapult(16).train(2.6, 1, seeds=(0,)), 16
    f, lam = found.answers[:, 0], found.curvatures[:, 0]
    lr = 2.6 / lam[0]
    plus, minus = n * lam[0] + 2 * f[0] * n**0.5, n * lam[0] - 2 * f[0] * n**0.5
    plus *= (1 - lr * f[0] / n**0.5) ** 2
    minus *= (1 + lr * f[0] / n**0.5) ** 2
    assert lam[1] == pytest.approx((plus + minus) / (2 * n))
    assert f[1] == pytest.approx((plus - minus) / (4 * n**0.5))


def test_seeds_do_not_depend_on_their_neighbors():
    both, one = (Catapult(8).train(2.5, 20, seeds) for seeds in ((1, 2), (2,)))
    assert (both.answers[:, 1] == one.answers[:, 0]).all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Catapult(0), "Catapult.width must be a whole number at least 1 and at most"),
        (lambda: Catapult().course(1.0, -1), "Catapult.course: steps must be"),
        (lambda: Catapult().train(0.0, 5), "Catapult.train: rate must be"),
    ],
)
def test_impossible_settings_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()
