"""Chapter 00 for readers without a mouse, or with weak eyes, in JupyterLab and in Notebook 7."""

import shutil

import pytest
from lab import SECONDS, button, choose_theme, press
from looked_at import TALL, complaints, stops
from playwright.sync_api import expect

THEMES = ("JupyterLab Dark", "JupyterLab Light")
CHAPTER = "chapters/00_start_here.ipynb"


@pytest.fixture
def opened(chapter):
    """Opens a notebook in one of the two front ends, in a window that holds all of it."""
    pages = []

    def open_in(place, path):
        page = chapter.page.context.new_page()
        pages.append(page)
        page.set_viewport_size(TALL)
        page.goto(f"{chapter.server.url}/{place}/{path}?token={chapter.server.token}")
        images = page.locator(".jp-OutputArea-output img")
        expect(images.nth(1)).to_be_attached(timeout=60 * SECONDS)
        return page

    yield open_in
    for page in pages:
        page.close()


@pytest.mark.parametrize("place", ["lab/tree", "notebooks"])
def test_axe_finds_nothing_in_the_outputs_that_we_ship(chapter, opened, place):
    root = chapter.server.root
    shutil.copy(root / CHAPTER, root / "chapters" / "shipped.ipynb")
    page = opened(place, "chapters/shipped.ipynb")
    finds_nothing(page)


def test_axe_finds_nothing_in_what_ran_in_jupyterlab(chapter):
    for skip in chapter.page.locator('button:enabled:text-is("Skip")').all():
        press(skip, "Enter")
    before = chapter.page.viewport_size
    chapter.page.set_viewport_size(TALL)
    finds_nothing(chapter.page)
    chapter.page.set_viewport_size(before)


def test_axe_finds_nothing_in_what_ran_in_notebook_7_and_keys_turn_its_knobs(chapter, opened):
    chapter.page.keyboard.press("Control+S")
    page = opened("notebooks", CHAPTER)
    chart = page.locator(".plastlab-chart[data-draws]").first
    chart.wait_for()
    finds_nothing(page)
    handle = page.locator(".plastlab-panel", has=chart).locator(".noUi-handle").first
    press(handle, "Home", "ArrowRight")
    expect(handle).to_have_attribute("aria-valuenow", "16.0")


def finds_nothing(page):
    for theme in THEMES:
        choose_theme(page, theme)
        assert complaints(page) == [], theme


def test_all_that_tab_comes_to_has_a_name_and_can_be_hit(chapter):
    panels = chapter.page.locator(".plastlab-panel").all()
    assert len(panels) >= 4
    for stop in [stop for panel in panels for stop in stops(panel)]:
        assert stop["name"], stop
        assert stop["width"] >= 24 and stop["height"] >= 24, stop


def test_choices_say_which_one_is_chosen_and_sliders_with_stops_where_they_stand(chapter):
    speed = chapter.players()[0].get_by_role("slider", name="updates a second")
    expect(speed).to_have_attribute("aria-valuetext", "100")
    press(speed, "ArrowRight")
    expect(speed).to_have_attribute("aria-valuetext", "120")
    press(speed, "ArrowLeft")


def test_the_focus_is_seen(chapter):
    panel = chapter.players()[0]
    for stop in (button(panel, "Play"), panel.locator("canvas"), panel.locator(".noUi-handle")):
        press(stop, "Shift")
        assert stop.evaluate("node => getComputedStyle(node).outlineStyle") == "solid"
        assert stop.evaluate("node => parseFloat(getComputedStyle(node).outlineWidth)") >= 2


def test_panels_fit_a_small_window(chapter):
    before = chapter.page.viewport_size
    chapter.page.set_viewport_size({"width": 1024, "height": 700})
    seen = chapter.page.locator(".jp-WindowedPanel-outer").bounding_box()["height"]
    assert seen < 600
    for panel in chapter.page.locator(".plastlab-panel").all():
        assert panel.bounding_box()["height"] < seen
    chapter.page.set_viewport_size(before)
