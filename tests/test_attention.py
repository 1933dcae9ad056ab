"""Transformers against torch.nn: MultiheadAttention and TransformerEncoderLayer, with autograd."""

import pytest
import torch
import torch.nn.functional as F
from small import LABELS, check_backward, draws, trained
from torch import nn

from plastlab.condition import Condition
from plastlab.interventions import ReDo
from plastlab.nets.attention import EachToken, Mean, Positions, SelfAttention, Tokens, Transformer
from plastlab.nets.layers import Linear, Trace
from plastlab.optim import Adam
from plastlab.propagation import propagate

SEEDS, BATCH, TOKENS, INPUTS, CLASSES = (4, 1), 5, 3, 12, 6


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_attention_equals_multihead_attention(heads, double):
    layer = SelfAttention(8, heads)
    parameters = [0.4 * draws(2, *shape) for shape in layer.shapes.values()]
    h, trace = draws(2, 8, TOKENS, BATCH), Trace()
    y, saved = layer.forward(parameters, h, trace)
    room, slope = [torch.full_like(p, 9.0) for p in parameters], draws(*y.shape)
    back = layer.backward(parameters, room, saved, slope, [])
    assert (trace.hidden, y.shape) == ([], h.shape)
    names = ("in_proj_weight", "out_proj.weight", "in_proj_bias", "out_proj.bias")
    for r in range(2):
        module = nn.MultiheadAttention(8, heads, batch_first=True)
        module.load_state_dict(dict(zip(names, (p[r] for p in parameters), strict=True)))
        x = h[r].permute(2, 1, 0).clone().requires_grad_()
        expected, _ = module(x, x, x)
        torch.testing.assert_close(y[r].permute(2, 1, 0), expected)
        leaves = [x, *(module.get_parameter(name) for name in names)]
        wanted = torch.autograd.grad(expected, leaves, slope[r].permute(2, 1, 0))
        found = back[r].permute(2, 1, 0), *(g[r] for g in room)
        for one, other in zip(found, wanted, strict=True):
            torch.testing.assert_close(one, other)


class Encoder(nn.Module):
    """The same network from parts of torch.nn."""

    def __init__(self, net, weights):
        super().__init__()
        self.net, self.weights, self.at = net, weights, 3
        self.blocks = nn.ModuleList(self.block() for _ in range(net.blocks))

    def block(self):
        net = self.net
        layer = nn.TransformerEncoderLayer(
            net.width, net.heads, net.expansion * net.width, dropout=0.0, batch_first=True,
            norm_first=net.norm_place == "pre",
        )  # fmt: skip
        own = {}
        for sub, (names, norm) in enumerate([
            ({"in.": "self_attn.in_proj_", "out.": "self_attn.out_proj."}, "norm1"),
            ({"0.": "linear1.", "2.": "linear2."}, "norm2"),
        ]):  # fmt: skip
            if net.norm_place == "pre":
                norm_at, inner = f"{self.at + sub}.0.0.", f"{self.at + sub}.1."
            else:
                norm_at, inner = f"{self.at + 2 * sub + 1}.0.", f"{self.at + 2 * sub}.0."
            for kind in ("weight", "bias"):
                own[f"{norm}.{kind}"] = self.weights[f"{norm_at}{kind}"]
                own |= {f"{b}{kind}": self.weights[f"{inner}{a}{kind}"] for a, b in names.items()}
        self.at += 2 if net.norm_place == "pre" else 4
        layer.load_state_dict(own)
        return layer

    def forward(self, x):
        w, last = self.weights, self.at + (self.net.norm_place == "pre") + 1
        h = F.linear(x.unflatten(1, (TOKENS, -1)), w["1.0.weight"], w["1.0.bias"])
        h = h + w["2.weight"].T
        for block in self.blocks:
            h = block(h)
        if self.net.norm_place == "pre":
            h = F.layer_norm(h, h.shape[-1:], w[f"{self.at}.0.weight"], w[f"{self.at}.0.bias"])
        return F.linear(h.mean(1), w[f"{last}.weight"], w[f"{last}.bias"])


@pytest.mark.parametrize("place", ["pre", "post"])
def test_transformer_equals_encoder_layers(place, double):
    net = Transformer(tokens=TOKENS, width=8, blocks=2, norm_place=place)
    network = net.build(INPUTS, CLASSES, SEEDS)
    network.weights.flat.add_(0.2 * draws(*network.weights.flat.shape))
    x = draws(len(SEEDS), BATCH, INPUTS)
    logits = network.forward(x).logits
    for r in range(len(SEEDS)):
        weights = {name: view[r] for name, view in network.weights.views.items()}
        torch.testing.assert_close(logits[r].T, Encoder(net, weights)(x[r]))


@pytest.mark.parametrize("activation", ["relu", "crelu", "prelu"])
@pytest.mark.parametrize("place", ["pre", "post", None])
def test_backward_equals_autograd(place, activation, double):
    net = Transformer(TOKENS, width=6, blocks=2, norm_place=place, activation=activation)
    network = net.build(INPUTS, CLASSES, SEEDS)
    network.weights.flat.add_(0.2 * draws(*network.weights.flat.shape))
    x, y = draws(2, BATCH, INPUTS), draws(2, BATCH, CLASSES).argmax(2)
    passed = network.forward(x, before=True)
    assert [h.shape[2:] for h in passed.hidden] == 2 * [(TOKENS, BATCH)]
    assert [z.shape for z in passed.before] == 2 * [(2, 12, TOKENS, BATCH)]
    check_backward(network, x, y)


def test_small_layers_by_hand():
    x = torch.arange(6.0).view(1, 6, 1)
    cut, _ = Tokens(3).forward((), x, Trace())
    assert cut[0, :, :, 0].T.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert Tokens(3).backward((), (), None, cut, []).tolist() == x.tolist()
    moved, _ = Positions(2, 3).forward((torch.ones(1, 2, 3),), cut, Trace())
    assert torch.equal(moved, cut + 1)
    assert Mean().forward((), cut, Trace())[0].flatten().tolist() == [2, 3]
    grown, _ = EachToken(Linear(2, 1, 1.0)).forward([(2 * torch.ones(1, 1, 2),)], cut, Trace())
    assert grown.flatten().tolist() == [2, 10, 18]


@pytest.mark.parametrize("place", ["pre", "post", None])
def test_it_trains_and_its_units_can_be_recycled(place):
    net = Transformer(TOKENS, width=8, norm_place=place)
    conditions = {"plain": Condition(Adam(1e-2), net), "recycled": Condition(Adam(1e-2), net)}
    conditions["recycled"] += ReDo(tau=0.5, every=4)
    shard = trained(LABELS, conditions, (0, 1))
    assert torch.isfinite(shard.network.weights.flat).all()
    assert not torch.equal(*(block.state.weights.flat for block in shard.blocks.values()))
    assert propagate(net, 2, inputs=12).forward.shape == (2, 2)


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match="multiple of heads"):
        Transformer(width=9, heads=2)
    with pytest.raises(ValueError, match="norm_place says where"):
        Transformer(batch_norm=True)
    with pytest.raises(ValueError, match="cannot be cut into 5 tokens"):
        Transformer(tokens=5).build(INPUTS, CLASSES, SEEDS)
    with pytest.raises(ValueError, match="norm_place"):
        Transformer(norm_place="front")
