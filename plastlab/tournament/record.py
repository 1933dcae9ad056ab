"""The record: standings kept in a file, so that they can be read without playing again.

What is kept is what was measured, in the order of the plan; scores are worked out anew. Two records
lie beside this file, made by

    python -m plastlab tournament --quick --record
    python -m plastlab tournament --wide --record
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from plastlab.errors import check_choice, check_type
from plastlab.tournament import plan as plans
from plastlab.tournament.entrants import Entrant
from plastlab.tournament.plan import Arena, Plan
from plastlab.tournament.score import Played, Standings

KEPT = ("quick", "wide")
REMEDY = "Make it again: python -m plastlab tournament, with its flags and --record"
DIGITS = 5

Line = dict[str, Any]


def write(standings: Standings, path: Path) -> None:
    """Keep the standings: the seeds in the first line, then a line for each method and arena."""
    lines = [_head(standings.plan)]
    for arena in standings.plan.arenas:
        for entrant in standings.plan.entrants:
            lines.append(_line(standings, entrant, arena))
    text = ",\n".join(json.dumps(line) for line in lines)
    path.write_text(f"[{text}]\n", encoding="utf-8")


def read(path: Path, plan: Plan) -> Standings:
    """The standings of `plan` that `write` kept.

    Raises:
        ValueError: the record is of another plan: other seeds, methods, arenas or settings.
    """
    check_type("read: plan", plan, Plan, "Write read(path, quick()).")
    head, *lines = json.loads(path.read_text(encoding="utf-8"))
    if head != _head(plan):
        raise ValueError(f"{path.name} has other seeds than the plan. {REMEDY}")
    kept = {(line["stream"], line["method"]): line for line in lines}
    pairs = [(arena, entrant) for arena in plan.arenas for entrant in plan.entrants]
    names = {(arena.name, entrant.name) for arena, entrant in pairs}
    if other := sorted(names ^ set(kept)):
        raise ValueError(f"{path.name} and the plan differ in {other[0]}. {REMEDY}")
    tuned, judged = [], []
    for arena, entrant in pairs:
        line, trials = kept[arena.name, entrant.name], plan.tries(entrant, arena)
        labels = [trial.label for trial in trials]
        if labels != list(line["tuning"]):
            raise ValueError(f"{path.name} has other settings of {entrant.name!r}. {REMEDY}")
        for trial, found in zip(trials, line["tuning"].values(), strict=True):
            tuned.append(_played(arena, entrant, trial, plan.tuning, found))
        best = trials[labels.index(line["chosen"])]
        judged.append(_played(arena, entrant, best, plan.judging, line["judging"]))
    return Standings(plan, tuple(tuned), tuple(judged))


def place(name: str) -> Path:
    """Where the book reads the record of the plan `name`.

    Raises:
        ValueError: the book reads none of that plan.
    """
    check_choice("The record of a tournament that the book reads", name, KEPT)
    return Path(__file__).with_name(f"{name}.json")


def recorded(name: str = "quick") -> Standings:
    """A tournament as it was held last: "quick", every method on four short streams, or "wide", a
    dozen methods on every kind of stream."""
    return _recorded(check_choice("recorded: name", name, KEPT))


@cache
def _recorded(name: str) -> Standings:
    return read(place(name), getattr(plans, name)())


def _head(plan: Plan) -> Line:
    return {"tuning": list(plan.tuning), "judging": list(plan.judging)}


def _line(standings: Standings, entrant: Entrant, arena: Arena) -> Line:
    own = [p for p in standings.tuned if (p.arena, p.entrant) == (arena.name, entrant)]
    judged = standings.cell(entrant.name, arena.name)
    return {
        "stream": arena.name,
        "method": entrant.name,
        "tuning": {played.trial.label: _found(played) for played in own},
        "chosen": judged.trial.label,
        "judging": _found(judged),
    }


def _found(played: Played) -> list[float | None] | str:
    """Performance of each seed, null for one that diverged; or why there is none."""
    if played.refused:
        return played.refused
    pairs = zip(played.performance.tolist(), played.diverged.tolist(), strict=True)
    return [None if diverged else round(number, DIGITS) for number, diverged in pairs]


def _played(arena: Arena, entrant: Entrant, trial: Any, seeds: tuple, found: Any) -> Played:
    names = arena.name, entrant, trial, seeds
    if isinstance(found, str):
        return Played(*names, refused=found)
    diverged = np.array([number is None for number in found])
    return Played(*names, np.array([number or 0.0 for number in found]), diverged)
