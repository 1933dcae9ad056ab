"""Plots: what they draw, what they say in words, and that both can be read on light and dark."""

import base64
import io
import math
import re

import matplotlib
import matplotlib.pyplot
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb
from matplotlib.text import Text
from PIL import Image

from plastlab import plots
from plastlab.panels.controls import Choice, Slider
from plastlab.panels.predict import Guess
from plastlab.plots import style, words
from plastlab.plots.palette import COLORS, GREY
from plastlab.result import Result
from plastlab.stats import Interval

LIGHT, DARK = "#ffffff", "#111111"
SCORES = {"a": Interval(0.4, 0.3, 0.5, 8), "b": Interval(0.2, -0.1, 0.4, 8)}
MARKS = {0.0: "nothing", 1.0: "a fresh network"}


def result(conditions=("Adam", "SGD"), seeds=4, times=6, per_task=1, **values):
    """Adam falls from 1 by 0.1 a time, and each next condition starts 0.05 lower; seeds spread."""
    fall = 1 - 0.1 * np.arange(times) - 0.05 * np.arange(len(conditions))[:, None, None]
    fall = fall + 0.01 * np.arange(seeds)[:, None]
    return Result(
        conditions=tuple(conditions),
        seeds=tuple(range(seeds)),
        tasks=tuple(t // per_task + 1 for t in range(times)),
        steps=tuple(100 * (t + 1) for t in range(times)),
        values={"accuracy": fall, "dead units": 1 - fall, "loss": fall + 1} | values,
        diverged=np.zeros((len(conditions), seeds), bool),
    )


def luminance(color):
    """Relative luminance as WCAG 2.2 defines it."""
    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    return np.dot(parts, [0.2126, 0.7152, 0.0722])


def contrast(color, page):
    high, low = sorted([luminance(color), luminance(page)], reverse=True)
    return (high + 0.05) / (low + 0.05)


ALL = {
    "curves": lambda: plots.curves(result(), "accuracy"),
    "panels": lambda: plots.curves(result(), ["accuracy", "dead_units"]),
    "many": lambda: plots.curves(result(tuple("abcdefgh"), per_task=2), "loss"),
    "bars": lambda: plots.bars(result(), "accuracy", times=2, reference="SGD"),
    "histogram": lambda: plots.histogram({"task 1": np.arange(50), "task 2": [1, 1, 2]}, "weight"),
    "spectrum": lambda: plots.spectrum({"a": [3.0, 2.0, 1.0], "b": np.ones((4, 3))}),
    "forest": lambda: plots.forest(SCORES, "score", {"a": {"labels": 0.2, "inputs": 0.5}}, MARKS),
    "profiles": lambda: plots.profiles(np.arange(3), {"a": np.ones(3)}, "score", "share of runs"),
}


@pytest.fixture(params=ALL)
def plot(request):
    return ALL[request.param]()


def test_contrast_is_wcags():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("page", [LIGHT, DARK])
def test_colors_stand_out_on_light_and_dark(page):
    assert min(contrast(color, page) for color in COLORS.values()) >= 3
    assert contrast(GREY, page) >= 4.3


def test_every_opaque_pixel_stands_out_on_light_and_dark(plot):
    buffer = io.BytesIO()
    plot.figure.savefig(buffer, format="png", dpi=100, transparent=True)
    pixels = np.asarray(Image.open(buffer).convert("RGBA")).reshape(-1, 4)
    colors = np.unique(pixels[pixels[:, 3] == 255][:, :3], axis=0) / 255
    assert len(colors) > 0
    for page in (LIGHT, DARK):
        assert min(contrast(color, page) for color in colors) > 2.9


def test_text_is_grey(plot):
    texts = plot.figure.findobj(lambda artist: isinstance(artist, Text) and artist.get_text())
    assert {to_hex(text.get_color()) for text in texts} == {GREY}


def test_text_is_at_least_ten_points(plot):
    texts = plot.figure.findobj(lambda artist: isinstance(artist, Text) and artist.get_text())
    assert min(text.get_fontsize() for text in texts) >= 10


def test_nothing_is_drawn_outside_the_figure(plot):
    canvas = FigureCanvasAgg(plot.figure)
    canvas.draw()
    drawn = plot.figure.get_tightbbox(canvas.get_renderer())
    width, height = plot.figure.get_size_inches()
    assert drawn.x0 >= 0 and drawn.y0 >= 0
    assert drawn.x1 <= width and drawn.y1 <= height


def test_every_axis_is_named(plot):
    for axes in plot.figure.axes:
        assert axes.get_xlabel()
        assert axes.get_title(loc="left") or [t.get_text() for t in axes.get_yticklabels()]


def test_no_global_state_of_matplotlib_is_touched():
    before = dict(matplotlib.rcParams)
    for make in ALL.values():
        make().png()
    assert matplotlib.pyplot.get_fignums() == []
    assert dict(matplotlib.rcParams) == before


def test_png_is_transparent_and_of_notebook_width(plot):
    image = Image.open(io.BytesIO(plot.png())).convert("RGBA")
    assert image.getpixel((0, 0))[3] == 0
    assert image.width == 2 * 672
    assert len(plot.png()) < 100_000


def test_without_a_front_end_the_bundle_is_a_png_with_its_words(plot):
    data, metadata = plot._repr_mimebundle_()
    assert data["text/plain"] == plot.alt == repr(plot)
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    assert metadata == {"image/png": {"width": 672, "alt": plot.alt}}


def test_jupyterlab_gets_an_image_with_alternative_text(monkeypatch):
    monkeypatch.setattr("plastlab.plots.plot.headless", lambda: False)
    plot = plots.curves(result(("a < b", 'say "c"')), "accuracy")
    data, _ = plot._repr_mimebundle_()
    assert set(data) == {"text/html", "text/plain"}
    assert 'alt="Line chart' in data["text/html"]
    assert "a &lt; b" in data["text/html"] and "say &quot;c&quot;" in data["text/html"]


def test_save_writes_what_the_ending_says(tmp_path):
    plot = ALL["curves"]()
    plot.save(tmp_path / "figure.png")
    plot.save(str(tmp_path / "figure.svg"))
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "figure.svg").read_text()


def test_curves_draw_every_seed_thin_and_the_mean_thick():
    given = result()
    axes = plots.curves(given, "accuracy").figure.axes[0]
    inside = [line for line in axes.lines if len(line.get_xdata()) == 6]
    thin = [line for line in inside if line.get_linewidth() < 1]
    thick = [line for line in inside if line.get_linewidth() > 2]
    drawn = np.array([line.get_ydata() for line in thin])
    assert drawn == pytest.approx(given.values["accuracy"].reshape(8, 6))
    means = np.array([line.get_ydata() for line in thick])
    assert means == pytest.approx(given.values["accuracy"].mean(1))


def test_conditions_differ_in_line_style_as_well_as_color():
    looks = style.looks(5)
    assert len({look.color for look in looks}) == len({look.dash for look in looks}) == 5
    assert len({(look.color, look.dash) for look in style.looks(30)}) == 30


@pytest.mark.parametrize(
    ("given", "name", "first", "last"),
    [
        (result(), "task", 1, 6),
        (result(per_task=3), "updates (a vertical line: new task)", 100, 600),
        (result(per_task=6), "updates", 100, 600),
    ],
)
def test_the_clock_counts_tasks_or_updates(given, name, first, last):
    axes = plots.curves(given, "accuracy").figure.axes[0]
    assert axes.get_xlabel() == name
    assert axes.get_xlim() == (first, last)


def test_one_condition_can_be_named_alone():
    assert plots.curves(result(), "loss", "SGD").alt == plots.curves(result(), "loss", ["SGD"]).alt


def test_task_boundaries_lie_between_the_tasks():
    axes = plots.curves(result(times=6, per_task=2), "accuracy", ["Adam"]).figure.axes[0]
    upright = [line.get_xdata()[0] for line in axes.lines if len(line.get_xdata()) == 2]
    assert upright == [200, 400]


def test_one_probe_time_is_enough():
    plot = plots.curves(result(times=1), "accuracy")
    assert "at task" not in plot.alt and "at update 100" in plot.alt
    assert plot.png()


def test_panels_carry_the_units_of_their_probes():
    figure = plots.curves(result(), ["accuracy", "dead_units"]).figure
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "accuracy\nshare of examples right",
        "dead units\nshare of hidden units",
    ]
    low, high = figure.axes[0].get_ylim()
    assert -0.1 < low < 0 and 1 < high < 1.1


def test_curves_say_first_last_and_trend_in_words():
    # seeds 1.00 1.01 1.02 1.03: mean 1.015, standard error 0.00645, t 3.182, half width 0.0205
    alt = plots.curves(result(), "accuracy", ["SGD"]).alt
    assert alt == (
        "Line chart of accuracy (share of examples right), task 1 to task 6. 4 seeds, each a thin "
        "line; the mean is thick. SGD: mean 0.965 (95 % interval 0.944 to 0.986) at task 1, "
        "0.465 (95 % interval 0.444 to 0.486) at task 6; falls in 4 of 4 seeds."
    )


def test_the_numbers_of_the_description_come_from_the_data():
    numbers = re.findall(r"mean ([\d.]+)", plots.curves(result(("a", "b", "c")), "accuracy").alt)
    assert [float(number) for number in numbers] == pytest.approx([1.015, 0.965, 0.915])


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ([1, 1.1, 1.2], [0, 0.1, 0.2], "falls in 3 of 3 seeds"),
        ([0, 0.1, 0.2], [1, 1.1, 1.2], "rises in 3 of 3 seeds"),
        ([0, 1, 0], [1, 0, 0.1], "neither rise nor fall can be told from these seeds"),
        ([0], [1], "neither rise nor fall can be told from these seeds"),
        ([0, 0.1, 0.2, 0.3, 0], [1, 1.1, 1.2, 1.3, math.nan], "rises in 4 of 5 seeds"),
    ],
)
def test_a_trend_is_told_by_the_interval_of_the_change(first, last, said):
    assert words.trend(np.array(first, float), np.array(last, float)) == said


def test_a_seed_that_is_not_finite_is_named_in_figure_and_words():
    given = result()
    given.values["loss"][1, 2, 3:] = math.nan
    given.diverged[1, 2] = True
    plot = plots.curves(given, "loss")
    said = "1 of 4 seeds diverged, 1 of 4 seeds not finite at some time"
    assert said in plot.alt
    label = plot.figure.axes[0].texts[1].get_text()
    assert label.replace("\n", " ") == f"SGD {said}"
    assert plot.alt.count("diverged") == 1


def test_a_committed_guess_is_drawn_and_an_open_one_is_not():
    guess = Guess("How accurate at the end?", Slider(0, 1))

    def texts():
        axes = plots.curves(result(), "accuracy", guess=guess).figure.axes[0]
        return [text.get_text() for text in axes.texts]

    assert texts() == ["Adam", "SGD"]
    guess.commit(0.5, give_or_take=0.2)
    assert texts() == ["your guess", "Adam", "SGD"]


def test_a_plot_is_drawn_when_it_is_shown_so_that_a_guess_can_come_first():
    guess = Guess("How accurate at the end?", Slider(0, 1))
    plot = plots.curves(result(), "accuracy", guess=guess)
    guess.commit(0.5, give_or_take=0.2)
    assert plot.figure.axes[0].texts[0].get_text() == "your guess"


def test_a_choice_has_no_place_on_the_axis():
    guess = Guess("Which one loses more?", Choice(["Adam", "SGD"]))
    guess.commit("Adam")
    axes = plots.curves(result(), "accuracy", guess=guess).figure.axes[0]
    assert len(axes.texts) == 2


def test_bars_are_means_and_dots_are_seeds():
    given = result()
    axes = plots.bars(given, "accuracy", times=2).figure.axes[0]
    expected = given.values["accuracy"][:, :, -2:].mean(2)
    assert [bar.get_width() for bar in axes.patches] == pytest.approx(expected.mean(1))
    dots = [line.get_xdata() for line in axes.lines if line.get_marker() in "oD"]
    assert np.array(dots) == pytest.approx(expected)


def test_bars_describe_paired_differences_from_the_reference():
    alt = plots.bars(result(), "accuracy", reference="Adam").alt
    assert "SGD: mean 0.465 (95 % interval 0.444 to 0.486), less Adam -0.05 in every seed." in alt


def test_histograms_share_bins_and_axes():
    rng = np.random.default_rng(0)
    spread = {"narrow": rng.normal(size=1000), "wide": 5 * rng.normal(size=(10, 10))}
    figure = plots.histogram(spread, "weight", bins=20).figure
    narrow, wide = figure.axes
    assert narrow.get_xlim() == wide.get_xlim()
    for axes in figure.axes:
        assert len(axes.patches) == 20
        assert sum(bar.get_height() for bar in axes.patches) == pytest.approx(1)


def test_histograms_describe_middle_spread_and_zeros():
    values = [*[0.0] * 25, *range(1, 75), math.nan]
    alt = plots.histogram({"units": values}, "activation").alt
    assert "units: 99 numbers, median 25, nine in ten 0 to 69.1, 25.3 % exactly 0" in alt
    assert "1 not finite, left out" in alt


def test_spectra_are_sorted_and_averaged_on_the_logarithm():
    axes = plots.spectrum({"a": [[1.0, 100.0], [4.0, 25.0]]}).figure.axes[0]
    assert axes.get_yscale() == "log"
    assert axes.lines[-1].get_ydata() == pytest.approx([50, 2])


def test_spectra_describe_how_many_values_matter():
    alt = plots.spectrum({"a": [[100.0, 2.0, 0.5], [100.0, 0.9, 0.0]]}).alt
    assert (
        "largest 100 in every seed, how many exceed 1 % of the largest 2 (95 % interval -5 to 8)"
        in alt
    )


@pytest.mark.parametrize(
    ("first", "last", "ticks"),
    [
        (1, 1, [1]),
        (1, 2, [1, 2]),
        (1, 5, [1, 2, 3, 4, 5]),
        (1, 16, [1, 4, 8, 12, 16]),
        (1, 30, [1, 10, 20, 30]),
        (1, 100, [1, 20, 40, 60, 80, 100]),
    ],
)
def test_ticks_are_round_and_hold_both_ends(first, last, ticks):
    assert style.round_ticks(first, last) == ticks


def test_labels_are_moved_apart_and_stay_inside():
    placed = style.apart([0.9, 0.91, 0.92, 0.1], [0.1] * 4)
    assert np.diff(np.sort(placed)).min() >= 0.1 - 1e-9
    assert np.argsort(placed).tolist() == [3, 0, 1, 2]
    assert placed[3] == pytest.approx(0.1)
    assert placed.max() <= 1 + 1e-9


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: plots.curves(result(), "acuracy"),
            "probe must be one of .* Did you mean 'accuracy'",
        ),
        (lambda: plots.curves(result(), "loss", ["adam"]), "conditions must be one of Adam, SGD"),
        (lambda: plots.bars(result(), "rank"), "bars: probe must be one of"),
        (lambda: plots.bars(result(), "loss", times=7), "bars: times must be .* at most 6; got 7"),
        (lambda: plots.bars(result(), "loss", reference="ADAM"), "bars: reference must be one of"),
        (lambda: plots.curves(result(), []), "curves: probe must be at least one of accuracy"),
        (
            lambda: plots.bars(result(), "loss", conditions=[]),
            "at least one of Adam, SGD; got none",
        ),
        (
            lambda: plots.histogram({}, "weight"),
            "every entry must hold finite numbers; values is em",
        ),
        (lambda: plots.histogram({"a": [math.nan]}, "weight"), r"values\['a'\] has none"),
        (lambda: plots.spectrum({"a": [1.0, -1.0]}), "at least 0, shape .* smallest number of -1"),
        (lambda: plots.spectrum({"a": np.ones((2, 2, 2))}), r"got shape \[2, 2, 2\]"),
    ],
)
def test_what_cannot_be_drawn_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: plots.curves({"Adam": 1}, "accuracy"), "result must be a Result"),
        (lambda: plots.bars(result(), "loss", times="2"), "bars: times must be a whole number"),
        (lambda: plots.histogram([1, 2], "weight"), "values must be a Mapping"),
        (lambda: plots.histogram({"a": [1]}, 5), "label must be a str"),
    ],
)
def test_arguments_of_the_wrong_type(make, message):
    with pytest.raises(TypeError, match=message):
        make()


def test_a_forest_says_its_lines_and_marks():
    alt = ALL["forest"]().alt
    assert "2 lines with their 95 % intervals, and marks for nothing at 0 and a fresh" in alt
    assert alt.endswith("a: 0.40 (0.30 to 0.50). b: 0.20 (-0.10 to 0.40).")
    many = {f"m{i}": Interval(1 - i / 30, 0.9 - i / 30, 1.1 - i / 30, 8) for i in range(30)}
    told = plots.forest(many, "score").alt
    assert "m9: " in told and "m20: " in told
    assert "m10: " not in told and "m19: " not in told


def test_profiles_say_five_levels_in_words():
    alt = plots.profiles(np.arange(5), {"a": np.arange(5) / 4}, "score", "share").alt
    assert "Line chart of share against score; at 0, 1, 2, 3 and 4." in alt
    assert alt.endswith("a: 0.00, 0.25, 0.50, 0.75, 1.00.")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.forest({}, "score"), "forest: scores must hold at least one entry"),
        (lambda: plots.forest(SCORES, 3), "forest: label must be a str; got 3"),
        (lambda: plots.profiles([0], {}, "a", "b"), "profiles: shares must hold at least one"),
        (
            lambda: plots.profiles([0, 1], {"a": [1]}, "a", "b"),
            r"each of the 2 levels; got .*\[1\]",
        ),
    ],
)
def test_scores_that_cannot_be_drawn_are_refused(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()
