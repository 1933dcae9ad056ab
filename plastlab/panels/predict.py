"""predict: say what you expect before you see it; what happened is shown once you have."""

from collections.abc import Mapping, Sequence
from typing import Any

from plastlab.errors import check_all, check_number, check_type
from plastlab.panels.controls import EXACT, Choice, Slider
from plastlab.panels.form import Question
from plastlab.panels.guess import Guess, tally
from plastlab.panels.memory import Memory
from plastlab.panels.outcome import check_ranges
from plastlab.panels.shown import Places, Words
from plastlab.screen import headless, page

NOT_ASKED = "(Nobody was asked here: run the cell in JupyterLab to commit to an answer.)"
COARSE = 10  # ranges as long as this are answered in whole numbers

_session = Memory()


def predict(
    question: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: Sequence[Any] | Mapping[str, tuple[float | None, float | None]] | None = None,
    unit: str = "",
) -> Guess:
    """Ask the reader for a number from `low` to `high` with an interval, or for one of `choices`.

    `unit` stands behind every number. Choices may stand for numbers: a dict, name -> (low, high),
    where None is an open end. Shows the question and returns the guess. A question that was
    answered before comes back answered, and can be answered again. Without a reader nobody is
    asked, and what happened is shown at once.

    Raises:
        TypeError, ValueError: neither `choices` nor both `low` and `high`, or all three.
    """
    check_type("predict: question", question, str)
    check_type("predict: unit", unit, str, 'Give "%", "points" or another word.')
    if (choices is None) == (low is None or high is None):
        given = f"low={low}, high={high}, choices={choices}"
        raise ValueError(f"predict needs low and high, or choices; got {given}.")
    ranges = check_ranges(choices) if isinstance(choices, Mapping) else None
    control = _range(low, high) if choices is None else _choice(choices)
    if headless():
        print(f"{question}\n{NOT_ASKED}")
        return Guess(question, control, unit, ranges)
    record = _record()
    guess = Guess(question, control, unit, ranges, _session if record is None else record)
    before = _take_up(guess)
    Question(guess, again=before)
    return guess


def calibration(guesses: Sequence[Guess]) -> None:
    """Say how many of the guesses came out; the line follows guesses that are still open."""
    remedy = "Give a list of what predict(...) returned."
    guesses = check_all("calibration: guesses", guesses, Guess, remedy)
    if headless():
        print(tally(guesses))
        return
    places = Places([Words(tally(guesses))])
    for guess in guesses:
        guess.follow(lambda: places.fill([Words(tally(guesses))]))


def _record() -> Any:
    """The reader's own record, or None where there is none."""
    return None


def _take_up(guess: Guess) -> bool:
    """Answer the guess as the reader did last, if there is an answer that fits."""
    known = guess.record.answers(page(), guess.question)
    if not known or known[-1]["unit"] != guess.unit:
        return False
    value, low, high = (known[-1][name] for name in ("value", "low", "high"))
    if isinstance(guess.control, Choice):
        named = {str(option): option for option in guess.control.options}
        if known[-1]["choices"] != list(named) or value not in named:
            return False
        guess.take_up(named[value], None, None)
        return True
    ends = guess.control.ends
    if known[-1]["choices"] or not ends[0] <= low <= value <= high <= ends[1]:
        return False
    guess.take_up(value, low, high)
    return True


def _choice(choices: Any) -> Choice:
    check_type("predict: choices", choices, (list, tuple, Mapping), "Give a list, or a dict.")
    names = [str(choice) for choice in choices]
    if len(set(names)) < max(2, len(names)):
        raise ValueError(f"predict: choices must be at least 2, all different; got {names!r:.60}.")
    return Choice(list(choices))


def _range(low: float, high: float) -> Slider:
    """Return a slider: of whole numbers over a long range, continuous over one as short as a
    share's, also between whole numbers."""
    low = check_number("predict: low", low, -EXACT, EXACT)
    high = check_number("predict: high", high, -EXACT, EXACT)
    if high - low < 1 / EXACT:
        raise ValueError(f"predict: low must be below high; got {low}, {high}.")
    if high - low < COARSE:
        return Slider(float(low), float(high))
    if low == int(low) and high == int(high):
        return Slider(int(low), int(high))
    return Slider(low, high, step=max(1.0, Slider(float(low), float(high)).step))
