"""What blocks add, gradients matrix by matrix, and slopes along a line, worked out by hand."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from small import LABELS, twin

from plastlab.experiments.residuals import branches, gradients
from plastlab.experiments.shattering import slopes
from plastlab.nets import MLP, ResidualMLP
from plastlab.propagation import pairs_at

SEEDS = (3, 8)


def test_branches_are_what_the_blocks_add():
    net = ResidualMLP(width=6, blocks=3, layer_norm=False)
    found, x = branches(net, SEEDS, inputs=5, examples=8), pairs_at(0.0, 5, 4, SEEDS)
    network = net.build(5, 10, SEEDS, "start")
    w = network.weights
    for r in range(2):
        h = x[r] @ w["0.weight"][r].T
        assert found.skip[r, 0] == pytest.approx(float(h.square().mean()), rel=1e-5)
        for block in range(1, 4):
            added = (h @ w[f"{block}.0.weight"][r].T).relu() @ w[f"{block}.2.weight"][r].T
            h = h + added
            assert found.branch[r, block - 1] == pytest.approx(
                float(added.square().mean()), rel=1e-5
            )
            assert found.skip[r, block] == pytest.approx(float(h.square().mean()), rel=1e-5)
    assert found.share == pytest.approx(found.branch / found.skip[:, 1:])
    assert found.blocks.tolist() == [1, 2, 3]


@pytest.mark.parametrize("norm", ["batch_norm", "layer_norm"])
def test_a_normalized_block_adds_one_over_its_number_and_one(norm):
    net = ResidualMLP(width=300, blocks=12, **({"layer_norm": False} | {norm: True}))
    share = branches(net, 4).share.mean(0)
    assert share == pytest.approx(1 / np.arange(2, 14), rel=0.1)


def test_a_network_without_blocks_is_refused():
    with pytest.raises(ValueError, match="has no residual block"):
        branches(MLP(), 1)


def test_gradients_are_those_of_the_first_batch():
    net = MLP(width=6, depth=2)
    found = gradients(net, LABELS, SEEDS)
    problem, order = LABELS.task(0, SEEDS), LABELS.order(0, SEEDS)
    network = net.build(12, 3, SEEDS, "start")
    for r in range(2):
        module, pick = twin(network, r), order[r, 0]
        F.cross_entropy(module(problem.x[r][pick]), problem.y[r][pick]).backward()
        norms = [float(p.grad.norm()) for n, p in module.named_parameters() if "weight" in n]
        assert found[r] == pytest.approx(norms, rel=1e-4)


def test_slopes_are_derivatives():
    net = MLP(width=8, depth=2, activation="tanh")
    found = slopes(net, SEEDS, points=9)
    network, step = net.build(2, 1, SEEDS, "start"), 1e-3
    t = torch.from_numpy(found.t)
    line = lambda at: torch.stack([at, torch.ones(9)], 1).repeat(2, 1, 1)  # noqa: E731
    up, down = (network.forward(line(t + d)).logits[:, 0] for d in (step, -step))
    assert found.slope == pytest.approx(((up - down) / (2 * step)).numpy(), abs=1e-3)


def test_with_batch_norm_the_slope_is_that_of_a_fixed_function():
    """Equal statistics at every input: the slope at one input does not feel the others."""
    net = MLP(width=8, depth=2, batch_norm=True, activation="tanh")
    found = slopes(net, SEEDS, points=9)
    network, t = net.build(2, 1, SEEDS, "start"), torch.from_numpy(found.t)
    line = lambda at: torch.stack([at, torch.ones(9)], 1).repeat(2, 1, 1)  # noqa: E731
    network.forward(line(t), rate=1.0)
    up, down = (network.forward(line(t + d)).logits[:, 0] for d in (1e-3, -1e-3))
    assert found.slope == pytest.approx(((up - down) / 2e-3).numpy(), abs=2e-3)


def test_autocorrelation_by_hand():
    found = slopes(MLP(width=5, depth=1), SEEDS, points=20)
    noise = found.autocorrelation(3)
    series = found.slope[0] - found.slope[0].mean()
    assert noise[:, 0] == pytest.approx(1)
    assert noise[0, 2] == pytest.approx((series[:-2] @ series[2:]) / (series @ series))
