"""Penalties on features: gradients against autograd through an SVD, and what they do alone."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from penalized import SEEDS, added, assert_equal_gradients, by_autograd, features
from small import LABELS, NETS, trained, twin
from torch import nn

from plastlab.condition import Condition
from plastlab.data import Gaussian
from plastlab.interventions import (
    EffectiveRankPenalty,
    FeatureDotProduct,
    FeatureSpectrum,
    InFeR,
)
from plastlab.interventions.feature_penalties import _inverse, rank_slope
from plastlab.nets import MLP
from plastlab.optim import SGD, Adam
from plastlab.probes import effective_rank
from plastlab.streams import RandomLabels

EVERY_NET = pytest.mark.parametrize("net", NETS.values(), ids=NETS)
MANY = RandomLabels(Gaussian(examples=128, inputs=40, classes=3), tasks=1, steps=400, batch=128)


def sigmas(h):
    return torch.linalg.svdvals(h.double())


@EVERY_NET
@pytest.mark.parametrize("batch", [8, 24], ids=["few examples", "many"])
def test_feature_spectrum_is_the_gap_of_the_extreme_squared_singular_values(net, batch):
    found = added(FeatureSpectrum(0.1), net, stream=replace(LABELS, batch=batch, steps=1))

    def value(module, r):
        sigma = sigmas(features(module, found.x[r]))
        return 0.1 * (sigma[0] ** 2 - sigma[-1] ** 2)

    assert_equal_gradients(found.gaps, by_autograd(found.network, value), share=2e-3)


@pytest.mark.parametrize("batch", [6, 40])
def test_both_ends_of_the_spectrum_are_found(batch):
    """On a random network the smallest value's part is tiny beside the largest's."""
    h = torch.randn(3, 12, batch, generator=torch.Generator().manual_seed(3))
    u, _, v = torch.linalg.svd(h, full_matrices=False)
    h = (u * torch.linspace(4, 1, u.shape[2]) @ v).requires_grad_()
    sigma = torch.linalg.svdvals(h)
    (largest,) = torch.autograd.grad(sigma[:, 0].square().sum(), h, retain_graph=True)
    (smallest,) = torch.autograd.grad(sigma[:, -1].square().sum(), h)
    with torch.no_grad():
        slope = FeatureSpectrum().slope(None, None, h.detach())
    torch.testing.assert_close(slope, largest - smallest, rtol=1e-2, atol=0.05)
    assert smallest.abs().max() > 0.5


def test_dead_features_have_a_smallest_value_of_zero_without_a_gradient():
    h = torch.rand(2, 6, 20, generator=torch.Generator().manual_seed(3))
    h[0, 2:4] = 0.0
    h[1] = 0.0
    slope = FeatureSpectrum().slope(None, None, h)
    u, sigma, v = torch.linalg.svd(h[0], full_matrices=False)
    torch.testing.assert_close(slope[0], 2 * sigma[0] * u[:, :1] * v[:1], rtol=1e-3, atol=1e-3)
    assert (slope[1] == 0).all()


def test_a_matrix_that_rounding_made_singular_has_no_inverse_and_the_others_keep_theirs():
    regular = torch.tensor([[2.0, 0.0], [0.0, 4.0]])
    found = _inverse(torch.stack([torch.tensor([[1.0, 2.0], [2.0, 1.0]]), regular]))
    assert (found[0] == 0).all()
    torch.testing.assert_close(found[1], torch.diag(torch.tensor([0.5, 0.25])), rtol=1e-5, atol=0)


def rms_and_rank(shard):
    state = shard.blocks["a"].state
    rank = effective_rank(state).mean().item()
    return state.hidden[-1].square().mean().sqrt().item(), rank


def test_feature_spectrum_alone_drives_features_to_nothing_while_the_rank_rises():
    """A rank that ignores size calls the loss of all features an improvement. Measured: root mean
    square 1.12 to 0.04, effective rank 21.2 to 29.5 of 32."""
    condition = Condition(Adam(3e-3), MLP(width=32)) + FeatureSpectrum(1e6)
    shard = trained(MANY, {"a": condition}, SEEDS, 1)
    size, rank = rms_and_rank(shard)
    shard.advance(300)
    small, higher = rms_and_rank(shard)
    assert small < size / 20
    assert higher > rank + 6


@EVERY_NET
def test_feature_dot_product_is_the_mean_size_of_neighbors_products(net):
    net = replace(net, activation="tanh") if net.activation == "relu" else net
    found = added(FeatureDotProduct(0.3), net)

    def value(module, r):
        h = features(module, found.x[r])
        return 0.3 * (h[1:] * h[:-1]).sum(1).abs().mean()

    assert_equal_gradients(found.gaps, by_autograd(found.network, value))


def test_feature_dot_product_alone_stops_when_features_are_disjoint():
    h = torch.zeros(1, 4, 3)
    h[0, :2, 0], h[0, 2:, 1], h[0, :2, 2] = 5.0, 3.0, 1.0
    assert (FeatureDotProduct().slope(None, None, h) == 0).all()
    h[0, 0, 1] = 1.0
    expected = torch.tensor([[0.5, 0, 1.5, 1.5], [3, 3, 0, 0], [0.5, 0, 1.5, 1.5]]).T
    torch.testing.assert_close(FeatureDotProduct().slope(None, None, h)[0], expected)


def rank_of(h):
    p = sigmas(h) / sigmas(h).sum()
    return torch.exp(-torch.special.xlogy(p, p).sum())


@EVERY_NET
def test_effective_rank_is_raised_on_the_buffered_batches_now_and_then(net):
    net = replace(net, activation="tanh") if net.activation == "relu" else net
    penalty = EffectiveRankPenalty(0.5, every=3, batches=2)
    for updates in (1, 2):
        assert all((gap == 0).all() for gap in added(penalty, net, updates).gaps.values())
    before, found = added(penalty, net, 2), added(penalty, net, 3)
    x = torch.cat([before.x, found.x], 1)

    def value(module, r):
        return -0.5 * rank_of(features(module, x[r]))

    assert_equal_gradients(found.gaps, by_autograd(found.network, value), share=1e-4)


def test_effective_rank_alone_reaches_nearly_all_directions():
    condition = Condition(Adam(3e-3), MLP(width=32)) + EffectiveRankPenalty(1e6, 1, 1)
    shard = trained(MANY, {"a": condition}, SEEDS, 1)
    _, rank = rms_and_rank(shard)
    shard.advance(200)
    assert rms_and_rank(shard)[1] > max(rank + 6, 31)


def test_directions_below_a_millionth_of_the_largest_get_no_gradient():
    """Of diagonal features the singular values are the entries. The smallest one's own gradient
    would be the largest: -log p."""
    sizes = torch.tensor([1.0, 0.5, 1e-5, 1e-8])
    found = rank_slope(torch.diag(sizes)[None])[0]
    p = sizes.double() / sizes.double().sum()
    entropy = -(p * p.log()).sum()
    expected = -entropy.exp() * (p.log() + entropy) / sizes.double().sum()
    expected[3] = 0.0
    torch.testing.assert_close(found, torch.diag(expected).float(), rtol=1e-4, atol=1e-4)


@EVERY_NET
def test_infer_is_the_error_of_the_heads_on_moved_features(net):
    penalty = InFeR(0.2, beta=3.0, heads=4)
    found = added(penalty, net)
    heads = heads_of(penalty, net)

    def value(module, r):
        with torch.no_grad():
            target = 3.0 * heads[r](features(twin(found.start, r), found.x[r]))
        answers = heads[r](features(module, found.x[r]))
        return 0.2 * F.mse_loss(answers, target)

    assert_equal_gradients(found.gaps, by_autograd(found.network, value), share=1e-4)


def heads_of(penalty, net):
    """The initial heads of each replica, as torch.nn holds them."""
    shard = trained(LABELS, {"a": Condition(SGD(0.0), net) + penalty}, SEEDS, 1)
    start = shard.blocks["a"]._acting["penalty"][0][1].start
    found = []
    for r in range(len(SEEDS)):
        head = nn.Linear(*reversed(start["weight"].shape[1:]))
        head.load_state_dict({n: start[n][r].clone() for n in ("weight", "bias")})
        found.append(head)
        limit = start["weight"].shape[2] ** -0.5
        assert 0.8 * limit < start["weight"][r].abs().max() <= limit
    return found


def test_infer_trains_network_and_heads_as_torch_does():
    net, penalty = NETS["MLP"], InFeR(0.1, beta=2.0, heads=3)
    condition = Condition(SGD(0.02, momentum=0.9), net) + penalty
    shard = trained(LABELS, {"a": condition}, SEEDS, 0)
    state = shard.blocks["a"].state
    modules = [twin(state.network, r) for r in range(2)]
    frozen = [twin(state.network, r) for r in range(2)]
    first, heads = heads_of(penalty, net), heads_of(penalty, net)
    optimizers = [
        torch.optim.SGD([*m.parameters(), *h.parameters()], lr=0.02, momentum=0.9)
        for m, h in zip(modules, heads, strict=True)
    ]
    for _ in range(5):
        shard.advance(1)
        for r, optimizer in enumerate(optimizers):
            x, y = state.x[r], state.y[r]
            target = 2.0 * first[r](features(frozen[r], x)).detach()
            error = heads[r](features(modules[r], x)) - target
            loss = F.cross_entropy(modules[r](x), y) + 0.1 * error.square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    for r, module in enumerate(modules):
        for name, parameter in module.named_parameters():
            torch.testing.assert_close(
                state.weights[name][r], parameter.detach(), rtol=1e-3, atol=1e-5
            )


@pytest.mark.parametrize("penalty", [FeatureSpectrum(), EffectiveRankPenalty(), InFeR()])
def test_a_network_without_hidden_units_is_refused(penalty):
    with pytest.raises(ValueError, match="hidden layer"):
        trained(LABELS, {"a": Condition(Adam(), MLP(depth=0)) + penalty}, SEEDS, 1)
