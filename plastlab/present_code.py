"""Present code: what plastlab would do if it ran now, in bytes.

It is read from memory: every function, class and constant of the modules that are asked for and of
all that they import from. So an edited method gives another digest, whoever edited it and whenever.
Neither paths, nor addresses, nor the order of a set enter: every process finds the same. Of the
libraries, names are enough: their versions are in the cache's keys. A function that is not in the
namespace of a module of plastlab or of a library is a reader's own, may look at anything, and is
refused. So is a class that was not made in one.
"""

import functools
import sys
import types
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import is_dataclass
from operator import is_
from typing import Any

from plastlab.fingerprint import Foreign, Look, digest, full_name

LIBRARIES = {*sys.stdlib_module_names, "torch", "numpy", "scipy", "threadpoolctl", "tqdm"}
LIBRARIES = (LIBRARIES | {"platformdirs"}) - {"unittest"}  # whose mocks are anything
STATE = (type(None), bool, int, float, str, list, dict, set)  # no constants unless in capitals
READ = ("co_code", "co_names", "co_varnames", "co_freevars", "co_cellvars", "co_flags")
READ += ("co_argcount", "co_posonlyargcount", "co_kwonlyargcount", "co_exceptiontable")
NAMED_TUPLE = {"_tuple_new", "__builtins__", "__name__"}  # all that such a class's functions see
MEMO = type(functools.lru_cache(len))
UNREAD = {"__dict__", "__weakref__", "__doc__", "__module__", "__annotations__", "__slots__"}
UNREAD |= {"__dataclass_fields__", "__dataclass_params__", "__abstractmethods__", "_abc_impl"}
UNREAD |= {"__firstlineno__", "__static_attributes__", "__match_args__", "__parameters__"}
UNREAD |= {"__slotnames__"}  # pickle leaves it on a class
UNREAD |= {"__annotate__", "__annotate_func__", "__annotations_cache__", "__orig_bases__"}


def reached(modules: Iterable[str]) -> frozenset[str]:
    """Names of the modules of plastlab that these import from, directly or not, of these, and of
    the packages that they are in."""
    names, queue = set(), deque(modules)
    while queue:
        name = queue.popleft()
        if name in names or not name.startswith("plastlab.") or name not in sys.modules:
            continue
        names.add(name)
        queue.append(name.rpartition(".")[0])
        for value in vars(sys.modules[name]).values():
            is_module = isinstance(value, types.ModuleType)
            queue.append(str(value.__name__ if is_module else getattr(value, "__module__", "")))
    return frozenset(names)


def of_modules(names: frozenset[str]) -> bytes:
    """A digest of the modules with these names. If nothing in them has changed since it was last
    taken, that is seen at a glance. Else their memos are emptied: what is in them, such as drawn
    data, may come from other code. Memos of modules that another look still holds for are kept.

    Raises:
        Foreign: something in them has been replaced by a reader's own code.
    """
    known = _taken.pop(names, None)
    if known is None or not known[0].still_holds():
        for changed in [other for other, (look, _) in _taken.items() if not look.still_holds()]:
            del _taken[changed]
        _forget(names.difference(*_taken))
        look = _Code()
        known = look, digest(*(look.module(sys.modules[name]) for name in sorted(names)))
    _taken[names] = known
    return known[1]


def _forget(names: Iterable[str]) -> None:
    for name in names:
        for value in vars(sys.modules[name]).values():
            if hasattr(value, "cache_clear") and not isinstance(value, type):
                value.cache_clear()


class _Code(Look):
    """A function or a class is described where it is met first, and by a number from then on."""

    def __init__(self) -> None:
        self.met: dict[int, tuple[bytes, Any]] = {}
        self.spaces: list[tuple[Callable[[], Any], tuple]] = []
        self.functions: list[tuple[types.FunctionType, tuple]] = []
        self.arrays: list[tuple[Any, bytes]] = []

    def still_holds(self) -> bool:
        """Whether the same objects are in the same places, and the same numbers in arrays."""
        return (
            all(_same(_parts(read()), parts) for read, parts in self.spaces)
            and all(_same(_made_of(function), parts) for function, parts in self.functions)
            and all(Look().array(array) == numbers for array, numbers in self.arrays)
        )

    def module(self, module: types.ModuleType) -> bytes:
        """Functions, classes and constants of a module of plastlab."""
        described = [module.__name__.encode()]
        for name, value in sorted(self._noted(lambda: _constants(module)).items()):
            try:
                described += name.encode(), self.of(value)
            except Foreign as found:
                raise Foreign(f"{module.__name__}.{name} was changed in this session") from found
        return digest(*described)

    def function(self, function: types.FunctionType) -> bytes:
        """What a function does, and the values that it was made with."""
        return self._once(function, self._function)

    def type(self, kind: type) -> bytes:
        """A class: its bases and all that is written in it."""
        return self._once(kind, self._type)

    def code(self, code: types.CodeType) -> bytes:
        """Instructions, and the names and constants in them."""
        read = (repr(getattr(code, part)).encode() for part in READ)
        return digest(*read, self.of(code.co_consts))

    def property(self, value: property) -> bytes:
        """A property."""
        return self.sequence((value.fget, value.fset, value.fdel))

    def inner(self, value: Any) -> bytes:
        """What a class method, a static method or a memo is made from."""
        return digest(full_name(type(value)), self.of(value.__wrapped__))

    def mapping(self, values: dict[Any, Any]) -> bytes:
        """A constant's keys and values."""
        self._noted(lambda: values)
        return super().mapping(values)

    def sequence(self, values: Iterable[Any]) -> bytes:
        """A constant's items."""
        if not isinstance(values, tuple):
            self._noted(lambda: values)
        return super().sequence(values)

    def array(self, value: Any) -> bytes:
        """A constant's numbers."""
        self.arrays.append((value, super().array(value)))
        return self.arrays[-1][1]

    def instance(self, value: Any) -> bytes:
        """A spec among the constants; of locks, memos and a library's objects, the class."""
        if type(value).__module__.startswith("plastlab."):
            self._noted(lambda: _held(value))
        return super().instance(value)

    def other(self, value: Any) -> bytes:
        """What it is called: enough for a module, a function of a library, a lock, a memo."""
        if type(value) is types.ModuleType:
            return self._module(value)
        is_alias = isinstance(value, types.GenericAlias)  # which shows its origin's __dict__
        functions = {} if is_alias else _functions(value)
        return digest(full_name(value), *map(self.of, functions.values()))

    def _once(self, thing: Any, describe: Any) -> bytes:
        known = self.met.get(id(thing))
        if known is None:
            self.met[id(thing)] = f"number {len(self.met)}".encode(), thing  # held: ids stay
            return describe(thing)
        return known[0]

    def _module(self, module: types.ModuleType) -> bytes:
        if sys.modules.get(module.__name__) is not module:
            raise Foreign(f"{module.__name__} is not the module of that name")
        return module.__name__.encode()

    def _function(self, function: types.FunctionType) -> bytes:
        home = function.__globals__.get("__name__", "")
        own = vars(sys.modules.get(home, types)) is function.__globals__
        if own and _top(home) in LIBRARIES:
            return digest(full_name(function), self.of(getattr(function, "__wrapped__", None)))
        closed = function.__globals__.keys() == NAMED_TUPLE
        if not closed and not (own and _top(home) == "plastlab"):
            raise Foreign(f"{function.__name__} is your own code")
        self.functions.append((function, _made_of(function)))
        return digest(*map(self.of, _made_of(function)))

    def _type(self, kind: type) -> bytes:
        if _top(kind.__module__) in LIBRARIES:
            return full_name(kind)
        if _top(kind.__module__) != "plastlab":
            raise Foreign(f"{kind.__name__} is your own code")
        space = self._noted(lambda: vars(kind))
        members = ((n, v) for n, v in sorted(space.items()) if n not in UNREAD)
        described = (part for n, v in members for part in (n.encode(), self.of(v)))
        return digest(full_name(kind), *map(self.of, kind.__bases__), *described)

    def _noted(self, read: Callable[[], Any]) -> Any:
        """What `read` gives, which is looked at again the next time."""
        found = read()
        self.spaces.append((read, _parts(found)))
        return found


_taken: dict[frozenset[str], tuple[_Code, bytes]] = {}  # the last look at each set of modules


def _top(module: str) -> str:
    return module.partition(".")[0]


def _constants(module: types.ModuleType) -> dict[str, Any]:
    """What a module holds beside its state."""
    return {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("__") and (name.isupper() or type(value) not in STATE)
    }


def _held(value: Any) -> dict[str, Any]:
    """All that a spec holds; of another object the functions, since the rest is its state."""
    kind = type(value)
    is_spec = is_dataclass(kind) and kind.__dataclass_params__.frozen
    return getattr(value, "__dict__", {}) if is_spec else _functions(value)


def _functions(value: Any) -> dict[str, Any]:
    own = getattr(value, "__dict__", {})
    return {name: one for name, one in own.items() if isinstance(one, types.FunctionType)}


def _same(now: tuple, before: tuple) -> bool:
    return len(now) == len(before) and all(map(is_, now, before))


def _parts(space: Any) -> tuple:
    return (*space, *space.values()) if isinstance(space, Mapping) else tuple(space)


def _made_of(function: types.FunctionType) -> tuple:
    cells = (cell.cell_contents for cell in function.__closure__ or ())
    values = function.__defaults__, function.__kwdefaults__, function.__dict__ or None
    return function.__code__, *values, *cells
