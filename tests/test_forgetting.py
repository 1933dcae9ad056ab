"""Adam with a part of its memory emptied: theory, torch's Adam and plain arithmetic agree."""

import numpy as np
import pytest
import torch

from plastlab import theory
from plastlab.condition import Condition
from plastlab.data import Mnist1d
from plastlab.experiments.forgetting import WAYS, RateOnly, WatchedSoftReset, chart, emptied, empty
from plastlab.interventions import AdamReset, SoftReset
from plastlab.nets import MLP
from plastlab.optim import Adam
from plastlab.streams import RandomLabels
from plastlab.training import Training


def by_hand(jump, parts, beta1, beta2, count, steps):
    """Adam on one number, written out."""
    m = v = 0.0
    for _ in range(count):
        m, v = beta1 * m + (1 - beta1), beta2 * v + (1 - beta2)
    m, v = m * ("m" not in parts), v * ("v" not in parts)
    seen, sizes = count * ("count" not in parts), []
    for k in range(1, steps + 1):
        m = beta1 * m + (1 - beta1) * jump
        v = beta2 * v + (1 - beta2) * jump**2
        sizes.append(m / (1 - beta1 ** (seen + k)) / (v / (1 - beta2 ** (seen + k))) ** 0.5)
    return sizes


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("jump", [0.05, 1.0, 40.0, -3.0])
@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.9, 0.9), (0.5, 0.99)])
def test_the_theory_is_adam_written_out(way, jump, betas):
    found = theory.adam_step_after_jump(jump, 30, *betas, 400, WAYS[way])
    np.testing.assert_allclose(found, by_hand(jump, WAYS[way], *betas, 400, 30), rtol=1e-9)


def test_a_settled_memory_is_a_memory_of_many_updates():
    for parts in WAYS.values():
        long = theory.adam_step_after_jump(7.0, 20, count=10**6, forget=parts)
        np.testing.assert_allclose(theory.adam_step_after_jump(7.0, 20, forget=parts), long)


def test_the_first_steps_without_a_jump_are_known_numbers():
    first = {w: theory.adam_step_after_jump(1.0, 1, forget=p)[0] for w, p in WAYS.items()}
    root = 1000**0.5
    known = [1, 0.1, root, 10 / root, 0.1 * root, 1 / root, 10, 1]
    np.testing.assert_allclose(list(first.values()), known)


def test_torch_does_what_the_theory_says():
    found = empty(20.0, seeds=2, steps=30, count=300)
    assert list(found) == list(WAYS)
    for one in found.values():
        assert one.step_size.shape == (2, 30)
        assert one.error.max() < 1e-3


def test_equal_betas_and_other_optimizers_are_taken():
    found = empty(optimizer=Adam(0.01, beta2=0.9), seeds=1, steps=5, count=200)
    assert found["c"].step_size[0, 0] == pytest.approx(10**0.5, rel=1e-3)


def test_seeds_stand_alone_and_the_state_of_torch_is_left_alone():
    before = torch.get_rng_state()
    both = empty(2.0, seeds=[3, 8], steps=5, count=50)
    one = empty(2.0, seeds=[8], steps=5, count=50)
    for way in WAYS:
        np.testing.assert_array_equal(both[way].step_size[1:], one[way].step_size)
    assert torch.equal(before, torch.get_rng_state())


def test_letters_name_the_parts():
    assert emptied("vc") == AdamReset(m=False)
    assert emptied("all") == AdamReset()
    with pytest.raises(ValueError, match="way"):
        emptied("mvc")
    with pytest.raises(ValueError, match="forget"):
        theory.adam_step_after_jump(1.0, 3, forget=("x",))


def test_the_chart_has_a_bar_for_the_theory_and_two_dots_a_seed():
    found = empty(seeds=3, steps=20, count=200)
    bars, *dots = chart(found, "nothing changes", 3.0).marks
    assert bars.label == "first, theory" and bars.names == tuple(WAYS)
    np.testing.assert_allclose(bars.y, np.log10([one.expected[0] for one in found.values()]))
    assert [len(own.x) for own in dots] == [3] * 16


def weights(acts, steps):
    """Weights after so many updates, each condition's own [seeds, P]."""
    stream = RandomLabels(Mnist1d(examples=32), tasks=2, steps=20, batch=16)
    base = Condition(Adam(0.01), MLP(width=8))
    training = Training(stream, {n: base + act for n, act in acts.items()}, seeds=2)
    training.advance(steps)
    found = {}
    for shard in training._shards:
        for name in shard.names:
            found[name] = shard.blocks[name].state.weights.flat.clone()
    return found


def test_a_watched_soft_reset_is_a_soft_reset_with_a_diary():
    watched = WatchedSoftReset(drift=0.5)
    found = weights({"plain": SoftReset(drift=0.5), "watched": watched}, 25)
    torch.testing.assert_close(found["plain"], found["watched"], rtol=0, atol=0)
    rates = np.array([watched.notes[seed] for seed in (0, 1)])
    assert rates.shape == (2, 25)
    assert rates.min() == 1 and 1 < rates.max() < 1 / 0.7**2


def test_a_rate_without_drift_is_adam_where_the_rate_is_not_raised():
    found = weights({"kept": SoftReset(drift=0.0), "rate": RateOnly(drift=0.5, spread=1.0)}, 25)
    torch.testing.assert_close(found["rate"], found["kept"], rtol=1e-5, atol=1e-6)
    raised = weights({"kept": SoftReset(drift=0.0), "rate": RateOnly(drift=0.5)}, 25)
    assert not torch.allclose(raised["rate"], raised["kept"], atol=1e-4)
