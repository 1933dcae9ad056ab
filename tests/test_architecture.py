"""Interventions on the architecture build what they name, refuse what they cannot do, and normalize
inputs as numpy does."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from small import LABELS, NETS, OPTIMIZERS, draws, trained, twin, weights
from torch import nn

from plastlab.condition import Condition
from plastlab.interventions import (
    L2,
    AdaLin,
    CReLU,
    DeepFourierFeatures,
    InputNormalization,
    LayerNorm,
    LayerNormInputs,
    LeakyReLU,
    NoisyNet,
    PlasticityInjection,
    PReLU,
    Rational,
    SpectralNormalization,
)
from plastlab.losses import CrossEntropy
from plastlab.nets import MLP, ConvNet1d, ResidualMLP
from plastlab.nets.modules import Module
from plastlab.optim import SGD, Adam
from plastlab.shard import Shard

ACTIVATING = {
    LeakyReLU(): "leaky relu",
    PReLU(): "prelu",
    AdaLin(): "adalin",
    AdaLin("tanh"): "adalin tanh",
    CReLU(): "crelu",
    DeepFourierFeatures(): "fourier",
    Rational(): "rational",
}
NORMALIZING = {InputNormalization(): "running", LayerNormInputs(): "layer"}
EVERY = (*ACTIVATING, *NORMALIZING, LayerNorm())
EVERY_ONE = pytest.mark.parametrize("one", EVERY, ids=str)
KINDS = {"layer": LayerNormInputs(), "running": InputNormalization()}
BOTH_NORMS = pytest.mark.parametrize("one", KINDS.values(), ids=KINDS)
DATA = replace(LABELS, data=replace(LABELS.data, examples=50))


@pytest.mark.parametrize(("one", "name"), ACTIVATING.items(), ids=str)
@pytest.mark.parametrize("net", NETS.values(), ids=NETS)
def test_each_unit_gets_the_activation_and_nothing_else_changes(one, name, net):
    assert (Condition(net=net) + one).spec == replace(net, activation=name)


@pytest.mark.parametrize(("one", "name"), NORMALIZING.items(), ids=str)
def test_inputs_are_normalized_and_nothing_else_changes(one, name):
    net = NETS["MLP"]
    assert (Condition(net=net) + one).spec == replace(net, input_norm=name)
    with_it, without = ((Condition(net=n) + LayerNorm()).spec for n in (one.network(net), net))
    networks = [spec.build(4, 3, (0, 5), "start") for spec in (with_it, without)]
    assert networks[0].weights.layout == networks[1].weights.layout
    assert torch.equal(networks[0].weights.flat, networks[1].weights.flat)
    assert networks[0].units == networks[1].units


@pytest.mark.parametrize("first", [*ACTIVATING], ids=str)
def test_two_activations_cannot_go_together(first):
    for second in ACTIVATING:
        if second != first:
            with pytest.raises(ValueError, match="cannot go together: both decide the same part"):
                Condition() + first + second
    both = (Condition() + first + LayerNorm()).spec
    assert both == MLP(activation=ACTIVATING[first], layer_norm=True)


def test_two_normalizations_of_the_inputs_cannot_go_together():
    with pytest.raises(ValueError, match="cannot go together"):
        Condition() + InputNormalization() + LayerNormInputs()


@EVERY_ONE
def test_a_users_module_is_not_changed_from_outside(one):
    own = Condition(net=Module(lambda inputs, outputs: nn.Linear(inputs, outputs)))
    with pytest.raises(ValueError, match="Module cannot be changed from outside.*in your factory"):
        own + one


def test_wrong_settings_are_explained():
    with pytest.raises(ValueError, match="AdaLin.base must be one of relu, tanh; got 'gelu'"):
        AdaLin("gelu")
    with pytest.raises(ValueError, match="MLP.input_norm must be one of None, layer, running"):
        MLP(input_norm="batch")
    with pytest.raises(ValueError, match="ResidualMLP.expansion must be .*at least 1; got 0"):
        ResidualMLP(expansion=0)


def test_simba_is_a_residual_network_with_wide_blocks():
    """Linear; LayerNorm, Linear to four times the width, ReLU, Linear back; LayerNorm, Linear."""
    simba = (Condition(net=ResidualMLP(8, 2, 4)) + InputNormalization()).spec
    shapes = simba.build(6, 3, (0,)).weights.layout.shapes
    block = [(8,), (8,), (32, 8), (32,), (8, 32), (8,)]
    assert [shape for _, shape in shapes] == [
        (8, 6), (8,), *block, *block, (8,), (8,), (3, 8), (3,),
    ]  # fmt: skip


def test_running_statistics_are_those_of_all_examples_so_far():
    """And of the start, mean 0 and variance 1, which counts as one more."""
    seeds = (4, 0)
    shard = Shard(DATA, {"a": Condition(SGD(0.1), NETS["MLP"]) + InputNormalization()}, seeds)
    buffers = shard.blocks["a"].state.buffers
    shard.advance(9)  # 6 in the first task, 3 in the second
    for r, seed in enumerate(seeds):
        seen = []
        for t, steps in ((0, 6), (1, 3)):
            x, order = DATA.task(t, (seed,)).x[0].numpy(), DATA.order(t, (seed,))[0].numpy()
            seen.append(x[order[:steps].ravel()])
        seen = np.concatenate(seen)
        mean = seen.sum(0) / (len(seen) + 1)
        square = (1 + (seen**2).sum(0)) / (len(seen) + 1)
        np.testing.assert_allclose(buffers["0.inputs.mean"][r], mean, atol=1e-5)
        np.testing.assert_allclose(buffers["0.inputs.variance"][r], square - mean**2, rtol=1e-4)
        assert buffers["0.inputs.count"][r] == len(seen) + 1


def test_a_batch_is_normalized_by_what_came_before_it():
    plain = Condition(SGD(0.1), NETS["MLP"])
    with_it = Shard(DATA, {"a": plain + InputNormalization()}, (0, 1))
    without = trained(DATA, {"a": plain}, (0, 1), 1)
    with_it.advance(1)
    torch.testing.assert_close(weights(with_it, "a", 1), weights(without, "a", 1))
    before = with_it.network.buffers.clone()
    with_it.advance(1)
    state = with_it.blocks["a"].state
    x = (state.x[1] - before["0.inputs.mean"][1]) / before["0.inputs.variance"][1].sqrt()
    model = twin(NETS["MLP"].build(12, 3, (1,), "start"), 0)
    model.load_state_dict({n: v[1] for n, v in without.network.weights.views.items()})
    torch.testing.assert_close(state.logits[1].T, model(x), rtol=0, atol=1e-3)


def test_statistics_depend_on_the_inputs_alone_and_no_optimizer_sees_them():
    quick, slow = (
        trained(DATA, {"a": Condition(optimizer, NETS["MLP"]) + InputNormalization()}, (0, 1))
        for optimizer in (Adam(0.1, weight_decay=0.1), SGD(0.001))
    )
    assert torch.equal(quick.network.buffers.flat, slow.network.buffers.flat)
    assert not torch.equal(quick.network.weights.flat, slow.network.weights.flat)
    assert not any("inputs" in name for name in quick.network.weights.views)


@BOTH_NORMS
@pytest.mark.parametrize("net", [*NETS.values(), MLP(depth=0)], ids=[*NETS, "linear"])
def test_normalized_networks_equal_their_torch_twins(one, net, double):
    network = one.network(net).build(12, 5, (3, 0))
    network.buffers.flat.copy_(draws(*network.buffers.flat.shape).abs() + 0.1)
    x, y = 3 * draws(2, 6, 12) + 1, draws(2, 6, 5).argmax(2)
    passed, room = network.forward(x), network.room()
    slope = CrossEntropy().gradient(passed.logits, y)
    network.backward(passed, slope, room, [None] * len(passed.hidden))
    for r in range(2):
        model = twin(network, r)
        answers = model(x[r])
        torch.testing.assert_close(passed.logits[r].T, answers)
        nn.functional.cross_entropy(answers, y[r]).backward()
        for name, parameter in model.named_parameters():
            torch.testing.assert_close(room.rows[name][r], parameter.grad)


def test_layer_norm_on_inputs_erases_size_and_level_and_running_statistics_do_not():
    """(1, 1) and (10, 10) become one point; of (1, 2), (10, 20) and (3, 700) only the order of the
    coordinates is left."""
    x = torch.tensor([[[1.0, 1], [10, 10], [1, 2], [10, 20], [3, 700], [2, 1]]])
    a, b, c, d, e, f = MLP(4, 1, input_norm="layer").build(2, 3, (0,)).forward(x).logits[0].T
    torch.testing.assert_close(a, b)
    torch.testing.assert_close(c, d, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(c, e, rtol=1e-3, atol=1e-3)
    assert (c - f).abs().max() > 0.1
    network = MLP(4, 1, input_norm="running").build(2, 3, (0,))
    network.buffers["0.inputs.mean"].fill_(5.0)
    network.buffers["0.inputs.variance"].fill_(20.0)
    answers = network.forward(x).logits[0].T
    assert torch.cdist(answers, answers).add_(torch.eye(6)).min() > 1e-2


@BOTH_NORMS
@pytest.mark.parametrize(
    "other",
    [NoisyNet(), PlasticityInjection(layers=9), SpectralNormalization(), CReLU(), LayerNorm()],
    ids=str,
)
def test_it_goes_with_other_changes_of_the_architecture(one, other):
    plain = Condition(Adam(0.01), MLP(8, 2))
    both, alone = (trained(DATA, {"a": plain + i + other}, (0, 1)) for i in (one, L2(0.0)))
    assert torch.isfinite(both.network.weights.flat).all()
    assert both.network.weights.layout == alone.network.weights.layout
    assert not torch.equal(both.network.weights.flat, alone.network.weights.flat)


@pytest.mark.parametrize("net", [MLP(8, 2), ConvNet1d(4)], ids=["MLP", "ConvNet1d"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("activation", ["prelu", "adalin tanh", "rational", "fourier"])
def test_trained_activations_follow_a_plain_torch_loop(net, optimizer, activation):
    shard = Shard(LABELS, {"a": Condition(optimizer, replace(net, activation=activation))}, (4, 0))
    models = [twin(shard.network, r) for r in range(2)]
    shard.advance(6)
    for r, seed in enumerate((4, 0)):
        model, task, order = models[r], LABELS.task(0, (seed,)), LABELS.order(0, (seed,))[0]
        kind = torch.optim.SGD if isinstance(optimizer, SGD) else torch.optim.Adam
        extra = {"momentum": 0.9} if isinstance(optimizer, SGD) else {}
        steps = kind(model.parameters(), optimizer.lr, **extra)
        for pick in order:
            steps.zero_grad()
            nn.functional.cross_entropy(model(task.x[0, pick]), task.y[0, pick]).backward()
            steps.step()
        for name, value in model.state_dict().items():
            torch.testing.assert_close(shard.network.weights[name][r], value, rtol=0, atol=1e-4)
