"""Whether somebody is looking at what this process shows."""

import os
import sys


def headless() -> bool:
    """Whether no front end is there: Jupyter names the session of a kernel that has one."""
    return "JPY_SESSION_NAME" not in os.environ


def watched() -> bool:
    """Whether a front end or a terminal would show a progress bar."""
    return not headless() or sys.stderr.isatty()
