"""Every public name, with good arguments: what the fuzzer starts from."""

import inspect
from collections.abc import Iterator
from dataclasses import is_dataclass
from types import ModuleType

import numpy as np
import torch
from fuzz_contests import contests
from fuzz_drawings import drawings
from fuzz_theory import closed_forms, shown
from fuzz_values import numeric
from fuzzing import Rule, Target
from torch import nn

import plastlab
from plastlab import probes
from plastlab.boundary import cross, simulate
from plastlab.data import Data
from plastlab.interventions.base import Act, Intervention
from plastlab.muon import Muon
from plastlab.nets import MLP, Architecture
from plastlab.optim import SGD, Adam
from plastlab.panels.history import History
from plastlab.propagation import propagate
from plastlab.result import Result
from plastlab.stats import Interval, interval
from plastlab.streams import RandomLabels, Stationary, Stream
from plastlab.training import Training

DATA = plastlab.Gaussian(examples=24, inputs=12, classes=4)
LABELS = RandomLabels(DATA, tasks=2, steps=2, batch=4)
NET = MLP(width=4, depth=2)
CONDITION = plastlab.Condition(Adam(), NET)
BOTH = {"a": CONDITION, "b": plastlab.Condition(SGD(), NET)}
RESULT = plastlab.run(LABELS, BOTH, seeds=2, every=1, use_cache=False)
FOUND = Interval(0.5, 0.4, 0.6, 3)
STATE = Training(LABELS, {"a": CONDITION}, seeds=2)
STATE.advance(2)
LARGEST = 300  # sizes above this are not trained with

# small and fitting values of settings, by name; else a setting's default is taken
SMALL = {"data": DATA, "stream": LABELS, "tasks": 2, "steps": 2, "batch": 4, "examples": 24}
SMALL |= {"width": 8, "inputs": 12, "hidden": 6, "classes": 4, "every": 1, "over": 2, "until": 1}
SMALL |= {"slow": 3, "channels": 4, "new": 1, "start": None, "outputs": 2}
OWN = {
    "ImpalaNet1d": {"channels": (2, 3), "blocks": 1},
    "Deficit": {"start": 0, "kind": "noise"},
    "TargetOffset": {"data": plastlab.RandomTargets(DATA), "start": 0},
    "RandomTargets": {"data": DATA},
    "SlowlyChangingRegression": {"data": plastlab.LTURegression(24, 6, 5)},
    "LTURegression": {"inputs": 6, "hidden": 5},
    "CosineRestarts": {"every": 2},
    "FrobeniusProjection": {"every": 1},
    "Recall": {"steps": 6},
    "Arrays": {"x": np.arange(48.0).reshape(24, 2), "y": np.arange(24) % 3},
    "Transformer": {"tokens": 4},
    "Recurrent": {"steps": 4},
    "Pathways": {"start": 0.01},
    "Modes": {"start": 0.001},
    "Catapult": {"width": 8},
}
WORDS = {"start": "he"}


def targets():
    """All of them."""
    found = [*specs(), *measures(), *actions(), *desk()]
    found += [
        *closed_forms(target, small),
        *drawings(RESULT, FOUND, target),
        *contests(target, LABELS, NET),
    ]
    names = [target.name for target in found]
    assert len(set(names)) == len(names), "two targets have one name"
    return found


def covered():
    """The public names that no target is about, and why none is needed."""
    modules = {n for n in plastlab.__all__ if isinstance(getattr(plastlab, n), ModuleType)}
    bare = {p.__name__ for p in PROBES if not settings_of(p)}  # they take a running state alone
    return modules | bare | {"Probe", "Event", "Intervention", "Data", "Stream", "Problem"}


def kinds(function, **own):
    """What each argument may be: its annotation, or a rule of its own."""
    signature = inspect.signature(function, eval_str=True)
    return {name: p.annotation for name, p in signature.parameters.items()} | {
        name: Rule(rule) if callable(rule) and not isinstance(rule, type) else rule
        for name, rule in own.items()
    }


def target(name, call, /, use=None, text=repr, rules=None, **good):
    """A target whose arguments are annotated."""
    return Target(name, call, good, kinds(call, **(rules or {})), use, text)


def small(kind):
    """Good arguments of a spec."""
    own, good = OWN.get(kind.__name__, {}), {}
    for name, parameter in inspect.signature(kind).parameters.items():
        default = parameter.default
        listed = SMALL.get(name, default)
        usual = listed if type(listed) is type(default) or name in ("data", "every") else default
        good[name] = own.get(name, usual)
    return good


def specs():
    """Data, streams, networks, optimizers, interventions: each is trained with."""
    for name in plastlab.__all__:
        kind = getattr(plastlab, name)
        if not isinstance(kind, type) or name in covered():
            continue
        if issubclass(kind, (Data, Stream, Architecture, Intervention, SGD, Adam, Muon)):
            yield target(name, kind, use=trained, **small(kind))


def trained(spec):
    """Two updates with a spec, unless it is very large."""
    if any(_large(each) for each in _numbers(spec)):
        return
    stream = Stationary(spec, 2, 2, 4) if isinstance(spec, Data) else LABELS
    stream = spec if isinstance(spec, Stream) else stream
    net = spec if isinstance(spec, Architecture) else NET
    optimizer = spec if isinstance(spec, (SGD, Adam, Muon)) else Adam()
    condition = plastlab.Condition(optimizer, net)
    if isinstance(spec, Intervention):
        condition = condition + spec
    training = Training(stream, {"a": condition}, seeds=2)
    training.advance(3)
    training.measure(probes.loss)


def _numbers(spec):
    for value in vars(spec).values():
        if _nests(value):
            yield from _numbers(value)
        else:
            yield from value if isinstance(value, tuple) else (value,)


def _nests(value):
    return is_dataclass(value) and not isinstance(value, type)


def _large(value):
    return isinstance(value, int) and value > LARGEST


PROBES = [probe for family in probes.FAMILIES.values() for probe in family]
PROBES += [*probes.MATRICES]


def settings_of(probe):
    """The arguments of a probe besides the state, with their defaults."""
    return {n: p.default for n, p in list(inspect.signature(probe).parameters.items())[1:]}


def measures():
    """Probes with other settings, on a running network."""
    for probe in PROBES:
        good = settings_of(probe) | ({"steps": 2} if probe.__name__ == "trainability_loss" else {})
        if good:

            def call(probe=probe, **settings):
                return plastlab.given(probe, **settings)

            allowed = {n: k for n, k in kinds(probe).items() if n in good}
            use = (lambda made: None) if probe in probes.MATRICES else STATE.measure
            yield Target(probe.__name__, call, good, allowed, use)
    yield target("given", plastlab.given, probe=probes.dead_units, layer=0)
    yield target("online", plastlab.online, probe=probes.accuracy)
    yield target("probe_name", plastlab.probe_name, probe=probes.accuracy)
    yield target("underlying", plastlab.underlying, probe=plastlab.online(probes.accuracy))
    yield target("dormancy", plastlab.dormancy, text=str, h=torch.ones(2, 3, 4), copies=1)
    gap = {"result": RESULT, "scratch": "a", "warm": "b", "probe": "accuracy", "times": 1}
    rules = {n: (lambda v, n=n: v == gap[n]) for n in ("scratch", "warm", "probe")}
    rules["result"] = Result
    yield target("warm_start_gap", plastlab.warm_start_gap, text=str, rules=rules, **gap)


def actions():
    """Conditions, runs, trainings and results."""
    yield target("Condition", plastlab.Condition, **small(plastlab.Condition) | {"net": NET})
    yield target("Condition.__add__", CONDITION.__add__, intervention=plastlab.ReDo())
    yield target("Module", plastlab.Module, use=_built, factory=_linear, units=None)
    good = {"stream": LABELS, "conditions": {"a": CONDITION}, "seeds": 2}
    every = {"probes": [probes.accuracy], "every": 2, "executor": None, "use_cache": False}
    rules = {"probes": lambda v: isinstance(v, (list, tuple)) and all(map(callable, v))}
    yield target("run", plastlab.run, text=_values, rules=rules, **good, **every)
    yield target("Training", Training, text=lambda t: str(t.seeds), **good)
    for name, method, own in (
        ("advance", STATE.advance, {"steps": 1}),
        ("measure", STATE.measure, {"probe": probes.loss}),
        ("set_lr", STATE.set_lr, {"lr": 0.1, "condition": "a"}),
        ("apply", STATE.apply, {"intervention": plastlab.FullReset(), "condition": "a"}),
    ):
        rules = {"intervention": Act, "condition": lambda v: v in ("a", None)}
        rules = {k: v for k, v in rules.items() if k in own}
        yield target(f"Training.{name}", method, text=lambda made: "", rules=rules, **own)
    yield from results()
    yield target("cross", cross, text=lambda m: "", **good | {"steps": 2})
    small_draw = {"seeds": 2, "steps": 3, "entries": 5, "learning": 4}
    adam = {"jump": 3.0, "agreement": 0.5, "optimizer": Adam()}
    yield target("simulate", simulate, text=shown, **adam, **small_draw)
    numbers = {"seeds": 2, "inputs": 6, "pairs": 2, "cosine": 0.5}
    yield target("propagate", propagate, text=shown, net=NET, **numbers)


def results():
    """A result, its methods, and what is computed from numbers per seed."""
    fields = {name: getattr(RESULT, name) for name in inspect.signature(Result).parameters}
    yield target("Result", Result, use=lambda made: made.tidy(), text=_values, **fields)
    names = {"probe": "accuracy", "condition": "a", "times": 1}
    rules = {name: (lambda v, n=name: v == names[n]) for name in ("probe", "condition")}
    for method in (RESULT.first, RESULT.last):
        yield target(f"Result.{method.__name__}", method, text=str, rules=rules, **names)
    yield target(
        "interval", interval, rules={"values": _numbers_or_iterator}, values=[0.1, 0.2], level=0.95
    )
    claim = {"id": "08.3", "text": "It holds.", "stat": _last, "above": 0.5, "below": None}
    rules = {"id": lambda v: False, "text": lambda v: isinstance(v, str) and bool(v.strip())}
    own = kinds(plastlab.Claim, **rules)
    yield Target("Claim", plastlab.Claim, claim | {"source": ""}, own, text=_claimed)


def _numbers_or_iterator(value):
    return None if isinstance(value, Iterator) else numeric(value)


def _last(result):
    return result.last("accuracy", "a")


def _claimed(claim):
    return f"{claim.id} {claim.bound} {claim.text} {claim.source}"


def _linear(inputs, outputs):
    return nn.Sequential(nn.Linear(inputs, 3), nn.ReLU(), nn.Linear(3, outputs))


def _built(module):
    Training(LABELS, {"a": plastlab.Condition(net=module)}, seeds=2).advance(1)


def _values(result):
    return str(result.values)


def desk():
    """What a reader touches: predictions, explorers, live trainings."""
    guess = plastlab.predict
    yield target("predict: range", guess, use=_answered, text=_asked, question="?", low=0, high=1)
    rules = {"choices": lambda v: isinstance(v, (list, tuple)) and len(v) > 1 and "a" not in v}
    rules["unit"] = lambda v: isinstance(v, str)
    choice = {"question": "?", "choices": ["yes", "no"]}
    yield target("predict", guess, use=_answered, text=_asked, rules=rules, **choice)
    yield target("calibration", plastlab.calibration, guesses=[])
    knob = {"picture": _picture, "level": plastlab.Slider(0, 5)}
    rules = {"level": plastlab.Slider | plastlab.Choice | plastlab.Switch}
    yield target("explore", plastlab.explore, text=lambda m: "", rules=rules, **knob)
    play = {"start": _started, "record": _recorded, "picture": _history, "speed": 200.0}
    play |= {"preview": 2, "buttons": {"Reset": abs}, "while_running": {}}
    yield target("live", plastlab.live, use=_previewed, text=lambda m: "", **play)


def _asked(guess):
    return f"{guess.question} {guess.control}"


def _answered(guess):
    guess.commit(guess.control.value)
    assert guess.sentence()


def _picture(level):
    return plastlab.Picture([plastlab.Line([0, 1], [0, 1])])


def _started(seed):
    return Training(LABELS, {"a": CONDITION}, seeds=(seed,))


def _recorded(training):
    return {"loss": training.measure(probes.loss)["a"][0]}


def _history(history: History):
    return plastlab.Picture([plastlab.Line(history.step, history["loss"])])


def _previewed(live):
    live.script.rehearse({}, 2)
