"""A session's state neither enters numbers nor is changed by them, however a run ends."""

import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context

import numpy as np
import pytest
import torch
from small import LABELS, NETS
from threadpoolctl import ThreadpoolController
from torch import nn

from plastlab.condition import Condition
from plastlab.interventions import Intervention, ReDo
from plastlab.machine import speed
from plastlab.nets import MLP
from plastlab.nets.modules import Module
from plastlab.neutral import neutral
from plastlab.optim import Adam
from plastlab.probes import accuracy, effective_rank, loss
from plastlab.propagation import propagate
from plastlab.run import run
from plastlab.streams import Gradual, RandomLabels
from plastlab.streams.base import base
from plastlab.training import Training

LIBRARIES = ThreadpoolController().select(user_api="blas")


def own(inputs, outputs):
    return nn.Sequential(nn.Linear(inputs, 8), nn.Tanh(), nn.Linear(8, outputs))


ADAM = Condition(Adam(0.01), MLP(width=12, depth=2))
CONDITIONS = {
    "conv": Condition(Adam(0.01), NETS["ConvNet1d"]),
    "recycled": ADAM + ReDo(tau=0.3, every=4),
    "own": Condition(Adam(0.01), Module(own)),
}


def denormals_are_zero():
    return sys.float_info.min / 2 == 0


def state():
    """What a session can see of itself, in the calling thread."""
    precision = [getattr(torch.backends.mkldnn, k).fp32_precision for k in ("matmul", "conv")]
    return {
        "dtype": torch.get_default_dtype(),
        "device": torch.get_default_device(),
        "grad": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "deterministic": torch.get_deterministic_debug_mode(),
        "anomaly": (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()),
        "autocast": torch.is_autocast_enabled("cpu"),
        "precision": (torch.backends.fp32_precision, *precision),
        "mkldnn": (torch.backends.mkldnn.enabled, torch.backends.mkldnn.deterministic),
        "flush": denormals_are_zero(),
        "threads": torch.get_num_threads(),
        "blas": [library["num_threads"] for library in LIBRARIES.info()],
        "turns": sys.getswitchinterval(),
        "numpy": np.geterr(),
        "generators": (
            torch.get_rng_state().numpy().tobytes(),
            np.random.get_state()[1].tobytes(),
        ),
    }


def enter(context):
    return lambda undo: undo.enter_context(context())


def write(setting, value, before):
    """A change that is undone by hand."""

    def change(undo):
        undo.callback(setting, before)
        setting(value)

    return change


CHANGES = {
    "nothing": lambda undo: None,
    "float64": write(torch.set_default_dtype, torch.float64, torch.float32),
    "meta": write(torch.set_default_device, "meta", None),
    "no_grad": enter(torch.no_grad),
    "inference": enter(torch.inference_mode),
    "deterministic": write(torch.set_deterministic_debug_mode, 2, 0),
    "anomaly": write(torch.set_anomaly_enabled, True, False),
    "autocast": enter(lambda: torch.autocast("cpu")),
    "precision": write(torch.set_float32_matmul_precision, "medium", "highest"),
    "precision of all": write(
        lambda value: setattr(torch.backends, "fp32_precision", value), "bf16", "none"
    ),
    "mkldnn": write(lambda value: setattr(torch.backends.mkldnn, "enabled", value), False, True),
    "flush": write(torch.set_flush_denormal, True, False),
    "threads": write(torch.set_num_threads, 2, 1),
    "blas": enter(lambda: LIBRARIES.limit(limits=2)),
    "turns": write(sys.setswitchinterval, 0.01, sys.getswitchinterval()),
    "numpy": enter(lambda: np.errstate(all="raise")),
    "seeds": lambda undo: (torch.manual_seed(5), np.random.seed(5)),
}


@pytest.fixture(params=CHANGES)
def changed(request):
    """A session in which something is not as it usually is: its state."""
    from contextlib import ExitStack

    with ExitStack() as undo:
        CHANGES[request.param](undo)
        yield state()


def numbers(conditions=CONDITIONS, **how):
    """Everything that a run and a training measure."""
    probes = [accuracy, loss, effective_rank]
    found = run(LABELS, conditions, seeds=2, probes=probes, use_cache=False, **how)
    return np.stack([found.values[probe] for probe in found.probes])


def watched_numbers():
    """What a training measures while it runs, with a rate that was turned."""
    training = Training(LABELS, CONDITIONS, seeds=2)
    training.set_lr(0.02)
    training.advance(8)
    training.apply(ReDo(tau=0.3), "recycled")
    training.advance(3)
    found = [training.batch_loss, training.measure(effective_rank)]
    return np.stack([each[name] for each in found for name in CONDITIONS])


def drawn_numbers():
    """Of what is drawn, measured and cut beside runs."""
    spread = propagate(MLP(width=12, depth=2), seeds=2)
    task = Gradual(RandomLabels(LABELS.data, steps=6, batch=8), over=3, how="labels")
    drawn = task.task(1, (0, 1)).x.cpu(), task.order(1, (0, 1)).float().cpu()
    return np.concatenate([spread.forward.ravel(), *[d.numpy().ravel() for d in drawn]])


@pytest.fixture(scope="module")
def expected():
    return numbers(), watched_numbers()


def test_numbers_are_those_of_an_untouched_session_and_it_stays_as_it_was(changed, expected):
    np.testing.assert_array_equal(numbers(), expected[0])
    assert state() == changed
    np.testing.assert_array_equal(watched_numbers(), expected[1])
    assert state() == changed
    speed(1)
    propagate(MLP(width=4), seeds=1)
    assert state() == changed


@dataclass(frozen=True)
class Meddling(Intervention):
    """Changes what it should not, and then does `then`."""

    then: object

    def after_step(self, s, mem):
        if s.step == 7:
            torch.set_default_dtype(torch.float64)
            torch.set_num_threads(2)
            torch.set_flush_denormal(False)
            torch.use_deterministic_algorithms(True)
            sys.setswitchinterval(0.02)
            np.seterr(all="raise")
            self.then()


def fail():
    raise ZeroDivisionError


def stop():
    raise KeyboardInterrupt


@pytest.mark.parametrize(("then", "error"), [(fail, ZeroDivisionError), (stop, KeyboardInterrupt)])
def test_an_error_or_a_stop_leaves_it_as_it_was(changed, then, error):
    meddled = {"a": ADAM + Meddling(then)}
    with pytest.raises(error):
        run(LABELS, meddled, seeds=2)
    assert state() == changed
    training = Training(LABELS, meddled, seeds=2)
    with pytest.raises(error):
        training.advance(10)
    assert state() == changed


def test_numbers_after_meddling_are_those_of_a_fresh_run(expected):
    with pytest.raises(ZeroDivisionError):
        run(LABELS, {"a": ADAM + Meddling(fail)}, seeds=2)
    np.testing.assert_array_equal(numbers(), expected[0])


@pytest.mark.parametrize("first_to_leave", [0, 1])
def test_threads_that_overlap_leave_what_the_first_one_found(first_to_leave):
    """Both orders, with a change by the user in between, which neither is to see."""
    before, inside, after = state(), {}, {}
    come, go = ([threading.Event() for _ in range(2)] for _ in range(2))

    def visit(i):
        with neutral():
            inside[i] = state()
            come[i].set()
            assert go[i].wait(10)
        after[i] = torch.get_num_threads(), denormals_are_zero(), np.geterr(), state()["grad"]

    torch.set_num_threads(3)  # new threads begin with it
    try:
        threads = [threading.Thread(target=visit, args=(i,)) for i in range(2)]
        for i, thread in enumerate(threads):
            thread.start()
            assert come[i].wait(10)
            torch.set_default_dtype(torch.float64)
            sys.setswitchinterval(0.02)
        for i in (first_to_leave, 1 - first_to_leave):
            go[i].set()
            threads[i].join(10)
        assert inside[0] == inside[1]
        assert after[0] == after[1] == (3, False, before["numpy"], True)
        with ThreadPoolExecutor(1) as fresh:
            assert fresh.submit(torch.get_num_threads).result() == 3
    finally:
        torch.set_num_threads(1)
    assert state() == before


def test_runs_on_several_threads_give_the_numbers_and_leave_the_state(expected):
    before = state()
    with ThreadPoolExecutor(3) as users:
        found = [users.submit(numbers) for _ in range(3)]
        while not all(one.done() for one in found):
            threading.Event().wait(0.01)
        for one in found:
            np.testing.assert_array_equal(one.result(), expected[0])
        assert {users.submit(denormals_are_zero).result() for _ in range(6)} == {False}
    assert state() == before


def unusual():
    """What somebody's initializer may do to a worker."""
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    torch.set_grad_enabled(False)
    torch.set_flush_denormal(True)
    np.seterr(all="raise")


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_a_worker_that_starts_otherwise_gives_the_same_numbers(kind, expected):
    before, plain = state(), {n: CONDITIONS[n] for n in ("conv", "recycled", "own")}
    pool = (
        ThreadPoolExecutor(2, initializer=lambda: torch.set_flush_denormal(False))
        if kind == "threads"
        else ProcessPoolExecutor(1, get_context("spawn"), unusual)
    )
    with pool:
        np.testing.assert_array_equal(numbers(plain, executor=pool), expected[0])
        assert pool.submit(torch.get_default_dtype).result() == (
            torch.float32 if kind == "threads" else torch.float64
        )
        if kind == "threads":
            assert not pool.submit(denormals_are_zero).result()
    assert state() == before


def test_what_is_drawn_outside_a_run_does_not_follow_the_session_and_is_kept_as_it_should_be():
    stream = replace(LABELS, data=replace(LABELS.data, examples=25))  # nobody drew it yet
    usual = drawn_numbers()
    torch.set_default_dtype(torch.float64)
    try:
        assert stream.task(0, (0, 1)).x.dtype == torch.float32
        np.testing.assert_array_equal(drawn_numbers(), usual)
    finally:
        torch.set_default_dtype(torch.float32)
    with torch.inference_mode():
        stream.task(0, (2, 3))
    assert not stream.task(0, (2, 3)).x.is_inference()
    with torch.device("meta"):
        base(stream.data, (4,))
    assert stream.task(0, (4,)).x.device.type == "cpu"
