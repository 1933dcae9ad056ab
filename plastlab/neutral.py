"""Neutral: the state of a session neither enters numbers nor is changed by them.

Inside, the settings of torch, NumPy and Python that numbers or their speed depend on are those of
a new session with one thread; outside, they are what they were.
"""

import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from threadpoolctl import ThreadpoolController

from plastlab.guard import Guard

TURN = 5e-4  # seconds after which a thread gives up Python's lock to one that waits: 10 to 15 %
# more work on two cores than with Python's 5e-3


class neutral(Guard):
    """A context, or a decorator, for whatever trains or measures.

    The settings of the whole process are put back when the last thread leaves, to what the first
    one found, in whatever order threads come and go; those of a thread when it leaves.
    """

    def begin(self) -> None:
        """Settle everything."""
        with ExitStack() as undo:
            _enter()
            undo.callback(_leave)
            _settle_thread(undo)
            self._undo = undo.pop_all()

    def end(self) -> None:
        """Put it back."""
        self._undo.close()


class settled(Guard):
    """The same for the settings of the process alone: for a thread that hands work to others, which
    settle themselves. Some builds of OpenBLAS take a number of threads from no other thread than
    the one that gave the first."""

    def begin(self) -> None:
        """Settle the process."""
        _enter()

    def end(self) -> None:
        """Put it back."""
        _leave()


class Setting(NamedTuple):
    """A setting of the whole process, and what it is to be inside."""

    read: Callable[[], Any]
    write: Callable[[Any], object]
    inside: Any


def _attribute(owner: Any, name: str, inside: Any) -> Setting:
    return Setting(lambda: getattr(owner, name), lambda value: setattr(owner, name, value), inside)


def _precision(owner: Any) -> Setting:
    """How exactly a kind of float32 operation is done. "none" inherits the answer from a wider
    setting, and is full precision if that says nothing either."""

    def read() -> str:
        found = owner.fp32_precision
        return "ieee" if found == "none" else found

    def write(value: str) -> None:
        owner.fp32_precision = "none"
        if read() != value:
            owner.fp32_precision = value

    return Setting(read, write, "ieee")


def _precisions() -> list[Setting]:
    kinds = [getattr(torch.backends.mkldnn, name, None) for name in ("matmul", "conv", "rnn")]
    if None in kinds:  # before torch 2.9
        read, write = torch.get_float32_matmul_precision, torch.set_float32_matmul_precision
        return [Setting(read, write, "highest")]
    return [_precision(kind) for kind in kinds]


def _einsum() -> list[Setting]:
    """torch contracts three and more factors in another order where opt_einsum is installed."""
    installed = torch.backends.opt_einsum.is_available()
    return [_attribute(torch.backends.opt_einsum, "enabled", False)] if installed else []


@cache
def _settings() -> tuple[Setting, ...]:
    """All of them. Which libraries have threads is looked up when somebody first trains: by then,
    all are loaded."""
    libraries = ThreadpoolController().select(user_api="blas").lib_controllers
    return (
        Setting(torch.get_default_dtype, torch.set_default_dtype, torch.float32),
        Setting(torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode, 0),
        Setting(
            lambda: (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()),
            lambda value: torch.set_anomaly_enabled(*value),
            (False, True),
        ),
        *_precisions(),
        *_einsum(),
        _attribute(torch.backends.mkldnn, "enabled", torch.backends.mkldnn.is_available()),
        _attribute(torch.backends.mkldnn, "deterministic", False),
        Setting(
            torch.backends.mha.get_fastpath_enabled, torch.backends.mha.set_fastpath_enabled, True
        ),
        Setting(torch.backends.cuda.flash_sdp_enabled, torch.backends.cuda.enable_flash_sdp, True),
        Setting(torch.backends.cuda.math_sdp_enabled, torch.backends.cuda.enable_math_sdp, True),
        Setting(sys.getswitchinterval, sys.setswitchinterval, TURN),
        Setting(
            lambda: [library.get_num_threads() for library in libraries],
            lambda numbers: [b.set_num_threads(n) for b, n in zip(libraries, numbers, strict=True)],
            [1] * len(libraries),
        ),
    )


_LOCK = threading.Lock()
_HERE = threading.local()  # `depth`: entries of this thread
_inside = 0  # entries of all threads
_outside: list[tuple[Setting, Any]] = []  # what the first of them found
_threads = 0  # the number of torch's threads that it found


def _enter() -> None:
    """Settle the process."""
    global _inside, _threads
    with _LOCK:
        found = [(setting, setting.read()) for setting in _settings()]
        if not _inside:
            _outside[:], _threads = found, torch.get_num_threads()
        _inside += 1
        for setting, value in found:
            if value != setting.inside:
                setting.write(setting.inside)


def _leave() -> None:
    """Put the process back if this is the last one."""
    global _inside
    with _LOCK:
        _inside -= 1
        for setting, value in _outside if not _inside else ():
            if setting.read() != value:
                setting.write(value)


def _settle_thread(undo: ExitStack) -> None:
    """Settle this thread, and note how to put it back. NumPy does not warn of numbers that
    overflow: a replica that diverges is reported at the end of its run."""
    undo.enter_context(torch.inference_mode(False))  # and gradients can be taken
    undo.enter_context(np.errstate(all="ignore"))
    undo.callback(torch.set_autocast_enabled, "cpu", torch.is_autocast_enabled("cpu"))
    torch.set_autocast_enabled("cpu", False)
    if torch.empty(0).device.type != "cpu":
        undo.enter_context(torch.device("cpu"))
    undo.callback(torch.set_flush_denormal, _flushes())
    torch.set_flush_denormal(True)
    _use_one_thread(undo)


def _flushes() -> bool:
    """Whether this thread takes denormal numbers for zero. Inside it does: a dead unit's Adam
    moments decay into them and would slow the optimizer. There is nothing to ask, so: compute."""
    return sys.float_info.min / 2 == 0.0


def _use_one_thread(undo: ExitStack) -> None:
    """Tiny tensors are many times slower with more threads on a busy machine.

    torch keeps the number thread by thread, and a new thread begins with the one that was set last
    anywhere. In company that may be ours: then this thread is left with the first one's number.
    """
    depth = getattr(_HERE, "depth", 0)
    _HERE.depth = depth + 1
    undo.callback(setattr, _HERE, "depth", depth)
    own = torch.get_num_threads()
    if own == 1 and not depth:
        own = _threads
    undo.callback(torch.set_num_threads, own)
    torch.set_num_threads(1)
