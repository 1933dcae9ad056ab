"""What units are worth and what recycling costs, worked out again with numpy and plain torch."""

import numpy as np
import pytest
import torch
from small import LABELS, NETS, trained

from plastlab.condition import Condition
from plastlab.experiments import recycling
from plastlab.interventions import ContinualBackprop
from plastlab.nets import MLP
from plastlab.optim import Adam
from plastlab.probes import accuracy, given
from plastlab.run import run

SEEDS = (5, 2)
EVERY_NET = pytest.mark.parametrize("net", NETS.values(), ids=NETS)


PLAIN = MLP(width=8, depth=2)


def running(net=PLAIN):
    """A shard after nine updates, and its state as a probe sees it."""
    shard = trained(LABELS, {"a": Condition(Adam(0.01), net)}, SEEDS, 9)
    shard.measure(accuracy)
    return shard, shard.blocks["a"].state


def read(s):
    """Weights [R, out, in] and hidden activations [R, units, B] as numpy arrays."""
    chain = [s.network.units[0].incoming, *(unit.outgoing for unit in s.network.units)]
    weights = [s.weights[f"{name}weight"].numpy().astype(float) for name in chain]
    return weights, [h.numpy().astype(float) for h in s.hidden]


def test_utilities_are_what_their_names_say():
    _, s = running()
    (_, middle, last), (_, h) = read(s)
    out, into = np.abs(last).mean(1), np.abs(middle).mean(2)
    size = np.abs(h).mean(2)
    off = np.abs(h - h.mean(2, keepdims=True)).mean(2)
    slope = s.gradients[f"{s.network.units[1].incoming}weight"].abs().mean(2)
    by_hand = {
        "activation": size / size.mean(1, keepdims=True),
        "contribution": size * out,
        "mean-corrected contribution": off * out,
        "weight magnitude": out,
        "adaptation": 1 / into,
        "gradient": slope.numpy(),
    }
    for name, expected in by_hand.items():
        np.testing.assert_allclose(recycling.UTILITIES[name](s, 1), expected, rtol=1e-5)
    assert {*recycling.UTILITIES} == {*by_hand, "random"}


def test_lots_depend_on_the_seed_and_not_on_the_condition():
    shard = trained(LABELS, {name: Condition(Adam(0.01), MLP(8)) for name in "ab"}, SEEDS, 3)
    one, other = (recycling.lots(block.state, 0) for block in shard.blocks.values())
    assert torch.equal(one, other)
    assert not torch.equal(one[0], one[1])


@EVERY_NET
def test_the_cost_is_that_of_a_real_recycling(net):
    shard, s = running(net)
    for tau in (0.0, 0.5, 0.9):
        before = s.logits.clone()
        expected = recycling.cost(s, tau)
        kept = s.weights.clone()
        masks = [recycling.size(s, k) <= tau for k in range(len(s.hidden))]
        for layer, mask in enumerate(masks):
            s.reset_units(layer, mask)
        change = (s.network.forward(s.x).logits.detach() - before).abs().mean((1, 2))
        s.weights.flat.copy_(kept.flat)
        if not any(unit.own for unit in s.network.units):  # a norm hears the fresh weights
            torch.testing.assert_close(expected, change / before.abs().mean((1, 2)))


def test_what_is_silent_to_all_costs_nothing_at_all():
    shard, s = running()
    for unit in s.network.units:
        s.weights[f"{unit.incoming}weight"][:, :3] = 0.0
        s.weights[f"{unit.incoming}bias"][:, :3] = -1.0
    (found,) = shard.measure(lambda s: recycling.cost(s, 0.0)).values()
    assert (found == 0).all()


def test_units_can_be_judged_by_a_part_of_the_examples():
    _, s = running()
    silent = recycling.dormancy(s.hidden[1][..., :1]) <= 0
    assert silent.any() and not (recycling.size(s, 1)[silent] <= 0).all()
    assert (recycling.cost(s, 0.0, judged=1) > recycling.cost(s, 0.0)).all()


def test_the_bound_is_the_sum_over_paths():
    _, s = running()
    (_, middle, last), (lower, upper) = read(s)
    logits, tau = s.logits.numpy(), 0.6
    for r in range(len(SEEDS)):
        size = [np.abs(h[r]).mean(1) for h in (lower, upper)]
        gone = [own <= tau * own.mean() for own in size]
        total = 0.0
        for k in range(last.shape[1]):
            for j in range(8):
                paths = sum(abs(middle[r, j, i]) * size[0][i] for i in range(8) if gone[0][i])
                total += abs(last[r, k, j]) * (size[1][j] if gone[1][j] else paths)
        expected = total / last.shape[1] / np.abs(logits[r]).mean()
        assert float(recycling.bound(s, tau)[r]) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("activation", ["relu", "tanh", "leaky relu"])
def test_the_bound_bounds(activation):
    _, s = running(MLP(width=8, depth=3, activation=activation))
    for tau in (0.0, 0.3, 0.8, 1.2, 5.0):
        assert (recycling.cost(s, tau) <= recycling.bound(s, tau) * (1 + 1e-5)).all()


@pytest.mark.parametrize("name", ["MLP, LayerNorm", "MLP, CReLU", "ResidualMLP", "ConvNet1d"])
def test_the_bound_refuses_what_it_does_not_follow(name):
    _, s = running(NETS[name])
    with pytest.raises(ValueError, match="chain of plain layers"):
        recycling.bound(s, 0.1)


def test_the_lowest_are_taken_and_no_others():
    _, s = running()
    (_, _, last), (_, h) = read(s)
    useful = np.abs(h).mean(2) * np.abs(last).mean(1)
    found = recycling.cost_of_lowest(s, 0.375, "contribution").numpy()
    for r in range(len(SEEDS)):
        gone = np.argsort(useful[r], kind="stable")[:3]
        change = np.abs(last[r][:, gone] @ h[r][gone]).mean()
        assert found[r] == pytest.approx(change / np.abs(s.logits[r].numpy()).mean(), rel=1e-4)
    assert (recycling.cost_of_lowest(s, 0.0) == 0).all()
    with pytest.raises(ValueError, match="by"):
        recycling.cost_of_lowest(s, 0.5, "beauty")


def test_gradient_share_is_that_of_the_busiest_quarter():
    _, s = running()
    expected = []
    for layer in (0, 1):
        size = np.sort(recycling.gradient(s, layer).numpy(), axis=1)
        expected.append(size[:, -2:].sum(1) / size.sum(1))
    np.testing.assert_allclose(recycling.gradient_share(s), np.mean(expected, 0), rtol=1e-5)


def test_a_diary_holds_every_reset_and_changes_nothing():
    diary = recycling.Diary(0.1, maturity=2)
    plain = ContinualBackprop(0.1, maturity=2)
    pair = {"a": Condition(Adam(0.01), MLP(8)) + diary, "b": Condition(Adam(0.01), MLP(8)) + plain}
    found = run(LABELS, pair, SEEDS, use_cache=False)
    np.testing.assert_array_equal(found("accuracy", "a"), found("accuracy", "b"))
    # 8 units, mature from update 3 on; 18 updates: 0.8 units an update and layer are due, and
    # while they last only mature ones are counted
    assert {*diary.notes} == {*SEEDS}
    for notes in diary.notes.values():
        assert len(notes) > 10 and {layer for layer, _ in notes} == {0, 1}
        assert all(0 <= unit < 8 for _, unit in notes)


def test_costs_are_probes():
    probes = [given(recycling.cost, tau=0.1), given(recycling.cost_of_lowest, share=0.5)]
    found = run(LABELS, {"a": Condition(Adam(0.01), MLP(8))}, SEEDS, probes=probes)
    assert found.probes == ("cost, tau 0.1", "cost of lowest, share 0.5")
