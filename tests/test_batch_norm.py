"""Batch normalization against torch.nn.BatchNorm1d: in training, on held-out examples, by autograd,
and in the networks that training, probes and resets see."""

import pytest
import torch
from small import LABELS, draws, trained
from torch import nn

from plastlab.condition import Condition
from plastlab.losses import CrossEntropy
from plastlab.nets import MLP, ConvNet1d, ResidualMLP
from plastlab.nets.layers import Trace
from plastlab.nets.normalization import BatchNorm
from plastlab.optim import SGD
from plastlab.probes import accuracy, loss, trainability_loss
from plastlab.shard import Shard
from plastlab.training import Training

UNITS, BATCH = 4, 7


@pytest.mark.parametrize("positions", [(), (5,)], ids=["units", "channels"])
@pytest.mark.parametrize("rate", [0.1, 1.0, None])
def test_layer_equals_torch(rate, positions, double):
    layer = BatchNorm(UNITS)
    weight, bias, mean = 1 + 0.3 * draws(2, UNITS), draws(2, UNITS), draws(2, UNITS) + 1
    running = mean.clone(), 1 + mean.square()
    h = 2 * draws(2, UNITS, *positions, BATCH) + 3
    modules = [nn.BatchNorm1d(UNITS, momentum=rate) for _ in range(2)]
    for r, module in enumerate(modules):
        module.load_state_dict({
            "weight": weight[r], "bias": bias[r], "running_mean": running[0][r],
            "running_var": running[1][r], "num_batches_tracked": torch.tensor(0),
        })  # fmt: skip
        module.train(rate is not None)
    y, saved = layer.forward((weight, bias, *running), h, Trace(rate=rate))
    slope, room = draws(*y.shape), [torch.full_like(weight, 9.0) for _ in range(2)]
    back = layer.backward((weight, bias, *running), room, saved, slope, [])
    for r, module in enumerate(modules):
        x = h[r].movedim(-1, 0).clone().requires_grad_()
        expected = module(x)
        torch.testing.assert_close(y[r].movedim(-1, 0), expected)
        wanted = torch.autograd.grad(
            expected, (x, module.weight, module.bias), slope[r].movedim(-1, 0)
        )
        found = back[r].movedim(-1, 0), room[0][r], room[1][r]
        torch.testing.assert_close(found, wanted)
        torch.testing.assert_close(running[0][r], module.running_mean)
        torch.testing.assert_close(running[1][r], module.running_var)


@pytest.mark.parametrize("batch", [2, 3])
def test_a_small_batchs_variance_is_torchs(batch, double):
    """Divided by one less than the batch: by 1 where there are two examples."""
    layer, h = BatchNorm(UNITS), draws(1, UNITS, batch)
    running = [torch.zeros(1, UNITS), torch.ones(1, UNITS)]
    layer.forward((torch.ones(1, UNITS), torch.zeros(1, UNITS), *running), h, Trace(rate=0.1))
    torch.testing.assert_close(running[0], 0.1 * h.mean(2))
    torch.testing.assert_close(running[1], 0.9 + 0.1 * h.var(2, correction=1))


def test_a_single_example_has_no_variance(double):
    layer, h = BatchNorm(UNITS), draws(1, UNITS, 1)
    running = [torch.zeros(1, UNITS), torch.ones(1, UNITS)]
    layer.forward((torch.ones(1, UNITS), torch.zeros(1, UNITS), *running), h, Trace(rate=0.1))
    torch.testing.assert_close(running[1], torch.full((1, UNITS), 0.9))


NETS = {
    "MLP": MLP(width=5, batch_norm=True),
    "ResidualMLP": ResidualMLP(width=5, blocks=2, batch_norm=True, layer_norm=False),
    "ConvNet1d": ConvNet1d(channels=3, batch_norm=True),
}


@pytest.mark.parametrize("net", NETS.values(), ids=NETS)
@pytest.mark.parametrize("rate", [0.1, None])
def test_networks_backward_equals_autograd(net, rate, double):
    network = net.build(12, 3, (5, 2))
    network.weights.flat.add_(0.3 * draws(*network.weights.flat.shape))
    x, y = draws(2, 6, 12), draws(2, 6, 3).argmax(2)
    passed, room = network.forward(x, rate=rate), network.room()
    network.backward(passed, CrossEntropy().gradient(passed.logits, y), room, [None] * 9)
    leaves = network.differentiable()
    again = leaves.forward(x, rate=rate and 0.0).logits
    total = CrossEntropy()(again, y).sum()
    wanted = torch.autograd.grad(total, list(leaves.weights.views.values()))
    for name, gradient in zip(leaves.weights.views, wanted, strict=True):
        torch.testing.assert_close(room.rows[name], gradient, rtol=1e-9, atol=1e-10)


def test_training_equals_a_torch_loop():
    """Ten updates of a torch.nn network from the same weights, and its answers afterwards."""
    net, stream = MLP(width=8, depth=2, batch_norm=True), LABELS
    network = net.build(12, 3, (3,), "start")
    module = nn.Sequential(
        nn.Linear(12, 8), nn.BatchNorm1d(8), nn.ReLU(),
        nn.Linear(8, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3),
    )  # fmt: skip
    own = {name: view[0].clone() for name, view in network.weights.views.items()}
    module.load_state_dict(own, strict=False)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    problem, order = stream.task(0, (3,)), stream.order(0, (3,))
    for pick in order[0, :6]:
        optimizer.zero_grad()
        logits = module(problem.x[0][pick])
        nn.functional.cross_entropy(logits, problem.y[0][pick]).backward()
        optimizer.step()
    shard = trained(stream, {"a": Condition(SGD(0.1), net)}, (3,), steps=6)
    for name, value in module.named_parameters():
        torch.testing.assert_close(shard.network.weights[name][0], value, rtol=0, atol=1e-5)
    for i in (1, 4):
        running = (module[i].running_mean, module[i].running_var)
        for name, value in zip(("mean", "variance"), running, strict=True):
            torch.testing.assert_close(shard.network.buffers[f"{i}.{name}"][0], value)
    module.eval()
    answers = module(problem.x_test[0])
    expected = nn.functional.cross_entropy(answers, problem.y_test[0])
    assert shard.measure(loss)["a"][0] == pytest.approx(expected.item(), abs=1e-5)


def test_looking_changes_nothing():
    conditions = {"a": Condition(SGD(0.1), MLP(width=8, batch_norm=True))}
    watched, plain = (Training(LABELS, conditions, seeds=2) for _ in range(2))
    watched.batch_loss, watched.measure(accuracy), watched.measure(trainability_loss)
    for training in (watched, plain):
        training.advance(5)
    assert watched.measure(loss)["a"].tolist() == plain.measure(loss)["a"].tolist()


def test_an_answer_does_not_depend_on_what_else_is_asked():
    shard = trained(LABELS, {"a": Condition(SGD(0.1), MLP(width=8, batch_norm=True))}, (0,))
    x = draws(1, 9, 12)
    together, alone = (shard.network.forward(given).logits for given in (x, x[:, :1]))
    torch.testing.assert_close(together[..., :1], alone)


def test_statistics_belong_to_each_replica():
    conditions = {
        name: Condition(SGD(lr), MLP(batch_norm=True))
        for name, lr in zip("ab", (0.1, 0.2), strict=True)
    }
    pair, alone = (Shard(LABELS, c, (0, 1)) for c in (conditions, {"b": conditions["b"]}))
    for shard in (pair, alone):
        shard.advance(4)
    one, other = (shard.blocks["b"].state.buffers.flat for shard in (pair, alone))
    torch.testing.assert_close(one, other)


def test_two_norms_in_one_place_are_refused():
    with pytest.raises(ValueError, match="cannot go together"):
        ResidualMLP(batch_norm=True)


def test_a_residual_branch_starts_as_small_as_it_is_asked_to():
    drawn = {b: ResidualMLP(blocks=1, branch=b).build(9, 3, (0,)).weights for b in (0.0, 0.5, 1.0)}
    assert not drawn[0.0]["1.3.weight"].any()
    torch.testing.assert_close(drawn[0.5]["1.3.weight"], 0.5 * drawn[1.0]["1.3.weight"])
    torch.testing.assert_close(drawn[0.5]["1.1.weight"], drawn[1.0]["1.1.weight"])
    with pytest.raises(ValueError, match="cannot go together"):
        ResidualMLP(branch=0.5, start="torch")
