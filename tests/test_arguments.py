"""Wrong arguments: every public constructor and function says the name, what was given, and what is
allowed. Constructors are found by looking into the package."""

import inspect
from dataclasses import fields, is_dataclass

import numpy as np
import pytest
import torch
from small import LABELS
from torch import nn

from plastlab import data, interventions, nets, optim, streams
from plastlab.condition import Condition
from plastlab.data import Arrays, Digits, Gaussian, Mnist1d, TeacherRegression
from plastlab.interventions import (
    AdamReset,
    FullReset,
    L2Init,
    LayerNorm,
    ReDo,
    ShrinkAndPerturb,
    WeightClipping,
)
from plastlab.nets import MLP, ConvNet1d, ResidualMLP
from plastlab.nets.modules import Module
from plastlab.optim import SGD, Adam, AdamW
from plastlab.probes import accuracy, dead_units
from plastlab.run import run
from plastlab.streams import PermutedInputs, RandomLabels, Stationary
from plastlab.training import Training

GIVEN = {Arrays: {"x": [[1.0], [2.0]] * 9, "y": ["a", "b"] * 9}}  # what has no default
ABSTRACT = {"Data", "Problem", "Architecture", "Stream", "Intervention", "Event"}
SPECS = [
    kind
    for module in (data, interventions, nets, optim, streams)
    for name, kind in vars(module).items()
    if is_dataclass(kind) and kind.__module__.startswith(module.__name__) and name not in ABSTRACT
]
SETTINGS = [
    pytest.param(kind, field, id=f"{kind.__name__}.{field.name}")
    for kind in SPECS
    for field in fields(kind)
    if field.init
]


def test_every_kind_of_spec_is_found():
    assert {MLP, Adam, AdamW, RandomLabels, Mnist1d, ReDo} <= set(SPECS)
    assert len(SETTINGS) > 50


@pytest.mark.parametrize(("kind", "field"), SETTINGS)
def test_a_setting_of_the_wrong_type_is_refused_by_name(kind, field):
    with pytest.raises((TypeError, ValueError)) as error:
        kind(**GIVEN.get(kind, {}) | {field.name: ["nonsense"]})
    message = str(error.value)
    assert f"{kind.__name__}.{field.name} must be " in message
    assert "got ['nonsense']" in message


@pytest.mark.parametrize(("kind", "field"), SETTINGS)
def test_a_number_that_is_none_is_refused_by_name(kind, field):
    given = GIVEN.get(kind, {})
    if isinstance(getattr(kind(**given), field.name), float):
        for bad in (float("nan"), float("inf"), -1e-3, True, "0.1"):
            with pytest.raises((TypeError, ValueError), match=rf"{field.name} must be .*; got "):
                kind(**given | {field.name: bad})
    elif isinstance(getattr(kind(**given), field.name), int):
        for bad in (-1, 2.0, "3"):
            with pytest.raises((TypeError, ValueError), match=rf"{field.name} must be .*got"):
                kind(**given | {field.name: bad})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MLP(activation="rel"), "MLP.activation must be one of relu.*got 'rel'.*'relu'"),
        (lambda: MLP(0), "MLP.width must be a whole number at least 1; got 0"),
        (lambda: MLP(depth=-1), "MLP.depth must be a whole number at least 0; got -1"),
        (lambda: ResidualMLP(start="zero"), "ResidualMLP.start must be one of he, torch"),
        (lambda: ConvNet1d(layer_norm=1), "ConvNet1d.layer_norm must be a bool; got 1"),
        (lambda: ConvNet1d().build(5, 2, (0,)), "inputs must be .*at least 8; got 5"),
        (lambda: SGD(momentum=1.5), "SGD.momentum must be .*at most 1; got 1.5"),
        (lambda: Adam(beta1=1.0), "Adam.beta1 must be .*at most 1; got 1.0"),
        (lambda: Adam(eps=0.0), "Adam.eps must be a finite number above 0; got 0.0"),
        (lambda: AdamW(lr=-1), "AdamW.lr must be a finite number at least 0; got -1"),
        (lambda: Mnist1d(5000), "Mnist1d.examples must be .*at most 4000; got 5000"),
        (lambda: Digits(0), "Digits.examples must be .*at least 1"),
        (lambda: Gaussian(separation=-1), "Gaussian.separation must be .*at least 0"),
        (lambda: TeacherRegression(noise=-1), "TeacherRegression.noise must be .*at least 0"),
        (lambda: Stationary(Mnist1d), "Stationary.data must be a Data; got the class Mnist1d"),
        (lambda: PermutedInputs(tasks=0), "PermutedInputs.tasks must be .*at least 1; got 0"),
        (lambda: RandomLabels(batch=2.5), "RandomLabels.batch must be a whole number.*got 2.5"),
        (lambda: FullReset(layers=0), "FullReset.layers must be .*at least 1; got 0"),
        (lambda: ReDo(every=0), "ReDo.every must be .*at least 1; got 0"),
        (lambda: ReDo(-0.1), "ReDo.tau must be .*at least 0; got -0.1"),
        (lambda: ShrinkAndPerturb(keep=-1), "ShrinkAndPerturb.keep must be .*at least 0"),
        (lambda: WeightClipping(0), "WeightClipping.kappa must be a finite number above 0"),
        (lambda: L2Init(-1), "L2Init.strength must be .*at least 0"),
        (lambda: AdamReset(count=1), "AdamReset.count must be a bool; got 1"),
        (lambda: Condition("adam"), r"Condition.optimizer must be .*got 'adam'.*Adam\(1e-3\)"),
        (lambda: Condition(Adam), "Condition.optimizer must be .*got the class Adam"),
        (lambda: Condition(net=nn.ReLU()), r"Condition.net must be .*got ReLU\(\)"),
        (lambda: Condition() + ReDo, "intervention must be an Intervention; got the class ReDo"),
        (lambda: Condition() + 3, "intervention must be an Intervention; got 3"),
        (lambda: Condition(interventions=[ReDo()]), r"must be a tuple.*condition \+ ReDo\(\)"),
        (lambda: Module(nn.Linear(2, 2)), "Module.factory must be a function.*Every seed needs"),
        (lambda: Module(nn.Linear, units=[("0", "2")]), "Module.units must be a tuple"),
        (lambda: Module(nn.Linear, units=("02",)), "Module.units: each pair must be a tuple"),
        (
            lambda: Condition(net=Module(nn.Linear)) + LayerNorm(),
            "Module cannot be changed .*layer_norm=True.*in your factory .*put nn.LayerNorm",
        ),
        (lambda: Module(lambda i, o: 3).build(1, 1, (0,)), "Module.factory's result must be"),
        (
            lambda: Module(lambda i, o: nn.BatchNorm1d(i)).build(2, 2, (0,)),
            "does not support BatchNorm .*LayerNorm or nn.GroupNorm",
        ),
    ],
)
def test_a_wrong_setting_is_explained(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()


ONE = {"a": Condition()}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: run(Mnist1d(), ONE),
            r"run: stream must be a Stream; got Mnist1d.*RandomLabels\(\)",
        ),
        (lambda: run(LABELS, Condition()), "run: conditions must be a dict"),
        (lambda: run(LABELS, {}), "run: conditions is empty"),
        (lambda: run(LABELS, {1: Condition()}), "run: conditions: a name must be a str; got 1"),
        (lambda: run(LABELS, {"a": Adam()}), r"run: conditions\['a'\] must be a Condition"),
        (lambda: run(LABELS, ONE, seeds=0), "seeds must be a whole number at least 1 .*; got 0"),
        (lambda: run(LABELS, ONE, seeds=1.5), "seeds must be a whole number.*got 1.5"),
        (lambda: run(LABELS, ONE, seeds=()), "seeds must list at least one seed"),
        (lambda: run(LABELS, ONE, seeds=(1, 1)), r"none of them twice; got \(1, 1\)"),
        (lambda: run(LABELS, ONE, seeds=(1, -1)), "seeds must be .*at least 0; got -1"),
        (lambda: run(LABELS, ONE, seeds="12"), "seeds must be a whole number.*got '1'"),
        (lambda: run(LABELS, ONE, every=0), "run: every must be .*at least 1 and at most 6; got 0"),
        (lambda: run(LABELS, ONE, every=4), "run: every must divide steps=6; got 4"),
        (lambda: run(LABELS, ONE, probes=accuracy), r"run: probes must be.*probes=\[accuracy\]"),
        (lambda: run(LABELS, ONE, probes=[]), "probes must be at least one"),
        (lambda: run(LABELS, ONE, probes=[accuracy, accuracy]), "each named once"),
        (lambda: run(LABELS, ONE, probes=["accuracy"]), "run: probes must be .*got 'accuracy'"),
        (lambda: run(LABELS, ONE, executor=2), "run: executor must be an Executor .*got 2"),
        (lambda: Training(LABELS, []), "conditions must be a dict"),
        (lambda: Training(LABELS, ONE, seeds=0), "seeds must be a whole number at least 1"),
    ],
)
def test_a_wrong_call_is_explained(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()


def bad_shape(s):
    return s.logits.mean(1)


def bad_type(s):
    return "accuracy"


@pytest.mark.parametrize("probe", [bad_shape, bad_type])
def test_a_readers_probe_of_the_wrong_shape_is_explained(probe):
    message = rf"the probe '{probe.__name__.replace('_', ' ')}' must give one real number"
    with pytest.raises(ValueError, match=message):
        run(LABELS, ONE, seeds=2, probes=[probe])


def test_a_probe_that_does_not_fit_the_stream_or_net_is_explained():
    regression = Stationary(TeacherRegression(24, 5), 1, 3, 4)
    with pytest.raises(ValueError, match="accuracy needs classes.*Use loss"):
        run(regression, ONE, seeds=2)
    with pytest.raises(ValueError, match="the network has none; use depth >= 1"):
        run(LABELS, {"a": Condition(net=MLP(depth=0))}, seeds=2, probes=[dead_units])


def test_good_look_alikes_are_taken():
    assert Condition(Adam(np.float32(0.1)), MLP(np.int64(4))).net.width == 4
    assert run(LABELS, ONE, seeds=np.int64(2)).seeds == (0, 1)
    assert all(type(s) is int for s in run(LABELS, ONE, seeds=np.arange(2)).seeds)
    assert run(LABELS, ONE, seeds=range(2)).seeds == (0, 1)
    assert torch.is_tensor(Gaussian(5).draw((0,)).x)
    assert inspect.isclass(AdamW)
