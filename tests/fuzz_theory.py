"""Closed forms, for the fuzzer: functions, and classes with their methods."""

from dataclasses import is_dataclass
from numbers import Integral

import numpy as np
import torch
from fuzz_values import numeric

from plastlab import theory

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


def closed_forms(target, small):
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
    yield from closed_methods(target)


def closed_methods(target):
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
        arrays |= {"steps": whole} if good.get("steps") == 3 else {}
        arrays |= {"frozen": lambda v: None} if good.get("frozen") == window else {}
        yield target(name, method, text=shown, rules=arrays, **good)


def _descent(weights):
    return torch.optim.SGD(weights, lr=0.1)


def whole(value):
    """Whether it is a number of updates; none is one, too."""
    return isinstance(value, Integral) and not isinstance(value, bool) and 0 <= value < 2**63


def shown(made):
    """What a result holds, as text."""
    return str({k: str(v) for k, v in vars(made).items()} if is_dataclass(made) else made)
