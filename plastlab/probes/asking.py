"""Asking a probe: numbers come in one form, and a reader's own probe only looks."""

import reprlib
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from plastlab.probes.base import Probe, is_ours, probe_name
from plastlab.state import State

Tensor = torch.Tensor


class Asker:
    """Asks probes about one state. The package's own are not watched: tests hold them to the
    rules."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._asked: set[int] = set()

    def __call__(self, probe: Probe) -> Tensor:
        """The probe's numbers, one a replica [R].

        Raises:
            ValueError: it gives something else, writes to what it looks at, or draws random numbers
                that no seed decides.
        """
        count = len(self._state.seeds)
        if is_ours(probe):
            return one_each(probe, probe(self._state), count)
        before = self._state.versions()
        values = one_each(probe, self._answer(probe), count)
        now = self._state.versions()
        if written := [name for name, version in before.items() if now[name] != version]:
            raise ValueError(
                f"the probe {probe_name(probe)!r} writes to {', '.join(written)}; a probe only "
                "looks. Let it work on a copy, such as s.weights.clone()."
            )
        return values

    def _answer(self, probe: Probe) -> Any:
        """What it gives; the first time, its random numbers are looked at."""
        if id(probe) in self._asked:
            return probe(self._state)
        self._asked.add(id(probe))
        try:
            with Keyed():
                return probe(self._state)
        except Unkeyed as error:
            raise ValueError(
                f"the probe {probe_name(probe)!r} draws random numbers ({error}) from torch's "
                "global generator, so they depend on what ran before. Draw them by seed: "
                'plastlab.rng.normal(shape, s.seeds, "a name", s.step).'
            ) from None


class Unkeyed(Exception):
    """A random number that no seed decides."""


class Keyed(TorchDispatchMode):
    """While it holds, in this thread, torch's global generator gives no random numbers."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Whether torch is to load its compiler, which takes a second, to leave this uncompiled."""
        return False

    def __torch_dispatch__(
        self, op: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Do the operation, unless it draws from that generator."""
        given = (*args, *(kwargs or {}).values())
        draws = torch.Tag.nondeterministic_seeded in op.tags
        if draws and not any(isinstance(one, torch.Generator) for one in given):
            raise Unkeyed(op.name().removeprefix("aten::").partition(".")[0])
        return op(*args, **(kwargs or {}))


def one_each(probe: Probe, values: Any, count: int) -> Tensor:
    """What a probe gave as numbers, one a replica [R]: a tensor, an array or a list of them.

    Raises:
        ValueError: there are more or fewer, or they are no real numbers.
    """
    found = _tensor(values)
    if found is None or found.shape != (count,) or found.is_complex() or not found.is_cpu:
        got = f"shape {list(values.shape)}" if hasattr(values, "shape") else reprlib.repr(values)
        kind = getattr(values, "dtype", type(values).__name__)
        raise ValueError(
            f"the probe {probe_name(probe)!r} must give one real number a replica [{count}], "
            f"all conditions' seeds in one row; got {got} ({kind}). Reduce over all axes but the "
            "first, such as s.logits.mean((1, 2))."
        )
    if found.dtype == torch.bfloat16 or found.dtype == torch.bool:
        return found.float()
    return found if found.is_floating_point() else found.double()


def _tensor(values: Any) -> Tensor | None:
    """The numbers as a tensor that needs no gradient, or None if they are none."""
    if isinstance(values, Tensor):
        return values.detach()
    if isinstance(values, (list, tuple)) and any(isinstance(value, Tensor) for value in values):
        values = [value.detach() if isinstance(value, Tensor) else value for value in values]
    try:
        array = np.array(values, order="C")
    except (TypeError, ValueError):  # lists of different length, arrays on another device
        return None
    return torch.from_numpy(array) if array.dtype.kind in "biufc" else None
