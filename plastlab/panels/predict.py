"""predict: say what you expect before you see it; what happened is shown once you have."""

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import ipywidgets as widgets
from IPython.display import display

from plastlab.errors import check_all, check_choice, check_number, check_type
from plastlab.panels.controls import EXACT, Choice, Slider, align, buttons
from plastlab.panels.frontend import Manners
from plastlab.screen import headless

OUTCOME = "What came out:"
WAITING = "Commit or skip above to see what happened."
NOT_ASKED = "(Nobody was asked here: run the cell in JupyterLab to commit to an answer.)"


class Guess:
    """One reader's answer to one question: open at first, then committed or skipped.

    `value` is the number or the choice, `low` and `high` the ends of the interval around a number;
    all three are None until it is committed. `truth` is known once `reveal` was told.
    """

    def __init__(self, question: str, control: Slider | Choice) -> None:
        """Ask `question`, to be answered with `control`."""
        self.question, self.control = question, control
        self.value = self.low = self.high = self.truth = None
        self.skipped = False
        self._waiting: list[Callable[[], None]] = []

    @property
    def committed(self) -> bool:
        """Whether there is an answer."""
        return self.value is not None

    @property
    def open(self) -> bool:
        """Whether the reader may still answer."""
        return not (self.committed or self.skipped)

    @property
    def interval(self) -> tuple[float, float] | None:
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
        else:
            check_number("Guess.commit: value", value, *self.control.ends)
            check_number("Guess.commit: give_or_take", give_or_take, 0)
        self._check_open()
        self.value = value
        if isinstance(self.control, Slider):
            self.low = max(self.control.low, value - give_or_take)
            self.high = min(self.control.high, value + give_or_take)
        self._close()

    def skip(self) -> None:
        """Go on without an answer.

        Raises:
            RuntimeError: it was answered or skipped before.
        """
        self._check_open()
        self.skipped = True
        self._close()

    def when_closed(self, action: Callable[[], None]) -> None:
        """Call `action` once the reader has committed or skipped; at once, if that was before."""
        if self.open:
            self._waiting.append(action)
        else:
            action()

    def reveal(self, *content: Any, truth: Any = None) -> None:
        """Show figures, verdicts, anything; on a page with an open question, once it is closed.

        With `truth`, the number or the choice that came out, a sentence compares the two.

        Raises:
            TypeError, ValueError: `truth` is no number, or none of the choices.
        """
        if truth is not None:
            self.truth = self._checked(truth)
        if headless() or not self.open:
            # JupyterLab shows the first line of an output that it hides: it must give nothing away.
            print(OUTCOME if headless() else self.sentence())
            display(*content)
            return
        line, output = widgets.HTML(WAITING), widgets.Output()
        display(widgets.VBox([line, output]))
        self.when_closed(lambda: self._show(line, output, content))

    def sentence(self) -> str:
        """Return what was said and what came out, in words."""
        said = "You skipped." if self.skipped else f"You said {self._words(self.value)}"
        if self.interval:
            said += f", between {self.low:.3g} and {self.high:.3g}"
        said = said if self.skipped else f"{said}."
        if self.truth is None:
            return said
        judged = {None: ".", True: ": inside your interval.", False: ": outside your interval."}
        if isinstance(self.control, Choice):
            judged = {None: ".", True: ": you were right.", False: ": you were wrong."}
        return f"{said} It was {self._words(self.truth)}{judged[self.hit]}"

    def __repr__(self) -> str:
        """Return the question and how it stands."""
        return f"{self.question}: {'open' if self.open else self.sentence()}"

    def _show(self, line: widgets.HTML, output: widgets.Output, content: Sequence[Any]) -> None:
        line.value = escape(self.sentence())
        for item in content:
            output.append_display_data(item)

    def _words(self, value: Any) -> str:
        return str(value) if isinstance(self.control, Choice) else f"{value:.3g}"

    def _checked(self, truth: Any) -> Any:
        if isinstance(self.control, Choice):
            return check_choice("reveal: truth", truth, self.control.options)
        return check_number("reveal: truth", truth)

    def _check_open(self) -> None:
        if not self.open:
            raise RuntimeError(f"Already closed: {self!r} Run the cell with predict(...) again.")

    def _close(self) -> None:
        for action in self._waiting:
            action()


def predict(
    question: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: Sequence[Any] | None = None,
) -> Guess:
    """Ask the reader for a number from `low` to `high` with an interval, or for one of `choices`.

    Shows the question and returns the guess. Running the cell again asks again. Without a front end
    nobody is asked, and `reveal` shows its content at once.

    Raises:
        TypeError, ValueError: neither `choices` nor both `low` and `high`, or all three.
    """
    check_type("predict: question", question, str)
    if (choices is None) == (low is None or high is None):
        given = f"low={low}, high={high}, choices={choices}"
        raise ValueError(f"predict needs low and high, or choices; got {given}.")
    guess = Guess(question, _range(low, high) if choices is None else _choice(choices))
    if headless():
        print(f"{question}\n{NOT_ASKED}")
    else:
        display(_form(guess))
    return guess


def calibration(guesses: Sequence[Guess]) -> None:
    """Say how many of the guesses came out; the line follows guesses that are still open."""
    remedy = "Give a list of what predict(...) returned."
    guesses = check_all("calibration: guesses", guesses, Guess, remedy)
    if headless():
        print(tally(guesses))
        return
    line = widgets.HTML()
    for guess in guesses:
        guess.when_closed(lambda: setattr(line, "value", escape(tally(guesses))))
    line.value = escape(tally(guesses))
    display(line)


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


def _form(guess: Guess) -> widgets.VBox:
    """Return the question, its controls, and the buttons Commit and Skip."""
    number = isinstance(guess.control, Slider)
    answer, state = _controls(guess.control), widgets.HTML()
    commit = widgets.Button(description="Commit", button_style="primary")
    skip = widgets.Button(description="Skip")

    def say(_: Any = None) -> None:
        state.value = escape(_interval_words(guess.control, *(each.value for each in answer)))

    def committed(_: Any) -> None:
        if answer[0].value is None:
            state.value = "Choose an answer first, or skip."
        else:
            guess.commit(*(each.value for each in answer))

    def closed() -> None:
        for each in (*answer, commit, skip):
            each.disabled = True
        state.value = "Skipped." if guess.skipped else "Committed."

    if number:
        for each in answer:
            each.observe(say, "value")
        say()
    commit.on_click(committed)
    skip.on_click(lambda _: guess.skip())
    guess.when_closed(closed)
    question = widgets.HTML(f"<b>{escape(guess.question)}</b>")
    row = widgets.HBox([commit, skip])
    form = widgets.VBox([question, *answer, state, row, Manners()])
    form.add_class("plastlab-panel").add_class("plastlab-question")
    return form


def _choice(choices: Sequence[Any]) -> Choice:
    check_type("predict: choices", choices, (list, tuple), "Give a list.")
    names = [str(choice) for choice in choices]
    if len(set(names)) < max(2, len(names)):
        raise ValueError(f"predict: choices must be at least 2, all different; got {names!r:.60}.")
    return Choice(choices)


def _range(low: float, high: float) -> Slider:
    """Return a slider; a range as short as a share's is continuous, also between whole numbers."""
    low = check_number("predict: low", low, -EXACT, EXACT)
    high = check_number("predict: high", high, -EXACT, EXACT)
    if high - low < 1 / EXACT:
        raise ValueError(f"predict: low must be below high; got {low}, {high}.")
    return Slider(low, high) if high - low >= 10 else Slider(float(low), float(high))


def _controls(control: Slider | Choice) -> list[widgets.Widget]:
    if isinstance(control, Choice):
        return [buttons(options=list(control.options), value=None)]
    guess = control.widget("best guess")
    half = (control.high - control.low) / 2
    spread = _range(0, int(half) if control.whole else half)
    spread = spread.widget("give or take")
    align([guess, spread])
    return [guess, spread]


def _interval_words(control: Slider, value: float, give_or_take: float) -> str:
    low, high = max(control.low, value - give_or_take), min(control.high, value + give_or_take)
    return f"Between {low:.3g} and {high:.3g}, so wide that you expect to be right 4 times in 5."
