"""Claims: sentences about results that a run can support, refute or leave undecided."""

import json
import math
import os
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from plastlab.errors import check_function, check_number, check_numbers, check_type
from plastlab.spec import Spec
from plastlab.stats import interval, rounded
from plastlab.units import said

SUPPORTED, REFUTED, UNDECIDED = "supported", "refuted", "undecided"
VERDICTS = (SUPPORTED, REFUTED, UNDECIDED)


@dataclass(frozen=True)
class Claim(Spec):
    """The sentence `text` holds if the mean of `stat(result)` over seeds lies beyond a threshold.

    `id` is chapter and number, as in "08.3". `stat` takes a result and returns one number per seed,
    [S], the difference of two conditions for a comparison. Give `above` for a mean that must exceed
    it, `below` for one that must stay under it: "loses no more than 0.05" is `below=0.05`. With
    neither, `above` is 0. `source` is the key of a paper in the bibliography, or "" for none.
    `unit` stands behind the numbers, as in "46 points".

    Raises:
        ValueError: an id of another form, an empty sentence, or both `above` and `below`.
        TypeError: a field of the wrong type.
    """

    id: str
    text: str
    stat: Callable[..., Any]
    above: float | None = None
    below: float | None = None
    source: str = ""
    unit: str = ""

    def __post_init__(self) -> None:
        """Check the fields and fill in the threshold."""
        check_type("Claim.id", self.id, str, 'Write chapter and number, as in "08.3".')
        if not re.fullmatch(r"\d\d\.[1-9]\d?", self.id):
            raise ValueError(f'Claim.id must be chapter and number, as in "08.3"; got {self.id!r}.')
        check_type("Claim.text", self.text, str, "Write the sentence that is claimed.")
        if not self.text.strip():
            raise ValueError(f"Claim.text must be a sentence; got {self.text!r}.")
        check_function("Claim.stat", self.stat, "It takes a result and gives a number per seed.")
        check_type("Claim.source", self.source, str, "Give a key of the bibliography.")
        if self.above is not None and self.below is not None:
            raise ValueError(
                f"Claim takes above or below, not both; got above={self.above}, below={self.below}."
            )
        if self.below is not None:
            check_number("Claim.below", self.below)
        else:
            above = 0.0 if self.above is None else self.above
            object.__setattr__(self, "above", check_number("Claim.above", above))

    @property
    def bound(self) -> str:
        """The claimed side in words: "above 0.5"."""
        return f"below {self.below:g}" if self.above is None else f"above {self.above:g}"

    def check(self, *results: Any) -> "Verdict":
        """Compute `stat(*results)` [S] and judge it by its 95 % Student-t interval.

        Several results (say, of two streams) must hold the same seeds, so that seeds can be paired.
        The claim is undecided if a seed's number is not finite: no seed is left out. When the
        environment variable PLASTLAB_LEDGER names a file, the verdict is appended to it as one JSON
        line.

        Raises:
            ValueError: no result, results with different seeds, or a `stat` that returns anything
                but one number per seed.
        """
        verdict = self._judge(self._per_seed(results))
        if path := os.environ.get("PLASTLAB_LEDGER"):
            with open(path, "a", encoding="utf-8") as ledger:
                ledger.write(json.dumps(verdict.row() | {"at": time.time()}) + "\n")
        return verdict

    def _per_seed(self, results: tuple[Any, ...]) -> np.ndarray:
        if not results:
            raise ValueError(f"Claim {self.id}: check needs a result; got none. Give run(...).")
        for result in results:
            if not hasattr(result, "seeds"):
                raise TypeError(
                    f"Claim {self.id}: check needs results, as run(...) gives; got {result!r:.60}."
                )
        seeds = results[0].seeds
        if any(tuple(result.seeds) != tuple(seeds) for result in results[1:]):
            given = "; ".join(str(tuple(result.seeds)) for result in results)
            raise ValueError(
                f"Claim {self.id}: results must hold the same seeds, to be paired; got {given}."
            )
        values = check_numbers(f"Claim {self.id}: stat", self.stat(*results), finite=False)
        if values.shape != (len(seeds),):
            raise ValueError(
                f"Claim {self.id}: stat must return one number per seed, shape [{len(seeds)}]; "
                f"got shape {list(values.shape)}. Do not average over seeds in stat."
            )
        return values

    def _judge(self, values: np.ndarray) -> "Verdict":
        beyond = values < self.below if self.above is None else values > self.above
        seeds, finite = len(values), int(np.isfinite(values).sum())
        known = {"id": self.id, "sentence": self.text, "bound": self.bound, "source": self.source}
        known |= {"seeds": seeds, "count": int(beyond.sum()), "unit": self.unit}
        known["threshold"] = self.below if self.above is None else self.above
        known["values"] = tuple(values.tolist())
        if finite < seeds or seeds < 2:
            reason = f"{seeds - finite} of {seeds} seeds not finite"
            reason = "one seed has no interval" if finite == seeds else reason
            return Verdict(verdict=UNDECIDED, reason=reason, **known)
        found = interval(values)
        word = self._word(found.low, found.high)
        return Verdict(verdict=word, effect=found.mean, low=found.low, high=found.high, **known)

    def _word(self, low: float, high: float) -> str:
        if self.above is None:
            return SUPPORTED if high < self.below else REFUTED if low > self.below else UNDECIDED
        return SUPPORTED if low > self.above else REFUTED if high < self.above else UNDECIDED


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a claim came to. Its text names the sentence, the numbers and the seeds.

    `effect` is the mean of the statistic over seeds, `low` to `high` its 95 % interval; all three
    are nan when there is no interval, and `reason` says why. Of `seeds` seeds, `count` lie on the
    claimed side of the threshold that `bound` states; `values` are all seeds' numbers, in `unit`.
    """

    id: str
    sentence: str
    verdict: str
    effect: float = math.nan
    low: float = math.nan
    high: float = math.nan
    seeds: int
    count: int
    bound: str
    threshold: float
    values: tuple[float, ...]
    unit: str = ""
    reason: str = ""
    source: str = ""

    @property
    def chapter(self) -> str:
        """The two digits of the chapter: "08"."""
        return self.id.split(".")[0]

    @property
    def numbers(self) -> str:
        """Effect, interval and count of seeds in words."""
        count = f"{self.bound} in {self.count} of {self.seeds} seeds"
        if self.reason:
            return f"{self.reason}; {count}"
        effect, low, high = rounded(self.effect, self.low, self.high)
        return f"effect {said(effect, self.unit)}, 95 % interval {low} to {high}; {count}"

    def row(self) -> dict[str, Any]:
        """The verdict as a JSON object; numbers that are not finite become None."""
        row = asdict(self) | {"chapter": self.chapter}
        del row["values"]
        missing = {key: None for key in ("effect", "low", "high") if math.isnan(row[key])}
        return row | missing

    def __repr__(self) -> str:
        """Return the verdict line."""
        return f"{self.id} {self.verdict}: {self.sentence} ({self.numbers})"

    def _repr_markdown_(self) -> str:
        sentence = re.sub(r"([\\`*_<>\[\]$])", r"\\\1", self.sentence)
        return f"**{self.id} {self.verdict}:** {sentence} *({self.numbers})*"
