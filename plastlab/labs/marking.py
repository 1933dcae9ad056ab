"""What is expected of an answer, and the one sentence that says what went wrong."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from plastlab.rng import resolve_seeds


class Misconception(AssertionError):
    """What an answer gets wrong, in a sentence. A notebook shows the sentence and no traceback, so
    that feedback does not print the test."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def expect(fact: Any, sentence: str) -> None:
    """Do nothing if `fact` holds.

    Raises:
        Misconception: it does not; `sentence` says what is wrong with the answer.
    """
    if not fact:
        raise Misconception(sentence)


@contextmanager
def marking() -> Iterator[None]:
    """Hidden tests run in here: whatever stops them is reported in one sentence.

    Raises:
        Misconception: a test failed, or the answer raised or was interrupted.
    """
    try:
        yield
    except Misconception:
        raise
    except KeyboardInterrupt:
        raise Misconception("Your code did not finish in time.") from None
    except Exception as error:
        raise Misconception(f"Your code stopped with {type(error).__name__}: {error}") from None


def report(task: str, covers: str, test: Callable[[], None]) -> None:
    """Run a public check and print how it went. Errors in the answer itself are not caught: their
    traceback is what a reader needs."""
    try:
        test()
    except Misconception as wrong:
        print(f"{task} not yet. {wrong}")
    else:
        print(f"{task} passes. Checked: {covers}")


@dataclass(frozen=True)
class Rival:
    """A wrong answer that many people give, and the sentence for those who gave it."""

    answer: Callable[..., Any]
    sentence: str


def compare(
    answer: Callable[..., Any],
    right: Callable[..., Any],
    rivals: Sequence[Rival],
    cases: dict[str, tuple],
    same: Callable[[Any, Any], bool],
) -> None:
    """Do nothing if `answer` agrees with `right` on all cases (sentence if it fails: arguments).

    Raises:
        Misconception: it does not. The sentence is that of the rival that gives the same wrong
            answers, or that of the first case that fails.
    """
    given = [answer(*arguments) for arguments in cases.values()]
    if agrees(given, right, cases, same):
        return
    for rival in rivals:
        expect(not agrees(given, rival.answer, cases, same), rival.sentence)
    for one, (sentence, arguments) in zip(given, cases.items(), strict=True):
        expect(same(one, right(*arguments)), sentence)


def agrees(
    given: list[Any],
    answer: Callable[..., Any],
    cases: dict[str, tuple],
    same: Callable[[Any, Any], bool],
) -> bool:
    """Whether `answer` gives the same on all cases."""
    return all(
        same(one, answer(*arguments)) for one, arguments in zip(given, cases.values(), strict=True)
    )


def unseen(count: int) -> tuple[int, ...]:
    """Seeds that neither a page nor a public check uses; PLASTLAB_FIRST_SEED moves them."""
    first = 1000 + resolve_seeds(1)[0]
    return tuple(range(first, first + count))
