"""The commands, the way to JupyterLab, and what happens when something is missing."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from plastlab import cli, machine, start
from plastlab.requirements import ROOT

COMMANDS = list(cli.COMMANDS)


def command(*words):
    line = [sys.executable, "-m", "plastlab", *words]
    return subprocess.run(line, capture_output=True, text=True, cwd=ROOT)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main([name, "--help"])
    assert ended.value.code == 0
    assert cli.COMMANDS[name][1] in capsys.readouterr().out


def test_no_command_and_a_wrong_command_say_which_there_are(capsys):
    for words in ([], ["dotcor"]):
        with pytest.raises(SystemExit) as ended:
            cli.main(words)
        assert ended.value.code == 2
        assert "command" in capsys.readouterr().err


def test_an_unknown_flag_is_refused_except_by_lab(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["doctor", "--prot", "1"])
    assert ended.value.code == 2
    assert "doctor does not know --prot 1" in capsys.readouterr().err


@pytest.fixture
def taken():
    """A port on which somebody else listens."""
    with socket.create_server(("127.0.0.1", machine.free_port(9100))) as server:
        yield server.getsockname()[1]


CONFIGURED = """
c.ServerApp.root_dir = c.FileContentsManager.root_dir = {home!r}
c.ServerApp.preferred_dir = c.FileContentsManager.preferred_dir = {home!r}
c.ServerApp.base_url, c.ServerApp.port, c.ServerApp.ip = "/base/", 7777, "0.0.0.0"
c.ServerApp.default_url = c.LabApp.default_url = "/lab/tree/elsewhere.md"
c.IdentityProvider.token = "mine"
c.PasswordIdentityProvider.hashed_password = "sha1:358913c201be:e9582c8f8d4cd5494aa915ebc945f"
"""


@pytest.fixture
def lab(tmp_path):
    """A function that starts `lab` and returns the server, and what it says before the server
    speaks."""
    running = []

    def begin(port, lines, **changes):
        env = {**os.environ, "JUPYTER_TOKEN": "secret", "PATH": "/nonexistent", **changes}
        for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY", "IPYTHONDIR"):
            env.pop(name, None)
        words = [sys.executable, "-m", "plastlab", "lab", "--port", str(port)]
        with (tmp_path / "log").open("w") as log:
            running.append(
                subprocess.Popen(
                    words, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=log, text=True
                )
            )
        return running[0], [next(running[0].stdout).strip() for _ in range(lines)]

    yield begin
    for server in running:
        server.terminate()
        server.communicate(timeout=30)


def private(folder):
    """Jupyter's folders, below one."""
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
    return {"HOME": str(folder), **{name: str(folder / name) for name in names}}


def test_lab_opens_though_port_and_browser_are_missing(taken, lab, tmp_path):
    server, said = lab(taken, 4, **private(tmp_path))
    assert re.fullmatch(rf"Port {taken} is taken; using \d+\.", said[1])
    assert said[2].startswith("No web browser was found on this machine.")
    assert re.fullmatch(r"http://localhost:\d+/lab/tree/chapters/index\.md\?token=secret", said[3])
    assert "JupyterLab" in opened(said[3], server)


def test_lab_opens_beside_a_readers_own_settings_and_without_a_home(lab, tmp_path):
    """The contents page is there, at the address that is printed; theirs are the token and the
    address on which the server listens."""
    (tmp_path / "file").touch()
    homeless = {"HOME": str(tmp_path / "file" / "home"), "TMPDIR": str(tmp_path)}
    place = tmp_path / f"plastlab-{os.getuid()}" / ".jupyter"
    place.mkdir(mode=0o700, parents=True)
    place.parent.chmod(0o700)
    (place / "jupyter_server_config.py").write_text(CONFIGURED.format(home=str(tmp_path)))
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        homeless[name] = ""
    server, said = lab(machine.free_port(9200), 4, **homeless)
    assert said[1].startswith(f"The home folder {homeless['HOME']} cannot be written to: settings")
    assert re.fullmatch(r"http://localhost:\d+/lab/tree/chapters/index\.md\?token=mine", said[3])
    assert "JupyterLab" in opened(said[3], server)
    page = said[3].replace("/lab/tree/", "/api/contents/")
    assert json.loads(opened(page, server))["path"] == "chapters/index.md"


def opened(address, server, seconds=60):
    """The page at an address, as soon as the server answers."""
    for _ in range(seconds * 5):
        assert server.poll() is None, "the server ended"
        try:
            with urllib.request.urlopen(address) as page:
                return page.read().decode()
        except urllib.error.URLError:
            time.sleep(0.2)
    raise AssertionError(f"nothing at {address} after {seconds} s")


def test_flags_reach_jupyterlab_and_replace_ours():
    line = start.server_command(9999, False, ["--ServerApp.log_level=DEBUG", "--debug"])
    assert {"--port=9999", "--no-browser"} <= set(line)
    assert line[-2:] == ["--ServerApp.log_level=DEBUG", "--debug"]
    assert "--ServerApp.log_level=WARN" not in line


def test_with_a_browser_lab_opens_it():
    assert "--no-browser" not in start.server_command(8888, True, [])
    said = start.announcement(8888, 8888, "http://…", browser=True, asked=False)
    assert "opens in your browser" in said
    assert "taken" not in said


@pytest.mark.parametrize(
    ("flags", "found"),
    [
        ([], "http://localhost:9/lab/tree/chapters/index.md?token=t"),
        (["--ip=0.0.0.0"], "http://localhost:9/lab/tree/chapters/index.md?token=t"),
        (["--ip", "10.0.0.7"], "http://10.0.0.7:9/lab/tree/chapters/index.md?token=t"),
        (["--ServerApp.ip=::1"], "http://[::1]:9/lab/tree/chapters/index.md?token=t"),
        (
            ["--ServerApp.base_url=/a/b/"],
            "http://localhost:9/a/b/lab/tree/chapters/index.md?token=t",
        ),
        (["--IdentityProvider.token=u"], "http://localhost:9/lab/tree/chapters/index.md?token=u"),
        (["--certfile=a.pem"], "https://localhost:9/lab/tree/chapters/index.md?token=t"),
    ],
)
def test_the_address_follows_the_flags(flags, found, tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path))
    assert start.address(9, {"token": "t", **start.settings(flags)}) == found


def test_another_folder_of_a_readers_replaces_ours_for_good():
    line = start.server_command(9999, False, ["--ServerApp.root_dir=/a"])
    assert [word for word in line if "_dir" in word] == ["--ServerApp.root_dir=/a"]


@pytest.mark.parametrize("port", [0, -5, 70000])
def test_a_number_that_is_no_port_is_refused(port):
    with pytest.raises(OSError, match=f"no free port between {port} and"):
        machine.free_port(port)


def test_lab_says_that_no_port_is_free():
    done = command("lab", "--port=70000")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "no free port between 70000 and 65535. Give another one with --port.\n"


@pytest.fixture
def bare(tmp_path):
    """A Python without any package, and the book's files beside it."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    shutil.copytree(ROOT / "plastlab", tmp_path / "plastlab")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)

    def run(*words):
        line = [tmp_path / "bare" / "bin" / "python", *words]
        return subprocess.run(line, capture_output=True, text=True, cwd=tmp_path)

    return run


def test_without_dependencies_everything_names_the_command_to_run(bare):
    for words in (["-c", "from plastlab import *"], ["-m", "plastlab", "bench"]):
        done = bare(*words)
        assert done.returncode == 1
        assert "torch" in done.stderr
        assert "run `make lab`" in done.stderr


BLOCKED = """
import sys
from importlib import metadata
names = {names!r}
for name in names:
    sys.modules[name] = None
version = metadata.version
def hidden(name):
    if name in names:
        raise metadata.PackageNotFoundError(name)
    return version(name)
metadata.version = hidden
"""


def test_without_jupyterlab_all_works_but_what_needs_it():
    """As in an environment that only has a kernel, or that trains on a cluster."""
    names = ["jupyterlab", "jupyter_core", "ipykernel", "nbclient", "jupytext", "nbformat"]
    works = "import plastlab.cli; plastlab.run; code = plastlab.cli.main(['catalogue', '--help'])"
    for last, said in (
        (works, "usage: python -m plastlab catalogue"),
        (
            "import plastlab.cli; plastlab.cli.main(['lab'])",
            "plastlab needs jupyterlab, jupyter_core, ipykernel",
        ),
        ("import plastlab.cli; plastlab.cli.main(['claims'])", "plastlab needs jupytext, nbformat"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", BLOCKED.format(names=names) + last],
            capture_output=True,
            text=True,
            cwd=ROOT,
        )
        assert said in done.stdout + done.stderr


def test_doctor_works_without_dependencies(bare):
    done = bare("-m", "plastlab", "doctor")
    assert done.returncode == 1
    assert "FAIL  torch is not installed (needs >=2.4,<2.14)" in done.stdout
    assert "run `make lab`" in done.stdout
    assert done.stderr == ""
