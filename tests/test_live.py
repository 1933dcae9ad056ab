"""Live training: histories and sessions without widgets, and the panel's buttons and knobs."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from plastlab.condition import Condition
from plastlab.data import Gaussian
from plastlab.interventions import FullReset
from plastlab.nets import MLP
from plastlab.optim import Adam
from plastlab.panels.controls import Slider
from plastlab.panels.history import RECORDS, History, Session
from plastlab.panels.live import live
from plastlab.panels.marks import Line
from plastlab.panels.picture import Picture
from plastlab.probes import accuracy
from plastlab.streams import RandomLabels
from plastlab.training import Training

STREAM = RandomLabels(Gaussian(examples=24, inputs=12, classes=3), tasks=3, steps=20, batch=8)


def start(seed, lr=1e-2):
    conditions = {"Adam": Condition(Adam(lr=lr), net=MLP(width=8, depth=1))}
    return Training(STREAM, conditions, seeds=(seed,))


def record(training):
    return {"accuracy": training.measure(accuracy)["Adam"][0], "task": training.task}


def curve(history):
    return Picture([Line(history.step, history["accuracy"], label="accuracy")], x="update")


def in_a_loop_of_its_own(reader):
    """Run a coroutine to its end; on a thread, since browser tests leave a loop on this one."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, reader).result()


def test_a_history_gives_back_rows():
    history = History()
    for step in range(3):
        history.add(step, {"loss": step / 2, "norms": [step, 2 * step]})
    assert history.step.tolist() == [0, 1, 2]
    assert history["loss"].tolist() == [0.0, 0.5, 1.0]
    assert history["norms"].tolist() == [[0, 0], [1, 2], [2, 4]]
    with pytest.raises(ValueError, match="one of loss, norms, step; got 'los'. Did you mean"):
        history["los"]


def test_a_long_history_is_thinned_and_keeps_its_ends():
    history = History()
    for step in range(3 * RECORDS):
        history.add(step, {})
    assert RECORDS / 2 <= len(history) <= RECORDS
    assert history.step[0] == 0 and history.step[-1] >= 3 * RECORDS - 4
    assert (np.diff(history.step) > 0).all()


def test_a_session_trains_as_the_training_alone_does():
    session, alone = Session(start(seed=3), record), start(seed=3)
    session.tick(7)
    session.tick(13)
    alone.advance(20)
    assert session.history.step.tolist() == [0, 7, 20]
    assert session.history["accuracy"][-1] == record(alone)["accuracy"]
    assert session.training.batch_loss["Adam"] == pytest.approx(alone.batch_loss["Adam"])


def test_a_frame_does_the_updates_that_the_speed_asks_for():
    session = Session(start(seed=0), record)
    for _ in range(6):
        session.frame(seconds=10.0, elapsed=0.25, speed=10)
    assert session.history.step.tolist()[:2] == [0, 1]
    assert session.training.step in (13, 14, 15)  # the first frame does one: the pace is unknown
    for _ in range(10):
        session.frame(seconds=10.0, elapsed=1.0, speed=1000)
    assert session.training.done and session.history.step[-1] == STREAM.tasks * STREAM.steps


def test_an_action_is_seen_in_the_history():
    session = Session(start(seed=0), record)
    session.tick(20)
    learned = session.history["accuracy"][-1]
    session.act(lambda training: training.apply(FullReset()))
    assert session.history.step.tolist() == [0, 20, 20]
    assert session.history["accuracy"][-1] != learned


def test_play_pause_reset_and_the_knobs_act_on_the_training():
    panel = live(
        start,
        record,
        curve,
        while_running={"lr": lambda training, lr: training.set_lr(lr)},
        lr=Slider(1e-4, 1e-1, log=True),
        speed=50,
    )

    async def reader():
        panel.play()
        await asyncio.sleep(0.4)
        panel.knobs.widgets["lr"].value = 1e-4
        await asyncio.sleep(0.1)
        assert panel.playing and panel.session.training.step > 10
        panel.pause()
        stopped = panel.session.training.step
        await asyncio.sleep(0.1)
        assert panel.session.training.step == stopped and "paused" in panel.chart.status
        panel.seed.value = 1
        assert panel.session.training.seeds == (1,) and panel.session.training.step == 0
        panel.speed.value = 10_000
        panel.play()
        await asyncio.sleep(0.5)
        assert not panel.playing and panel.chart.status == "60 updates, finished"
        panel.reset()
        assert len(panel.session.history) == 1 and panel.chart.status == "0 updates, paused"

    in_a_loop_of_its_own(reader())


def test_an_error_while_training_stops_it_and_is_shown():
    def fails_later(training):
        if training.step > 5:
            raise ArithmeticError("the loss is nan")
        return record(training)

    panel = live(start, fails_later, curve)

    async def reader():
        panel.play()
        await asyncio.sleep(0.4)
        assert not panel.playing
        assert panel.chart.problem == "ArithmeticError: the loss is nan"
        assert panel.chart.status.endswith("paused")

    in_a_loop_of_its_own(reader())


def test_a_page_without_a_front_end_shows_a_network_that_has_trained():
    bundle, _ = live(start, record, curve, preview=60)._repr_mimebundle_()
    assert sorted(bundle) == ["image/png", "text/plain"]
    assert "Across: update, 0 to 60." in bundle["text/plain"]


def test_live_refuses_what_it_cannot_play():
    with pytest.raises(ValueError, match="a name in while_running must be one of lr; got 'le'"):
        live(start, record, curve, while_running={"le": print}, lr=Slider(0, 1))
    with pytest.raises(TypeError, match="what record.training. returns must be a Mapping; got 3"):
        live(start, lambda training: 3, curve)
