"""Specs keep Python's own numbers: equal numbers of any type give equal specs with equal texts."""

import inspect
import pickle
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import pytest

from plastlab import theory
from plastlab.data import Gaussian
from plastlab.interventions import L2, BBFReset, ReDo
from plastlab.muon import Muon
from plastlab.nets import MLP
from plastlab.nets.convnets import ImpalaNet1d
from plastlab.optim import SGD, Adam, AdamW
from plastlab.panels.controls import Slider
from plastlab.spec import Spec
from plastlab.streams import RandomLabels


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        (Adam(np.float64(1e-3)), Adam(1e-3)),
        (AdamW(np.float32(0.5)), AdamW(0.5)),
        (SGD(0.1, momentum=0), SGD(0.1, momentum=0.0)),
        (Muon(momentum=Fraction(1, 2)), Muon(momentum=0.5)),
        (MLP(np.int64(8), gain=2), MLP(8, gain=2.0)),
        (MLP(layer_norm=np.True_, start=np.str_("he")), MLP(layer_norm=True)),
        (ImpalaNet1d((np.int64(2), 3)), ImpalaNet1d((2, 3))),
        (ReDo(1, every=np.int32(5)), ReDo(1.0, every=5)),
        (BBFReset(noise=np.float16(0.5)), BBFReset(noise=0.5)),
        (replace(L2(0.5), strength=np.float64(0.25)), L2(0.25)),
        (RandomLabels(tasks=np.int16(3), share=1), RandomLabels(tasks=3, share=1.0)),
        (Gaussian(np.int64(9), separation=2), Gaussian(9, separation=2.0)),
        (theory.Bowl(3, np.int64(4)), theory.Bowl(3.0, 4)),
    ],
)
def test_equal_numbers_give_equal_specs(given, plain):
    assert given == plain
    assert repr(given) == repr(plain)
    assert hash(given) == hash(plain)


def test_a_fields_own_kind_is_kept():
    assert type(Muon(momentum=0).momentum) is float
    assert type(MLP(np.int64(8)).width) is int
    assert (Slider(0, 10).value, type(Slider(0, 10).value)) == (5, int)
    assert not Slider(0, 10, step=0.5).whole
    assert MLP(gain=None).gain is None


def test_a_bool_stays_one_and_is_refused_as_a_number():
    with pytest.raises(TypeError, match="SGD.lr must be a finite number.*got True"):
        SGD(np.True_)


def test_a_number_that_no_float_can_hold_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match="BBFReset.noise must be a finite number"):
        BBFReset(noise=10**400)


@pytest.mark.parametrize("kind", [Adam, AdamW])
def test_torchs_name_of_a_setting_is_explained(kind):
    with pytest.raises(TypeError, match=f"{kind.__name__} has no setting 'betas'; write beta1=0.9"):
        kind(betas=(0.9, 0.99))
    with pytest.raises(TypeError, match="unexpected keyword argument 'beta'"):
        kind(beta=0.9)
    assert list(inspect.signature(kind).parameters)[:3] == ["lr", "beta1", "beta2"]
    assert pickle.loads(pickle.dumps(kind(beta1=0.5))) == kind(beta1=0.5)


def test_a_readers_own_spec_keeps_plain_numbers_without_a_word():
    @dataclass(frozen=True)
    class Own(Spec):
        strength: float = 1.0
        count: int | None = None

    assert repr(Own(np.float64(2), np.int64(3))).endswith("Own(strength=2.0, count=3)")
    assert repr(Own(2)).endswith("Own(strength=2.0, count=None)")
