"""Writes `defaults.txt`: every default and every constant behind the book's numbers, a line each.

Whoever changes one on purpose runs `python tests/defaults.py` and commits the file; what rests on
it, notebooks and claims, is to be computed anew.
"""

import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import plastlab

FILE = Path(__file__).with_name("defaults.txt")
ELSEWHERE = {  # what shows numbers, or looks after the machine
    *("bench", "book", "cli", "doctor", "engines", "labs", "machine", "panels", "plots"),
    *("references", "requirements", "screen", "start", "__main__"),
}
PLAIN = (bool, int, float, complex, str, type(None))


def text():
    """The lines that ought to stand in the file."""
    return "".join(f"{line}\n" for module in modules() for line in lines(module))


def modules():
    """The modules that numbers come from."""
    for found in pkgutil.walk_packages(plastlab.__path__, "plastlab."):
        if found.name.split(".")[1] not in ELSEWHERE:
            yield importlib.import_module(found.name)


def lines(module):
    """What a module defines itself: constants, the defaults of functions and of classes."""
    place, source = module.__name__.removeprefix("plastlab."), inspect.getsource(module)
    for name, thing in vars(module).items():
        if inspect.isclass(thing) and thing.__module__ == module.__name__:
            yield from of_class(f"{place}.{name}", thing)
        elif inspect.isroutine(thing) and thing.__module__ == module.__name__:
            yield from of_function(f"{place}.{name}", thing)
        elif (
            name.isupper()
            and re.search(rf"^([A-Z]+, )*{name}(, [A-Z]+)* = ", source, re.M)
            and is_plain(thing)
        ):
            yield f"{place}.{name} = {thing!r}"


def of_class(place, kind):
    """Its fields with defaults, its constants, and its methods' defaults."""
    if "__init__" in vars(kind):
        yield from of_function(place, kind)
    fields = getattr(kind, "__dataclass_fields__", {})
    for name, thing in vars(kind).items():
        function = getattr(thing, "__func__", thing)
        if inspect.isfunction(function) and not name.startswith("__"):
            yield from of_function(f"{place}.{name}", function)
        elif not name.startswith("_") and not is_field(fields.get(name)) and is_plain(thing):
            yield f"{place}.{name} = {thing!r}"


def of_function(place, function):
    """Its arguments with defaults, in order; `*` stands before those that need a name."""
    shown = []
    for one in inspect.signature(function).parameters.values():
        if one.kind is one.KEYWORD_ONLY and "*" not in shown:
            shown.append("*")
        if one.default is not one.empty:
            shown.append(f"{one.name}={said(one.default)}")
    if shown not in ([], ["*"]):
        yield f"{place}({', '.join(shown)})"


def said(value):
    """A value that says what it is; else its type."""
    is_spec = hasattr(value, "__dataclass_fields__") and " at 0x" not in repr(value)
    return repr(value) if is_spec or is_plain(value) else f"<{type(value).__name__}>"


def is_field(field):
    return field is not None and "ClassVar" not in str(field.type)


def is_plain(value):
    """Whether it is a number, a word, or made of them."""
    if isinstance(value, dict):
        return all(is_plain(part) for pair in value.items() for part in pair)
    if type(value) in (tuple, list):
        return all(map(is_plain, value))
    return type(value) in PLAIN


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
