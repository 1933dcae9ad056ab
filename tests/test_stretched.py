"""Other units: the same function, another curvature, checked by hand and by autograd."""

import numpy as np
import pytest
import torch

from plastlab.nets import MLP
from plastlab.nets.stretched import StretchedMLP, stretch
from plastlab.rng import normal

PLAIN = MLP(width=5, depth=2, activation="tanh")
X = normal((7, 8), (0, 1), "x")


def stretched(kappa, turned=True):
    return StretchedMLP(width=5, depth=2, activation="tanh", kappa=kappa, turned=turned)


@pytest.mark.parametrize("turned", [True, False])
@pytest.mark.parametrize("kappa", [1.0, 1e4])
def test_at_the_start_it_answers_as_the_plain_network_does(kappa, turned):
    plain = PLAIN.build(8, 3, (0, 1), "start").forward(X).logits
    found = stretched(kappa, turned).build(8, 3, (0, 1), "start").forward(X).logits
    torch.testing.assert_close(found, plain, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("turned", [True, False])
def test_the_units_have_the_given_condition(turned):
    matrix = stretch(1e4, 8, turned).numpy()
    values = np.linalg.svd(matrix, compute_uv=False)
    np.testing.assert_allclose(values[[0, -1]], [10, 0.1])
    np.testing.assert_allclose(values[1:] / values[:-1], (1e-2) ** (1 / 7))
    assert np.allclose(matrix, np.diag(values)) != turned


@pytest.mark.parametrize("turned", [True, False])
def test_its_gradient_is_that_of_torch(turned):
    network = stretched(100.0, turned).build(8, 3, (0, 1), "start")
    slope = normal((3, 7), (0, 1), "slope")
    found = network.gradient(X, lambda logits: slope)
    twin = network.differentiable()
    (twin.forward(X).logits * slope).sum().backward()
    for name, view in twin.weights.views.items():
        torch.testing.assert_close(found[name], view.grad, msg=name)


def test_a_linear_regressions_curvature_is_kappa_times_steeper_along_the_first_input():
    # for white inputs the Hessian of a first matrix is M M', whose eigenvalues are d_i squared
    for turned in (True, False):
        matrix = stretch(400.0, 5, turned)
        values = torch.linalg.eigvalsh(matrix @ matrix.mT)
        torch.testing.assert_close(values[-1] / values[0], torch.tensor(400.0).double())


def test_refused():
    with pytest.raises(ValueError, match=r"StretchedMLP.kappa"):
        StretchedMLP(kappa=0.5)
    with pytest.raises(ValueError, match=r"StretchedMLP.depth"):
        StretchedMLP(depth=0)
