"""A real JupyterLab and a real Chromium; without a Chromium these tests are skipped, or fail if
PLASTLAB_REQUIRE_BROWSER is set."""

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest
from lab import Notebook

from plastlab.screen import STILLS
from plastlab.start import server_command

REPO = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
START_SECONDS = 60


def pytest_collection_modifyitems(config, items):
    if CHROMIUM or os.environ.get("PLASTLAB_REQUIRE_BROWSER"):
        return
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="no Chromium found: apt-get install chromium"))


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    assert CHROMIUM, "PLASTLAB_REQUIRE_BROWSER is set, but there is no chromium on the PATH"
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": FLAGS}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args):
    return {**browser_context_args, "viewport": {"width": 1300, "height": 1000}}


@dataclass(frozen=True)
class Server:
    url: str
    token: str
    root: Path


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """JupyterLab, on a copy of the book and with a home of its own."""
    home = tmp_path_factory.mktemp("home")
    root = home / "book"
    for folder in ("chapters", "labs"):
        if (REPO / folder).exists():
            shutil.copytree(REPO / folder, root / folder)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    running = Server(f"http://127.0.0.1:{port}", "test", root)
    private = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    env = {**os.environ, "HOME": str(home), **{name: str(home / name) for name in private}}
    del env[STILLS]
    flags = [f"--ServerApp.root_dir={root}", "--IdentityProvider.token=test"]
    flags += ["--ServerApp.port_retries=0", "--ServerApp.ip=127.0.0.1"]
    command = server_command(port, browser=False, flags=flags)
    with (home / "server.log").open("w") as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_for(running, home / "server.log")
        yield running
    finally:
        process.terminate()
        process.wait(20)


def wait_for(server, log):
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"{server.url}/api/status?token={server.token}", timeout=1)
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"JupyterLab did not answer within {START_SECONDS} s:\n{log.read_text()[-2000:]}")


@pytest.fixture
def notebook(page, server):
    """A page of the book: `notebook.open(path)`, or `notebook.write(cells)` for one of our own."""
    opened = Notebook(page, server)
    yield opened
    opened.stop_kernels()


@pytest.fixture(scope="module")
def chapter(browser, browser_context_args, server):
    """Chapter 00, opened from the contents page by a click, and run."""
    page = browser.new_context(**browser_context_args).new_page()
    opened = Notebook(page, server)
    page.goto(f"{server.url}/lab/tree/chapters/index.md?token={server.token}&reset")
    page.get_by_role("link", name="00 Start here").click(timeout=60_000)
    opened.wait_until_idle()
    opened.run_all(seconds=300)
    yield opened
    opened.stop_kernels()
    page.context.close()
