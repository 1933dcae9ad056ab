"""Networks with shaped activations: values and gradients against torch, signals against theory."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from small import draws

from plastlab.losses import CrossEntropy
from plastlab.nets import MLP
from plastlab.nets.shaping import SHAPED, ShapedMLP
from plastlab.propagation import propagate
from plastlab.theory import tailored_leak

SEEDS, BATCH = (2, 6), 5


@pytest.mark.parametrize("activation", SHAPED)
def test_forward_equals_torch_and_backward_autograd(activation, double):
    net = ShapedMLP(6, 12, activation=activation, target=0.5)
    network = net.build(4, 3, SEEDS)
    network.weights.flat.add_(0.1 * draws(*network.weights.flat.shape))
    x, y = draws(2, BATCH, 4), draws(2, BATCH, 3).argmax(2)
    passed, room = network.forward(x), network.room()
    network.backward(passed, CrossEntropy().gradient(passed.logits, y), room, [None] * 12)
    names = list(network.weights.views)
    for r in range(2):
        own = {n: network.weights[n][r].clone().requires_grad_() for n in names}
        h = x[r]
        for layer in range(0, 24, 2):
            h = torch.nn.functional.linear(h, own[f"{layer}.weight"], own[f"{layer}.bias"])
            h = expected(net, h)
        logits = F.linear(h, own["24.weight"], own["24.bias"])
        torch.testing.assert_close(passed.logits[r].T, logits)
        wanted = torch.autograd.grad(F.cross_entropy(logits, y[r]), list(own.values()))
        for name, gradient in zip(names, wanted, strict=True):
            torch.testing.assert_close(room.rows[name][r], gradient)


def expected(net, h):
    if net.activation == "leaky relu":
        leak = tailored_leak(12, 0.5)
        return F.leaky_relu(h, leak) * (2 / (1 + leak**2)) ** 0.5
    f = {"tanh": torch.tanh, "gelu": F.gelu, "silu": F.silu}[net.activation]
    return net.curve.scale * (f(net.curve.stretch * h + net.curve.shift) + net.curve.offset)


@pytest.mark.parametrize("activation", SHAPED)
def test_a_wide_network_keeps_what_it_was_shaped_to_keep(activation):
    found = propagate(ShapedMLP(400, 20, activation=activation), 4, cosine=0.0, pairs=32)
    assert np.abs(found.error("forward").mean(0)).max() < 0.06
    assert np.abs(found.error("correlation").mean(0)).max() < 0.06
    top = 0.9 if activation == "leaky relu" else 0.0
    assert found.expected("correlation")[-1] == pytest.approx(top, abs=0.04)


def test_weights_have_gain_one():
    weights = ShapedMLP(300, 3).build(200, 10, (1,)).weights["2.weight"]
    assert float(weights.std()) == pytest.approx(300**-0.5, rel=0.02)


def test_it_refuses_what_it_cannot_shape():
    with pytest.raises(ValueError, match="ShapedMLP.activation"):
        ShapedMLP(activation="crelu")
    with pytest.raises(ValueError, match="theory is of plain MLPs"):
        propagate(MLP(depth=2, batch_norm=True), 1).expected("forward")
