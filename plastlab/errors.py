"""Argument checks whose messages say name, given, allowed and remedy.

Each check returns the value it was given, so it can stand inside an assignment; a number comes back
as Python's own. A name is written as the user typed it, "MLP.activation" for a field and "run:
seeds" for an argument.
"""

import contextlib
import difflib
import inspect
import math
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np

LARGEST = 2**63 - 1  # that a whole number of 64 bits can be
LONGEST = 1_000_000  # course that a closed form follows step by step
WIDEST = 4096  # matrix that a closed form is compared with
HUGE = 1e50  # beyond this, powers of a number overflow
LOUDEST = 1e6  # noise, in times a fresh network's weights


def check_choice(name: str, given: Any, allowed: Iterable[Any]) -> Any:
    """Return `given` if it is one of `allowed`.

    Raises:
        ValueError: it is none of them. The message lists them, and the nearest one if there is one.
    """
    allowed = tuple(allowed)
    if any(type(given) is type(choice) and given == choice for choice in allowed):
        return given
    listed = ", ".join(str(choice) for choice in allowed)
    message = f"{name} must be one of {listed}; got {_cut(given)}."
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

    With `integer` it must be a whole number (an int, not 3.0), of at most 64 bits. With `low_open`
    it must be above `low`. A NumPy scalar comes back as Python's number.

    Raises:
        TypeError: not a number (a bool is not a number here), or not an int where one is needed.
        ValueError: nan, infinite, or out of range.
    """
    kind = Integral if integer else Real
    rule = f"{name} must be {_range(low, high, integer, low_open)}; got {_cut(given)}."
    if isinstance(given, bool) or not isinstance(given, kind):
        raise TypeError(f"{rule} Give {'an int' if integer else 'an int or a float'}.")
    given = given.item() if isinstance(given, np.generic) else given
    below = low is not None and (given <= low if low_open else given < low)
    above = high is not None and given > high
    if not _is_finite(given) or below or above:
        raise ValueError(rule)
    return given if isinstance(given, (int, float)) else float(given)


def check_numbers(
    name: str,
    given: Any,
    low: float | None = None,
    high: float | None = None,
    *,
    low_open: bool = False,
    finite: bool = True,
) -> np.ndarray:
    """Return a number or an array of numbers [...] as floats, if all are finite and from `low` to
    `high`, both included; with `low_open`, above `low`. Without `finite`, nan and infinity pass.

    Raises:
        TypeError: not numbers (bools and text are none), or rows of unequal lengths.
        ValueError: no number, or one that is nan, infinite or out of range.
    """
    kind = "finite numbers" if finite else "numbers"
    rule = f"{name} must be {_range(low, high, False, low_open, kind)}; got"
    try:
        array = np.asarray(given)
    except (TypeError, ValueError, RuntimeError):  # of unequal lengths, or torch's own refusal
        array = np.empty(0, dtype=object)
    if array.dtype.kind not in ("iuf" if finite else "biuf") and not _is_empty(array):
        raise TypeError(f"{rule} {_short(given)}. Give a number or an array of numbers.")
    array = array.astype(float)
    below = False if low is None else array <= low if low_open else array < low
    above = False if high is None else array > high
    if finite and (not array.size or np.any(~np.isfinite(array) | below | above)):
        raise ValueError(f"{rule} {_cut(given)}.")
    return array


def check_shapes(names: str, *arrays: np.ndarray) -> None:
    """Raise unless these arrays can be broadcast to one shape.

    Raises:
        ValueError: they cannot.
    """
    try:
        np.broadcast_shapes(*(array.shape for array in arrays))
    except ValueError:
        shapes = " and ".join(str(list(array.shape)) for array in arrays)
        raise ValueError(f"{names} must have shapes that go together; got {shapes}.") from None


def check_function(name: str, given: Any, remedy: str = "") -> Any:
    """Return `given` if it can be called and is no class; `remedy` says what to give.

    Raises:
        TypeError: it is not.
    """
    if callable(given) and not isinstance(given, type):
        return given
    raise TypeError(f"{name} must be a function; got {_given(given)}. {remedy}".rstrip())


def check_takes(name: str, given: Any, names: Iterable[str]) -> Any:
    """Return `given` if it is a function that can be called with arguments of these names.

    Raises:
        TypeError: it is not.
    """
    check_function(name, given, "Give a function of the knobs' values.")
    with contextlib.suppress(ValueError):  # some of C's functions do not say what they take
        signature = inspect.signature(given)
        try:
            signature.bind(**dict.fromkeys(names))
        except TypeError as error:
            wanted = ", ".join(names)
            raise TypeError(f"{name} must take {wanted or 'nothing'}; it says: {error}.") from None
    return given


def check_all(name: str, given: Any, types: type | tuple[type, ...], remedy: str = "") -> tuple:
    """Return a list or tuple of instances of `types` as a tuple.

    Raises:
        TypeError: it is something else, or holds something else.
    """
    check_type(name, given, (list, tuple), remedy)
    return tuple(check_type(f"{name}: each", each, types, remedy) for each in given)


def check_named(name: str, given: Any, types: type | tuple[type, ...], remedy: str = "") -> dict:
    """Return a mapping from names to instances of `types` as a dict.

    Raises:
        TypeError: it is something else, a name is no text, or it holds something else.
    """
    for key, each in check_type(name, given, Mapping, remedy).items():
        check_type(f"{name}: a name", key, str, remedy)
        check_type(f"{name}[{_cut(key)}]", each, types, remedy)
    return dict(given)


def check_type(name: str, given: Any, types: type | tuple[type, ...], remedy: str = "") -> Any:
    """Return `given` if it is an instance of `types`; `remedy` is a sentence that says what to do.

    Raises:
        TypeError: it is not.
    """
    if isinstance(given, types):
        return given
    types = types if isinstance(types, tuple) else (types,)
    wanted = " or ".join("None" if kind is type(None) else _a(kind.__name__) for kind in types)
    raise TypeError(f"{name} must be {wanted}; got {_given(given)}. {remedy}".rstrip())


def _is_finite(given: Any) -> bool:
    try:
        return math.isfinite(given) and not (isinstance(given, Integral) and abs(given) > LARGEST)
    except OverflowError:  # too large for a float
        return False


def _is_empty(array: np.ndarray) -> bool:
    return array.size == 0 and array.dtype.kind == "f"


def _range(
    low: float | None, high: float | None, integer: bool, low_open: bool, kind: str = ""
) -> str:
    kind = kind or ("a whole number" if integer else "a finite number")
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


def _given(given: Any) -> str:
    return f"the class {given.__name__}" if isinstance(given, type) else _short(given)


def _short(given: Any) -> str:
    return f"{_cut(given)} ({_a(type(given).__name__)})"


def _cut(given: Any) -> str:
    text = repr(given)
    return text if len(text) <= 60 else text[:57] + "..."
