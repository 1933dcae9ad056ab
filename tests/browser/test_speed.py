"""How fast the page answers: from key press to pixels, and frames a second while training.

The limits are twice what an idle machine has to reach (80 ms, 20 frames); `-s` shows the medians.
"""

import statistics

import pytest
from lab import Notebook, button, frames_a_second, key_to_pixels, press

CLOSED_FORM = """
import numpy as np
from plastlab import *

def variance(gain, depth):
    layers = np.arange(depth + 1)
    sizes = (gain**2) ** layers
    return Picture([Line(layers, sizes, label="variance")], x="layer", y=Axis("variance", log=True))

explore(variance, gain=Slider(0.5, 1.5, value=0.8), depth=Slider(5, 200))
"""
TRAINING = """
from plastlab import *

stream = RandomLabels(data=Mnist1d(examples=128), tasks=1000, steps=100, batch=32)

def start(seed, lr):
    adam = Condition(Adam(lr=lr), net=MLP(width=32, depth=2))
    return Training(stream, {"Adam": adam}, seeds=(seed,))

def record(training):
    return {probe.__name__: training.measure(probe)["Adam"][0] for probe in (accuracy, dead_units)}

def picture(history):
    names = ("accuracy", "dead_units")
    return Picture([Line(history.step, history[name], label=name) for name in names])

live(start, record, picture, speed=10_000, while_running={"lr": lambda t, lr: t.set_lr(lr)},
     lr=Slider(1e-4, 1e-1, value=1e-2, log=True))
"""


@pytest.fixture(scope="module")
def pair(browser, browser_context_args, server):
    """An explorer and a live training on one page."""
    page = browser.new_context(**browser_context_args).new_page()
    notebook = Notebook(page, server)
    notebook.write([CLOSED_FORM, TRAINING])
    notebook.run_all()
    yield notebook.explorers()[0], notebook.players()[0]
    notebook.stop_kernels()
    page.context.close()


def test_a_turned_knob_is_seen_soon(pair):
    explorer, _ = pair
    delays = turn(explorer, times=30)[3:]
    drawing = float(explorer.locator(".plastlab-chart").get_attribute("data-milliseconds"))
    print(f"\nkey press to pixels: {summary(delays)}; the drawing itself {drawing:.1f} ms")
    assert statistics.median(delays) <= 160
    assert drawing <= 10


def test_training_is_drawn_often_and_leaves_the_page_responsive(pair):
    explorer, player = pair
    player.page.set_viewport_size({"width": 1300, "height": 1600})
    press(button(player, "Play"), "Enter")
    player.page.wait_for_timeout(1000)
    rate = frames_a_second(player.locator(".plastlab-chart"), seconds=6)
    delays = turn(explorer, times=12)
    updates = player.locator(".plastlab-status").inner_text()
    print(f"\nlive: {rate:.1f} frames a second ({updates}); meanwhile, from key press to pixels of")
    print(f"the other chart: {summary(delays)}")
    assert rate >= 10
    assert statistics.median(delays) <= 240


def turn(panel, times):
    handle, chart = panel.locator(".noUi-handle").first, panel.locator(".plastlab-chart")
    return key_to_pixels(handle, "ArrowRight", chart, times)


def summary(delays):
    last = sorted(delays)[int(0.9 * len(delays))]
    return f"median {statistics.median(delays):.0f} ms, 90 % within {last:.0f} ms"
