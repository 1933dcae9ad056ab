"""Adam with a part of its memory emptied: theory, torch's Adam and plain arithmetic agree."""

import numpy as np
import pytest
import torch

from plastlab import theory
from plastlab.forgetting import WAYS, emptied, empty
from plastlab.interventions import AdamReset
from plastlab.optim import Adam


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


@pytest.mark.parametrize("way", WAYS)
def test_torch_does_what_the_theory_says(way):
    found = empty(way, 20.0, seeds=2, steps=30, numbers=4, count=300)
    assert found.error.max() < 1e-3
    assert found.step_size.shape == (2, 30)


def test_equal_betas_and_other_optimizers_are_taken():
    found = empty("c", optimizer=Adam(0.01, beta2=0.9), seeds=1, steps=5, numbers=3, count=200)
    assert found.step_size[0, 0] == pytest.approx(10**0.5, rel=1e-3)


def test_seeds_stand_alone_and_the_state_of_torch_is_left_alone():
    before = torch.get_rng_state()
    both = empty("mv", 2.0, 0.3, seeds=[3, 8], steps=5, numbers=20, count=50)
    one = empty("mv", 2.0, 0.3, seeds=[8], steps=5, numbers=20, count=50)
    np.testing.assert_allclose(both.step_size[1:], one.step_size, rtol=1e-6)
    assert torch.equal(before, torch.get_rng_state())


def test_letters_name_the_parts():
    assert emptied("vc") == AdamReset(m=False)
    assert emptied("all") == AdamReset()
    with pytest.raises(ValueError, match="way"):
        emptied("mvc")
    with pytest.raises(ValueError, match="forget"):
        theory.adam_step_after_jump(1.0, 3, forget=("x",))
