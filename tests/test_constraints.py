"""Constraints: norms that hold after each update, functions that a projection leaves as they were,
and spectral normalization against `torch.nn.utils.parametrizations`."""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from small import LABELS, NETS, OPTIMIZERS, trained, twin
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from plastlab.condition import Condition
from plastlab.interventions import (
    FrobeniusProjection,
    NormalizeAndProject,
    SpectralNormalization,
)
from plastlab.nets import MLP, ConvNet1d, ResidualMLP
from plastlab.nets.modules import Module
from plastlab.nets.spectral import SpectralNorm
from plastlab.optim import SGD, Adam

SEEDS = (5, 2)
EVERY_NET = pytest.mark.parametrize("net", NETS.values(), ids=NETS)
EVERY_OPTIMIZER = pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)


def norm(state, name):
    return torch.stack([w.norm() for w in state.weights[name]])


@EVERY_NET
@EVERY_OPTIMIZER
def test_frobenius_norms_of_hidden_matrices_are_those_of_the_start_after_each_step(net, optimizer):
    shard = trained(LABELS, {"a": Condition(optimizer, net) + FrobeniusProjection()}, SEEDS, 0)
    state, start = shard.blocks["a"].state, shard.blocks["a"].state.initial()
    *hidden, last = state.weights.layout.matrices
    for _ in range(8):
        shard.advance(1)
        for name in hidden:
            torch.testing.assert_close(norm(state, name), norm(start, name), rtol=1e-5, atol=0)
    assert (norm(state, last) - norm(start, last)).abs().max() > 1e-2
    moved = [(state.weights[n] - start.weights[n]).abs().max() for n in hidden]
    assert min(moved) > 1e-3


def test_frobenius_projection_by_the_clock_and_of_the_last_layer():
    method = FrobeniusProjection(every=3, last_layer=True)
    shard = trained(LABELS, {"a": Condition(Adam(0.01), NETS["MLP"]) + method}, SEEDS, 0)
    state, start = shard.blocks["a"].state, shard.blocks["a"].state.initial()
    for step in range(1, 8):
        shard.advance(1)
        for name in state.weights.layout.matrices:
            gap = (norm(state, name) / norm(start, name) - 1).abs().max()
            assert (gap < 1e-5) == (step % 3 == 0), name
    assert state.weights["0.bias"].abs().max() > 0


def off_joint_norm(state, gain):
    """How far gains and offsets of a layer are from the norm of ones and zeros, relatively."""
    joint = torch.hypot(norm(state, gain), norm(state, gain.replace("weight", "bias")))
    return (joint / math.sqrt(state.weights[gain].shape[1]) - 1).abs().max()


@EVERY_NET
@EVERY_OPTIMIZER
@pytest.mark.parametrize("scales", ["project", "decay", "free"])
def test_nap_holds_the_norms_after_each_step(net, optimizer, scales):
    condition = Condition(optimizer, net) + NormalizeAndProject(scales=scales)
    assert condition.spec == replace(net, layer_norm=True, bias=False)
    shard = trained(LABELS, {"a": condition}, SEEDS, 0)
    state, start = shard.blocks["a"].state, shard.blocks["a"].state.initial()
    layout = state.weights.layout
    *hidden, last = layout.matrices
    assert layout.biases == (last.replace("weight", "bias"),)
    gains = [n for n, w in start.weights.views.items() if w.dim() == 2 and (w == 1).all()]
    assert gains
    for _ in range(8):
        shard.advance(1)
        for name in hidden:
            torch.testing.assert_close(norm(state, name), norm(start, name), rtol=1e-5, atol=0)
        off = max(off_joint_norm(state, gain) for gain in gains)
        assert off < 1e-5 or scales != "project"
    assert off > 1e-4 or scales == "project"
    assert (norm(state, last) - norm(start, last)).abs().max() > 1e-3
    assert min((state.weights[g] - 1).abs().max() for g in gains) > 1e-4


@pytest.mark.parametrize(
    "net",
    [MLP(width=8, layer_norm=True, bias=False), ConvNet1d(channels=4, layer_norm=True, bias=False)],
)
def test_with_layer_norm_and_without_biases_the_projection_leaves_the_function(net):
    assert moved_by_projection(net) < 2e-4


def test_with_a_bias_before_the_norm_it_does_not():
    assert moved_by_projection(MLP(width=8, layer_norm=True)) > 0.1


def moved_by_projection(net):
    """Largest change of an answer when matrices of three times the initial norm are projected."""
    shard = trained(LABELS, {"a": Condition(SGD(0.0), net)}, SEEDS, 1)
    state, method = shard.blocks["a"].state, NormalizeAndProject(over=None)
    mem = type("Memory", (), {})()
    method.at_start(state, mem)
    for name in state.weights.layout.matrices[:-1]:
        state.weights[name].mul_(3.0)
    for name in state.weights.layout.biases:
        state.weights[name].copy_(torch.linspace(-1, 1, state.weights[name].shape[1]))
    before = state.network.forward(state.x).logits
    method.after_step(state, mem)
    return (state.network.forward(state.x).logits - before).abs().max().item()


def test_nap_schedule_falls_in_a_line_and_restarts_with_each_task():
    method = NormalizeAndProject(over=4, low=0.1)
    shard = trained(LABELS, {"a": Condition(Adam(0.01), NETS["MLP"]) + method}, SEEDS, 0)
    rates = []
    for _ in range(12):
        shard.advance(1)
        rates.append(shard.memory.lr[0].item())
    task = [0.01, 0.00775, 0.0055, 0.00325, 0.001, 0.001]
    assert rates == pytest.approx(task + task)
    free = Condition(Adam(0.01), NETS["MLP"]) + NormalizeAndProject(over=None)
    assert (trained(LABELS, {"a": free}, SEEDS, 5).memory.lr == 0.01).all()


def test_nap_decay_moves_gains_to_one_and_offsets_to_zero_by_its_share():
    method = NormalizeAndProject(scales="decay", decay=0.25)
    shard = trained(LABELS, {"a": Condition(SGD(0.0), NETS["MLP"]) + method}, SEEDS, 0)
    state = shard.blocks["a"].state
    state.weights["1.weight"].fill_(3.0)
    state.weights["1.bias"].fill_(2.0)
    shard.advance(2)
    torch.testing.assert_close(state.weights["1.weight"], torch.full((2, 8), 1 + 2 * 0.75**2))
    torch.testing.assert_close(state.weights["1.bias"], torch.full((2, 8), 2 * 0.75**2))


def test_growing_weights_lower_the_effective_learning_rate_as_the_docstring_says():
    """Of a matrix before a norm, three times as large: the gradient is a third, a step of gradient
    descent turns it a ninth as far, one of Adam a third as far."""
    net = MLP(width=8, depth=1, layer_norm=True, bias=False)
    for optimizer, share in ((SGD(0.1), 1 / 9), (Adam(1e-3), 1 / 3)):
        turned = []
        for factor in (1.0, 3.0):
            shard = trained(LABELS, {"a": Condition(optimizer, net)}, SEEDS, 0)
            matrix = shard.blocks["a"].state.weights["0.weight"].mul_(factor)
            before = matrix.clone()
            shard.advance(1)
            turned.append((matrix - before).norm() / before.norm())
        assert turned[1] / turned[0] == pytest.approx(share, rel=1e-3)


def parametrized(network, replica, wrapped):
    """The `torch.nn` twin, the matrices under `wrapped` prefixes spectrally normalized by torch,
    from the same vectors."""
    layers = [getattr(layer, "inner", layer) for layer in network.layers]
    plain = network.twin(network.weights, network.buffers)
    plain.layers = layers
    module = twin(plain, replica)
    for prefix in wrapped:
        inner = module.get_submodule(prefix)
        spectral_norm(inner)
        with torch.no_grad():
            inner.parametrizations.weight[0]._v.copy_(network.buffers[f"{prefix}.v"][replica])
    return module


@pytest.mark.parametrize(
    ("net", "layers", "wrapped"),
    [
        (MLP(width=8), "penultimate", ("2",)),
        (MLP(width=8, layer_norm=True), "hidden", ("0", "3")),
        (MLP(width=8, bias=True, depth=1), "penultimate", ("0",)),
        (ConvNet1d(channels=4), "penultimate", ("5",)),
        (ConvNet1d(channels=4), "hidden", ("1", "3", "5")),
    ],
)
def test_spectral_normalization_trains_as_torchs_own(net, layers, wrapped):
    condition = Condition(SGD(0.1, momentum=0.9), net) + SpectralNormalization(layers)
    shard = trained(LABELS, {"a": condition}, SEEDS, 0)
    state = shard.blocks["a"].state
    modules = [parametrized(state.network, r, wrapped) for r in range(2)]
    optimizers = [torch.optim.SGD(m.parameters(), lr=0.1, momentum=0.9) for m in modules]
    for _ in range(6):
        shard.advance(1)
        for r, (module, optimizer) in enumerate(zip(modules, optimizers, strict=True)):
            answers = module(state.x[r])
            torch.testing.assert_close(state.logits[r].T, answers, rtol=1e-3, atol=1e-5)
            optimizer.zero_grad()
            F.cross_entropy(answers, state.y[r]).backward()
            optimizer.step()


@EVERY_NET
@pytest.mark.parametrize("layers", ["penultimate", "hidden"])
def test_the_normalized_matrices_have_a_largest_singular_value_of_one(net, layers):
    condition = Condition(Adam(1e-3), net) + SpectralNormalization(layers)
    shard = trained(replace(LABELS, steps=30), {"a": condition}, SEEDS)
    state = shard.blocks["a"].state
    *hidden, _ = state.weights.layout.matrices
    names = [n.removesuffix("v") for n in state.buffers.views]
    chosen = hidden[-1:] if layers == "penultimate" else hidden
    assert [f"{n}weight" for n in names] == list(chosen)
    for name in names:
        matrix, v = state.weights[f"{name}weight"].flatten(2), state.buffers[f"{name}v"]
        sigma = (matrix @ v.unsqueeze(2)).flatten(1).norm(dim=1)
        torch.testing.assert_close(sigma, torch.linalg.svdvals(matrix)[:, 0], rtol=0.03, atol=0)


@EVERY_NET
@pytest.mark.parametrize("layers", ["penultimate", "hidden"])
def test_its_backward_pass_is_what_autograd_finds(net, layers):
    network = replace(net, spectral_norm=layers).build(12, 3, SEEDS, "start")
    x = torch.randn(2, 6, 12, generator=torch.Generator().manual_seed(1))
    slope = torch.randn(2, 3, 6, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        found = network.gradient(x, lambda logits: slope)
    leaves = network.differentiable()
    (leaves.forward(x).logits * slope).sum().backward()
    for name, leaf in leaves.weights.views.items():
        torch.testing.assert_close(found[name], leaf.grad, rtol=1e-3, atol=1e-5, msg=name)
    kinds = [layer for layer in network.layers if isinstance(layer, SpectralNorm)]
    assert kinds or isinstance(net, ResidualMLP)


def test_what_cannot_be_normalized_from_outside_says_so():
    module = Module(lambda inputs, outputs: nn.Linear(inputs, outputs))
    for method in (SpectralNormalization(), NormalizeAndProject()):
        with pytest.raises(ValueError, match="Module"):
            Condition(Adam(), module) + method
    with pytest.raises(ValueError, match="cannot go together"):
        Condition() + SpectralNormalization() + SpectralNormalization("hidden")
