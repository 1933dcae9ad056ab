"""Fingerprint: specs, in bytes: two have the same if the same numbers come out of them.

They are described by their content, arrays included. Their classes and functions are described by
their names, so these must be the very attributes of plastlab's modules: names can be copied, and
are not believed. What such code does is described in `present_code`.
"""

import functools
import hashlib
import sys
import types
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import torch

PLAIN = (type(None), bool, int, float, complex, str, bytes, type(...), range, slice, torch.dtype)
KINDS = {
    tuple: "sequence",
    list: "sequence",
    set: "set",
    frozenset: "set",
    dict: "mapping",
    torch.Tensor: "array",
    np.ndarray: "array",
    functools.partial: "partial",
    types.FunctionType: "function",
    types.MethodType: "method",
    types.CodeType: "code",
    property: "property",
    classmethod: "inner",
    staticmethod: "inner",
    type(functools.lru_cache(len)): "inner",
}


class Foreign(Exception):
    """A reader's own code is in what was to be described; the message says which."""


def of_specs(*specs: Any) -> tuple[bytes, frozenset[str]]:
    """Streams, conditions, probes, numbers: a digest of them, and the names of the modules that
    their classes and functions stand in.

    Raises:
        Foreign: a part of them is not plastlab's own, or was changed.
    """
    look = _Specs()
    return look.of(specs), frozenset(look.homes)


def digest(*parts: bytes | memoryview) -> bytes:
    """16 bytes that depend on every part and on where it ends."""
    whole = hashlib.blake2b(digest_size=16)
    for part in parts:
        whole.update(len(part).to_bytes(8, "little"))
        whole.update(part)
    return whole.digest()


def full_name(thing: Any) -> bytes:
    """The full name of a function or a class, or of the class of anything else."""
    named = thing if hasattr(thing, "__qualname__") else type(thing)
    return f"{getattr(named, '__module__', '')}.{named.__qualname__}".encode()


class Look:
    """One look at values: how each kind is described."""

    def of(self, value: Any) -> bytes:
        """Any value."""
        kind = type(value)
        if kind in PLAIN:
            return f"{kind.__name__} {value!r}".encode()
        if kind in KINDS:
            return getattr(self, KINDS[kind], self.other)(value)
        if isinstance(value, np.generic):
            return self.array(np.asarray(value))
        if isinstance(value, tuple):  # with names
            return digest(self.type(kind), self.sequence(value))
        return self.type(value) if isinstance(value, type) else self.instance(value)

    def sequence(self, values: Iterable[Any]) -> bytes:
        """Values whose order counts."""
        return digest(type(values).__name__.encode(), *map(self.of, values))

    def set(self, values: Iterable[Any]) -> bytes:
        """Values without an order."""
        return digest(b"set", *sorted(map(self.of, values)))

    def mapping(self, values: dict[Any, Any]) -> bytes:
        """Keys and values, in their order."""
        return digest(b"dict", *(self.of(part) for pair in values.items() for part in pair))

    def array(self, value: Any) -> bytes:
        """A tensor or an array, by its numbers."""
        try:
            array = np.asarray(value.detach() if isinstance(value, torch.Tensor) else value)
        except (TypeError, RuntimeError) as error:  # on another device, sparse, bfloat16
            raise Foreign(
                f"a tensor of {value.dtype} on {value.device} is not looked into"
            ) from error
        if array.dtype.hasobject:
            return self.sequence(array.tolist())
        numbers = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
        return digest(f"{array.dtype.str} {array.shape}".encode(), numbers)

    def partial(self, value: functools.partial) -> bytes:
        """A function with some arguments given."""
        return self.sequence((value.func, value.args, value.keywords))

    def method(self, value: types.MethodType) -> bytes:
        """A function with what it is bound to."""
        return self.sequence((value.__func__, value.__self__))

    def instance(self, value: Any) -> bytes:
        """An object: a spec, which is a frozen dataclass, by all that it holds."""
        kind = type(value)
        described = self.type(kind)
        if not (is_dataclass(kind) and kind.__dataclass_params__.frozen):
            return self.other(value)
        own = {field.name: getattr(value, field.name) for field in fields(kind)}
        own |= getattr(value, "__dict__", {})  # and what was worked out from them, or put there
        return digest(described, *(self.of(part) for pair in own.items() for part in pair))

    def function(self, function: types.FunctionType) -> bytes:
        """A function."""
        raise NotImplementedError

    def type(self, kind: type) -> bytes:
        """A class."""
        raise NotImplementedError

    def other(self, value: Any) -> bytes:
        """An object of any other kind."""
        raise NotImplementedError


class _Specs(Look):
    def __init__(self) -> None:
        self.homes: set[str] = set()

    def function(self, function: types.FunctionType) -> bytes:
        self.homes.add(_home(function))
        return full_name(function)

    def type(self, kind: type) -> bytes:
        self.homes.add(_home(kind))
        return full_name(kind)

    def other(self, value: Any) -> bytes:
        raise Foreign(f"a {type(value).__name__} could hide anything")


def _home(thing: Any) -> str:
    """The module of plastlab that has this function or class as its attribute."""
    home = str(thing.__module__)
    if not home.startswith("plastlab."):
        raise Foreign(f"{thing.__name__} is your own code")
    if vars(sys.modules.get(home, types)).get(thing.__qualname__) is not thing:
        raise Foreign(
            f"{thing.__name__} is not the one of {home}, but changed, wrapped or reloaded"
        )
    return home
