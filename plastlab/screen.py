"""Who looks at what this process shows: a reader who can answer and turn controls, or nobody."""

import os
import sys
from pathlib import Path
from typing import Any

STILLS = "PLASTLAB_STILLS"  # set by builds, tests, grading: what runs notebooks without a reader


def kernel_shell() -> Any:
    """The shell of the Jupyter kernel that this process is, of whatever front end; else None."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell if hasattr(shell, "kernel") else None


def headless() -> bool:
    """Whether nobody can answer: no kernel runs here, or PLASTLAB_STILLS asks for stills, with all
    outcomes shown."""
    return bool(os.environ.get(STILLS)) or kernel_shell() is None


def watched() -> bool:
    """Whether a front end or a terminal would show a progress bar."""
    return not headless() or sys.stderr.isatty()


def page() -> str:
    """The name of the notebook that this kernel serves, without folder and ending; "" if the front
    end does not say. Jupyter's server and VS Code do."""
    shell = kernel_shell()
    told = shell.user_ns.get("__vsc_ipynb_file__") if shell else None
    return Path(told or os.environ.get("JPY_SESSION_NAME", "")).stem
