"""The form that asks a question, and the plain answer that takes its place."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import anywidget
import ipywidgets as widgets
import traitlets

from plastlab.panels.controls import Choice, Slider, align, buttons
from plastlab.panels.frontend import Manners
from plastlab.panels.guess import Guess
from plastlab.panels.outcome import span
from plastlab.panels.shown import Places, as_html

RUN = "Run this cell to answer."
STAY = "Run this cell again to keep your answer on the page. Then run the cells below it."
LOOK = "border-left: 4px solid #0072b2; margin: 4px 0; padding: 4px 0 4px 12px;"
Say = Callable[[Any], None]


class Question:
    """A question on the page: its words and its form, or its answer; it follows the guess."""

    def __init__(self, guess: Guess, again: bool = False) -> None:
        """Show it. With `again`, an answer that stands there already can be given again."""
        self.guess, self.again, self.id = guess, again, uuid4().hex
        self.ear = Ear(question=self.id)
        self.ear.on_msg(self._heard)
        self.form: Form | None = None
        self._places = Places(self._items())
        guess.follow(self._changed)

    def _items(self) -> list[Any]:
        if self.guess.open:
            self.form = Form(self.guess, self.ear)
            return [Asked(self.guess.question, self.id), self.form]
        return [Answer(self.guess, self.id, self.again), None]

    def _changed(self) -> None:
        """A page that was loaded anew does not find these outputs: there the form stays, and tells
        the answer itself."""
        form, self.again = self.form, False
        if not self.guess.open:
            self.ear.send({"event": "closed"})
        self._places.fill(self._items())
        if not self.guess.open and form is not None:
            form.close_with(Answer(self.guess, self.id, is_alone=False))

    def _heard(self, _ear: Any, content: dict, _buffers: Any) -> None:
        if content.get("event") == "again" and not self.guess.open:
            self.guess.reopen()


class Ear(anywidget.AnyWidget):
    """Hears what happens on the page with one question, and is not seen."""

    _esm = Path(__file__).parent / "question.js"
    question = traitlets.Unicode().tag(sync=True)

    def __repr__(self) -> str:
        """Return a line that stays the same from run to run."""
        return "Ear()"


class Asked:
    """An open question in words; what to do is hidden where a kernel listens."""

    def __init__(self, question: str, id: str) -> None:
        """Keep both."""
        self.question, self.id = question, id

    def __repr__(self) -> str:
        """Return the text."""
        return f"{self.question}\n{RUN}"

    def _repr_html_(self) -> str:
        run = f'<span id="plastlab-run-{self.id}">{RUN}</span>'
        return f'<div style="{LOOK}"><b>{as_html(self.question)}</b> {run}</div>'


class Answer:
    """The question and its answer, plain; the focus can be set on it."""

    def __init__(self, guess: Guess, id: str, again: bool = False, is_alone: bool = True) -> None:
        """Take what the guess says now; `again` adds a button, seen where a kernel listens. Where
        the answer is not alone, the question stands above it already."""
        self.question, self.id, self.again = guess.question if is_alone else "", id, again
        said = "You skipped." if guess.skipped else f"You said {guess.answer()}."
        self.said = f"{said} {guess.fault}".strip()

    def __repr__(self) -> str:
        """Return the text."""
        return f"{self.question}\n{self.said}"

    def _repr_html_(self) -> str:
        hidden = f'<button id="plastlab-again-{self.id}" style="display: none">'
        button = f"{hidden}Answer again</button>" if self.again else ""
        return (
            f'<div id="plastlab-answer-{self.id}" tabindex="-1" style="{LOOK}">'
            f"<b>{as_html(self.question)}</b>{'<br>' * bool(self.question)}{as_html(self.said)} "
            f"{button}</div>"
        )


class Form(widgets.VBox):
    """The controls of an open question, and the buttons Commit and Skip."""

    def __init__(self, guess: Guess, ear: Ear) -> None:
        """Make the controls of the guess."""
        self.guess, self._state = guess, widgets.HTML()
        self._answer = _controls(guess)
        commit = widgets.Button(description="Commit", button_style="primary")
        skip = widgets.Button(description="Skip")
        commit.on_click(self._commit)
        skip.on_click(lambda _: guess.open and guess.skip())
        rows = [*self._answer, self._state, widgets.HBox([commit, skip]), Manners(), ear]
        super().__init__(rows)
        self.add_class("plastlab-panel").add_class("plastlab-question")
        if isinstance(guess.control, Slider):
            for each in self._answer:
                each.observe(self._say, "value")
            self._say()

    def close_with(self, answer: Answer) -> None:
        """Take the controls away and tell the answer, where the form is still seen."""
        self._state.value = f"{answer._repr_html_()}{STAY}"
        self.children = [self._state]

    def _repr_mimebundle_(self, **kwargs: Any) -> dict:
        """Return the widgets; a page that cannot run them has the question in words already."""
        return {**super()._repr_mimebundle_(**kwargs), "text/html": "", "text/plain": ""}

    def _commit(self, _: Any) -> None:
        if self._answer[0].value is None:
            self._state.value = "Choose an answer first, or skip."
        elif self.guess.open:
            self.guess.commit(*(each.value for each in self._answer))

    def _say(self, _: Any = None) -> None:
        control, (value, give_or_take) = self.guess.control, (each.value for each in self._answer)
        low, high = max(control.low, value - give_or_take), min(control.high, value + give_or_take)
        words = f"{span(low, high, self.guess.unit)}, so wide that you expect to be right 4 times"
        self._state.value = as_html(f"{words} in 5.")


def _controls(guess: Guess) -> list[widgets.Widget]:
    control = guess.control
    if isinstance(control, Choice):
        return [buttons(options=[(str(option), option) for option in control.options], value=None)]
    unit = f" ({guess.unit})" if guess.unit else ""
    half = (control.high - control.low) / 2
    spread = Slider(0, int(half)) if control.whole else Slider(0.0, half, step=control.step)
    shown = [control.widget(f"best guess{unit}"), spread.widget(f"give or take{unit}")]
    align(shown)
    return shown
