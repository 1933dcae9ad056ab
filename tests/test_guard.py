"""Guards: whenever an interrupt comes, and however often, what was set up is torn down."""

import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
import torch
from small import LABELS

from plastlab.condition import Condition
from plastlab.guard import Guard
from plastlab.interventions import Intervention
from plastlab.nets import MLP
from plastlab.neutral import neutral
from plastlab.optim import Adam
from plastlab.run import run
from plastlab.streams import Stationary
from plastlab.training import Training

ADAM = Condition(Adam(0.01), MLP(width=12, depth=2))
LONG = Stationary(LABELS.data, tasks=10_000, steps=100, batch=8)


def press():
    """Ctrl+C, once."""
    os.kill(os.getpid(), signal.SIGINT)


def presses(times, after, gap, stopped):
    """A thread that presses so many times, and again a second later if nothing has stopped: an
    interrupt that comes while Python cleans up an object is lost there."""

    def work():
        time.sleep(after)
        for _ in range(times):
            press()
            time.sleep(gap)
        while not stopped.wait(1.0):
            press()

    return threading.Thread(target=work, daemon=True)


def state():
    return (
        torch.get_default_dtype(),
        torch.get_num_threads(),
        sys.float_info.min / 2 == 0,
        sys.getswitchinterval(),
        torch.is_inference_mode_enabled(),
        signal.getsignal(signal.SIGINT),
        {thread for thread in threading.enumerate() if not thread.daemon},
    )


def stopped(work, times, after, gap):
    """Do it until it is stopped, and say how everything is right after."""
    end, left = threading.Event(), None
    hand = presses(times, after, gap, end)
    try:
        try:
            hand.start()
            work()
        except KeyboardInterrupt:
            end.set()
        left = state()
        hand.join()
    except KeyboardInterrupt:  # the second one, here or there
        end.set()
        left = left or state()
        hand.join()
    return left


def come_and_go():
    while True:
        with neutral():
            pass


WORK = {
    "run": lambda: run(LONG, {"a": ADAM}, seeds=4, use_cache=False),
    "training": lambda: Training(LONG, {"a": ADAM}, seeds=4).advance(10**6),
    "coming and going": come_and_go,
}


@pytest.mark.parametrize("gap", [0.0, 1e-4, 2e-3])
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("work", WORK.values(), ids=WORK)
def test_stopped_once_or_twice_everything_is_as_before(work, times, gap, monkeypatch):
    monkeypatch.setattr(sys, "unraisablehook", lambda lost: None)  # pytest's takes a while
    torch.set_default_dtype(torch.float64)
    try:
        before = state()
        for after in (0.001, 0.02, 0.05):
            assert stopped(work, times, after, gap) == before
    finally:
        torch.set_default_dtype(torch.float32)


class Log(Guard):
    """Writes down what happens, and presses where it is told to."""

    def __init__(self, *pressed):
        self.pressed, self.seen = pressed, []

    def do(self, what):
        self.seen.append(what)
        if what in self.pressed:
            press()
            press()
        self.seen.append(f"{what} done")

    def begin(self):
        self.do("begin")

    def end(self):
        self.do("end")


@pytest.mark.parametrize("pressed", [("begin",), ("end",), ("begin", "end")], ids=str)
def test_an_interrupt_during_set_up_or_tear_down_waits_until_it_is_done(pressed):
    log = Log(*pressed)
    with pytest.raises(KeyboardInterrupt), log:
        log.seen.append("body")
    body = [] if "begin" in pressed else ["body"]
    assert log.seen == ["begin", "begin done", *body, "end", "end done"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_in_the_body_it_comes_at_once_and_the_guards_around_it_end():
    outer, inner = Log(), Log("end")
    with pytest.raises(KeyboardInterrupt), outer, inner:
        press()
        raise AssertionError("not at once")
    assert inner.seen == outer.seen == ["begin", "begin done", "end", "end done"]


def test_somebodys_own_answer_to_an_interrupt_is_asked():
    asked = []
    before = signal.signal(signal.SIGINT, lambda number, frame: asked.append(number))
    try:
        own = signal.getsignal(signal.SIGINT)
        log = Log("begin", "end")
        with log:
            press()
        assert asked == [signal.SIGINT] * 3  # two in a row while it waits are one
        assert log.seen == ["begin", "begin done", "end", "end done"]
        assert signal.getsignal(signal.SIGINT) is own
    finally:
        signal.signal(signal.SIGINT, before)


def test_what_fails_in_begin_leaves_no_guard_behind():
    class Broken(Guard):
        def begin(self):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), Broken():
        pass
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_run_on_the_callers_threads_is_stopped_too():
    @dataclass(frozen=True)
    class Press(Intervention):
        def after_step(self, s, mem):
            if s.step == 7:
                press()

    with ThreadPoolExecutor(2) as pool:
        with pytest.raises(KeyboardInterrupt):
            run(LONG, {"a": ADAM + Press()}, seeds=2, executor=pool)
        began = time.perf_counter()
        assert pool.submit(len, "abc").result(timeout=5) == 3
        assert pool.submit(len, "abc").result(timeout=5) == 3
        assert time.perf_counter() - began < 5
