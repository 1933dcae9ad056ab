"""The command behind `make lab`: open JupyterLab on the contents page."""

import argparse
import os
import secrets
import sys
import webbrowser
from collections.abc import Iterator
from itertools import zip_longest

from plastlab.home import settle
from plastlab.machine import free_port
from plastlab.requirements import ROOT

PAGE = "chapters/index.md"
ANY = ("", "*", "0.0.0.0", "::")  # ways to say: listen on every address
OURS = {
    "ServerApp.log_level": "WARN",
    "ServerApp.base_url": "/",
    "ServerApp.root_dir": ROOT,
    "FileContentsManager.root_dir": ROOT,
    "FileContentsManager.preferred_dir": ROOT,
    "LabApp.default_url": f"/lab/tree/{PAGE}",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags that this command reads; every other flag goes to JupyterLab."""
    parser.add_argument("--no-browser", action="store_true", help="print the address, open nothing")
    parser.add_argument("--port", type=int, default=8888, help="the port to try first")
    parser.set_defaults(flags=[])


def main(args: argparse.Namespace) -> int:
    """Say where the book is, then become the JupyterLab server. Returns 1 if no port is free."""
    moved = settle()
    theirs = settings(args.flags)
    try:
        port = free_port(args.port, host=host(theirs["ip"]))
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    os.environ.setdefault("JUPYTER_TOKEN", secrets.token_hex(16))
    browser = not args.no_browser and has_browser()
    where = address(port, {"token": os.environ["JUPYTER_TOKEN"], **theirs})
    print(announcement(args.port, port, where, browser, args.no_browser, moved), flush=True)
    os.chdir(ROOT)
    command = server_command(port, browser, args.flags)
    return os.execv(command[0], command)


def settings(flags: list[str]) -> dict[str, str]:
    """What the address depends on, of the reader's own settings: those in Jupyter's configuration
    (but for `base_url`, which ours replaces), then those among the flags."""
    from jupyter_core.application import JupyterApp

    found = {"ip": "localhost", "base_url": "/"}
    for name in ("jupyter_server_config", "jupyter_lab_config"):
        app = JupyterApp(config_file_name=name)
        app.load_config_file()
        for part in (app.config.ServerApp, app.config.IdentityProvider):
            found |= {key: part[key] for key in ("ip", "token", "certfile") if key in part}
    given = {_last(flag): value for flag, value in pairs(flags)}
    return found | {
        key: given[key] for key in ("ip", "base_url", "token", "certfile") if key in given
    }


def pairs(flags: list[str]) -> Iterator[tuple[str, str]]:
    """Names and values of flags, written --name=value or --name value."""
    for flag, after in zip_longest(flags, flags[1:], fillvalue=""):
        name, sign, value = flag.partition("=")
        yield name, value if sign else after


def host(ip: str) -> str:
    """The host of a server that listens on `ip`; "" for all."""
    return "" if ip in ANY else ip


def address(port: int, settings: dict[str, str]) -> str:
    """The address of the contents page."""
    name = host(settings["ip"]) or "localhost"
    name = f"[{name}]" if ":" in name else name
    scheme = "https" if settings.get("certfile") else "http"
    base = "/".join(["", *filter(None, settings["base_url"].split("/"))])
    return f"{scheme}://{name}:{port}{base}/lab/tree/{PAGE}?token={settings['token']}"


def has_browser() -> bool:
    """Whether Python knows a web browser that it could open here."""
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True


def announcement(
    wanted: int, port: int, address: str, browser: bool, asked: bool, moved: str = ""
) -> str:
    """What a reader needs to know before the server's own lines: the address, and whether a
    browser opens it. `asked` says that the reader wanted no browser, `moved` where files go."""
    lines = [moved] if moved else []
    lines += [f"Port {wanted} is taken; using {port}."] if port != wanted else []
    if browser:
        lines.append("The book opens in your browser in a few seconds. If it does not, open")
    elif asked:
        lines.append("Open the book in a browser at")
    else:
        lines.append("No web browser was found on this machine. Open the book in any browser at")
    return "\n".join(["", *lines, f"    {address}", "Press Ctrl+C here to stop.", ""])


def server_command(port: int, browser: bool, flags: list[str]) -> list[str]:
    """The command line of the JupyterLab server; a setting among the reader's `flags` replaces
    ours, since JupyterLab refuses to be told the same thing twice."""
    given = {_last(name) for name, _ in pairs(flags)}
    if "root_dir" in given:
        given.add("preferred_dir")  # ours need not lie in the reader's folder
    command = [sys.executable, "-m", "jupyterlab", f"--port={port}"]
    command += [f"--{name}={value}" for name, value in OURS.items() if _last(name) not in given]
    if not browser:
        command.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    return command + flags


def _last(name: str) -> str:
    """ "root_dir" of "--ServerApp.root_dir"."""
    return name.lstrip("-").rpartition(".")[2]
