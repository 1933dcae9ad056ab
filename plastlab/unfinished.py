"""Unfinished runs: what is trained of them already, kept as it ends."""

import numpy as np

from plastlab.cache import Keeper, Outcome
from plastlab.jobs import Job, Outcomes

SEEDS = "(seeds)"  # beside the names of probes, in what is kept


class Unfinished:
    """The outcomes of some conditions, seed by seed, until all are there.

    What ends while other parts still train is kept in the cache, so that a run that was stopped
    goes on where it was, however the rest is cut then.
    """

    def __init__(self, seeds: tuple[int, ...], keys: dict[str, str | None], keeper: Keeper) -> None:
        """Take up what an earlier run left; a key is a condition's in the cache, None if it is not
        cached."""
        self.seeds, self.keeper = seeds, keeper
        self.keys = {name: key and keeper.unfinished(key) for name, key in keys.items()}
        self._found = {name: _taken_up(keeper.load(key)) for name, key in self.keys.items()}

    def missing(self) -> list[tuple[tuple[int, ...], list[str]]]:
        """Seeds, and the conditions that lack exactly these."""
        groups: dict[tuple[int, ...], list[str]] = {}
        for name, found in self._found.items():
            groups.setdefault(tuple(s for s in self.seeds if s not in found), []).append(name)
        return [(seeds, names) for seeds, names in groups.items() if seeds]

    def ended(self, job: Job, outcomes: Outcomes) -> None:
        """Take what came of a job, and keep it if others are to come."""
        for name, outcome in outcomes.items():
            self._found[name] |= _by_seed(job.seeds, outcome)
        if self.missing():
            for name in outcomes:
                self._keep(name)

    def whole(self) -> Outcomes:
        """Each condition's outcome, with all seeds in order."""
        return {name: _joined(self.seeds, found) for name, found in self._found.items()}

    def words(self) -> str:
        """What becomes of the work if it is stopped."""
        if any(self.keys.values()):
            return "Parts that were finished are kept: run the cell again to go on from there."
        return "Nothing was kept: run the cell again to start anew."

    def forget(self) -> None:
        """Nothing is unfinished any more."""
        for key in filter(None, self.keys.values()):
            self.keeper.forget(key)

    def _keep(self, name: str) -> None:
        found = self._found[name]
        seeds = {SEEDS: np.array([str(seed) for seed in found])}
        self.keeper.store(self.keys[name], _joined(tuple(found), found) | seeds)


def _taken_up(kept: Outcome | None) -> dict[int, Outcome]:
    return {} if kept is None else _by_seed(tuple(map(int, kept.pop(SEEDS))), kept)


def _by_seed(seeds: tuple[int, ...], outcome: Outcome) -> dict[int, Outcome]:
    return {s: {n: v[i : i + 1] for n, v in outcome.items()} for i, s in enumerate(seeds)}


def _joined(seeds: tuple[int, ...], found: dict[int, Outcome]) -> Outcome:
    names = found[seeds[0]]
    return {name: np.concatenate([found[s][name] for s in seeds]) for name in names}
