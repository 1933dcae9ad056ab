"""What axe-core, and what we, say about the outputs of a page: names, contrasts, sizes."""

from pathlib import Path

import axe_playwright_python

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
OUTPUTS = ".jp-OutputArea-output"
TALL = {"width": 1300, "height": 16_000}  # all of a chapter is in view, and so it is drawn
# JupyterLab's own, which nothing in an output can change: it draws an image/png without its words.
THEIRS = {"image-alt": ".jp-RenderedImage"}

FOUND = """async ([outputs, theirs]) => {
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  const options = { runOnly: { type: "tag", values: tags }, resultTypes: ["violations"] };
  const { violations } = await axe.run({ include: [[outputs]] }, options);
  const ours = (rule, node) => !(rule in theirs && document.querySelector(node.target[0])
    .closest(theirs[rule]));
  return violations.flatMap(({ id, nodes }) => nodes.filter((node) => ours(id, node))
    .map((node) => `${id}: ${node.html.slice(0, 120)} (${node.failureSummary})`));
}"""
STOPS = """(node) => [...node.querySelectorAll("*")].filter((each) => {
  const seen = each.getClientRects().length && !each.disabled;
  return seen && (each.tabIndex >= 0 || each.isContentEditable);
}).map((each) => {
  const box = each.getBoundingClientRect();
  const name = each.getAttribute("aria-label") || each.labels?.[0]?.textContent || each.textContent;
  const label = each.closest("label")?.getBoundingClientRect().height ?? 0;
  const words = /BUTTON|INPUT/.test(each.tagName) || each.hasAttribute("aria-label");
  return { tag: each.tagName, role: each.getAttribute("role"), html: each.outerHTML.slice(0, 90),
    name: words ? name.trim() : "", width: box.width, height: Math.max(box.height, label) };
})"""
COLORED = """(node) => {
  const data = node.getContext("2d").getImageData(0, 0, node.width, node.height).data;
  const light = (rgb) => [...rgb].map((c) => c / 255)
    .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, k) => sum + c * [0.2126, 0.7152, 0.0722][k], 0);
  const page = getComputedStyle(document.body).getPropertyValue("--jp-layout-color0").trim();
  const back = light(page === "white" || page === "#fff" ? [255, 255, 255] : [17, 17, 17]);
  let best = 1;
  for (let i = 0; i < data.length; i += 4) {
    const rgb = data.slice(i, i + 3), own = light(rgb);
    if (data[i + 3] < 250 || Math.max(...rgb) - Math.min(...rgb) < 25) continue;
    best = Math.max(best, (Math.max(own, back) + 0.05) / (Math.min(own, back) + 0.05));
  }
  return best;
}"""


def complaints(page):
    """Return what axe-core finds wrong with the outputs of a page, a line each."""
    page.evaluate(AXE)
    return page.evaluate(FOUND, [OUTPUTS, THEIRS])


def stops(panel):
    """Return name, role and size of all that Tab comes to in a panel."""
    return panel.evaluate(STOPS)


def colored(canvas):
    """Return the contrast with the page of the coloured pixels that have most."""
    return canvas.evaluate(COLORED)
