"""What a probe is, what it is called, and probes with other settings than their own."""

import contextlib
import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import BuiltinFunctionType
from typing import Any

import numpy as np
import torch

from plastlab.errors import check_choice, check_number, check_type
from plastlab.spec import plain
from plastlab.state import State

Tensor = torch.Tensor
Probe = Callable[[State], Tensor]
NO_PROBES = type, BuiltinFunctionType, np.ufunc  # len, np.tanh: a state is nothing for them
CACHED = 2**17  # numbers that stay in a processor's cache while a probe works on them


@dataclass(frozen=True)
class online:
    """A probe averaged over a task's updates, on each batch before the network learns from it.

    `online(accuracy)` is the average online accuracy of the task.
    """

    probe: Probe

    def __post_init__(self) -> None:
        check_probe("online: probe", self.probe)
        if getattr(underlying(self.probe), "follows_an_update", False):
            name = raw_name(self.probe)
            raise ValueError(
                f"online({name}) is not defined: online probes look at each batch "
                "before its update, when its gradient and its update are still to come. Give "
                f"run(..., probes=[{name}], every=...)."
            )

    @property
    def __name__(self) -> str:
        return f"online {probe_name(self.probe)}"

    def __call__(self, s: State) -> Tensor:
        """The probe on one batch [R]."""
        return self.probe(s)


@dataclass(frozen=True, init=False)
class given:
    """A probe with other settings: `given(dormant_units, tau=0.1)`, `given(weight_norm, layer=0)`.

    The settings are part of its name, "dormant units, tau 0.1".
    """

    probe: Callable[..., Tensor]
    settings: tuple[tuple[str, Any], ...]

    def __init__(self, probe: Callable[..., Tensor], **settings: Any) -> None:
        _check_kind("given: probe", probe)
        parameters = inspect.signature(probe).parameters
        own, call = tuple(parameters)[1:], f"given({raw_name(probe)}, ...)"
        if not own or not settings:
            has = f"its settings are {', '.join(own)}" if own else "it has none"
            raise ValueError(f"{call} needs a setting to change; {has}.")
        settings = {name: plain(value) for name, value in settings.items()}
        for name, value in settings.items():
            check_choice(f"{call}: setting", name, own)
            _check_setting(f"{call}: {name}", value, parameters[name].default)
        if is_ours(probe):
            _check_unseen(probe, settings)
        object.__setattr__(self, "probe", probe)
        object.__setattr__(self, "settings", tuple(settings.items()))

    @property
    def __name__(self) -> str:
        changed = (f"{name} {value}" for name, value in self.settings)
        return ", ".join((raw_name(self.probe), *changed))

    def __call__(self, s: State) -> Tensor:
        """The probe with these settings [R]."""
        return self.probe(s, **dict(self.settings))


def underlying(probe: Probe) -> Probe:
    """The function that `online` and `given` were made from."""
    _check_kind("underlying: probe", probe)
    while isinstance(probe, (online, given)):
        probe = probe.probe
    return probe


def is_ours(probe: Probe) -> bool:
    """Whether the function behind it is one of the package's."""
    return getattr(underlying(probe), "__module__", "").startswith("plastlab.")


def probe_name(probe: Probe) -> str:
    """The name of a probe in a result: its function's name, with spaces."""
    _check_kind("probe_name: probe", probe)
    return raw_name(probe).replace("_", " ")


def raw_name(probe: Probe) -> str:
    """Its function's name; a `functools.partial` is named like a `given`, any other callable
    thing by its class."""
    if isinstance(probe, functools.partial):
        changed = (f"{name} {value}" for name, value in probe.keywords.items())
        return ", ".join((raw_name(probe.func), *map(str, probe.args), *changed))
    return getattr(probe, "__name__", type(probe).__name__)


def check_probe(name: str, probe: Any) -> Probe:
    """Return `probe` if it can be asked about a state.

    Raises:
        TypeError: it is no function, or one that needs more than the state.
    """
    _check_kind(name, probe)
    if not _takes(probe, (None,)):
        raise TypeError(
            f"{name} must be functions of the state alone, such as def calm(s): ...; "
            f"{raw_name(probe)} takes {inspect.signature(probe)}. Give settings a default."
        )
    return probe


def _check_kind(name: str, probe: Any) -> None:
    if callable(probe) and not isinstance(probe, NO_PROBES):
        return
    if isinstance(probe, str):
        remedy = f"Write {probe}, without quotes."
    elif isinstance(probe, (torch.Tensor, np.ndarray, float)):
        remedy = "Write accuracy, not accuracy(s): run asks it."
    elif hasattr(probe, "after_step"):
        remedy = "An intervention belongs to a condition: Condition() + ReDo()."
    elif isinstance(probe, type) and issubclass(probe, (online, given)):
        remedy = f"Write {probe.__name__}(accuracy)."
    else:
        remedy = "Write accuracy, dead_units or a function of your own."
    check_type(name, probe, type(check_probe), remedy)


def _takes(function: Callable, arguments: tuple) -> bool:
    """Whether it can be called with these; what cannot be known counts as yes."""
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError:
        return False
    except ValueError:  # a function in C that does not say
        return True
    return True


def _check_setting(name: str, value: Any, default: Any) -> None:
    """Raise unless this is a value that cannot change, and a number where one stands."""
    if isinstance(value, (list, dict, set)):
        raise TypeError(f"{name} must be a value that cannot change; got {value!r}. Give a tuple.")
    if isinstance(default, bool):
        check_type(name, value, bool, "Give True or False.")
    elif isinstance(default, int) or (name.endswith(": layer") and value is not None):
        check_number(name, value, integer=True)
    elif isinstance(default, float):
        check_number(name, value)


class _Looked(Exception):
    """A probe has begun to look at the state."""


class _Unseen:
    def __getattr__(self, name: str) -> None:
        raise _Looked


def _check_unseen(probe: Probe, settings: dict[str, Any]) -> None:
    """The package's probes check their settings before they look at the state, so what is wrong
    with them is said here and not after an hour of training."""
    with contextlib.suppress(_Looked):
        probe(_Unseen(), **settings)


def follows_an_update(probe: Probe) -> Probe:
    """Mark a probe of the last gradient or the last update, which `online` cannot average."""
    probe.follows_an_update = True
    return probe


def hidden(s: State) -> list[Tensor]:
    """Hidden activations of each layer [[R, features, ..., B]].

    Raises:
        ValueError: the network has no hidden layer.
    """
    if not s.hidden:
        raise ValueError(
            "this probe looks at hidden units, and the network has none; use depth >= 1. Of a "
            "Module they are what its activation modules give (nn.ReLU(), nn.Tanh(), ...), so call "
            "one in forward in the place of torch.relu."
        )
    return s.hidden


def chosen(layers: list, layer: int | None) -> list:
    """All layers, or a list of the one with this number (from 0, or from -1 backwards)."""
    if layer is None:
        return layers
    check_number("layer", layer, -len(layers), len(layers) - 1, integer=True)
    return [layers[layer]]


def keep_nan(values: Tensor, source: Tensor) -> Tensor:
    """Values [R], but nan where the numbers [R, n] they were counted from are not finite. Their
    sum tells, many times faster than one look at each."""
    return values.float().masked_fill_(~torch.isfinite(source.sum(1)), torch.nan)


def eigenvalues(matrices: Tensor) -> Tensor:
    """Eigenvalues of symmetric matrices [R, n, n] in rising order [R, n]; nan where a replica
    diverged."""
    if torch.isfinite(matrices.sum()):
        return torch.linalg.eigvalsh(matrices)
    broken = ~torch.isfinite(matrices.sum((1, 2)))
    values = torch.linalg.eigvalsh(matrices.masked_fill(broken[:, None, None], 0.0))
    return values.masked_fill_(broken[:, None], torch.nan)


def entropy_rank(sizes: Tensor) -> Tensor:
    """exp of the entropy of sizes [R, n] scaled to sum 1: how many of them count [R]; 0 where all
    are 0, nan where they are not finite."""
    total = sizes.sum(1)
    shares = sizes / total.clamp_min(1e-300)[:, None]
    return (torch.special.entr(shares).sum(1).exp_() * (total != 0)).float()
