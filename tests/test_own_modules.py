"""Modules that a reader writes are trained as torch would, and what is frozen in them stays."""

import inspect
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from small import LABELS, OPTIMIZERS, trained
from torch import nn

from plastlab import interventions
from plastlab.condition import Condition
from plastlab.interventions import Intervention
from plastlab.nets.modules import Module
from plastlab.optim import SGD, Adam, AdamW
from plastlab.probes import accuracy, dead_units, gradient_rank, hessian_rank, loss
from plastlab.training import Training

KINDS = [
    kind
    for kind in vars(interventions).values()
    if inspect.isclass(kind) and issubclass(kind, Intervention) and "Source: " in kind.__doc__
]


def net(inputs, outputs):
    return nn.Sequential(nn.Linear(inputs, 6), nn.ReLU(), nn.Linear(6, outputs))


class Fixed(nn.Module):
    """Frozen features that are drawn, a trained layer between, and a frozen scale that is set."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.features = nn.Linear(inputs, 8).requires_grad_(False)
        self.relu, self.middle, self.act = nn.ReLU(), nn.Linear(8, 6), nn.Tanh()
        self.head = nn.Linear(6, outputs)
        self.scale = nn.Parameter(torch.tensor([0.5, 2.0, 1.0]), requires_grad=False)

    def forward(self, x):
        return self.scale * self.head(self.act(self.middle(self.relu(self.features(x)))))


def frozen(shard):
    return shard.network.buffers.flat


@pytest.mark.parametrize(
    "optimizer",
    [*OPTIMIZERS.values(), AdamW(0.01, weight_decay=0.1), SGD(0.1, 0.9, 0.1), Adam(weight_decay=1)],
)
def test_what_is_frozen_is_never_trained_and_the_rest_is_as_torch_trains_it(optimizer):
    condition = Condition(optimizer, Module(Fixed))
    start = trained(LABELS, {"a": condition}, (0, 1), 0)
    end = trained(LABELS, {"a": condition}, (0, 1))
    assert set(start.network.buffers) == {"features.weight", "features.bias", "scale"}
    assert torch.equal(frozen(end), frozen(start))
    assert frozen(end)[0].ne(frozen(end)[1]).any()
    assert (end.network.weights.flat != start.network.weights.flat).any(1).all()


def test_a_partly_frozen_module_follows_a_plain_torch_loop():
    """With one batch a task, the order of examples does not matter."""
    shard = trained(LABELS, {"a": Condition(SGD(0.05, 0.9), Module(Fixed))}, (0, 3), 0)
    model = Fixed(12, 3)
    names = {**shard.network.weights.views, **shard.network.buffers.views}
    model.load_state_dict({name: view[1].clone() for name, view in names.items()})
    descent = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], 0.05, 0.9)
    for _ in range(8):
        shard.advance(1)
        x, y, _ = shard._last_batch
        descent.zero_grad()
        F.cross_entropy(model(x[1]), y[1]).backward()
        descent.step()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(names[name][1], parameter.detach(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_what_is_frozen_stays_under_every_intervention_or_it_is_refused(kind):
    soon = dict(kind.eager) | ({"every": 4} if hasattr(kind(), "every") else {})
    start = trained(LABELS, {"a": Condition(Adam(0.01), Module(Fixed))}, (0, 1), 0)
    try:
        condition = Condition(Adam(0.01), Module(Fixed)) + kind(**soon)
        end = trained(LABELS, {"a": condition}, (0, 1))
    except ValueError as refused:
        assert "Module" in str(refused)
        return
    assert torch.equal(frozen(end), frozen(start))


@pytest.mark.parametrize("probe", [accuracy, dead_units, gradient_rank, hessian_rank])
def test_probes_take_frozen_parameters(probe):
    shard = trained(LABELS, {"a": Condition(Adam(0.01), Module(Fixed))}, (0, 1), 8)
    assert np.isfinite(shard.measure(probe)["a"]).all()


def test_parameters_that_are_shared_or_not_used_are_trained_as_torch_does():
    class Tied(nn.Module):
        def __init__(self, inputs, outputs):
            super().__init__()
            self.first, self.act = nn.Linear(inputs, inputs), nn.Tanh()
            self.again, self.head = nn.Linear(inputs, inputs), nn.Linear(inputs, outputs)
            self.again.weight, self.idle = self.first.weight, nn.Linear(2, 2)

        def forward(self, x):
            return self.head(self.act(self.again(self.act(self.first(x)))))

    shard = trained(LABELS, {"a": Condition(SGD(0.1), Module(Tied))}, (0, 1), 0)
    assert "again.weight" not in shard.network.weights.views
    model = Tied(12, 3)
    views = shard.network.weights.views
    model.load_state_dict({n: v[1].clone() for n, v in views.items()}, strict=False)
    descent = torch.optim.SGD(model.parameters(), 0.1)
    shard.advance(1)
    x, y, _ = shard._last_batch
    F.cross_entropy(model(x[1]), y[1]).backward()
    descent.step()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(views[name][1], parameter.detach(), rtol=1e-4, atol=1e-6)
    assert np.isfinite(shard.measure(gradient_rank)["a"]).all()
    assert np.isfinite(shard.measure(hessian_rank)["a"]).all()


def test_an_activation_that_writes_over_its_input_has_the_preactivations_all_the_same():
    def written(inputs, outputs):
        return nn.Sequential(nn.Linear(inputs, 6), nn.ReLU(inplace=True), nn.Linear(6, outputs))

    found, wanted = (
        trained(LABELS, {"a": Condition(Adam(0.01), Module(f))}, (0, 1), 7) for f in (written, net)
    )
    assert torch.equal(found.network.weights.flat, wanted.network.weights.flat)
    (a,), (b,) = (shard.blocks["a"].state.preactivations for shard in (found, wanted))
    assert torch.equal(a, b)
    assert (a < 0).any()


@pytest.mark.parametrize("kind", ["attention", "cell"])
def test_torch_does_not_warn_at_every_update(kind):
    class Attending(nn.Module):
        def __init__(self, inputs, outputs):
            super().__init__()
            self.embed, self.head = nn.Linear(1, 4), nn.Linear(4, outputs)
            self.attend, self.cell = nn.MultiheadAttention(4, 2, batch_first=True), nn.GRUCell(4, 4)

        def forward(self, x):
            h = self.embed(x[..., None])
            if kind == "cell":
                return self.head(self.cell(h[:, 0], h[:, 1]))
            return self.head(self.attend(h, h, h, need_weights=False)[0].mean(1))

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        training = Training(LABELS, {"a": Condition(Adam(0.01), Module(Attending))}, 2)
        training.advance(3)
        training.measure(loss)
    assert [str(w.message) for w in caught] == []
    with pytest.warns(UserWarning, match="performance drop"):  # others hear it as before
        torch.func.vmap(lambda x, h: torch.gru_cell(x, h, *[torch.ones(12, 4)] * 2))(
            torch.ones(2, 1, 4), torch.ones(2, 1, 4)
        )


class Placed(nn.Module):
    """A table of one's own and one that torch knows as such, beside a matrix."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.positions = nn.Parameter(torch.ones(2, inputs))
        self.symbols = nn.Embedding(3, inputs)
        self.head = nn.Linear(inputs, outputs)

    def forward(self, x):
        return self.head(x + self.positions[1] + self.symbols.weight[2])


def test_tables_of_an_own_module_are_no_matrices():
    own = Module(Placed, tables=("positions",))
    layout = own.build(12, 3, (0,)).weights.layout
    assert layout.matrices == ("head.weight",)
    assert layout.tables == ("positions", "symbols.weight")
    assert Module(Placed).build(12, 3, (0,)).weights.layout.tables == ("symbols.weight",)
    with pytest.raises(ValueError, match=r"Module.tables: parameter must be one of .*'position'"):
        Module(Placed, tables=("position",)).build(12, 3, (0,))


def numpys(inputs, outputs):
    module = net(inputs, outputs)
    with torch.no_grad():
        module[0].weight.copy_(torch.from_numpy(np.random.randn(6, inputs)))
    return module


def test_what_a_factory_draws_from_numpy_follows_the_seed_too():
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    first, again, other = (
        Module(numpys).build(12, 3, seeds).weights["0.weight"][-1] for seeds in ((5,), (1, 5), (6,))
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    np.testing.assert_array_equal(np.random.get_state()[1], before)
