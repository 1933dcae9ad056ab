"""State: the view that one condition has of the running experiment, and the few surgeries."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import torch

from plastlab.errors import check_choice, missing
from plastlab.losses import CrossEntropy, SquaredError
from plastlab.nets.network import Network, Pass, Units
from plastlab.optim import Memory
from plastlab.products import product
from plastlab.rng import generator
from plastlab.rows import LAYOUTS, Rows, forget, places
from plastlab.whole import Whole

Tensor = torch.Tensor
Loss = CrossEntropy | SquaredError
PARTS = ("m", "v", "count")
SEEN = ("x", "y", "logits", "hidden", "preactivations")
ELSEWHERE = {n: f"weights.{path}" for n, path in LAYOUTS.items()}


class in_place(property):
    """A property whose tensors are changed in place. It takes back what it gave, so that
    `s.lr *= 0.5` works, and refuses what would not be seen by the training."""

    def __set__(self, s: "State", value: Any) -> None:
        name, now = self.fget.__name__, self.fget(s)
        if value is now or (_place(value) is not None and _place(value) == _place(now)):
            return
        how = "[name]" if isinstance(now, Rows) else ".weights.flat" if name == "network" else ""
        raise AttributeError(
            f"State.{name} is changed in place and cannot be replaced: write "
            f"s.{name}{how}.copy_(values) or s.{name}{how}.mul_(0.9), not s.{name} = values."
        )


class State(Whole):
    """What an intervention or a probe sees: the R replicas of its own condition, as views.

    Everything is changed in place, by `copy_`, `mul_`, and so on; what is written here cannot
    reach another condition's replicas.

    seeds: the seed of each replica. step: updates done so far. task: number of the task, from 0.
    network, weights: the networks, and their parameters by name, each [R, ...].
    buffers: values of the networks that are never trained, by name. gradients: of the last batch,
    by name. previous: weights before the last update that a probe follows.
    x [R, B, inputs], y [R, B]: the batch (in a probe: the held-out examples).
    logits [R, outputs, B], hidden [[R, features, ..., B]]: the networks' answers to x.
    task_step: updates done since the task began.
    loss: the stream's loss, a function of (logits, y). memo: what probes share between them.
    """

    def __init__(
        self,
        network: Network,
        gradients: Rows,
        memory: Memory,
        rows: slice,
        seeds: tuple[int, ...],
        loss: Loss,
        draw: Callable[..., Network],
    ) -> None:
        self.show(network.select(rows))
        self._buffers, self._gradients = self.network.buffers, gradients.select(rows)
        self.previous: Rows | None = None
        self.seeds, self.rows = seeds, rows
        self.step = self.task = self.task_step = 0
        self.memo: dict[str, Tensor] = {}
        self.loss = loss
        self._memory = memory
        self._draw = draw

    @in_place
    def network(self) -> Network:
        """The networks."""
        return self._network

    @in_place
    def weights(self) -> Rows:
        """Their parameters by name, each [R, ...]."""
        return self._weights

    @in_place
    def buffers(self) -> Rows:
        """Their values that are never trained, by name, each [R, ...]."""
        return self._buffers

    @in_place
    def gradients(self) -> Rows:
        """The last batch's gradient by name, each [R, ...]."""
        return self._gradients

    def __getattr__(self, name: str) -> None:
        if name == "_seen":
            raise ValueError(
                "no batch has been seen yet: s.x, s.y, s.logits and s.hidden are there from the "
                "first update on, not at_start."
            )
        raise missing(self, name, ELSEWHERE)

    def show(self, network: Network) -> None:
        """Look at these networks from now on, which have the same rows."""
        self._network, self._weights = network, network.weights

    def see(self, x: Tensor, y: Tensor, passed: Pass, step: int, task: int) -> None:
        """Look at the whole batch's inputs, targets and activations through this state's rows;
        they are cut out when someone asks for them."""
        self._seen, self.step, self.task = (x, y, passed), step, task
        self.memo.clear()
        for name in SEEN:
            self.__dict__.pop(name, None)

    @cached_property
    def x(self) -> Tensor:
        """Inputs of the batch that was seen last [R, B, inputs]."""
        return self._seen[0][self.rows]

    @cached_property
    def y(self) -> Tensor:
        """Targets of that batch [R, B], or [R, outputs, B] if they are real numbers."""
        return self._seen[1][self.rows]

    @cached_property
    def logits(self) -> Tensor:
        """The networks' answers to that batch [R, outputs, B]."""
        return self._seen[2].logits.detach()[self.rows]

    @cached_property
    def hidden(self) -> list[Tensor]:
        """Their hidden activations [[R, features, ..., B]], in order of depth."""
        return [h.detach()[self.rows] for h in self._seen[2].hidden]

    @cached_property
    def preactivations(self) -> list[Tensor]:
        """What their nonlinearities made the hidden activations from [[R, units, ..., B]], under
        the present weights; one more forward pass."""
        return [z.detach() for z in self.network.forward(self.x, before=True).before]

    @in_place
    def lr(self) -> Tensor:
        """Learning rate of each replica for this update [R]. It starts each update anew at the
        condition's own; multiply it in `after_backward`, so that several changes compose."""
        return self._memory.lr[self.rows]

    @in_place
    def shares(self) -> Tensor:
        """Which part of the optimizer's step each entry takes in this update [R, P]. Each update
        starts with all of it; multiply it in `after_backward`. Weight decay that acts beside the
        gradient is taken in full."""
        return self._memory.shares()[self.rows]

    @in_place
    def base_lr(self) -> Tensor:
        """The condition's own learning rate, of each replica [R]; write to it to change it for
        good."""
        return self._memory.base_lr[self.rows]

    def versions(self) -> dict[str, int]:
        """How often each tensor that may be looked at was written to, by name."""
        x, y, passed = self._seen
        seen = {"s.x": x, "s.y": y, "s.logits": passed.logits}
        seen |= {f"s.hidden[{i}]": h for i, h in enumerate(passed.hidden)}
        rows = "weights", "buffers", "gradients", "previous"
        held = {f"s.{n}": getattr(self, n).flat for n in rows if getattr(self, n) is not None}
        memory = {f"the optimizer's {n}": t for n, t in _kept(self._memory).items()}
        return {name: tensor._version for name, tensor in {**seen, **held, **memory}.items()}

    def initial(self) -> Network:
        """The networks as they were before the first update, drawn again."""
        return self._draw(self.seeds, "start")

    def fresh(self, *key: object) -> Network:
        """Newly drawn networks of the same architecture, the same for every condition at this
        step; `key` tells several draws apart."""
        return self._draw(self.seeds, "fresh", self.step, *key)

    def reset_optimizer(self, names: tuple[str, ...] | None = None, parts: tuple = PARTS) -> None:
        """Forget `parts` of the optimizer's memory: the first moments "m" (momentum), the second
        "v", the number of updates "count"; of all parameters or of the named ones."""
        for part in parts:
            check_choice("State.reset_optimizer: parts", part, PARTS)
        mask = None if names is None else self.weights.mask(names)
        self._memory.reset(self.rows, mask, parts)

    def optimizer_for(self, weights: Rows) -> Memory:
        """An empty optimizer with the condition's settings, for weights that an intervention keeps
        beside the networks'. Copy `s.lr` into its `lr` before each `step(gradients)`."""
        settings = self._memory.settings[self.rows]
        return settings[0].memory(settings, weights)

    def reset_units(self, layer: int, mask: Tensor, mean: Tensor | None = None) -> None:
        """Recycle the units of hidden layer `layer` where `mask` [R, units] is true.

        Incoming weights are drawn anew, the bias becomes 0, gains, offsets, running statistics and
        slopes of the activation start anew, outgoing weights become 0, those to frozen heads (see
        `injection.Injected`) too, and the optimizer forgets all of these entries, its update count
        included. With `mean` [R, inputs of the next matrix], the usual values of the features that
        it reads, the next bias takes over what the units gave on average.

        So no answer changes if the units were silent, unless a LayerNorm ties all units of the
        layer to each other. Where units of two neighboring layers are recycled, one layer after the
        other, the weights between them are incoming weights of the second, and so drawn anew and
        not 0; nobody reads these units yet.

        Raises:
            ValueError: one of the two matrices is spectrally normalized.
        """
        chosen = mask.any(1).nonzero().flatten().tolist()
        if not chosen:
            return
        few = slice(chosen[0], chosen[-1] + 1)
        unit, mask = self.network.units[layer], mask[few]
        _check_own(unit, self.buffers)
        weights, buffers = self.weights.select(few), self.buffers.select(few)
        if mean is not None:
            given = mean[few] * unit.columns(mask)
            _move_to_bias(unit.outgoing, weights, given)
            for reader in unit.frozen:
                _move_to_bias(reader, buffers, given)
        forgotten = _zero(unit, weights, mask)
        _zero_frozen(unit, buffers, mask)
        names = f"{unit.incoming}weight", *unit.own, *unit.statistics
        drawn: dict[str, list[Tensor]] = {name: [] for name in names}
        for seed, count in zip(self.seeds[few], mask.sum(1).tolist(), strict=True):
            own = generator(seed, "fresh units", self.step, layer) if count else None
            for name in drawn if count else ():
                drawn[name].append(self.network.start(name, count, own))
        for name, values in drawn.items():
            rows = weights if name in weights.views else buffers
            rows[name][mask] = torch.cat(values)
        first = self.rows.start
        self._memory.reset(slice(first + few.start, first + few.stop), forgotten, PARTS)


def _place(value: Any) -> tuple | None:
    """Where a tensor lies, and its form."""
    return (value.data_ptr(), value.shape) if isinstance(value, Tensor) else None


def _kept(memory: Memory) -> dict[str, Tensor]:
    """All tensors of an optimizer's memory by name, those of one inside it included."""
    found: dict[str, Tensor] = {}
    for name, value in vars(memory).items():
        if isinstance(value, Tensor):
            found[name] = value
        elif isinstance(value, Memory):
            found |= _kept(value)
    return found


def _check_own(unit: Units, buffers: Rows) -> None:
    """Raise if a unit's weights also decide how those of others are scaled."""
    for matrix in (unit.incoming, unit.outgoing):
        if f"{matrix}v" in buffers.views:
            raise ValueError(
                f"State.reset_units: the matrix {matrix}weight is spectrally normalized, so that "
                "new weights of one unit rescale those of all others, and the answers move. "
                "Recycle units of a network without spectral_norm."
            )


def _move_to_bias(reader: str, rows: Rows, mean: Tensor) -> None:
    """Add to the bias of a matrix, the layer `reader`, what features with these values [R, inputs
    of the matrix] give."""
    if (bias := f"{reader}bias") in rows.views:
        read = rows[f"{reader}weight"]
        read = read.sum(3) if read.dim() == 4 else read
        rows[bias].add_(product(read, mean.unsqueeze(2)).squeeze(2))


def _zero(unit: Units, weights: Rows, mask: Tensor) -> Tensor:
    """Make all weights of the units where mask [R, units] is true 0; where that was [R, P]."""
    rows = Rows(weights.layout, torch.zeros_like(weights.flat, dtype=torch.bool))
    for name in (f"{unit.incoming}weight", f"{unit.incoming}bias", *unit.own):
        if name in weights.views:
            rows[name][:] = _spread(mask, rows[name])
    for name in (f"{unit.outgoing}weight", f"{unit.outgoing}sigma.weight"):  # noise is heard, too
        if name in weights.views:
            columns = rows[name].transpose(1, 2)
            columns[:] = _spread(unit.columns(mask), columns)
    forget(weights.flat, places(rows.flat, weights.flat))
    return rows.flat


def _zero_frozen(unit: Units, buffers: Rows, mask: Tensor) -> None:
    """Make what the frozen matrices read of the units where mask [R, units] is true 0."""
    for reader in unit.frozen:
        columns = buffers[f"{reader}weight"].transpose(1, 2)
        columns.masked_fill_(_spread(unit.columns(mask), columns), 0.0)


def _spread(mask: Tensor, like: Tensor) -> Tensor:
    """A mask [R, units] shaped to stand against `like` [R, units, ...]."""
    return mask.view(*mask.shape, *[1] * (like.dim() - 2))
