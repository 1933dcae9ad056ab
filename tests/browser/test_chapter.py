"""Chapter 00 as a reader meets it: every control by keyboard, live training, both themes."""

import pytest
from lab import (
    button,
    contrast,
    draws,
    ink,
    pixels,
    press,
    wait_for_draw,
    wait_for_pixels,
)
from playwright.sync_api import expect

THEMES = {"dark": "JupyterLab Dark", "light": "JupyterLab Light"}


def test_all_cells_run(chapter):
    assert chapter.errors() == []
    assert chapter.charts().count() >= 2


def test_what_happened_is_shown_once_the_reader_has_committed_by_keyboard(chapter):
    questions = chapter.page.locator(".plastlab-question")
    question, asked = questions.first, questions.count()
    waiting = chapter.page.get_by_text("Commit or skip above to see what happened.")
    figures = chapter.page.locator(".jp-OutputArea-output img")
    covered, shown = waiting.count(), figures.count()
    press(question.locator(".noUi-handle").first, *["ArrowLeft"] * 5)
    expect(question.locator(".widget-readout").first).to_have_text("0.45")
    press(button(question, "Commit"), "Enter")
    answer = chapter.page.locator("[id^=plastlab-answer]")
    expect(answer).to_contain_text("You said 0.2 to 0.7.")
    expect(answer).to_be_focused()
    expect(waiting).to_have_count(covered - 1)
    expect(figures).to_have_count(shown + 1)
    expect(questions).to_have_count(asked - 1)


def test_skipping_shows_it_too(chapter):
    question = chapter.page.locator(".plastlab-question").last
    press(button(question, "Skip"), "Space")
    chapter.page.get_by_text("You skipped.").first.wait_for()


def test_each_control_of_each_explorer_changes_the_picture(chapter):
    explorers = chapter.explorers()
    assert explorers
    for panel in explorers:
        chart = panel.locator(".plastlab-chart")
        for handle in panel.locator(".noUi-handle").all():
            assert handle.get_attribute("aria-label")
            for key in ("Home", "End", "ArrowLeft"):
                changes(handle, key, chart)
        for box in panel.locator("input[type=checkbox]").all():
            changes(box, "Space", chart)
        for option in panel.locator(".widget-toggle-button").all()[::-1]:
            changes(option, "Enter", chart)
        assert panel.locator(".plastlab-problem").inner_text() == ""


def changes(control, key, chart):
    before, drawn = pixels(chart), draws(chart)
    press(control, key)
    wait_for_draw(chart, drawn)
    assert pixels(chart) != before, f"{key} changed nothing"


def test_play_pause_and_reset_by_keyboard(chapter):
    panel = chapter.players()[0]
    chart, status = panel.locator(".plastlab-chart"), panel.locator(".plastlab-status")
    button(panel, "Play").scroll_into_view_if_needed()
    chapter.page.wait_for_timeout(500)
    start = pixels(chart)
    press(button(panel, "Play"), "Enter")
    status.filter(has_text="training").wait_for()
    chapter.page.wait_for_timeout(1500)
    press(button(panel, "Pause"), "Enter")
    status.filter(has_text="paused").wait_for()
    updates, paused = count(status), pixels(chart)
    assert updates > 20 and paused != start
    chapter.page.wait_for_timeout(500)
    assert count(status) == updates and pixels(chart) == paused
    press(button(panel, "Reset"), "Enter")
    status.filter(has_text="0 updates, paused").wait_for()
    wait_for_pixels(chart, start)


def test_each_button_acts_on_the_running_network(chapter):
    panel = chapter.players()[0]
    chart = panel.locator(".plastlab-chart")
    actions = [each for each in panel.locator("button").all() if each.inner_text() not in PLAYER]
    assert actions
    press(button(panel, "Play"), "Enter")
    for each in actions:
        drawn = draws(chart)
        press(each, "Enter")
        wait_for_draw(chart, drawn)
        assert panel.locator(".plastlab-problem").inner_text() == ""
    press(button(panel, "Reset"), "Enter")


PLAYER = ("Play", "Pause", "Reset")


def count(status):
    return int(status.inner_text().split()[0].replace(",", ""))


@pytest.mark.parametrize("theme", THEMES)
def test_text_is_readable(chapter, theme):
    chapter.choose_theme(THEMES[theme])
    words = ".plastlab-panel .widget-label, .plastlab-panel .jupyter-button:enabled"
    texts = chapter.page.locator(f"{words}, .plastlab-status, .plastlab-entry")
    assert texts.count() > 5
    for text in texts.all():
        assert contrast(text) >= 4.5, text.inner_text()
    for chart in chapter.charts().all():
        assert ink(chart) >= 4.5
