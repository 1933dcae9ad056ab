"""Argument checks whose messages say name, given, allowed and remedy.

Each check returns the value it was given, so it can stand inside an assignment. A name is written
as the user typed it, "MLP.activation" for a field and "run: seeds" for an argument.
"""

import difflib
import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any


def check_choice(name: str, given: Any, allowed: Iterable[Any]) -> Any:
    """Return `given` if it is one of `allowed`.

    Raises:
        ValueError: it is none of them. The message lists them, and the nearest one if there is one.
    """
    allowed = tuple(allowed)
    if any(type(given) is type(choice) and given == choice for choice in allowed):
        return given
    listed = ", ".join(str(choice) for choice in allowed)
    message = f"{name} must be one of {listed}; got {given!r}."
    near = difflib.get_close_matches(str(given), [str(choice) for choice in allowed], n=1)
    raise ValueError(f"{message} Did you mean {near[0]!r}?" if near else message)


def check_number(
    name: str,
    given: Any,
    low: float | None = None,
    high: float | None = None,
    *,
    integer: bool = False,
    low_open: bool = False,
) -> Any:
    """Return `given` if it is a finite number from `low` to `high`, both included.

    With `integer` it must be a whole number (an int, not 3.0). With `low_open` it must be above
    `low`.

    Raises:
        TypeError: not a number (a bool is not a number here), or not an int where one is needed.
        ValueError: nan, infinite, or out of range.
    """
    kind = Integral if integer else Real
    rule = f"{name} must be {_range(low, high, integer, low_open)}; got {given!r}."
    if isinstance(given, bool) or not isinstance(given, kind):
        raise TypeError(f"{rule} Give {'an int' if integer else 'an int or a float'}.")
    below = low is not None and (given <= low if low_open else given < low)
    above = high is not None and given > high
    if not math.isfinite(given) or below or above:
        raise ValueError(rule)
    return given


def check_type(name: str, given: Any, types: type | tuple[type, ...], remedy: str = "") -> Any:
    """Return `given` if it is an instance of `types`; `remedy` is a sentence that says what to do.

    Raises:
        TypeError: it is not.
    """
    if isinstance(given, types):
        return given
    types = types if isinstance(types, tuple) else (types,)
    wanted = " or ".join(_a(kind.__name__) for kind in types)
    got = f"the class {given.__name__}" if isinstance(given, type) else _short(given)
    raise TypeError(f"{name} must be {wanted}; got {got}. {remedy}".rstrip())


def _range(low: float | None, high: float | None, integer: bool, low_open: bool) -> str:
    kind = "a whole number" if integer else "a finite number"
    parts = []
    if low is not None:
        parts.append(f"above {low:g}" if low_open else f"at least {low:g}")
    if high is not None:
        parts.append(f"at most {high:g}")
    return " ".join([kind, " and ".join(parts)]).rstrip()


def missing(owner: Any, name: str, also: dict[str, str] | None = None) -> AttributeError:
    """The error for an attribute that `owner` does not have, with the nearest name that it has.
    `also` are names that stand elsewhere, and how one gets to them from `owner`."""
    own = [n for n in {*dir(type(owner)), *vars(owner)} if not n.startswith("_")]
    places = {**(also or {}), **{n: n for n in own}}
    near = [] if name.startswith("_") else difflib.get_close_matches(name, places, n=1)
    kind = type(owner).__name__
    hint = f"Did you mean {places[near[0]]!r}?" if near else f"It has {', '.join(sorted(own))}."
    return AttributeError(f"{kind} has no {name!r}. {hint}")


def _a(noun: str) -> str:
    """The noun with its article, by its sound: "an int", "a class", "an SGD", "a UPGD"."""
    spelled = noun[1:2].isupper() or noun[1:2].isdigit()  # its first letter's name is heard
    vowels = "AEFHILMNORSX" if spelled else "AEIOUaeiou"
    return f"{'an' if noun[0] in vowels else 'a'} {noun}"


def _short(given: Any) -> str:
    text = repr(given)
    text = text if len(text) <= 60 else text[:57] + "..."
    return f"{text} ({_a(type(given).__name__)})"
