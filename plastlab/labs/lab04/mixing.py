"""Task 4.1: shrink and perturb, from what a mix leaves in the weights."""

from dataclasses import dataclass

import torch

from plastlab.condition import Condition
from plastlab.data import Gaussian
from plastlab.interventions import Intervention
from plastlab.labs.marking import expect
from plastlab.nets import MLP
from plastlab.optim import Adam
from plastlab.rows import Rows
from plastlab.shard import Block, Shard
from plastlab.streams import RandomLabels

LABELS = RandomLabels(Gaussian(examples=32, inputs=40), tasks=3, steps=60, batch=16)
NET = MLP(width=16, depth=3, start="torch")
CLOSE = 0.1  # relative error allowed in what is estimated from a few hundred draws or more


@dataclass(frozen=True)
class Mix:
    """A mix as it was observed: weights when the run began, before the mix and after it, and what
    the mix must have added, in units of `noise`, all by parameter."""

    start: Rows
    before: Rows
    after: Rows
    draw: dict[str, torch.Tensor]


def examine(
    method: type[Intervention],
    keep: float = 0.4,
    noise: float = 0.1,
    net: MLP = NET,
    seeds: tuple[int, ...] = tuple(range(8)),
    strict: bool = False,
) -> None:
    """Train a network with the method beside one without, and look at two mixes; with `strict` also
    at normalization layers and the optimizer.

    Raises:
        Misconception: the first thing that is wrong.
    """
    is_method = isinstance(method, type) and issubclass(method, Intervention)
    expect(is_method, "Hand over the class itself: check.task_1(ShrinkPerturb).")
    shard = _shard(method(keep=keep, noise=noise), net, seeds)
    alone, mixed = (block.state.weights for block in shard.blocks.values())
    start = mixed.clone()
    shard.advance(LABELS.steps)
    expect(
        torch.equal(alone.flat, mixed.flat),
        "Something changed before the first boundary. Act in at_task, which runs at boundaries.",
    )
    block = shard.blocks["with"]
    first = _observe(block, start, keep, noise)
    _expect_shrunk(first, keep, noise)
    _expect_drawn(first, keep, noise)
    shard.advance(5)
    second = _observe(block, start, keep, noise)
    expect(
        not torch.equal(second.before.flat, second.after.flat),
        "You mix at the first boundary and at no other. Every boundary is one.",
    )
    _expect_independent(first, second)
    _expect_repeatable(block)
    if strict:
        shard.advance(5)
        _expect_spared(shard)


def examine_noiseless(method: type[Intervention], keep: float, seeds: tuple[int, ...]) -> None:
    """At noise 0 a mix only shrinks, to the last digit.

    Raises:
        Misconception: it does something else.
    """
    shard = _shard(method(keep=keep, noise=0.0), NET, seeds)
    shard.advance(LABELS.steps)
    block = shard.blocks["with"]
    before = block.state.weights.clone()
    block.act("at_task")
    expect(
        torch.allclose(block.state.weights.flat, keep * before.flat, atol=1e-6),
        f"At noise 0 and keep {keep:g}, weights should become {keep:g} times what they were.",
    )


def _shard(method: Intervention, net: MLP, seeds: tuple[int, ...]) -> Shard:
    plain = Condition(Adam(lr=0.01), net)
    return Shard(LABELS, {"without": plain, "with": plain + method}, seeds)


def _observe(block: Block, start: Rows, keep: float, noise: float) -> Mix:
    """Let the method act, and take the mix apart."""
    weights = block.state.weights
    before, views = weights.clone(), dict(weights.views)
    block.act("at_task")
    kept = all(weights.views[name] is view for name, view in views.items())
    expect(kept, "You put new tensors into s.weights. Change the old ones in place: mul_, add_.")
    after = weights.clone()
    draw = {n: (after[n] - keep * before[n]) / noise for n in after.layout.connections}
    return Mix(start, before, after, draw)


def _expect_shrunk(mix: Mix, keep: float, noise: float) -> None:
    before, after, layout = mix.before, mix.after, mix.after.layout
    same = [name for name in layout.connections if torch.equal(before[name], after[name])]
    expect(
        len(same) < len(layout.connections),
        "At the boundary nothing happens to the weights. If you wrote `w = keep * w`: that makes "
        "a new tensor and leaves the old one as it was. Change it in place, with mul_ and add_.",
    )
    left = [name for name in same if name in layout.matrices]
    expect(not left, f"Some layers stay as they were: {', '.join(left)}. All of them are mixed.")
    factor, start, error = _factors(mix, layout.matrices)
    expect(
        abs(start) < error,
        "You add the network that the run began with. That pulls back to it; draw a new one.",
    )
    expect(
        abs(factor - 1) > error or abs(keep - 1) < error,
        "The old weights keep their full size, so the scale only grows. Shrink them by keep.",
    )
    expect(
        abs(factor - noise) > error or abs(keep - noise) < error,
        "keep and noise have changed places: keep belongs to the old weights, noise to the fresh.",
    )
    expect(
        abs(factor - keep) < error,
        f"Old weights are multiplied by about {factor:.2f}, and keep is {keep:g}: use self.keep.",
    )
    expect(not same, "The biases stay as they were. They are mixed, too.")
    factor, start, error = _factors(mix, layout.biases)
    expect(abs(factor - keep) < error, "The biases are not shrunk by keep, the matrices are.")


def _expect_drawn(mix: Mix, keep: float, noise: float) -> None:
    names = mix.after.layout.matrices
    scales = [float(mix.draw[n].std() / mix.start[n].std()) for n in names]
    scale = sum(scales) / len(scales)
    expect(
        scale > 0.01,
        "The weights shrink and nothing is added. Perturb them by noise times a fresh network.",
    )
    expect(
        all(_near(one, scale, 2 * CLOSE) for one in scales),
        "What you add has not the scale of an initialization: a layer with many inputs starts with "
        "smaller weights than one with few. s.fresh() knows how each layer starts.",
    )
    expect(
        not _near(scale, keep),
        "You shrink the noise as well: multiply by keep first, then add.",
    )
    expect(
        not _near(scale, (1 - keep) / noise) or _near(keep + noise, 1),
        "You add 1 - keep of the fresh network. How much is added has its own name: self.noise.",
    )
    expect(
        _near(scale, 1),
        f"What you add is {scale:.2f} times as large as noise times a freshly drawn network.",
    )


def _expect_independent(first: Mix, second: Mix) -> None:
    names = first.after.layout.matrices
    seeds = max(_correlation(first.draw[n][0], first.draw[n][1]) for n in names)
    expect(seeds < 0.5, "All seeds get the same noise. s.fresh() draws a network for each.")
    square = [n for n in names if first.draw[n].shape[1] == first.draw[n].shape[2]]
    layers = _correlation(first.draw[square[0]], first.draw[square[1]])
    expect(abs(layers) < 0.5, "Two layers get the same noise. Each has its own part of the draw.")
    boundaries = max(_correlation(first.draw[n], second.draw[n]) for n in names)
    expect(
        boundaries < 0.5,
        "You add the same draw at every boundary. Draw anew in at_task, not once at the start.",
    )


def _expect_spared(shard: Shard) -> None:
    """A further mix leaves gains, offsets, the optimizer's memory and the learning rate alone."""
    block, memory = shard.blocks["with"], shard.memory
    weights, layout = block.state.weights, block.state.weights.layout
    rest = [name for name, _ in layout.shapes if name not in layout.connections]
    norms = {name: weights[name].clone() for name in rest}
    moments = memory.m.clone(), memory.v.clone(), memory.count.clone()
    lr = memory.lr.clone()
    block.act("at_task")
    expect(
        all(torch.equal(weights[name], norms[name]) for name in rest),
        "You mix LayerNorm's gains and offsets, too. s.weights.layout.connections leaves them out.",
    )
    expect(torch.equal(memory.lr, lr), "The learning rate changes. This task leaves it alone.")
    now = memory.m, memory.v, memory.count
    expect(
        all(torch.equal(a, b) for a, b in zip(moments, now, strict=True)),
        "The optimizer's memory changes. This task leaves the optimizer alone.",
    )


def _expect_repeatable(block: Block) -> None:
    """The same mix twice, with the global generator moved in between."""
    weights, state, found = block.state.weights, torch.get_rng_state(), []
    before = weights.clone()
    for seed in (1, 2):
        weights.flat.copy_(before.flat)
        torch.manual_seed(seed)
        block.act("at_task")
        found.append(weights.clone())
    torch.set_rng_state(state)
    expect(
        torch.equal(found[0].flat, found[1].flat),
        "You draw from torch's global generator, so no run can be repeated: what you get "
        "depends on whatever ran before. s.fresh() depends on the seed and the step alone.",
    )


def _near(value: float, target: float, tolerance: float = CLOSE) -> bool:
    return abs(value - target) <= tolerance * max(abs(target), 0.1)


def _factors(mix: Mix, names: tuple[str, ...]) -> tuple[float, float, float]:
    """How much of the weights before the mix, and of those at the start of the run, is in the
    weights after it, by least squares; and five standard errors, since fresh draws come on top."""
    before, start, after = (
        torch.cat([rows[n].flatten() for n in names]).double()
        for rows in (mix.before, mix.start, mix.after)
    )
    known = torch.stack([before, start], 1)
    inverse = torch.linalg.pinv(known.T @ known)
    factors = inverse @ known.T @ after
    spread = (after - known @ factors).std()
    error = 0.005 + 5 * spread * inverse.diagonal().max().sqrt()
    return float(factors[0]), float(factors[1]), float(error)


def _correlation(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])
