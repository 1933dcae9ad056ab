"""Base problems, drawn once and kept while there is room, unless somebody writes to them."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from plastlab.data.base import Data, Problem
from plastlab.data.door import PARTS, admitted, versions
from plastlab.machine import cores
from plastlab.neutral import neutral

FEW = max(4, cores())  # always stay: one for each part of a run that trains now
MANY, ROOM = 4 * FEW, 2**28  # so many may stay while they have at most so many bytes


class Intact:
    """A problem as it was made: it says when somebody has written to it since."""

    def __init__(self, problem: Problem) -> None:
        self.problem, self._versions = problem, versions(problem)

    def still_is(self) -> bool:
        """Whether nobody has."""
        return versions(self.problem) == self._versions


class MadeOnce:
    """A pool of examples that is made when it is first asked for, and again if its numbers were
    written to."""

    def __init__(self, make: Callable[[], Problem]) -> None:
        self.make = make
        self._kept: Intact | None = None

    def __call__(self) -> Problem:
        """The pool."""
        kept = self._kept  # another thread may forget it meanwhile
        if kept is None or not kept.still_is():
            kept = self._kept = Intact(self.make())
        return kept.problem

    def cache_clear(self) -> None:
        """Forget it."""
        self._kept = None


class _Drawn:
    """The base problem of a data spec and seeds [S], checked and kept for the next one who asks."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Any, Intact] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, data: Data, seeds: tuple[int, ...]) -> Problem:
        """The base problem."""
        how = getattr(type(data).draw, "__code__", None)  # which may be edited in a session
        key = data if _is_ours(data) else _Itself(data), how, seeds
        with self._lock:
            known = self._kept.get(key)
            if known is not None and known.still_is():
                self._kept.move_to_end(key)
                return known.problem
        with neutral():
            problem = admitted(data.draw(seeds), f"{type(data).__name__}.draw", data, seeds)
        with self._lock:
            self._kept[key] = Intact(problem)
            self._kept.move_to_end(key)
            while len(self._kept) > FEW and (len(self._kept) > MANY or self._bytes() > ROOM):
                self._kept.popitem(last=False)
        return problem

    def cache_clear(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._kept.clear()

    def _bytes(self) -> int:
        """Of all that is kept; what several problems share counts once."""
        values = (getattr(kept.problem, part) for kept in self._kept.values() for part in PARTS)
        storages = (v.untyped_storage() for v in values)
        return sum({s.data_ptr(): s.nbytes() for s in storages}.values())


class _Itself:
    """A reader's own spec as a key that equals itself alone: two of them may call themselves equal
    and draw different problems."""

    def __init__(self, data: Data) -> None:
        self.data = data

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and self.data is other.data

    def __hash__(self) -> int:
        return id(self.data)


def _is_ours(data: Data) -> bool:
    """Whether a spec, and what it is made from, is of a class of the package."""
    inner = (value for value in vars(data).values() if isinstance(value, Data))
    return type(data).__module__.startswith("plastlab.") and all(map(_is_ours, inner))


base = _Drawn()
