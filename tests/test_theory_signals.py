"""The maps of wide random networks, against integrals, hand computations and large samples."""

import math

import numpy as np
import pytest
from scipy import integrate

from plastlab.nets.activations import ACTIVATIONS, GAINS
from plastlab.theory import Signals, own_gain

HE = math.sqrt(2)
FUNCTIONS = {
    "relu": (lambda h: max(h, 0.0), lambda h: float(h > 0)),
    "leaky relu": (lambda h: h if h > 0 else h / 10, lambda h: 1.0 if h > 0 else 0.1),
    "tanh": (math.tanh, lambda h: math.cosh(h) ** -2),
    "identity": (lambda h: h, lambda h: 1.0),
}


def expected(f, q):
    """E[f(sqrt(q) z)] by adaptive quadrature."""
    density = lambda z: math.exp(-z * z / 2) / math.sqrt(2 * math.pi)  # noqa: E731
    left, right = ((-12, 0), (0, 12))
    parts = [integrate.quad(lambda z: f(math.sqrt(q) * z) * density(z), *part)[0]
             for part in (left, right)]  # fmt: skip
    return sum(parts)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("q", [0.1, 1.0, 7.0])
def test_variance_and_slope_are_their_integrals(name, q):
    f, slope = FUNCTIONS[name]
    signals = Signals(name, gain=1.3, bias_std=0.4)
    assert signals.variance_map(q) == pytest.approx(
        1.69 * expected(lambda h: f(h) ** 2, q) + 0.16, rel=1e-6
    )
    assert signals.chi(q) == pytest.approx(1.69 * expected(lambda h: slope(h) ** 2, q), rel=1e-6)


@pytest.mark.parametrize("name", ["relu", "leaky relu", "tanh", "gelu", "silu", "identity"])
def test_the_maps_are_those_of_the_packages_activations(name):
    """Two correlated preactivations, a million draws, through the layer that networks use."""
    import torch

    one, noise = torch.randn(2, 1, 1, 10**6, generator=torch.Generator().manual_seed(1))
    c, q = 0.6, 1.7
    u, v = q**0.5 * one, q**0.5 * (c * one + (1 - c**2) ** 0.5 * noise)
    f = ACTIVATIONS[name]()
    fu, fv = f.value(u.clone()), f.value(v.clone())
    signals = Signals(name, gain=1.2, bias_std=0.5)
    square = 1.44 * float((fu**2).mean()) + 0.25
    product = 1.44 * float((fu * fv).mean()) + 0.25
    assert signals.variance_map(q) == pytest.approx(square, rel=0.01)
    assert signals.correlation_map(c, q) == pytest.approx(product / square, abs=0.005)


def test_relu_by_hand():
    """Cho and Saul's angle: at c = 0, E[u+ v+] = 1 / (2 pi); E[u+^2] = 1/2."""
    relu = Signals("relu", HE)
    assert relu.correlation_map(0.0, 5.0) == pytest.approx(1 / math.pi)
    assert relu.correlation_map([1.0, -1.0], 1.0) == pytest.approx([1.0, 0.0])
    assert relu.forward(3) == pytest.approx([2, 2, 2])
    assert Signals("relu", 1.0).forward(4) == pytest.approx([1, 1 / 2, 1 / 4, 1 / 8])
    assert Signals("relu", 1.0).backward(4) == pytest.approx([1 / 8, 1 / 4, 1 / 2, 1])
    assert Signals("relu", 1.0, bias_std=1.0).forward(3) == pytest.approx([2, 2, 2])
    assert Signals("relu", 1.0, bias_std=1.0).correlation(1, 0.5) == pytest.approx([1.5 / 2])


def test_eleven_tenths_to_the_power_of_eighty():
    assert Signals("relu", 1.1 * HE).backward(81)[0] ** 0.5 == pytest.approx(2048.4, abs=0.1)


def test_a_function_will_do_as_an_activation():
    named, given = Signals("tanh", 1.5), Signals(np.tanh, 1.5)
    assert given.correlation(10).tolist() == named.correlation(10).tolist()
    rectified = Signals(lambda h: np.maximum(h, 0), HE)
    assert rectified.chi(3.0) == pytest.approx(1.0)
    assert rectified.correlation_map(0.3, 2.0) == pytest.approx(
        float(Signals("relu", HE).correlation_map(0.3, 2.0)), abs=1e-3
    )


@pytest.mark.parametrize(
    ("name", "gain", "bias_std"),
    [("tanh", 1.3, 0.3), ("tanh", 2.0, 0.0), ("relu", 1.0, 0.5), ("gelu", 1.2, 0.2)],
)
def test_chi_1_is_the_slope_of_the_correlation_map_at_one(name, gain, bias_std):
    signals = Signals(name, gain, bias_std)
    q, step = signals.settled(), 1e-6
    assert signals.variance_map(q) == pytest.approx(q, rel=1e-9)
    slope = (1 - float(signals.correlation_map(1 - step, q))) / step
    assert signals.chi_1 == pytest.approx(slope, rel=0.01)


def test_published_phases_of_tanh():
    """At sigma_b^2 = 0.05 the edge lies near sigma_w^2 = 1.76."""
    variances = {1.0: 0.759, 1.3: 0.880, 1.76: 1.0, 2.5: 1.133}
    for square, chi in variances.items():
        assert Signals("tanh", square**0.5, 0.05**0.5).chi_1 == pytest.approx(chi, abs=2e-3)
    assert Signals("tanh", 1.0, 0.05**0.5).depth_scale == pytest.approx(-1 / math.log(0.759), 0.01)


def test_where_variances_settle():
    assert Signals("tanh", 0.9).settled() == 0
    assert Signals("tanh", 0.9).chi_1 == pytest.approx(0.81)
    assert Signals("relu", 1.5).settled() == math.inf
    assert Signals("relu", HE).settled(3.0) == 3.0
    assert Signals("relu", 1.0, 0.5).settled() == pytest.approx(0.25 / (1 - 0.5))
    assert Signals("relu", HE).depth_scale == math.inf or Signals("relu", HE).depth_scale > 1e11
    far = Signals("tanh", 1.5).forward(200)[-1]
    assert Signals("tanh", 1.5).settled() == pytest.approx(far, rel=1e-9)
    assert Signals("tanh", 1.5).settled(0.01) == pytest.approx(far, rel=1e-9)


@pytest.mark.parametrize("name", ["relu", "leaky relu", "gelu", "tanh"])
def test_own_gain_keeps_the_variance(name):
    for q in (0.3, 1.0, 4.0):
        assert Signals(name, own_gain(name, q)).variance_map(q) == pytest.approx(q)
    if name in ("relu", "leaky relu"):
        assert own_gain(name) == pytest.approx(GAINS[name])


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="Did you mean 'tanh'"):
        Signals("tanhh")
    with pytest.raises(ValueError, match="gain must be a finite number above 0"):
        Signals("relu", 0.0)
    with pytest.raises(ValueError, match="at most 1"):
        Signals("relu").correlation(3, 1.5)
