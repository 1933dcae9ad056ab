"""Show: the standings as text, as a tidy table and as plots."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from plastlab import plots
from plastlab.errors import check_type
from plastlab.stats import Interval, paired_difference, rounded
from plastlab.tournament.entrants import FRESH, NOTHING
from plastlab.tournament.plan import Arena
from plastlab.tournament.score import LEAST, Played, Standings

SHAPES = 6  # marks that can be told apart
LEVELS = np.linspace(-0.5, 1.5, 201)


def table(standings: Standings) -> str:
    """The budget, the arenas, one line a method, who could not take part and who diverged."""
    check_type("table: standings", standings, Standings, "Give recorded().")
    return "\n\n".join(
        [
            standings.plan.budget,
            "\n".join(_arena(standings, arena) for arena in standings.plan.arenas),
            _aligned([_head(standings)] + [_line(standings, name) for name in standings.ranking]),
            *filter(None, ["\n".join(_notes(standings))]),
        ]
    )


def _arena(standings: Standings, arena: Arena) -> str:
    """What nothing and fresh do there, and what it means for the scores."""
    nothing, fresh = (standings.cell(e.name, arena.name).mean for e in (NOTHING, FRESH))
    gap = standings.gap(arena.name)
    text = (
        f"{arena.name} (learning rates {arena.lrs[0]:g} to {arena.lrs[1]:g}): performance "
        f"{nothing:.3f} with nothing, {fresh:.3f} with a fresh network for each task; the gap is "
        f"{gap.mean:.3f} (95 % interval {gap.low:.3f} to {gap.high:.3f})."
    )
    if arena.name in standings.counting:
        return text
    return (
        f"{text} Its interval does not lie above {LEAST:g}: no scores here, and the column shows "
        "performance less that of nothing."
    )


def _head(standings: Standings) -> list[str]:
    arenas = [
        a.name if a.name in standings.counting else f"{a.name} (difference)"
        for a in standings.plan.arenas
    ]
    return ["method", "family", "overall", *arenas]


def _line(standings: Standings, method: str) -> list[str]:
    overall, missed = standings.overall(method), len(standings.counting)
    missed -= len(standings.arenas_of(method))
    family = next(e.family for e in standings.plan.entrants if e.name == method)
    text = "-" if overall is None else words(overall)
    text += f" ({missed} missing)" if missed and overall else ""
    cells = [_cell(standings, method, arena.name) for arena in standings.plan.arenas]
    return [method, family, text, *cells]


def _cell(standings: Standings, method: str, arena: str) -> str:
    if standings.cell(method, arena).refused:
        return "not applicable"
    counts = arena in standings.counting
    return words((standings.score if counts else standings.difference)(method, arena))


def words(found: Interval) -> str:
    """ "0.79 [0.74, 0.84]", with as many digits as the interval warrants."""
    mean, low, high = rounded(found.mean, found.low, found.high)
    return mean if low == high else f"{mean} [{low}, {high}]"


def _notes(standings: Standings) -> list[str]:
    """Methods that could not take part, and judged runs that diverged."""
    notes = []
    for played in standings.judged:
        where = f"{played.entrant.name}, {played.arena}"
        if played.refused:
            notes.append(f"Not applicable: {where}: {played.refused}")
        elif played.diverged.any():
            lost, count = int(played.diverged.sum()), len(played.seeds)
            notes.append(f"Diverged, and counted as 0: {where}: {lost} of {count} seeds.")
    return notes


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    sizes = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(t.ljust(s) for t, s in zip(row, sizes, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def rows(standings: Standings) -> list[dict[str, Any]]:
    """A tidy table: one row for each phase, stream, method, setting and seed. A method that could
    not take part has one row with the reason, and no seed."""
    check_type("rows: standings", standings, Standings, "Give recorded().")
    phases = [("tuning", played) for played in standings.tuned]
    phases += [("judging", played) for played in standings.judged]
    return [row for phase, played in phases for row in _rows(standings, phase, played)]


def _rows(standings: Standings, phase: str, played: Played) -> list[dict[str, Any]]:
    shared = {
        "phase": phase,
        "stream": played.arena,
        "method": played.entrant.name,
        "family": played.entrant.family,
        "lr": played.trial.lr,
        "strength": played.trial.option.label,
        "edge": _edge(standings, played),
    }
    names = ("seed", "performance", "score", "diverged", "not_applicable")
    if played.refused:
        return [shared | dict(zip(names, (None, None, None, None, played.refused), strict=True))]
    scored = phase == "judging" and played.arena in standings.counting
    scores = [None] * len(played.seeds)
    if scored:
        scores = standings.runs(played.entrant.name, played.arena).tolist()
    columns = played.seeds, played.performance.tolist(), scores, played.diverged.tolist()
    return [
        shared | dict(zip(names, (*values, ""), strict=True))
        for values in zip(*columns, strict=True)
    ]


def _edge(standings: Standings, played: Played) -> str:
    """Which settings lie at an end of what was tried: there, better ones may lie beyond."""
    options = played.entrant.options
    arena = next(a for a in standings.plan.arenas if a.name == played.arena)
    tried = standings.plan.tries(played.entrant, arena)
    lrs = [trial.lr for trial in tried if trial.option == played.trial.option]
    found = ["lr"] if played.trial.lr in (lrs[0], lrs[-1]) else []
    if len(options) > 1 and played.trial.option in (options[0], options[-1]):
        found.append("strength")
    return ", ".join(found)


def plot(standings: Standings, methods: Sequence[str] | None = None) -> plots.Plot:
    """The overall scores of some methods, by default of all, best first, with each arena's score
    as a small mark if they are few. If no arena has scores: performance less that of nothing, the
    mean over arenas."""
    shown = [name for name in standings.ranking if methods is None or name in methods]
    if not standings.counting:
        return _differences(standings, shown)
    names = [name for name in shown if standings.overall(name) is not None]
    few = standings.counting if len(standings.counting) <= SHAPES else ()
    dots = {
        name: {a: standings.score(name, a).mean for a in standings.arenas_of(name) if a in few}
        for name in names
    }
    return plots.forest(
        {name: standings.overall(name) for name in names},
        "score: 0 is doing nothing, 1 a fresh network for each task",
        dots,
        {0.0: NOTHING.name, 1.0: "fresh"},
    )


def _differences(standings: Standings, names: Sequence[str]) -> plots.Plot:
    """Of those who could take part in every arena."""

    def mean(name: str) -> np.ndarray:
        return np.mean([standings.cell(name, a.name).performance for a in arenas], 0)

    arenas, nothing = standings.plan.arenas, NOTHING.name
    able = [n for n in names if not any(standings.cell(n, a.name).refused for a in arenas)]
    found = {name: paired_difference(mean(name), mean(nothing)) for name in able}
    return plots.forest(found, "performance less that of nothing")


def profiles(standings: Standings, methods: Sequence[str] | None = None) -> plots.Plot:
    """Performance profiles of some methods, by default of the best four and of the two anchors."""
    if methods is None:
        best = [n for n in standings.ranking if n not in (NOTHING.name, FRESH.name)]
        methods = (*best[:4], FRESH.name, NOTHING.name)
    lines = {name: standings.profile(name, LEVELS) for name in methods}
    return plots.profiles(
        LEVELS, lines, "score of at least", "share of runs (all seeds and streams)"
    )
