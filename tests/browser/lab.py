"""What a reader does in JupyterLab: open, run, move the focus, press keys, look."""

import json
import urllib.request

import nbformat
from playwright.sync_api import expect

IDLE = "#jp-main-statusbar >> text=/\\| Idle/"
ERROR = '.jp-RenderedText[data-mime-type="application/vnd.jupyter.stderr"]'
TRACEBACK = "Traceback (most recent call last)"
PROMPTS = """[...document.querySelectorAll(".jp-CodeCell .jp-InputPrompt")]
  .map((prompt) => prompt.textContent).join()"""
KERNELSPEC = {"name": "python3", "display_name": "Python 3", "language": "python"}
SECONDS = 1000  # milliseconds, which Playwright counts in


class Notebook:
    """The notebook that is open in `page`."""

    def __init__(self, page, server):
        self.page, self.server = page, server

    def write(self, cells, name="scratch.ipynb"):
        """Make a notebook of code cells, and open it."""
        notebook = nbformat.v4.new_notebook(metadata={"kernelspec": KERNELSPEC})
        notebook.cells = [nbformat.v4.new_code_cell(cell.strip()) for cell in cells]
        nbformat.write(notebook, self.server.root / name)
        self.open(name)

    def open(self, path):
        """Open a file of the book."""
        self.page.goto(f"{self.server.url}/lab/tree/{path}?token={self.server.token}&reset")
        self.wait_until_idle()

    def wait_until_idle(self):
        """Wait for a kernel that is ready: what is run before is lost without a word."""
        self.page.wait_for_selector(".jp-NotebookPanel:not(.lm-mod-hidden)", timeout=60 * SECONDS)
        self.page.wait_for_selector(IDLE, timeout=60 * SECONDS)

    def run_all(self, seconds=120):
        """Run all cells, and wait until none is waiting: all are done, or one has failed."""
        before = self.page.evaluate(PROMPTS)
        self.page.click("#jp-MainMenu >> text=Run")
        self.page.click('.lm-Menu >> text="Run All Cells"')
        self.page.wait_for_function(f"before => {PROMPTS} !== before", arg=before)
        self.page.wait_for_function(f"!{PROMPTS}.includes('*')", timeout=seconds * SECONDS)
        self.page.wait_for_selector(IDLE, timeout=seconds * SECONDS)
        self.look_through()

    def look_through(self):
        """Scroll past every cell: JupyterLab makes outputs when they first come into view."""
        for cell in self.page.locator(".jp-Cell").all():
            cell.scroll_into_view_if_needed()
            self.page.wait_for_timeout(100)

    def errors(self):
        """Return the texts of error outputs."""
        return self.page.locator(ERROR, has_text=TRACEBACK).all_inner_texts()

    def charts(self):
        """Return the charts that are drawn."""
        return self.page.locator(".plastlab-chart[data-draws]")

    def explorers(self):
        """Return the panels of `explore`."""
        return [panel for panel in self._panels() if not is_player(panel)]

    def players(self):
        """Return the panels of `live`."""
        return [panel for panel in self._panels() if is_player(panel)]

    def _panels(self):
        return self.page.locator(".plastlab-panel:has(.plastlab-chart[data-draws])").all()

    def choose_theme(self, name):
        """Choose a theme in the menu, and wait until it is there and the charts are drawn in it."""
        choose_theme(self.page, name)

    def stop_kernels(self):
        """Stop what this test started on the server."""
        for session in json.load(self._ask("GET", "")):
            self._ask("DELETE", f"/{session['id']}")

    def _ask(self, method, path):
        url = f"{self.server.url}/api/sessions{path}?token={self.server.token}"
        return urllib.request.urlopen(urllib.request.Request(url, method=method))


def choose_theme(page, name):
    """Choose a theme in the menu, and wait until it is there and the charts are drawn in it."""
    for label in ("Settings", "Theme"):
        items = page.locator(".lm-MenuBar-itemLabel, .lm-Menu-itemLabel")
        items.get_by_text(label, exact=True).click()
    page.locator(".lm-Menu-itemLabel").get_by_text(name, exact=True).click()
    page.wait_for_selector(f'body[data-jp-theme-name="{name}"]', state="attached")
    page.wait_for_timeout(500)


def is_player(panel):
    """Return whether the panel has a Play button."""
    return button(panel, "Play").count() > 0


def button(place, name):
    """Return the button that says `name`, with or without an icon."""
    return place.locator(f'button:text-is("{name}")')


def press(control, *keys):
    """Move the focus to a control, as Tab does, and press keys."""
    control.scroll_into_view_if_needed()
    control.page.wait_for_timeout(100)  # JupyterLab may still be moving cells about
    control.focus()
    expect(control).to_be_focused()
    for key in keys:
        control.page.keyboard.press(key)


def draws(chart):
    """Return how often the chart was drawn."""
    return int(chart.get_attribute("data-draws"))


def wait_for_draw(chart, before, seconds=10):
    """Wait until the chart is drawn again."""
    chart.page.wait_for_function(
        "([node, before]) => Number(node.dataset.draws) > before",
        arg=[chart.element_handle(), before],
        timeout=seconds * SECONDS,
    )


PIXELS = "[...node.querySelectorAll('canvas')].map((c) => c.toDataURL()).join('|')"


def pixels(chart):
    """Return the canvases of the chart as one string, equal if and only if they look the same."""
    return chart.evaluate(f"node => {PIXELS}")


def wait_for_pixels(chart, wanted, seconds=10):
    """Wait until the chart looks as `pixels` said it did."""
    chart.page.wait_for_function(
        f"([node, wanted]) => {PIXELS} === wanted",
        arg=[chart.element_handle(), wanted],
        timeout=seconds * SECONDS,
    )


CONTRAST = """(node) => {
  const parse = (color) => color.match(/[0-9.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, k) => sum + c * [0.2126, 0.7152, 0.0722][k], 0);
  const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  let behind = node;
  const clear = (color) => color.length === 4 && color[3] < 1;
  while (clear(parse(getComputedStyle(behind).backgroundColor))) behind = behind.parentElement;
  const back = light(parse(getComputedStyle(behind).backgroundColor));
  const text = light(parse(getComputedStyle(node).color));
  if (!(node instanceof HTMLCanvasElement)) return ratio(text, back);
  const data = node.getContext("2d").getImageData(0, 0, node.width, node.height).data;
  let best = 1;
  for (let i = 0; i < data.length; i += 4)
    if (data[i + 3] > 250) best = Math.max(best, ratio(light(data.slice(i, i + 3)), back));
  return best;
}"""


def contrast(text):
    """Return the contrast of a text with what is behind it, from 1 to 21."""
    return text.evaluate(CONTRAST)


def ink(chart):
    """Return the contrast with the page of the pixels that have most, which are a chart's text."""
    return min(canvas.evaluate(CONTRAST) for canvas in chart.locator("canvas").all())


DELAYS = """(node) => {
  window.delays = [];
  let pressed = null;
  const seen = () => {
    if (pressed !== null) window.delays.push(performance.now() - pressed);
    pressed = null;
  };
  addEventListener("keydown", () => { pressed = performance.now(); }, { capture: true });
  new MutationObserver(() => requestAnimationFrame(seen)).observe(node, { attributes: true });
}"""


def key_to_pixels(control, key, chart, times):
    """Return the milliseconds from each key press to the frame after the chart was drawn."""
    page = control.page
    chart.evaluate(DELAYS)
    press(control)
    for n in range(times):
        page.keyboard.press(key)
        page.wait_for_function(f"delays.length > {n}")
        page.wait_for_timeout(120)
    return page.evaluate("delays")


def frames_a_second(chart, seconds):
    """Return how often a second the chart is drawn."""
    before, began = draws(chart), chart.page.evaluate("performance.now()")
    chart.page.wait_for_timeout(seconds * SECONDS)
    after, ended = draws(chart), chart.page.evaluate("performance.now()")
    return 1000 * (after - before) / (ended - began)
