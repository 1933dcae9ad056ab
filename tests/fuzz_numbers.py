"""Numbers that carry their seeds, what sentences compare, claims and sweeps, for the fuzzer."""

import numpy as np
from fuzzing import Rule, Target

import plastlab
from plastlab.results import PerSeed

ONE = PerSeed([40.0, 50.0], (0, 1), "%")
TWO = PerSeed([60.0, 80.0], (0, 1), "%")
PAIR, PAIR_KINDS = {"one": ONE, "two": TWO}, {"one": PerSeed, "two": PerSeed}


def per_seeds(target, result, labels, condition):
    """All words of `plastlab.results`."""
    fields = {"values": np.array([1.0, 2.0]), "seeds": (0, 1), "unit": "%"}
    yield Target("PerSeed", PerSeed, fields, {"seeds": Rule(_two_seeds), "unit": str})
    names = {"found": result, "probe": "accuracy", "condition": "a"}
    rules = {name: (lambda v, n=name: v == names[n]) for name in ("probe", "condition")}
    rules["task"] = lambda v: v is None or v in (1, 2)
    rules["last"] = lambda v: not isinstance(v, (bool, float)) and v in range(1, 5)
    rules["since"] = rules["task"]
    rules["of"] = lambda v: v == "b"
    for function, own in (
        (plastlab.course, {}),
        (plastlab.level, {"task": None, "last": 1}),
        (plastlab.lost, {"since": 1, "last": 1}),
        (plastlab.ahead, {"of": "b", "task": None, "last": 1}),
    ):
        used = {name: rule for name, rule in rules.items() if name in names | own}
        yield target(function.__name__, function, rules=used, **names, **own)
    pair = {"found": result, "probe": "accuracy", "neither": "a", "first": "b"}
    pair |= {"second": "a", "both": "b", "last": 1}
    used = {n: (lambda v: v in ("a", "b")) for n in ("neither", "first", "second", "both")}
    used |= {"probe": rules["probe"], "last": rules["last"]}
    yield target("interaction", plastlab.interaction, rules=used, **pair)
    yield target("ratio", plastlab.ratio, first=ONE, second=TWO)
    yield target("share_of_gap", plastlab.share_of_gap, reached=ONE, low=ONE, high=TWO)
    yield target("stack", plastlab.stack, numbers=[ONE, TWO])
    for function in (plastlab.smallest, plastlab.largest):
        yield Target(function.__name__, lambda one, two, f=function: f(one, two), PAIR, PAIR_KINDS)
    claimed = {"id": "08.3", "sentence": "It holds.", "numbers": ONE, "above": 0.5, "below": None}
    rules = {"id": lambda v: False, "sentence": lambda v: isinstance(v, str) and bool(v.strip())}
    yield target("claim", plastlab.claim, rules=rules, **claimed, source="")
    tried = {"name": "mine", "numbers": ONE, "above": 50, "below": None}
    yield target("exercise", plastlab.exercise, **tried)
    shown = {"stream": labels, "conditions": {"a": condition}, "probes": [plastlab.accuracy]}
    shown |= {"buttons": {"new": plastlab.FullReset()}, "on": "a", "speed": 100.0}
    rules = {"on": lambda v: v in ("a", None), "probes": _calls}
    rules["buttons"] = lambda v: v is None or v == {}
    yield target("live_run", plastlab.live_run, text=lambda m: "", rules=rules, **shown)
    swept = {"stream": labels, "base": condition, "method": plastlab.L2Init, "seeds": 2}
    rules = {"probes": lambda v: v == [], "strength": _strengths, "method": _methods}
    given = swept | {"probes": [plastlab.accuracy], "strength": [0.1, 0.2]}
    yield target("sweep", plastlab.sweep, text=lambda made: str(made.axes), rules=rules, **given)


def _calls(value):
    return None if isinstance(value, (list, tuple)) and value and callable(value[0]) else False


def _two_seeds(value):
    right = isinstance(value, (tuple, list)) and len(value) == 2 and value[0] != value[1]
    return right and all(isinstance(v, int) and not isinstance(v, bool) and v >= 0 for v in value)


def _strengths(value):
    return None if isinstance(value, (list, tuple)) else False


def _methods(value):
    return None if isinstance(value, type) else False
