"""Modules that a reader writes and that cannot be trained are refused, with a remedy."""

import copy
import itertools
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from small import LABELS, trained
from torch import nn

from plastlab.condition import Condition
from plastlab.nets.modules import Module
from plastlab.optim import Adam
from plastlab.probes import dead_units, loss
from plastlab.run import run
from plastlab.training import Training


def net(inputs, outputs):
    return nn.Sequential(nn.Linear(inputs, 6), nn.ReLU(), nn.Linear(6, outputs))


def of(*layers):
    """A factory of these layers behind each other."""
    return lambda inputs, outputs: nn.Sequential(*[make(inputs, outputs) for make in layers])


def forward(act, layers=net):
    """A factory of a module that answers act(layers, x)."""

    class Mine(nn.Module):
        def __init__(self, inputs, outputs):
            super().__init__()
            self.layers, self.calls = layers(inputs, outputs), 0

        def forward(self, x):
            return act(self, x)

    return Mine


ONE_MODULE, BASE = net(12, 3), net(12, 3)
COUNT = itertools.count()


def seeded(inputs, outputs):
    torch.manual_seed(0)
    return net(inputs, outputs)


def counting(inputs, outputs):
    module = net(inputs, outputs)
    with torch.no_grad():
        module[0].weight.add_(next(COUNT))
    return module


def count(self, x):
    self.calls += 1
    return self.layers(x) * self.calls


def branch(self, x):
    return self.layers(x) if x.sum() > 0 else self.layers(-x)


def add(self, x):
    h = self.layers[1](self.layers[0](x))
    h += 1
    return self.layers[2](h)


def linear(inputs, outputs):
    return nn.Linear(inputs, outputs)


class Forwardless(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.layer = nn.Linear(inputs, outputs)


class Reader(nn.Module):
    def __init__(self, inputs, outputs, kind):
        super().__init__()
        self.layer, self.head = kind(1, 5), nn.Linear(5, outputs)

    def forward(self, x):
        return self.head(self.layer(x.mT[..., None])[0][-1])


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        (lambda i, o: ONE_MODULE, "hands out the same module.*Make the module inside the factory"),
        (seeded, "sets torch's seed itself.*Leave out torch.manual_seed"),
        (lambda i, o: copy.deepcopy(BASE), "the same start for every seed.*can be frozen"),
        (counting, "two different starts for one seed: it keeps a state .*torch.randn, nn.init"),
        (of(linear, lambda i, o: nn.BatchNorm1d(o)), "not support BatchNorm .layer '1'.*LayerNorm"),
        (
            of(linear, lambda i, o: nn.BatchNorm1d(o, track_running_stats=False)),
            r"does not support BatchNorm .*nn.GroupNorm, or .*MLP\(batch_norm=True\)",
        ),
        (
            of(lambda i, o: nn.utils.parametrizations.spectral_norm(nn.Linear(i, o))),
            r"does not support buffers.*requires_grad=False\), which is never trained",
        ),
        (of(lambda i, o: nn.LazyLinear(o)), "not support lazy layers: '0.weight' .*nn.Linear"),
        (of(linear, lambda i, o: nn.Dropout(0.5)), r"random numbers, here '1' \(Dropout\).*eval"),
        (of(linear, lambda i, o: nn.RReLU()), r"draws random numbers, here '1' \(RReLU\)"),
        (forward(lambda m, x: F.dropout(m.layers(x))), "random numbers, here in a function"),
        (forward(lambda m, x: m.layers(x) * np.random.rand()), "two passes .* different answers"),
        (forward(count), "different answers. A module must keep nothing"),
        (lambda i, o: Reader(i, o, nn.LSTM), r"nn.LSTM \(layer 'layer'\).*Unroll nn.LSTMCell"),
        (lambda i, o: Reader(i, o, nn.GRU), "does not support nn.GRU"),
        (lambda i, o: net(i + 1, o), r"fails on 2 examples \[2, 12\]: mat1.*take `inputs` numbers"),
        (lambda i, o: net(i, o + 1), r"must return a tensor of torch.float32 \[2, 3\].*\[2, 4\]"),
        (forward(lambda m, x: (m.layers(x), x)), "must return one tensor .*got tuple"),
        (forward(lambda m, x: m.layers(x).argmax(1)), r"got torch.int64 \[2\]"),
        (forward(lambda m, x: m.layers(x).sum(0)), r"got torch.float32 \[3\].*keep the first axis"),
        (forward(lambda m, x: m.layers(x).squeeze()), r"\[1, 3\] for 1 examples; got .*\[3\]"),
        (forward(lambda m, x: m.layers(x).detach()), "do not depend on the parameters"),
        (forward(lambda m, x: m.layers(x.add_(1))), r"writes over its inputs.*x = x \+ 1"),
        (forward(add), r"writes over what layer 'layers.1' gave.*Write x = x \+ y"),
        (forward(branch), "not for many at once .*torch.where"),
        (lambda i, o: net(i, o).double(), "'0.weight' must be of torch.float32.*float64.*double"),
        (lambda i, o: net(i, o).half(), "must be of torch.float32, as the data; got torch.float16"),
        (lambda i, o: nn.Linear(i, o, dtype=torch.complex64), "got torch.complex64"),
        (lambda i, o: nn.Linear(i, o, device="meta"), "must lie on the CPU; got device meta"),
        (
            of(linear, lambda i, o: nn.Linear(0, o)),
            r"'1.weight' has no entries; .*\[3, 0\]",
        ),
        (lambda i, o: nn.Flatten(), "has nothing to train: it has no parameter"),
        (lambda i, o: net(i, o).requires_grad_(False), "train: every parameter is frozen"),
        (Forwardless, "the forward pass fails .*missing the required"),
    ],
)
def test_a_module_that_cannot_be_trained_is_refused_at_the_door(factory, message):
    conditions = {"a": Condition(Adam(0.01), Module(factory))}
    before = torch.get_rng_state()
    for start in (lambda: Training(LABELS, conditions, 1), lambda: run(LABELS, conditions, 2)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's own, of an empty or a lazy layer
            with pytest.raises(ValueError, match=message):
                start()
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    "factory",
    [
        net,
        lambda i, o: nn.Linear(i, o),
        of(linear, lambda i, o: nn.Dropout(0.5).eval()),
        of(linear, lambda i, o: nn.GroupNorm(1, o)),
        lambda i, o: nn.utils.parametrizations.weight_norm(nn.Linear(i, o)),
        forward(lambda m, x: m.layers(x).clone().add_(1)),
    ],
)
def test_a_module_that_can_be_trained_is_let_in(factory):
    result = run(LABELS, {"a": Condition(Adam(0.01), Module(factory))}, 2, [loss], use_cache=False)
    assert np.isfinite(result("loss", "a")).all()


@pytest.mark.parametrize("value", [torch.zeros, torch.ones])
def test_a_start_that_is_set_may_be_the_same_for_every_seed(value):
    def still(inputs, outputs):
        module = nn.Linear(inputs, outputs)
        module.weight, module.bias = nn.Parameter(value(outputs, inputs)), None
        return module

    run(LABELS, {"a": Condition(Adam(0.01), Module(still))}, 2, [loss], use_cache=False)


@pytest.mark.parametrize("where", ["factory", "forward"])
def test_a_readers_own_error_comes_through_with_a_note(where):
    def fail(*_):
        raise LookupError("no such table")

    factory = fail if where == "factory" else forward(fail)
    with pytest.raises(LookupError, match="no such table") as caught:
        Training(LABELS, {"a": Condition(Adam(0.01), Module(factory))}, 2)
    (note,) = caught.value.__notes__
    assert (
        f"raised by {'your Module.factory(12, 3)' if where == 'factory' else 'the forward'}" in note
    )


def test_a_factory_takes_the_sizes():
    with pytest.raises(TypeError, match=r"function of \(inputs, outputs\); got .* takes \(\)"):
        Module(lambda: net(12, 3))


def test_hidden_units_are_found_in_activation_modules_and_so_it_is_said():
    bare = forward(lambda m, x: m.layers(x).relu(), linear)
    shard = trained(LABELS, {"a": Condition(Adam(0.01), Module(bare))}, (0, 1), 2)
    with pytest.raises(ValueError, match=r"activation modules give \(nn.ReLU.*of torch.relu"):
        shard.measure(dead_units)
