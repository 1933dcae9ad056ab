"""What holds for every intervention, found by looking into the package, so that a new one needs no
new line here. The same checks must catch interventions that are broken on purpose."""

import inspect
from dataclasses import FrozenInstanceError, dataclass, fields, is_dataclass, replace
from functools import lru_cache

import numpy as np
import pytest
import torch
from small import LABELS, NETS, OPTIMIZERS, trained, weights

from plastlab import interventions
from plastlab.condition import Condition
from plastlab.interventions import Event, Intervention
from plastlab.nets import MLP
from plastlab.optim import Adam
from plastlab.probes import accuracy, loss

BASES = ("Intervention", "Event")
KINDS = [
    kind
    for kind in vars(interventions).values()
    if inspect.isclass(kind) and issubclass(kind, Intervention) and kind.__name__ not in BASES
]
EVERY_KIND = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
EVERY_NET = pytest.mark.parametrize("net", NETS.values(), ids=NETS)
EVERY_OPTIMIZER = pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
STREAM = replace(LABELS, tasks=2, steps=6)


def variants(kind):
    """As it comes, and acting in the middle of tasks where it can."""
    own, soon = kind(), dict(kind.eager)
    soon |= {"every": 4} if hasattr(own, "every") else {}
    return [own, replace(own, **soon)] if soon else [own]


def check_frozen(intervention):
    assert is_dataclass(intervention)
    assert intervention == type(intervention)()
    assert hash(intervention) == hash(type(intervention)())
    for field in fields(intervention):
        with pytest.raises(FrozenInstanceError):
            setattr(intervention, field.name, 1)
    assert " at 0x" not in repr(intervention)


@lru_cache(maxsize=64)
def once(condition):
    """A shard of seeds 0 and 1 that several checks look at, none of which trains it further."""
    return trained(STREAM, {"a": condition}, (0, 1))


def check_finite(condition):
    shard = once(condition)
    assert torch.isfinite(shard.network.weights.flat).all()
    for probe in (accuracy, loss):
        assert np.isfinite(shard.measure(probe)["a"]).all()


def check_repeatable(condition):
    first, second = once(condition), trained(STREAM, {"a": condition}, (0, 1))
    assert torch.equal(first.network.weights.flat, second.network.weights.flat)


def check_independent_of_company(condition):
    """Of other seeds, of the order of seeds, and of the condition itself under another name."""
    alone = trained(STREAM, {"a": condition}, (3,))
    company = trained(STREAM, {"twin": condition, "a": condition}, (1, 3, 0))
    swapped = trained(STREAM, {"a": condition, "twin": condition}, (3, 0, 1))
    for shard in (company, swapped):
        torch.testing.assert_close(
            weights(shard, "a", 3), weights(alone, "a", 3), rtol=0, atol=1e-5
        )


def check_keeps_to_itself(condition):
    """A neighbor in the same shard trains as if the intervention were not there."""
    plain = Condition(condition.optimizer, condition.spec)
    assert condition.spec == plain.spec
    alone = once(plain)
    beside = trained(STREAM, {"a": condition, "plain": plain, "b": condition}, (0, 1))
    for seed in (0, 1):
        torch.testing.assert_close(
            weights(beside, "plain", seed), weights(alone, "a", seed), rtol=0, atol=1e-5
        )


def check_leaves_padding_alone(condition):
    """Entries of a row that belong to no parameter stay 0: norms of whole rows count them."""
    weights = once(condition).network.weights
    padding = ~weights.mask(tuple(weights.layout.spans))
    assert not weights.flat.masked_select(padding).any()


CHECKS = [
    check_finite,
    check_repeatable,
    check_independent_of_company,
    check_keeps_to_itself,
    check_leaves_padding_alone,
]


def test_there_are_interventions_to_check():
    assert {"FullReset", "ReDo", "L2Init", "LayerNorm"} <= {kind.__name__ for kind in KINDS}


@EVERY_KIND
def test_it_is_a_frozen_value_with_defaults(kind):
    check_frozen(kind())


@pytest.mark.parametrize("check", CHECKS)  # first, so that checks of one training come together
@EVERY_KIND
@EVERY_NET
@EVERY_OPTIMIZER
def test_training_with_it(kind, net, optimizer, check):
    for intervention in variants(kind):
        check(Condition(optimizer, net) + intervention)


@EVERY_KIND
def test_switched_off_it_changes_nothing(kind):
    plain = Condition(Adam(1e-2), NETS["MLP, LayerNorm"])
    expected = once(plain).network.weights.flat
    if kind.off:
        found = trained(STREAM, {"a": plain + kind(**kind.off)}, (0, 1)).network.weights.flat
        assert torch.equal(found, expected)


@EVERY_KIND
def test_switched_on_it_changes_something(kind):
    """Else the checks above would hold for nothing. Large steps make units fall silent."""
    plain = Condition(Adam(0.1), MLP(width=12, depth=2))
    stream = replace(STREAM, steps=20)
    before = trained(stream, {"a": plain}, (0, 1)).network.weights.flat
    after = trained(stream, {"a": plain + variants(kind)[-1]}, (0, 1)).network.weights.flat
    assert before.shape != after.shape or not torch.equal(before, after)


@EVERY_KIND
def test_its_docstring_is_a_catalogue_entry(kind):
    summary, *rest = inspect.getdoc(kind).split("\n\n")
    assert summary[0].isupper()
    assert summary.rstrip().endswith(".")
    lines = [line for line in rest[-1].splitlines() if not line.startswith(" ")]
    starts = [line.partition(":")[0] for line in lines]
    assert starts == ["Source", "Differs", "Cost"]
    assert all(line.partition(": ")[2] for line in lines)


@EVERY_KIND
def test_settings_are_explained_where_they_are_not_words(kind):
    assert type(kind()).__module__.startswith("plastlab.interventions.")
    for field in fields(kind):
        assert field.type in (bool, int, float, int | None, float | None, str), field


@EVERY_KIND
def test_it_adds_to_a_condition_and_reads_as_a_legend(kind):
    condition = Condition() + kind() + kind()
    assert condition.interventions == (kind(), kind())
    assert kind.__name__ in repr(condition)


@dataclass(frozen=True)
class Coupled(Intervention):
    """Pulls replicas toward their mean: a replica would depend on its company."""

    def after_step(self, s, mem):
        s.weights.flat.lerp_(s.weights.flat.mean(0, keepdim=True), 0.1)


@dataclass(frozen=True)
class Unkeyed(Intervention):
    """Adds noise from the global generator."""

    def after_step(self, s, mem):
        s.weights.flat.add_(torch.randn(s.weights.flat.shape), alpha=1e-3)


@dataclass(frozen=True)
class Positional(Intervention):
    """Noise keyed by the position in the batch, not by the seed."""

    def after_step(self, s, mem):
        own = torch.Generator().manual_seed(s.step)
        s.weights.flat.add_(torch.randn(s.weights.flat.shape, generator=own), alpha=1e-3)


@dataclass(frozen=True)
class Leaking(Intervention):
    """Slows the whole shard down."""

    def after_backward(self, s, mem):
        s._memory.lr.mul_(0.9)


@dataclass(frozen=True)
class Spilling(Intervention):
    """Adds to whole rows."""

    def after_step(self, s, mem):
        s.weights.flat.add_(0.1)


@dataclass(frozen=True)
class Exploding(Intervention):
    """Divides by zero."""

    def after_step(self, s, mem):
        s.weights.flat.div_(0.0)


class Thawed(Intervention):
    """Not a dataclass of its own, and keeps a counter on itself."""

    def __init__(self):
        object.__setattr__(self, "calls", [])

    def __eq__(self, other):
        return self is other

    __hash__ = object.__hash__


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (Coupled(), check_independent_of_company),
        (Positional(), check_independent_of_company),
        (Unkeyed(), check_repeatable),
        (Leaking(), check_keeps_to_itself),
        (Exploding(), check_finite),
        (Spilling(), check_leaves_padding_alone),
    ],
)
def test_the_checks_catch_a_broken_intervention(broken, check):
    condition = Condition(Adam(1e-2), NETS["MLP"])
    check(condition)
    with pytest.raises(AssertionError):
        check(condition + broken)


def test_the_checks_catch_an_intervention_that_is_no_value():
    with pytest.raises(AssertionError):
        check_frozen(Thawed())


def test_the_base_class_changes_nothing_and_may_be_filled_in_bit_by_bit():
    class Unfinished(Intervention):
        def penalty(self, s, mem):
            return 0.0

        def after_step(self, s, mem):
            pass

    plain = Condition(Adam(1e-2), NETS["MLP"])
    expected = once(plain).network.weights.flat
    for noop in (Intervention(), Event(), Unfinished()):
        found = trained(STREAM, {"a": plain + noop}, (0, 1)).network.weights.flat
        assert torch.equal(found, expected)


def test_interventions_act_in_the_order_in_which_they_were_added():
    @dataclass(frozen=True)
    class Add(Intervention):
        def after_step(self, s, mem):
            s.weights.flat.add_(1.0)

    @dataclass(frozen=True)
    class Double(Intervention):
        def after_step(self, s, mem):
            s.weights.flat.mul_(2.0)

    still = Condition(Adam(lr=0.0), NETS["MLP"])
    start = trained(STREAM, {"a": still}, (0,), 1).network.weights.flat
    for order, expected in (
        ((Add(), Double()), 2 * (start + 1)),
        ((Double(), Add()), 2 * start + 1),
    ):
        shard = trained(STREAM, {"a": replace(still, interventions=order)}, (0,), 1)
        torch.testing.assert_close(shard.network.weights.flat, expected)
