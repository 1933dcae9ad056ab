"""The command that makes a course for nbgrader out of the labs, for teachers."""

import argparse
from pathlib import Path

import nbformat

from plastlab.book.build import chosen, execute
from plastlab.book.pages import Record, compose, find_pages
from plastlab.book.release import ReleaseError, release
from plastlab.requirements import ROOT

NEXT = """
Hand out   {course}/release
Collect    {course}/submitted/STUDENT/{name}/{name}.ipynb
Then, in {course}:
    nbgrader autograde {name}            marks the tests, one student after the other
    nbgrader formgrader                  (inside JupyterLab) for the answers that you mark
    nbgrader generate_feedback {name}    one page a student, without the hidden tests
    nbgrader export                      all points in a table"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command reads."""
    parser.add_argument("folder", type=Path, help="where the course stands, or shall stand")
    parser.add_argument("names", nargs="*", help="labs to put there, such as 04 (default: all)")


def main(args: argparse.Namespace) -> int:
    """Put labs into a course: executed with solutions, and as students get them. Returns 1 if a
    solution does not run or nbgrader refuses a notebook."""
    course = args.folder.resolve()
    labs = [page for page in find_pages(ROOT) if page.is_lab]
    for page in chosen(labs, args.names):
        name = page.source.stem
        notebook = compose(page, Record())
        try:
            record = execute(page, notebook, "")
            release(nbformat.writes(notebook), name, course)
        except (RuntimeError, ReleaseError) as error:
            print(error)
            return 1
        print(f"{name}: solutions executed in {record.seconds:.0f} s, release written")
        print(NEXT.format(course=course, name=name))
    return 0
