"""Pictures as data: ticks, limits, colours, words, and the still that a printed page gets."""

import math
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from plastlab.panels.chart import pack
from plastlab.panels.marks import DASHES, SHAPES, Band, Bars, Dots, Line, Rule, Style
from plastlab.panels.picture import Picture, Row
from plastlab.plots.axis import Axis, ticks
from plastlab.plots.palette import COLORS


@pytest.mark.parametrize(
    ("low", "high", "log", "texts"),
    [
        (0, 1, False, "0 0.2 0.4 0.6 0.8 1.0"),
        (0, 16, False, "0 5 10 15"),
        (-1, 1, False, "−1.0 −0.5 0 0.5 1.0"),
        (0, 30000, False, "0 10,000 20,000 30,000"),
        (0.97, 0.99, False, "0.970 0.975 0.980 0.985 0.990"),
        (1e-3, 10, True, "0.001 0.01 0.1 1 10"),
        (1e-6, 1, True, "10⁻⁶ 10⁻⁵ 10⁻⁴ 0.001 0.01 0.1 1"),
        (1e-12, 1, True, "10⁻¹² 10⁻¹⁰ 10⁻⁸ 10⁻⁶ 10⁻⁴ 0.01 1"),
        (0.5, 20, True, "0.5 1 2 5 10 20"),
        (2, 9, True, "2 4 6 8"),
    ],
)
def test_ticks_are_round_and_lie_within(low, high, log, texts):
    found = ticks(low, high, log)
    assert " ".join(text for _, text in found) == texts
    slack = 1e-9 * (high - low)
    assert all(low - slack <= value <= high + slack for value, _ in found)


@pytest.mark.parametrize("log", [False, True])
def test_any_range_has_two_to_nine_ticks_that_read_differently(log):
    rng = np.random.default_rng(0)
    for low, span in 10 ** rng.uniform(-6, 6, (300, 2)):
        high = low * (1 + span)
        if high / low < 1.001:
            continue
        texts = [text for _, text in ticks(low, high, log)]
        assert 2 <= len(texts) <= 9, (low, high, texts)
        assert len(set(texts)) == len(texts), (low, high, texts)


@pytest.mark.parametrize(
    ("axis", "values", "ends"),
    [
        (Axis(), [2.0, 4.0], (1.8, 4.2)),
        (Axis(), [0.0, 1.0], (0.0, 1.1)),
        (Axis(low=0, high=1), [0.2, 5.0], (0.0, 1.0)),
        (Axis(log=True), [0.1, 1000.0, 0.0, -1.0], (10**-1.4, 10**3.4)),
        (Axis(), [3.0, math.nan, math.inf], (2.4, 3.6)),
        (Axis(), [], (0.0, 1.1)),
    ],
)
def test_limits_hold_the_data_and_what_starts_at_zero_stands_on_the_axis(axis, values, ends):
    assert axis.reach([np.array(values)], margin=0.1) == pytest.approx(ends)


def test_marks_with_one_label_share_colour_and_dash_and_one_line_of_the_legend():
    seeds = [Line([0, 1], [k, k], label="Adam", thin=True) for k in range(3)]
    mean = Line([0, 1], [1, 1], label="Adam")
    other = Line([0, 1], [2, 2], label="SGD")
    picture = Picture([*seeds, mean, other, Rule(y=0.1, label="chance")])
    styles = picture.styles()
    assert len(set(styles[:4])) == 1
    assert styles[4] == Style(list(COLORS.values())[1], DASHES["dashed"], SHAPES["diamond"])
    assert [entry["label"] for entry in pack(picture)["legend"]] == ["Adam", "SGD"]
    assert picture.legend() == [3, 4]
    assert Picture(seeds).legend() == [0]


def test_what_goes_to_the_page_is_what_was_given():
    x, y = np.linspace(0, 1, 50), np.random.default_rng(1).normal(size=50)
    packed = pack(Picture([Line(x, y, label="a"), Band(x, y - 1, y + 1), Rule(x=0.5)]))
    line, band, rule = packed["marks"]
    assert np.frombuffer(line["y"], np.float32) == pytest.approx(y, rel=1e-6)
    assert np.frombuffer(band["high"], np.float32) == pytest.approx(y + 1, rel=1e-6)
    assert (rule["x"], rule["y"]) == (0.5, None)
    assert packed["x"]["low"] == 0 and packed["x"]["high"] == 1
    assert packed["y"]["low"] < y.min() - 1 and packed["y"]["high"] > y.max() + 1


def test_bars_with_names_stand_at_whole_numbers_above_their_names():
    picture = Picture([Bars(["relu", "tanh"], [0.2, 0.9])], y="share right")
    assert picture.ticks("x") == [(0.0, "relu"), (1.0, "tanh")]
    assert picture.limits("x") == (-0.5, 1.5)
    assert picture.limits("y")[0] == 0


def test_words_say_what_the_chart_shows():
    marks = [Line([1, 2, 3], [0.9, 0.1, 0.3], label="Adam"), Rule(y=0.125, label="chance")]
    picture = Picture(marks, x="task", y=Axis("share right", 0, 1), title="Losing it")
    assert picture.words() == (
        "Losing it. Across: task, 1.0 to 3.0. Up: share right, 0 to 1.0. "
        "Adam: from 0.9 to 0.3, lowest 0.1, highest 0.9. chance: a line at 0.125."
    )
    assert Picture(marks, alt="Adam falls.").words() == "Adam falls."
    assert Row([picture, picture]).words() == f"{picture.words()} {picture.words()}"


def test_a_picture_does_not_change_with_the_arrays_it_was_made_from():
    y = np.zeros(3)
    line = Line([0, 1, 2], y)
    y += 1
    assert line.y.tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match="read-only"):
        line.y[0] = 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Line([1, 2], [1]), "Line: x and y must be equally long; x has 2, y has 1"),
        (lambda: Line([1], ["a"]), "Line.y must be numbers; got ['a']"),
        (lambda: Line([[1]], [1]), r"Line.x must be one row of numbers; got the shape [1, 1]"),
        (lambda: Dots([1], [1], color="red"), "Dots.color must be one of blue, orange"),
        (lambda: Line([1], [1], dash="dahsed"), "Did you mean 'dashed'?"),
        (lambda: Rule(), "Rule needs x or y, one of them; got x=None and y=None"),
        (lambda: Rule(x=1, y=1), "Rule needs x or y, one of them; got x=1 and y=1"),
        (lambda: Picture(Line([1], [1])), "Picture.marks must be a list or a tuple"),
        (lambda: Picture([1]), "Give Line, Dots, Bars, Band or Rule"),
        (lambda: Picture([], x=3), "Picture.x must be a str or an Axis"),
        (lambda: Row([]), "Row.pictures must hold at least one Picture"),
        (lambda: Axis(low=2, high=1), "Axis.low must be below Axis.high; got low 2 and high 1"),
        (lambda: Axis(low=0, log=True), "Axis.low must be above 0 on a logarithmic axis; got 0"),
    ],
)
def test_a_wrong_picture_says_what_is_wrong(wrong, message):
    with pytest.raises((ValueError, TypeError)) as caught:
        wrong()
    assert message in str(caught.value)


def test_the_still_has_every_kind_of_mark_in_its_colour_on_a_transparent_page():
    x = [0, 1, 2]
    marks = [
        Line(x, [1, 2, 3], label="line"),
        Dots(x, [3, 2, 1], label="dots"),
        Bars(x, [1, 1, 1], label="bars"),
        Band(x, [4, 4, 4], [5, 5, 5], label="band"),
        Rule(y=3.5, color="violet"),
    ]
    plot = Picture(marks).still()
    pixels = np.array(Image.open(BytesIO(plot.png())).convert("RGBA")).reshape(-1, 4).astype(int)
    solid = pixels[pixels[:, 3] > 200][:, :3]
    assert (pixels[:, 3] == 0).mean() > 0.3
    for name in ("blue", "orange", "green", "violet"):
        color = [int(COLORS[name][k : k + 2], 16) for k in (1, 3, 5)]
        assert np.abs(solid - color).max(axis=1).min() < 12, name
    assert plot.alt.startswith("Across: no label")


def test_dots_of_five_labels_differ_in_shape_and_cover_about_one_area():
    def area(corners):
        around = zip(corners, corners[1:] + corners[:1], strict=True)
        return abs(sum(a * d - b * c for (a, b), (c, d) in around)) / 2

    marks = [Dots([k], [k], label=str(k)) for k in range(5)]
    shapes = [mark["shape"] for mark in pack(Picture(marks))["marks"]]
    assert shapes == list(SHAPES.values()) and len(set(shapes)) == 5
    for corners in shapes[1:]:
        assert area(corners) == pytest.approx(math.pi, rel=0.1)
