"""The pages of the book: what a chapter's or lab's text source says, and what is generated from it.

A source is MyST Markdown with the fields of `Front` in its YAML header. Its notebook holds the same
cells plus one generated cell, the card, right under the title.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_notebook

from plastlab.book.release import student_version

FORMAT = "md:myst"
WORDS_PER_MINUTE = 200
GENERATED = "generated"
VERDICT = ".check("  # a cell that prints verdicts: its output is compared when tests run it again
REVEAL = ".reveal("  # a cell that answers what the reader was asked to predict
CLAIMS = "claims"  # the tag of a cell that judges: its source is folded, its output compared
COMPARED = "nbval-check-output"
REMEDY = "Run `make lab` in the folder of the book"
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
CONTENTS = re.compile(r"(<!-- contents[^>]*-->\n).*(<!-- end of contents -->)", re.DOTALL)


@dataclass(frozen=True)
class Page:
    """One chapter or lab: the path of its text source, e.g. chapters/00_start_here.md."""

    source: Path

    @property
    def notebook(self) -> Path:
        """Where the generated notebook stands: beside the source."""
        return self.source.with_suffix(".ipynb")

    @property
    def is_lab(self) -> bool:
        """Whether this is a graded assignment."""
        return self.source.parent.name == "labs"

    def record(self) -> "Record":
        """What the last build measured, an empty record if there was none."""
        if not self.notebook.exists():
            return Record()
        return Record(**read_notebook(self.notebook).metadata.get("plastlab", {}))


@dataclass(frozen=True)
class Record:
    """What a build measured; stored in the notebook's metadata under "plastlab".

    `code` is the digest of everything that can change an output, `seconds` the wall time of all
    cells, `speed` that of the machine (see `plastlab.machine.speed`), `claims` one dictionary a
    claim with id, sentence and verdict.
    """

    code: str = ""
    seconds: float = 0.0
    speed: float = 1.0
    claims: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Front:
    """What a source's YAML header says under "plastlab".

    The part of the book it belongs to, one line about it for the contents page, the three things a
    reader will be able to do, papers; and for the generated tables of the back matter, the
    statements about the field that it shows and the papers whose findings it tests.
    """

    part: str
    about: str
    aims: list[str]
    papers: list[str] = field(default_factory=list)
    statements: list[dict[str, str]] = field(default_factory=list)
    replications: list[dict[str, str]] = field(default_factory=list)


def find_pages(root: Path) -> list[Page]:
    """All chapters, then all labs, in the order of their numbers."""
    names = [root.glob(f"{folder}/[0-9][0-9]_*.md") for folder in ("chapters", "labs")]
    return [Page(path) for folder in names for path in sorted(folder)]


def read_notebook(path: Path) -> NotebookNode:
    """Read an .ipynb file."""
    return nbformat.read(path, as_version=4)


def front(page: Page) -> Front:
    """The header of a source.

    Raises:
        ValueError: the header lacks a field, has an unknown one, or has not exactly three aims.
    """
    given = dict(_parse(page).metadata.get("plastlab", {}))
    try:
        header = Front(**given)
    except TypeError as error:
        raise ValueError(
            f"the YAML header of {page.source.name} must hold plastlab: part, about, aims and, if "
            f"you like, papers, statements and replications; got {', '.join(given) or 'nothing'}."
        ) from error
    if len(header.aims) != 3:
        raise ValueError(f"{page.source.name}: aims must be three lines; got {len(header.aims)}.")
    return header


def title(page: Page) -> str:
    """The text of the source's first heading."""
    return _split_title(page)[0].removeprefix("# ").strip()


def words(page: Page) -> int:
    """Words of prose in the source; code cells do not count."""
    return sum(len(c.source.split()) for c in _parse(page).cells if c.cell_type == "markdown")


def assemble(page: Page, record: Record) -> NotebookNode:
    """The notebook that readers open, without outputs: a lab's without its solutions."""
    notebook = compose(page, record)
    return student_version(notebook, page.source.stem) if page.is_lab else notebook


def compose(page: Page, record: Record) -> NotebookNode:
    """The notebook that the whole source and a build's record stand for, without outputs.

    Cell ids are the notebook's name and a counter, so that the same text gives the same file.
    """
    heading, cells = _split_title(page)
    made = new_markdown_cell(card(page, record), metadata={"plastlab": {GENERATED: "card"}})
    cells = [new_markdown_cell(heading), made, *cells]
    for number, cell in enumerate(cells):
        if cell.cell_type == "code":
            _mark(cell)
        cell.id = f"{page.source.stem[:60]}-{number:03d}"
    metadata: dict[str, Any] = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    metadata["plastlab"] = vars(record)
    return new_notebook(cells=cells, metadata=metadata)


def card(page: Page, record: Record) -> str:
    """The card under the title: aims, minutes, claims with their verdicts, papers."""
    header = front(page)
    lines = ["**You will be able to**", "", *(f"- {aim}" for aim in header.aims), ""]
    lines += [f"*{_minutes(page, record)}. Does the first cell fail? {REMEDY}.*", ""]
    if header.papers:
        lines += [f"**Papers:** {'; '.join(map(_linked, header.papers))}", ""]
    if record.claims:
        lines += [f"<details><summary>{_tally(record.claims)}</summary>", ""]
        lines += [f"- **{c['id']} {c['verdict']}:** {c['sentence']}" for c in record.claims]
        lines += ["", "</details>"]
    return "\n".join(lines).strip()


def contents(pages: list[Page], index: Path) -> str:
    """The text of the contents page with the list between its two marks made anew.

    Raises:
        ValueError: the page has no such marks.
    """
    text = index.read_text(encoding="utf-8")
    if not CONTENTS.search(text):
        raise ValueError(f"{index.name} must hold <!-- contents --> and <!-- end of contents -->.")
    lines, part = [], None
    for page in pages:
        header = front(page)
        if header.part != part:
            part = header.part
            lines += ["", f"### {part}", ""]
        number = page.source.name[:2]
        name = f"Lab {int(number)}: {title(page)}" if page.is_lab else f"{number} {title(page)}"
        link = f"[{name}](../{page.notebook.parent.name}/{page.notebook.name})"
        lines.append(f"- **{link}** {header.about}  \n  *{_minutes(page, page.record())}*")
    return CONTENTS.sub(lambda marks: "\n".join([marks[1], *lines, "", marks[2]]), text)


def _minutes(page: Page, record: Record) -> str:
    reading = max(1, round(words(page) / WORDS_PER_MINUTE))
    computing = f", {max(1, round(record.seconds))} s to compute" if record.code else ""
    return f"{reading} min to read{computing}"


def _mark(cell: NotebookNode) -> None:
    """Note in a code cell's metadata what a reader should not see before running it, and what
    tests compare. JupyterLab hides such an output until the cell is run; a code host shows it."""
    tags = cell.metadata.get("tags", [])
    if CLAIMS in tags:
        cell.metadata["jupyter"] = {"source_hidden": True, "outputs_hidden": True}
    elif REVEAL in cell.source:
        cell.metadata["jupyter"] = {**cell.metadata.get("jupyter", {}), "outputs_hidden": True}
    if VERDICT in cell.source or CLAIMS in tags:
        cell.metadata["tags"] = [*tags, COMPARED]


def _tally(claims: list[dict[str, str]]) -> str:
    """How the claims came out, closed: a reader should guess first."""
    counts = Counter(claim["verdict"] for claim in claims)
    found = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    return f"What this chapter claims ({found}); open it after you have made your own guesses"


def _linked(paper: str) -> str:
    """The line with its arXiv id or DOI made a link."""
    paper = re.sub(r"(?<!\[)arXiv:(\d+\.\d+)", r"[arXiv:\1](https://arxiv.org/abs/\1)", paper)
    return re.sub(r"(?<!\[)doi:(10\.\S+)", r"[doi:\1](https://doi.org/\1)", paper)


def _split_title(page: Page) -> tuple[str, list[NotebookNode]]:
    """The title line, and all cells without it."""
    cells = _parse(page).cells
    heading, _, rest = (cells[0].source if cells else "").partition("\n")
    if not heading.startswith("# "):
        raise ValueError(f"{page.source.name} must begin with a '# Title'; got {heading!r}.")
    cells[0].source = rest.strip()
    return heading, cells if cells[0].source else cells[1:]


def _parse(page: Page) -> NotebookNode:
    return jupytext.read(page.source, fmt=FORMAT)
