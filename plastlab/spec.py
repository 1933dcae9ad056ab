"""What all specs share: their numbers are Python's own, whatever kind of number was given."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from fractions import Fraction
from functools import wraps
from numbers import Integral
from typing import Any, get_args

import numpy as np


@dataclass(frozen=True, eq=False)
class Spec:
    """A frozen description. `Adam(np.float64(1e-3))`, and `SGD(momentum=0)` for 0.0, are then equal
    in every way to what they look like: as settings, as text and as a place in the cache.

    NumPy's scalars become Python's before a spec checks its fields, and whole numbers in fields
    for real ones become floats after.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__post_init__" in vars(cls):
            cls.__post_init__ = _kept(cls.__post_init__)

    def __post_init__(self) -> None:
        _change(self, plain)
        _change(self, _real)


def known_elsewhere_as(**remedies: str) -> Callable[[type], type]:
    """Let a spec say what to write for a setting that has this name in another library."""

    def explain(kind: type) -> type:
        make = kind.__init__

        @wraps(make)
        def explained(self: Spec, *args: Any, **settings: Any) -> None:
            for name in remedies.keys() & settings.keys():
                raise TypeError(f"{kind.__name__} has no setting {name!r}; {remedies[name]}")
            make(self, *args, **settings)

        kind.__init__ = explained
        return kind

    return explain


def _kept(check: Any) -> Any:
    @wraps(check)
    def checked(self: Spec) -> None:
        _change(self, plain)
        check(self)
        _change(self, _real)

    return checked


def _change(spec: Spec, change: Any) -> None:
    for field in fields(spec):
        if hasattr(spec, field.name):  # some are filled in by the spec itself
            given = getattr(spec, field.name)
            kept = change(given, field.type)
            if kept is not given:
                object.__setattr__(spec, field.name, kept)


def plain(given: Any, kind: Any = None) -> Any:
    """A NumPy scalar or a fraction, or a tuple with such, as Python's own."""
    if isinstance(given, np.generic):
        return given.item()
    if isinstance(given, Fraction):
        return float(given)
    if type(given) is tuple:
        return tuple(plain(each, kind) for each in given)
    return given


def _real(given: Any, kind: Any) -> Any:
    """A number in a field for real ones as a float."""
    kinds = get_args(kind) or (kind,)
    if float not in kinds or int in kinds or ... in kinds or isinstance(given, (bool, float)):
        return given
    whole = isinstance(given, Integral) and abs(given) < 2**1000  # larger ones are no floats
    return float(given) if whole else given
