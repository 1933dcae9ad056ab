"""What may be kept: plastlab's own code as it is now, known by identity and never by its name."""

import functools
import inspect
import os
import pickle
import subprocess
import sys
import textwrap
import types
from dataclasses import dataclass, replace
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest
import torch
from small import LABELS, Counting
from torch import nn

from plastlab import cache, jobs, losses, optim, products
from plastlab.condition import Condition
from plastlab.data import Gaussian, RandomTargets
from plastlab.interventions import L2, Intervention, L2Init, penalties
from plastlab.nets import MLP
from plastlab.nets.activations import ACTIVATIONS
from plastlab.nets.modules import Module
from plastlab.optim import Adam
from plastlab.probes import accuracy, answers, dormant_units, given, loss, online, weight_norm
from plastlab.run import run
from plastlab.streams import Gradual, RandomLabels, Stationary, Stream, TargetOffset
from plastlab.training import Training

PULLED = Condition(Adam(0.01), MLP(width=6, depth=1)) + L2(0.1)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(cache.FOLDER, str(tmp_path / "kept"))
    return tmp_path / "kept"


def asked(stream=LABELS, condition=PULLED, probes=(accuracy,)):
    """The key, and why there is none."""
    keeper = cache.Keeper()
    return keeper.key(stream, condition, (0, 1), probes, 6), keeper.unkept


def final(**options):
    return run(LABELS, {"a": PULLED}, 2, probes=[weight_norm], **options)("weight_norm", "a")[:, -1]


class Mine(Intervention):
    pass


class MyStream(Stationary):
    pass


class MyData(Gaussian):
    pass


@dataclass(frozen=True)
class MyNet(MLP):
    pass


class Renamed(L2):
    pass


Renamed.__module__, Renamed.__name__, Renamed.__qualname__ = L2.__module__, "L2", "L2"


class Callable:
    """Looks like a function of plastlab from outside."""

    def __init__(self):
        functools.update_wrapper(self, accuracy)

    def __call__(self, s):
        return 100 * accuracy(s)


@functools.wraps(accuracy)
def in_percent(s):
    return 100 * accuracy(s)


def forged(s):
    return 100 * accuracy(s)


forged.__module__, forged.__name__, forged.__qualname__ = accuracy.__module__, "loss", "loss"
copied = types.FunctionType(loss.__code__, {"F": None}, "loss")


class MyOnline(online):
    pass


def test_plastlabs_own_is_kept():
    for stream in (LABELS, Gradual(TargetOffset(), over=3), Stationary(Gaussian())):
        key, reason = asked(stream, PULLED, (accuracy, online(given(dormant_units, tau=0.5))))
        assert (len(key), reason) == (16 + 1 + 32, "")


@pytest.mark.parametrize(
    "options",
    [
        {"condition": PULLED + Mine()},
        {"condition": PULLED + Renamed()},
        {"condition": replace(PULLED, net=Module(nn.Linear))},
        {"condition": replace(PULLED, net=MyNet())},
        {"stream": MyStream()},
        {"stream": Gradual(MyStream(), over=3)},
        {"stream": Stationary(MyData())},
        {"stream": TargetOffset(RandomTargets(MyData()))},
        {"stream": Gradual(TargetOffset(RandomTargets(MyData())), over=3)},
        *[{"probes": [probe]} for probe in (in_percent, forged, copied, Callable())],
        {"probes": [lambda s: s.logits[:, 0, 0]]},
        {"probes": [accuracy, online(in_percent)]},
        {"probes": [MyOnline(accuracy)]},
        {"probes": [given(lambda s, tau=0.1: s.logits[:, 0, 0], tau=0.2)]},
        {"probes": [functools.partial(in_percent)]},
    ],
)
def test_own_code_under_any_name_is_not_kept_and_the_run_says_why(options):
    key, reason = asked(**options)
    assert key is None
    assert reason.endswith(("is your own code", "your own network", "or reloaded", "anything"))


def test_a_wrapped_probe_does_not_poison_the_one_that_it_wraps(folder):
    conditions = {"a": PULLED}
    wrapped = run(LABELS, conditions, 2, probes=[in_percent])
    own = run(LABELS, conditions, 2, probes=[accuracy])
    np.testing.assert_allclose(wrapped.values["accuracy"], 100 * own.values["accuracy"], rtol=1e-6)
    assert len(list(folder.iterdir())) == 1


def test_a_run_says_once_what_was_not_kept(monkeypatch, capsys):
    conditions = {str(i): PULLED + Mine() for i in range(3)} | {"a": PULLED}
    found = run(LABELS, conditions, 1)
    assert found.unkept == "Mine is your own code"
    assert repr(found).endswith("probes: accuracy; not kept: Mine is your own code)")
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    run(LABELS, conditions, 1)
    assert capsys.readouterr().err == ""  # it took no time
    monkeypatch.setattr(cache, "SLOW", 0.0)
    run(LABELS, conditions, 1)
    assert capsys.readouterr().err == "Not kept for next time: Mine is your own code.\n"
    kept, asked_not_to = run(LABELS, {"a": PULLED}, 1), run(LABELS, conditions, 1, use_cache=False)
    assert (kept.unkept, asked_not_to.unkept) == ("", "")
    assert capsys.readouterr().err == ""


def patched_instance():
    one = L2(0.1)
    object.__setattr__(one, "after_backward", lambda s, mem: None)
    return one


def test_an_instance_that_was_changed_by_hand_is_not_kept():
    key, reason = asked(condition=Condition() + patched_instance())
    assert (key, reason) == (None, "<lambda> is your own code")


@pytest.mark.parametrize(
    ("target", "name", "value"),
    [
        (L2, "after_backward", lambda self, s, mem: None),
        (L2, "strength_twice", property(lambda self: 2 * self.strength)),
        (losses.CrossEntropy, "gradient", lambda self, logits, targets: logits),
        (Stream, "order", classmethod(lambda cls, t, seeds: None)),
        (jobs, "train", lambda job, tick=None, stop=None: {}),
        (jobs, "train", functools.wraps(jobs.train)(lambda *a: {})),
        (jobs, "train", mock.MagicMock()),
        (optim, "ONE", Callable()),
        (optim, "SGD", type("SGD", (), {"__module__": "elsewhere"})),
        (products, "np", types.ModuleType("numpy")),
        (products, "np", SimpleNamespace(matmul=lambda a, b, out: out)),
        (answers, "accuracy", forged),
    ],
)
def test_code_that_was_patched_in_the_session_is_not_kept(target, name, value, monkeypatch):
    before, _ = asked()
    with monkeypatch.context() as patch:
        patch.setattr(target, name, value, raising=False)
        key, reason = asked(probes=(loss,))
    assert key is None
    assert reason.endswith("was changed in this session")
    assert asked() == (before, "")


@pytest.mark.parametrize(
    ("change", "target", "name", "value"),
    [
        ("setattr", jobs, "ROOM", 7),
        ("setattr", optim, "ONE", torch.ones(()) * 2),
        ("setattr", L2, "tuned", ("strength", (1.0,))),
        ("setattr", L2, "__eq__", L2Init.__eq__),
        ("setattr", jobs.cut, "__defaults__", (3,)),
        ("setitem", ACTIVATIONS, "relu", ACTIVATIONS["tanh"]),
        ("setattr", losses.CrossEntropy, "gradient", losses.SquaredError.gradient),
    ],
)
def test_a_changed_constant_is_other_code(change, target, name, value, monkeypatch):
    before, _ = asked()
    getattr(monkeypatch, change)(target, name, value)
    during, _ = asked()
    assert during is not None
    assert during[:16] != before[:16]


def test_numbers_in_a_constant_are_read_each_time():
    before, _ = asked()
    optim.ONE.add_(1)
    try:
        assert asked()[0] != before
    finally:
        optim.ONE.sub_(1)
    assert asked()[0] == before


def edited(method, old, new):
    """A method of plastlab after an edit of its file."""
    source = textwrap.dedent(inspect.getsource(method))
    assert old in source
    made = {}
    exec(compile(source.replace(old, new), "elsewhere.py", "exec"), vars(penalties), made)
    return made[method.__name__]


@pytest.mark.parametrize("in_place", [False, True])
def test_an_edited_method_gives_the_new_numbers(in_place, monkeypatch):
    as_it_was, trained = final(), Counting()
    new = edited(L2.after_backward, "s.weights.flat", "-5 * s.weights.flat")
    with monkeypatch.context() as patch:
        if in_place:
            patch.setattr(L2.after_backward, "__code__", new.__code__)
        else:
            patch.setattr(L2, "after_backward", new)
        expected = final(use_cache=False)
        assert (expected > as_it_was).all()
        np.testing.assert_array_equal(final(executor=trained), expected)
        np.testing.assert_array_equal(final(executor=trained), expected)
    assert trained.updates == 36
    np.testing.assert_array_equal(final(executor=trained), as_it_was)
    assert trained.updates == 36


def test_data_that_were_drawn_by_code_of_before_are_not_kept(monkeypatch):
    expected, draw = final(every=3, use_cache=False), Gaussian.draw
    with monkeypatch.context() as patch:
        patch.setattr(Gaussian, "draw", lambda self, seeds: draw(replace(self, examples=23), seeds))
        assert (final() != expected).all()
    np.testing.assert_array_equal(final(every=3), expected)


ELSEWHERE = """
import scipy.linalg, plastlab.book.build
from plastlab import MLP, Adam, Condition, L2, RandomLabels, accuracy, cache
pulled = Condition(Adam(0.01), MLP(width=6, depth=1)) + L2(0.1)
print(cache.Keeper().key(RandomLabels(), pulled, (0, 1), [accuracy], 6))
"""


def test_every_process_finds_the_same_key(folder):
    found = subprocess.run(
        [sys.executable, "-c", ELSEWHERE],
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.split() == list(filter(None, asked(RandomLabels())))


def test_using_the_package_does_not_make_it_other_code(folder):
    before = asked()
    training = Training(LABELS, {"a": PULLED}, 2)
    training.advance(3)
    pickle.loads(pickle.dumps((LABELS, PULLED, training)))
    run(LABELS, {"a": PULLED}, 1, probes=[in_percent])
    final()
    assert asked() == before
