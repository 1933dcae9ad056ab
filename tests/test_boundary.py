"""Crossings are what a Training does by hand, and simulated steps are what Adam does."""

import numpy as np
import pytest
import torch

from plastlab import plots
from plastlab.boundary import QUIET, Steps, cross, simulate
from plastlab.condition import Condition
from plastlab.data import Mnist1d
from plastlab.interventions import AdamReset, TunedAdam
from plastlab.nets import MLP
from plastlab.optim import SGD, Adam
from plastlab.probes import dead_units, loss
from plastlab.streams import RandomLabels
from plastlab.training import Training

LABELS = RandomLabels(Mnist1d(examples=64), tasks=2, steps=60, batch=16)
ADAM = Condition(Adam(0.01), MLP(width=8))
PAIR = {"kept": ADAM, "erased": ADAM + AdamReset(), "equal": ADAM + TunedAdam(beta2=0.9)}


@pytest.fixture(scope="module")
def crossed():
    return cross(LABELS, PAIR, seeds=3, steps=20)


def move(s):
    """Length of the last update."""
    return (s.weights.flat - s.previous.flat).norm(dim=1)


def test_a_crossing_is_a_training_watched(crossed):
    training = Training(LABELS, PAIR, seeds=3)
    training.advance(60)
    dead, moves, losses = [training.measure(dead_units)], [], []
    for _ in range(20):
        training.advance(1)
        moves.append(training.measure(move))
        dead.append(training.measure(dead_units))
        losses.append(training.measure(loss))
    size = 40 * 8 + 8 + 64 + 8 + 80 + 10
    for name, found in crossed.items():
        lengths = np.stack([m[name] for m in moves], 1) / 0.01 / size**0.5
        np.testing.assert_allclose(found.step_size, lengths, rtol=1e-4)
        np.testing.assert_array_equal(found.dead_units, np.stack([d[name] for d in dead], 1))
        np.testing.assert_array_equal(found.loss, np.stack([v[name] for v in losses], 1))
        np.testing.assert_array_equal(found.deaths(5), found.dead_units[:, 5] - dead[0][name])


def test_the_jump_is_what_the_gradients_of_the_past_say(crossed):
    training = Training(LABELS, PAIR, seeds=3)
    squares = {name: [] for name in PAIR}

    def square(s):
        return s.gradients.flat.square().sum(1)

    for _ in range(61):
        training.advance(1)
        for name, value in training.measure(square).items():
            squares[name].append(value)
    for name, beta2 in (("kept", 0.999), ("equal", 0.9)):
        past, now = np.array(squares[name][:60], float), squares[name][60]
        weights = beta2 ** np.arange(60)[::-1]
        remembered = (weights[:, None] * past).sum(0) / weights.sum()
        np.testing.assert_allclose(crossed[name].jump, np.sqrt(now / remembered), rtol=1e-3)
        assert crossed[name].count == 60
    assert crossed["erased"].count == 0
    np.testing.assert_array_equal(crossed["erased"].jump, 1)


def test_the_theory_foretells_the_first_steps_of_networks(crossed):
    for found in crossed.values():
        assert found.expected.shape == found.step_size.shape
        assert found.error(3).max() < 0.3
        assert ((found.agreement >= 0) & (found.agreement <= 1)).all()


def test_simulated_numbers_follow_the_theory():
    exact = simulate(20, seeds=2, steps=30)
    np.testing.assert_allclose(exact.step_size, exact.expected, rtol=2e-3)
    noisy = simulate(20, 0.2, seeds=2, steps=30)
    np.testing.assert_allclose(noisy.step_size, noisy.expected, rtol=0.2)
    assert noisy.error(30).max() < 0.06
    assert exact.count == 400 + QUIET and isinstance(exact, Steps)


def test_simulated_numbers_depend_on_their_seed_alone():
    both, one = simulate(5, 0.5, seeds=[3, 8], steps=5), simulate(5, 0.5, seeds=[8], steps=5)
    np.testing.assert_allclose(both.step_size[1:], one.step_size, rtol=1e-6)


def test_only_adam_crosses_and_only_two_tasks_have_a_boundary():
    with pytest.raises(TypeError, match="Adam"):
        cross(LABELS, {"sgd": Condition(SGD(0.1), MLP(width=8))}, steps=5)
    with pytest.raises(ValueError, match="tasks"):
        cross(RandomLabels(Mnist1d(examples=64), tasks=1), PAIR, steps=5)
    with pytest.raises(ValueError, match="steps"):
        cross(LABELS, PAIR, steps=61)


@pytest.mark.parametrize("quantity", ["step_size", "dead_units", "loss"])
def test_steps_are_drawn_seed_by_seed_with_the_theory_or_the_mean(crossed, quantity):
    plot = plots.steps({"": crossed}, quantity)
    (axes,) = plot.figure.axes
    assert len(axes.lines) == 3 * (3 + 1)
    thick = axes.lines[3].get_ydata()
    kept = crossed["kept"]
    expected = kept.expected if quantity == "step_size" else getattr(kept, quantity)
    np.testing.assert_allclose(thick, expected.mean(0))
    assert axes.lines[3].get_xdata()[0] == (0 if quantity == "dead_units" else 1)
    assert "kept: mean of 3 seeds" in plot.alt and ("theory" in plot.alt) == (
        quantity == "step_size"
    )


def test_panels_have_titles_and_numbers_have_no_deaths(crossed):
    plain = {"a": simulate(5, seeds=2, steps=20)}
    first, second = plots.steps({"numbers": plain, "networks": crossed}).figure.axes
    assert (first.get_title("left"), second.get_title("left")) == ("numbers", "networks")
    with pytest.raises(TypeError, match="dead_units comes from cross"):
        plots.steps({"numbers": plain}, "dead_units")
    with pytest.raises(ValueError, match="empty"):
        plots.steps({})


def test_the_state_of_torch_is_left_alone():
    before = torch.get_rng_state()
    simulate(5, 0.5, seeds=1, steps=3)
    assert torch.equal(before, torch.get_rng_state())


def test_two_steps_are_the_fewest_whose_gradients_can_agree():
    found = cross(LABELS, PAIR, seeds=2, steps=2)
    assert all(0 <= each <= 1 for crossing in found.values() for each in crossing.agreement)
    with pytest.raises(
        ValueError, match=r"cross: steps must be .*at least 2 and at most 60; got 1"
    ):
        cross(LABELS, PAIR, seeds=2, steps=1)
