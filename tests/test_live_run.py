"""live_run: the charts are of the probes of a real training; buttons act on the one condition."""

import numpy as np
import pytest
from small import LABELS

from plastlab.condition import Condition
from plastlab.interventions import FullReset, L2Init
from plastlab.nets import MLP
from plastlab.optim import Adam
from plastlab.panels.live_run import live_run
from plastlab.panels.picture import Picture
from plastlab.probes import accuracy, loss
from plastlab.results import course
from plastlab.run import run

ADAM = Condition(Adam(1e-2), MLP(width=8))
BOTH = {"left alone": ADAM, "treated": ADAM}
TOTAL = LABELS.tasks * LABELS.steps


def test_what_is_drawn_is_what_a_run_measures():
    picture = live_run(LABELS, BOTH).script.rehearse({}, TOTAL)
    expected = course(run(LABELS, BOTH, seeds=1), "accuracy", "treated").values[:, 0]
    line = picture.marks[1]
    drawn = dict(zip(line.x, line.y, strict=True))
    ends = np.arange(1, LABELS.tasks + 1) * LABELS.steps
    np.testing.assert_allclose([drawn[end] for end in ends if end in drawn], expected, atol=1e-4)
    assert line.label == "treated" and picture.y.label == "accuracy (%)"
    assert (picture.y.low, picture.y.high, picture.x.high) == (0, 100, TOTAL)


def test_a_chart_for_each_probe():
    row = live_run(LABELS, BOTH, [accuracy, loss]).script.rehearse({}, 2)
    assert [chart.y.label for chart in row.pictures] == [
        "accuracy (%)",
        "loss (mean over examples)",
    ]
    assert isinstance(live_run(LABELS, BOTH, [loss]).script.rehearse({}, 2), Picture)


def test_a_button_acts_on_its_condition_alone():
    panel = live_run(LABELS, BOTH, [loss], buttons={"new weights": FullReset()}, on="treated")
    session = panel.script.session(0, {})
    session.tick(LABELS.steps)
    before = {name: session.history[f"loss of {name}"][-1] for name in BOTH}
    session.act(panel.script.buttons["new weights"])
    after = {name: session.history[f"loss of {name}"][-1] for name in BOTH}
    assert after["left alone"] == before["left alone"]
    assert after["treated"] != before["treated"]


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"probes": []}, ValueError, "live_run: probes must be at least one"),
        ({"probes": accuracy}, TypeError, "probes=\\[loss\\]"),
        ({"on": "nobody"}, ValueError, "live_run: on must be one of left alone, treated"),
        ({"buttons": {"pull": L2Init()}}, TypeError, "live_run: buttons.*FullReset"),
        ({"buttons": {"new": FullReset}}, TypeError, "live_run: buttons"),
    ],
)
def test_other_arguments_are_refused(given, error, message):
    with pytest.raises(error, match=message):
        live_run(LABELS, BOTH, **given)
