"""A condition: what its interventions decide together, and what they may not."""

from dataclasses import dataclass, replace

import pytest
from small import LABELS, trained

from plastlab.condition import Condition
from plastlab.interventions import Event, Intervention
from plastlab.nets import MLP
from plastlab.optim import Adam

SEEDS = (5, 2)


@dataclass(frozen=True)
class Wide(Intervention):
    """Decides the width."""

    width: int = 9

    def network(self, spec):
        return replace(spec, width=self.width)


@dataclass(frozen=True)
class Fast(Intervention):
    """Decides the learning rate."""

    lr: float = 0.5

    def optimizer(self, settings):
        return replace(settings, lr=self.lr)


def test_an_intervention_may_change_the_network_and_the_optimizer():
    condition = Condition(Adam(0.01), MLP(width=4)) + Wide() + Fast()
    assert condition.spec == MLP(width=9)
    assert condition.settings == Adam(0.5)
    shard = trained(LABELS, {"a": condition}, SEEDS, 1)
    assert shard.memory.lr.tolist() == [0.5, 0.5]
    assert shard.network.weights["0.weight"].shape == (2, 9, 12)


@pytest.mark.parametrize(("first", "second"), [(Wide(9), Wide(7)), (Fast(0.1), Fast(0.2))])
def test_interventions_that_undo_one_another_are_refused(first, second):
    condition = Condition(Adam(), MLP()) + first
    assert (condition + first).interventions == (first, first)
    with pytest.raises(ValueError, match=r"cannot go together: both decide the same part"):
        condition + second


def test_the_two_that_cannot_go_together_are_named():
    condition = Condition(Adam(), MLP()) + Fast() + Wide(9) + Fast()
    message = r"^Wide\(width=9\) and Wide\(width=7\) cannot go together"
    with pytest.raises(ValueError, match=message):
        condition + Wide(7)


def test_an_event_has_no_family_by_itself_and_nothing_to_tune():
    assert Event().family == ""
    assert Event.tuned == ()
    assert Event.off == {}
