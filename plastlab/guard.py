"""Guard: what was set up is torn down again, however often somebody presses stop meanwhile.

Python answers an interrupt (Ctrl+C, the stop button) in the main thread, between any two steps of
it: also in the middle of a set-up or a tear-down, which would be left half done.
"""

import signal
import threading
from collections.abc import Callable
from functools import wraps
from types import FrameType
from typing import Any, Self


class Guard:
    """A context, or a decorator, whose `begin` and `end` are never cut short: an interrupt that
    comes while they are at work waits until they are done."""

    def begin(self) -> None:
        """Set up. What raises here leaves nothing behind."""

    def end(self) -> None:
        """Tear down."""

    def __enter__(self) -> Self:
        _open()
        try:
            self.begin()
            _deliver(undo=self.end)
        except BaseException:
            _close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        try:
            self.end()
        finally:
            _close()

    def __call__(self, function: Callable) -> Callable:
        """The function, done inside a guard of this kind."""
        kind = type(self)

        @wraps(function)
        def guarded(*args: Any, **settings: Any) -> Any:
            with kind():
                return function(*args, **settings)

        return guarded


_AT_WORK = {Guard.__enter__.__code__, Guard.__exit__.__code__}
_opened = 0  # guards that are open in the main thread, which alone touches these three
_answers: list[Callable] = []  # what is to happen at an interrupt, if there is something
_waiting = False  # whether one came while a guard was at work


def _open() -> None:
    """The first guard answers interrupts itself; without an answer in Python there is no need."""
    global _opened, _waiting
    if not _is_main():
        return
    _opened += 1
    if _opened == 1:
        found, _waiting = signal.getsignal(signal.SIGINT), False
        _answers[:] = [found] if callable(found) else []
        if _answers:
            signal.signal(signal.SIGINT, _interrupted)


def _close() -> None:
    """The last one gives the answer back, unless somebody else has taken it over meanwhile."""
    global _opened
    if not _is_main():
        return
    _opened -= 1
    if not _opened and signal.getsignal(signal.SIGINT) is _interrupted:
        signal.signal(signal.SIGINT, *_answers)
    _deliver()


def _deliver(undo: Callable[[], None] | None = None) -> None:
    """Answer an interrupt that has waited; if that raises, `undo` first."""
    global _waiting
    if not _waiting or not _is_main():
        return
    _waiting = False
    try:
        _answers[0](signal.SIGINT, None)
    except BaseException:
        if undo is not None:
            undo()
        raise


def _interrupted(number: int, frame: FrameType | None) -> None:
    """Let it wait while a guard is at work, else answer as before."""
    global _waiting
    above = frame
    while above is not None:
        if above.f_code in _AT_WORK:
            _waiting = True
            return
        above = above.f_back
    _answers[0](number, frame)


def _is_main() -> bool:
    return threading.get_ident() == threading.main_thread().ident
