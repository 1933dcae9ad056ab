"""The recurrent network equals torch.nn.RNN: forward, gradient, and its start."""

import pytest
import torch
from small import check_backward, draws
from torch import nn

from plastlab.condition import Condition
from plastlab.data import Recall
from plastlab.interventions import ReDo
from plastlab.losses import CrossEntropy
from plastlab.nets.recurrent import Recurrent
from plastlab.optim import SGD
from plastlab.propagation import propagate
from plastlab.run import run
from plastlab.streams import Stationary

SEEDS, STEPS, FEATURES, CLASSES, BATCH, WIDTH = (3, 0), 6, 2, 3, 5, 4
INPUTS = STEPS * FEATURES
EVERY_KIND = pytest.mark.parametrize("activation", ["tanh", "relu", "identity"])


def built(activation="tanh", steps=STEPS):
    spec = Recurrent(WIDTH, steps, activation=activation)
    network = spec.build(steps * FEATURES, CLASSES, SEEDS)
    network.weights.flat.add_(0.3 * draws(*network.weights.flat.shape, key=1))
    return network


def twin(network, r, activation):
    """One replica as torch.nn has it."""
    rnn = nn.RNN(FEATURES, WIDTH, nonlinearity=activation, batch_first=True)
    last = nn.Linear(WIDTH, CLASSES)
    own = {name: view[r] for name, view in network.weights.views.items()}
    with torch.no_grad():
        rnn.weight_ih_l0.copy_(own["0.weight"])
        rnn.weight_hh_l0.copy_(own["0.recurrent.weight"])
        rnn.bias_ih_l0.copy_(own["0.bias"])
        rnn.bias_hh_l0.zero_()
        last.weight.copy_(own["1.weight"])
        last.bias.copy_(own["1.bias"])
    return rnn, last


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("steps", [1, STEPS])
def test_forward_and_gradient_equal_torchs_rnn(activation, steps, double):
    network = built(activation, steps)
    x, y = draws(len(SEEDS), BATCH, steps * FEATURES), draws(len(SEEDS), BATCH, CLASSES).argmax(-1)
    passed = network.forward(x)
    found = network.gradient(x, lambda logits: CrossEntropy().gradient(logits, y))
    for r in range(len(SEEDS)):
        rnn, last = twin(network, r, activation)
        states, _ = rnn(x[r].view(BATCH, steps, FEATURES))
        logits = last(states[:, -1])
        torch.testing.assert_close(passed.logits[r].T, logits)
        for h, state in zip(passed.hidden, states.unbind(1), strict=True):
            torch.testing.assert_close(h[r].T, state)
        nn.functional.cross_entropy(logits, y[r]).backward()
        expected = {
            "0.weight": rnn.weight_ih_l0,
            "0.recurrent.weight": rnn.weight_hh_l0,
            "0.bias": rnn.bias_ih_l0,
            "1.weight": last.weight,
            "1.bias": last.bias,
        }
        assert set(expected) == set(found.views)
        for name, parameter in expected.items():
            torch.testing.assert_close(found[name][r], parameter.grad)


@EVERY_KIND
def test_backward_equals_autograd_with_gradients_for_the_states_too(activation, double):
    network = built(activation)
    x, y = draws(len(SEEDS), BATCH, INPUTS), draws(len(SEEDS), BATCH, CLASSES).argmax(-1)
    check_backward(network, x, y)


@EVERY_KIND
def test_preactivations_are_what_the_states_came_from(activation, double):
    network = built(activation)
    passed = network.forward(draws(len(SEEDS), BATCH, INPUTS), before=True)
    f = {"tanh": torch.tanh, "relu": torch.relu, "identity": lambda z: z}[activation]
    assert len(passed.before) == STEPS
    for z, h in zip(passed.before, passed.hidden, strict=True):
        torch.testing.assert_close(f(z), h)


@pytest.mark.parametrize("radius", [0.5, 1.5])
def test_the_recurrent_matrix_starts_with_its_radius(radius):
    plain = Recurrent(20, 2, radius).build(4, 2, SEEDS).weights["0.recurrent.weight"].double()
    largest = torch.linalg.eigvals(plain).abs().amax(1)
    torch.testing.assert_close(largest, torch.full_like(largest, radius), rtol=1e-5, atol=0)
    turned = Recurrent(20, 2, radius, True).build(4, 2, SEEDS).weights["0.recurrent.weight"]
    square = (turned.mT @ turned).double()
    expected = (radius**2 * torch.eye(20)).expand_as(square).double()
    torch.testing.assert_close(square, expected, rtol=0, atol=1e-5)


def test_the_input_matrix_starts_with_its_gain():
    seeds = tuple(range(40))
    for settings, gain in (({}, 1.0), ({"activation": "relu"}, 2**0.5), ({"gain": 0.1}, 0.1)):
        weights = Recurrent(25, 2, **settings).build(8, 2, seeds).weights
        assert weights["0.weight"].std() == pytest.approx(gain / 2, 0.05)
        assert weights["0.bias"].abs().max() == 0


def test_torchs_start_is_torchs():
    weights = Recurrent(25, 2, start="torch").build(6, 2, tuple(range(40))).weights
    reference = nn.RNN(3, 25)
    for name, own in (("weight", "weight_ih_l0"), ("recurrent.weight", "weight_hh_l0")):
        drawn = weights[f"0.{name}"]
        assert drawn[0].shape == getattr(reference, own).shape
        assert drawn.abs().max() <= 0.2  # 1 / sqrt(25)
        assert drawn.std() == pytest.approx(0.2 / 3**0.5, 0.02)


def test_a_linear_orthogonal_network_keeps_gradients_through_time():
    kept = propagate(Recurrent(16, 30, orthogonal=True, activation="identity"), 2, inputs=60)
    assert kept.backward == pytest.approx(1.0, 1e-4)
    half = Recurrent(16, 30, 0.5, orthogonal=True, activation="identity")
    steps = propagate(half, 2, inputs=60).backward[0]
    assert steps[9] / steps[10] == pytest.approx(0.25, 1e-4)


def test_it_learns_to_recall():
    stream = Stationary(Recall(64, steps=5), tasks=1, steps=60, batch=16)
    result = run(stream, {"it": Condition(SGD(0.3), Recurrent(16, 5))}, 2, use_cache=False)
    assert result.last("accuracy", "it").min() > 0.9


def test_recall_shows_its_symbol_first_and_then_noise():
    data = Recall(200, steps=7, classes=3, noise=0.5)
    problem = data.draw((1,))
    x = problem.x[0].view(200, 7, 3)
    assert (x[:, 0].argmax(1) == problem.y[0]).all()
    assert (x[:, 0].sort(1).values == torch.tensor([0.0, 0.0, 1.0])).all()
    assert x[:, 1:].std() == pytest.approx(0.5, 0.05)
    assert problem.y[0].bincount().min() > 40


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Recurrent(steps=0), "Recurrent.steps must be"),
        (lambda: Recurrent(radius=0.0), "Recurrent.radius must be"),
        (lambda: Recurrent(activation="crelu"), "Recurrent.activation must be one of tanh"),
        (lambda: Recurrent(layer_norm=True), "Recurrent.layer_norm must be False"),
        (lambda: Recurrent(batch_norm=True), "Recurrent.batch_norm must be False"),
        (lambda: Recurrent(radius=0.5, start="torch"), "sets the recurrent matrix itself"),
        (lambda: Recurrent(steps=5).build(12, 2, (0,)), "steps must divide the number of inputs"),
    ],
)
def test_wrong_settings_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_its_units_cannot_be_recycled():
    stream = Stationary(Recall(16, steps=3), tasks=1, steps=4, batch=4)
    with pytest.raises(ValueError, match="needs to know the network's units"):
        run(stream, {"it": Condition(SGD(), Recurrent(4, 3)) + ReDo(every=2)}, 1, use_cache=False)
