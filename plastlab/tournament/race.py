"""Race: two methods of the standings train on the page, each in the setting chosen for it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from plastlab.condition import Condition
from plastlab.errors import check_all, check_choice, check_type
from plastlab.panels.controls import Choice, Slider
from plastlab.panels.history import History
from plastlab.panels.live import Live, live
from plastlab.panels.marks import Line
from plastlab.panels.picture import Picture
from plastlab.plots.axis import Axis
from plastlab.probes import accuracy
from plastlab.tournament.score import Standings
from plastlab.training import Training


def race(standings: Standings, arena: str, methods: Sequence[str]) -> Live:
    """Let two of `methods` race in an arena, on one seed: live, with a knob for either side, and
    one that multiplies both learning rates.

    Raises:
        ValueError: an arena or a method that did not take part, or fewer than two methods.
    """
    check_type("race: standings", standings, Standings, "Give recorded().")
    check_all("race: methods", methods, str, "Give a list of names.")
    arenas = {each.name: each for each in standings.plan.arenas}
    place, racers = arenas[check_choice("race: arena", arena, arenas)], {}
    for name in methods:
        check_choice("race: methods", name, standings.ranking)
        trial = standings.cell(name, arena).trial
        racers[name] = trial.condition(place.net, place.optimizer)

    names: dict[str, str] = {}  # who runs on which side
    end = place.stream.tasks * place.stream.steps

    def start(seed: int, left: str, right: str, rate: float) -> Training:
        names.update(left=left, right=right)
        pair = {side: _faster(racers[name], rate) for side, name in names.items()}
        return Training(place.stream, pair, seeds=(seed,))

    def record(training: Training) -> Mapping[str, float]:
        return {side: found[0] for side, found in training.measure(place.probe).items()}

    def picture(history: History) -> Picture:
        lines = [Line(history.step, history[s], label=f"{s}: {n}") for s, n in names.items()]
        height = Axis("accuracy", 0, 1) if place.probe is accuracy else Axis("loss", 0)
        return Picture(lines, Axis("updates", 0, end), height, title=arena)

    left, right = (Choice(tuple(racers), name) for name in [*racers][:2])
    rate = Slider(0.1, 10.0, 1.0, log=True, label="learning rates times")
    return live(start, record, picture, preview=end, left=left, right=right, rate=rate)


def _faster(condition: Condition, times: float) -> Condition:
    optimizer = condition.optimizer
    return replace(condition, optimizer=replace(optimizer, lr=optimizer.lr * times))
