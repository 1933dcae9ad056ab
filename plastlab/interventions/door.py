"""What is checked of a reader's own intervention before it may join a condition."""

import difflib
import inspect
from dataclasses import fields
from functools import lru_cache
from typing import Any, ClassVar, get_origin

from plastlab.errors import check_type
from plastlab.interventions.base import MOMENTS, Intervention

TAKES = dict.fromkeys(MOMENTS, "(self, s, mem)")
TAKES |= {"act": "(self, s)", "network": "(self, spec)", "optimizer": "(self, settings)"}
PREFIXES = ("at_", "on_", "before_", "after_")
PARAMETERS = "__dataclass_params__"  # what @dataclass leaves on the class that it decorates
NEAR = 0.7  # how alike two names are, from 0 to 1, if one is taken for the other misspelt


def check_intervention(given: Any) -> Intervention:
    """Return `given` if it is an intervention whose moments can be called.

    Raises:
        TypeError: it is none; a moment is misspelt or takes other arguments; settings that are no
            fields, or that could change.
    """
    remedy = "Write condition + ReDo(), with the parentheses."
    check_type("Condition: intervention", given, Intervention, remedy)
    if not is_ours(given):
        _check_class(type(given))
        _check_settings(given)
    return given


def is_ours(intervention: Intervention) -> bool:
    """Whether its class is one of the package's."""
    return type(intervention).__module__.startswith("plastlab.")


@lru_cache
def _check_class(kind: type) -> None:
    for own in kind.__mro__[: kind.__mro__.index(Intervention)]:
        if not own.__module__.startswith("plastlab."):
            for name, value in vars(own).items():
                _check_name(own.__name__, name, value)
            _check_decorated(own)


def _check_name(kind: str, name: str, value: Any) -> None:
    """Raise if this is a moment that cannot be called, or a method that is meant for one."""
    if name in TAKES:
        if not callable(value) or not _takes(value, TAKES[name]):
            has = inspect.signature(value) if callable(value) else f"is {value!r}"
            raise TypeError(
                f"{kind}.{name} must be a method that takes {TAKES[name]}; it {has}. It is called "
                "at its moment with these; give settings and helpers other names."
            )
    elif inspect.isfunction(value) and not name.startswith("_") and name not in vars(Intervention):
        near = difflib.get_close_matches(name, TAKES, n=1, cutoff=NEAR)
        if near or name.startswith(PREFIXES):
            hint = f"Did you mean {near[0]!r}? " if near else ""
            raise TypeError(
                f"{kind}.{name} would never be called: the moments are {', '.join(TAKES)}. {hint}A "
                f"helper of your own begins with an underscore, _{name}."
            )


def _takes(value: Any, arguments: str) -> bool:
    """Whether it can be called as a method with these arguments."""
    count = arguments.count(",") + 1
    if isinstance(value, (staticmethod, classmethod)):
        value, count = value.__func__, count - isinstance(value, staticmethod)
    try:
        inspect.signature(value).bind(*range(count))
    except TypeError:
        return False
    return True


def _check_decorated(own: type) -> None:
    settings = [
        n for n, kind in vars(own).get("__annotations__", {}).items() if not _of_class(kind)
    ]
    if settings and "__dataclass_params__" not in vars(own):
        raise TypeError(
            f"{own.__name__} declares the setting {settings[0]!r} but is no dataclass: write "
            "@dataclass(frozen=True) above its class line."
        )


def _of_class(kind: Any) -> bool:
    return "ClassVar" in kind if isinstance(kind, str) else get_origin(kind) or kind is ClassVar


def _check_settings(given: Intervention) -> None:
    """Raise if settings are not all fields with values that stay what they are."""
    kind, names = type(given).__name__, [field.name for field in fields(given)]
    loose = sorted(set(vars(given)) - set(names))
    if loose and PARAMETERS not in vars(type(given)):
        raise TypeError(
            f"{kind} keeps {loose[0]!r} on itself, and two of it would look equal. "
            "Settings are fields of a @dataclass(frozen=True); what it remembers belongs into mem."
        )
    for name in names:
        if isinstance(getattr(given, name), (list, dict, set)):
            got = getattr(given, name)
            raise TypeError(
                f"{kind}.{name} must be a value that cannot change; got {got!r}. Give a tuple."
            )
