"""Every public name, with good arguments: what the fuzzer starts from."""

import inspect
from dataclasses import is_dataclass
from types import ModuleType

import numpy as np
import torch
from fuzz_values import numeric
from fuzzing import Rule, Target
from torch import nn

import plastlab
from plastlab import probes, theory, tournament
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
from plastlab.tournament.entrants import Entrant, Option
from plastlab.tournament.plan import Arena
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
    "Transformer": {"tokens": 4},
    "Recurrent": {"steps": 4},
    "Pathways": {"start": 0.01},
    "Modes": {"start": 0.001},
    "Catapult": {"width": 8},
}
WORDS = {"start": "he"}


def targets():
    """All of them."""
    found = [*specs(), *measures(), *closed_forms(), *actions(), *drawings(), *desk(), *contests()]
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


# arguments of closed forms that may be arrays
ARRAYS = {
    "adam_step_after_quiet": ("jump", "agreement"),
    "five_ranks": ("singular_values",),
    "leaky_map": ("c",),
    "power_estimate": ("values",),
    "pull_through_adam": ("steps",),
    "pulled_home": ("curvature", "strength"),
    "shrink_and_perturb_cosine": ("times",),
    "shrink_and_perturb_std": ("times",),
    "turn_course": ("times",),
}


def closed_forms():
    """Everything in `theory`; each class with its methods."""
    row, times = [3.0, 2.0, 1.0], np.arange(3.0)
    good = {
        "adam_step_after_jump": {"jump": 3.0, "steps": 4, "count": 5, "forget": ("m",)},
        "adam_step_after_quiet": {"jump": 3.0, "steps": 4, "count": 5, "agreement": 0.5},
        "batch_norm_growth": {"activation": "relu"},
        "best_constant_answer": {"examples": 10, "classes": 3},
        "dks": {"activation": "tanh", "layers": 3, "slope": 1.5},
        "five_ranks": {"singular_values": row, "examples": 9, "delta": 0.01, "epsilon": 0.01},
        "leaky_map": {"c": 0.5, "leak": 0.1, "layers": 2},
        "own_gain": {"activation": "relu", "q": 1.0},
        "power_estimate": {"values": row, "steps": 2},
        "pull_through_adam": {"strength": 0.1, "noise": 1.0, "lr": 0.1, "steps": times},
        "pulled_home": {"curvature": row, "strength": 0.1},
        "shrink_and_perturb_cosine": {"keep": 0.5, "noise": 0.1, "times": times},
        "shrink_and_perturb_std": {"keep": 0.5, "noise": 0.1, "times": times},
        "tailored_leak": {"layers": 3, "target": 0.9},
        "turn_at_balance": {"lr": 0.1, "decay": 0.1, "momentum": 0.5},
        "turn_course": {"lr": 0.1, "decay": 0.1, "slope": 1.0, "times": times, "size": 1.0},
    }
    for name, arguments in good.items():
        function = getattr(theory, name)
        rules = dict.fromkeys(ARRAYS.get(name, ()), numeric)
        yield target(f"theory.{name}", function, text=str, rules=rules, **arguments)
    for kind in (theory.Bowl, theory.Catapult, theory.Modes, theory.Pathways, theory.Signals):
        yield target(f"theory.{kind.__name__}", kind, **small(kind))
    yield from closed_methods()


def closed_methods():
    """The methods of the classes in `theory`."""
    bowl, pair = theory.Bowl(), [1.0, 1.0]
    window = (0.0, 1.0)
    methods = [
        (bowl.hessian, {"seed": 0}),
        (bowl.ring, {"loss": 0.5, "points": 5}),
        (bowl.rate, {"lr": 0.1, "momentum": 0.5}),
        (bowl.course, {"start": pair, "steps": 3, "lr": 0.1, "momentum": 0.5}),
        (bowl.loss, {"coordinates": pair}),
        (bowl.fit, {"optimizer": _descent, "steps": 2, "seeds": 2, "turned": True}),
        (theory.Catapult(8).course, {"rate": 1.0, "steps": 3, "answer": 1.0, "curvature": 2.0}),
        (theory.Catapult(8).train, {"rate": 1.0, "steps": 3, "seeds": 2}),
        (theory.Modes().course, {"times": np.arange(3.0)}),
        (
            theory.Modes().train,
            {"until": 0.05, "seeds": 2, "start": "random", "width": 5, "lr": 0.01},
        ),
        (theory.Pathways().course, {"until": 2.0, "frozen": window, "steps": 9}),
        (theory.Pathways().settled, {"a": 0.2, "b": 0.1}),
        (theory.Pathways().share, {"frozen": window}),
        (
            theory.Pathways().train,
            {"frozen": [window], "until": 0.1, "seeds": 2, "width": 2, "lr": 0.05},
        ),
        (theory.Signals("tanh").variance_map, {"q": 1.0}),
        (theory.Signals("tanh").chi, {"q": 1.0}),
        (theory.Signals("tanh").correlation_map, {"c": 0.5, "q": 1.0}),
        (theory.Signals("tanh").forward, {"depth": 3, "q": 1.0}),
        (theory.Signals("tanh").backward, {"depth": 3, "q": 1.0}),
        (theory.Signals("tanh").correlation, {"depth": 3, "c": 0.5, "q": 1.0}),
        (theory.Signals("tanh").settled, {"q": 1.0}),
    ]
    for method, good in methods:
        name = f"theory.{method.__qualname__}"
        arrays = {a: numeric for a in ("coordinates", "times") if a in good}
        arrays |= {"frozen": lambda v: None} if good.get("frozen") == window else {}
        yield target(name, method, text=_shown, rules=arrays, **good)


def _descent(weights):
    return torch.optim.SGD(weights, lr=0.1)


def _shown(made):
    return str({k: str(v) for k, v in vars(made).items()} if is_dataclass(made) else made)


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
    yield target("simulate", simulate, text=_shown, **adam, **small_draw)
    numbers = {"seeds": 2, "inputs": 6, "pairs": 2, "cosine": 0.5}
    yield target("propagate", propagate, text=_shown, net=NET, **numbers)


def results():
    """A result, its methods, and what is computed from numbers per seed."""
    fields = {name: getattr(RESULT, name) for name in inspect.signature(Result).parameters}
    yield target("Result", Result, use=lambda made: made.tidy(), text=_values, **fields)
    names = {"probe": "accuracy", "condition": "a", "times": 1}
    rules = {name: (lambda v, n=name: v == names[n]) for name in ("probe", "condition")}
    for method in (RESULT.first, RESULT.last):
        yield target(f"Result.{method.__name__}", method, text=str, rules=rules, **names)
    yield target("interval", interval, rules={"values": numeric}, values=[0.1, 0.2], level=0.95)
    claim = {"id": "08.3", "text": "It holds.", "stat": _last, "above": 0.5, "below": None}
    rules = {"id": lambda v: False, "text": lambda v: isinstance(v, str) and bool(v.strip())}
    own = kinds(plastlab.Claim, **rules)
    yield Target("Claim", plastlab.Claim, claim | {"source": ""}, own, text=_claimed)


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


def drawings():
    """Plots, and pictures made of marks: each is drawn and described."""
    from fuzz_drawings import drawings as drawn

    yield from drawn(RESULT, FOUND, target, trained)


def desk():
    """What a reader touches: predictions, explorers, live trainings."""
    guess = plastlab.predict
    yield target("predict: range", guess, use=_answered, text=_asked, question="?", low=0, high=1)
    rules = {"choices": lambda v: isinstance(v, (list, tuple)) and len(v) > 1 and "a" not in v}
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


def contests():
    """The tournament's words; the small record is of nobody but nothing and fresh."""
    arena = {"name": "labels", "stream": LABELS, "net": NET, "since": 1, "optimizer": Adam()}
    place = Arena(**arena)
    rules = {"lrs": lambda v: isinstance(v, tuple) and len(v) == 2 and fitting_rates(v)}
    yield target("Arena", Arena, rules=rules, **arena, lrs=(0.01, 0.1))
    yield target("Option", Option, label="", interventions=(plastlab.ReDo(),))
    yield target("Entrant", Entrant, name="x", family="y", options=(Option(),))
    plan = {
        "arenas": (place,),
        "challengers": (Entrant("x", "y", (Option(),)),),
        "tuning": (1,),
        "judging": (2, 3),
    }
    yield target("Plan", tournament.Plan, text=_planned, **plan, trials=2)
    yield Target("entrant", lambda kind: tournament.entrant(kind), {"kind": plastlab.ReDo})
    standings = tournament.recorded()
    first = standings.plan.arenas[0].name
    rules = {"name": lambda v: v in ("quick", "wide"), "arena": lambda v: v == first}
    own = {"name": rules["name"]}
    yield target("recorded", tournament.recorded, text=lambda m: "", rules=own, name="quick")
    for function in (tournament.rows, tournament.table):
        yield target(f"tournament.{function.__name__}", function, text=str, standings=standings)
    race = {"standings": standings, "arena": first, "methods": ["L2", "ReDo"]}
    rules = {"arena": rules["arena"], "methods": lambda v: v == ["L2", "ReDo"]}
    yield target("race", tournament.race, text=lambda m: "", rules=rules, **race)
    again = {"standings": standings, "methods": [], "seeds": 1}
    yield target("rematch", tournament.rematch, text=lambda m: "", **again)
    never = Rule(lambda v: False)
    yield Target("tournament", tournament.tournament, {"plan": None}, {"plan": never})
    newcomer = {"standings": standings, "newcomer": None}
    yield Target("joined", tournament.joined, newcomer, {"newcomer": never})


def fitting_rates(rates):
    """Two finite numbers above 0."""
    return all(isinstance(r, (int, float)) and not isinstance(r, bool) and r > 0 for r in rates)


def _planned(plan):
    return str([plan.trials, plan.tuning, plan.judging])
