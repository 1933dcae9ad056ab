"""A dask cluster on which a command's runs train: found, looked at, or refused in one sentence."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from plastlab.dispatch import ExecutorError

if TYPE_CHECKING:
    from distributed import Client

EXAMPLE = "tcp://10.0.0.1:8786"
SECONDS = 5  # for the cluster to answer, and for its first worker to come


def add_cluster(parser: Any) -> None:
    """Declare `--cluster`."""
    parser.add_argument(
        "--cluster",
        metavar="ADDRESS",
        help=f"train on a dask cluster, such as {EXAMPLE}",
    )


@contextmanager
def cluster(address: str) -> Iterator[Executor]:
    """The cluster whose scheduler is at `address`, as an executor.

    Raises:
        ExecutorError: it is not there or not a cluster, it has no workers, or they have another
            version of what numbers depend on.
    """
    try:
        from distributed import Client
    except ImportError:
        raise ExecutorError(
            '--cluster needs dask. Install it: `python -m pip install "plastlab[cluster]"`.'
        ) from None
    _reach(address)
    with Client(address, set_as_default=False) as client, client.get_executor() as executor:
        _check(client)
        yield executor


def _reach(address: str) -> None:
    """Raise unless a scheduler answers. A client would try for long, log, and close slowly."""
    fault = "" if _is_whole(address) else "tcp:// and a host and a port (1 to 65535) are needed"
    with _quiet():
        fault = fault or asyncio.run(_fault(address))
    if fault:
        raise ExecutorError(
            "--cluster must be the address of a dask scheduler that is running, such as "
            f"{EXAMPLE}; got {address!r}: {fault}."
        )


async def _fault(address: str) -> str:
    """Why who answers there is no scheduler; "" if it is one."""
    from distributed import rpc

    try:
        async with rpc(address) as remote:
            kind = (await asyncio.wait_for(remote.identity(), SECONDS))["type"]
    except OSError:  # a TimeoutError is one, too
        return f"nobody answered within {SECONDS} s"
    except Exception:  # of any kind: it depends on what answers
        return "what answers there is not dask"
    return "" if kind == "Scheduler" else f"that is a {kind.lower()}'s"


def _is_whole(address: str) -> bool:
    """Whether the address has all parts: dask waits for ever where the port is left out."""
    try:
        parts = urlsplit(address if "://" in address else f"tcp://{address}")
        return parts.scheme in ("tcp", "tls", "ws", "wss") and bool(parts.hostname and parts.port)
    except ValueError:
        return False


@contextmanager
def _quiet() -> Iterator[None]:
    """What dask logs of an address where nobody answers says less than our sentence."""
    log = logging.getLogger("distributed")
    before, log.disabled = log.level, True
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)
        log.disabled = False


def _check(client: "Client") -> None:
    """Raise unless there are workers, and all have what this process has."""
    address = client.scheduler.address
    try:
        client.wait_for_workers(1, timeout=SECONDS)
    except TimeoutError:
        raise ExecutorError(
            f"--cluster: {address} has no workers. Start some: `dask worker {address}`."
        ) from None
    look = _look()
    here = look()
    for worker, there in client.run(look).items():
        for name, version in here.items():
            if there[name] != version:
                raise ExecutorError(
                    f"--cluster: {name} is {there[name]} on the worker {worker}, and {version} "
                    "here. Numbers could differ: install the same on both."
                )


def _look() -> Callable[[], dict[str, str]]:
    """A function that says which versions a process has. It is made here, within another, so that
    dask sends its code and not its name: a worker without plastlab can run it, too."""

    def look() -> dict[str, str]:
        import importlib
        import platform

        def read(module: str, name: str) -> str:
            try:
                found = getattr(importlib.import_module(module), name)
            except (ImportError, AttributeError):
                return "missing"
            return found() if callable(found) else found

        places = {"plastlab": ("plastlab.cache", "code")}
        places |= {name: (name, "__version__") for name in ("torch", "numpy")}
        return {"Python": platform.python_version()} | {n: read(*p) for n, p in places.items()}

    return look
