"""live_run: an experiment that trains on the page, with buttons for interventions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from plastlab.condition import Condition
from plastlab.errors import check_choice, check_named, check_type
from plastlab.interventions.base import Act
from plastlab.panels.history import History
from plastlab.panels.live import Live, live
from plastlab.panels.marks import Line
from plastlab.panels.picture import Picture, Row
from plastlab.plots import words
from plastlab.plots.axis import Axis
from plastlab.probes import Probe, accuracy, probe_name
from plastlab.probes.base import check_probe
from plastlab.streams import Stream
from plastlab.training import Training, check_experiment
from plastlab.units import unit_of


def live_run(
    stream: Stream,
    conditions: dict[str, Condition],
    probes: Sequence[Probe] = (accuracy,),
    *,
    buttons: Mapping[str, Act] | None = None,
    on: str | None = None,
    speed: float = 100.0,
) -> Live:
    """Train one seed of every condition on the page: a chart a probe, a line a condition.

    Each of the `buttons` lets an intervention happen once, on the condition `on` or on all. Where
    nobody can press Play the page shows the whole stream.

    Raises:
        TypeError, ValueError: an argument is not what it should be; the message says what is.
    """
    check_experiment(stream, conditions)
    probes = tuple(check_type("live_run: probes", probes, (list, tuple), "Write probes=[loss]."))
    for probe in probes:
        check_probe("live_run: probes", probe)
    if not probes:
        raise ValueError("live_run: probes must be at least one; got none.")
    if on is not None:
        check_choice("live_run: on", on, conditions)
    remedy = "Give one that acts at a moment, such as FullReset()."
    acts = check_named("live_run: buttons", {} if buttons is None else buttons, Act, remedy)
    shown = _Shown(stream, tuple(conditions), probes)
    pressed = {
        name: partial(Training.apply, intervention=act, condition=on) for name, act in acts.items()
    }
    total = stream.tasks * stream.steps
    start = partial(_started, stream, conditions)
    return live(start, shown.record, shown.picture, buttons=pressed, speed=speed, preview=total)


def _started(stream: Stream, conditions: dict[str, Condition], seed: int) -> Training:
    return Training(stream, conditions, seeds=(seed,))


@dataclass(frozen=True)
class _Shown:
    """What is recorded of a training, and how it looks."""

    stream: Stream
    conditions: tuple[str, ...]
    probes: tuple[Probe, ...]

    def record(self, training: Training) -> dict[str, Any]:
        """Each probe of each condition, in its unit."""
        found = {}
        for probe in self.probes:
            scale = unit_of(probe_name(probe))[1]
            for name, values in training.measure(probe).items():
                found[f"{probe_name(probe)} of {name}"] = scale * float(values[0])
        return found

    def picture(self, history: History) -> Picture | Row:
        """A chart a probe, side by side."""
        charts = [self._chart(history, probe_name(probe)) for probe in self.probes]
        return charts[0] if len(charts) == 1 else Row(charts)

    def _chart(self, history: History, probe: str) -> Picture:
        unit, scale = unit_of(probe)
        low, high = words.limits(probe)
        high = None if high is None else scale * high
        lines = [
            Line(history.step, history[f"{probe} of {name}"], label=name)
            for name in self.conditions
        ]
        updates = Axis("updates", 0, self.stream.tasks * self.stream.steps)
        label = f"{probe} ({unit})" if unit else words.axis_name(probe)
        return Picture(lines, updates, Axis(label, low, high))
