"""Guess: a reader's answer to one question, and what is shown once there is one."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from IPython.display import display

from plastlab.errors import check_choice, check_number, check_type
from plastlab.panels.controls import Choice, Slider
from plastlab.panels.memory import Memory
from plastlab.panels.outcome import Range, largest, mean_of, quoted, range_of, said, span
from plastlab.panels.shown import Places, Words, waiting
from plastlab.screen import headless, page

OUTCOME = "What came out:"
NO_NUMBER = "There is no number, since it is not finite in every seed"


class Guess:
    """One reader's answer to one question: open at first, then committed or skipped.

    `value` is the number or the choice, `low` and `high` the ends of the interval around a number;
    all three are None until it is committed. `truth` is known once `judge` or `reveal` was told.
    `ranges` are the numbers that each choice stands for, if it does.
    """

    def __init__(
        self,
        question: str,
        control: Slider | Choice,
        unit: str = "",
        ranges: Mapping[str, Range] | None = None,
        record: Memory | None = None,
    ) -> None:
        """Ask `question`, to be answered with `control`; answers are kept in `record`."""
        self.question, self.control, self.unit, self.ranges = question, control, unit, ranges
        self.record, self.fault = record, ""
        self.value = self.low = self.high = self.truth = None
        self.skipped, self._came_out = False, ""
        self._following: list[Callable[[], None]] = []

    @property
    def committed(self) -> bool:
        """Whether there is an answer."""
        return self.value is not None

    @property
    def open(self) -> bool:
        """Whether the reader may still answer."""
        return not (self.committed or self.skipped)

    @property
    def interval(self) -> Range | None:
        """The two ends of the interval, or None."""
        return None if self.low is None else (self.low, self.high)

    @property
    def hit(self) -> bool | None:
        """Whether the choice is right, or the interval holds the truth; None as long as unknown."""
        if not self.committed or self.truth is None:
            return None
        if isinstance(self.control, Choice):
            return self.value == self.truth
        return self.low <= self.truth <= self.high

    def commit(self, value: Any, give_or_take: float = 0.0) -> None:
        """Answer; the interval around a number is cut off at the ends of the question's range.

        Raises:
            ValueError: not one of the choices, or out of range.
            RuntimeError: it was answered or skipped before.
        """
        if isinstance(self.control, Choice):
            check_choice("Guess.commit: value", value, self.control.options)
            low = high = None
        else:
            check_number("Guess.commit: value", value, *self.control.ends)
            check_number("Guess.commit: give_or_take", give_or_take, 0)
            low = max(self.control.low, value - give_or_take)
            high = min(self.control.high, value + give_or_take)
        self._check_open()
        self.value, self.low, self.high = value, low, high
        choices = [str(choice) for choice in getattr(self.control, "options", ())]
        told = {"unit": self.unit, "low": low, "high": high, "choices": choices or None}
        self.fault = self._keep("answer", value=self._plain(value), **told)
        self._keep_outcome()
        self._changed()

    def take_up(self, value: Any, low: float | None, high: float | None) -> None:
        """Be answered as the reader did before."""
        self.value, self.low, self.high = value, low, high

    def skip(self) -> None:
        """Go on without an answer.

        Raises:
            RuntimeError: it was answered or skipped before.
        """
        self._check_open()
        self.skipped = True
        self._changed()

    def reopen(self) -> None:
        """Ask again; what happened is covered until there is another answer."""
        self.value, self.low, self.high, self.skipped = None, None, None, False
        self._changed()

    def follow(self, action: Callable[[], None]) -> None:
        """Call `action` each time the guess closes or opens again."""
        self._following.append(action)

    def reveal(self, *content: Any, truth: Any = None) -> None:
        """Show figures, anything; on a page with an open question, once it is closed. The reader's
        interval is drawn into a picture.

        With `truth`, the number or the choice that came out, a sentence compares the two, and
        pictures stay as they are.

        Raises:
            TypeError, ValueError: `truth` is no number, or none of the choices.
        """
        if truth is None:
            self._show(lambda: [self._with_interval(item) for item in content], len(content))
            return
        if isinstance(self.control, Choice):
            check_choice("reveal: truth", truth, self.control.options)
            self._learn(truth, f"It was {quoted(truth)}")
        else:
            check_number("reveal: truth", truth)
            self._learn(truth, f"It was {said(truth, self.unit)}")
        told = 0 if headless() else 1
        self._show(lambda: [Words(self.sentence())][:told] + list(content), len(content) + told)

    def judge(self, numbers: Any, *verdicts: Any, then: str = "") -> None:
        """Compare the answer with what came out, show verdicts, and go on with `then`; on a page
        with an open question, once it is closed.

        What came out is the mean of `numbers`: numbers that carry their seeds, an array, or one
        number. Of choices with ranges it is the one that the mean falls into. For other choices
        give a dict, choice -> its numbers: it is the one whose mean is largest.

        Raises:
            TypeError, ValueError: numbers of another unit or kind than the question asks for, or
                in none of its ranges.
        """
        after = [Words(then)] if check_type("judge: then", then, str) else []
        self._learn(*self._compared(numbers))
        items = [*verdicts, *after]
        self._show(lambda: [Words(self.sentence()), *items], len(items) + 1)

    def sentence(self) -> str:
        """Return what was said and what came out, in words."""
        parts = []
        if self.skipped:
            parts.append("You skipped.")
        elif self.committed:
            parts.append(f"You said {self.answer()}.")
        if self._came_out:
            parts.append(f"{self._came_out}{self._verdict()}")
        return " ".join(parts)

    def answer(self) -> str:
        """Return the answer in words: "40 to 70 %", or the choice in quotation marks."""
        if isinstance(self.control, Choice):
            return quoted(self.value)
        return span(self.low, self.high, self.unit)

    def __repr__(self) -> str:
        """Return the question and how it stands."""
        return f"{self.question}: {'open' if self.open else self.sentence()}"

    def _verdict(self) -> str:
        if self.hit is None:
            return "."
        if isinstance(self.control, Choice):
            return ", as you said." if self.hit else ": not what you said."
        return ": inside your interval." if self.hit else ": outside your interval."

    def _compared(self, numbers: Any) -> tuple[Any, str]:
        """What came out, as a number or a choice, and in words."""
        if isinstance(self.control, Choice) and not self.ranges:
            choice, top = largest(numbers, self.control.options, self.unit)
            return (choice, f"It was {quoted(choice)}") if math.isfinite(top) else (None, NO_NUMBER)
        mean = mean_of(numbers, self.unit)
        if not math.isfinite(mean):
            return None, NO_NUMBER
        words = f"It was {said(mean, self.unit)}"
        if not self.ranges:
            return mean, words
        choice = range_of(mean, self.ranges)
        return choice, f"{words}, {quoted(choice)}"

    def _learn(self, truth: Any, words: str) -> None:
        self.truth, self._came_out = truth, words
        self._keep_outcome()

    def _show(self, items: Callable[[], Sequence[Any]], count: int) -> None:
        """Show the items once the question is closed; where nobody is asked, at once."""
        if headless():
            # JupyterLab shows the first line of an output that it hides: it must give nothing away.
            print(OUTCOME)
            display(*items())
            return
        places = Places(waiting(count) if self.open else items())
        self.follow(lambda: places.fill(waiting(count) if self.open else items()))

    def _with_interval(self, item: Any) -> Any:
        """A picture, with the reader's interval drawn in."""
        if self.low is None or not hasattr(item, "guessed"):
            return item
        return item.guessed(self.value, self.low, self.high)

    def _plain(self, value: Any) -> Any:
        """A value as the record holds it: a number, or a choice's name."""
        return str(value) if isinstance(self.control, Choice) else value

    def _keep(self, kind: str, **fields: Any) -> str:
        if self.record is None:
            return ""
        return self.record.keep(kind, page=page(), question=self.question, **fields)

    def _keep_outcome(self) -> None:
        if self.committed and self.truth is not None:
            self._keep("outcome", truth=self._plain(self.truth))

    def _check_open(self) -> None:
        if not self.open:
            raise RuntimeError(f"Already closed: {self!r} Run the cell with predict(...) again.")

    def _changed(self) -> None:
        for action in self._following:
            action()


def tally(guesses: Sequence[Guess]) -> str:
    """Return in words how many intervals and choices were right."""
    numbers = [g.hit for g in guesses if isinstance(g.control, Slider) and g.hit is not None]
    chosen = [g.hit for g in guesses if isinstance(g.control, Choice) and g.hit is not None]
    said = []
    if numbers:
        said.append(f"Your intervals caught {sum(numbers)} of {len(numbers)} numbers.")
    if chosen:
        said.append(f"You chose right {sum(chosen)} of {len(chosen)} times.")
    return " ".join(said) or "You have not committed to an answer yet."
