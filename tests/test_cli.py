"""The commands, the way to JupyterLab, and what happens when something is missing."""

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


def test_lab_opens_though_port_and_browser_are_missing(taken, tmp_path):
    private = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    env = {**os.environ, "HOME": str(tmp_path), **{name: str(tmp_path / name) for name in private}}
    env |= {"JUPYTER_TOKEN": "secret", "PATH": "/nonexistent"}
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        env.pop(name, None)
    line = [sys.executable, "-m", "plastlab", "lab", "--port", str(taken)]
    with (tmp_path / "log").open("w") as log:
        lab = subprocess.Popen(
            line, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        said = [next(lab.stdout).strip() for _ in range(4)]
        assert re.fullmatch(rf"Port {taken} is taken; using \d+\.", said[1])
        assert said[2].startswith("No web browser was found on this machine.")
        assert re.fullmatch(
            r"http://localhost:\d+/lab/tree/chapters/index\.md\?token=secret", said[3]
        )
        assert "JupyterLab" in opened(said[3], lab)
    finally:
        lab.terminate()
        lab.communicate(timeout=30)


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
    said = start.announcement(8888, 8888, "t", browser=True, asked=False)
    assert "opens in your browser" in said
    assert "taken" not in said


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


def test_doctor_works_without_dependencies(bare):
    done = bare("-m", "plastlab", "doctor")
    assert done.returncode == 1
    assert "FAIL  torch is not installed (needs >=2.4,<2.14)" in done.stdout
    assert "run `make lab`" in done.stdout
    assert done.stderr == ""
