"""Adam after a quiet stretch: the formula against its limits, and against drawn gradients."""

import numpy as np
import pytest

from plastlab import theory


def drawn(jump, beta1, beta2, count, agreement, steps=30, entries=20_000):
    """Root mean square steps of Adam, written out, from m = 0 and a corrected v of 1."""
    rng = np.random.default_rng(0)
    sign = rng.choice([-1.0, 1.0], entries)
    m, v = np.zeros(entries), np.full(entries, 1 - beta2**count)
    sizes = []
    for k in range(1, steps + 1):
        noise = rng.normal(size=entries)
        g = jump * (agreement**0.5 * sign + (1 - agreement) ** 0.5 * noise)
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
        ms, vs = m / (1 - beta1 ** (count + k)), v / (1 - beta2 ** (count + k))
        sizes.append(np.sqrt((ms**2 / vs).mean()))
    return np.array(sizes)


def test_a_jump_without_end_gives_the_formula_of_the_text():
    steps = theory.adam_step_after_quiet(1e9, 200)
    k = np.arange(1, 201)
    np.testing.assert_allclose(steps, (1 - 0.9**k) / np.sqrt(1 - 0.999**k), rtol=1e-9)
    assert steps[0] == pytest.approx(3.162, abs=1e-3)
    assert (steps.max(), steps.argmax() + 1) == (pytest.approx(6.57, abs=0.01), 12)


def test_equal_betas_never_exceed_the_learning_rate():
    for beta in (0.5, 0.9, 0.99):
        assert theory.adam_step_after_quiet(1e6, 500, beta, beta).max() <= 1 + 1e-12


@pytest.mark.parametrize("count", [50, 500, 5000])
@pytest.mark.parametrize("jump", [0.1, 5.0, 200.0])
def test_full_agreement_is_exact(jump, count):
    expected = drawn(jump, 0.9, 0.999, count, 1.0, entries=1)
    steps = theory.adam_step_after_quiet(jump, 30, count=count)
    np.testing.assert_allclose(steps, expected, rtol=1e-10)


@pytest.mark.parametrize("agreement", [0.0, 0.2, 0.7])
def test_with_noise_it_is_near_what_is_drawn(agreement):
    expected = drawn(5.0, 0.9, 0.999, 500, agreement)
    steps = theory.adam_step_after_quiet(5.0, 30, count=500, agreement=agreement)
    np.testing.assert_allclose(steps, expected, rtol=0.1)  # v is noisy, too


def test_an_erased_memory_takes_usual_steps_and_the_jump_does_not_matter():
    for jump in (0.01, 1.0, 100.0):
        steps = theory.adam_step_after_quiet(jump, 30, count=0)
        np.testing.assert_allclose(steps, 1.0)


def test_jumps_and_agreements_of_many_seeds_come_together():
    both = theory.adam_step_after_quiet(np.array([2.0, 9.0]), 7, agreement=np.array([1.0, 0.3]))
    one = [theory.adam_step_after_quiet(j, 7, agreement=a) for j, a in ((2.0, 1.0), (9.0, 0.3))]
    np.testing.assert_allclose(both, one)
