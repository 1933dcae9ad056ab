"""The fuzzer finds what it looks for, knows every public name, and finds nothing in a short run.

More by `python tests/fuzz.py --calls 20000 --seed 0`.
"""

import numpy as np
import pytest
from fuzz_names import covered, targets
from fuzzing import CLEAR, NONSENSE, OBSCURE, Call, Target, fuzz, judged

import plastlab
from plastlab import plots, theory, tournament
from plastlab.errors import check_number

TARGETS = targets()


def planted_obscure(strength: float = 1.0) -> float:
    return 1 + strength


def planted_nonsense(strength: float = 1.0) -> str:
    return f"{strength}"


def planted_late(strength: float = 1.0):
    return lambda: np.zeros(3)[strength]


def sound(strength: float = 1.0) -> float:
    return check_number("sound: strength", strength, 0)


def outcomes(function, value, **settings):
    target = Target(function.__name__, function, {"strength": 1.0}, {"strength": float}, **settings)
    return judged(Call(target, {"strength": value}, ("strength",), "one")).verdict


@pytest.mark.parametrize(
    ("function", "value", "verdict"),
    [
        (planted_obscure, "3", OBSCURE),
        (planted_nonsense, "3", NONSENSE),
        (planted_nonsense, True, NONSENSE),
        (planted_nonsense, float("nan"), NONSENSE),
        (sound, "3", CLEAR),
        (sound, True, CLEAR),
        (sound, -1.0, CLEAR),
    ],
)
def test_planted_faults_are_found(function, value, verdict):
    assert outcomes(function, value) == verdict


def test_an_error_that_comes_only_on_use_is_found():
    assert outcomes(planted_late, 0.5, use=lambda made: made()) == OBSCURE


def test_a_scalar_that_makes_a_difference_is_found():
    target = Target("planted", planted_nonsense, {"strength": 1.0}, {"strength": float}, text=repr)
    target = Target("planted", lambda strength: [strength], target.good, target.kinds)
    call = Call(target, {"strength": np.float64(1.0)}, ("strength",), "twin")
    assert judged(call).verdict == NONSENSE


def test_every_public_name_is_fuzzed():
    known = {target.name.split(":")[0].split(".")[-1] for target in TARGETS} | covered()
    public = {*plastlab.__all__, *plots.__all__, *theory.__all__, *tournament.__all__}
    assert public - known - {"Standings"} == set()


def test_a_call_is_the_same_each_time():
    first, again = ([str(o.verdict) for o in fuzz(TARGETS, 40, seed=1)] for _ in range(2))
    assert first == again


def test_a_short_run_finds_nothing():
    wrong = [str(o) for o in fuzz(TARGETS, 700, seed=2) if o.verdict in (OBSCURE, NONSENSE)]
    assert not wrong
