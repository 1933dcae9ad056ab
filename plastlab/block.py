"""Block: one condition's replicas in a shard, and how its interventions act on them."""

from types import SimpleNamespace

import torch

from plastlab.condition import Condition
from plastlab.interventions.base import Intervention
from plastlab.rows import Rows
from plastlab.state import State

Tensor = torch.Tensor
MOMENTS = ("at_start", "at_task", "penalty", "after_backward", "after_step", "answers_with")


class Block:
    """One condition's replicas in a shard: its state, its interventions and their memory."""

    def __init__(self, condition: Condition, state: State) -> None:
        self.state = state
        self.differentiable = state.network.differentiable()
        acting = [(i, SimpleNamespace()) for i in condition.interventions]
        self._acting = {
            moment: [(i, mem) for i, mem in acting if _overrides(i, moment)] for moment in MOMENTS
        }

    def has(self, moment: str) -> bool:
        """Whether any intervention acts at this moment."""
        return bool(self._acting[moment])

    def act(self, moment: str) -> None:
        """Let the interventions act, in the order in which they were added."""
        for intervention, mem in self._acting[moment]:
            getattr(intervention, moment)(self.state, mem)

    def answers(self) -> Rows | None:
        """Weights with which the condition answers held-out examples, if not its own."""
        given = [i.answers_with(self.state, mem) for i, mem in self._acting["answers_with"]]
        return next((rows for rows in reversed(given) if rows is not None), None)

    def penalty(self) -> tuple[list[tuple[str, Tensor | None]], list[Tensor | None]]:
        """Gradients of the summed penalties: for the weights by name, and for each hidden
        activation, with the logits last."""
        s = self.state
        plain = s.network, s.weights, s.hidden, s.logits
        s.network, s.weights = self.differentiable, self.differentiable.weights
        s.hidden = [h.detach().requires_grad_() for h in s.hidden]
        s.logits = s.logits.detach().requires_grad_()
        inputs = [*s.weights.views.values(), *s.hidden, s.logits]
        with torch.enable_grad():
            total = sum(i.penalty(s, mem) for i, mem in self._acting["penalty"])
            total = torch.as_tensor(total).sum()  # the base class's penalty is the number 0
        found = [None] * len(inputs)
        if total.requires_grad:
            found = torch.autograd.grad(total, inputs, allow_unused=True)
        s.network, s.weights, s.hidden, s.logits = plain
        count = len(s.weights.views)
        return list(zip(s.weights.views, found[:count], strict=True)), list(found[count:])


def _overrides(intervention: Intervention, moment: str) -> bool:
    return getattr(type(intervention), moment) is not getattr(Intervention, moment)
