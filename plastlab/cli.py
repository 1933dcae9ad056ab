"""The commands of `python -m plastlab`. A command's module is imported only when it is called."""

import argparse
import importlib
import sys
from collections.abc import Sequence

from plastlab import requirements

COMMANDS = {
    "lab": ("start", "open the book in JupyterLab"),
    "doctor": ("doctor", "check this machine, and say how long the book takes on it"),
    "claims": ("book.ledger", "recompute the claims of the book"),
    "bench": ("bench", "measure the engine against an ordinary PyTorch loop"),
    "tournament": ("tournament", "let every method compete on the same streams"),
    "catalogue": ("book.catalogue", "list the methods, diagnostics and streams"),
    "book": ("book.build", "rebuild the notebooks that changed, or check them"),
    "course": ("book.course", "make a course for nbgrader out of the labs"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 if all is well."""
    argv = list(sys.argv[1:] if argv is None else argv)
    command = argv[0] if argv else ""
    if command != "doctor" and requirements.missing(command):
        print(requirements.advice(command), file=sys.stderr)
        return 1
    parser = _parser(command)
    args, unknown = parser.parse_known_args(argv)
    if unknown and not hasattr(args, "flags"):
        parser.error(f"{args.command} does not know {' '.join(unknown)}; see {args.command} --help")
    args.flags = unknown
    return args.main(args)


def _parser(chosen: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m plastlab", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, (module, summary) in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary)
        if name == chosen:
            imported = importlib.import_module(f"plastlab.{module}")
            imported.add_arguments(command)
            command.set_defaults(main=imported.main)
    return parser
