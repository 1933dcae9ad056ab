"""Result: what happened, as labelled arrays."""

import io
import json
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from plastlab.errors import check_choice, check_number, check_type

FORMAT = 1  # of saved files; those of a later format are refused
LABELS = ("conditions", "seeds", "tasks", "steps", "probes", "seconds")


@dataclass(frozen=True, eq=False)
class Result:
    """`values[probe]` is [conditions, seeds, times]; conditions share seeds, so they are paired.

    conditions, seeds: what was run. tasks, steps: number of the task (from 1) and of updates done
    at each probe time. diverged [conditions, seeds]: replicas whose weights were infinite or not
    a number at some probe time. seconds: time the run took when it was computed, not when it came
    from the cache. unkept: why numbers were not put into the cache, "" if they were.

    Raises:
        TypeError, ValueError: the parts do not fit together; the message says which.
    """

    conditions: tuple[str, ...]
    seeds: tuple[int, ...]
    tasks: tuple[int, ...]
    steps: tuple[int, ...]
    values: dict[str, np.ndarray]
    diverged: np.ndarray
    seconds: float = 0.0
    unkept: str = ""

    def __post_init__(self) -> None:
        _check_labels("conditions", self.conditions, str)
        for name, least in (("seeds", 0), ("tasks", 1), ("steps", 0)):
            _check_labels(name, getattr(self, name), int, least)
        _check_order("steps", self.steps, lambda a, b: a < b)
        _check_order("tasks", self.tasks, lambda a, b: a <= b)
        self._check_arrays()
        check_number("Result.seconds", self.seconds, 0)
        check_type("Result.unkept", self.unkept, str, "Give a sentence.")

    def _check_arrays(self) -> None:
        sizes = len(self.conditions), len(self.seeds), len(self.steps)
        if len(self.tasks) != sizes[2]:
            raise ValueError(
                f"Result.tasks must give the task at each of the {sizes[2]} steps; "
                f"got {len(self.tasks)} tasks."
            )
        check_type("Result.values", self.values, dict, 'Write {"accuracy": array}.')
        if not self.values:
            raise ValueError('Result.values is empty; write {"accuracy": array}.')
        for probe, array in self.values.items():
            _check_array(f"Result.values[{probe!r}]", array, "biuf", sizes)
            if "_" in check_type("Result.values: name of a probe", probe, str):
                wanted = probe.replace("_", " ")
                raise ValueError(f"Result.values: write {wanted!r} with spaces; got {probe!r}.")
        _check_array("Result.diverged", self.diverged, "b", sizes[:2])

    @property
    def probes(self) -> tuple[str, ...]:
        """Names of the probes."""
        return tuple(self.values)

    def __call__(self, probe: str, condition: str) -> np.ndarray:
        """One probe of one condition [seeds, times].

        Raises:
            ValueError: the run has no such probe or condition; the message lists what it has.
        """
        probe, condition = (
            str(check_type(f"Result: {name}", given, str, f'Give its name, for example "{one}".'))
            for name, given, one in (
                ("probe", probe, self.probes[0]),
                ("condition", condition, self.conditions[0]),
            )
        )
        probe = check_choice("Result: probe", probe.replace("_", " "), self.probes)
        check_choice("Result: condition", condition, self.conditions)
        return self.values[probe][self.conditions.index(condition)]

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
        """Write everything to one .npz file, whole or not at all.

        Raises:
            OSError: it cannot be written. What stood there before is as it was.
        """
        place = os.path.realpath(check_type("Result.save: path", path, (str, os.PathLike)))
        part = os.path.join(os.path.dirname(place), f".{secrets.token_hex(8)}.part")
        try:
            with open(part, "xb") as file:
                self._write(file)
            os.replace(part, place)
        except BaseException as error:
            Path(part).unlink(missing_ok=True)
            if isinstance(error, OSError):
                words = f"Result.save wrote nothing, and changed nothing: {error.strerror or error}"
                raise OSError(error.errno, words, str(path)) from error
            raise

    def _write(self, file: io.BufferedWriter) -> None:
        labels = {name: getattr(self, name) for name in LABELS} | {"format": FORMAT}
        arrays = {f"values {i}": array for i, array in enumerate(self.values.values())}
        np.savez(file, labels=json.dumps(labels, default=_plain), diverged=self.diverged, **arrays)

    @classmethod
    def load(cls, path: str | Path) -> "Result":
        """Read what `save` wrote.

        Raises:
            OSError: there is no such file, or it cannot be read.
            ValueError: it is not a saved result, it is damaged, or a newer plastlab wrote it.
        """
        place = Path(check_type("Result.load: path", path, (str, os.PathLike)))
        content = place.read_bytes()
        if not content.startswith(b"PK"):  # as every .npz file does
            raise ValueError(f"Result.load: {path} is not a saved Result; Result.save writes one.")
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as file:
                arrays = dict(file)
        except Exception as error:  # zipfile, zlib and numpy raise all kinds
            raise ValueError(
                f"Result.load: {path} is damaged or was cut short ({error}). Save it again."
            ) from error
        return cls._from(path, arrays)

    @classmethod
    def _from(cls, path: str | Path, arrays: dict[str, np.ndarray]) -> "Result":
        """A result from the arrays in its file."""
        try:
            labels = json.loads(str(arrays["labels"]))
            written = labels.pop("format", 1)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise ValueError(
                f"Result.load: {path} is not a saved Result; it has the arrays {', '.join(arrays)}."
            ) from error
        if written != FORMAT:
            raise ValueError(
                f"Result.load: {path} has format {written}, and this plastlab reads format "
                f"{FORMAT}: a newer one wrote it. Update plastlab."
            )
        try:
            probes, seconds = labels.pop("probes"), labels.pop("seconds")
            values = {probe: arrays[f"values {i}"] for i, probe in enumerate(probes)}
            labels = {name: tuple(value) for name, value in labels.items()}
            return cls(**labels, values=values, diverged=arrays["diverged"], seconds=seconds)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"Result.load: {path} is damaged: {error}") from error

    def __repr__(self) -> str:
        unkept = f"; not kept: {self.unkept}" if self.unkept else ""
        return (
            f"Result({len(self.conditions)} conditions, {len(self.seeds)} seeds, "
            f"{len(self.steps)} times, probes: {', '.join(self.probes)}{unkept})"
        )


def _check_labels(name: str, given: tuple, kind: type, least: int = 0) -> None:
    """Raise unless it is a tuple of at least one name, or whole number; names and seeds differ."""
    name = f"Result.{name}"
    if not check_type(name, given, tuple, "Write a tuple."):
        raise ValueError(f"{name} is empty; give at least one.")
    for one in given:
        if kind is str:
            check_type(f"{name}: each", one, str)
        else:
            check_number(f"{name}: each", one, least, integer=True)
    if name in ("Result.conditions", "Result.seeds") and len(set(given)) < len(given):
        raise ValueError(f"{name} must all be different; got {given}.")


def _check_order(name: str, given: tuple, follows: Callable[[int, int], bool]) -> None:
    if not all(follows(a, b) for a, b in pairwise(given)):
        raise ValueError(f"Result.{name} must be in the order of time; got {given}.")


def _check_array(name: str, given: np.ndarray, kinds: str, shape: tuple[int, ...]) -> None:
    """Raise unless it is an array of numbers (of truth values) with this shape."""
    check_type(name, given, np.ndarray, "Give a NumPy array.")
    axes = "[conditions, seeds, steps]" if len(shape) == 3 else "[conditions, seeds]"
    if given.shape != shape:
        raise ValueError(f"{name} must be {axes}, here {list(shape)}; got {list(given.shape)}.")
    if given.dtype.kind not in kinds:
        wanted = "numbers" if len(shape) == 3 else "True or False"
        raise TypeError(f"{name} must hold {wanted}; got {given.dtype}.")


def _plain(number: Any) -> Any:
    """A NumPy number as one that JSON knows."""
    return number.item()
