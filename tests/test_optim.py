"""Optimizers equal torch.optim for every row, and an entry that was reset is a new Adam's entry."""

import numpy as np
import pytest
import torch

from plastlab.optim import SGD, Adam, AdamW
from plastlab.rows import Layout, Rows

LAYOUT = Layout((("0.weight", (5, 7)), ("0.bias", (5,))))
STEPS = 20
SETTINGS = {
    "SGD": [SGD(0.1), SGD(0.3, weight_decay=0.1)],
    "SGD, momentum": [SGD(0.1, momentum=0.9), SGD(0.02), SGD(0.1, 0.5, weight_decay=0.2)],
    "Adam": [Adam(1e-2), Adam(1e-2), Adam(3e-2, beta1=0.5, beta2=0.9), Adam(1e-2, eps=1e-3)],
    "Adam, coupled decay": [Adam(1e-2, weight_decay=0.1), Adam(1e-3, weight_decay=0.5), Adam()],
    "AdamW": [AdamW(1e-2, weight_decay=0.5), AdamW(3e-2), AdamW(1e-2, weight_decay=0.0)],
}


class Bench:
    """Rows, their gradients and a memory; `step` takes one update with step i's gradients."""

    def __init__(self, settings):
        own = torch.Generator().manual_seed(0)
        self.weights, self.gradients = (Rows.zeros(LAYOUT, len(settings)) for _ in range(2))
        for view in self.weights.views.values():
            view.copy_(torch.randn(view.shape, generator=own))
        self.memory = settings[0].memory(settings, self.weights)

    def gradient(self, i):
        own = torch.Generator().manual_seed(100 + i)
        return {n: torch.randn(v.shape, generator=own) for n, v in self.gradients.views.items()}

    def step(self, i):
        for name, value in self.gradient(i).items():
            self.gradients[name].copy_(value)
        self.memory.step(self.gradients)


def torch_optimizer(setting, parameters):
    if isinstance(setting, SGD):
        return torch.optim.SGD(
            parameters, setting.lr, setting.momentum, weight_decay=setting.weight_decay
        )
    kind = torch.optim.AdamW if isinstance(setting, AdamW) else torch.optim.Adam
    betas = setting.beta1, setting.beta2
    return kind(parameters, setting.lr, betas, setting.eps, setting.weight_decay)


def expected(bench, settings, steps, change=lambda i, r, optimizer: None):
    """The same updates by torch.optim, one row at a time; `change` may touch an optimizer."""
    rows = []
    for r, setting in enumerate(settings):
        parameters = {n: v[r].clone().requires_grad_() for n, v in bench.weights.views.items()}
        optimizer = torch_optimizer(setting, parameters.values())
        for i in range(steps):
            change(i, r, optimizer)
            for name, value in bench.gradient(i).items():
                parameters[name].grad = value[r].clone()
            optimizer.step()
        rows.append({name: p.detach() for name, p in parameters.items()})
    return rows


def assert_rows(bench, rows, tolerance=2e-6):
    for r, row in enumerate(rows):
        for name, value in row.items():
            torch.testing.assert_close(bench.weights[name][r], value, rtol=0, atol=tolerance)


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_every_row_equals_torch_optim(settings):
    bench = Bench(settings)
    rows = expected(bench, settings, STEPS)
    for i in range(STEPS):
        bench.step(i)
    assert_rows(bench, rows)


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_learning_rate_may_change_midway_for_one_row(settings):
    def change(i, r, optimizer):
        if i == 7 and r == 1:
            optimizer.param_groups[0]["lr"] = 0.004

    bench = Bench(settings)
    rows = expected(bench, settings, STEPS, change)
    for i in range(STEPS):
        if i == 7:
            bench.memory.lr[1] = 0.004
        bench.step(i)
    assert_rows(bench, rows)


@pytest.mark.parametrize("parts", [("m", "v", "count"), ("m", "v"), ("count",), ("m",)])
def test_reset_of_one_row_leaves_the_others_and_restarts_that_one(parts):
    settings = [Adam(1e-2)] * 4

    def change(i, r, optimizer):
        if r == 2 and i in (6, 13):
            for state in optimizer.state.values():
                names = {"m": "exp_avg", "v": "exp_avg_sq", "count": "step"}
                for part in parts:
                    state[names[part]].zero_()

    bench = Bench(settings)
    rows = expected(bench, settings, STEPS, change)
    for i in range(STEPS):
        if i in (6, 13):
            bench.memory.reset(slice(2, 3), None, parts)
        bench.step(i)
    assert_rows(bench, rows, tolerance=2e-5 if parts == ("count",) else 5e-6)


@pytest.mark.parametrize("setting", [Adam(1e-2, weight_decay=0.1), AdamW(1e-2, weight_decay=0.5)])
def test_full_reset_after_partial_ones_is_a_new_optimizer(setting):
    settings = [setting] * 2
    bench = Bench(settings)
    mask = torch.zeros(2, LAYOUT.width, dtype=torch.bool)
    mask[:, ::3] = True
    for i in range(5):
        bench.step(i)
    bench.memory.reset(slice(0, 2), mask, ("m", "v", "count"))
    bench.step(5)
    bench.memory.reset(slice(0, 2), None, ("m", "v", "count"))
    rows = expected(bench, settings, STEPS)
    for i in range(STEPS):
        bench.step(i)
    assert_rows(bench, rows)


def entrywise_oracle(start, gradients, setting, resets):
    """Adam in double precision with one m, v and count an entry.

    `resets` maps a step to (mask, parts).
    """
    w = start.double().numpy().copy()
    m, v, count = (np.zeros_like(w) for _ in range(3))
    for i, gradient in enumerate(gradients):
        mask, parts = resets.get(i, (np.zeros_like(w, dtype=bool), ()))
        for part, memory in (("m", m), ("v", v), ("count", count)):
            if part in parts:
                memory[mask] = 0
        g, count = gradient.double().numpy(), count + 1
        if setting.decoupled:
            w *= 1 - setting.lr * setting.weight_decay
        else:
            g = g + setting.weight_decay * w
        m = setting.beta1 * m + (1 - setting.beta1) * g
        v = setting.beta2 * v + (1 - setting.beta2) * g**2
        m_hat, v_hat = m / (1 - setting.beta1**count), v / (1 - setting.beta2**count)
        w -= setting.lr * m_hat / (np.sqrt(v_hat) + setting.eps)
    return w


@pytest.mark.parametrize(
    "setting", [Adam(1e-2), Adam(1e-2, weight_decay=0.3), AdamW(1e-2, weight_decay=0.5)]
)
@pytest.mark.parametrize("parts", [("m", "v", "count"), ("count",), ("m", "v")])
def test_entrywise_resets_equal_an_oracle_with_one_count_an_entry(setting, parts):
    bench = Bench([setting] * 3)
    own = np.random.default_rng(0)
    masks = {i: own.random((3, LAYOUT.width)) < 0.3 for i in (4, 5, 11)}
    resets = {i: (mask, parts) for i, mask in masks.items()}
    start, gradients = bench.weights.flat.clone(), []
    for i in range(STEPS):
        if i in masks:
            bench.memory.reset(slice(0, 3), torch.tensor(masks[i]), parts)
        bench.step(i)
        gradients.append(bench.gradients.flat.clone())
    wanted = entrywise_oracle(start, gradients, setting, resets)
    np.testing.assert_allclose(bench.weights.flat.numpy(), wanted, rtol=0, atol=2e-5)


def test_a_reset_entry_moves_exactly_like_a_new_adams():
    bench, reset_at = Bench([Adam(1e-2)] * 2), 9
    mask = torch.zeros(2, LAYOUT.width, dtype=torch.bool)
    mask[1, :7] = True  # the first unit's weights in row 1
    for i in range(reset_at):
        bench.step(i)
    bench.memory.reset(slice(0, 2), mask, ("m", "v", "count"))
    weight = bench.weights["0.weight"][1, 0].clone().requires_grad_()
    newborn = torch.optim.Adam([weight], 1e-2)
    for i in range(reset_at, reset_at + 10):
        weight.grad = bench.gradient(i)["0.weight"][1, 0].clone()
        newborn.step()
        bench.step(i)
        torch.testing.assert_close(
            bench.weights["0.weight"][1, 0], weight.detach(), rtol=0, atol=2e-6
        )


def test_a_partial_reset_keeps_the_bits_of_rows_it_does_not_touch():
    touched, plain = Bench([Adam(1e-2)] * 3), Bench([Adam(1e-2)] * 3)
    mask = torch.zeros(3, LAYOUT.width, dtype=torch.bool)
    mask[1, 3:9] = True
    for i in range(STEPS):
        if i == 5:
            touched.memory.reset(slice(0, 3), mask, ("m", "v", "count"))
        touched.step(i)
        plain.step(i)
    for row in (0, 2):
        assert torch.equal(touched.weights.flat[row], plain.weights.flat[row])
    assert not torch.equal(touched.weights.flat[1], plain.weights.flat[1])


@pytest.mark.parametrize("name", ["SGD, momentum", "Adam", "AdamW"])
def test_the_padding_of_a_row_stays_zero(name):
    bench = Bench(SETTINGS[name])
    for i in range(STEPS):
        if i == 8:
            mask = torch.ones(1, LAYOUT.width, dtype=torch.bool)
            bench.memory.reset(slice(0, 1), mask, ("m", "v", "count"))
        bench.step(i)
    used = LAYOUT.spans["0.weight"][0].stop
    assert (bench.weights.flat[:, used : LAYOUT.spans["0.bias"][0].start] == 0).all()


def test_momentum_is_what_a_reset_of_sgd_forgets():
    settings = [SGD(0.1, momentum=0.9)] * 2

    def change(i, r, optimizer):
        if i == 10 and r == 0:
            for state in optimizer.state.values():
                state["momentum_buffer"].zero_()

    bench = Bench(settings)
    rows = expected(bench, settings, STEPS, change)
    for i in range(STEPS):
        if i == 10:
            bench.memory.reset(slice(0, 1), None, ("m", "v", "count"))
        bench.step(i)
    assert_rows(bench, rows)
