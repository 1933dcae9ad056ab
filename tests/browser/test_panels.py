"""What must hold for any explorer and any prediction, on notebooks made here."""

from lab import button, draws, press, wait_for_draw
from playwright.sync_api import expect

SLOW = """
import time
from plastlab import *

calls = []

def picture(size):
    time.sleep(0.25)
    calls.append(size)
    return Picture([Line([0, 1], [0, size])], title=f"size {size}")

explore(picture, size=Slider(0, 100))
"""
FAILING = """
from plastlab import *

def picture(size, shape):
    if size > 50:
        raise ValueError(f"{size} is too large")
    return Picture([Line([0, 1], [0, size], label=shape)], title=f"{shape} {size}")

explore(picture, size=Slider(0, 100), shape=Choice(["round", "square"]))
"""
PLAYER = """
from plastlab import *

stream = RandomLabels(data=Gaussian(examples=24, inputs=12, classes=3), tasks=500, steps=100)
players = globals().get("players", [])

def start(seed):
    return Training(stream, {"Adam": Condition(Adam(lr=0.01), net=MLP(8))}, seeds=(seed,))

def record(training):
    return training.measure(accuracy)

def picture(history):
    return Picture([Line(history.step, history["Adam"][:, 0])], x="updates")

players.append(live(start, record, picture))
players[-1]
"""
PREDICTION = """
from plastlab import *
from IPython.display import Markdown

guess = predict("How many?", low=0, high=100)
which = predict("Which one?", choices=["this", "that"])
guess.reveal(Markdown("the **figure**"), Picture([Line([0, 1], [0, 1])]), truth=7)
which.reveal(Markdown("the *other*"), truth="that")
calibration([guess, which])
"""


def test_of_moves_that_come_faster_than_the_picture_only_the_newest_is_drawn(notebook):
    notebook.write([SLOW, "print(len(calls))"])
    notebook.run_all()
    page, (panel,) = notebook.page, notebook.explorers()
    press(panel.locator(".noUi-handle"), *["ArrowRight"] * 30)
    expect(panel.locator(".plastlab-title")).to_have_text("size 80")
    page.wait_for_timeout(600)
    assert draws(panel.locator(".plastlab-chart")) < 20
    assert panel.locator(".plastlab-status").inner_text() == ""


def test_an_error_in_a_picture_is_shown_and_the_next_move_takes_it_away(notebook):
    notebook.write([FAILING])
    notebook.run_all()
    page, (panel,) = notebook.page, notebook.explorers()
    problem, title = panel.locator(".plastlab-problem"), panel.locator(".plastlab-title")
    press(panel.locator(".noUi-handle"), "ArrowRight")
    expect(problem).to_have_text("ValueError: 51 is too large")
    expect(title).to_have_text("round 50")
    page.keyboard.press("ArrowLeft")
    expect(problem).to_have_text("")
    press(button(panel, "square"), "Space")
    expect(title).to_have_text("square 50")


def test_a_cell_that_is_run_again_stops_the_training_that_it_showed(notebook):
    notebook.write([PLAYER, "print([player.playing for player in players])"])
    notebook.run_all()
    page, (panel,) = notebook.page, notebook.players()
    press(button(panel, "Play"), "Enter")
    expect(panel.locator(".plastlab-status")).to_contain_text("training")
    notebook.run_all()
    notebook.run_all()
    printed = page.locator(".jp-OutputArea-output", has_text="[False")
    expect(printed).to_have_text("[False, False, False]")


def test_the_seed_starts_another_network(notebook):
    notebook.write([PLAYER])
    notebook.run_all()
    (panel,) = notebook.players()
    chart = panel.locator(".plastlab-chart")
    press(button(panel, "Play"), "Enter")
    expect(panel.locator(".plastlab-status")).to_contain_text("training")
    press(button(panel, "Pause"), "Enter")
    drawn = draws(chart)
    press(panel.locator("input[type=number]"), "ArrowUp")
    wait_for_draw(chart, drawn)
    expect(panel.locator(".plastlab-status")).to_have_text("0 updates, paused")


def nameless(form):
    """The number of tab stops of a form, and those that a screen reader has no name for."""
    stops = form.locator("button, [tabindex], [contenteditable=true]").all()
    unnamed = [s for s in stops if not s.get_attribute("aria-label") and not s.inner_text().strip()]
    return len(stops), unnamed


def test_a_prediction_waits_compares_comes_back_and_is_asked_again(notebook):
    notebook.write(PREDICTION.strip().split("\n\n") + ["print(guess.value, guess.interval)"])
    notebook.run_all()
    page = notebook.page
    number, choice = page.locator(".plastlab-question").all()
    assert page.get_by_text("the figure").count() == 0
    assert [nameless(form) for form in (number, choice)] == [(6, []), (4, [])]
    press(button(choice, "Commit"), "Enter")
    expect(choice).to_contain_text("Choose an answer first, or skip.")
    press(button(choice, "that"), "Space")
    press(button(choice, "Commit"), "Enter")
    expect(page.get_by_text("You said “that”. It was “that”, as you said.")).to_be_visible()
    expect(page.get_by_text("the other")).to_be_visible()
    for handle in number.locator(".noUi-handle").all():
        press(handle, "Home", *["ArrowRight"] * 10)
    expect(number).to_contain_text("0 to 20, so wide")
    press(button(number, "Commit"), "Enter")
    said = "You said 0 to 20. It was 7: inside your interval."
    expect(page.get_by_text(said)).to_be_visible()
    expect(page.get_by_text("the figure")).to_be_visible()
    expect(page.locator(".jp-OutputArea-output img")).to_have_count(1)
    tally = "Your intervals caught 1 of 1 numbers. You chose right 1 of 1 times."
    expect(page.get_by_text(tally)).to_be_visible()
    assert page.locator(".plastlab-question").count() == 0
    notebook.run_all()
    expect(page.get_by_text("10 (0, 20)")).to_be_visible()
    again = page.get_by_role("button", name="Answer again")
    expect(again).to_have_count(2)
    press(again.first, "Enter")
    expect(page.locator(".plastlab-question")).to_have_count(1)
    expect(page.get_by_text("Commit or skip above to see what happened.")).to_have_count(1)
    expect(again).to_have_count(1)
