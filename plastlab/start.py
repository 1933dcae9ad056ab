"""The command behind `make lab`: open JupyterLab on the contents page."""

import argparse
import os
import secrets
import sys
import webbrowser

from plastlab.machine import free_port
from plastlab.requirements import ROOT

PAGE = "chapters/index.md"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags that this command reads; every other flag goes to JupyterLab."""
    parser.add_argument("--no-browser", action="store_true", help="print the address, open nothing")
    parser.add_argument("--port", type=int, default=8888, help="the port to try first")
    parser.set_defaults(flags=[])


def main(args: argparse.Namespace) -> int:
    """Say where the book is, then become the JupyterLab server. Returns 1 if no port is free."""
    try:
        port = free_port(args.port)
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    token = os.environ.setdefault("JUPYTER_TOKEN", secrets.token_hex(16))
    browser = not args.no_browser and has_browser()
    print(announcement(args.port, port, token, browser, args.no_browser), flush=True)
    os.chdir(ROOT)
    command = server_command(port, browser, args.flags)
    return os.execv(command[0], command)


def has_browser() -> bool:
    """Whether Python knows a web browser that it could open here."""
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True


def announcement(wanted: int, port: int, token: str, browser: bool, asked: bool) -> str:
    """What a reader needs to know before the server's own lines: the address, and whether a
    browser opens it. `asked` says that the reader wanted no browser."""
    address = f"http://localhost:{port}/lab/tree/{PAGE}?token={token}"
    lines = [f"Port {wanted} is taken; using {port}."] if port != wanted else []
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
    settings = ["--ServerApp.log_level=WARN", f"--LabApp.default_url=/lab/tree/{PAGE}"]
    given = {flag.split("=")[0] for flag in flags}
    command = [sys.executable, "-m", "jupyterlab", f"--port={port}"]
    command += [setting for setting in settings if setting.split("=")[0] not in given]
    if not browser:
        command.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    return command + flags
