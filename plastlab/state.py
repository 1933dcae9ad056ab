"""State: the view that one condition has of the running experiment, and the few surgeries."""

from collections.abc import Callable
from functools import cached_property

import torch

from plastlab.errors import check_choice
from plastlab.losses import CrossEntropy, SquaredError
from plastlab.network import Network, Pass
from plastlab.optim import Memory
from plastlab.rows import Rows

Tensor = torch.Tensor
Loss = CrossEntropy | SquaredError
PARTS = ("m", "v", "count")
SEEN = ("x", "y", "logits", "hidden")


class State:
    """What an intervention or a probe sees: the R replicas of its own condition, as views.

    Everything is changed in place, by `copy_`, `mul_`, and so on; what is written here cannot
    reach another condition's replicas.

    seeds: the seed of each replica. step: updates done so far. task: number of the task, from 0.
    network, weights: the networks, and their parameters by name, each [R, ...].
    gradients: of the last batch, by name. previous: weights before the last update that a probe
    follows. x [R, B, inputs], y [R, B]: the batch (in a probe: the held-out examples).
    logits [R, outputs, B], hidden [[R, features, ..., B]]: the networks' answers to x.
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
        self.network = network.select(rows)
        self.weights = self.network.weights
        self.gradients = gradients.select(rows)
        self.previous: Rows | None = None
        self.seeds, self.rows = seeds, rows
        self.step = self.task = 0
        self.memo: dict[str, Tensor] = {}
        self.loss = loss
        self._memory = memory
        self._draw = draw

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

    @property
    def lr(self) -> Tensor:
        """Learning rate of each replica [R]; write to it to change it."""
        return self._memory.lr[self.rows]

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

    def reset_units(self, layer: int, mask: Tensor) -> None:
        """Recycle the units of hidden layer `layer` where `mask` [R, units] is true.

        Incoming weights are drawn anew, bias and offset become 0 and gain 1, outgoing weights
        become 0, and the optimizer forgets all of these entries, its update count included.
        """
        if not mask.any():
            return
        unit, weights = self.network.units[layer], self.weights
        touched = Rows(weights.layout, torch.zeros_like(weights.flat, dtype=torch.bool))
        incoming, outgoing = f"{unit.incoming}weight", f"{unit.outgoing}weight"
        touched[incoming][:] = _spread(mask, touched[incoming])
        weights[incoming].copy_(
            torch.where(touched[incoming], self.fresh(layer).weights[incoming], weights[incoming])
        )
        own = [(f"{unit.incoming}bias", 0.0)]
        if unit.norm is not None:
            own += [(f"{unit.norm}weight", 1.0), (f"{unit.norm}bias", 0.0)]
        for name, value in own:
            if name in weights.views:
                touched[name][:] = mask
                weights[name].masked_fill_(mask, value)
        columns = unit.columns(mask)
        columns = columns.view(len(mask), 1, -1, *[1] * (weights[outgoing].dim() - 3))
        touched[outgoing][:] = columns
        weights[outgoing].masked_fill_(columns, 0.0)
        self._memory.reset(self.rows, touched.flat, PARTS)


def _spread(mask: Tensor, like: Tensor) -> Tensor:
    """A mask [R, units] shaped to stand against `like` [R, units, ...]."""
    return mask.view(*mask.shape, *[1] * (like.dim() - 2))
