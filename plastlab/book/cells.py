"""Running code cells without Jupyter: in one IPython shell, in order."""

import json
import os
import sys
import traceback
from contextlib import ExitStack
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from plastlab.cluster import cluster
from plastlab.dispatch import executing_on


def run_cells(folder: str, cells: list[dict[str, Any]]) -> None:
    """Run `cells`, each with its source and tags, in `folder`, as a notebook would.

    A cell with the tag "raises-exception" may raise. If another one does, its source and traceback
    go to stderr and the process ends with code 1.
    """
    shell = InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}))
    os.chdir(folder)
    for number, cell in enumerate(cells, start=1):
        done = shell.run_cell(cell["source"], store_history=True)
        error = done.error_before_exec or done.error_in_exec
        if error and "raises-exception" not in cell["tags"]:
            lines = "".join(traceback.format_exception(error))
            print(f"Code cell {number}:\n\n{cell['source']}\n\n{lines}", file=sys.stderr)
            sys.exit(1)


if __name__ == "__main__":
    folder, *address = sys.argv[1:]
    with ExitStack() as stack:
        for each in address:  # the cluster on which the cells' runs train, if there is one
            stack.enter_context(executing_on(stack.enter_context(cluster(each))))
        run_cells(folder, json.load(sys.stdin))
