"""What this machine offers: its speed, its cores, a browser, a free port."""

import os
import shutil
import socket
import time

# CPU seconds of `_work` on the machine where the book's seconds were first measured
# (one core of a 2-core AMD EPYC virtual machine, torch 2.13, idle).
REFERENCE_SECONDS = 0.091
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


def free_port(first: int = 8888, tries: int = 100) -> int:
    """The first port from `first` on that nothing listens on.

    Raises:
        OSError: `first` is no port (they go from 1 to 65535), or none of `tries` ports is free.
    """
    last = min(first + tries - 1, 65535)
    for port in range(first, last + 1) if first > 0 else ():
        if _is_free(port):
            return port
    raise OSError(f"no free port between {first} and {last}. Give another one with --port.")


def _is_free(port: int) -> bool:
    """Whether a server could bind the port on every address that localhost stands for."""
    for family, kind, protocol, _, address in socket.getaddrinfo(
        "localhost", port, type=socket.SOCK_STREAM
    ):
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(address)
            except OSError:
                return False
    return True
