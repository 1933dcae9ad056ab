"""Training: what live pages drive and press buttons on."""

import numpy as np
import pytest
import torch
from small import LABELS

from plastlab.condition import Condition
from plastlab.interventions import (
    AdamReset,
    FullReset,
    L2Init,
    PlasticityInjection,
    ReDo,
    ShrinkAndPerturb,
)
from plastlab.nets import MLP
from plastlab.optim import SGD, Adam
from plastlab.probes import accuracy, dormant_units, loss, online, update_ratio, weight_norm
from plastlab.training import Training

NET = MLP(width=12, depth=2)
CONDITIONS = {"Adam": Condition(Adam(0.01), NET), "SGD": Condition(SGD(0.1), NET)}


def training(seeds=3):
    return Training(LABELS, CONDITIONS, seeds)


def state(one, name="Adam"):
    (found,) = [s.blocks[name].state for s in one._shards if name in s.blocks]
    return found


def test_it_counts_updates_and_tasks_and_stops_at_the_end():
    one = training()
    assert (one.step, one.task, one.tasks, one.done) == (0, 0, 3, False)
    one.advance(6)
    assert (one.step, one.task) == (6, 0)  # the task's last update is done, the next not begun
    one.advance()
    assert (one.step, one.task) == (7, 1)
    one.advance(1000)
    assert (one.step, one.task, one.done) == (18, 2, True)
    one.advance()
    assert one.step == 18
    assert one.conditions == ("Adam", "SGD")
    assert one.seeds == (0, 1, 2)
    assert one.stream == LABELS


def test_measure_looks_at_the_current_tasks_held_out_examples():
    one = training()
    one.advance(8)
    task = LABELS.task(1, (0, 1, 2))
    for name, values in one.measure(loss).items():
        assert values.shape == (3,)
        passed = state(one, name).network.forward(task.x_test)
        expected = torch.nn.functional.cross_entropy(passed.logits[2].T, task.y_test[2])
        assert values[2] == pytest.approx(expected.item(), rel=1e-5)


def test_batch_numbers_are_those_before_the_update():
    one, before = training(), training()
    one.advance(4)
    before.advance(3)
    task, order = LABELS.task(0, (1,)), LABELS.order(0, (1,))
    x, y = task.x[:, order[0, 3]], task.y[0, order[0, 3]]
    for name in CONDITIONS:
        logits = state(before, name).network.select(slice(1, 2)).forward(x).logits[0].T
        expected = torch.nn.functional.cross_entropy(logits, y).item()
        assert one.batch_loss[name][1] == pytest.approx(expected, rel=1e-5)
        right = (logits.argmax(1) == y).float().mean().item()
        assert one.batch_accuracy[name][1] == pytest.approx(right)


def test_everything_can_be_read_before_the_first_update():
    one = training()
    assert all(np.isfinite(one.batch_loss[name]).all() for name in CONDITIONS)
    assert one.measure(accuracy)["SGD"].shape == (3,)
    assert np.isnan(one.measure(update_ratio)["SGD"]).all()


def test_buttons_act_at_once_on_the_condition_that_is_named():
    for updates in (0, 5):
        one, other = training(), training()
        if updates:
            one.advance(updates)
            other.advance(updates)
        one.apply(ShrinkAndPerturb(), condition="Adam")
        assert not torch.equal(state(one).weights.flat, state(other).weights.flat)
        assert torch.equal(state(one, "SGD").weights.flat, state(other, "SGD").weights.flat)
        one.apply(FullReset())
        norms = one.measure(weight_norm)
        np.testing.assert_array_equal(norms["Adam"], norms["SGD"])  # the same fresh draw


def test_the_button_recycles_whatever_its_own_clock_says_and_before_the_first_update_too():
    for updates in (0, 7):
        one = training()
        if updates:
            one.advance(updates)
        weights = state(one).weights
        weights["0.weight"][0, :5] = 0.0
        weights["0.bias"][0, :5] = -1.0
        one.advance(1)
        old = weights["0.weight"][0, :5].clone()
        one.apply(ReDo(tau=0.0), condition="Adam")
        assert (weights["0.weight"][0, :5] != old).any(1).all()
        assert (weights["0.bias"][0, :5] == 0).all()


def test_a_button_judges_by_the_last_batch_also_after_a_look_at_held_out_examples():
    one, other = training(), training()
    for two in (one, other):
        two.advance(5)
    one.measure(dormant_units)
    for two in (one, other):
        two.apply(ReDo(tau=0.6))
        two.advance(3)
    assert torch.equal(state(one).weights.flat, state(other).weights.flat)


def test_a_button_injects_where_the_head_is_prepared():
    prepared = Condition(Adam(0.01), MLP(width=8)) + PlasticityInjection(at=10**6)
    one = Training(LABELS, {"Adam": prepared}, seeds=2)
    one.advance(5)
    before = one.measure(loss)["Adam"]
    one.apply(PlasticityInjection())
    np.testing.assert_allclose(one.measure(loss)["Adam"], before, rtol=1e-4)
    assert state(one).buffers["2.gate"].all()
    one.advance(5)
    with pytest.raises(ValueError, match="head is not prepared. Add the intervention"):
        training().apply(PlasticityInjection())


def test_the_learning_rate_can_be_turned_while_it_runs():
    one = training()
    one.advance(3)
    one.set_lr(0.0, condition="SGD")
    still = state(one, "SGD").weights.clone()
    moving = state(one).weights.clone()
    one.advance(2)
    assert torch.equal(state(one, "SGD").weights.flat, still.flat)
    assert not torch.equal(state(one).weights.flat, moving.flat)


def test_the_last_update_is_looked_at_however_far_it_was_to_go():
    """An `advance` that ends with the stream, and one that ends before."""
    for end in (18, 11):
        one, other = training(), training()
        one.advance(end - 1)
        one.advance(1)
        other.advance(100 if end == 18 else end)
        found, expected = other.measure(update_ratio), one.measure(update_ratio)
        for name in CONDITIONS:
            np.testing.assert_array_equal(found[name], expected[name])
            assert (expected[name] > 0).all()


def test_a_wrong_call_says_what_to_do():
    one = training()
    with pytest.raises(TypeError, match="Training.apply: intervention must be an Act.*FullReset"):
        one.apply(L2Init())
    with pytest.raises(TypeError, match="got the class ReDo"):
        one.apply(ReDo)
    with pytest.raises(ValueError, match="Training.apply: condition must be one of Adam, SGD"):
        one.apply(AdamReset(), condition="adam")
    with pytest.raises(ValueError, match="Training.set_lr: condition must be one of Adam, SGD"):
        one.set_lr(0.1, condition="adam")
    with pytest.raises(ValueError, match="Training.set_lr: lr must be .*at least 0; got -1"):
        one.set_lr(-1)
    for steps in (0, -3):
        with pytest.raises(ValueError, match="Training.advance: steps must be"):
            one.advance(steps)
    with pytest.raises(ValueError, match=r"online probes average over a task. Use run\(\)"):
        one.measure(online(accuracy))
