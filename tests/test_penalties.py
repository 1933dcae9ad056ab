"""Penalties on weights: their gradients, the points at which they vanish, what they leave alone."""

from dataclasses import replace

import pytest
import torch
from penalized import SEEDS, added, assert_equal_gradients, by_autograd, memory
from small import LABELS, NETS, trained
from torch import nn

from plastlab.condition import Condition
from plastlab.interventions import Parseval, SpectralPenalty, WassersteinInit
from plastlab.nets import MLP, ConvNet1d
from plastlab.nets.spectral import power_shares, power_step
from plastlab.optim import Adam

EVERY_NET = pytest.mark.parametrize("net", NETS.values(), ids=NETS)
NORMS = (nn.LayerNorm, nn.GroupNorm)


def matrices(module):
    """Weights of Linear and Conv1d modules, in order of depth."""
    return [m.weight for m in module.modules() if isinstance(m, (nn.Linear, nn.Conv1d))]


def biases(module):
    return [m.bias for m in module.modules() if isinstance(m, (nn.Linear, nn.Conv1d))]


@EVERY_NET
def test_wasserstein_init_is_the_squared_gap_of_sorted_weights(net):
    found = added(WassersteinInit(0.3), net)

    def value(module, r):
        start = {n: v[r] for n, v in found.start.weights.views.items()}
        norms = {f"{n}." for n, m in module.named_modules() if isinstance(m, NORMS)}
        return 0.3 * sum(
            (p.flatten().sort()[0] - start[n].flatten().sort()[0]).square().sum()
            for n, p in module.named_parameters()
            if not n.startswith(tuple(norms))
        )

    expected = by_autograd(found.network, value)
    assert_equal_gradients(found.gaps, expected)
    for name, gap in found.gaps.items():
        if name not in found.network.weights.layout.connections:
            assert (gap == 0).all()


@EVERY_NET
def test_wasserstein_is_zero_for_a_permutation_of_units(net):
    """L2Init is not: it knows each unit by its place."""
    shard = trained(LABELS, {"a": Condition(Adam(0.0), net) + WassersteinInit(0.3)}, SEEDS, 0)
    state, penalty, mem = shard.blocks["a"].state, WassersteinInit(0.3), memory()
    state.weights.flat.add_(
        torch.rand(state.weights.flat.shape, generator=torch.Generator().manual_seed(1))
    )
    penalty.at_start(state, mem)
    unit, before = state.network.units[-1], state.weights.clone()
    order = torch.arange(unit.incoming_of(state.weights).shape[1]).roll(3)
    for name in (f"{unit.incoming}weight", f"{unit.incoming}bias"):
        state.weights[name].copy_(before[name][:, order])
    columns = state.weights[f"{unit.outgoing}weight"]
    places = order.view(1, -1, 1) * unit.spread + torch.arange(unit.spread)
    places = places + len(order) * unit.spread * torch.arange(unit.copies).view(-1, 1, 1)
    columns.copy_(before[f"{unit.outgoing}weight"][:, :, places.flatten()])
    assert (state.weights.flat - before.flat).abs().max() > 0.1
    state.gradients.flat.zero_()
    penalty.after_backward(state, mem)
    assert (state.gradients.flat == 0).all()
    state.weights.flat.add_(0.5)
    penalty.after_backward(state, mem)
    assert (state.gradients.flat != 0).any()


def test_sorted_places_hold_for_negative_equal_and_tiny_weights():
    net = MLP(width=3, depth=1)
    found = trained(LABELS, {"a": Condition(Adam(0.0), net)}, (0,), 0).blocks["a"].state
    penalty, mem = WassersteinInit(), memory()
    values = torch.tensor([0.0, -1.0, 1e-38, -1e-38, 2.0, -2.0, 1e30, -1e30, 3.5])
    found.weights["2.weight"].copy_(values.view(1, 3, 3))
    penalty.at_start(found, mem)
    span = found.weights.layout.spans["2.weight"][0]
    order = penalty._order(found, mem)
    assert sorted(order[0].tolist()) == list(range(found.weights.layout.width))
    torch.testing.assert_close(mem.start[0, span], values.sort()[0], rtol=0, atol=0)


@EVERY_NET
@pytest.mark.parametrize("scale", [2.0, 0.5])
def test_parseval_is_the_gap_of_w_wt_from_the_scaled_identity_in_hidden_layers(net, scale):
    found = added(Parseval(0.01, scale), net)

    def value(module, r):
        rows = [w.flatten(1) for w in matrices(module)[:-1]]
        return 0.01 * sum((w @ w.T - scale * torch.eye(len(w))).square().sum() for w in rows)

    expected = by_autograd(found.network, value)
    assert_equal_gradients(found.gaps, expected)
    assert (found.gaps[found.network.weights.layout.matrices[-1]] == 0).all()


def test_parseval_is_zero_at_orthogonal_rows_of_squared_length_scale():
    torch.manual_seed(0)
    net = ConvNet1d(channels=4)
    state = trained(LABELS, {"a": Condition(Adam(0.0), net)}, (0,), 0).blocks["a"].state
    for name in state.weights.layout.matrices[:-1]:
        matrix = state.weights[name]
        rows = torch.linalg.qr(torch.randn(matrix[0].flatten(1).T.shape))[0].T
        matrix.copy_(2**0.5 * rows.reshape(matrix.shape))
    state.gradients.flat.zero_()
    Parseval(1.0).after_backward(state, memory())
    assert state.gradients.flat.abs().max() < 1e-4
    Parseval(1.0, scale=1.0).after_backward(state, memory())
    assert state.gradients.flat.abs().max() > 1


@EVERY_NET
@pytest.mark.parametrize("power", [1, 2, 3])
def test_spectral_penalty_pulls_sigma_to_one_biases_to_zero_and_gains_to_one(net, power):
    """Where power iteration has converged."""
    state = trained(LABELS, {"a": Condition(Adam(0.0), net)}, SEEDS, 0).blocks["a"].state
    noise = torch.randn(state.weights.flat.shape, generator=torch.Generator().manual_seed(7))
    state.weights.flat.add_(noise, alpha=0.3)
    penalty, mem = SpectralPenalty(0.01, power), memory()
    penalty.at_start(state, mem)
    for _ in range(300):
        state.gradients.flat.zero_()
        penalty.after_backward(state, mem)

    def value(module, r):
        sigma = [torch.linalg.matrix_norm(w.flatten(1), 2) for w in matrices(module)]
        gains = [m.weight for m in module.modules() if isinstance(m, NORMS)]
        return 0.01 * (
            sum((x**power - 1) ** 2 for x in sigma)
            + sum(b.norm() ** (2 * power) for b in biases(module))
            + sum((g - 1).square().sum() for g in gains)
        )

    expected = by_autograd(state.network, value)
    assert_equal_gradients(state.gradients.views, expected, share=1e-3)


@EVERY_NET
def test_unpulled_sigma_is_within_one_percent_of_svd_because_the_vectors_persist(net):
    shard = trained(replace(LABELS, steps=40), {"a": Condition(Adam(0.003), net)}, SEEDS, 0)
    state, penalty, mem = shard.blocks["a"].state, SpectralPenalty(0.0), memory()
    penalty.at_start(state, mem)
    for _ in range(40):
        shard.advance(1)
        penalty.after_backward(state, mem)
    torch.manual_seed(0)
    ones = 0.0
    for name in state.weights.layout.matrices:
        matrix = state.weights[name].flatten(2)
        exact = torch.linalg.svdvals(matrix)[:, 0]
        kept, _, _ = power_step(matrix, mem.right[name])
        torch.testing.assert_close(kept, exact, rtol=0.01, atol=0)
        anew, _, _ = power_step(matrix, torch.randn(len(matrix), matrix.shape[2]))
        ones = max(ones, (1 - anew / exact).max().item())
    assert ones > 0.02, "a random start would have done as well"


def test_power_iteration_gives_unit_vectors_and_survives_a_matrix_of_zeros():
    matrix = torch.diag_embed(torch.tensor([[3.0, 1.0], [0.0, 0.0]]))
    v = torch.full((2, 2), 0.5**0.5)
    for _ in range(20):
        sigma, u, v = power_step(matrix, v)
    torch.testing.assert_close(sigma, torch.tensor([3.0, 0.0]))
    torch.testing.assert_close(v[0], torch.tensor([1.0, 0.0]), atol=1e-6, rtol=0)
    torch.testing.assert_close(v[1], torch.full((2,), 0.5**0.5))
    torch.testing.assert_close(u[0], v[0], atol=1e-6, rtol=0)


def test_power_shares_are_one_step_each_with_vectors_that_are_kept():
    matrix = torch.tensor([[[2.0, 0.0], [0.0, 1.0]]])
    found = power_shares([matrix, matrix], torch.ones(1, 2))
    first, second = (17 / 5) ** 0.5 / 2, (257 / 65) ** 0.5 / 2  # shares 4:1, then 64:1
    torch.testing.assert_close(found, torch.tensor([[first], [second]]))
