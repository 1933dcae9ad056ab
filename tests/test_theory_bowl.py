"""The bowl: matrices' eigenvalues, best rates by search, torch.optim on a real regression."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from plastlab.theory import Bowl

KAPPAS = pytest.mark.parametrize("kappa", [1.0, 3.0, 100.0])


def test_curvatures_fall_from_one_to_one_over_kappa():
    np.testing.assert_allclose(Bowl(100.0, 3).curvatures, [1, 0.1, 0.01])
    np.testing.assert_allclose(Bowl(8.0, 4).loss(np.ones(4)), (1 + 0.5 + 0.25 + 0.125) / 2)


@pytest.mark.parametrize("lr", [0.1, 0.9, 2.5])
@pytest.mark.parametrize("momentum", [0.0, 0.3, 0.9])
def test_the_rate_is_the_largest_eigenvalue_of_an_update(lr, momentum):
    bowl = Bowl(30.0, 4)
    h = np.diag(bowl.curvatures)
    # (w, b) -> (w - lr b', b') with b' = momentum b + h w
    update = np.block([[np.eye(4) - lr * h, -lr * momentum * np.eye(4)], [h, momentum * np.eye(4)]])
    np.testing.assert_allclose(bowl.rate(lr, momentum), abs(np.linalg.eigvals(update)).max())


@KAPPAS
def test_best_settings_have_the_rates_that_are_in_every_textbook(kappa):
    bowl, root = Bowl(kappa, 5), kappa**0.5
    np.testing.assert_allclose(bowl.rate(bowl.best_lr), (kappa - 1) / (kappa + 1), atol=1e-12)
    found = bowl.rate(*bowl.best_momentum)
    np.testing.assert_allclose(found, (root - 1) / (root + 1), atol=1e-6)


def test_nothing_near_the_best_settings_is_better():
    bowl = Bowl(50.0, 3)
    lr = minimize(lambda z: bowl.rate(z[0]), [1.0], method="Nelder-Mead", tol=1e-9).x[0]
    np.testing.assert_allclose(lr, bowl.best_lr, rtol=1e-6)
    best = bowl.rate(*bowl.best_momentum)
    own = np.random.default_rng(0)
    for lr, momentum in zip(own.uniform(0.1, 4, 500), own.uniform(0, 0.99, 500), strict=True):
        assert bowl.rate(lr, momentum) > best - 1e-9


@pytest.mark.parametrize("turned", [True, False])
@pytest.mark.parametrize("momentum", [0.0, 0.8])
def test_a_regression_trained_by_torch_follows_the_course(turned, momentum):
    bowl = Bowl(20.0, 6)
    fit = bowl.fit(lambda w: torch.optim.SGD(w, 0.7, momentum=momentum), 40, (3, 9), turned)
    course = bowl.loss(bowl.course(np.ones(6), 40, 0.7, momentum))
    np.testing.assert_allclose(fit.loss, [course, course], rtol=1e-9)
    assert fit.seeds == (3, 9)


def test_shrinkage_is_the_rate():
    bowl = Bowl(100.0, 2)
    fit = bowl.fit(lambda w: torch.optim.SGD(w, bowl.best_lr), 200, 2)
    np.testing.assert_allclose(fit.shrinkage, 99 / 101, rtol=1e-4)


def test_turning_is_nothing_to_gradient_descent_and_much_to_adam():
    bowl = Bowl(1e4, 6)
    ends = {
        turned: bowl.fit(lambda w: torch.optim.Adam(w, 0.1), 200, 4, turned).loss[:, -1]
        for turned in (True, False)
    }
    assert (ends[True] > 1e3 * ends[False]).all()
    assert not np.allclose(ends[True][0], ends[True][1])
    np.testing.assert_allclose(ends[False][0], ends[False][1], rtol=1e-3)


def test_the_hessian_has_the_curvatures_and_is_turned():
    bowl = Bowl(1e4, 4)
    found = bowl.hessian(3)
    np.testing.assert_allclose(np.linalg.eigvalsh(found)[::-1], bowl.curvatures, atol=1e-12)
    assert abs(found[0, 1]) > 1e-3
    assert not np.allclose(found, bowl.hessian(4))


def test_a_ring_has_one_loss():
    bowl = Bowl(30.0)
    np.testing.assert_allclose(bowl.loss(np.stack(bowl.ring(0.7), 1)), 0.7)


def test_refused():
    with pytest.raises(ValueError, match=r"Bowl.kappa"):
        Bowl(0.5)
    with pytest.raises(ValueError, match=r"Bowl.size"):
        Bowl(2.0, 1)
    with pytest.raises(TypeError, match="turned"):
        Bowl().fit(lambda w: torch.optim.SGD(w, 0.1), 3, 2, turned="yes")
