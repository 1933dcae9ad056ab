"""Shard: conditions that share an architecture, trained as one replica-batched network."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch

from plastlab.block import Block
from plastlab.condition import Condition
from plastlab.interventions.base import Act
from plastlab.nets.network import TRAINING, Look, Network, Pass
from plastlab.probes import Probe, online
from plastlab.probes.asking import Asker
from plastlab.state import State
from plastlab.streams import Stream
from plastlab.streams.base import lesson, shared
from plastlab.whole import Whole

Tensor = torch.Tensor


class Shard(Whole):
    """Trains C conditions with the same seeds: replica c * S + s is seed s of condition c.

    All conditions must build the same architecture and use the same kind of optimizer.
    """

    def __init__(
        self,
        stream: Stream,
        conditions: dict[str, Condition],
        seeds: Sequence[int],
        probes: Sequence[Probe] = (),
    ) -> None:
        self.stream, self.seeds, self.names = stream, tuple(seeds), tuple(conditions)
        self.step, self.task, self._next = 0, 0, 0
        data, count = stream.data, len(self.seeds)
        settings = [c.settings for c in conditions.values() for _ in seeds]
        spec = next(iter(conditions.values())).spec
        draw = partial(spec.build, data.inputs, data.outputs)
        with torch.no_grad():
            self.network = draw(self.seeds * len(conditions), "start")
            self.gradients = self.network.room()
            self.memory = settings[0].memory(settings, self.network.weights)
            parts = self.network, self.gradients.rows, self.memory
            everything = slice(0, len(settings))
            self._all = State(*parts, everything, self.seeds * len(conditions), data.loss, draw)
            self._states, self.blocks = [self._all], {}
            for i, (name, condition) in enumerate(conditions.items()):
                rows = slice(i * count, (i + 1) * count)
                state = State(*parts, rows, self.seeds, data.loss, draw)
                self._states.append(state)
                self.blocks[name] = Block(name, condition, state)
                self.blocks[name].act("at_start")
        self._ask = Asker(self._all)
        self._online = [p for p in probes if isinstance(p, online)]
        self._answer = Look()
        self._tally: dict[Probe, tuple[Tensor, int]] = {}
        self._load_task()

    @property
    def done(self) -> bool:
        """Whether the stream has ended."""
        return self.task == self.stream.tasks - 1 and self._next == self.stream.steps

    def advance(self, steps: int) -> int:
        """Do up to `steps` updates, across task boundaries, and keep the weights as they were
        before the last one. Returns the number of updates done."""
        done = 0
        with torch.no_grad():
            while done < steps and not self.done:
                if self._next == self.stream.steps:
                    self._begin_task()
                last = self.task == self.stream.tasks - 1 and self._next == self.stream.steps - 1
                if last or done == steps - 1:
                    self._snapshot()
                self._update()
                done += 1
        return done

    def measure(self, probe: Probe) -> dict[str, np.ndarray]:
        """The probe now, on the current task's held-out examples, by condition: [S] each. An
        online probe: its mean over the updates since it was last measured."""
        if isinstance(probe, online):
            total, updates = self._tally.pop(probe)
            return self._split(total / updates)
        self._look()
        return self._read(probe)

    def finite(self) -> dict[str, np.ndarray]:
        """Which replicas' weights are finite numbers, by condition: bool [S] each."""
        return self._split(torch.isfinite(self.network.weights.flat).all(1))

    def apply(self, intervention: Act, name: str) -> None:
        """Let an act happen once to a condition, now, judged by the batch that was seen last."""
        self._look_back()
        with torch.no_grad():
            self.blocks[name].once(intervention)

    def batch(self, probe: Probe) -> dict[str, np.ndarray]:
        """A probe on the last batch, before its update, by condition: [S] each. Before the first
        update that is the first batch."""
        self._look_back()
        return self._read(probe)

    def _load_task(self) -> None:
        """Flatten the task's examples over seeds, so that one index selects seed and example;
        every condition gets the same. Inputs that all seeds share are kept once."""
        task, order = lesson(self.stream, self.task, self.seeds)
        self._examples, apart = _rows(task.x)
        self._targets = task.y.reshape(-1, *task.y.shape[2:]).contiguous()
        self._of_targets = self._places(order, task.x.shape[1])
        same = apart == task.x.shape[1]
        self._of_examples = self._of_targets if same else self._places(order, apart)
        x, y = (_repeated(v, len(self.names)) for v in (task.x_test, task.y_test))
        self._shown = x, _batch_last(y)
        self._looked_at = None

    def _places(self, order: Tensor, apart: int) -> Tensor:
        """Where the batches' examples stand, those of a seed `apart` rows after the last one's:
        [steps, C * S * batch]."""
        first = torch.arange(len(self.seeds)) * apart
        places = (order + first[:, None, None]).repeat(len(self.names), 1, 1)
        return places.movedim(1, 0).reshape(self.stream.steps, -1)

    def _begin_task(self) -> None:
        """The next task. Interventions see the last batch: what a probe looked at is not theirs."""
        self.task, self._next = self.task + 1, 0
        self._look_back()
        self._examples = self._targets = self._shown = None  # room for the next ones
        self._load_task()
        for state in self._states:
            state.task, state.task_step = self.task, 0
        self._act("at_task")

    def _update(self) -> None:
        """One update: batch, forward, gradient, optimizer, and the interventions' moments."""
        x, y, passed = self._batch(TRAINING)
        self._see(x, y, passed)
        self._tally_online()
        slope = self.stream.data.loss.gradient(passed.logits, y)
        self._backward(passed, slope)
        self.memory.lr.copy_(self.memory.base_lr)
        self._act("after_backward")
        self.memory.step(self.gradients.rows)
        self.step, self._next = self.step + 1, self._next + 1
        for state in self._states:
            state.step, state.task_step = self.step, self._next
        self._act("after_step")

    def _batch(self, rate: float) -> tuple[Tensor, Tensor, Pass]:
        """The next batch, and what the networks say to it in training; running statistics move by
        `rate`."""
        batch, places = self.stream.batch, self._of_examples[self._next]
        x = self._examples.index_select(0, places).view(-1, batch, self._examples.shape[1])
        if self._of_targets is not self._of_examples:
            places = self._of_targets[self._next]
        y = self._targets.index_select(0, places)
        y = _batch_last(y.view(-1, batch, *y.shape[1:]))
        with torch.set_grad_enabled(self.network.needs_graph):
            return x, y, self.network.forward(x, rate=rate)

    def _backward(self, passed: Pass, slope: Tensor) -> None:
        """Gradients of the losses and of the penalties."""
        extra: list[Tensor | None] = [None] * len(passed.hidden)
        penalized = []
        for block in self.blocks.values():
            if block.has("penalty"):
                weights, activations = block.penalty()
                penalized.append((block.state, weights))
                rows, own = block.state.rows, activations.pop()
                if own is not None:
                    slope[rows] += own
                for i, gradient in enumerate(activations):
                    if gradient is not None:
                        extra[i] = (
                            torch.zeros_like(passed.hidden[i]) if extra[i] is None else extra[i]
                        )
                        extra[i][rows] += gradient
        self.network.backward(passed, slope, self.gradients, extra)
        for state, weights in penalized:
            for name, gradient in weights:
                if gradient is not None:
                    state.gradients[name].add_(gradient)

    def _act(self, moment: str) -> None:
        for block in self.blocks.values():
            block.act(moment)

    def _see(self, x: Tensor, y: Tensor, passed: Pass) -> None:
        self._last_batch, self._looked_at = (x, y, passed), None
        for state in self._states:
            state.see(x, y, passed, self.step, self.task)

    def _look(self) -> None:
        """Show the held-out examples to the states, once for all probes of this moment."""
        if self._looked_at == self.step:
            return
        with torch.no_grad():
            passed = self._answer(self._answering(), self._shown[0])
        for state in self._states:
            state.see(*self._shown, passed, self.step, self.task)
        self._looked_at = self.step

    def _answering(self) -> Network:
        """The networks that answer held-out examples."""
        given = [(b.state.rows, b.answers()) for b in self.blocks.values() if b.has("answers_with")]
        given = [(rows, own) for rows, own in given if own is not None]
        if not given:
            return self.network
        weights = self.network.weights.clone()
        for rows, own in given:
            weights.flat[rows] = own.flat
        return self.network.twin(weights, self.network.buffers)

    def _look_back(self) -> None:
        """Show the last batch to the states again, as it was before its update."""
        if self.step == 0:
            self._last_batch = self._batch(rate=0.0)
        self._see(*self._last_batch)

    def _read(self, probe: Probe) -> dict[str, np.ndarray]:
        with torch.no_grad():
            return self._split(self._ask(probe))

    def _split(self, values: Tensor) -> dict[str, np.ndarray]:
        """Numbers of all replicas [C * S], by condition."""
        rows = values.numpy().reshape(len(self.names), -1).copy()
        return dict(zip(self.names, rows, strict=True))

    def _snapshot(self) -> None:
        previous = self.network.weights.clone()
        for state in self._states:
            state.previous = previous.select(state.rows)

    def _tally_online(self) -> None:
        for probe in self._online:
            total, updates = self._tally.get(probe, (0.0, 0))
            self._tally[probe] = total + self._ask(probe), updates + 1


def _batch_last(y: Tensor) -> Tensor:
    """Targets as the losses want them: classes [R, B], real numbers [R, outputs, B]."""
    return y.mT if y.is_floating_point() else y


def _rows(x: Tensor) -> tuple[Tensor, int]:
    """All seeds' examples [S, N, inputs] under each other, as they lie in memory, and how many
    rows a seed's first one stands behind the last seed's: 0 if they are the same."""
    inputs = x.shape[2]
    if x.stride(1) != inputs or x.stride(2) != 1 or x.stride(0) % inputs:
        x = x.contiguous()
    apart = x.stride(0) // inputs
    return x.as_strided(((len(x) - 1) * apart + x.shape[1], inputs), (inputs, 1)), apart


def _repeated(v: Tensor, copies: int) -> Tensor:
    """Held-out examples [S, ...] for that many conditions [C * S, ...]; no copies if all seeds
    share them."""
    if shared(v):
        return v[:1].expand(copies * len(v), *v.shape[1:])
    return v.repeat(copies, *[1] * (v.dim() - 1)) if copies > 1 else v
