"""An answered page survives saving, loading anew, a restarted kernel, another browser, no trust: in
JupyterLab and in Notebook 7, which share a kernel here."""

import json
import time
import urllib.request
from dataclasses import dataclass

import nbformat
import pytest
from lab import KERNELSPEC, SECONDS, button, press
from playwright.sync_api import expect

CELLS = (
    """
from types import SimpleNamespace
from plastlab import *
guess = predict("How many of $5 and $6 in {name}?", low=0, high=100, unit="%")
""",
    'guess.reveal(Picture([Line([0, 1], [0, 1])], title="the figure"))',
    """
found = SimpleNamespace(seeds=(0, 1, 2), values=[3.0, 4.0, 5.0])
most = Claim("00.1", "Most of them.", lambda found: found.values, above=1)
guess.judge(found.values, most.check(found), then="Look at $x$ and $y$.")
""",
    'other = predict("Not answered in {name}", choices=["<i>a</i>", "b"])',
)
TOLD = (
    "How many of $5 and $6 in",
    "You said 25 to 75 %. It was 4 %: outside your interval.",
    "00.1 supported",
    "Look at $x$ and $y$.",
    "Not answered in",
)
BROKEN = ("VBox(", "Loading widget", "model not found", "Error displaying")
WAITING = "Commit or skip above to see what happened."


@dataclass(frozen=True)
class FrontEnd:
    """A front end of the server, and its own notebook."""

    path: str
    name: str

    def open(self, page, server, name=None):
        page.goto(f"{server.url}{self.path}/{name or self.name}?token={server.token}&reset")
        page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=60 * SECONDS)


FRONT_ENDS = {
    "JupyterLab": FrontEnd("/lab/tree", "in_lab.ipynb"),
    "Notebook 7": FrontEnd("/notebooks", "in_notebook.ipynb"),
}


def ask(server, where, **body):
    request = urllib.request.Request(
        f"{server.url}/api/{where}?token={server.token}",
        data=json.dumps(body).encode(),
        method="POST",
    )
    return json.load(urllib.request.urlopen(request))


@pytest.fixture(scope="module")
def kernel(server):
    """One kernel, on which both notebooks run."""
    opened = None
    for front in FRONT_ENDS.values():
        notebook = nbformat.v4.new_notebook(metadata={"kernelspec": KERNELSPEC})
        notebook.cells = [
            nbformat.v4.new_code_cell(cell.strip().format(name=front.name)) for cell in CELLS
        ]
        nbformat.write(notebook, server.root / front.name)
        asked = {"name": "python3"} if opened is None else {"id": opened}
        session = ask(server, "sessions", path=front.name, name="", type="notebook", kernel=asked)
        opened = session["kernel"]["id"]
    return opened


@pytest.fixture(scope="module")
def pages(browser, browser_context_args, server, kernel):
    """Each front end's notebook: run, answered by keyboard."""
    found = {}
    for name, front in FRONT_ENDS.items():
        found[name] = page = browser.new_context(**browser_context_args).new_page()
        front.open(page, server)
        run_all(page)
        form = page.locator(".plastlab-question").first
        expect(page.get_by_text(WAITING)).to_have_count(2)
        press(button(form, "Commit"), "Enter")
        page.get_by_text(TOLD[1]).wait_for()
    yield found
    for page in found.values():
        page.context.close()


@pytest.fixture(scope="module")
def restarted(pages, server, kernel):
    """The files, once they are saved and their kernel has been restarted."""
    for name, front in FRONT_ENDS.items():
        save(pages[name], server.root / front.name)
    ask(server, f"kernels/{kernel}/restart")


def run_all(page):
    """Run all cells, once the kernel listens."""
    page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').wait_for()
    menus = ".lm-MenuBar-itemLabel", ".lm-Menu-itemLabel"
    for menu, label in zip(menus, ("Run", "Run All Cells"), strict=True):
        page.locator(f'{menu}:text-is("{label}")').click()
    page.locator(".plastlab-question").nth(1).wait_for(timeout=60 * SECONDS)


def save(page, file):
    """Save by keyboard, and wait until the file is written."""
    before = file.stat().st_mtime_ns
    page.keyboard.press("Control+s")
    page.wait_for_timeout(200)
    deadline = time.monotonic() + 10
    while file.stat().st_mtime_ns == before and time.monotonic() < deadline:
        page.wait_for_timeout(100)
    assert TOLD[1] in file.read_text()


def tells_all(page):
    """Check that all is told, and return what reads as broken in the answered cells."""
    cells = page.locator(".jp-CodeCell")
    for cell in cells.all():
        cell.scroll_into_view_if_needed()
    page.get_by_text(TOLD[-1]).first.wait_for()
    figure = page.locator('.jp-OutputArea-output img[alt^="the figure."]')
    expect(figure).to_be_visible()
    assert figure.evaluate("image => image.naturalWidth") > 100
    assert page.locator(".jp-OutputArea-output mjx-container").count() == 0
    said = [cell.locator(".jp-OutputArea").inner_text() for cell in cells.all()]
    assert [words for words in TOLD if words not in "\n".join(said)] == []
    return [words for words in BROKEN if words in "\n".join(said[:-1])]


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_the_answer_is_plain_and_has_the_focus(pages, name):
    answer = pages[name].locator("[id^=plastlab-answer]")
    expect(answer).to_be_focused()
    expect(answer).to_contain_text("You said 25 to 75 %.")
    assert tells_all(pages[name]) == []


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_a_page_that_is_loaded_anew_tells_the_answer_and_what_to_do(pages, name, server):
    page, file = pages[name], server.root / FRONT_ENDS[name].name
    save(page, file)
    page.reload()
    form = page.locator(".plastlab-question")
    form.wait_for(timeout=60 * SECONDS)
    assert tells_all(page) == []
    press(button(form, "<i>a</i>"), "Space")
    press(button(form, "Commit"), "Enter")
    answer = form.locator("[id^=plastlab-answer]")
    expect(answer).to_have_text("You said “<i>a</i>”.")
    expect(answer).to_be_focused()
    expect(form).to_contain_text("Run this cell again to keep your answer on the page.")
    expect(page.get_by_text("Run this cell to answer.")).to_be_hidden()


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_all_survives_a_restart_and_another_browser(restarted, name, server, page):
    FRONT_ENDS[name].open(page, server)
    assert tells_all(page) == []
    expect(page.get_by_text("Run this cell to answer.")).to_be_visible()


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_all_is_shown_in_a_notebook_that_is_not_trusted(restarted, name, server, page):
    front = FRONT_ENDS[name]
    notebook = nbformat.read(server.root / front.name, as_version=4)
    notebook.cells.append(nbformat.v4.new_markdown_cell("Whoever sent this changed it."))
    nbformat.write(notebook, server.root / f"sent_{front.name}")
    front.open(page, server, f"sent_{front.name}")
    assert tells_all(page) == []
    expect(page.get_by_text("Run this cell to answer.")).to_be_visible()
    for words in BROKEN:
        expect(page.get_by_text(words)).to_have_count(0)
