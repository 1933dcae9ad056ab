"""The command that turns text sources into executed notebooks, and checks that the pairs agree.

What changed is found by content, never by file time: a notebook is executed again when its code
cells or the package changed, written again without executing when only its prose did.
"""

import argparse
import hashlib
import json
import os
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from plastlab.book.backmatter import tables
from plastlab.book.pages import Page, Record, assemble, contents, find_pages, read_notebook
from plastlab.machine import speed
from plastlab.requirements import ROOT
from plastlab.screen import STILLS

CELL_SECONDS = 600
WIDGET = "application/vnd.jupyter.widget-view+json"
WIDGET_TEXT = "Run this cell to use its controls."
# Modules that no chapter calls: a change in them leaves every output as it is.
COMMANDS = {"__main__", "bench", "book", "cli", "doctor", "machine", "start"}
# What would make a build differ from the book.
LEFT_OUT = {"JPY_SESSION_NAME", "PLASTLAB_FIRST_SEED", "PLASTLAB_SEEDS"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command reads."""
    parser.add_argument("names", nargs="*", help="pages to build, such as 00 or 04_shrink (all)")
    parser.add_argument("--check", action="store_true", help="only say which pairs disagree")
    parser.add_argument("--force", action="store_true", help="execute even what did not change")


def main(args: argparse.Namespace) -> int:
    """Build or check the pages asked for. Returns 1 if a pair disagrees or a cell fails."""
    everything, index = find_pages(ROOT), ROOT / "chapters" / "index.md"
    try:
        pages = chosen(everything, args.names)
        faults = []
        for page in pages:
            if args.check:
                faults += check(page)
            else:
                print(f"{page.source.name}: {build(page, force=args.force)}", flush=True)
        if args.check:
            faults += check_contents(everything, index)
            faults += check_tables(ROOT)
        else:
            index.write_text(contents(everything, index), encoding="utf-8")
            if not args.names:
                for path, text in tables(ROOT).items():
                    path.write_text(text, encoding="utf-8")
    except (RuntimeError, ValueError) as error:
        faults = [str(error)]
    print("\n".join(faults) or f"{len(pages)} pages agree with their notebooks")
    return int(bool(faults))


def chosen(pages: list[Page], names: list[str]) -> list[Page]:
    """The pages whose file names begin with one of `names`; all pages if there are no names.

    Raises:
        ValueError: a name fits no page.
    """
    for name in names:
        if not any(page.source.stem.startswith(name) for page in pages):
            listed = ", ".join(page.source.stem for page in pages)
            raise ValueError(f"book: name must begin one of {listed}; got {name!r}.")
    return [p for p in pages if not names or p.source.stem.startswith(tuple(names))]


def build(page: Page, force: bool = False) -> str:
    """Bring one notebook up to date, and say what was done.

    Raises:
        RuntimeError: a cell failed; the notebook on disk stays as it was.
    """
    record = page.record()
    notebook = assemble(page, record)
    code = digest(notebook)
    if force or record.code != code:
        record = execute(page, notebook, code)
        executed, notebook = notebook, assemble(page, record)
        done = f"executed in {record.seconds:.0f} s"
    else:
        executed = read_notebook(page.notebook)
        done = "unchanged"
    adopt_outputs(notebook, executed)
    text = nbformat.writes(notebook) + "\n"
    if done == "unchanged" and page.notebook.read_text(encoding="utf-8") != text:
        done = "text renewed"
    page.notebook.write_text(text, encoding="utf-8")
    return done


def digest(notebook: NotebookNode) -> str:
    """A fingerprint of all code that makes the outputs: the code cells and the package."""
    seen = hashlib.sha256()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            seen.update(cell.source.encode() + b"\0")
    package = Path(__file__).parent.parent
    for path in sorted(package.rglob("*")):
        inside = path.relative_to(package)
        part = inside.parts[0].removesuffix(".py")
        if path.suffix in {".py", ".js", ".css", ".json"} and part not in COMMANDS:
            seen.update(str(inside).encode() + b"\0" + path.read_bytes())
    return seen.hexdigest()[:16]


def execute(page: Page, notebook: NotebookNode, code: str) -> Record:
    """Run every code cell of `notebook` in place, in the source's folder, with an empty cache.

    Raises:
        RuntimeError: a cell failed.
    """
    with tempfile.TemporaryDirectory() as scratch:
        ledger = Path(scratch) / "ledger.jsonl"
        kept = {name: value for name, value in os.environ.items() if name not in LEFT_OUT}
        env = kept | {"PLASTLAB_LEDGER": str(ledger), "PLASTLAB_CACHE": f"{scratch}/cache"}
        env[STILLS] = "1"
        client = NotebookClient(
            notebook,
            timeout=CELL_SECONDS,
            kernel_name="python3",
            extra_arguments=["--IPKernelApp.log_level=ERROR"],
            coalesce_streams=True,
            record_timing=False,
            store_widget_state=False,
            resources={"metadata": {"path": str(page.source.parent)}},
        )
        with client.setup_kernel(env=env):
            start = time.perf_counter()
            try:
                for number, cell in enumerate(notebook.cells):
                    client.execute_cell(cell, number)
            except CellExecutionError as error:
                raise RuntimeError(f"{page.source.name}, cell {number} failed:\n{error}") from error
            seconds = time.perf_counter() - start
        lines = ledger.read_text(encoding="utf-8").splitlines() if ledger.exists() else []
    rows = [json.loads(line) for line in lines]
    claims = {row["id"]: {key: row[key] for key in ("id", "sentence", "verdict")} for row in rows}
    return Record(code, round(seconds, 1), round(speed(), 2), list(claims.values()))


def adopt_outputs(notebook: NotebookNode, executed: NotebookNode) -> None:
    """Copy the outputs of `executed` to the code cells of `notebook`, in order, and clean them."""
    pairs = zip(code_cells(notebook), code_cells(executed), strict=True)
    for number, (cell, source) in enumerate(pairs, start=1):
        cell.execution_count = number
        cell.outputs = source.outputs
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = number
            still(output.get("data", {}))


def still(data: dict[str, str]) -> None:
    """Take a widget's view out of an output: without a kernel it draws nothing but an error. What
    remains is its picture or its own text, or a line that says how to bring it to life."""
    if data.pop(WIDGET, None) and set(data) <= {"text/plain"}:
        text = data.get("text/plain", "")
        data["text/plain"] = WIDGET_TEXT if not text or "(" in text.split(" ")[0] else text


def check(page: Page) -> list[str]:
    """What keeps a notebook from being the executed form of its source, one line a fault."""
    name = page.notebook.name
    if not page.notebook.exists():
        return [f"{name} is missing: run make book"]
    notebook = read_notebook(page.notebook)
    wanted = assemble(page, page.record())
    faults = []
    if wanted.metadata != notebook.metadata:
        faults.append(f"{name}: its metadata is not what a build writes")
    if len(wanted.cells) != len(notebook.cells):
        faults.append(f"{name} has {len(notebook.cells)} cells, its source {len(wanted.cells)}")
    for number, (ours, theirs) in enumerate(zip(wanted.cells, notebook.cells, strict=False)):
        for key in ("cell_type", "id", "source", "metadata"):
            if ours[key] != theirs.get(key):
                faults.append(f"{name}: the {key} of cell {number} is not what the text says")
        faults += [f"{name}: cell {number} {fault}" for fault in _output_faults(theirs)]
    return faults


def check_contents(pages: list[Page], index: Path) -> list[str]:
    """One line if the contents page is not what a build would write."""
    fresh = contents(pages, index) == index.read_text(encoding="utf-8")
    return [] if fresh else [f"{index.name} is out of date: run make book"]


def check_tables(root: Path) -> list[str]:
    """One line for each table of the back matter that is not what a build would write."""
    return [
        f"{path.name} is out of date: run make book"
        for path, text in tables(root).items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """The code cells of a notebook, in order."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _output_faults(cell: NotebookNode) -> list[str]:
    if cell.cell_type != "code":
        return []
    faults = [] if cell.execution_count else ["was never executed"]
    for output in cell.outputs:
        if output.output_type == "error":
            faults.append("holds an error")
        if output.get("name") == "stderr":
            faults.append("wrote to stderr")
        if WIDGET in output.get("data", {}):
            faults.append("holds a widget's view")
    return faults
