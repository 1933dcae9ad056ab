"""The home folder, where Jupyter, IPython and the cache keep files: one is found in any case."""

import os
import stat
import tempfile
from pathlib import Path


def settle() -> str:
    """Let HOME be a folder that can be written to. If it is none (a container that runs as an
    unknown user), let it be a temporary one, and return a sentence that says so, else ""."""
    home = Path(os.path.expanduser("~"))
    if os.name != "posix" or _is_usable(home):
        return ""
    os.environ["HOME"] = str(_temporary())
    return (
        f"The home folder {home} cannot be written to: settings, and results that are kept, go to "
        f"{os.environ['HOME']}. Set HOME to another folder to keep them elsewhere."
    )


def _is_usable(home: Path) -> bool:
    """Whether it can be written to, or made."""
    if not home.is_absolute():  # an unknown user's "~"
        return False
    while not os.path.lexists(home):
        home = home.parent
    return os.path.isdir(home) and os.access(home, os.W_OK | os.X_OK)


def _temporary() -> Path:
    """This user's own folder among the temporary ones: the same one each time, unless somebody
    else has made it."""
    place = Path(tempfile.gettempdir()) / f"plastlab-{os.getuid()}"
    place.mkdir(mode=0o700, exist_ok=True)
    found = place.lstat()
    own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    return place if own and not found.st_mode & 0o077 else Path(tempfile.mkdtemp())
