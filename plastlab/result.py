"""Result: what happened, as labelled arrays."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from plastlab.errors import check_choice, check_number, check_type


@dataclass(frozen=True, eq=False)
class Result:
    """`values[probe]` is [conditions, seeds, times]; conditions share seeds, so they are paired.

    conditions, seeds: what was run. tasks, steps: number of the task (from 1) and of updates done
    at each probe time. diverged [conditions, seeds]: replicas whose weights were infinite or not
    a number at some probe time. seconds: time the run took when it was computed, not when it came
    from the cache.
    """

    conditions: tuple[str, ...]
    seeds: tuple[int, ...]
    tasks: tuple[int, ...]
    steps: tuple[int, ...]
    values: dict[str, np.ndarray]
    diverged: np.ndarray
    seconds: float = 0.0
    unkept: str = ""

    @property
    def probes(self) -> tuple[str, ...]:
        """Names of the probes."""
        return tuple(self.values)

    def __call__(self, probe: str, condition: str) -> np.ndarray:
        """One probe of one condition [seeds, times].

        Raises:
            ValueError: the run has no such probe or condition; the message lists what it has.
        """
        remedy = 'Give its name, for example "accuracy".'
        name = check_type("Result: probe", probe, str, remedy).replace("_", " ")
        check_choice("Result: probe", name, self.probes)
        check_choice("Result: condition", condition, self.conditions)
        return self.values[name][self.conditions.index(condition)]

    def first(self, probe: str, condition: str, times: int = 1) -> np.ndarray:
        """Per-seed mean over the first `times` probe times [seeds]."""
        check_number("Result.first: times", times, 1, len(self.steps), integer=True)
        return self(probe, condition)[:, :times].mean(1)

    def last(self, probe: str, condition: str, times: int = 1) -> np.ndarray:
        """Per-seed mean over the last `times` probe times [seeds]."""
        check_number("Result.last: times", times, 1, len(self.steps), integer=True)
        return self(probe, condition)[:, -times:].mean(1)

    def tidy(self) -> list[dict[str, Any]]:
        """One row for each condition, seed, time and probe, ready for a data frame."""
        return [
            {
                "condition": condition,
                "seed": seed,
                "task": self.tasks[t],
                "step": self.steps[t],
                "probe": probe,
                "value": float(array[c, s, t]),
            }
            for probe, array in self.values.items()
            for c, condition in enumerate(self.conditions)
            for s, seed in enumerate(self.seeds)
            for t in range(len(self.steps))
        ]

    def save(self, path: str | Path) -> None:
        """Write everything to one .npz file."""
        labels = {
            name: getattr(self, name)
            for name in ("conditions", "seeds", "tasks", "steps", "probes", "seconds")
        }
        with open(path, "wb") as file:
            np.savez(
                file,
                labels=json.dumps(labels),
                diverged=self.diverged,
                **{f"values {i}": array for i, array in enumerate(self.values.values())},
            )

    @classmethod
    def load(cls, path: str | Path) -> "Result":
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            labels = json.loads(str(file["labels"]))
            values = {probe: file[f"values {i}"] for i, probe in enumerate(labels.pop("probes"))}
            diverged, seconds = file["diverged"], labels.pop("seconds")
        labels = {name: tuple(value) for name, value in labels.items()}
        return cls(**labels, values=values, diverged=diverged, seconds=seconds)

    def __repr__(self) -> str:
        return (
            f"Result({len(self.conditions)} conditions, {len(self.seeds)} seeds, "
            f"{len(self.steps)} times, probes: {', '.join(self.probes)})"
        )
