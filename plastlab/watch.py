"""Watch: what a reader's intervention may change but not move, and rates that stay rates."""

import math
from itertools import chain

import torch

from plastlab.state import State

Tensor = torch.Tensor


class Watch:
    """Looks after one state, while interventions act on it that are not the package's."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._rows = {name: getattr(state, name) for name in ("weights", "gradients", "buffers")}
        self._rates = {"lr": state.lr, "base_lr": state.base_lr}
        self._places, self._versions = self._look(), self._written()
        self._start = dict(zip(self._names(), self._places, strict=True))

    def __reduce__(self) -> tuple:
        return Watch, (self._state,)  # a copy's tensors lie elsewhere

    def begin(self) -> None:
        """From now on, what is written to the rates was written by the reader."""
        self._versions = self._written()

    def wrong(self) -> str | None:
        """What was done since then that the training cannot take, or None."""
        if self._look() != self._places:
            return (
                f"moved {self._moved()} to other memory, which the training does not see. Change "
                "the values in place, by copy_, mul_, [:] = and so on, not by .flat =, .data =, "
                "resize_ or set_."
            )
        if self._written() != self._versions:
            for name, rates in self._rates.items():
                for rate in rates.tolist():
                    if not 0 <= rate < math.inf:
                        return (
                            f"set s.{name} to {rate}; a learning rate must be a finite number at "
                            f"least 0. Multiply it: s.{name}.mul_(0.5)."
                        )
        return None

    def _all(self) -> list[Tensor]:
        views = chain.from_iterable(rows.views.values() for rows in self._rows.values())
        return [*(rows.flat for rows in self._rows.values()), *views]

    def _look(self) -> list[tuple[int, int]]:
        """Where every tensor lies, and how many numbers it has."""
        tensors = self._all()
        return list(zip(map(Tensor.data_ptr, tensors), map(Tensor.numel, tensors), strict=True))

    def _names(self) -> list[str]:
        """Their names, as a reader writes them."""
        flats = [f"s.{name}.flat" for name in self._rows]
        return flats + [f"s.{n}[{view!r}]" for n, rows in self._rows.items() for view in rows.views]

    def _moved(self) -> str:
        """The name of the first that is elsewhere or gone."""
        now = dict(zip(self._names(), self._look(), strict=True))
        return next(name for name, place in self._start.items() if now.get(name) != place)

    def _written(self) -> tuple[int, ...]:
        return tuple(rates._version for rates in self._rates.values())
