"""What holds for every probe, found by looking into the package, so that a new one needs no new
line here; and the two wrappers, `online` and `given`."""

import inspect
import pickle

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from small import LABELS, NETS, trained, twin

from plastlab import cache, probes
from plastlab.condition import Condition
from plastlab.data import TeacherRegression
from plastlab.nets import MLP
from plastlab.optim import SGD, Adam
from plastlab.probes import (
    FAMILIES,
    MATRICES,
    accuracy,
    churn,
    dead_units,
    dormant_units,
    effective_rank,
    given,
    gradient_norm,
    gradient_sparsity,
    loss,
    ntk_condition,
    online,
    probe_name,
    saturated_units,
    trainability_loss,
    update_ratio,
    weight_norm,
)
from plastlab.run import run
from plastlab.shard import Shard
from plastlab.state import State
from plastlab.streams import Stationary

SEEDS = (4, 0, 7)
TANH = MLP(width=8, depth=2, activation="tanh")
REAL = Stationary(TeacherRegression(examples=30, inputs=12, outputs=2), 1, 5, 8)


def of_a_state(function):
    """Whether a function's first argument is a state: a probe, or a matrix for figures."""
    if not inspect.isfunction(function):
        return False
    first = next(iter(inspect.signature(function).parameters.values()), None)
    return first is not None and first.annotation is State


FOUND = [f for f in vars(probes).values() if of_a_state(f) and f not in MATRICES]
EVERY_PROBE = pytest.mark.parametrize("probe", FOUND, ids=probe_name)
EVERY_NET = pytest.mark.parametrize("net", NETS.values(), ids=NETS)
EVERY_MATRIX = pytest.mark.parametrize("matrix", MATRICES, ids=lambda m: m.__name__)


def suited(probe, net=NETS["MLP"]):
    """The network, or one of the same kind that the probe is defined for."""
    return TANH if probe is saturated_units else net


def test_every_probe_that_is_exported_belongs_to_one_family_and_no_other_does():
    listed = [probe for family in FAMILIES.values() for probe in family]
    assert len(listed) == len(set(listed))
    assert set(listed) == set(FOUND)
    assert {accuracy, dead_units, effective_rank, update_ratio, trainability_loss} <= set(FOUND)
    assert {f.__name__ for f in (*FOUND, *MATRICES)} <= set(probes.__all__)


@EVERY_PROBE
@EVERY_NET
def test_every_probe_gives_one_number_a_replica_whoever_is_beside(probe, net):
    condition = Condition(Adam(0.01), suited(probe, net))
    other = Condition(Adam(0.1), condition.net)
    company = trained(LABELS, {"other": other, "a": condition}, SEEDS, 11)
    alone = trained(LABELS, {"a": condition}, (SEEDS[2],), 11)
    values = company.measure(probe)["a"]
    assert values.shape == (len(SEEDS),)
    assert values.dtype == np.float32
    assert not np.isnan(values).any()
    if probe is not ntk_condition:  # a singular kernel has an infinite one
        assert np.isfinite(values).all()
    np.testing.assert_allclose(alone.measure(probe)["a"][0], values[2], rtol=1e-4, atol=1e-6)
    if inspect.getdoc(probe).startswith("Share"):
        assert ((values >= 0) & (values <= 1)).all()


@EVERY_MATRIX
def test_every_matrix_has_one_for_each_replica(matrix):
    shard = trained(LABELS, {"a": Condition(Adam(0.01), NETS["MLP"])}, SEEDS, 9)
    shard.measure(loss)
    found = matrix(shard.blocks["a"].state)
    assert found.shape[0] == len(SEEDS)
    assert found.dtype == torch.float64
    assert torch.isfinite(found).all()
    if found.dim() == 3:
        torch.testing.assert_close(found, found.mT, rtol=0, atol=1e-12)


@pytest.mark.parametrize("probe", [*FOUND, *MATRICES], ids=probe_name)
@pytest.mark.parametrize("net", ["MLP, LayerNorm", "ConvNet1d"])
def test_no_probe_alters_the_network_its_optimizer_or_a_generator(probe, net):
    condition = Condition(Adam(0.01), suited(probe, NETS[net]))
    shard = trained(LABELS, {"a": condition}, SEEDS, 9)
    shard.measure(loss)
    state, memory = shard.blocks["a"].state, shard.memory
    tensors = [state.weights.flat, state.gradients.flat, memory.m, memory.v, memory.count]
    tensors += [memory.lr, state.previous.flat, state.x, state.y, state.logits, *state.hidden]
    before, generator = [t.clone() for t in tensors], torch.get_rng_state()
    with torch.no_grad():
        first = probe(state).clone()
        state.memo.clear()
        second = probe(state)
    np.testing.assert_array_equal(first, second)
    assert all(torch.equal(t, b) for t, b in zip(tensors, before, strict=True))
    assert torch.equal(torch.get_rng_state(), generator)


@EVERY_PROBE
def test_every_probe_says_what_it_is_and_what_it_misses(probe):
    text = inspect.getdoc(probe)
    assert text[0].isupper() or text.startswith(("exp of", "||W'W"))
    assert "Misses " in text
    assert probe_name(probe) == probe.__name__.replace("_", " ")
    for setting in list(inspect.signature(probe).parameters.values())[1:]:
        assert setting.default is not inspect.Parameter.empty, f"{setting} needs a default"


@EVERY_PROBE
def test_a_diverged_replica_is_nan_for_itself_only(probe):
    """The others' numbers are what they are without it; those of the diverged say so."""
    condition = Condition(SGD(0.05), suited(probe, MLP(width=8, depth=2)))
    shard = trained(LABELS, {"a": condition}, SEEDS, 9)
    expected = shard.measure(probe)["a"]
    shard = trained(LABELS, {"a": condition}, SEEDS, 8)
    state = shard.blocks["a"].state
    for name in state.weights.views:
        state.weights[name][1] = torch.nan
    shard.advance(1)
    found = shard.measure(probe)["a"]
    assert np.isnan(found[1])
    np.testing.assert_array_equal(found[[0, 2]], expected[[0, 2]])
    assert shard.finite()["a"].tolist() == [True, False, True]


def test_probes_share_what_they_computed_and_forget_it_when_training_goes_on():
    shard = trained(LABELS, {"a": Condition(Adam(0.05), NETS["MLP"])}, SEEDS, 6)
    first = {probe: shard.measure(probe)["a"] for probe in FOUND if probe is not saturated_units}
    for probe, values in reversed(first.items()):
        np.testing.assert_array_equal(shard.measure(probe)["a"], values)
    shard.advance(6)
    for probe in (effective_rank, probes.ntk_rank, probes.gradient_rank, probes.hessian_rank):
        assert (shard.measure(probe)["a"] != first[probe]).all()


def test_online_is_for_what_a_batch_shows():
    assert probe_name(online(accuracy)) == "online accuracy"
    assert online(accuracy) == online(accuracy)
    for probe in (gradient_norm, update_ratio, gradient_sparsity, churn):
        with pytest.raises(ValueError, match=rf"online\({probe.__name__}\) is not defined.*every"):
            online(probe)
    with pytest.raises(ValueError, match=r"online\(update_ratio, layer 0\) is not defined"):
        online(given(update_ratio, layer=0))


def test_probes_of_an_update_or_a_gradient_are_marked_and_no_others():
    marked = {probe for probe in FOUND if getattr(probe, "follows_an_update", False)}
    assert marked == {
        churn,
        probes.churn_distance,
        gradient_norm,
        gradient_sparsity,
        probes.gradient_dormant_units,
        update_ratio,
    }


def test_given_changes_a_setting_and_says_so_in_the_name():
    strict = given(dormant_units, tau=0.5, layer=0)
    assert probe_name(strict) == "dormant units, tau 0.5, layer 0"
    assert probe_name(online(strict)) == "online dormant units, tau 0.5, layer 0"
    assert strict == given(dormant_units, tau=0.5, layer=0) != given(dormant_units, tau=0.5)
    assert hash(strict) == hash(given(dormant_units, tau=0.5, layer=0))
    assert pickle.loads(pickle.dumps(strict)) == strict
    shard = trained(LABELS, {"a": Condition(Adam(0.01), NETS["MLP"])}, SEEDS, 6)
    shard.measure(loss)
    expected = dormant_units(shard.blocks["a"].state, 0.5, 0)
    np.testing.assert_array_equal(shard.measure(strict)["a"], expected)
    assert (shard.measure(dormant_units)["a"] < shard.measure(strict)["a"]).all()


def test_given_says_which_settings_there_are():
    with pytest.raises(ValueError, match="setting must be one of order, layer; got 'ordre'.*order"):
        given(gradient_norm, ordre=1)
    with pytest.raises(ValueError, match=r"given\(srank, ...\) needs a setting.*are delta, layer"):
        given(probes.srank)
    with pytest.raises(ValueError, match=r"given\(loss, ...\) needs a setting.*it has none"):
        given(loss, layer=0)


def test_probes_with_settings_run_and_are_kept_apart(monkeypatch, tmp_path):
    monkeypatch.setenv(cache.FOLDER, str(tmp_path))
    layers = [given(weight_norm, layer=0), given(weight_norm, layer=1), weight_norm]
    wanted = [*layers, online(given(dormant_units, tau=0.5))]
    conditions = {"a": Condition(Adam(), NETS["MLP"])}
    result = run(LABELS, conditions, SEEDS, probes=wanted)
    assert result.probes == (
        "weight norm, layer 0",
        "weight norm, layer 1",
        "weight norm",
        "online dormant units, tau 0.5",
    )
    again = run(LABELS, conditions, SEEDS, probes=layers[::-1])
    for name in again.probes:
        np.testing.assert_array_equal(again(name, "a"), result(name, "a"))
    keeper = cache.Keeper()
    keys = {keeper.key(LABELS, conditions["a"], SEEDS, [p], 6) for p in wanted}
    assert len(keys - {None}) == len(wanted)
    own = given(lambda s, tau=0.1: s.logits[:, 0, 0], tau=0.2)
    assert keeper.key(LABELS, conditions["a"], SEEDS, [own], 6) is None


def test_probes_work_on_regression_and_without_hidden_units_or_say_why_not():
    shard = trained(REAL, {"a": Condition(Adam(), MLP(depth=0))}, SEEDS)
    task = REAL.task(0, SEEDS)
    model = twin(shard.network, 1)
    wanted = F.mse_loss(model(task.x_test[1]), task.y_test[1]).item()
    assert shard.measure(loss)["a"][1] == pytest.approx(wanted, 1e-5)
    with pytest.raises(ValueError, match="accuracy needs classes"):
        shard.measure(accuracy)
    for family in ("units", "ranks", "preactivations"):
        for probe in FAMILIES[family]:
            with pytest.raises(ValueError, match="network has none; use depth >= 1"):
                shard.measure(probe)
    for family in ("weights", "gradients", "curvature", "kernel", "trainability"):
        for probe in FAMILIES[family]:
            assert not np.isnan(shard.measure(probe)["a"]).any(), probe.__name__


def test_before_the_first_update_probes_of_a_gradient_see_none():
    shard = Shard(LABELS, {"a": Condition()}, SEEDS)
    assert (shard.measure(gradient_sparsity)["a"] == 1).all()
