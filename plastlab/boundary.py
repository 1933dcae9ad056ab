"""What Adam does in the updates after a task boundary, in networks and on plain numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch

from plastlab.condition import Condition
from plastlab.errors import check_number, check_type
from plastlab.neutral import neutral
from plastlab.optim import Adam, AdamMemory
from plastlab.probes import dead_units, loss
from plastlab.rng import normal, resolve_seeds
from plastlab.shard import Shard
from plastlab.streams import Stream
from plastlab.theory import adam_step_after_quiet
from plastlab.training import alike, check_experiment

Tensor = torch.Tensor
MOST = 10_000  # of anything that is simulated
FIRST = 5  # updates over which the agreement of batches is measured
QUIET = 100  # updates without a gradient, before the simulated jump


@dataclass(frozen=True, eq=False)
class Steps:
    """Sizes of Adam's steps after a boundary, and what they should be.

    step_size [S, K]: root mean square over the entries of updates 1 to K, in learning rates; 1 is
    Adam's usual step. jump [S]: the first gradient over what Adam remembers, both root mean squares
    (1 where it remembers nothing). agreement [S]: which share of the squared gradient all batches
    have in common. optimizer, count: Adam's constants, and the updates it had counted.
    """

    seeds: tuple[int, ...]
    step_size: np.ndarray
    jump: np.ndarray
    agreement: np.ndarray
    optimizer: Adam
    count: int

    @property
    def expected(self) -> np.ndarray:
        """The same by `theory.adam_step_after_quiet`, for gradients that stay [S, K]."""
        betas, steps = (self.optimizer.beta1, self.optimizer.beta2), self.step_size.shape[1]
        return adam_step_after_quiet(self.jump, steps, *betas, self.count, self.agreement)

    def error(self, steps: int) -> np.ndarray:
        """Mean relative error of the theory over the first so many updates [S]."""
        check_number("Steps.error: steps", steps, 1, self.step_size.shape[1], integer=True)
        seen, expected = self.step_size[:, :steps], self.expected[:, :steps]
        return np.abs(seen / expected - 1).mean(1)


@dataclass(frozen=True, eq=False)
class Crossing(Steps):
    """The steps of networks, with what they do to them: dead_units [S, K + 1], a share, before the
    first update and after each; loss [S, K] on the new task, after each."""

    dead_units: np.ndarray
    loss: np.ndarray

    def deaths(self, steps: int) -> np.ndarray:
        """By how much the share of dead units rose in the first so many updates [S]."""
        check_number("Crossing.deaths: steps", steps, 1, self.step_size.shape[1], integer=True)
        return self.dead_units[:, steps] - self.dead_units[:, 0]


def cross(
    stream: Stream,
    conditions: dict[str, Condition],
    seeds: int | Sequence[int] = 16,
    steps: int = 100,
) -> dict[str, Crossing]:
    """Train every condition to the end of the stream's first task, then watch `steps` updates.

    The watched updates are those of the second task, so interventions act at the boundary as they
    always do. All conditions must train with Adam.

    Raises:
        TypeError: an optimizer other than Adam.
        ValueError: a stream of one task, one step, or more steps than a task has.
    """
    check_experiment(stream, conditions)
    check_number("cross: tasks of the stream", stream.tasks, 2, integer=True)
    check_number("cross: steps", steps, 2, stream.steps, integer=True)
    for condition in conditions.values():
        check_type("cross: optimizer", condition.settings, Adam, "Give Adam(lr=0.01).")
    seeds, found = resolve_seeds(seeds), {}
    for names in alike(conditions):
        found |= _watch(stream, {name: conditions[name] for name in names}, seeds, steps)
    return {name: found[name] for name in conditions}


@neutral()
def simulate(
    jump: float,
    agreement: float = 1.0,
    optimizer: Adam | None = None,
    seeds: int | Sequence[int] = 16,
    steps: int = 40,
    entries: int = 500,
    learning: int = 400,
) -> Steps:
    """Run `torch.optim.Adam` on `entries` numbers whose gradients are drawn, without any network.

    Gradients of mean square 1 for so many updates of `learning`, none for 100 more, and then, for
    `steps` updates, some that are `jump` times as large as what Adam remembers by then. `agreement`
    is the share of their square that stays the same, with an own sign for each number.
    """
    jump = check_number("simulate: jump", jump, 0, low_open=True)
    agreement = check_number("simulate: agreement", agreement, 0, 1)
    for name, count in (("steps", steps), ("entries", entries), ("learning", learning)):
        check_number(f"simulate: {name}", count, 1, MOST, integer=True)
    check_type("simulate: optimizer", optimizer, (Adam, type(None)), "Give Adam(lr=0.01).")
    seeds, optimizer = resolve_seeds(seeds), Adam() if optimizer is None else optimizer
    numbers = torch.zeros(len(seeds), entries, requires_grad=True)
    betas, count = (optimizer.beta1, optimizer.beta2), learning + QUIET
    adam = torch.optim.Adam([numbers], optimizer.lr, betas, optimizer.eps)
    steady = normal((entries,), seeds, "simulated boundary").sign()
    noise = normal((learning + steps, entries), seeds, "simulated gradients")
    gradients = agreement**0.5 * steady[:, None] + (1 - agreement) ** 0.5 * noise
    quiet = torch.zeros(len(seeds), QUIET, entries)
    gradients = torch.cat([gradients[:, :learning], quiet, gradients[:, learning:]], 1)
    sizes, scale = [], 1.0
    for k in range(count + steps):
        numbers.grad = scale * gradients[:, k]
        before = numbers.detach().clone()
        adam.step()
        if k == count - 1:
            remembered = adam.state[numbers]["exp_avg_sq"] / (1 - optimizer.beta2**count)
            scale = jump * remembered.mean(1, keepdim=True).sqrt()
        moved = (numbers.detach() - before) / optimizer.lr
        sizes.append(moved.square().mean(1).sqrt())
    sizes = sizes[count:]
    given = (np.full(len(seeds), value) for value in (jump, agreement))
    return Steps(seeds, torch.stack(sizes, 1).numpy(), *given, optimizer, count)


@neutral()
@torch.no_grad()
def _watch(
    stream: Stream, conditions: dict[str, Condition], seeds: tuple[int, ...], steps: int
) -> dict[str, Crossing]:
    """The crossings of conditions that train as one network."""
    shard = Shard(stream, conditions, seeds)
    shard.advance(stream.steps)
    weights, memory, rows = shard.network.weights, shard.memory, shard.gradients.rows.flat
    scale = (weights.layout.size**0.5 * memory.base_lr.float()).clone()
    sizes, units, dead, losses = [], [], [shard.measure(dead_units)], []
    for k in range(steps):
        before = weights.flat.clone()
        shard.advance(1)
        sizes.append((weights.flat - before).norm(dim=1) / scale)
        dead.append(shard.measure(dead_units))
        losses.append(shard.measure(loss))
        if k == 0:
            count, jumps = (memory.count - 1).tolist(), _jumps(memory, rows)
        if k <= FIRST:
            units.append(rows / rows.norm(dim=1, keepdim=True))
    cosines = [(one * other).sum(1) for one, other in pairwise(units)]
    agreement = torch.stack(cosines).mean(0).clamp(0, 1)
    found = {}
    for name, condition in conditions.items():
        own = shard.blocks[name].state.rows
        numbers = [each[own].numpy() for each in (torch.stack(sizes, 1), jumps, agreement)]
        after = [np.stack([each[name] for each in series], 1) for series in (dead, losses)]
        found[name] = Crossing(seeds, *numbers, condition.settings, int(count[own.start]), *after)
    return found


def _jumps(memory: AdamMemory, gradients: Tensor) -> Tensor:
    """The gradient of the update just made over what Adam remembered before it [R]: the second
    moment from which that update's gradient is taken out again, corrected for its bias."""
    beta2 = torch.tensor([[s.beta2] for s in memory.settings])
    before = (memory.v - (1 - beta2) * gradients.square()) / beta2
    corrected = before.clamp_min(0).mean(1) / (1 - beta2[:, 0] ** (memory.count - 1))
    ratio = (gradients.square().mean(1) / corrected).sqrt()
    return torch.where(memory.count > 1, ratio, 1.0)
