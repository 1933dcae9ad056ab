"""Adam after a jump of the gradient, by what of its memory is reset: the measured table, the closed
form, and the real optimizer memory agree."""

import math

import numpy as np
import pytest
import torch
from small import LABELS, NETS, trained

from plastlab import theory
from plastlab.condition import Condition
from plastlab.data import Gaussian
from plastlab.interventions import AdamReset
from plastlab.nets import MLP
from plastlab.optim import Adam
from plastlab.shard import Shard
from plastlab.streams import Stationary

ALL_PARTS = {"m": True, "v": True, "count": True}
RESETS = {
    "keep all": None,
    "full": AdamReset(),
    "moments only": AdamReset(count=False),
    "count only": AdamReset(m=False, v=False),
}
TABLE = [  # gradient after the jump, what is reset, first step, greatest step and when
    (0.01, "keep all", 0.90, None, None),
    (1, "keep all", 1.00, 1.00, None),
    (10, "keep all", 1.81, 5.19, 17),
    (100, "keep all", 3.28, 6.55, 12),
    (-100, "keep all", -2.7, 6.5, None),
    *[(k, "full", math.copysign(1, k), 1.00, None) for k in (0.01, 1, 10, 100, -100)],
    *[(k, "moments only", math.copysign(3.15, k), 6.55, 12) for k in (0.01, 1, 10, 100, -100)],
    (0.01, "count only", 0.29, None, None),
    (1, "count only", 0.32, None, None),
    (10, "count only", 0.58, None, None),
    (100, "count only", 1.04, None, None),
    (-100, "count only", -0.87, None, None),
]


def adam_steps(jump, reset, before=5000, after=200):
    """Steps, in learning rates and against a gradient of 1, of the real optimizer memory."""
    stream = Stationary(Gaussian(8, inputs=2, classes=2), tasks=1, steps=before + after, batch=1)
    shard, lr = Shard(stream, {"a": Condition(Adam(1e-3, eps=1e-12), MLP(depth=0))}, (0,)), 1e-3
    memory, gradients, steps = shard.memory, shard.gradients.rows, []
    with torch.no_grad():
        gradients.flat.fill_(1.0)
        for _ in range(before):
            memory.step(gradients)
        if reset is not None:
            shard.apply(reset, "a")
        gradients.flat.fill_(jump)
        for _ in range(after):
            shard.network.weights.flat.zero_()
            memory.step(gradients)
            steps.append(-shard.network.weights.flat[0, 0].item() / lr)
    return np.array(steps)


@pytest.fixture(scope="module")
def jumps():
    found = {}
    for jump, reset, *_ in TABLE:
        if (jump, reset) not in found:
            found[jump, reset] = adam_steps(jump, RESETS[reset])
    return found


@pytest.mark.parametrize(("jump", "reset", "first", "peak", "when"), TABLE)
def test_adam_reset_reproduces_the_table(jumps, jump, reset, first, peak, when):
    steps = jumps[jump, reset]
    assert steps[0] == pytest.approx(first, rel=0.02)
    if peak is not None:
        assert np.abs(steps).max() == pytest.approx(peak, rel=0.01)
    if when is not None:
        assert np.abs(steps).argmax() + 1 == when


@pytest.mark.parametrize("jump", [0.01, 1, 10, 100, -100])
def test_adam_after_a_jump_equals_the_closed_form(jumps, jump):
    kept = theory.adam_step_after_jump(jump, 200, count=5000)
    np.testing.assert_allclose(jumps[jump, "keep all"], kept, rtol=2e-3)
    settled = theory.adam_step_after_jump(jump, 200)
    np.testing.assert_allclose(jumps[jump, "keep all"], settled, rtol=1e-2)


@pytest.mark.parametrize("parts", [("m",), ("v",), ("count",), ("m", "v"), ("m", "v", "count"), ()])
def test_adam_reset_forgets_what_is_named_and_nothing_else(parts):
    shard = trained(LABELS, {"a": Condition(Adam(0.01), NETS["MLP"])}, (5, 2), 9)
    state, memory = shard.blocks["a"].state, shard.memory
    before, old = {n: getattr(memory, n).clone() for n in ALL_PARTS}, state.weights.clone()
    shard.apply(AdamReset(**{part: part in parts for part in ALL_PARTS}), "a")
    for part, value in before.items():
        expected = torch.zeros_like(value) if part in parts else value
        assert torch.equal(getattr(memory, part), expected), part
    assert torch.equal(state.weights.flat, old.flat)
