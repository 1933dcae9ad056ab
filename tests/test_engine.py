"""The engine equals a plain training loop, and a replica's history depends on its seed alone."""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from small import LABELS, NETS, OPTIMIZERS, assert_same_numbers, trained, twin, weights
from torch import nn

from plastlab import data
from plastlab.condition import Condition
from plastlab.data import Digits, Gaussian, Mnist1d, TeacherRegression
from plastlab.interventions import (
    AdamReset,
    FullReset,
    Intervention,
    L2Init,
    ReDo,
    ShrinkAndPerturb,
)
from plastlab.nets import MLP, ConvNet1d, ResidualMLP
from plastlab.nets.modules import Module
from plastlab.optim import SGD, Adam, AdamW
from plastlab.probes import accuracy, effective_rank, online
from plastlab.shard import Shard
from plastlab.streams import Gradual, PermutedInputs, RandomLabels, Stationary

REGRESSION = Stationary(TeacherRegression(examples=24, inputs=12, outputs=2), 2, 9, 8)
EVERY_KIND = pytest.mark.parametrize("net", NETS.values(), ids=NETS)
BOTH_OPTIMIZERS = pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)


def plain_loop(stream, seed, model, optimizer, updates):
    """An ordinary training loop over the stream."""
    loss = F.cross_entropy if stream.data.loss == LABELS.data.loss else F.mse_loss
    for update in range(updates):
        t, step = divmod(update, stream.steps)
        task, order = stream.task(t, (seed,)), stream.order(t, (seed,))[0]
        optimizer.zero_grad()
        pick = order[step]
        loss(model(task.x[0, pick]), task.y[0, pick]).backward()
        optimizer.step()


def torch_optimizer(setting, model):
    if isinstance(setting, SGD):
        return torch.optim.SGD(model.parameters(), setting.lr, setting.momentum)
    return torch.optim.Adam(model.parameters(), setting.lr)


@EVERY_KIND
@BOTH_OPTIMIZERS
@pytest.mark.parametrize("stream", [LABELS, REGRESSION], ids=["labels", "regression"])
def test_training_equals_a_plain_torch_loop(net, optimizer, stream):
    seeds = (4, 0, 9)
    shard = Shard(
        stream, {"other": Condition(optimizer, net), "a": Condition(optimizer, net)}, seeds
    )
    models = [twin(shard.blocks["a"].state.network, r) for r in range(3)]
    updates = shard.advance(stream.tasks * stream.steps)
    assert updates == 18
    for r, seed in enumerate(seeds):
        plain_loop(stream, seed, models[r], torch_optimizer(optimizer, models[r]), updates)
        for name, value in models[r].state_dict().items():
            found = shard.blocks["a"].state.weights[name][r]
            torch.testing.assert_close(found, value, rtol=0, atol=1e-4)


INTERVENED = {
    "plain": Condition(Adam(1e-2), MLP(width=16, depth=2)),
    "ReDo": Condition(Adam(3e-2), MLP(width=16, depth=2)) + ReDo(tau=0.3, every=4),
    "resets": Condition(AdamW(1e-2), NETS["MLP, LayerNorm"]) + ShrinkAndPerturb() + AdamReset(),
    "conv": Condition(SGD(0.05, 0.9), NETS["ConvNet1d"]) + L2Init(0.01) + FullReset(layers=1),
    "residual": Condition(Adam(1e-2), NETS["ResidualMLP"]) + ReDo(tau=0.5, every=3),
}
EVERY_CONDITION = pytest.mark.parametrize("condition", INTERVENED.values(), ids=INTERVENED)


@EVERY_CONDITION
def test_alone_and_in_company_have_the_same_bits(condition):
    alone = trained(LABELS, {"a": condition}, (3,))
    company = trained(LABELS, {"a": condition}, (0, 8, 3, 11, 5))
    assert_same_numbers(weights(alone, "a", 3), weights(company, "a", 3))
    for probe in (accuracy, effective_rank):
        assert np.isclose(alone.measure(probe)["a"][0], company.measure(probe)["a"][2], atol=1e-6)


@pytest.mark.parametrize("net", [MLP(), ConvNet1d(), ResidualMLP()], ids=lambda n: type(n).__name__)
def test_at_full_size_too_one_replica_has_the_bits_it_has_among_five(net):
    stream = RandomLabels(Mnist1d(256), tasks=2, steps=10, batch=64)
    alone = trained(stream, {"a": Condition(Adam(1e-2), net)}, (3,))
    company = trained(stream, {"a": Condition(Adam(1e-2), net)}, (0, 8, 3, 11, 5))
    assert_same_numbers(weights(alone, "a", 3), weights(company, "a", 3))


def test_a_users_module_does_not_depend_on_company_either():
    condition = Condition(Adam(1e-2), Module(sequential)) + ReDo(tau=0.5, every=4)
    alone = trained(LABELS, {"a": condition}, (3,))
    company = trained(LABELS, {"a": condition}, (0, 8, 3, 11, 5))
    torch.testing.assert_close(weights(alone, "a", 3), weights(company, "a", 3), rtol=0, atol=1e-5)


@EVERY_CONDITION
def test_order_of_seeds_and_of_conditions_does_not_matter(condition):
    other = replace(condition, interventions=(), optimizer=replace(condition.optimizer, lr=0.02))
    pair = {"a": condition, "other": other}
    forth = trained(LABELS, pair, (0, 1, 2))
    back = trained(LABELS, dict(reversed(pair.items())), (2, 0, 1))
    alone = trained(LABELS, {"other": other}, (2, 0, 1))
    for seed in range(3):
        torch.testing.assert_close(
            weights(forth, "a", seed), weights(back, "a", seed), rtol=0, atol=1e-5
        )
        torch.testing.assert_close(
            weights(forth, "other", seed), weights(alone, "other", seed), rtol=0, atol=1e-5
        )


@EVERY_CONDITION
def test_any_cut_of_the_updates_gives_the_same_bits(condition):
    whole, cut = trained(LABELS, {"a": condition}, (0, 1)), Shard(LABELS, {"a": condition}, (0, 1))
    while cut.advance(5):
        cut.measure(accuracy)
        cut.batch(accuracy)
    assert torch.equal(whole.network.weights.flat, cut.network.weights.flat)
    assert whole.done
    assert cut.done


def test_measuring_is_looking_only():
    """Also where an intervention at the boundary judges by activations: it sees the last batch."""
    at_boundary = Condition(Adam(3e-2), MLP(width=16, depth=2)) + ReDo(tau=0.5, every=None)
    stream = replace(LABELS, data=replace(LABELS.data, examples=100))
    quiet, probed = (Shard(stream, {"a": at_boundary}, (0, 1)) for _ in range(2))
    for _ in range(stream.tasks):
        quiet.advance(stream.steps)
        probed.advance(stream.steps)
        for probe in (accuracy, effective_rank):
            probed.measure(probe)
    assert torch.equal(quiet.network.weights.flat, probed.network.weights.flat)


def test_online_probes_average_each_batch_before_its_update():
    condition = Condition(Adam(1e-2), NETS["MLP"])
    shard = Shard(LABELS, {"a": condition}, (0, 1), [online(accuracy)])
    watched = Shard(LABELS, {"a": condition}, (0, 1))
    for _ in range(LABELS.tasks):
        shard.advance(LABELS.steps)
        seen = []
        for _ in range(LABELS.steps):
            watched.advance(1)
            seen.append(watched.batch(accuracy)["a"])
        np.testing.assert_allclose(shard.measure(online(accuracy))["a"], np.mean(seen, 0))


def test_conditions_with_different_settings_share_a_shard():
    net = MLP(width=8, depth=1)
    conditions = {
        "slow": Condition(Adam(1e-3), net),
        "fast": Condition(Adam(3e-2, beta2=0.9), net) + AdamReset(every=4),
        "decay": Condition(Adam(1e-3, weight_decay=0.1), net) + ReDo(tau=0.5, every=5),
    }
    together = trained(LABELS, conditions, (0, 1))
    for name, condition in conditions.items():
        alone = trained(LABELS, {name: condition}, (1,))
        assert_same_numbers(weights(together, name, 1), weights(alone, name, 1))


def test_the_same_seed_starts_every_condition_alike_and_each_seed_differs():
    conditions = {"a": Condition(Adam(), NETS["MLP"]), "b": Condition(Adam(0.1), NETS["MLP"])}
    shard = Shard(LABELS, conditions, (0, 1))
    assert torch.equal(weights(shard, "a", 0), weights(shard, "b", 0))
    assert not torch.equal(weights(shard, "a", 0), weights(shard, "a", 1))


@pytest.mark.parametrize("base", [Mnist1d(50), Digits(50), Gaussian(50), TeacherRegression(50)])
@pytest.mark.parametrize("kind", [Stationary, RandomLabels, PermutedInputs])
def test_every_seed_matters(kind, base):
    if kind is RandomLabels and isinstance(base, TeacherRegression):
        base = Gaussian(50, inputs=20)  # labels need classes
    stream = kind(base, tasks=2, steps=3, batch=4)
    task, order = stream.task(1, (0, 1)), stream.order(1, (0, 1))
    assert not torch.equal(order[0], order[1])
    assert not torch.equal(task.x[0], task.x[1])
    assert not torch.equal(task.y[0], task.y[1])


def sequential(inputs, outputs):
    return nn.Sequential(
        nn.Linear(inputs, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, outputs)
    )


@BOTH_OPTIMIZERS
@pytest.mark.parametrize("extra", [(), (L2Init(0.05),), (ReDo(tau=0.5, every=3),), (FullReset(),)])
def test_a_users_module_trains_like_the_built_in_network(optimizer, extra):
    """Given the same weights, at the start and at each fresh draw."""
    built_in = Condition(optimizer, MLP(width=8, depth=2, start="torch"), extra)
    module = Condition(optimizer, Module(sequential), extra)
    mine, theirs = (Shard(LABELS, {"a": c}, (0, 1)) for c in (built_in, module))
    own, other = (shard.blocks["a"].state for shard in (theirs, mine))
    own._draw, own.network.start = other._draw, other.network.start
    assert mine.network.weights.layout == theirs.network.weights.layout
    theirs.network.weights.flat.copy_(mine.network.weights.flat)
    for shard in (mine, theirs):
        shard.blocks["a"].act("at_start")
        shard.advance(18)
    torch.testing.assert_close(
        theirs.network.weights.flat, mine.network.weights.flat, rtol=0, atol=5e-5
    )
    for mine_h, their_h in zip(*(s.blocks["a"].state.hidden for s in (mine, theirs)), strict=True):
        torch.testing.assert_close(their_h, mine_h, rtol=0, atol=1e-4)


@dataclass(frozen=True)
class PullEverything(Intervention):
    """A penalty on weights, hidden activations and logits at once."""

    def penalty(self, s, mem):
        hidden = sum(h.square().flatten(1).mean(1) for h in s.hidden)
        again = s.network.forward(s.x).logits.abs().flatten(1).mean(1)
        weights = s.weights["0.weight"].square().flatten(1).sum(1)
        return weights + hidden + s.logits[:, 0].mean(1) + again


@pytest.mark.parametrize("net", [MLP(width=8, depth=2), Module(sequential)], ids=["MLP", "Module"])
def test_a_penalty_is_differentiated_through_weights_hidden_and_logits(net):
    seeds, condition = (0, 3), Condition(SGD(0.05), net)
    shard = Shard(LABELS, {"plain": condition, "a": condition + PullEverything()}, seeds)
    start = shard.blocks["a"].state.weights.clone()
    shard.advance(5)
    for r, seed in enumerate(seeds):
        model, hidden = sequential(12, 3), []
        model.load_state_dict({n: v[r].clone() for n, v in start.views.items()})
        for i in (1, 3):
            model[i].register_forward_hook(lambda m, i, out, into=hidden: into.append(out))
        optimizer = torch.optim.SGD(model.parameters(), 0.05)
        task, order = LABELS.task(0, (seed,)), LABELS.order(0, (seed,))[0]
        for step in range(5):
            hidden.clear()
            optimizer.zero_grad()
            logits = model(task.x[0, order[step]])
            objective = F.cross_entropy(logits, task.y[0, order[step]])
            objective = objective + model[0].weight.square().sum() + logits.abs().mean()
            objective = objective + sum(h.square().mean() for h in hidden) + logits[:, 0].mean()
            objective.backward()
            optimizer.step()
        for name, value in model.state_dict().items():
            found = shard.blocks["a"].state.weights[name][r]
            torch.testing.assert_close(found, value, rtol=0, atol=1e-5)


def test_a_users_module_starts_from_its_seed_alone():
    draw = Module(sequential).build
    three, one = (draw(4, 2, seeds, "start").weights.flat for seeds in ((3, 1, 2), (2,)))
    assert torch.equal(three[2], one[0])
    assert not torch.equal(three[0], three[1])
    assert not torch.equal(one, draw(4, 2, (2,), "fresh", 5).weights.flat)


def test_modules_made_by_two_threads_at_once_start_from_their_seeds():
    """torch.nn draws from one global generator; the pause lets the other thread in."""

    def slow(inputs, outputs):
        first = nn.Linear(inputs, 8)
        time.sleep(0.002)
        return nn.Sequential(first, nn.ReLU(), nn.Linear(8, outputs))

    def draw(seeds):
        return Module(slow).build(4, 2, seeds).weights.flat

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(draw, [(0, 1, 2), (3, 4, 5)]))
    assert torch.equal(found[0], draw((0, 1, 2)))
    assert torch.equal(found[1], draw((3, 4, 5)))


def test_global_generators_are_left_alone():
    def states():
        name, keys, *rest = np.random.get_state()
        return random.getstate(), (name, keys.tolist(), rest), torch.get_rng_state().tolist()

    data.classes._made_mnist1d.cache_clear()
    random.seed(777)
    np.random.seed(777)
    before = states()
    conditions = {name: replace(c, optimizer=Adam(1e-2)) for name, c in INTERVENED.items()}
    conditions["module"] = Condition(Adam(1e-2), Module(sequential)) + FullReset()
    for base in (Mnist1d(20), Digits(20), Gaussian(20)):
        for kind in (Stationary, RandomLabels, PermutedInputs):
            stream = Gradual(kind(base, tasks=2, steps=3, batch=4), over=2)
            for condition in conditions.values() if kind is RandomLabels else ():
                trained(stream, {"a": condition}, (0,)).measure(effective_rank)
    trained(REGRESSION, {"a": conditions["plain"]}, (0,))
    assert states() == before
