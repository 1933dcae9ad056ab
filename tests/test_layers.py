"""Layers and networks: forward equals torch.nn, the hand-written backward pass equals autograd, and
fresh weights have the distribution that the spec says."""

import math
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from scipy import stats
from small import NONLINEARITIES, check_backward, draws, twin
from torch import nn

from plastlab.losses import CrossEntropy, SquaredError
from plastlab.nets import MLP, Architecture, ConvNet1d, ResidualMLP
from plastlab.nets.activations import ACTIVATIONS, GAINS
from plastlab.nets.convolution import Conv1d
from plastlab.nets.layers import Linear, Reshape, Residual
from plastlab.nets.normalization import LayerNorm

NONLINEARITY_MODULES = tuple(type(make(1)) for make in NONLINEARITIES.values())
SEEDS, INPUTS, CLASSES, BATCH = (3, 0, 7), 12, 5, 6
ARCHITECTURES = {
    "MLP": lambda **k: MLP(width=7, depth=2, **k),
    "MLP without hidden layers": lambda **k: MLP(depth=0, **k),
    "ResidualMLP": lambda **k: ResidualMLP(width=6, blocks=2, **k),
    "ConvNet1d": lambda **k: ConvNet1d(channels=3, **k),
}
EVERY_NET = [
    pytest.param(
        make(activation=activation, layer_norm=norm), id=f"{name} {activation} norm={norm}"
    )
    for name, make in ARCHITECTURES.items()
    for activation in ACTIVATIONS
    for norm in (False, True)
]


def classes(*shape):
    return draws(*shape, CLASSES).argmax(-1)


def moved(network):
    """Weights away from the start, so that biases, gains and offsets are not 0 and 1."""
    network.weights.flat.add_(0.3 * draws(*network.weights.flat.shape))
    return network


@pytest.fixture(params=EVERY_NET)
def network(request, double):
    return moved(request.param.build(INPUTS, CLASSES, SEEDS))


def test_forward_equals_torch_nn_replica_by_replica(network):
    x = draws(len(SEEDS), BATCH, INPUTS)
    logits = network.forward(x).logits
    for r in range(len(SEEDS)):
        torch.testing.assert_close(logits[r].T, twin(network, r)(x[r]), rtol=0, atol=1e-6)


def test_backward_equals_autograd(network):
    x, y = draws(len(SEEDS), BATCH, INPUTS), classes(len(SEEDS), BATCH)
    check_backward(network, x, y)


def test_hidden_activations_are_those_of_the_activation_layers(network):
    x = draws(len(SEEDS), BATCH, INPUTS)
    hidden = network.forward(x).hidden
    assert len(hidden) == len(network.units)
    for r in range(len(SEEDS)):
        seen, module = [], twin(network, r)
        for child in module.modules():
            if isinstance(child, NONLINEARITY_MODULES):
                child.register_forward_hook(partial(keep, seen))
        module(x[r])
        for h, expected in zip(hidden, seen, strict=True):
            torch.testing.assert_close(h[r].movedim(-1, 0), expected, rtol=0, atol=1e-6)


def keep(seen, module, inputs, output):
    seen.append(output)


@pytest.mark.parametrize("loss", [CrossEntropy(), SquaredError()])
def test_loss_and_gradient_equal_torch(loss, double):
    logits = draws(3, CLASSES, BATCH).requires_grad_()
    y = classes(3, BATCH) if isinstance(loss, CrossEntropy) else draws(3, CLASSES, BATCH) + 1
    reference = F.cross_entropy if isinstance(loss, CrossEntropy) else F.mse_loss
    expected = torch.stack([reference(logits[r].T, y[r].movedim(-1, 0)) for r in range(3)])
    torch.testing.assert_close(loss(logits, y), expected)
    (slope,) = torch.autograd.grad(expected.sum(), logits)
    torch.testing.assert_close(loss.gradient(logits.detach(), y), slope)


@pytest.mark.parametrize(
    ("length", "kernel", "stride", "padding"),
    [(40, 5, 2, 1), (20, 3, 2, 1), (9, 3, 1, 0), (7, 4, 3, 2), (5, 5, 1, 2), (6, 2, 2, 0)],
)
def test_convolution_equals_torch_at_every_border(length, kernel, stride, padding, double):
    layer = Conv1d(2, 3, kernel, stride, padding, gain=1.0)
    parameters = draws(2, 3, 2, kernel), draws(2, 3)
    h = draws(2, 2, length, BATCH)
    y, saved = layer.forward(parameters, h, [])
    room = torch.empty(2, 3, 2, kernel), torch.empty(2, 3)
    slope = draws(*y.shape)
    back = layer.backward(parameters, room, saved, slope, [])
    for r in range(2):
        weight, bias = (p[r].clone().requires_grad_() for p in parameters)
        x = h[r].movedim(-1, 0).clone().requires_grad_()
        expected = F.conv1d(x, weight, bias, stride, padding)
        torch.testing.assert_close(y[r].movedim(-1, 0), expected)
        wanted = torch.autograd.grad(expected, (x, weight, bias), slope[r].movedim(-1, 0))
        found = back[r].movedim(-1, 0), room[0][r], room[1][r]
        torch.testing.assert_close(found, wanted)


def kinds(spec):
    return [type(layer) for layer in spec.layers(INPUTS, CLASSES)[0]]


def test_architectures_are_what_they_say():
    relu, conv = ACTIVATIONS["relu"], [Conv1d, LayerNorm, ACTIVATIONS["relu"]]
    assert kinds(MLP(depth=2)) == [Linear, relu, Linear, relu, Linear]
    assert kinds(MLP(depth=1, layer_norm=True)) == [Linear, LayerNorm, relu, Linear]
    assert kinds(ResidualMLP(blocks=2)) == [Linear, Residual, Residual, LayerNorm, Linear]
    block = ResidualMLP().layers(INPUTS, CLASSES)[0][1]
    assert [type(layer) for layer in block.layers] == [LayerNorm, Linear, relu, Linear]
    assert kinds(ConvNet1d(layer_norm=True)) == [Reshape, *3 * conv, Reshape, Linear]


def test_convnet_is_the_one_that_comes_with_mnist1d():
    shapes = dict(ConvNet1d().build(40, 10, (0,)).weights.layout.shapes)
    assert [s for s in shapes.values() if len(s) > 1] == [
        (25, 1, 5), (25, 25, 3), (25, 25, 3), (10, 125),
    ]  # fmt: skip
    assert sum(math.prod(s) for s in shapes.values()) == 5210


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("net", [MLP, ResidualMLP, ConvNet1d])
def test_he_start_is_normal_with_the_gain_of_the_activation(net, activation):
    big = {MLP: {"width": 60}, ResidualMLP: {"width": 60, "blocks": 1}, ConvNet1d: {"channels": 30}}
    weights = net(activation=activation, **big[net]).build(60, 40, tuple(range(4))).weights
    layout, gain = weights.layout, GAINS.get(activation, 1.0)
    inner = layout.matrices[1]  # in all three: it feeds the activation
    sample = weights[inner].flatten() * math.sqrt(layout.fan_in(inner)) / gain
    assert stats.kstest(sample.numpy(), "norm").pvalue > 1e-3
    last = weights[layout.matrices[-1]].flatten() * math.sqrt(layout.fan_in(layout.matrices[-1]))
    assert stats.kstest(last.numpy(), "norm").pvalue > 1e-3
    assert all((weights[bias] == 0).all() for bias in layout.biases)


@pytest.mark.parametrize("net", [MLP(60, 2), ConvNet1d(30)], ids=["MLP", "ConvNet1d"])
def test_torch_start_is_that_of_torch_nn(net):
    net = type(net)(**{**vars(net), "start": "torch"})
    weights = net.build(60, 40, tuple(range(4))).weights
    for name in weights.layout.connections:
        bound = 1 / math.sqrt(weights.layout.fan_in(name))
        uniform = stats.uniform(-bound, 2 * bound)
        assert stats.kstest(weights[name].flatten().numpy(), uniform.cdf).pvalue > 1e-3, name
    reference = nn.Linear(60, 60).weight
    assert reference.abs().max() <= 1 / math.sqrt(60)  # the bound that torch.nn itself uses


def test_norms_start_at_gain_one_and_offset_zero():
    weights = MLP(width=5, depth=1, layer_norm=True).build(INPUTS, CLASSES, SEEDS).weights
    assert (weights["1.weight"] == 1).all()
    assert (weights["1.bias"] == 0).all()


@pytest.mark.parametrize("make", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_a_draw_depends_on_seed_and_key_alone(make):
    spec = make()
    three, one = (spec.build(INPUTS, CLASSES, s, "start").weights.flat for s in (SEEDS, (7,)))
    assert torch.equal(three[2], one[0])
    assert not torch.equal(three[0], three[2])
    assert not torch.equal(one, spec.build(INPUTS, CLASSES, (7,), "fresh", 3).weights.flat)


def test_every_architecture_and_activation_is_tried_here():
    place = Architecture.__module__
    here = {kind for kind in Architecture.__subclasses__() if kind.__module__ == place}
    assert {type(p.values[0]) for p in EVERY_NET} == here
