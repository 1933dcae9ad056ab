"""live: a network that trains on the page, with Play, Pause, Reset and buttons that act on it."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets

from plastlab.errors import check_choice, check_function, check_number, check_takes, check_type
from plastlab.panels.chart import Chart
from plastlab.panels.controls import Control, Knobs, Slider, align, side_by_side
from plastlab.panels.frontend import Panel
from plastlab.panels.history import History, Running, Session
from plastlab.panels.picture import Picture, Row
from plastlab.screen import headless

FRAME = 1 / 30  # seconds from one drawing to the next
TRAIN = 0.012  # seconds of a frame that are spent training
REST = 0.004  # seconds of a frame that are left for the reader's clicks, at least
SPEEDS = (10.0, 10_000.0)  # updates a second
SEEDS = 9999
ICONS = {"Play": "play", "Pause": "pause", "Reset": "undo"}


@dataclass(frozen=True)
class Script:
    """What is played: how a training starts, what is recorded, how it looks, what acts on it.

    `buttons` are called with the training; `while_running` are knobs that act on the running
    training, called with it and the new value, where other knobs start a new one.
    """

    start: Callable[..., Running]
    record: Callable[[Any], Mapping[str, Any]]
    picture: Callable[[History], Picture | Row]
    buttons: Mapping[str, Callable[[Any], None]]
    while_running: Mapping[str, Callable[[Any, Any], None]]

    def session(self, seed: int, values: Mapping[str, Any]) -> Session:
        """Return a training at its start."""
        training = self.start(seed=seed, **values)
        if not all(hasattr(training, name) for name in ("step", "done", "advance")):
            raise TypeError(f"live: start must return a Training; got {training!r:.60}.")
        return Session(training, self.record)

    def rehearse(self, values: Mapping[str, Any], steps: int) -> Picture | Row:
        """Return the picture after `steps` updates of seed 0, recorded 80 times."""
        session = self.session(0, values)
        while session.training.step < steps and not session.training.done:
            session.tick(max(1, steps // 80))
        return self.drawn(session.history)

    def drawn(self, history: History) -> Picture | Row:
        """Return the picture of what was recorded; an error says where it comes from."""
        try:
            return self.picture(history)
        except Exception as error:
            error.add_note("This was raised by the picture(history) that live was given.")
            raise


class Live(Panel):
    """The buttons, the knobs, and under them the growing chart. Made by `live`."""

    def __init__(self, script: Script, knobs: Knobs, speed: float, preview: int) -> None:
        """Start a network and show it before its first update; an error here is the author's."""
        self.script, self.knobs, self.chart = script, knobs, Chart()
        self._task: asyncio.Task | None = None
        self.speed = Slider(*SPEEDS, value=speed, log=True).widget("updates a second")
        self.seed = widgets.BoundedIntText(0, 0, SEEDS, description="seed", tooltip="seed")
        self._new_session()
        self._draw()
        self.chart.on_msg(self._heard)
        self.seed.observe(lambda _: self._try(self._restart), "value")
        for name, widget in knobs.widgets.items():
            widget.observe(self._turned(name), "value")
        player = {"Play": self.play, "Pause": self.pause, "Reset": self.reset}
        actions = {name: self._acting(action) for name, action in script.buttons.items()}
        pressed = side_by_side([_buttons(each) for each in (player, actions) if each])
        align([self.speed])
        align([self.seed])
        turned = side_by_side([*knobs.widgets.values(), self.speed, self.seed])
        super().__init__([pressed, turned, self.chart], lambda: self._shown(preview).still())

    def play(self) -> None:
        """Train until paused, or to the end of the stream; a training at its end starts anew."""
        if self.session.training.done:
            self._restart()
        if not self.playing:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def pause(self) -> None:
        """Stop training; the network stays as it is."""
        self._stop()
        self._draw()

    def reset(self) -> None:
        """Stop, and start again from the seed and the knobs as they stand."""
        self.pause()
        self._restart()

    @property
    def playing(self) -> bool:
        """Whether it trains now."""
        return self._task is not None and not self._task.done()

    def _stop(self) -> None:
        if self.playing:
            self._task.cancel()
        self._task = None

    async def _run(self) -> None:
        last = time.perf_counter() - FRAME
        while not self.session.training.done:
            began = time.perf_counter()
            if not self._try(lambda elapsed=began - last: self._frame(elapsed)):
                return
            last = began
            await asyncio.sleep(max(REST, FRAME - (time.perf_counter() - began)))
        self._task = None
        self._draw()

    def _frame(self, elapsed: float) -> None:
        self.session.frame(TRAIN, elapsed, self.speed.value)
        self._draw()

    def _draw(self) -> None:
        self.chart.show(self.script.drawn(self.session.history), self._status())

    def _status(self) -> str:
        training = self.session.training
        state = "finished" if training.done else "training" if self.playing else "paused"
        return f"{training.step:,} updates, {state}"

    def _new_session(self) -> None:
        self.session = self.script.session(self.seed.value, self.knobs.values())

    def _restart(self) -> None:
        self._new_session()
        self._draw()

    def _turned(self, name: str) -> Callable[[Any], None]:
        """Return what happens when the knob `name` is turned."""
        act = self.script.while_running.get(name)
        if act is None:
            return lambda _: self._try(self._restart)
        return lambda turn: self._try(lambda: act(self.session.training, turn["new"]))

    def _acting(self, action: Callable[[Any], None]) -> Callable[[], None]:
        def act() -> None:
            if self._try(lambda: self.session.act(action)):
                self._try(self._draw)

        return act

    def _try(self, change: Callable[[], Any]) -> bool:
        """Make a change; an error stops the training and is shown under the chart."""
        try:
            change()
        except Exception as error:
            self._stop()
            self.chart.status = self._status()
            self.chart.fail(error)
            return False
        return True

    def _heard(self, _chart: Any, content: dict, _buffers: Any) -> None:
        if content.get("event") == "hidden":  # the cell was run again, or the page closed
            self.pause()

    def _shown(self, preview: int) -> Picture | Row:
        if headless():
            return self.script.rehearse(self.knobs.start(), preview)
        return self.script.drawn(self.session.history)


def live(
    start: Callable[..., Running],
    record: Callable[[Any], Mapping[str, Any]],
    picture: Callable[[History], Picture | Row],
    *,
    buttons: Mapping[str, Callable[[Any], None]] | None = None,
    while_running: Mapping[str, Callable[[Any, Any], None]] | None = None,
    speed: float = 200.0,
    preview: int = 400,
    **knobs: Control,
) -> Live:
    """Train on the page: `picture(history)` is drawn 30 times a second while the network learns.

    `start(seed=..., **knobs)` returns a Training; `record(training)` a dict of numbers, which
    `history["name"]` gives back as a row, with `history.step`. A knob starts a new training, or,
    if `while_running` has a function of (training, value) for it, acts on the one that runs.
    `buttons` are names and functions of the training. `speed` is in updates a second. A page
    without a front end shows the picture after `preview` updates.

    Raises:
        TypeError: a knob is no Slider, Choice or Switch, or a function gives something else.
        ValueError: `while_running` names no knob.
    """
    for name, function in {"record": record, "picture": picture}.items():
        check_function(f"live: {name}", function)
    check_type("live: buttons", buttons, (Mapping, type(None)), 'Write {"Reset": function}.')
    for name, function in (buttons or {}).items():
        check_type("live: buttons: a name", name, str)
        check_function(f"live: buttons[{name!r}]", function, "Give a function of the training.")
    check_type(
        "live: while_running", while_running, (Mapping, type(None)), "Write {knob: function}."
    )
    for name, function in (while_running or {}).items():
        check_function(f"live: while_running[{name!r:.60}]", function, "Give a function.")
    check_number("live: speed", speed, *SPEEDS)
    check_number("live: preview", preview, 0, integer=True)
    for name in while_running or {}:
        check_choice("live: a name in while_running", name, knobs)
    check_takes("live: start", start, ("seed", *knobs))
    script = Script(start, record, picture, dict(buttons or {}), dict(while_running or {}))
    return Live(script, Knobs(knobs), speed, preview)


def _buttons(actions: Mapping[str, Callable[[], None]]) -> widgets.HBox:
    """Return a row of buttons, each as wide as its name."""
    row = [widgets.Button(description=name, icon=ICONS.get(name, "")) for name in actions]
    for button, action in zip(row, actions.values(), strict=True):
        button.layout.width = "auto"
        button.on_click(lambda _, action=action: action())
    return side_by_side(row)
