"""Controls and explorers: the logic, called without a browser."""

from base64 import b64decode
from io import BytesIO
from itertools import product

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from PIL import Image
from small import LABELS

from plastlab.condition import Condition
from plastlab.panels.controls import NUMBER, SLIDER, Choice, Knobs, Slider, Switch
from plastlab.panels.explore import explore
from plastlab.panels.live import live
from plastlab.panels.marks import Line
from plastlab.panels.picture import Picture
from plastlab.training import Training

WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.mark.parametrize(
    ("slider", "value", "step"),
    [
        (Slider(0, 100), 50, 1),
        (Slider(8, 1000, 128), 128, 10),
        (Slider(0.0, 1.0), 0.5, 0.01),
        (Slider(-1.0, 1.0), 0.0, 0.01),
        (Slider(0, 1, value=0.3, step=0.1), 0.3, 0.1),
        (Slider(15, 16, log=True), 16, None),
    ],
)
def test_a_slider_fills_in_what_was_left_open(slider, value, step):
    assert slider.value == pytest.approx(value)
    assert slider.step == pytest.approx(step) if step else slider.step is None


def test_a_logarithmic_slider_stops_at_round_numbers_and_at_those_it_was_given():
    slider = Slider(7e-3, 0.11, value=0.033, log=True)
    assert slider.stops() == [
        *(0.007, 0.008, 0.01, 0.012, 0.015, 0.02, 0.025),
        *(0.03, 0.033, 0.04, 0.05, 0.06, 0.08, 0.1, 0.11),
    ]
    assert slider.widget("lr").value == 0.033
    assert Slider(1e-4, 1e-2, log=True).value == 1e-3


@pytest.mark.parametrize(
    ("slider", "stops"),
    [
        (Slider(8, 30, log=True), [8, 10, 12, 15, 20, 25, 30]),
        (Slider(1, 12, 7, log=True), [1, 2, 3, 4, 5, 6, 7, 8, 10, 12]),
        (Slider(1, 4, 2.0, log=True), [1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0]),
        (Slider(1, 8, step=3), [1, 4, 7, 8]),
        (Slider(0.0, 1.0, step=0.25), [0.0, 0.25, 0.5, 0.75, 1.0]),
        (Slider(0, 1, 0.3, step=0.1), [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]),
        (Choice([1, "b"]), [1, "b"]),
        (Switch(), [False, True]),
    ],
)
def test_a_control_takes_each_of_its_stops_as_it_is(slider, stops):
    """Whole numbers where whole ones were given, at every stop, the first included."""
    widget = slider.widget("it")
    kinds = [type(widget.value)]
    for stop in slider.stops():
        widget.value = stop
        kinds.append(type(widget.value))
    assert slider.stops() == stops
    assert set(kinds) == {type(stop) for stop in stops}


def test_a_slider_is_read_with_the_digits_of_its_step():
    steps = {0.025: ".3f", 0.05: ".2f", 0.1: ".1f", 0.25: ".2f", 2.0: ".0f", 1 / 3: ".3f"}
    assert {s: Slider(0.0, 9.0, step=s).widget("it").readout_format for s in steps} == steps


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Slider(1, 0), "Slider.low must be below Slider.high; got 1, 0"),
        (lambda: Slider(0, 1, log=True), "Slider.low (with log) must be a finite number above 0"),
        (lambda: Slider(1, 9, log=True, step=1), "Slider.step must be left open with log; got 1"),
        (lambda: Slider(0, 1, value=2), "Slider.value must be a finite number at least 0 and at"),
        (
            lambda: Slider("0", 1),
            "Slider.low must be a finite number at least -1e+15 and at most 1e+15; got '0'",
        ),
        (lambda: Choice(["a"]), "Choice.options must hold at least 2; got ['a']"),
        (lambda: Choice(["relu", "tanh"], value="rel"), "Did you mean 'relu'?"),
        (lambda: Choice("ab"), "Choice.options must be a list or a tuple; got 'ab'"),
        (lambda: Switch(1), "Switch.value must be a bool; got 1"),
    ],
)
def test_a_wrong_control_says_what_is_wrong(wrong, message):
    with pytest.raises((ValueError, TypeError)) as caught:
        wrong()
    assert message in str(caught.value)


def growth(gain, layers, squared):
    if gain > 1.9:
        raise OverflowError("gain is too large to draw")
    depth = np.arange(layers + 1)
    return Picture([Line(depth, (gain**2 if squared else gain) ** depth)], x="layer", y="size")


KNOBS = {"gain": Slider(0.0, 2.0), "layers": Slider(2, 20), "squared": Switch()}


def drawn(panel):
    (chart,) = panel.chart.charts
    return np.frombuffer(chart["marks"][0]["y"], np.float32)


def test_each_knob_is_an_argument_of_the_picture():
    explorer = explore(growth, **KNOBS)
    assert drawn(explorer) == pytest.approx(np.ones(12))
    explorer.knobs.widgets["gain"].value = 1.5
    assert drawn(explorer) == pytest.approx(1.5 ** np.arange(12))
    explorer.knobs.widgets["layers"].value = 3
    explorer.knobs.widgets["squared"].value = True
    assert drawn(explorer) == pytest.approx(2.25 ** np.arange(4))


def test_an_error_is_shown_and_the_knobs_go_on_working():
    explorer = explore(growth, **KNOBS)
    explorer.knobs.widgets["gain"].value = 2.0
    assert explorer.chart.problem == "OverflowError: gain is too large to draw"
    assert drawn(explorer) == pytest.approx(np.ones(12))
    explorer.knobs.widgets["gain"].value = 0.5
    assert explorer.chart.problem == ""
    assert drawn(explorer) == pytest.approx(0.5 ** np.arange(12))


def test_every_corner_of_the_controls_is_a_value_that_they_can_take():
    explorer = explore(growth, **{**KNOBS, "gain": Slider(0.0, 1.5)})
    for corner in product(*(control.ends for control in explorer.knobs.controls.values())):
        for widget, value in zip(explorer.knobs.widgets.values(), corner, strict=True):
            widget.value = value
        assert tuple(explorer.knobs.values().values()) == corner
        assert explorer.chart.problem == ""


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: explore(3), "explore: picture must be a function; got 3"),
        (lambda: explore(growth, gain=(0, 1)), "Give Slider(...), Choice([...]) or Switch()"),
        (lambda: explore(lambda: 3), "Return a Picture or a Row"),
        (
            lambda: explore(growth, gain=Slider(0, 1)),
            "explore: picture must take gain; it says: missing",
        ),
    ],
)
def test_an_author_sees_errors_at_once(wrong, message):
    with pytest.raises(TypeError) as caught:
        wrong()
    assert message in str(caught.value)


def test_a_notebook_run_without_a_front_end_keeps_a_picture_and_its_words():
    notebook = nbformat.v4.new_notebook()
    source = """
from plastlab.panels.controls import Slider
from plastlab.panels.explore import explore
from plastlab.panels.marks import Line
from plastlab.panels.picture import Picture
explore(lambda slope: Picture([Line([0, 1], [0, slope], label="slope")]), slope=Slider(1, 9))
"""
    notebook.cells = [nbformat.v4.new_code_cell(source)]
    NotebookClient(notebook, kernel_name="python3").execute()
    (output,) = notebook.cells[0].outputs
    assert "slope: from 0 to 5, lowest 0, highest 5." in output.data["text/plain"]
    assert Image.open(BytesIO(b64decode(output.data["image/png"]))).width > 500
    assert WIDGET not in output.data


def test_the_long_text_behind_a_box_takes_no_room_from_the_sliders():
    """Else a slider beside it shrinks to its knob, and the text is cut off."""

    def drawn(**controls):
        return Knobs(controls).widgets

    short = drawn(size=Slider(0, 1), switch=Switch(label="on"))
    long = drawn(size=Slider(0, 1), switch=Switch(label="one size of weights at any width"))
    assert long["size"].style.description_width == short["size"].style.description_width
    assert long["switch"].layout.width == "auto"


def test_a_long_name_takes_nothing_from_what_it_names():
    """Else sliders, and the box of a live panel's seed, shrink to nothing."""

    def room(name):
        widget = panel.knobs.widgets[name] if name else panel.seed
        return float(widget.layout.width[:-2]) - float(widget.style.description_width[:-2])

    for label in ("lr", "the learning rate, times this"):
        panel = live(
            lambda seed, rate: Training(LABELS, {"it": Condition()}, (seed,)),
            lambda training: {"loss": 0.0},
            lambda history: Picture([Line(history.step, history["loss"])]),
            rate=Slider(0.1, 10.0, log=True, label=label),
        )
        assert room("rate") == SLIDER and room("") == NUMBER
