"""The larger networks, and pooling and the soft mixture that they are made of, equal their torch
twins, and their hidden activations are those of their units."""

from dataclasses import replace
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from small import NONLINEARITIES, check_backward, draws, twin

from plastlab.condition import Condition
from plastlab.interventions import NoisyNet
from plastlab.losses import CrossEntropy
from plastlab.nets import ResidualMLP, convnets
from plastlab.nets.convnets import ImpalaNet1d, SoftMoENet1d
from plastlab.nets.layers import Linear, Trace
from plastlab.nets.mixture import SoftMixture
from plastlab.nets.pointwise import ReLU
from plastlab.nets.pooling import MaxPool1d

SEEDS, INPUTS, CLASSES, BATCH = (3, 0), 24, 5, 4
SPECS = {
    "ImpalaNet1d": ImpalaNet1d((2, 3), 1, 5),
    "SoftMoENet1d": SoftMoENet1d(3, experts=2, width=4),
    "SoftMoENet1d, one expert": SoftMoENet1d(3, experts=1, width=4),
    "SoftMoENet1d, flat": SoftMoENet1d(3, experts=2, width=4, tokens="flat"),
    "ResidualMLP, expansion": ResidualMLP(4, 2, 3, layer_norm=False),
}
VARIANTS = {
    "relu": {},
    "crelu": {"activation": "crelu"},
    "rational": {"activation": "rational"},
    "prelu, LayerNorm": {"activation": "prelu", "layer_norm": True},
    "without bias": {"bias": False},
}
EVERY_SPEC = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
EVERY_VARIANT = pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
NONLINEARITY_MODULES = tuple(type(make(1)) for make in NONLINEARITIES.values())
POOLS = [(20, 3, 2, 1), (9, 3, 1, 0), (8, 2, 2, 0), (7, 5, 3, 2)]  # length, kernel, stride, padding


def built(spec, variant):
    network = replace(spec, **variant).build(INPUTS, CLASSES, SEEDS)
    network.weights.flat.add_(0.3 * draws(*network.weights.flat.shape, key=1))
    return network


def example_first(h):
    """[R, channels, length, B] -> [R * B, channels, length], as torch.nn has it."""
    return h.movedim(3, 1).flatten(0, 1)


@pytest.mark.parametrize(("length", "kernel", "stride", "padding"), POOLS)
@pytest.mark.parametrize("ties", [False, True])
def test_max_pool_equals_torch(length, kernel, stride, padding, ties, double):
    h, pool = draws(2, 3, length, BATCH), MaxPool1d(kernel, stride, padding)
    h = h.round() if ties else h
    with torch.no_grad():
        y, saved = pool.forward((), h, Trace())
    assert y.shape[2] == pool.length(length)
    slope = draws(*y.shape, key=1)
    back = pool.backward((), (), saved, slope, [])
    x = example_first(h).requires_grad_()
    expected = F.max_pool1d(x, kernel, stride, padding)
    (wanted,) = torch.autograd.grad(expected, x, example_first(slope))
    torch.testing.assert_close(example_first(y), expected)
    torch.testing.assert_close(example_first(back), wanted)
    followed = h.clone().requires_grad_()
    again, saved = pool.forward((), followed, Trace())
    torch.testing.assert_close(torch.autograd.grad(again, followed, slope)[0], back)
    torch.testing.assert_close(again, y)


@EVERY_SPEC
@EVERY_VARIANT
def test_forward_and_backward_equal_torch_nn(spec, variant, double):
    network = built(spec, variant)
    x, y = draws(2, BATCH, INPUTS), draws(2, BATCH, CLASSES).argmax(2)
    with torch.no_grad():
        passed, room = network.forward(x), network.room()
        room.rows.flat.fill_(9.0)  # a stale gradient must not survive
        slope = CrossEntropy().gradient(passed.logits, y)
        network.backward(passed, slope, room, [None] * len(passed.hidden))
    for r in range(2):
        model = twin(network, r)
        answers = model(x[r])
        torch.testing.assert_close(passed.logits[r].T, answers)
        F.cross_entropy(answers, y[r]).backward()
        found = {name: p.grad for name, p in model.named_parameters()}
        own = {name: view[r] for name, view in room.rows.views.items()}
        torch.testing.assert_close(own, found, rtol=1e-6, atol=1e-9)


@EVERY_SPEC
@EVERY_VARIANT
def test_backward_equals_autograd_with_a_pull_on_each_hidden_activation(spec, variant, double):
    network = built(spec, variant)
    x, y = draws(2, BATCH, INPUTS), draws(2, BATCH, CLASSES).argmax(2)
    check_backward(network, x, y, rtol=1e-6, atol=1e-9)


@EVERY_SPEC
@EVERY_VARIANT
def test_hidden_activations_are_those_of_the_units(spec, variant, double):
    """Activations of a stream are left out; an expert's come slot by slot."""
    network = built(spec, variant)
    x = draws(2, BATCH, INPUTS)
    passed = network.forward(x, before=True)
    for h, z, unit in zip(passed.hidden, passed.before, network.units, strict=True):
        units = network.weights[f"{unit.incoming}weight"].shape[1]
        assert (h.shape[1], z.shape[1]) == (units * unit.copies, units)
        assert h.shape[-1] == z.shape[-1] == BATCH
    for r in range(2):
        model, calls = twin(network, r), []
        for child in model.modules():
            if isinstance(child, NONLINEARITY_MODULES) and not hasattr(child, "unlisted"):
                calls.append([])
                child.register_forward_hook(partial(_keep, calls[-1]))
        model(x[r])
        for h, outputs in zip(passed.hidden, calls, strict=True):
            expected = torch.cat(outputs)
            if len(outputs) > 1:  # one call for each example and slot
                expected = expected.view(BATCH, -1, h.shape[1]).transpose(1, 2)
            torch.testing.assert_close(h[r].movedim(-1, 0), expected)


def _keep(seen, module, inputs, output):
    seen.append(output)


@EVERY_SPEC
@EVERY_VARIANT
def test_parameters_and_units_are_named_alike_for_any_number_of_networks(spec, variant):
    """Each unit's own parameters exist and have one entry a unit; its readers have its columns."""
    network = replace(spec, **variant).build(INPUTS, CLASSES, SEEDS)
    views = network.weights.views
    for unit in network.units:
        units = views[f"{unit.incoming}weight"].shape[1]
        assert views[f"{unit.outgoing}weight"].shape[2] == units * unit.copies * unit.spread
        assert all(views[name].shape[1:] == (units,) for name in unit.own)
    normed = variant.get("layer_norm") and type(spec) is not ResidualMLP
    learned = variant.get("activation") == "prelu"
    assert all(len(u.own) == 2 * bool(normed) + learned for u in network.units)


def test_impala_has_the_layers_of_its_paper():
    shapes = [s for _, s in ImpalaNet1d().build(40, 10, (0,)).weights.layout.shapes if len(s) > 1]
    stages = [(16, 1, 3), *4 * [(16, 16, 3)], (32, 16, 3), *4 * [(32, 32, 3)]]
    stages += [(32, 32, 3), *4 * [(32, 32, 3)]]
    assert shapes == [*stages, (256, 32 * 5), (10, 256)]


def test_soft_mixture_has_one_slot_a_token_and_tokens_can_be_one():
    def shapes(**settings):
        net = SoftMoENet1d(channels=25, width=64, **settings)
        return [s for _, s in net.build(40, 10, (0,)).weights.layout.shapes if len(s) > 1][3:]

    expert, flat = [(64, 25), (25, 64)], [(64, 125), (125, 64)]
    assert shapes(experts=4) == [(8, 25), *4 * expert, (10, 125)]  # 5 positions, 2 slots each
    assert shapes(experts=5) == [(5, 25), *5 * expert, (10, 125)]
    assert shapes(experts=1) == [(5, 25), *expert, (10, 125)]
    assert shapes(experts=1, tokens="flat") == [(1, 125), *flat, (10, 125)]


def test_one_expert_on_one_flat_token_is_an_ordinary_layer():
    network = SoftMoENet1d(3, experts=1, width=4, tokens="flat").build(INPUTS, CLASSES, SEEDS)
    x = draws(2, BATCH, INPUTS)
    before = network.forward(x).logits
    network.weights["8.weight"].copy_(draws(*network.weights["8.weight"].shape))
    assert torch.equal(network.forward(x).logits, before)  # the slots' weights do nothing


def test_soft_mixture_does_not_mind_the_order_of_tokens_and_keeps_examples_apart(double):
    layer = SoftMixture(3, 2, [[Linear(3, 4, 1.0), ReLU(4), Linear(4, 3, 1.0)] for _ in range(2)])
    tensors = {
        name: draws(2, *shape, key=i) for i, (name, shape) in enumerate(layer.shapes.items())
    }
    h, order = draws(2, 3, 5, BATCH), torch.tensor([3, 0, 4, 1, 2])
    y, _ = layer.forward(layer.bind(tensors, {}, ""), h, Trace())
    moved, _ = layer.forward(layer.bind(tensors, {}, ""), h[:, :, order], Trace())
    torch.testing.assert_close(moved, y[:, :, order])
    alone, _ = layer.forward(layer.bind(tensors, {}, ""), h[..., 1:2], Trace())
    torch.testing.assert_close(alone, y[..., 1:2])


def test_wrong_settings_are_explained():
    for settings, message in (
        ({"channels": 16}, r"ImpalaNet1d.channels must be a tuple; got 16.*\(16, 32, 32\)"),
        ({"channels": ()}, "ImpalaNet1d.channels: stages must be .*at least 1"),
        ({"channels": (0,)}, "ImpalaNet1d.channels: each must be .*at least 1; got 0"),
        ({"blocks": 1.5}, "ImpalaNet1d.blocks must be a whole number"),
        ({"width": 0}, "ImpalaNet1d.width must be .*at least 1"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            ImpalaNet1d(**settings)
    with pytest.raises(ValueError, match="tokens must be one of positions, flat; got 'pixels'"):
        SoftMoENet1d(tokens="pixels")
    with pytest.raises(ValueError, match="SoftMoENet1d has no noise.*ConvNet1d or ImpalaNet1d"):
        Condition(net=SoftMoENet1d()) + NoisyNet()


def test_every_network_of_the_module_is_tried_here():
    kinds = [kind for kind in vars(convnets).values() if isinstance(kind, type)]
    here = {kind for kind in kinds if kind.__module__ == convnets.__name__}
    assert here <= {type(spec) for spec in SPECS.values()}
    assert here == {ImpalaNet1d, SoftMoENet1d}
