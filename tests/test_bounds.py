"""What numbers a setting may be: the smallest and the largest are taken, the next ones refused.

The bounds are written here a second time, as intervals: [0, 1) holds 0, and not 1. Whoever moves
one in the package moves it here, too.
"""

from dataclasses import fields

import pytest
from intervals import STEP, ends, listed
from small import LABELS, trained

from plastlab import data, interventions, muon, nets, optim, probes, streams
from plastlab.condition import Condition
from plastlab.data import Arrays
from plastlab.nets import MLP
from plastlab.spec import Spec

# a line a class; a class that is not named is held to what its bases say
BOUNDS = """
SGD            lr [0, inf)  momentum [0, 1]  weight_decay [0, inf)
Adam           lr [0, inf)  beta1 [0, 1)  beta2 [0, 1)  eps (0, inf)  weight_decay [0, inf)
Muon           lr [0, inf)  momentum [0, 1)

Architecture   gain (0, inf)  noise [0, inf)  injected [0, inf)
MLP            width [1, inf)  depth [0, inf)
StretchedMLP   kappa [1, inf)  depth [1, inf)
ShapedMLP      target (0, 1]
ResidualMLP    width [1, inf)  blocks [1, inf)  expansion [1, inf)  branch [0, inf)
ConvNet1d      channels [1, inf)
ImpalaNet1d    blocks [0, inf)  width [1, inf)
SoftMoENet1d   experts [1, inf)  width [1, inf)
Transformer    tokens [1, inf)  width [1, inf)  blocks [1, inf)  heads [1, inf)
Transformer    expansion [1, inf)
Recurrent      width [1, inf)  steps [1, inf)  radius (0, inf)

Arrays             held_out [0, 0.9]  examples [1, 16]
Mnist1d            examples [1, 4000]
Digits             examples [1, 1437]
Gaussian           examples [1, inf)  inputs [1, inf)  classes [1, inf)  separation [0, inf)
TeacherRegression  examples [1, inf)  inputs [1, inf)  hidden [1, inf)  outputs [1, inf)
TeacherRegression  noise [0, inf)
LTURegression      examples [1, inf)  inputs [1, inf)  hidden [1, inf)  beta [0, inf)
RandomTargets      outputs [1, inf)
Recall             examples [1, inf)  steps [1, inf)  classes [2, inf)  noise [0, inf)
Cart               examples [1, inf)  low (0, inf)  high (0.3, inf)

Stream                    tasks [1, inf)  steps [1, inf)  batch [1, inf)
RandomLabels              share [0, 1]
TransientNonstationarity  share [0, 1]  until [0, 20]
Deficit                   start [0, 20]  until [0, 20]  block [1, inf)
Gradual                   over [0, 100]
WarmStart                 share (0, 1]  until [0, 2]
EarlyOvertraining         share (0, 1]  until [0, 10]
ClassIncremental          new [1, 2]
SlowlyChangingRegression  slow [1, 20]
TargetOffset              offset [0, inf)  scale [0, inf)  start [0, 20]  until [0, 20]

Event                  every [1, inf)
Episode                every [1, inf)  over [1, inf)
Penalty                strength [0, inf)
Schedule               low [0, 1]
Churn                  lag [1, inf)
WeightClipping         kappa (0, inf)
FrobeniusProjection    every [1, inf)
NormalizeAndProject    over [1, inf)  low [0, 1]  every [1, inf)  decay [0, 1]
ContinualBackprop      replacement_rate [0, 1]  maturity [0, inf)  decay [0, 1)
HareAndTortoise        ema [0, 1]  every [1, inf)
DASH                   lowest [0, 1]  ema (0, 1]
Kickstarting           strength [0, inf)
EffectiveRankPenalty   every [1, inf)  batches [1, inf)
GraMa                  tau [0, inf)  every [1, inf)  grace [0, inf)
InFeR                  beta [0, inf)  heads [1, inf)
PlasticityInjection    task [1, inf)  at [1, inf)  layers [0, inf)
ReDo                   tau [0, inf)
NoisyNet               sigma [0, inf)
GradientClipping       max_norm (0, inf)
TunedAdam              beta1 [0, 1)  beta2 [0, 1)  eps (0, inf)
WeightDecay            strength [0, inf)
Parseval               scale [0, inf)
SpectralPenalty        power [1, inf)  iterations [1, inf)
FullReset              layers [1, inf)  only [0, inf)
ShrinkAndPerturb       keep [0, inf)  noise [0, inf)
BBFReset               keep [0, inf)  noise [0, inf)  layers [1, inf)
CosineRestarts         every [1, inf)
ExponentialDecay       gamma [0, 1]
Rewarming              over [1, inf)
TaskDecay              over [1, inf)  wait [0, inf)
SelfNormalizedResets   percentile (0, 1]  every [1, inf)  longest [1, inf)
SoftReset              drift [0, 1]  choices [1, inf)  every [1, inf)  spread (0, 1]
TRAC                   scale (0, inf)
UPGD                   noise [0, inf)  beta_utility [0, 1)
SelectiveWeightReinit  share [0, 1]

dormant_units           tau [0, inf)
saturated_units         level [0, 1]
gradient_dormant_units  tau [0, inf)
srank                   delta [0, 1]
pca_rank                delta [0, 1]
feature_rank            epsilon [0, inf)
gradient_norm           order [0, 2]
gradient_sparsity       epsilon [0, inf)
gradient_cosine         examples [2, inf)
gradient_rank           examples [2, inf)
fisher_trace            examples [1, inf)
ntk_rank                examples [1, inf)
ntk_condition           examples [1, inf)
ggn_rank                examples [1, inf)
sharpness               examples [1, inf)  iterations [1, inf)
hessian_rank            examples [1, inf)
trainability_loss       steps [1, inf)  examples [1, inf)
"""

PACKAGES = (data, interventions, muon, nets, optim, streams)
TABLE = {"x": [[1.0], [2.0]] * 10, "y": ["a", "b"] * 10}
BESIDE = {  # other settings, without which a bound cannot be reached
    "Transformer.width": {"heads": 1},
    "Deficit.start": {"until": 20},
    "Deficit.tasks": {"until": 1},
    "EarlyOvertraining.tasks": {"until": 1},
    "TransientNonstationarity.tasks": {"until": 1},
}
LISTED = listed(BOUNDS)


def kinds():
    """Every spec that has a name in the package."""
    return sorted({k for p in PACKAGES for k in vars(p).values() if is_spec(k)}, key=str)


def is_spec(thing):
    return (
        isinstance(thing, type)
        and issubclass(thing, Spec)
        and thing not in (data.Data, streams.Stream, nets.Architecture, interventions.Intervention)
    )


def numeric():
    """Every numeric setting of every spec: its kind, its name, and whether it is a whole number."""
    for kind in kinds():
        for field in fields(kind):
            if field.init and field.type in (int, float, int | None, float | None):
                yield kind, field.name, field.type in (int, int | None)


def bounds(kind, setting):
    """What the table says of the class, or of the nearest of its bases."""
    for each in kind.__mro__:
        if setting in LISTED.get(each.__name__, {}):
            return LISTED[each.__name__][setting]
    raise AssertionError(f"write the bounds of {kind.__name__}.{setting} into {__file__}")


SETTINGS = [pytest.param(*each, id=f"{each[0].__name__}.{each[1]}") for each in numeric()]


@pytest.mark.parametrize(("kind", "setting", "whole"), SETTINGS)
def test_a_setting_may_be_what_its_interval_holds(kind, setting, whole):
    given = BESIDE.get(f"{kind.__name__}.{setting}", TABLE if kind is Arrays else {})
    taken, refused = ends(bounds(kind, setting), whole)
    for value in taken:
        assert getattr(kind(**given | {setting: value}), setting) == value
    for value in refused:
        with pytest.raises((TypeError, ValueError), match=rf"{kind.__name__}\.{setting} must be"):
            kind(**given | {setting: value})


TANH = trained(LABELS, {"a": Condition(net=MLP(4, activation="tanh"))}, (0, 1), 3)
ASKED = [
    pytest.param(getattr(probes, name), setting, id=f"{name}, {setting}")
    for name, own in LISTED.items()
    if hasattr(probes, name)
    for setting in own
]


@pytest.mark.parametrize(("probe", "setting"), ASKED)
def test_a_probe_may_be_asked_with_what_its_interval_holds(probe, setting):
    whole = setting in ("examples", "iterations", "steps", "order")
    taken, refused = ends(LISTED[probe.__name__][setting], whole)
    for value in taken:
        assert TANH.measure(probes.given(probe, **{setting: value}))["a"].shape == (2,)
    for value in refused:
        with pytest.raises((TypeError, ValueError), match=rf"{setting} must be .*; got "):
            probe(TANH.blocks["a"].state, **{setting: value})


def test_every_line_of_the_table_is_used():
    names = {base.__name__ for kind in kinds() for base in kind.__mro__} | set(vars(probes))
    assert set(LISTED) <= names
    settings = {(kind.__name__, setting) for kind, setting, _ in numeric()}
    assert ("Adam", "beta1") in settings
    assert len(settings) > 150


def test_an_interval_is_read_as_it_is_written():
    assert ends(("[", "1", "20", "]"), whole=True) == ([1, 20], [0, 21, 1.0])
    assert ends(("(", "0", "inf", ")"), whole=False) == ([STEP], [0.0])
    assert ends(("[", "0", "1", ")"), whole=False) == ([0.0, 1 - STEP], [-STEP, 1.0])
