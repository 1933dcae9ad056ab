"""What this machine offers: its speed, its cores, a browser, a free port."""

import errno
import os
import shutil
import socket
import time

# CPU seconds of `_work` on the machine where the book's seconds were first measured
# (one core of a 2-core AMD EPYC virtual machine, torch 2.13, idle).
REFERENCE_SECONDS = 0.091
ABSENT = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)  # of an address that this machine does not have
BROWSERS = ("chromium", "chromium-browser")


def speed(repeats: int = 7) -> float:
    """How many times faster than the reference machine one core of this one is.

    A fixed piece of batched matrix products is timed `repeats` times in CPU seconds, on one thread;
    the best time counts.
    """
    from plastlab.neutral import neutral

    with neutral():
        return REFERENCE_SECONDS / min(_work() for _ in range(repeats))


def _work() -> float:
    """CPU seconds of 200 passes through two layers of 16 replicas, 100 units, 64 examples."""
    import torch

    weight = torch.full((16, 100, 100), 0.01)
    hidden = torch.linspace(-1, 1, 16 * 100 * 64).reshape(16, 100, 64)
    start = time.process_time()
    for _ in range(200):
        torch.bmm(weight, torch.bmm(weight, hidden).relu_())
    return time.process_time() - start


def cores() -> int:
    """How many cores this process may use: in a container or under `taskset` not always all."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def find_browser() -> str | None:
    """Path of a Chromium that the browser tests can drive, or None."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def free_port(first: int = 8888, tries: int = 100, host: str = "localhost") -> int:
    """The first port from `first` on that nothing listens on; of every address if `host` is "".

    Raises:
        OSError: `first` is no port (they go from 1 to 65535), none of `tries` ports is free, or
            `host` is no address of this machine.
    """
    last = min(first + tries - 1, 65535)
    for port in range(first, last + 1) if first > 0 else ():
        if _is_free(port, host):
            return port
    raise OSError(f"no free port between {first} and {last}. Give another one with --port.")


def _is_free(port: int, host: str) -> bool:
    """Whether a server could bind the port on every address that the host's name stands for and
    that is there: a name may stand for one of IPv6 where that is switched off, as Docker does."""
    here = 0
    for family, kind, protocol, _, address in _addresses(port, host):
        try:
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
                here += 1
        except OSError as error:
            if error.errno not in ABSENT:
                return False
    if not here:
        raise OSError(f"{host} is no address of this machine. Give one, such as --ip=127.0.0.1.")
    return True


def _addresses(port: int, host: str) -> list[tuple]:
    try:
        return socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (socket.gaierror, UnicodeError):
        return []
