"""Activations keep what their definitions promise, start where they should, and get the gain that
keeps a deep network's preactivations at variance 1."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import least_squares
from small import draws
from torch import nn

from plastlab.nets import MLP
from plastlab.nets.activations import ACTIVATIONS, GAINS
from plastlab.nets.layers import Trace
from plastlab.nets.parametric import LEAKY_DENOMINATOR, LEAKY_NUMERATOR

SHAPE = (2, 5, 7)  # replicas, units, batch
BY_RULE = sorted({*GAINS} - {"gelu", "silu"}) + ["identity"]


def started(name, units, replicas=2):
    """An activation and its parameters at their start."""
    layer = ACTIVATIONS[name](units)
    own = torch.Generator()
    return layer, tuple(
        torch.stack([layer.start(parameter, shape, own) for _ in range(replicas)])
        for parameter, shape in layer.shapes.items()
    )


def values(name, h):
    """The activation at its start [R, features, B]."""
    layer, parameters = started(name, h.shape[1], len(h))
    return layer.forward(parameters, h.clone(), Trace())[0]


@pytest.mark.parametrize("name", BY_RULE)
def test_gains_bring_the_mean_square_of_the_features_to_one(name):
    z = draws(1, 1, 400_000)
    mean_square = values(name, z).square().mean().item()
    assert GAINS.get(name, 1.0) ** 2 * mean_square == pytest.approx(1.0, abs=0.01)


def variance_in_layer_ten(name):
    """Of the preactivations, where those of the first layer have variance 1."""
    net = MLP(width=300, depth=10, activation=name)
    network, x = net.build(200, 3, (0, 1, 2)), draws(3, 100, 200) / net.hidden_gain
    before = network.forward(x, before=True).before
    assert before[0].square().mean().item() == pytest.approx(1.0, rel=0.05)
    return before[-1].square().mean().item()


@pytest.mark.parametrize("name", BY_RULE)
def test_with_its_gain_variance_one_stays_one_for_ten_layers(name):
    assert variance_in_layer_ten(name) == pytest.approx(1.0, rel=0.2)


def test_without_the_gain_of_concatenated_features_it_would_vanish(monkeypatch):
    monkeypatch.setitem(GAINS, "crelu", 1.0)
    assert variance_in_layer_ten("crelu") == pytest.approx(0.5**9, rel=0.3)


@pytest.mark.parametrize("name", ["crelu", "fourier"])
def test_output_is_twice_as_wide(name):
    assert values(name, draws(*SHAPE)).shape == (2, 10, 7)
    weights = MLP(width=5, depth=2, activation=name).build(4, 3, (0,)).weights
    assert weights["2.weight"].shape == (1, 5, 10)


def test_of_each_crelu_pair_exactly_one_is_zero():
    h = draws(*SHAPE)
    positive, negative = values("crelu", h).chunk(2, 1)
    assert ((positive == 0) ^ (negative == 0)).all()
    assert torch.equal(positive - negative, h)


def test_sine_squared_plus_cosine_squared_is_one():
    sine, cosine = values("fourier", 3 * draws(*SHAPE)).chunk(2, 1)
    torch.testing.assert_close(sine**2 + cosine**2, torch.ones(2, 5, 7))
    assert values("fourier", torch.zeros(1, 1, 1)).flatten().tolist() == [0, 1]


@pytest.mark.parametrize("shape", [(2, 5, 7), (2, 5, 3, 7)], ids=["matrix", "convolution"])
def test_prelu_equals_torch(shape, double):
    layer, (weight,) = started("prelu", 5)
    assert torch.equal(weight[0], nn.PReLU(5).weight)
    weight, h, slope = weight + draws(2, 5), draws(*shape, key=1), draws(*shape, key=2)
    h[0, 0] = 0.0
    y, saved = layer.forward((weight,), h, Trace())
    room = (torch.full_like(weight, 9.0),)
    back = layer.backward((weight,), room, saved, slope, [])
    for r in range(2):
        module, x = nn.PReLU(5), h[r].movedim(-1, 0).clone().requires_grad_()
        module.weight.data = weight[r].clone()
        expected = module(x)
        torch.testing.assert_close(y[r].movedim(-1, 0), expected)
        wanted = torch.autograd.grad(expected, (x, module.weight), slope[r].movedim(-1, 0))
        torch.testing.assert_close((back[r].movedim(-1, 0), room[0][r]), wanted)


@pytest.mark.parametrize(("name", "base"), [("adalin", torch.relu), ("adalin tanh", torch.tanh)])
def test_adalin_is_its_definition(name, base, double):
    """f(h) + a h g(f'(h)), the derivative taken by autograd."""
    layer, _ = started(name, 5)
    weight, h = draws(2, 5, key=3), draws(*SHAPE).requires_grad_()
    (derivative,) = torch.autograd.grad(base(h).sum(), h)
    expected = base(h) + weight.unsqueeze(2) * h * (1 - derivative)
    torch.testing.assert_close(layer.forward((weight,), h, Trace())[0], expected)


@pytest.mark.parametrize(("name", "base"), [("adalin", "relu"), ("adalin tanh", "tanh")])
def test_adalin_starts_as_its_base_and_gives_a_gradient_where_that_has_none(name, base):
    h = draws(*SHAPE)
    torch.testing.assert_close(values(name, h), values(base, h))
    silent = -9 - h.abs()  # below 0, and in tanh's flat end
    layer, parameters = started(name, 5)
    weight = parameters[0] + 0.5
    _, saved = layer.forward((weight,), silent, Trace())
    room = (torch.zeros_like(weight),)
    back = layer.backward((weight,), room, saved, torch.ones_like(h), [])
    torch.testing.assert_close(back, torch.full_like(h, 0.5), rtol=0, atol=1e-4)
    torch.testing.assert_close(room[0], silent.sum(2), rtol=1e-5, atol=0)


def quotient(coefficients, x):
    p = sum(a * x**k for k, a in enumerate(coefficients[:6]))
    q = sum(b * x ** (k + 1) for k, b in enumerate(coefficients[6:]))
    return p / (1 + abs(q))


def test_rational_starts_as_the_least_squares_fit_to_leaky_relu():
    x = np.linspace(-3, 3, 601)
    leaky = np.where(x > 0, x, 0.1 * x)
    ours = np.array(LEAKY_NUMERATOR + LEAKY_DENOMINATOR)
    start = ours * (1 + 0.2 * np.random.default_rng(0).standard_normal(10))
    found = least_squares(lambda c: quotient(c, x) - leaky, start, max_nfev=2000)
    np.testing.assert_allclose(quotient(ours, x), quotient(found.x, x), rtol=0, atol=1e-4)
    off = quotient(ours, x) - leaky
    assert (off**2).sum() / 2 == pytest.approx(found.cost, rel=1e-3)
    assert 0.030 < abs(off).max() < 0.031


def test_rational_is_its_formula():
    x = np.linspace(-5, 5, 101)
    h = torch.tensor(x, dtype=torch.float32).view(1, 1, -1)
    expected = quotient(np.array(LEAKY_NUMERATOR + LEAKY_DENOMINATOR), x)
    np.testing.assert_allclose(values("rational", h).flatten().numpy(), expected, atol=1e-5)


def test_parameters_are_one_a_unit_and_those_of_rational_ten_a_layer():
    for name, numbers in (("prelu", 7), ("adalin", 7), ("adalin tanh", 7), ("rational", 10)):
        layout = MLP(width=7, depth=2, activation=name).build(4, 3, (0,)).weights.layout
        plain = MLP(width=7, depth=2).build(4, 3, (0,)).weights.layout
        assert layout.size - plain.size == 2 * numbers
        assert layout.connections == tuple(n for n in layout.connections if n[0] in "024")
        own = [unit.own for unit in MLP(width=7, depth=2, activation=name).layers(4, 3)[1]]
        assert own == ([(), ()] if name == "rational" else [("1.weight",), ("3.weight",)])


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_slow_central_difference_agrees_with_the_slope(name, double):
    """The one check here that uses neither autograd nor torch.nn."""
    layer, parameters = started(name, 5)
    parameters = tuple(p + 0.2 * draws(*p.shape, key=4) for p in parameters)
    h, step = draws(*SHAPE), 1e-6
    y, saved = layer.forward(parameters, h.clone(), Trace())
    back = layer.backward(
        parameters, tuple(torch.empty_like(p) for p in parameters), saved, torch.ones_like(y), []
    )
    up, down = (layer.forward(parameters, h + d, Trace())[0] for d in (step, -step))
    difference = (up - down) / (2 * step)
    if ACTIVATIONS[name].doubles:
        difference = sum(difference.chunk(2, 1))
    assert math.isclose((back - difference).abs().max().item(), 0, abs_tol=1e-6)
