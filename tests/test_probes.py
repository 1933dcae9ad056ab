"""Probes: known answers, numpy's answers, what each ignores, and that looking changes nothing."""

import inspect
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from small import LABELS, NETS, trained, twin, weights

from plastlab import probes
from plastlab.condition import Condition
from plastlab.data import TeacherRegression
from plastlab.nets import MLP, ConvNet1d
from plastlab.optim import SGD, Adam
from plastlab.probes import (
    accuracy,
    dead_units,
    dormant_units,
    effective_rank,
    feature_rank,
    gradient_norm,
    loss,
    online,
    probe_name,
    singular_values,
    srank,
    stable_rank,
    update_ratio,
    weight_norm,
)
from plastlab.shard import Shard
from plastlab.streams import Stationary

RANKS = [effective_rank, srank, stable_rank, feature_rank]
SEEDS = (4, 0, 7)


def takes_a_state(function):
    return inspect.isfunction(function) and list(inspect.signature(function).parameters)[:1] == [
        "s"
    ]


EVERY_PROBE = [
    function
    for name, function in vars(probes).items()
    if takes_a_state(function) and not name.startswith("_") and function is not singular_values
]
EVERY_NET = pytest.mark.parametrize("net", NETS.values(), ids=NETS)


def features(*matrices):
    """A state whose last hidden features are these [features, examples], one a replica."""
    h = torch.stack([torch.as_tensor(m, dtype=torch.float32) for m in matrices])
    return SimpleNamespace(hidden=[h], logits=torch.zeros(len(h), 2, h.shape[2]), memo={})


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def test_every_rank_of_the_identity_is_its_size():
    s = features(np.eye(32), 3 * np.eye(32))
    assert effective_rank(s).tolist() == pytest.approx([32, 32])
    assert stable_rank(s).tolist() == pytest.approx([32, 32])
    assert srank(s).tolist() == [32, 32]  # the least integer above 0.99 * 32
    assert feature_rank(s).tolist() == [32, 32]


def test_srank_of_the_identity_is_its_size_times_one_minus_delta():
    s = features(np.eye(50))
    assert srank(s, delta=0.15).item() == 43  # 42.5 of 50
    assert srank(s, delta=0.5).item() in (25, 26)  # exactly at the border


def test_every_rank_of_a_rank_one_matrix_is_one_and_of_zeros_is_zero():
    column, row = draw(20, 1), draw(1, 60)
    s = features(column @ row, np.zeros((20, 60)))
    for rank in RANKS:
        assert rank(s).tolist() == pytest.approx([1, 0], abs=1e-4), rank.__name__


@pytest.mark.parametrize("shape", [(20, 60), (60, 20), (30, 30)])
def test_ranks_and_singular_values_equal_numpys(shape):
    matrices = [draw(*shape, seed=s) * np.geomspace(1, 1e-3, shape[0])[:, None] for s in range(3)]
    s, delta, epsilon = features(*matrices), 0.01, 0.01
    for r, matrix in enumerate(matrices):
        sigma = np.linalg.svd(matrix.astype(np.float32).astype(float), compute_uv=False)
        np.testing.assert_allclose(singular_values(s)[r], sigma, rtol=1e-6, atol=1e-7 * sigma[0])
        p = sigma / sigma.sum()
        assert effective_rank(s)[r].item() == pytest.approx(np.exp(-(p * np.log(p)).sum()), 1e-5)
        held = np.cumsum(sigma) / sigma.sum()
        assert srank(s)[r].item() == np.argmax(held >= 1 - delta) + 1
        assert stable_rank(s)[r].item() == pytest.approx((sigma**2).sum() / sigma[0] ** 2, 1e-5)
        scaled = sigma / np.sqrt(shape[1])
        assert feature_rank(s)[r].item() == (scaled > epsilon).sum()


def test_scale_free_ranks_ignore_scale_and_the_feature_rank_does_not():
    small, large = (features(scale * draw(20, 60)) for scale in (1e-4, 10.0))
    for rank in (effective_rank, srank, stable_rank):
        torch.testing.assert_close(rank(small), rank(large), rtol=1e-4, atol=1e-4)
    assert feature_rank(small).item() == 0
    assert feature_rank(large).item() == 20


def hidden(*layers):
    return SimpleNamespace(hidden=[torch.tensor(layer, dtype=torch.float32) for layer in layers])


def test_dead_and_dormant_units_counted_by_hand():
    first = [[[0, 0, 0], [0, 2, 0], [1, 1, 1], [9, 9, 9]]]  # one dead, one rarely on
    second = [[[0, 0, 0], [5, 5, 5]]]
    assert dead_units(hidden(first, second)).tolist() == pytest.approx([2 / 6])
    # scores of the first layer: 0, 0.25, 0.375, 3.375 (mean activation 2.667)
    assert dormant_units(hidden(first), tau=0.25).tolist() == pytest.approx([2 / 4])
    assert dormant_units(hidden(first), tau=0.24).tolist() == pytest.approx([1 / 4])
    assert dormant_units(hidden(first, second), tau=0.375).tolist() == pytest.approx([4 / 6])


def test_a_negative_activation_is_not_dead_and_counts_by_its_size():
    layer = [[[-1.0, -1.0], [1.0, -1.0], [0.0, 0.0]]]
    assert dead_units(hidden(layer)).tolist() == pytest.approx([1 / 3])
    assert dormant_units(hidden(layer)).tolist() == pytest.approx([1 / 3])


def test_dormant_units_ignore_a_rescaled_layer_and_contain_the_dead_ones():
    h = torch.relu(torch.tensor(draw(4, 12, 30) - 2.0, dtype=torch.float32))
    plain, scaled = SimpleNamespace(hidden=[h]), SimpleNamespace(hidden=[h * 37.5])
    for tau in (0.0, 0.025, 0.1, 0.5):
        assert torch.equal(dormant_units(plain, tau), dormant_units(scaled, tau))
        assert (dormant_units(plain, tau) >= dead_units(plain)).all()
    assert torch.equal(dormant_units(plain, 0.0), dead_units(plain))
    assert 0 < dead_units(plain).mean() < 1


def test_a_channel_is_dead_if_it_is_silent_at_every_position():
    h = torch.zeros(1, 3, 4, 5)  # [R, channels, positions, B]
    h[0, 1, 2, 3] = 1.0
    h[0, 2] = 1.0
    assert dead_units(SimpleNamespace(hidden=[h])).tolist() == pytest.approx([1 / 3])


@EVERY_NET
def test_numbers_equal_those_of_torch_nn_on_the_same_network(net):
    conditions = {"other": Condition(Adam(0.1), net), "a": Condition(Adam(), net)}
    shard = trained(LABELS, conditions, SEEDS, 9)
    state = shard.blocks["a"].state
    task = LABELS.task(1, SEEDS)
    measured = {p: shard.measure(p)["a"] for p in (loss, accuracy, weight_norm)}
    for r in range(len(SEEDS)):
        model = twin(state.network, r)
        logits = model(task.x_test[r])
        right = (logits.argmax(1) == task.y_test[r]).float().mean()
        norms = [p.square().sum() for p in model.parameters() if p.dim() > 1]
        assert measured[loss][r] == pytest.approx(
            F.cross_entropy(logits, task.y_test[r]).item(), 1e-5
        )
        assert measured[accuracy][r] == pytest.approx(right.item())
        assert measured[weight_norm][r] == pytest.approx(sum(norms).sqrt().item(), 1e-5)


@EVERY_NET
def test_gradient_norm_and_update_ratio_equal_a_plain_step(net):
    shard = trained(LABELS, {"a": Condition(SGD(0.1), net)}, SEEDS, 8)
    state, order = shard.blocks["a"].state, LABELS.order(1, SEEDS)
    models = [twin(state.network, r) for r in range(len(SEEDS))]
    before = state.weights.clone()
    shard.advance(1)
    norm, ratio = shard.measure(gradient_norm)["a"], shard.measure(update_ratio)["a"]
    for r, seed in enumerate(SEEDS):
        task, pick = LABELS.task(1, (seed,)), order[r, 2]
        F.cross_entropy(models[r](task.x[0, pick]), task.y[0, pick]).backward()
        total = sum(p.grad.square().sum() for p in models[r].parameters()).sqrt()
        assert norm[r] == pytest.approx(total.item(), 1e-4)
        assert ratio[r] == pytest.approx(0.1 * total.item() / before.flat[r].norm().item(), 1e-3)


def test_there_are_probes_to_check():
    assert {accuracy, dead_units, effective_rank, update_ratio} <= set(EVERY_PROBE)


@pytest.mark.parametrize("probe", EVERY_PROBE, ids=probe_name)
@EVERY_NET
def test_every_probe_gives_one_number_a_replica_whoever_is_beside(probe, net):
    condition = Condition(Adam(0.01), net)
    company = trained(LABELS, {"other": Condition(Adam(0.1), net), "a": condition}, SEEDS, 11)
    alone = trained(LABELS, {"a": condition}, (SEEDS[2],), 11)
    values = company.measure(probe)["a"]
    assert values.shape == (len(SEEDS),)
    assert values.dtype == np.float32
    assert np.isfinite(values).all()
    np.testing.assert_allclose(alone.measure(probe)["a"][0], values[2], rtol=1e-4, atol=1e-6)
    if inspect.getdoc(probe).startswith("Share"):
        assert ((values >= 0) & (values <= 1)).all()


@pytest.mark.parametrize("probe", EVERY_PROBE, ids=probe_name)
def test_no_probe_alters_the_network_its_optimizer_or_a_generator(probe):
    condition = Condition(Adam(0.01), NETS["MLP, LayerNorm"])
    shard = trained(LABELS, {"a": condition}, SEEDS, 9)
    state, memory = shard.blocks["a"].state, shard.memory
    tensors = state.weights.flat, state.gradients.flat, memory.m, memory.v, memory.count, memory.lr
    before, generator = [t.clone() for t in tensors], torch.get_rng_state()
    first, second = shard.measure(probe)["a"], shard.measure(probe)["a"]
    np.testing.assert_array_equal(first, second)
    assert all(torch.equal(t, b) for t, b in zip(tensors, before, strict=True))
    assert torch.equal(torch.get_rng_state(), generator)


@pytest.mark.parametrize("probe", EVERY_PROBE, ids=probe_name)
def test_every_probe_says_what_it_is(probe):
    summary = inspect.getdoc(probe).split("\n\n")[0]
    assert summary[0].isupper() or summary.startswith("exp of")
    assert probe_name(probe) == probe.__name__.replace("_", " ")


@pytest.mark.parametrize("probe", EVERY_PROBE, ids=probe_name)
def test_a_diverged_replica_is_nan_for_itself_only(probe):
    """The others' numbers are what they are without it; those of the diverged say so."""
    net = MLP(width=8, depth=2)
    shard = trained(LABELS, {"a": Condition(SGD(0.05), net)}, SEEDS, 9)
    expected = shard.measure(probe)["a"]
    shard = trained(LABELS, {"a": Condition(SGD(0.05), net)}, SEEDS, 8)
    state = shard.blocks["a"].state
    for name in state.weights.views:
        state.weights[name][1] = torch.nan
    shard.advance(1)
    found = shard.measure(probe)["a"]
    assert np.isnan(found[1])
    np.testing.assert_array_equal(found[[0, 2]], expected[[0, 2]])
    assert shard.finite()["a"].tolist() == [True, False, True]


def test_before_the_first_update_there_is_no_update_to_measure():
    shard = Shard(LABELS, {"a": Condition()}, SEEDS)
    assert np.isnan(shard.measure(update_ratio)["a"]).all()
    assert (shard.measure(gradient_norm)["a"] == 0).all()


def test_online_is_for_what_a_batch_shows():
    assert probe_name(online(accuracy)) == "online accuracy"
    assert online(accuracy) == online(accuracy)
    for probe in (gradient_norm, update_ratio):
        with pytest.raises(ValueError, match=rf"online\({probe.__name__}\) is not defined.*every"):
            online(probe)


def test_probes_work_on_regression_and_without_hidden_units_or_say_why_not():
    stream = Stationary(TeacherRegression(examples=30, inputs=12, outputs=2), 1, 5, 8)
    shard = trained(stream, {"a": Condition(Adam(), MLP(depth=0))}, SEEDS)
    task = stream.task(0, SEEDS)
    model = twin(shard.network, 1)
    wanted = F.mse_loss(model(task.x_test[1]), task.y_test[1]).item()
    assert shard.measure(loss)["a"][1] == pytest.approx(wanted, 1e-5)
    with pytest.raises(ValueError, match="accuracy needs classes"):
        shard.measure(accuracy)
    for probe in (dead_units, effective_rank):
        with pytest.raises(ValueError, match="network has none; use depth >= 1"):
            shard.measure(probe)


def test_convolutional_features_are_flattened_for_ranks():
    shard = trained(LABELS, {"a": Condition(Adam(), ConvNet1d(channels=4))}, SEEDS, 6)
    shard.measure(effective_rank)
    state = shard.blocks["a"].state
    h = state.hidden[-1][1].flatten(0, 1).double().numpy()  # [channels * positions, B]
    sigma = np.linalg.svd(h, compute_uv=False)
    np.testing.assert_allclose(singular_values(state)[1], sigma, rtol=1e-6, atol=1e-7)
    assert torch.isfinite(weights(shard, "a", 0)).all()
