"""What the state tells interventions and probes, and its surgeries, against plain loops."""

from dataclasses import dataclass, replace

import pytest
import torch
from small import LABELS, NETS, trained, twin

from plastlab.condition import Condition
from plastlab.interventions import Intervention
from plastlab.nets import ConvNet1d
from plastlab.nets.layers import Layer, Linear
from plastlab.nets.modules import Module
from plastlab.nets.network import Network, Units
from plastlab.optim import SGD, Adam
from plastlab.probes import accuracy, loss
from plastlab.rows import Layout, Rows

SEEDS = (5, 2)
DEEP_NETS = {
    **NETS,
    "ConvNet1d, CReLU": ConvNet1d(channels=5, activation="crelu"),
    "ConvNet1d, LayerNorm": ConvNet1d(channels=5, layer_norm=True),
}
EVERY_NET = pytest.mark.parametrize("net", DEEP_NETS.values(), ids=DEEP_NETS)


def running(net, updates=9, optimizer=None):
    shard = trained(LABELS, {"a": Condition(optimizer or Adam(0.01), net)}, SEEDS, updates)
    return shard, shard.blocks["a"].state


@EVERY_NET
def test_incoming_and_outgoing_weights_of_a_unit_are_those_that_matter_to_it(net):
    """Cut a unit's outgoing weights: nothing downstream hears it. Cut its incoming weights: it
    no longer depends on the layer below."""
    _, state = running(net)
    x = torch.randn(2, 16, 12, generator=torch.Generator().manual_seed(0))
    layout = state.weights.layout
    for unit in state.network.units:
        positions = Rows(layout, torch.arange(layout.width).expand(2, -1).clone())
        entries = unit.outgoing_of(positions)[0, 3]
        matrix = layout.spans[f"{unit.outgoing}weight"][0]
        assert all(matrix.start <= entry < matrix.stop for entry in entries.tolist())
        assert len(set(entries.tolist())) == len(entries)
        weights = state.weights.clone()
        weights.flat[:, entries] = 0.0
        cut = state.network.twin(weights, state.buffers)
        silenced = cut.forward(x).logits
        weights[f"{unit.incoming}weight"][:, 3] += 1.0
        if not unit.own:  # else its normalization tells the other units
            torch.testing.assert_close(cut.forward(x).logits, silenced, rtol=0, atol=1e-6)
        own = unit.incoming_of(positions)[0, 3]
        assert torch.equal(own, positions[f"{unit.incoming}weight"][0, 3].flatten())


@EVERY_NET
def test_activity_gathers_all_that_a_unit_says(net):
    _, state = running(net)
    for unit, h in zip(state.network.units, state.hidden, strict=True):
        found = unit.activity(h)
        units = h.shape[1] // unit.copies
        assert found.shape == (2, units, unit.copies * h[0, 0].numel())
        expected = torch.cat([h[1, 2 + half * units].flatten() for half in range(unit.copies)])
        assert torch.equal(found[1, 2], expected)


@pytest.mark.parametrize("net", [NETS["MLP"], NETS["MLP, LayerNorm"], NETS["ConvNet1d"]])
def test_preactivations_are_the_inputs_of_the_nonlinearities(net):
    _, state = running(net)
    plain, inputs = twin(state.network, 1), []
    for layer in plain:
        if isinstance(layer, torch.nn.ReLU):
            layer.register_forward_pre_hook(lambda m, i: inputs.append(i[0].detach().clone()))
    plain(state.x[1])
    for z, h, expected in zip(state.preactivations, state.hidden, inputs, strict=True):
        torch.testing.assert_close(z[1], expected.movedim(0, -1), rtol=1e-4, atol=1e-5)
        assert (z < 0).any()  # nothing was clipped in place
        assert h.shape == z.shape


def test_preactivations_of_a_users_module():
    def factory(inputs, outputs):
        return torch.nn.Sequential(
            torch.nn.Linear(inputs, 6), torch.nn.Tanh(), torch.nn.Linear(6, outputs)
        )

    _, state = running(Module(factory))
    (z,), (h,) = state.preactivations, state.network.forward(state.x).hidden
    torch.testing.assert_close(torch.tanh(z), h)
    assert z.shape == h.shape == (2, 6, 8)


def test_asking_for_preactivations_changes_no_number():
    @dataclass(frozen=True)
    class Look(Intervention):
        def after_backward(self, s, mem):
            assert s.preactivations

    plain = Condition(Adam(0.01), NETS["MLP"])
    first, second = (trained(LABELS, {"a": c}, SEEDS) for c in (plain, plain + Look()))
    assert torch.equal(first.network.weights.flat, second.network.weights.flat)


@EVERY_NET
def test_the_gradient_of_any_loss_on_any_inputs(net):
    _, state = running(net)
    own = torch.Generator().manual_seed(3)
    x, targets = torch.randn(2, 7, 12, generator=own), torch.randn(2, 3, 7, generator=own)
    kept = state.gradients.clone()
    found = state.network.gradient(x, lambda logits: 2 * (logits - targets))
    plain = twin(state.network, 1)
    (plain(x[1]).mT - targets[1]).square().sum().backward()
    for name, parameter in plain.named_parameters():
        torch.testing.assert_close(found[name][1], parameter.grad, rtol=1e-3, atol=1e-4)
    assert torch.equal(state.gradients.flat, kept.flat)


def test_initial_is_the_network_before_the_first_update():
    shard = trained(LABELS, {"a": Condition(Adam(0.01), NETS["MLP"])}, SEEDS, 0)
    start = shard.network.weights.clone()
    shard.advance(9)
    assert torch.equal(shard.blocks["a"].state.initial().weights.flat, start.flat)
    assert not torch.equal(shard.network.weights.flat, start.flat)


def test_the_state_counts_updates_since_the_boundary():
    seen = []

    @dataclass(frozen=True)
    class Watch(Intervention):
        def at_task(self, s, mem):
            seen.append(("boundary", s.task, s.step, s.task_step))

        def after_backward(self, s, mem):
            seen.append(("update", s.task, s.step, s.task_step))

    stream = replace(LABELS, tasks=2, steps=2)
    trained(stream, {"a": Condition(Adam(), NETS["MLP"]) + Watch()}, (0,))
    assert seen == [
        ("update", 0, 0, 0),
        ("update", 0, 1, 1),
        ("boundary", 1, 2, 0),
        ("update", 1, 2, 0),
        ("update", 1, 3, 1),
    ]


@dataclass(frozen=True)
class Slower(Intervention):
    """A learning-rate schedule: a factor that may depend on the step."""

    factor: float = 0.5

    def after_backward(self, s, mem):
        s.lr.mul_(self.factor**s.step)


@pytest.mark.parametrize("optimizer", [Adam(0.01), SGD(0.1)])
def test_learning_rate_changes_compose_and_last_for_one_update(optimizer):
    condition = Condition(optimizer, NETS["MLP"])
    rates = []

    @dataclass(frozen=True)
    class Read(Intervention):
        def after_step(self, s, mem):
            rates.append(s.lr[0].item())

    trained(LABELS, {"a": condition + Slower(0.5) + Slower(0.1) + Read()}, SEEDS, 4)
    assert rates == pytest.approx([optimizer.lr * 0.05**step for step in range(4)])


def test_the_condition_s_own_learning_rate_can_be_changed_for_good():
    shard = trained(LABELS, {"a": Condition(SGD(0.1), NETS["MLP"]) + Slower(1.0)}, SEEDS, 2)
    shard.blocks["a"].state.base_lr.fill_(0.0)
    before = shard.network.weights.clone()
    shard.advance(2)
    assert torch.equal(shard.network.weights.flat, before.flat)


@EVERY_NET
def test_fresh_units_depend_on_seed_and_step_and_on_nobody_else(net):
    _, state = running(net)
    other = trained(LABELS, {"a": Condition(Adam(0.01), net)}, (2, 9, 5), 9).blocks["a"].state
    unit = state.network.units[0]
    for one, row, mates in ((state, 1, ()), (other, 0, (1, 2))):
        mask = torch.zeros(len(one.seeds), one.weights[f"{unit.incoming}weight"].shape[1]).bool()
        mask[[row, *mates], 2] = True
        one.reset_units(0, mask)
    first = state.weights[f"{unit.incoming}weight"][1, 2]
    assert torch.equal(first, other.weights[f"{unit.incoming}weight"][0, 2])
    assert not torch.equal(first, other.weights[f"{unit.incoming}weight"][1, 2])


@pytest.mark.parametrize("name", ["MLP", "MLP, CReLU", "ConvNet1d"])
def test_what_a_recycled_unit_gave_on_average_moves_to_the_next_bias(name):
    """A unit whose output is constant is replaced without any change of the answers."""
    _, state = running(DEEP_NETS[name])
    x = torch.randn(2, 16, 12, generator=torch.Generator().manual_seed(0))
    for layer, unit in enumerate(state.network.units):
        if state.weights[f"{unit.outgoing}weight"].dim() == 4:
            continue  # at the edges of a convolution a constant is not a bias
        state.weights[f"{unit.incoming}weight"][:, 2] = 0.0
        state.weights[f"{unit.incoming}bias"][:, 2] = 0.7
        passed = state.network.forward(x)
        h = passed.hidden[layer]
        inputs = state.weights[f"{unit.outgoing}weight"].shape[2]
        mean = h.reshape(2, inputs, -1).mean(2)
        mask = torch.zeros(2, h.shape[1] // unit.copies).bool()
        mask[:, 2] = True
        state.reset_units(layer, mask, mean)
        torch.testing.assert_close(
            state.network.forward(x).logits, passed.logits, rtol=1e-4, atol=1e-5
        )
        assert (unit.outgoing_of(state.weights)[:, 2] == 0).all()


class Shift(Layer):
    """Adds a constant that is never trained."""

    buffers = {"shift": (3,)}

    def start(self, name, shape, generator):
        return torch.arange(3.0)

    def forward(self, parameters, h, trace):
        (shift,) = parameters
        return h + shift.unsqueeze(2), None


def test_buffers_take_part_and_are_never_trained():
    layers = (Linear(4, 3, 1.0, first=True), Shift())
    network = Network.draw(layers, (Units("0.", "0."),), (0, 1), ("start",))
    assert network.weights.layout.shapes == (("0.weight", (3, 4)), ("0.bias", (3,)))
    assert network.buffers["1.shift"].tolist() == [[0.0, 1.0, 2.0]] * 2
    x = torch.randn(2, 5, 4)
    expected = x @ network.weights["0.weight"].mT + torch.arange(3.0)
    torch.testing.assert_close(network.forward(x).logits.mT, expected)
    network.select(slice(1, 2)).buffers["1.shift"].fill_(7.0)
    assert network.buffers["1.shift"].tolist() == [[0.0, 1.0, 2.0], [7.0] * 3]
    found = network.gradient(x, lambda logits: torch.ones_like(logits))
    assert found.layout == network.weights.layout
    torch.testing.assert_close(found["0.bias"], torch.full((2, 3), 5.0))


@dataclass(frozen=True)
class Average(Intervention):
    """Answers held-out examples with zero weights: every logit is 0."""

    def answers_with(self, s, mem):
        return Rows(s.weights.layout, torch.zeros_like(s.weights.flat))


def test_held_out_examples_can_be_answered_with_other_weights():
    plain = Condition(Adam(0.01), NETS["MLP"])
    shard = trained(LABELS, {"plain": plain, "other": plain + Average()}, SEEDS, 9)
    before = shard.network.weights.clone()
    assert shard.measure(loss)["other"] == pytest.approx(torch.log(torch.tensor(3.0)).item())
    alone = trained(LABELS, {"plain": plain}, SEEDS, 9)
    assert shard.measure(accuracy)["plain"].tolist() == alone.measure(accuracy)["plain"].tolist()
    assert shard.batch(loss)["other"].tolist() == alone.batch(loss)["plain"].tolist()
    assert torch.equal(shard.network.weights.flat, before.flat)


@dataclass(frozen=True)
class Silence(Intervention):
    """Answers held-out examples with nan, or leaves it to others."""

    speaks: bool = True

    def answers_with(self, s, mem):
        flat = torch.full_like(s.weights.flat, torch.nan)
        return Rows(s.weights.layout, flat) if self.speaks else None


def test_of_several_interventions_the_last_that_answers_is_heard():
    plain = Condition(Adam(0.01), NETS["MLP"])
    conditions = {
        "average last": plain + Silence() + Average() + Silence(speaks=False),
        "silence last": plain + Average() + Silence(),
    }
    found = trained(LABELS, conditions, SEEDS, 3).measure(loss)
    assert found["average last"] == pytest.approx(torch.log(torch.tensor(3.0)).item())
    assert torch.tensor(found["silence last"]).isnan().all()


def test_a_layout_without_entries_is_allowed():
    rows = Rows.zeros(Layout(()), 3)
    assert rows.flat.shape == (3, 0)
    assert rows.views == {}
