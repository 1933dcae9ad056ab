"""Training: a running experiment that can be watched, and acted upon, between updates."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from plastlab.condition import Condition
from plastlab.errors import check_choice, check_number, check_type
from plastlab.interventions.base import Act, Intervention
from plastlab.nets.modules import Module
from plastlab.neutral import neutral
from plastlab.oneline import stoppable
from plastlab.probes import Probe, online
from plastlab.probes import accuracy as accuracy_probe
from plastlab.probes import loss as loss_probe
from plastlab.probes.base import check_probe
from plastlab.rng import resolve_seeds
from plastlab.shard import Shard
from plastlab.streams import Stream
from plastlab.whole import Whole

ANEW = "This training may stand in the middle of an update: run the cell that makes it again."


class Training(Whole):
    """Trains all conditions side by side, as many updates at a time as you ask for.

    `run` does the same to the end of the stream, faster and on all cores; use this one to look
    at a network while it trains. `step`: updates done; `task`: number of the task, from 0.
    pickle, torch.save and copy.deepcopy give a training that goes on as this one would.
    """

    @neutral()
    def __init__(
        self, stream: Stream, conditions: dict[str, Condition], seeds: int | Sequence[int] = 4
    ) -> None:
        check_experiment(stream, conditions)
        self.stream, self.conditions, self.seeds = stream, tuple(conditions), resolve_seeds(seeds)
        self._shards = [
            Shard(stream, {name: conditions[name] for name in names}, self.seeds)
            for names in alike(conditions)
        ]

    @property
    def step(self) -> int:
        """Updates done so far."""
        return self._shards[0].step

    @property
    def task(self) -> int:
        """Number of the current task, from 0."""
        return self._shards[0].task

    @property
    def tasks(self) -> int:
        """Number of tasks in the stream."""
        return self.stream.tasks

    @property
    def done(self) -> bool:
        """Whether the stream has ended."""
        return self._shards[0].done

    @neutral()
    def advance(self, steps: int = 1) -> None:
        """Do `steps` updates, or as many as the stream has left."""
        check_number("Training.advance: steps", steps, 1, integer=True)
        with stoppable(ANEW):
            for shard in self._shards:
                shard.advance(steps)

    def measure(self, probe: Probe) -> dict[str, np.ndarray]:
        """The probe now, on the current task's held-out examples, by condition: [seeds] each."""
        if isinstance(probe, online):
            raise ValueError(
                "Training.measure looks at one moment; online probes average over a task. "
                "Use run(), or read training.batch_accuracy after each update."
            )
        check_probe("Training.measure: probe", probe)
        return self._gather(lambda shard: shard.measure(probe))

    @property
    def batch_loss(self) -> dict[str, np.ndarray]:
        """Loss on the last batch before its update, by condition: [seeds] each."""
        return self._gather(lambda shard: shard.batch(loss_probe))

    @property
    def batch_accuracy(self) -> dict[str, np.ndarray]:
        """Accuracy on the last batch before its update, by condition: [seeds] each."""
        return self._gather(lambda shard: shard.batch(accuracy_probe))

    @neutral()
    def apply(self, intervention: Intervention, condition: str | None = None) -> None:
        """Let an act (a reset, a recycling) happen once on the running networks, now: on one
        condition, or on all of them."""
        remedy = "Give one that acts at a moment, such as FullReset() or ReDo(tau=0.0)."
        check_type("Training.apply: intervention", intervention, Act, remedy)
        if condition is not None:
            check_choice("Training.apply: condition", condition, self.conditions)
        for shard in self._shards:
            for name in shard.names:
                if condition in (None, name):
                    shard.apply(intervention, name)

    @neutral()
    def set_lr(self, lr: float, condition: str | None = None) -> None:
        """Change the learning rate from the next update on."""
        lr = check_number("Training.set_lr: lr", lr, 0)
        if condition is not None:
            check_choice("Training.set_lr: condition", condition, self.conditions)
        for shard in self._shards:
            for name, block in shard.blocks.items():
                if condition in (None, name):
                    block.state.base_lr.fill_(lr)

    @neutral()
    def _gather(self, read: Callable[[Shard], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        found: dict[str, np.ndarray] = {}
        for shard in self._shards:
            found |= read(shard)
        return {name: found[name] for name in self.conditions}


def check_experiment(stream: Stream, conditions: dict[str, Condition]) -> None:
    """Raise unless these are a stream and a non-empty dict of named conditions."""
    check_type("run: stream", stream, Stream, "Write for example RandomLabels().")
    check_type("run: conditions", conditions, dict, 'Write {"a name": Condition(), …}.')
    if not conditions:
        raise ValueError('run: conditions is empty; write {"a name": Condition(), …}.')
    for name, condition in conditions.items():
        check_type("run: conditions: a name", name, str, "Names are the legend's text.")
        check_type(
            f"run: conditions[{name!r}]", condition, Condition, "Write Condition(Adam(1e-3))."
        )
    for spec in {condition.spec: None for condition in conditions.values()}:
        if isinstance(spec, Module):
            spec.check(stream.data.inputs, stream.data.outputs)


def alike(conditions: dict[str, Condition]) -> list[list[str]]:
    """Names of conditions grouped by what can train as one network: same architecture, same
    kind of optimizer."""
    groups: dict[Any, list[str]] = {}
    for name, condition in conditions.items():
        groups.setdefault((condition.spec, type(condition.settings)), []).append(name)
    return list(groups.values())
