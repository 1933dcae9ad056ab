"""Play: everybody tries its settings on the tuning seeds, the best are judged on other seeds.

The work is cut into jobs that train as one network: settings of several methods, with all seeds of
their phase. Each setting's outcome goes into the cache of `run` when its job ends, so a tournament
that was stopped goes on where it was.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, replace
from typing import Any

from tqdm.auto import tqdm

from plastlab.cache import Keeper, Outcome
from plastlab.condition import Condition
from plastlab.dispatch import chosen, result, submitted, workers
from plastlab.errors import check_all, check_choice, check_type
from plastlab.jobs import Job, Outcomes, sizes, spread
from plastlab.probes import probe_name
from plastlab.rng import resolve_seeds
from plastlab.screen import watched
from plastlab.tournament.entrants import FRESH, NOTHING, Entrant, Trial
from plastlab.tournament.plan import Arena, Plan
from plastlab.tournament.score import Played, Standings
from plastlab.training import alike

Found = Outcome | str  # what was measured, or why it could not be
Pack = list[int]  # numbers of works that train as one network


@dataclass(frozen=True)
class Work:
    """One setting of one method in one arena, on some seeds."""

    arena: Arena
    entrant: Entrant
    trial: Trial
    seeds: tuple[int, ...]

    @property
    def condition(self) -> Condition:
        """What is trained."""
        return self.trial.condition(self.arena.net, self.arena.optimizer)

    def key(self, keeper: Keeper) -> str | None:
        """Its place in the cache; None if a reader's own code takes part."""
        stream, probes = self.arena.stream, (self.arena.probe,)
        return keeper.key(stream, self.condition, self.seeds, probes, stream.steps)

    @property
    def updates(self) -> int:
        """Updates of single networks."""
        return self.arena.stream.tasks * self.arena.stream.steps * len(self.seeds)

    def played(self, found: Found) -> Played:
        """Performance and divergence of each seed, or why there is none."""
        names = self.arena.name, self.entrant, self.trial, self.seeds
        if isinstance(found, str):
            return Played(*names, refused=found)
        values, diverged = found[probe_name(self.arena.probe)], found["diverged"]
        return Played(*names, self.arena.performance(values, diverged, self.seeds), diverged)


def tournament(plan: Plan, executor: Executor | None = None) -> Standings:
    """Hold the tournament.

    Jobs run on `executor`, any `concurrent.futures.Executor` (of processes, of dask), cut for its
    workers; by default one after the other on this thread. The numbers are the same. What is
    finished is in the cache, so stopping it loses the jobs that are running and no others. A method
    that refuses a network or a stream with a ValueError is listed with its reason.

    Raises:
        TypeError: an argument is not what it should be.
        ValueError: doing nothing, or a fresh network per task, cannot take part in an arena.
        ExecutorError: the executor is shut down, has no workers, or lost its jobs.
    """
    check_type("tournament: plan", plan, Plan, "Write tournament(quick()).")
    return Standings(plan, *_contest(plan, plan.entrants, executor))


def joined(standings: Standings, newcomer: Entrant, executor: Executor | None = None) -> Standings:
    """The standings with one more method, which plays by the same rules: as many settings, the same
    tuning seeds, judged on the same seeds. Nobody else plays again."""
    check_type("joined: standings", standings, Standings, "Give recorded().")
    check_type("joined: newcomer", newcomer, Entrant, "Write joined(recorded(), entrant(Mine)).")
    plan = replace(standings.plan, challengers=(*standings.plan.challengers, newcomer))
    tuned, judged = _contest(plan, (newcomer,), executor)
    return Standings(plan, standings.tuned + tuned, standings.judged + judged)


def rematch(
    standings: Standings, methods: Sequence[str], seeds: int | Sequence[int] = 16
) -> Standings:
    """Nothing, fresh and some methods once more: each in the setting that was chosen for it in an
    arena, judged on other seeds (n means 0 to n - 1; see `resolve_seeds`).

    Raises:
        ValueError: a method that did not take part, or a seed on which settings were chosen.
    """
    check_type("rematch: standings", standings, Standings, "Give recorded().")
    check_all("rematch: methods", methods, str, "Give a list of names.")
    named = {entrant.name: entrant for entrant in standings.plan.challengers}
    again = tuple(named[check_choice("rematch: methods", name, named)] for name in methods)
    plan = replace(standings.plan, challengers=again, judging=resolve_seeds(seeds))
    judging = [
        Work(arena, entrant, standings.cell(entrant.name, arena.name).trial, plan.judging)
        for arena in plan.arenas
        for entrant in plan.entrants
    ]
    keeper = Keeper()
    judged = _play(judging, chosen(None) or _Here(), lambda done: None, keeper)
    keeper.finish()
    return Standings(plan, (), judged)


def _contest(
    plan: Plan, entrants: Sequence[Entrant], executor: Executor | None
) -> tuple[tuple[Played, ...], tuple[Played, ...]]:
    """What some of the plan's entrants did while tuning, and while being judged."""
    remedy = "Give a ProcessPoolExecutor(), not its class."
    check_type("tournament: executor", executor, (Executor, type(None)), remedy)
    executor = chosen(executor) or _Here()
    pairs = [(arena, entrant) for arena in plan.arenas for entrant in entrants]
    tuning = [Work(a, e, trial, plan.tuning) for a, e in pairs for trial in plan.tries(e, a)]
    keeper = Keeper()
    with _progress(plan, tuning, len(entrants)) as bar:
        bar.set_description("tuning")
        tuned = _play(tuning, executor, bar.update, keeper)
        _need_anchors(tuned)
        tries = [tuned[i : i + plan.trials] for i in range(0, len(tuned), plan.trials)]
        best = [max(each, key=lambda played: played.mean) for each in tries]
        judging = [Work(*pair, b.trial, plan.judging) for pair, b in zip(pairs, best, strict=True)]
        bar.set_description("judging")
        judged = _play(judging, executor, bar.update, keeper)
    keeper.finish(stacklevel=4)
    return tuned, judged


def _progress(plan: Plan, tuning: Sequence[Work], entrants: int) -> tqdm:
    """A bar that counts updates of single networks, in both phases."""
    judging = sum(a.stream.tasks * a.stream.steps for a in plan.arenas) * len(plan.judging)
    total = sum(work.updates for work in tuning) + judging * entrants
    return tqdm(total=total, unit="update", unit_scale=True, leave=False, disable=not watched())


def _need_anchors(tuned: Sequence[Played]) -> None:
    """Raise if the two that make the scale could not take part somewhere."""
    for played in tuned:
        if played.refused and played.entrant in (NOTHING, FRESH):
            raise ValueError(
                f"tournament: {played.entrant.name!r} cannot take part in {played.arena!r}, and "
                f"there is no score without it: {played.refused}"
            )


def _play(
    works: Sequence[Work],
    executor: Executor,
    tick: Callable[[int], object],
    keeper: Keeper,
) -> tuple[Played, ...]:
    """All of it, in order."""
    played: dict[int, Played] = {}
    for i, found in _finished(works, executor, keeper):
        played[i] = works[i].played(found)
        tick(works[i].updates)
    return tuple(played[i] for i in range(len(works)))


def _finished(
    works: Sequence[Work], executor: Executor, keeper: Keeper
) -> Iterator[tuple[int, Found]]:
    """Each work's number and what was found: first who refuses and what the cache has, then, as it
    ends and is kept, what is trained."""
    keys, missing = {}, {}
    for i, work in enumerate(works):
        refusal = _refusal(work)
        keys[i] = None if refusal else work.key(keeper)
        kept = keeper.load(keys[i])
        if refusal or kept is not None:
            yield i, refusal or kept
        else:
            missing[i] = work
    for i, found in _trained(missing, executor):
        if not isinstance(found, str):
            keeper.store(keys[i], found)
        yield i, found


def _refusal(work: Work) -> str:
    """Why the network or the optimizer that a method asks for cannot be; "" if they can."""
    try:
        sizes(work.arena.stream, work.condition)
    except ValueError as error:
        return str(error)
    return ""


def _trained(works: dict[int, Work], executor: Executor) -> Iterator[tuple[int, Found]]:
    """Train in packs. A pack in which a method raises a ValueError is taken apart, so that each of
    its works is refused, or not, by itself."""
    queue, pending = deque(_packs(works, workers(executor))), {}
    ahead = 1 if isinstance(executor, _Here) else math.inf
    try:
        while queue or pending:
            while queue and len(pending) < ahead:
                pack = queue.popleft()
                pending[submitted(executor, _job([works[i] for i in pack], pack))] = pack
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                pack, outcomes = pending.pop(future), _result(future)
                if isinstance(outcomes, str) and len(pack) > 1:
                    queue.extend([i] for i in pack)
                else:
                    for i in pack:
                        yield i, outcomes if isinstance(outcomes, str) else outcomes[str(i)]
    finally:
        for future in pending:
            future.cancel()


def _packs(works: dict[int, Work], workers: int) -> Iterator[Pack]:
    """Works that can train as one network, as many as are fast together; fewer if else a worker
    would have none, and if that leaves enough in each."""
    groups = [group for own in _by_arena(works) for group in _alike(works, own)]
    for pack in groups:
        first = works[pack[0]]
        enough, room = sizes(first.arena.stream, first.condition)
        fewest = math.ceil(len(pack) / max(1, room // len(first.seeds)))
        most = min(len(pack), len(pack) * len(first.seeds) // enough)
        parts = spread(fewest, -(-workers // len(groups)), most)
        yield from (pack[part::parts] for part in range(parts))


def _by_arena(works: dict[int, Work]) -> Iterable[Pack]:
    by_arena: dict[tuple, Pack] = {}
    for i, work in works.items():
        by_arena.setdefault((work.arena, work.seeds), []).append(i)
    return by_arena.values()


def _alike(works: dict[int, Work], pack: Pack) -> Iterator[Pack]:
    for names in alike({str(i): works[i].condition for i in pack}):
        yield [int(name) for name in names]


def _job(works: Sequence[Work], pack: Pack) -> Job:
    arena, seeds = works[0].arena, works[0].seeds
    conditions = {str(i): work.condition for i, work in zip(pack, works, strict=True)}
    return Job(arena.stream, conditions, seeds, (arena.probe,), arena.stream.steps)


def _result(future: Future) -> Outcomes | str:
    """What a job measured, or the message of its ValueError."""
    try:
        return result(future)
    except ValueError as error:
        return str(error)


class _Here(Executor):
    """Runs what is submitted at once, on this thread."""

    _max_workers = 1

    def submit(self, function: Callable, /, *args: Any) -> Future:
        """Do it now."""
        future: Future = Future()
        try:
            future.set_result(function(*args))
        except ValueError as error:
            future.set_exception(error)
        return future
