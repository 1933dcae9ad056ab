"""What numbers functions and methods may be given: the smallest and the largest are taken, the next
ones refused, by name. Settings of specs and of probes are in test_bounds.py."""

from dataclasses import replace

import pytest
import torch
from intervals import ends, listed
from small import LABELS, trained

from plastlab import probes
from plastlab.boundary import cross, simulate
from plastlab.condition import Condition
from plastlab.data import Data, Problem
from plastlab.nets import MLP, ConvNet1d, ImpalaNet1d
from plastlab.optim import SGD
from plastlab.propagation import propagate
from plastlab.rng import FIRST_SEED, SEED_COUNT, resolve_seeds
from plastlab.run import run
from plastlab.stats import interval, paired_difference
from plastlab.streams import Stationary
from plastlab.training import Training

BOUNDS = """
run  every [1, 6]  seeds [1, inf)  seed [0, inf)  count [1, inf)  first [0, inf)
training  steps [1, inf)  lr [0, inf)  times of first [1, 3]  times of last [1, 3]  t [0, 2]
crossing  tasks of the stream [2, inf)  steps [2, 6]  deaths [1, 4]  error [1, 4]
simulate  jump (0, inf)  agreement [0, 1]  steps [1, inf)  entries [1, inf)  learning [1, inf)
propagate  inputs [2, inf)  pairs [1, inf)  cosine [-1, 1]
stats  level of an interval (0, 1]  level of a difference (0, 1]
nets  channels [1, inf)  inputs [8, inf)
layers  of units [-2, 1]  of ranks [-2, 1]  of preactivations [-2, 1]
matrices  of norms [-3, 2]  of gradients [-3, 2]
examples  of kernels [1, inf)  of a Hessian [1, inf)  of cosines [2, inf)
data of my own  its inputs [1, inf)  its outputs [1, inf)
"""
REAL = {"lr", "jump", "agreement", "cosine", "level of an interval", "level of a difference"}
NET = MLP(4, depth=2)
ONE = {"a": Condition(SGD(), NET)}
SHARD = trained(LABELS, ONE, (0, 1), 2)
STATE = SHARD.blocks["a"].state
RESULT = run(LABELS, ONE, seeds=2, use_cache=False)
CROSSED = cross(LABELS, {"a": Condition(net=NET)}, seeds=2, steps=4)["a"]
DRAW = {"jump": 3.0, "seeds": 1, "steps": 2, "entries": 2, "learning": 2}


def crossed(tasks=2, steps=2):
    cross(replace(LABELS, tasks=tasks), {"a": Condition(net=NET)}, seeds=1, steps=steps)


def simulated(**settings):
    simulate(**DRAW | settings)


def looked(probe, layer):
    SHARD.measure(probes.given(probe, layer=layer))


def from_outside(name, value):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(name, str(value))
        resolve_seeds(3)


class Own(Data):
    inputs, outputs = 2, 2

    def draw(self, seeds):
        x, y = torch.ones(len(seeds), 4, self.inputs), torch.zeros(len(seeds), 4, dtype=torch.int64)
        return Problem(x, y, x, y)


def trained_on(**sizes):
    kind = type("Own", (Own,), sizes)
    Training(Stationary(kind(), 1, 2, 2), ONE, seeds=1).advance(2)


CALLS = {  # by their setting, or by group and setting where two groups have one of that name
    "every": lambda v: run(LABELS, ONE, seeds=1, every=v, use_cache=False),
    "seeds": resolve_seeds,
    "seed": lambda v: resolve_seeds((v, 5)),
    "count": lambda v: from_outside(SEED_COUNT, v),
    "first": lambda v: from_outside(FIRST_SEED, v),
    "training": {
        "steps": lambda v: Training(LABELS, ONE, seeds=1).advance(v),
        "lr": lambda v: Training(LABELS, ONE, seeds=1).set_lr(v),
    },
    "times of first": lambda v: RESULT.first("accuracy", "a", v),
    "times of last": lambda v: RESULT.last("accuracy", "a", v),
    "t": lambda v: LABELS.task(v, (0,)),
    "tasks of the stream": lambda v: crossed(tasks=v),
    "crossing": {"steps": lambda v: crossed(steps=v)},
    "deaths": CROSSED.deaths,
    "error": CROSSED.error,
    "jump": lambda v: simulated(jump=v),
    "agreement": lambda v: simulated(agreement=v),
    "simulate": {"steps": lambda v: simulated(steps=v)},
    "entries": lambda v: simulated(entries=v),
    "learning": lambda v: simulated(learning=v),
    "propagate": {"inputs": lambda v: propagate(NET, 1, inputs=v)},
    "pairs": lambda v: propagate(NET, 1, inputs=4, pairs=v),
    "cosine": lambda v: propagate(NET, 1, inputs=4, cosine=v),
    "level of an interval": lambda v: interval([1.0, 2.0], v),
    "level of a difference": lambda v: paired_difference([1.0, 2.0], [1.0, 3.0], v),
    "channels": lambda v: ImpalaNet1d(channels=(v,)),
    "nets": {"inputs": lambda v: ConvNet1d().build(v, 2, (0,))},
    "of units": lambda v: looked(probes.dead_units, v),
    "of ranks": lambda v: looked(probes.srank, v),
    "of preactivations": lambda v: looked(probes.preactivation_std, v),
    "of norms": lambda v: looked(probes.weight_norm, v),
    "of gradients": lambda v: looked(probes.gradient_norm, v),
    "of kernels": lambda v: probes.ntk(STATE, v),
    "of a Hessian": lambda v: probes.hessian(STATE, v),
    "of cosines": lambda v: probes.gradient_cosines(STATE, v),
    "its inputs": lambda v: trained_on(inputs=v),
    "its outputs": lambda v: trained_on(outputs=v),
}
ROWS = [
    pytest.param(group, setting, bounds, id=f"{group}, {setting}")
    for group, own in listed(BOUNDS).items()
    for setting, bounds in own.items()
]


@pytest.mark.parametrize(("group", "setting", "bounds"), ROWS)
def test_an_argument_may_be_what_its_interval_holds(group, setting, bounds):
    call = CALLS[setting] if setting in CALLS else CALLS[group][setting]
    taken, refused = ends(bounds, whole=setting not in REAL)
    for value in taken:
        call(value)
    for value in refused:
        with pytest.raises((TypeError, ValueError), match=r"must be .*; got ") as error:
            call(value)
        assert repr(value) in str(error.value)
