"""A training that is watched: what live explorers do, without any widget."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from plastlab.errors import check_choice, check_type

RECORDS = 2000  # more than this, and every other one is forgotten


class Running(Protocol):
    """What can be watched: `Training` is one."""

    @property
    def step(self) -> int:
        """Updates done so far."""

    @property
    def done(self) -> bool:
        """Whether there are none left."""

    def advance(self, steps: int) -> None:
        """Do so many updates, or those that are left."""


class History:
    """What was recorded while a network trained, one entry a record, the oldest first."""

    def __init__(self) -> None:
        """Start empty."""
        self._records: list[dict[str, Any]] = []

    def add(self, step: int, values: Mapping[str, Any]) -> None:
        """Append a record; of a long history every other record is forgotten."""
        check_type("live: what record(training) returns", values, Mapping, "Return a dict.")
        self._records.append({**values, "step": step})
        if len(self._records) > RECORDS:
            self._records = self._records[::2]

    def __getitem__(self, name: str) -> np.ndarray:
        """Return the values recorded under `name`: [records], or [records, ...] of arrays."""
        check_choice("History: name", name, self._records[-1] if self._records else ())
        return np.array([record[name] for record in self._records])

    @property
    def step(self) -> np.ndarray:
        """The number of updates done at each record [records]."""
        return self["step"]

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self._records)


class Session:
    """One training and its history: what `live` does, without the widgets."""

    def __init__(self, training: Running, record: Callable[[Any], Mapping[str, Any]]) -> None:
        """Record the network as it is before training."""
        self.training, self._record = training, record
        self.history = History()
        self._seconds = 0.0  # that an update takes here, as last measured
        self._owed = 0.0  # updates that were asked for and not done yet
        self._note()

    def tick(self, steps: int) -> None:
        """Do `steps` updates and record."""
        began = time.perf_counter()
        self.training.advance(steps)
        self._seconds = (time.perf_counter() - began) / steps
        self._note()

    def frame(self, seconds: float, elapsed: float, speed: float) -> None:
        """Do the updates that `speed` a second ask for after `elapsed` seconds.

        They take about `seconds` at most: a slow network gets less far, not drawn less often.
        """
        self._owed += speed * elapsed
        affordable = max(1, int(seconds / self._seconds)) if self._seconds else 1
        steps = min(int(self._owed), affordable)
        if steps and not self.training.done:
            self._owed = self._owed - steps if steps < affordable else 0.0
            self.tick(steps)

    def act(self, action: Callable[[Any], None]) -> None:
        """Do something to the running network, and record it as it is then."""
        action(self.training)
        self._note()

    def _note(self) -> None:
        self.history.add(self.training.step, self._record(self.training))
