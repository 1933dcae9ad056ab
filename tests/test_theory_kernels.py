"""Shaped activations and their maps, against integrals, hand computations and one another."""

import math

import numpy as np
import pytest
from scipy import integrate

from plastlab.theory import Signals, batch_norm_growth, dks, leaky_map, tailored_leak


def mean(f):
    """E[f(z)], z standard normal, by adaptive quadrature."""
    density = lambda z: math.exp(-z * z / 2) / math.sqrt(2 * math.pi)  # noqa: E731
    return sum(integrate.quad(lambda z: f(z) * density(z), *part)[0] for part in ((-9, 0), (0, 9)))


def test_leaky_map_is_that_of_the_signals():
    c = np.linspace(-1, 1, 9)
    for name, leak in (("relu", 0.0), ("leaky relu", 0.1), ("identity", 1.0)):
        gain = (2 / (1 + leak**2)) ** 0.5
        expected = Signals(name, gain).correlation_map(c, 1.0)
        assert leaky_map(c, leak) == pytest.approx(expected)
        assert leaky_map(c, leak, 3) == pytest.approx(
            leaky_map(leaky_map(leaky_map(c, leak), leak), leak)
        )
    assert leaky_map(0.3, 0.5, 0) == pytest.approx(0.3)


def test_leaky_map_by_the_published_formula():
    """((1-a)^2 (sqrt(1-c^2) + (pi - arccos c) c) / pi + 2 a c) / (1 + a^2)."""
    for a in (0.0, 0.2, 0.7):
        for c in (-0.8, 0.0, 0.4):
            bent = (math.sqrt(1 - c * c) + (math.pi - math.acos(c)) * c) / math.pi
            expected = ((1 - a) ** 2 * bent + 2 * a * c) / (1 + a * a)
            assert leaky_map(c, a) == pytest.approx(expected)


@pytest.mark.parametrize("layers", [12, 36, 200])
@pytest.mark.parametrize("target", [0.2, 0.5, 0.8])
def test_tailored_leak_meets_its_target(layers, target):
    leak = tailored_leak(layers, target)
    assert 0 < leak < 1
    assert leaky_map(0.0, leak, layers) == pytest.approx(target, abs=1e-9)


def test_a_shallow_network_needs_no_leak():
    assert tailored_leak(3, 0.9) == 0.0


@pytest.mark.parametrize("activation", ["tanh", "gelu", "silu"])
def test_deep_kernel_shaping_meets_its_four_conditions(activation):
    f, layers, step = dks(activation, 20), 20, 1e-4
    slope = lambda z: (f(z + step) - f(z - step)) / (2 * step)  # noqa: E731
    assert mean(lambda z: f(z) ** 2) == pytest.approx(1, abs=1e-5)  # the variance stays
    assert mean(f) == pytest.approx(0, abs=1e-5)  # C(0) = 0
    assert mean(lambda z: z * f(z) * slope(z)) == pytest.approx(1, abs=1e-4)  # Q'(1) = 1
    assert mean(lambda z: slope(z) ** 2) ** layers == pytest.approx(1.5, rel=1e-3)
    assert f.signals.chi_1**layers == pytest.approx(1.5, rel=1e-3)


def test_growth_under_batch_normalization():
    assert batch_norm_growth("relu") == pytest.approx(math.pi / (math.pi - 1))
    assert batch_norm_growth("identity") == pytest.approx(1)
    assert 1 < batch_norm_growth("leaky relu") < batch_norm_growth("relu")


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="dks: activation"):
        dks("relu", 10)
    with pytest.raises(ValueError, match="target"):
        tailored_leak(10, 0.0)
