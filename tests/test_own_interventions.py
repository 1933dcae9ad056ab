"""Interventions that a reader writes: what is wrong with them is said, by name, with the remedy."""

from dataclasses import dataclass

import pytest
import torch
from small import LABELS, NETS, trained

from plastlab.condition import Condition
from plastlab.interventions import Intervention, L2Init
from plastlab.interventions.base import Act
from plastlab.optim import Adam
from plastlab.probes import accuracy
from plastlab.training import Training

PLAIN = Condition(Adam(1e-2), NETS["MLP"])
FIRST = "0.weight"


def own(**methods):
    """An intervention of a class Mine with these methods."""
    return dataclass(frozen=True)(type("Mine", (Intervention,), methods))()


def doing(moment, act):
    """An intervention that does this at a moment."""
    return own(**{moment: lambda self, s, mem: act(s)})


def done(*_):
    return None


@pytest.mark.parametrize(
    ("moment", "act", "message"),
    [
        ("after_step", lambda s: s.weights.flat.mul(0.9), r"must return nothing; got a tensor \[2"),
        ("after_step", lambda s: 3, r"'mine': Mine.after_step must return nothing; got 3 \(int\)"),
        ("at_start", lambda s: s.weights, "Mine.at_start must return nothing; .*made in place"),
        ("at_task", lambda s: True, "Mine.at_task must return nothing; got True"),
        ("at_start", lambda s: s.x and None, "no batch has been seen yet: .*not at_start"),
        (
            "answers_with",
            lambda s: s.weights.flat,
            r"Mine.answers_with must return Rows .*\[2",
        ),
        ("answers_with", lambda s: s.weights.select(slice(1)), "must return Rows like s.weights"),
        ("answers_with", lambda s: 0.0, "must return Rows like s.weights, or None; got 0.0"),
        (
            "penalty",
            lambda s: None,
            r"Mine.penalty must return one number a .*got None",
        ),
        ("penalty", lambda s: 0.5, r"that depends on s.weights, .*or 0; got 0.5"),
        (
            "penalty",
            lambda s: s.weights[FIRST].square().sum((1,)),
            r"\[2\].*got a tensor \[2, 12\]",
        ),
        ("penalty", lambda s: s.weights[FIRST].square().mean(), r"\[2\] .*got a tensor \[\]"),
        ("penalty", lambda s: s.weights[FIRST].detach().flatten(1).sum(1), "use no detach, item"),
        ("penalty", lambda s: torch.ones(2, dtype=torch.int64), "must return one number a replica"),
        (
            "after_step",
            lambda s: setattr(s, "weights", s.weights.clone()),
            "State.weights is",
        ),
        (
            "after_step",
            lambda s: setattr(s, "gradients", 0),
            r"s.gradients\[name\].copy_\(",
        ),
        ("after_step", lambda s: setattr(s, "buffers", 0), "State.buffers is changed in place"),
        ("after_step", lambda s: setattr(s, "network", s.fresh()), "network.weights.flat.copy_"),
        (
            "after_step",
            lambda s: setattr(s, "lr", 0.1),
            r"s.lr.copy_\(values\) or s.lr.mul_",
        ),
        ("after_step", lambda s: setattr(s, "base_lr", 1), "State.base_lr is changed in place"),
        ("after_step", lambda s: setattr(s, "shares", 1), "State.shares is changed in place"),
        (
            "after_step",
            lambda s: setattr(s.weights, "flat", 0 * s.weights.flat),
            "'mine': Mine.after_step moved s.weights.flat to other.*in place.*not by .flat =",
        ),
        (
            "after_step",
            lambda s: setattr(s.weights[FIRST], "data", torch.zeros(2, 8, 12)),
            r"moved s.weights\['0.weight'\] to other memory, .*not by .flat =, .data =, resize_",
        ),
        ("at_task", lambda s: done(s.weights[FIRST].resize_(1)), "at_task moved s.w"),
        (
            "after_backward",
            lambda s: done(s.gradients.flat.resize_(1)),
            "moved s.gradients",
        ),
        (
            "after_step",
            lambda s: done(s.weights.views.pop(FIRST)),
            r"moved s.weights\['0.weight'\]",
        ),
        ("after_backward", lambda s: done(s.lr.fill_(-1)), "set s.lr to -1.0"),
        ("after_backward", lambda s: done(s.lr.fill_(torch.nan)), "set s.lr to nan; .*finite"),
        (
            "after_step",
            lambda s: done(s.base_lr.mul_(-1)),
            "base_lr to -0.01; .*mul_",
        ),
        (
            "at_start",
            lambda s: done(s.base_lr.fill_(torch.inf)),
            "set s.base_lr to inf",
        ),
        (
            "after_step",
            lambda s: s.weights.__setitem__(FIRST, torch.zeros(2, 8, 12)),
            r"write rows\['0.weight'\].copy_\(values\) or rows\['0.weight'\]\[:\] = values",
        ),
        ("after_step", lambda s: s.wights, "State has no 'wights'. Did you mean 'weights'"),
        ("after_step", lambda s: s.connection, "Did you mean 'weights.layout.connections'"),
        ("after_step", lambda s: s.weights.connection, "Did you mean 'layout.connections'"),
        ("after_step", lambda s: s.weights.layout.connection, "Layout has no .*'connections'"),
        ("after_step", lambda s: s.zzz, "State has no 'zzz'. It has base_lr, buffers, "),
    ],
)
def test_what_a_moment_must_not_do_is_said(moment, act, message):
    with pytest.raises((TypeError, ValueError, AttributeError), match=message):
        running = Training(LABELS, {"mine": PLAIN + doing(moment, act)}, seeds=2)
        running.advance(7)
        running.measure(accuracy)


def advanced(condition, updates=7):
    return trained(LABELS, {"a": condition}, (0, 1), updates).network.weights.flat


def test_operators_that_work_in_place_are_taken():
    def halve(s):
        s.lr *= 0.5
        s.weights[FIRST] *= 0.9
        s.weights.flat *= 0.9

    def longhand(s):
        s.lr.mul_(0.5)
        s.weights[FIRST].mul_(0.9)
        s.weights.flat.mul_(0.9)

    found = advanced(PLAIN + doing("after_backward", halve))
    assert torch.equal(found, advanced(PLAIN + doing("after_backward", longhand)))
    assert not torch.equal(found, advanced(PLAIN))


def test_weights_are_gone_through_by_name():
    seen = []
    advanced(PLAIN + doing("after_step", lambda s: seen.extend(s.weights)), 1)
    assert seen == [f"{i}.{kind}" for i in (0, 2, 4) for kind in ("weight", "bias")]


@pytest.mark.parametrize("price", [lambda s: 0, lambda s: 0.0, lambda s: torch.zeros(2)])
def test_a_penalty_of_nothing_changes_nothing(price):
    assert torch.equal(advanced(PLAIN + doing("penalty", price)), advanced(PLAIN))


def test_a_penalty_that_fails_leaves_the_state_as_it_was():
    shard = trained(LABELS, {"a": PLAIN + doing("penalty", lambda s: 1 / (s.step - 3))}, (0,), 0)
    state, network = shard.blocks["a"].state, shard.blocks["a"].state.network
    with pytest.raises((TypeError, ZeroDivisionError)):
        shard.advance(6)
    assert state.network is network
    assert state.weights is network.weights


def test_the_rates_of_other_conditions_are_theirs():
    """A neighbor that writes to its rates is not taken for this one, nor the other way round."""
    slower = doing("after_backward", lambda s: done(s.lr.mul_(0.5)))
    quiet = doing("after_backward", lambda s: None)
    trained(LABELS, {"a": PLAIN + slower, "b": PLAIN + quiet}, (0, 1), 7)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: own(after_step=lambda self, s: None),
            r"Mine.after_step must .*\(self, s, mem\)",
        ),
        (
            lambda: own(network=lambda self: None),
            r"network must be .* takes \(self, spec",
        ),
        (lambda: own(optimizer=lambda self: None), r"takes \(self, settings\); it \(self\)"),
        (lambda: own(penalty=0.1), "Mine.penalty must be a method .*it is 0.1.*other names"),
        (lambda: own(after_backwards=nothing_of), "after_backwards would .*mean 'after_backward'"),
        (lambda: own(on_task=nothing_of), "Mine.on_task would never be called.*mean 'at_task'"),
        (lambda: own(penalties=nothing_of), "Did you mean 'penalty'"),
        (lambda: own(before_step=nothing_of), "the moments are at_start, at_task, penalty"),
        (lambda: own(networks=nothing_of), "Did you mean 'network'.*begins with an underscore"),
        (lambda: Bare(), "Bare declares the setting 'strength' but is no dataclass"),
        (lambda: Loose(3), "Loose keeps 'rate' on itself, and two of it would look equal"),
        (lambda: Listing([1]), r"Listing.layers must be a value that .*got \[1\]. Give a tuple"),
    ],
)
def test_an_intervention_that_cannot_work_is_refused_at_the_door(make, message):
    with pytest.raises(TypeError, match=message):
        PLAIN + make()


def test_helpers_and_other_moments_are_let_in():
    kind = own(_helper=nothing_of, dose=nothing_of, at_task=lambda self, s, mem, twice=1: None)
    assert (PLAIN + kind).interventions == (kind,)
    assert (PLAIN + Listing((1,))).interventions == (Listing((1,)),)


def nothing_of(self, s, mem):
    return None


class Bare(Intervention):
    strength: float = 0.1


class Loose(Intervention):
    def __init__(self, rate):
        object.__setattr__(self, "rate", rate)


@dataclass(frozen=True)
class Listing(Intervention):
    layers: list


@pytest.mark.parametrize("moment", ["network", "optimizer"])
def test_a_decision_is_returned(moment):
    with pytest.raises(TypeError, match=rf"Mine.{moment}'s result must be .*got None.*Return what"):
        PLAIN + own(**{moment: lambda self, given: None})


def test_what_is_remembered_on_the_intervention_is_sent_to_mem():
    @dataclass(frozen=True)
    class Counting(Intervention):
        count: int = 0

        def after_step(self, s, mem):
            self.count += 1

    with pytest.raises(TypeError, match="Counting.after_step: cannot assign.*belongs into mem"):
        advanced(PLAIN + Counting())


def test_an_act_says_nothing():
    @dataclass(frozen=True)
    class Sum(Act):
        def act(self, s):
            return s.weights.flat.sum()

    training = Training(LABELS, {"a": PLAIN}, seeds=2)
    with pytest.raises(TypeError, match=r"'a': Sum.act must return nothing; got a tensor \[\]"):
        training.apply(Sum())


def test_only_what_a_reader_wrote_is_watched():
    """The package's own interventions are held to the same by tests, and cost nothing."""
    for condition, watched in ((PLAIN + L2Init(), False), (PLAIN + own(), True)):
        block = trained(LABELS, {"a": condition}, (0,), 1).blocks["a"]
        assert (block._watch is not None) == watched
