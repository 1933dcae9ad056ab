"""Task 4.4: recycling units by hand, in plain PyTorch."""

from collections.abc import Callable

import torch
from torch import nn
from torch.optim import Adam

from plastlab.labs.marking import expect
from plastlab.rng import generator, normal

Tensor = torch.Tensor
Recycle = Callable[[nn.Linear, nn.Linear, Adam, Tensor, nn.Linear], None]
MOMENTS = ("exp_avg", "exp_avg_sq")
LR = 0.01


class Bench:
    """A layer of units between two linear layers, after a few updates, with a spare layer to take
    fresh weights from; and a copy of everything, by name, as it was."""

    def __init__(self, inputs: int, units: int, outputs: int, chosen: list[int], seed: int) -> None:
        """Make the layers, and train them for five updates."""
        self.incoming = _linear(inputs, units, seed, "incoming")
        self.outgoing = _linear(units, outputs, seed, "outgoing")
        self.fresh = _linear(inputs, units, seed, "fresh")
        self.units = torch.zeros(units, dtype=torch.bool)
        self.units[chosen] = True
        self.x = normal((32, inputs), (seed,), "x")[0]
        self.y = torch.randint(outputs, (32,), generator=generator(seed, "y"))
        self.parameters = {
            f"{layer}.{name}": parameter
            for layer in ("incoming", "outgoing")
            for name, parameter in getattr(self, layer).named_parameters()
        }
        self.optimizer = Adam(self.parameters.values(), lr=LR)
        for _ in range(5):
            self.update()
        self.before = self.snapshot()

    def update(self) -> None:
        """One step of Adam on the whole batch."""
        self.optimizer.zero_grad()
        nn.functional.cross_entropy(self.answers(), self.y).backward()
        self.optimizer.step()

    def answers(self) -> Tensor:
        """Logits [32, outputs]."""
        return self.outgoing(torch.relu(self.incoming(self.x)))

    def snapshot(self) -> dict[str, Tensor]:
        """Copies of all parameters and of what Adam remembers of them."""
        copies = {name: p.detach().clone() for name, p in self.parameters.items()}
        for name, parameter in self.parameters.items():
            memory = self.optimizer.state.get(parameter, {})
            copies |= {f"{part} of {name}": v.clone() for part, v in memory.items()}
        return copies


def examine(
    recycle: Recycle,
    sizes: tuple[int, int, int] = (6, 8, 4),
    chosen: list[int] | None = None,
    seed: int = 0,
    moments: tuple[str, ...] = MOMENTS,
) -> None:
    """Recycle the `chosen` units of a small network, and look at everything that belongs to them
    and at everything that does not; then train on.

    Raises:
        Misconception: the first thing that is wrong.
    """
    bench = Bench(*sizes, chosen or [1, 4], seed)
    spare = {name: p.detach().clone() for name, p in bench.fresh.named_parameters()}
    recycle(bench.incoming, bench.outgoing, bench.optimizer, bench.units.clone(), bench.fresh)
    _expect_in_place(bench)
    after = bench.snapshot()
    expect(
        all(f"exp_avg of {name}" in after for name in bench.parameters),
        "Adam has forgotten everything, other units included. Clear the entries of these units.",
    )
    _expect_weights(bench, after)
    steps = [key for key in after if key.startswith("step of")]
    expect(
        all(torch.equal(after[key], bench.before[key]) for key in steps),
        "Adam's step has changed. It counts for the whole tensor, other units included: leave it.",
    )
    expect(
        [group["lr"] for group in bench.optimizer.param_groups] == [LR],
        "The optimizer's learning rate has changed. Recycling is about weights and memory.",
    )
    _expect_memory(bench, after, moments)
    expect(
        all(torch.equal(p, spare[name]) for name, p in bench.fresh.named_parameters()),
        "fresh itself has changed. Copy from it and leave it as it is.",
    )
    bench.update()
    moved = (bench.outgoing.weight - after["outgoing.weight"])[:, bench.units]
    expect(moved.abs().max() > 0, "After recycling, training no longer moves the units' weights.")


def _expect_in_place(bench: Bench) -> None:
    for name, parameter in bench.parameters.items():
        layer, _, own = name.partition(".")
        expect(
            getattr(getattr(bench, layer), own) is parameter and parameter.requires_grad,
            f"{name} is a new tensor. The optimizer still holds the old one and trains that: write "
            "into the old one, under torch.no_grad().",
        )


def _expect_weights(bench: Bench, after: dict[str, Tensor]) -> None:
    before, units, fresh = bench.before, bench.units, bench.fresh
    weights = [name for name in bench.parameters if not torch.equal(before[name], after[name])]
    expect(weights, "No weight has changed.")
    incoming, bias, outgoing = (
        after[n] for n in ("incoming.weight", "incoming.bias", "outgoing.weight")
    )
    others = ~units
    expect(
        torch.equal(incoming[others], before["incoming.weight"][others]),
        "Units that were not to be recycled lost their incoming weights. Only rows where units is "
        "True are theirs.",
    )
    expect(
        not torch.equal(incoming[units], before["incoming.weight"][units]),
        "The incoming weights stay. A unit that keeps them wakes up as it was.",
    )
    expect(
        incoming[units].abs().max() > 0,
        "The incoming weights become 0. Units that start alike learn alike: copy fresh's rows.",
    )
    expect(
        torch.equal(incoming[units], fresh.weight[units]),
        "The incoming weights are not fresh's rows for these units.",
    )
    expect(
        not torch.equal(bias[units], fresh.bias[units]),
        "The units' own biases come from fresh. They become 0.",
    )
    expect(bias[units].abs().max() == 0, "The units' own biases stay. They become 0.")
    expect(
        torch.equal(bias[others], before["incoming.bias"][others]), "Other units lost their biases."
    )
    _expect_outgoing(before["outgoing.weight"], outgoing, units)
    expect(
        torch.equal(after["outgoing.bias"], before["outgoing.bias"]),
        "The next layer's bias belongs to the next layer's units. Leave it.",
    )


def _expect_outgoing(before: Tensor, after: Tensor, units: Tensor) -> None:
    columns = after[:, units]
    expect(
        torch.equal(after[:, ~units], before[:, ~units]),
        "Outgoing weights of other units changed. A unit owns a column there, not a row.",
    )
    expect(
        not torch.equal(columns, before[:, units]),
        "The outgoing weights stay, so the next layer hears noise. Column i of "
        "outgoing.weight reads unit i: set it to 0.",
    )
    expect(
        columns.abs().max() == 0,
        "The outgoing weights are drawn anew or not all 0. At 0 the recycled unit cannot disturb.",
    )


def _expect_memory(bench: Bench, after: dict[str, Tensor], moments: tuple[str, ...]) -> None:
    """Adam's moments are 0 for the units' entries and as before everywhere else."""
    own = {
        "incoming.weight": bench.units[:, None].expand_as(bench.incoming.weight),
        "incoming.bias": bench.units,
        "outgoing.weight": bench.units[None].expand_as(bench.outgoing.weight),
        "outgoing.bias": torch.zeros(len(bench.outgoing.bias), dtype=torch.bool),
    }
    kept = [
        name
        for name in own
        for part in moments
        if after[f"{part} of {name}"][own[name]].abs().sum() > 0
    ]
    expect(
        len(kept) < 3 * len(moments),
        "Adam still remembers the old units and will push the new ones their way. Clear its "
        "exp_avg and exp_avg_sq where you changed weights.",
    )
    for name in kept:
        second = after[f"exp_avg of {name}"][own[name]].abs().sum() == 0
        expect(not second, f"Adam's second moment (exp_avg_sq) of {name} still holds these units.")
        expect(False, f"Adam still remembers these units in {name}.")
    for name, mask in own.items():
        for part in moments:
            key = f"{part} of {name}"
            expect(
                torch.equal(after[key][~mask], bench.before[key][~mask]),
                f"Adam forgot other units in {name}, too. Clear only the entries that you changed.",
            )


def _linear(inputs: int, units: int, seed: int, name: str) -> nn.Linear:
    """A linear layer with weights that depend on its arguments alone."""
    layer = nn.utils.skip_init(nn.Linear, inputs, units)
    with torch.no_grad():
        layer.weight.copy_(normal((units, inputs), (seed,), name)[0] / inputs**0.5)
        layer.bias.copy_(normal((units,), (seed,), name, "bias")[0] / inputs**0.5)
    return layer
