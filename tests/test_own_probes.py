"""Probes that a reader writes: what they may be, what they may give, and that they only look."""

import functools
import inspect
from dataclasses import replace

import numpy as np
import pytest
import torch
from small import LABELS, NETS

from plastlab import probes
from plastlab.condition import Condition
from plastlab.data import Digits, Gaussian, Mnist1d
from plastlab.interventions import ReDo
from plastlab.optim import SGD, Adam
from plastlab.probes import accuracy, dormant_units, given, loss, online, weight_norm
from plastlab.run import run
from plastlab.streams import RandomLabels, Stationary
from plastlab.training import Training

ONE = {"a": Condition(Adam(1e-2), NETS["MLP"])}
EXAMPLES = torch.arange(2.0)
CALM = lambda s: s.logits.mean((1, 2))  # noqa: E731


class Deviation:
    """A probe with a memory of its own settings."""

    def __call__(self, s):
        return s.logits.std((1, 2))


def scaled(s, factor=2.0):
    return factor * s.logits.mean((1, 2))


def measured(probe, seeds=2):
    training = Training(LABELS, ONE, seeds=seeds)
    training.advance(3)
    return training.measure(probe)["a"]


@pytest.mark.parametrize(
    ("form", "kind"),
    [
        (lambda v: v, "float32"),
        (lambda v: v.numpy(), "float32"),
        (lambda v: v.double(), "float64"),
        (lambda v: v.half().float().bfloat16(), "float32"),
        (lambda v: v.tolist(), "float64"),
        (lambda v: tuple(v.tolist()), "float64"),
        (lambda v: list(v), "float32"),
        (lambda v: list(v.numpy()), "float32"),
        (lambda v: v.clone().requires_grad_(), "float32"),
        (lambda v: [one.clone().requires_grad_() for one in v], "float32"),
        (lambda v: v.numpy()[::-1][::-1], "float32"),
        (lambda v: v.long(), "float64"),
        (lambda v: v.numpy().astype("uint8"), "float64"),
        (lambda v: v > 0, "float32"),
        (lambda v: (v > 0).tolist(), "float32"),
    ],
)
def test_numbers_are_taken_in_every_plain_form(form, kind):
    found = measured(lambda s: form(EXAMPLES))
    np.testing.assert_array_equal(found, [0.0, 1.0])
    assert found.dtype == kind
    ran = run(LABELS, ONE, 2, [online(lambda s: form(EXAMPLES))], use_cache=False)
    np.testing.assert_array_equal(ran("online <lambda>", "a")[:, 0], [0.0, 1.0])


def test_a_number_that_is_none_is_kept():
    assert np.isnan(measured(lambda s: [np.nan, 1.0])).tolist() == [True, False]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda s: None, r"one real number a replica \[2\], all .*; got None \(NoneType\).*Reduce"),
        (lambda s: 1.0, r"got 1.0 \(float\)"),
        (lambda s: s.logits.mean(), r"got shape \[\] \(torch.float32\)"),
        (lambda s: s.logits, r"got shape \[2, 3, 24\]"),
        (lambda s: s.logits.mean((1, 2), keepdim=True), r"got shape \[2, 1, 1\]"),
        (lambda s: [1.0, 2.0, 3.0], r"got \[1.0, 2.0, 3.0\] \(list\)"),
        (lambda s: [[1.0], [2.0, 3.0]], r"got \[\[1.0\], \[2.0, 3.0\]\] \(list\)"),
        (lambda s: ["a", "b"], r"got \['a', 'b'\]"),
        (lambda s: {"a": 1}, r"\(dict\)"),
        (lambda s: "ab", r"got 'ab' \(str\)"),
        (lambda s: torch.ones(2) * 1j, r"got shape \[2\] \(torch.complex64\)"),
        (lambda s: torch.ones(2, device="meta"), r"got shape \[2\]"),
        (lambda s: np.array([None, 1]), r"got shape \[2\] \(object\)"),
        (lambda s: (v for v in range(2)), "generator"),
    ],
)
def test_anything_else_is_refused(answer, message):
    with pytest.raises(ValueError, match="the probe '<lambda>' must give .*" + message):
        measured(answer)


@pytest.mark.parametrize(
    ("write", "what"),
    [
        (lambda s: s.weights.flat.mul_(0.9), "s.weights"),
        (lambda s: s.weights["2.weight"].zero_(), "s.weights"),
        (lambda s: s.previous.flat.zero_(), "s.previous"),
        (lambda s: s.gradients["0.bias"].add_(1.0), "s.gradients"),
        (lambda s: s.x.clamp_(0, 1), "s.x"),
        (lambda s: s.y.fill_(0), "s.y"),
        (lambda s: s.logits.softmax(1).sum() and s.logits.sub_(1.0), "s.logits"),
        (lambda s: s.hidden[1].neg_(), r"s.hidden\[1\]"),
        (lambda s: s.base_lr.mul_(0.5), "the optimizer's base_lr"),
        (lambda s: s.reset_optimizer(), "the optimizer's m, the optimizer's v"),
        (lambda s: s.reset_units(0, torch.ones(2, 8, dtype=torch.bool)), "s.weights"),
    ],
)
def test_a_probe_that_writes_is_found_out(write, what):
    def careless(s):
        write(s)
        return s.logits.mean((1, 2))

    with pytest.raises(ValueError, match=f"the probe 'careless' writes to .*{what}.*clone"):
        measured(careless)
    if what not in ("s.gradients", "s.previous"):
        with pytest.raises(ValueError, match="'online careless' writes to "):
            run(LABELS, ONE, 2, [online(careless)], use_cache=False)


@pytest.mark.parametrize("data", [Mnist1d(24), Digits(24), Gaussian(24, 8, 3)], ids=repr)
@pytest.mark.parametrize("seeds", [1, 2])
def test_what_a_refused_probe_wrote_is_in_no_later_run(data, seeds):
    """The data are drawn anew, and so is the pool that they are a part of."""

    def careless(s):
        s.x.zero_()
        s.y.zero_()
        return s.logits.mean((1, 2))

    def score(data):
        stream = Stationary(data, tasks=2, steps=3, batch=8)
        return run(stream, ONE, seeds, [accuracy, loss], use_cache=False)("loss", "a").tolist()

    other = replace(data, examples=20)  # of the same pool
    before = score(data), score(other)
    for stream in (Stationary, RandomLabels):  # shows what is held out, shows what is trained on
        with pytest.raises((ValueError, RuntimeError), match="writes to|written-to"):
            run(stream(data, 2, 3, 8), ONE, seeds, [careless], use_cache=False)
    assert (score(data), score(other)) == before


@pytest.mark.parametrize(
    ("draw", "name"),
    [
        (lambda s: torch.rand(2), "rand"),
        (lambda s: torch.randn_like(s.logits).sum((1, 2)), "randn_like"),
        (lambda s: s.logits[:, 0, torch.randperm(24)[0]], "randperm"),
        (lambda s: torch.empty(2).uniform_(), "uniform_"),
        (lambda s: torch.nn.functional.dropout(s.logits).sum((1, 2)), "bernoulli_"),
        (lambda s: torch.nn.Linear(2, 1).weight[0], "uniform_"),
    ],
)
def test_random_numbers_that_no_seed_decides_are_refused(draw, name):
    before = torch.get_rng_state()
    message = rf"'<lambda>' draws random numbers \({name}\) from torch's global .*plastlab.rng"
    with pytest.raises(ValueError, match=message):
        measured(draw)
    if name != "uniform_":
        assert torch.equal(torch.get_rng_state(), before)


def test_random_numbers_by_seed_are_taken():
    found = measured(lambda s: probes.trainability.normal((), s.seeds, "mine", s.step))
    torch.testing.assert_close(
        torch.from_numpy(found), probes.trainability.normal((), (0, 1), "mine", 3)
    )
    assert measured(lambda s: s.fresh().weights.flat.sum(1)).shape == (2,)


@pytest.mark.parametrize("probe", [loss, given(weight_norm, layer=0), probes.gradient_rank])
def test_a_probe_in_a_function_of_ones_own_gives_the_same(probe):
    np.testing.assert_array_equal(measured(lambda s: probe(s)), measured(probe))


@pytest.mark.parametrize(
    ("probe", "name"),
    [
        (functools.partial(dormant_units, tau=0.5), "dormant units, tau 0.5"),
        (functools.partial(scaled, factor=3), "scaled, factor 3"),
        (Deviation(), "Deviation"),
        (CALM, "<lambda>"),
        (given(scaled, factor=-0.5), "scaled, factor -0.5"),
        (online(Deviation()), "online Deviation"),
    ],
)
def test_every_callable_has_a_name(probe, name):
    result = run(LABELS, ONE, 2, [accuracy, probe], use_cache=False)
    assert result.probes == ("accuracy", name)
    if not isinstance(probe, online):
        last = Training(LABELS, ONE, seeds=2)
        last.advance(18)
        np.testing.assert_array_equal(result(name, "a")[:, -1], last.measure(probe)["a"])


def diverged(s):
    return s.logits.mean((1, 2))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            [CALM, lambda s: 0],
            "each named once; got .*Give '<lambda>' a name .*write def",
        ),
        ([diverged], "Give 'diverged' a name of its own"),
        (["accuracy"], "must be a function; got 'accuracy'.*Write accuracy, without quotes"),
        ([EXAMPLES], r"got tensor\(\[0., 1.\]\).*Write accuracy, not accuracy\(s\): run asks it"),
        ([ReDo], "run: probes must be a function; got the class ReDo"),
        ([ReDo()], r"An intervention belongs to a condition: Condition\(\) \+ ReDo\(\)"),
        ([online], r"got the class online. Write online\(accuracy\)"),
        ([None], "must be a function; got None"),
        ([lambda: 0], r"functions of the state alone.*<lambda> takes \(\). Give settings"),
        ([lambda s, tau: 0], r"functions of the state alone.*takes \(s, tau\)"),
    ],
)
def test_what_is_no_probe_is_refused_at_the_door(wrong, message):
    with pytest.raises((TypeError, ValueError), match=message):
        run(LABELS, ONE, 2, wrong, use_cache=False)


@pytest.mark.parametrize("wrong", ["accuracy", ReDo, ReDo(), EXAMPLES, 3.0])
def test_so_it_is_by_online_given_and_measure(wrong):
    for ask in (online, lambda p: given(p, tau=1), Training(LABELS, ONE, 2).measure):
        with pytest.raises(TypeError, match="probe must be a function"):
            ask(wrong)


def settings():
    """Every setting of every probe of the package."""
    for family in probes.FAMILIES.values():
        for probe in family:
            for setting in list(inspect.signature(probe).parameters.values())[1:]:
                yield pytest.param(probe, setting, id=f"{probe.__name__}, {setting.name}")


@pytest.mark.parametrize(("probe", "setting"), settings())
def test_nonsense_for_a_setting_is_refused_when_it_is_given(probe, setting):
    number = isinstance(setting.default, float)
    bad = [float("nan"), float("inf"), "nonsense", [1], {}, 1j]
    bad += [] if setting.name == "layer" else [-1]
    bad += [] if isinstance(setting.default, bool) else [True]
    bad += [] if number else [0.5]
    for value in bad:
        with pytest.raises((TypeError, ValueError), match=rf"{setting.name} must be .*got "):
            given(probe, **{setting.name: value})
    assert given(probe, **{setting.name: setting.default}).settings


def test_a_setting_of_ones_own_probe_is_checked_for_its_kind_alone():
    assert given(scaled, factor=-1).settings == (("factor", -1),)
    for value in (float("nan"), "two", True):
        with pytest.raises((TypeError, ValueError), match=r"given\(scaled, ...\): factor must be"):
            given(scaled, factor=value)


def test_the_optimizers_settings_are_the_only_value_that_is_no_word_or_number():
    assert given(probes.trainability_loss, optimizer=SGD(0.1), steps=2).settings
