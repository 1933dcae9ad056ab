"""Block: one condition's replicas in a shard, and how its interventions act on them."""

from dataclasses import FrozenInstanceError
from numbers import Real
from types import SimpleNamespace
from typing import Any

import torch

from plastlab.condition import Condition
from plastlab.interventions.base import MOMENTS, Act, Intervention
from plastlab.interventions.door import is_ours
from plastlab.rows import Rows
from plastlab.state import State
from plastlab.watch import Watch

Tensor = torch.Tensor


class Block:
    """One condition's replicas in a shard: its state, its interventions and their memory."""

    def __init__(self, name: str, condition: Condition, state: State) -> None:
        self.name, self.state = name, state
        self.differentiable = state.network.differentiable()
        acting = [(i, SimpleNamespace()) for i in condition.interventions]
        self._acting = {
            moment: [(i, mem) for i, mem in acting if _overrides(i, moment)] for moment in MOMENTS
        }
        own = any(not is_ours(intervention) for intervention in condition.interventions)
        self._watch = Watch(state) if own else None

    def has(self, moment: str) -> bool:
        """Whether any intervention acts at this moment."""
        return bool(self._acting[moment])

    def act(self, moment: str) -> None:
        """Let the interventions act, in the order in which they were added."""
        acting = self._acting[moment]
        if watched := self._watch is not None and acting:
            self._watch.begin()
        for intervention, mem in acting:
            self._call(intervention, moment, self.state, mem)
        if watched and (wrong := self._watch.wrong()):
            who = " or ".join(self._who(i, moment) for i, _ in acting)
            raise ValueError(f"{who} {wrong}")

    def once(self, act: Act) -> None:
        """Let an act happen now."""
        self._call(act, "act", self.state)

    def answers(self) -> Rows | None:
        """Weights with which the condition answers held-out examples, if not its own."""
        given = [self._given(i, mem) for i, mem in self._acting["answers_with"]]
        return next((rows for rows in reversed(given) if rows is not None), None)

    def penalty(self) -> tuple[list[tuple[str, Tensor | None]], list[Tensor | None]]:
        """Gradients of the summed penalties: for the weights by name, and for each hidden
        activation, with the logits last."""
        s = self.state
        plain = s.network, s.hidden, s.logits
        s.show(self.differentiable)
        s.hidden = [h.detach().requires_grad_() for h in s.hidden]
        s.logits = s.logits.detach().requires_grad_()
        inputs = [*s.weights.views.values(), *s.hidden, s.logits]
        try:
            with torch.enable_grad():
                total = sum(self._price(i, mem) for i, mem in self._acting["penalty"])
                total = torch.as_tensor(total).sum()  # the base class's penalty is the number 0
        finally:
            network, s.hidden, s.logits = plain
            s.show(network)
        found = [None] * len(inputs)
        if total.requires_grad:
            found = torch.autograd.grad(total, inputs, allow_unused=True)
        count = len(s.weights.views)
        return list(zip(s.weights.views, found[:count], strict=True)), list(found[count:])

    def _call(self, intervention: Intervention, moment: str, *arguments: Any) -> None:
        """Call a moment that changes things in place and says nothing."""
        answer = self._ask(intervention, moment, *arguments)
        if answer is not None:
            raise TypeError(
                f"{self._who(intervention, moment)} must return nothing; got {_kind(answer)}. "
                "Changes are made in place, such as s.weights[name].mul_(0.9)."
            )

    def _ask(self, intervention: Intervention, moment: str, *arguments: Any) -> Any:
        try:
            return getattr(intervention, moment)(*arguments)
        except FrozenInstanceError as error:
            raise TypeError(
                f"{self._who(intervention, moment)}: {error}. An intervention's settings do not "
                "change; what it remembers belongs into mem, such as mem.count = 0 at_start."
            ) from error

    def _given(self, intervention: Intervention, mem: SimpleNamespace) -> Rows | None:
        """Weights that an intervention answers with, or None."""
        rows = self._ask(intervention, "answers_with", self.state, mem)
        wanted = self.state.weights.flat.shape
        if rows is None or (isinstance(rows, Rows) and rows.flat.shape == wanted):
            return rows
        raise TypeError(
            f"{self._who(intervention, 'answers_with')} must return Rows like s.weights, or None; "
            f"got {_kind(rows)}. Keep a copy, mem.own = s.weights.clone(), and return it."
        )

    def _price(self, intervention: Intervention, mem: SimpleNamespace) -> Any:
        """A penalty that can be differentiated: one number a replica, or the number 0."""
        price, count = self._ask(intervention, "penalty", self.state, mem), len(self.state.seeds)
        if isinstance(price, Tensor):
            fits = price.shape == (count,) and (price.requires_grad or not price.any())
        else:
            fits = isinstance(price, Real) and price == 0
        if fits:
            return price
        raise TypeError(
            f"{self._who(intervention, 'penalty')} must return one number a replica [{count}] that "
            f"depends on s.weights, s.hidden or s.logits, or 0; got {_kind(price)}. Sum over all "
            "axes but the first, .flatten(1).sum(1), and use no detach, item or NumPy on the way."
        )

    def _who(self, intervention: Intervention, moment: str) -> str:
        return f"condition {self.name!r}: {type(intervention).__name__}.{moment}"


def _kind(given: Any) -> str:
    if isinstance(given, Tensor):
        return f"a tensor {list(given.shape)}"
    return f"{given!r} ({type(given).__name__})" if given is not None else "None"


def _overrides(intervention: Intervention, moment: str) -> bool:
    return getattr(type(intervention), moment) is not getattr(Intervention, moment)
