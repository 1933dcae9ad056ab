"""What a notebook says in one line, where Python would show a traceback of ours or a bare name."""

import builtins
import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from plastlab.screen import headless, kernel_shell

ABOVE = "run the cells above first (Run > Run All Above Selected Cell)."


class Stopped(KeyboardInterrupt):
    """An interrupt, with a sentence about what is kept; a notebook shows no more than that."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


@contextmanager
def stoppable(words: str) -> Iterator[None]:
    """Inside, an interrupt says `words`.

    Raises:
        Stopped: there was one.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise Stopped(f"Stopped. {words}") from None


def explain_names() -> None:
    """From now on, a cell that uses a name which is not there yet says what to run; in a notebook
    with a reader, and where nobody else takes care of errors."""
    shell = kernel_shell()
    if not headless() and not shell.custom_exceptions:
        shell.set_custom_exc((NameError,), _explained)


def unknown(name: str, known: list[str]) -> str:
    """The line about a name that a cell needs."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.85)
    if near:
        return f"`{name}` is not known here. Did you mean `{near[0]}`? If not, {ABOVE}"
    return f"`{name}` is not known here. If an earlier cell makes it, {ABOVE}"


def _explained(
    shell: Any, kind: type, error: NameError, trace: TracebackType, tb_offset: int | None = None
) -> None:
    """Show the error; in one line if the cell itself asked for the name."""
    last = trace
    while last.tb_next:
        last = last.tb_next
    frame = last.tb_frame
    own = frame.f_globals is shell.user_ns and frame.f_code.co_name.startswith("<")
    if own and error.name:
        known = [name for name in (*shell.user_ns, *dir(builtins)) if name[:1] != "_"]
        line = unknown(error.name, known)
        error._render_traceback_ = lambda: [line]
    shell.showtraceback((kind, error, trace), tb_offset=tb_offset)
