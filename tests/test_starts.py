"""Starts: orthogonal matrices, and layers that were trained before the whole."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from plastlab.condition import Condition
from plastlab.data import Digits
from plastlab.experiments.starts import OrthogonalStart, Pretraining
from plastlab.nets import MLP
from plastlab.optim import SGD, Adam
from plastlab.shard import Shard
from plastlab.streams import Stationary

STREAM = Stationary(Digits(100), tasks=1, steps=5, batch=8)
NET = MLP(width=12, depth=3, activation="tanh", start="torch")


def started(condition, seeds=(0, 3), stream=STREAM):
    return Shard(stream, {"it": condition}, seeds).network


def test_orthogonal_matrices_keep_lengths():
    weights = started(Condition(SGD(), NET) + OrthogonalStart(gain=1.5)).weights
    for name, shape in weights.layout.shapes:
        if len(shape) == 2:
            sizes = torch.linalg.svdvals(weights[name])
            torch.testing.assert_close(sizes, torch.full_like(sizes, 1.5))
        else:
            assert weights[name].abs().max() > 0  # as they were drawn


def reconstruction(network, layer, h):
    """Mean squared error, relative to the inputs' own, of the best linear way back."""
    h = h.double().numpy()
    w, b = (
        network.weights[f"{2 * layer}.{part}"][0].double().numpy() for part in ("weight", "bias")
    )
    code = np.tanh(w @ h + b[:, None])
    full = np.concatenate([code, np.ones((1, h.shape[1]))])
    back, *_ = np.linalg.lstsq(full.T, h.T, rcond=None)
    return ((h.T - full.T @ back) ** 2).sum() / ((h - h.mean(1, keepdims=True)) ** 2).sum()


def test_every_layer_learns_to_keep_what_it_reads():
    data = STREAM.data
    plain = started(Condition(SGD(), NET), (3,))
    trained = started(Condition(SGD(), NET) + Pretraining(data, steps=400), (3,))
    h = data.draw((3,)).x[0].mT
    assert reconstruction(trained, 0, h) < 0.8 * reconstruction(plain, 0, h)
    for layer in (1, 2):
        w, b = (trained.weights[f"{2 * layer - 2}.{part}"][0] for part in ("weight", "bias"))
        h = torch.tanh(w @ h + b[:, None])
        assert h.std() > 0.1
        assert reconstruction(trained, layer, h) < 0.3
    assert torch.equal(plain.weights["6.weight"], trained.weights["6.weight"])


def test_a_layer_is_trained_as_the_lower_half_of_an_autoencoder():
    # by hand: one update, without hiding, of W in tanh(W x + b) -> V h + c, by torch
    data, net = Digits(30), MLP(width=6, depth=1, activation="tanh", start="torch")
    stream = replace(STREAM, data=data)
    method = Pretraining(data, steps=1, batch=30, lr=0.01, hidden=0.0)
    before = started(Condition(SGD(), net), (5,), stream).weights
    after = started(Condition(SGD(), net) + method, (5,), stream).weights
    moved = (after["0.weight"] - before["0.weight"])[0]
    # Adam's first step is the learning rate times the gradient's sign
    assert moved.abs().max() <= 0.0101
    assert (moved.abs() > 0.0099).float().mean() > 0.8
    assert torch.equal(before["2.weight"], after["2.weight"])


def test_no_steps_change_nothing_and_company_does_not_matter():
    plain = started(Condition(Adam(), NET)).weights.flat
    assert torch.equal(started(Condition(Adam(), NET) + Pretraining(steps=0)).weights.flat, plain)
    method = Pretraining(STREAM.data, steps=5)
    both = started(Condition(Adam(), NET) + method, (0, 3)).weights.flat
    alone = started(Condition(Adam(), NET) + method, (3,)).weights.flat
    assert torch.equal(both[1:], alone)


def test_wrong_settings_and_networks_are_refused():
    with pytest.raises(ValueError, match="Pretraining.hidden must be"):
        Pretraining(hidden=2.0)
    with pytest.raises(TypeError, match="Pretraining.data"):
        Pretraining(data=100)
    with pytest.raises(ValueError, match="OrthogonalStart.gain must be"):
        OrthogonalStart(gain=0.0)
    normed = Condition(SGD(), MLP(width=4, layer_norm=True)) + Pretraining()
    with pytest.raises(ValueError, match="plain MLP"):
        started(normed)
