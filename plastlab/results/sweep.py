"""sweep: one method at several settings, as a result with named axes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np

from plastlab.condition import Condition
from plastlab.errors import check_choice, check_function, check_type
from plastlab.interventions.base import Intervention
from plastlab.probes import Probe, accuracy
from plastlab.result import Result
from plastlab.results.per_seed import PerSeed, stack
from plastlab.results.statistics import level
from plastlab.run import run
from plastlab.streams import Stream

APART = 100_000  # how far a tuning seed lies from the seed that it stands for
TUNING = 8  # seeds on which a best setting is chosen
LR = "lr"


@dataclass(frozen=True, eq=False)
class Sweep:
    """What `sweep` returned: `axes` (name -> values) and the `result` of all their combinations."""

    stream: Stream
    conditions: dict[str, Condition]
    axes: dict[str, tuple]
    result: Result
    probes: tuple[Probe, ...] = (accuracy,)

    def at(self, **where: Any) -> Result:
        """The result of one combination, as one condition. An axis with one value may be left out.

        Raises:
            ValueError: no such axis or value, or an axis with several values is left out.
        """
        return one_condition(self.result, _name(self.axes, self._key(where)))

    def curve(self, x: str, probe: str = "accuracy", *, last: int = 1, **where: Any) -> PerSeed:
        """A probe against the axis `x`, the other axes held [len(x), S]; a mean over the `last`
        probe times."""
        check_choice("curve: x", x, self.axes)
        points = (self.at(**where, **{x: value}) for value in self.axes[x])
        return stack([level(point, probe, last=last) for point in points])

    def best(self, statistic: Callable[[Result], PerSeed] = level, **where: Any) -> "Best":
        """The combination whose mean of `statistic(result)` is largest on tuning seeds, and its
        result on the sweep's own. `where` holds some axes. On equal means the first one wins."""
        check_function("best: statistic", statistic, "Give a function of a result, such as level.")
        keys = [key for key in product(*self.axes.values()) if self._agrees(key, where)]
        if not keys:
            raise ValueError(f"best: no combination has {where}; the axes are {self.axes}.")
        means = [statistic(one_condition(self._tuning, _name(self.axes, k))).mean() for k in keys]
        key = keys[int(np.argmax([m if np.isfinite(m) else -np.inf for m in means]))]
        found = dict(zip(self.axes, key, strict=True))
        return Best(found, one_condition(self.result, _name(self.axes, key)))

    @cached_property
    def _tuning(self) -> Result:
        """All combinations on seeds of their own."""
        seeds = [seed + APART for seed in self.result.seeds[:TUNING]]
        return run(self.stream, self.conditions, seeds, self.probes)

    def _key(self, where: dict[str, Any]) -> tuple:
        for axis in where:
            check_choice("at: an axis", axis, self.axes)
        return tuple(self._value(axis, where) for axis in self.axes)

    def _value(self, axis: str, where: dict[str, Any]) -> Any:
        values = self.axes[axis]
        if axis in where:
            return check_choice(f"at: {axis}", where[axis], values)
        if len(values) > 1:
            raise ValueError(f"at: which {axis}? It is one of {', '.join(map(str, values))}.")
        return values[0]

    def _agrees(self, key: tuple, where: dict[str, Any]) -> bool:
        for axis in where:
            check_choice("best: an axis", axis, self.axes)
        return all(where.get(axis, v) == v for axis, v in zip(self.axes, key, strict=True))


@dataclass(frozen=True, eq=False)
class Best:
    """The `setting` that was chosen on tuning seeds, and its `result` on others."""

    setting: dict[str, Any]
    result: Result


def sweep(
    stream: Stream,
    base: Condition,
    method: type[Intervention] | None = None,
    *,
    seeds: int | Sequence[int] = 16,
    probes: Sequence[Probe] = (accuracy,),
    **axes: Sequence[Any],
) -> Sweep:
    """Train `base + method(...)` at every combination of settings: `sweep(labels, adam, L2Init,
    strength=[1e-3, 1e-2])`. The axis `lr` is the optimizer's learning rate. Without a method only
    that one varies.

    Raises:
        TypeError, ValueError: a setting that the method does not have, or no value for one.
    """
    check_type("sweep: base", base, Condition, "Write Condition(Adam(1e-3)).")
    _check_method(method)
    probes = tuple(check_type("sweep: probes", probes, (list, tuple), "Write probes=[accuracy]."))
    axes = {name: _values(method, name, values) for name, values in axes.items()}
    if not axes:
        raise ValueError("sweep needs an axis, such as strength=[1e-3, 1e-2]; got none.")
    conditions = {
        _name(axes, key): _condition(base, method, dict(zip(axes, key, strict=True)))
        for key in product(*axes.values())
    }
    return Sweep(stream, conditions, axes, run(stream, conditions, seeds, probes), probes)


def one_condition(result: Result, name: str) -> Result:
    """The part of a result that belongs to one condition."""
    check_choice("one_condition: name", name, result.conditions)
    at = result.conditions.index(name)
    values = {probe: array[at : at + 1] for probe, array in result.values.items()}
    return replace(result, conditions=(name,), values=values, diverged=result.diverged[at : at + 1])


def _check_method(method: Any) -> None:
    if method is None or (isinstance(method, type) and issubclass(method, Intervention)):
        return
    remedy = "Write L2Init, without parentheses"
    raise TypeError(
        f"sweep: method must be a class of interventions; got {method!r:.60}. {remedy}."
    )


def _values(method: type[Intervention] | None, name: str, values: Sequence[Any]) -> tuple:
    own = _settings(method)
    check_choice("sweep: an axis", name, [LR, *own] if LR not in own else own)
    values = tuple(check_type(f"sweep: {name}", values, (list, tuple), "Give a list."))
    if not values or any(values.count(one) > 1 for one in values):
        raise ValueError(f"sweep: {name} must list different values; got {list(values)}.")
    return values


def _settings(method: type[Intervention] | None) -> list[str]:
    return [field.name for field in fields(method)] if method else []


def _condition(
    base: Condition, method: type[Intervention] | None, settings: dict[str, Any]
) -> Condition:
    own = _settings(method)
    if LR in settings and LR not in own:
        base = replace(base, optimizer=replace(base.optimizer, lr=settings[LR]))
    mine = {name: value for name, value in settings.items() if name in own}
    return base if method is None else base + method(**mine)


def _name(axes: dict[str, tuple], key: tuple) -> str:
    """The name of a combination's condition; other values never share one."""
    return ", ".join(f"{axis} {value}" for axis, value in zip(axes, key, strict=True))
