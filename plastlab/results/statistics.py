"""Statistics: what a sentence compares, one number a seed, in the sentence's unit.

Each takes a result and the names of a probe and a condition; where a result has one condition, its
name may be left out. Shares come in percent, differences of shares in points.
"""

import numpy as np

from plastlab import units
from plastlab.errors import check_choice, check_number, check_type
from plastlab.result import Result
from plastlab.results.per_seed import PerSeed


def course(found: Result, probe: str = "accuracy", condition: str | None = None) -> PerSeed:
    """A probe over time [times, S]."""
    check_type("course: found", found, Result, "Give what run(...) returned.")
    values = found(probe, _only(found, condition)).T
    unit, scale = units.unit_of(probe)
    return PerSeed(scale * values, found.seeds, unit)


def level(
    found: Result,
    probe: str = "accuracy",
    condition: str | None = None,
    *,
    task: int | None = None,
    last: int = 1,
) -> PerSeed:
    """A probe at the end of a task (from 1), by default a mean over the `last` probe times [S].

    Raises:
        ValueError: no such probe, condition or task, or fewer probe times.
    """
    rows = course(found, probe, condition)
    if task is not None:
        check_number("level: task", task, found.tasks[0], found.tasks[-1], integer=True)
        return rows[max(t for t, each in enumerate(found.tasks) if each <= task)]
    check_number("level: last", last, 1, len(rows), integer=True)
    return PerSeed(rows.values[-last:].mean(0), rows.seeds, rows.unit)


def lost(
    found: Result,
    probe: str = "accuracy",
    condition: str | None = None,
    *,
    since: int = 1,
    last: int = 1,
) -> PerSeed:
    """By how much a probe fell from the end of task `since` to the end of the run [S]."""
    check_type("lost: found", found, Result, "Give what run(...) returned.")
    check_number("lost: since", since, found.tasks[0], found.tasks[-1], integer=True)
    before = level(found, probe, condition, task=since)
    return before - level(found, probe, condition, last=last)


def ahead(
    found: Result,
    probe: str,
    condition: str,
    *,
    of: str,
    task: int | None = None,
    last: int = 1,
) -> PerSeed:
    """By how much one condition lies above another at the end of a task, or of the run [S]."""
    _check_names("ahead", found, condition=condition, of=of)
    if of == condition:
        raise ValueError(f"ahead: of must be another condition than {condition!r}.")
    first, second = (level(found, probe, name, task=task, last=last) for name in (condition, of))
    return first - second


def ratio(first: PerSeed, second: PerSeed) -> PerSeed:
    """How many times the second the first is, seed by seed."""
    for name, given in (("first", first), ("second", second)):
        check_type(f"ratio: {name}", given, PerSeed, "Give numbers such as level(...).")
    return first / second


def share_of_gap(reached: PerSeed, low: PerSeed, high: PerSeed) -> PerSeed:
    """How much of the gap from `low` to `high` is closed where `reached` stands, in percent: 0 at
    `low`, 100 at `high`. The gap is the mean over seeds, so that no seed's small one decides."""
    for name, given in (("reached", reached), ("low", low), ("high", high)):
        check_type(f"share_of_gap: {name}", given, PerSeed, "Give numbers such as level(...).")
    gap = float(np.mean((high - low).values))
    if gap == 0:
        raise ValueError("share_of_gap: low and high are equal on average; there is no gap.")
    return PerSeed(100 * (reached - low).values / gap, reached.seeds, "% of the gap")


def interaction(
    found: Result, probe: str, neither: str, first: str, second: str, both: str, *, last: int = 1
) -> PerSeed:
    """What two methods do together beyond the sum of what each does alone [S]: above 0 they help
    each other, below 0 one makes the other superfluous."""
    _check_names("interaction", found, neither=neither, first=first, second=second, both=both)
    base, one, other, pair = (
        level(found, probe, name, last=last) for name in (neither, first, second, both)
    )
    return (pair - other) - (one - base)


def _check_names(function: str, found: Result, **names: str) -> None:
    """Raise unless each argument names a condition."""
    check_type(f"{function}: found", found, Result, "Give what run(...) returned.")
    for argument, name in names.items():
        remedy = f'Give a name, for example "{found.conditions[0]}".'
        check_type(f"{function}: {argument}", name, str, remedy)
        check_choice(f"{function}: {argument}", str(name), found.conditions)


def _only(found: Result, condition: str | None) -> str:
    if condition is not None:
        return condition
    if len(found.conditions) > 1:
        listed = ", ".join(found.conditions)
        raise ValueError(f"Which condition? This result has {listed}: give one's name.")
    return found.conditions[0]
