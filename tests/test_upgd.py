"""UPGD equals the paper's update, worked out in plain PyTorch; and the shares of a step that it
gates by, with every optimizer."""

from dataclasses import dataclass

import pytest
import torch
from small import LABELS, NETS, trained

from plastlab.condition import Condition
from plastlab.interventions import UPGD, Intervention
from plastlab.nets import MLP
from plastlab.optim import SGD, Adam, AdamW
from plastlab.rng import generator

SEEDS = (5, 2)
NET = MLP(width=6, depth=1)
NAMES = "0.weight", "0.bias", "2.weight", "2.bias"


def after(condition, updates, seeds=SEEDS):
    shard = trained(LABELS, {"a": condition}, seeds, updates)
    return shard.blocks["a"].state


class ByHand:
    """The paper's update for the first replica, one tensor after the other, from the batches and
    the gradients that autograd finds."""

    def __init__(self, lr, decay, noise, beta):
        self.state = after(Condition(SGD(0.0), NET), 0)
        self.shard = trained(LABELS, {"a": Condition(SGD(0.0), NET)}, SEEDS, 0)
        self.w = [self.state.weights[name][0].clone() for name in NAMES]
        self.utility = [torch.zeros_like(w) for w in self.w]
        self.lr, self.decay, self.noise, self.beta = lr, decay, noise, beta
        self.source, self.updates = generator(SEEDS[0], "UPGD"), 0

    def noises(self):
        layout = self.state.weights.layout
        row = torch.empty(layout.width).normal_(generator=self.source)
        return [row[layout.spans[name][0]].view(layout.spans[name][1]) for name in NAMES]

    def step(self):
        self.shard.advance(1)
        seen = self.shard.blocks["a"].state
        w1, b1, w2, b2 = leaves = [w.clone().requires_grad_() for w in self.w]
        answer = torch.relu(seen.x[0] @ w1.T + b1) @ w2.T + b2
        gradients = torch.autograd.grad(
            torch.nn.functional.cross_entropy(answer, seen.y[0]), leaves
        )
        self.updates += 1
        for u, g, w in zip(self.utility, gradients, self.w, strict=True):
            u.mul_(self.beta).add_(-(1 - self.beta) * g * w)
        corrected = [u / (1 - self.beta**self.updates) for u in self.utility]
        largest = max(u.max() for u in corrected)
        for w, g, u, xi in zip(self.w, gradients, corrected, self.noises(), strict=True):
            gate = torch.sigmoid(u / largest)
            w.mul_(1 - self.lr * self.decay)
            w.sub_(self.lr * (g + self.noise * xi) * (1 - gate))


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_upgd_with_sgd_is_the_papers_update(decay):
    by_hand = ByHand(0.1, decay, noise=0.5, beta=0.9)
    for _ in range(6):
        by_hand.step()
    method = UPGD(noise=0.5, beta_utility=0.9)
    state = after(Condition(SGD(0.1, weight_decay=decay), NET) + method, 6)
    for name, expected in zip(NAMES, by_hand.w, strict=True):
        torch.testing.assert_close(state.weights[name][0], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("optimizer", [SGD(0.1), SGD(0.1, 0.9), Adam(0.01), AdamW(0.01)])
def test_zero_noise_and_gate_0_is_the_optimizer_itself(optimizer):
    plain = Condition(optimizer, NETS["MLP, LayerNorm"])
    expected = after(plain, 12).weights.flat
    found = after(plain + UPGD(noise=0.0, protect=False), 12).weights.flat
    assert torch.equal(found, expected)
    assert not torch.equal(after(plain + UPGD(noise=0.0), 12).weights.flat, expected)


def gates(utility):
    """The gates that the method gives a network whose running utilities are these."""
    state = after(Condition(SGD(0.1), NET), 3)
    mem = type("Memory", (), {})()
    method = UPGD(beta_utility=0.0)
    method.at_start(state, mem)
    state.weights.flat.fill_(-1.0)
    state.gradients.flat.copy_(utility)  # beta 0, so that -gradient times weight is the utility
    state.gradients.flat[:, mem.padding] = 0.0
    with torch.no_grad():
        method.after_backward(state, mem)
    return 1 - torch.cat([mem.taken[:, state.weights.layout.spans[n][0]] for n in NAMES], 1)


def test_the_gate_protects_the_more_the_more_useful():
    width = after(Condition(SGD(0.1), NET), 0).weights.flat.shape[1]
    utility = torch.linspace(-2, 2, width).expand(2, -1)
    found = gates(utility)[0]
    assert (found.diff() > 0).all()
    assert found.max() == pytest.approx(torch.sigmoid(torch.tensor(1.0)).item(), abs=0.01)
    assert gates(torch.zeros(2, width)).eq(0.5).all()


def test_if_all_utilities_are_negative_nothing_is_protected():
    """Divided by the largest of them, which is negative, the worst would be protected most."""
    width = after(Condition(SGD(0.1), NET), 0).weights.flat.shape[1]
    utility = -torch.linspace(0.1, 2, width).expand(2, -1).contiguous()
    assert gates(utility).eq(0).all()
    utility[:, 0] = 0.1
    assert gates(utility)[:, 1:].lt(0.5).all()


def test_noise_depends_on_seed_and_step_alone_and_leaves_the_padding():
    still = Condition(SGD(0.1), NET) + UPGD(noise=1.0)
    both, alone = after(still, 7), after(still, 7, seeds=(2,))
    torch.testing.assert_close(both.weights.flat[1], alone.weights.flat[0], rtol=0, atol=1e-5)
    real = both.weights.mask(tuple(both.weights.layout.spans))[0]
    assert not real.all()
    assert (both.weights.flat[:, ~real] == 0).all()


@dataclass(frozen=True)
class Share(Intervention):
    """Every other weight takes a share of its step."""

    share: float = 0.25

    def after_backward(self, s, mem):
        s.shares[:, ::2] *= self.share


@pytest.mark.parametrize(
    ("optimizer", "decay"),
    [
        (SGD(0.1, weight_decay=0.5), 0.05),
        (SGD(0.1, momentum=0.9, weight_decay=0.5), 0.0),  # the decay is in the buffer, too
        (AdamW(0.01, weight_decay=0.5), 0.005),
        (Adam(0.1, weight_decay=0.5), 0.0),
        (Adam(0.1), 0.0),
    ],
)
def test_an_entry_takes_its_share_of_the_step_and_all_of_the_decay_beside_it(optimizer, decay):
    plain = Condition(optimizer, NETS["MLP"])
    start, full = after(plain, 0).weights.flat, after(plain, 1).weights.flat
    found = after(plain + Share(0.5) + Share(0.5), 1).weights.flat
    decayed = start * (1 - decay)
    torch.testing.assert_close(found[:, 1::2], full[:, 1::2], rtol=0, atol=0)
    expected = decayed + 0.25 * (full - decayed)
    torch.testing.assert_close(found[:, ::2], expected[:, ::2], rtol=1e-5, atol=1e-7)
    assert not torch.equal(found, full)


def test_shares_are_whole_again_in_the_next_update_and_no_neighbor_feels_them():
    plain = Condition(Adam(0.01), NETS["MLP"])
    shard = trained(LABELS, {"a": plain + Share(), "plain": plain}, SEEDS, 4)
    expected = after(plain, 4).weights.flat
    assert torch.equal(shard.blocks["plain"].state.weights.flat, expected)
    state = shard.blocks["a"].state
    state.shares.fill_(0.0)  # as a method would in one update
    before = state.weights.clone()
    shard.memory.step(shard.gradients.rows)
    assert torch.equal(state.weights.flat, before.flat)
    assert (state.shares == 1).all()
