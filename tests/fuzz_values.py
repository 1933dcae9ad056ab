"""What the fuzzer gives in the place of a good argument, and what it knows about good ones: an
oracle by annotation and meaning, which knows nothing of the package's own checks."""

import math
import types
import typing
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from numbers import Integral, Real

import numpy as np
import torch

from plastlab import MLP, SGD, Adam, Gaussian, RandomLabels, ReDo, Slider, accuracy
from plastlab.stats import Interval


class Odd:
    """Something whose text is odd."""

    def __repr__(self):
        return "<script>alert(1)</script> $\\frac{$ 100 % {} " * 3


POOL: dict[str, tuple] = {
    "nothing": (None, ..., (), [], {}, set(), "", b""),
    "bools": (True, False, np.True_, np.False_),
    "whole numbers": (-1, 0, 1, 2, 3, 7, -(10**9), 2**31, 2**63, 10**400),
    "numbers": (-1.0, -1e-9, 0.0, -0.0, 0.3, 0.5, 1.0, 1.5, 2.0, 3.0, 1e-300, 1e300, 1e308),
    "no numbers": (math.nan, math.inf, -math.inf, np.nan, np.float32("inf"), 1j, "nan"),
    "scalars": (np.float32(0.25), np.float64(0.5), np.float16(2), np.int64(2), np.uint8(1)),
    "other scalars": (Fraction(1, 2), Fraction(2), Decimal("0.5"), np.complex64(1), np.str_("a")),
    "zero-dimensional": (np.array(0.5), np.array(2), torch.tensor(0.5), torch.tensor(2)),
    "arrays": (np.zeros(0), np.ones(3), np.ones((2, 2)), np.array(["a"]), torch.ones(3)),
    "texts": ("3", "0.1", "relu ", "RELU", "nonsense", "costs $5 and $6", "_hidden", "a\nb", "\0"),
    "odd texts": ("<script>alert(1)</script>", "\\frac{", "{}%s", "שלום 🙂", "x" * 10_000, b"relu"),
    "lists": ([1], [0.5, 0.5], [1, 2, 3], ["a"], ["a", "a"], [None], [[1], [2, 3]], [math.nan]),
    "tuples": ((1,), (1, 2), (0.5, 0.1), ("a", 1), (None, None), ((0, 1), (1, 0)), (True,)),
    "containers": ({"a": 1}, {1: "a"}, {1, 2}, range(3), frozenset("a"), {"a": None}, {"a": [1]}),
    "callables": (len, abs, lambda *a, **k: None, print, lambda x: x, np.tanh),
    "classes": (int, Adam, MLP, ReDo, Exception),
    "specs": (Adam(), SGD(), MLP(), ReDo(), RandomLabels(), Gaussian(), Slider(0, 1), accuracy),
    "others": (Odd(), object(), ValueError("x"), Interval(0.5, 0.4, 0.6, 3), np),
}

# what numbers may be, by the name of their argument; the first list that holds it counts
MEANING = (
    ("share keep_share target level probability", (0, 1)),
    ("lr noise strength tau sigma eps weight_decay offset separation decay slope delta", (0, None)),
    ("momentum beta1 beta2 gamma ema low_share percentile lowest agreement", (0, 1)),
    ("steps tasks batch width examples inputs outputs classes channels blocks heads", (1, None)),
    ("every over tokens expansion experts bins times batches longest lag seeds", (1, None)),
    ("depth injected maturity grace wait preview", (0, None)),
    ("kappa max_norm scale spread q size until gain bias_std radius separation", (0, None)),
)
# arguments whose texts are chosen from a list; nothing in the pool is one of its members
LISTED = {
    *("activation", "start", "kind", "how", "utility", "scales", "shape", "of", "mean", "base"),
    *("spectral_norm", "input_norm", "color", "dash", "quantity", "probe", "reference"),
    *("condition", "norm_place", "by"),
}


def draw(rng):
    """A value of a kind drawn at random; a generator or an iterator now and then."""
    kind = rng.choice([*POOL, "spent"])
    if kind == "spent":
        return rng.choice([iter([1, 2]), (x for x in "ab"), map(abs, [1])])
    return rng.choice(POOL[kind])


def twin(rng, value):
    """The same number as another type that holds it exactly, or None if it has none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if isinstance(value, int):
        return rng.choice([np.int64, np.int32, np.int16])(value)
    return np.float64(value)


def fits(kind, name, value):
    """Whether `value` may stand where an argument `name` is annotated as `kind`; None: unknown."""
    if kind in (typing.Any, None) or kind is types.NoneType:
        return value is None if kind is not typing.Any else None
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union:
        answers = [fits(each, name, value) for each in typing.get_args(kind)]
        return True if True in answers else None if None in answers else False
    if kind in (int, float):
        return _number(kind, name, value)
    if kind is bool:
        return isinstance(value, (bool, np.bool_))
    if kind is str:
        return isinstance(value, str) and name not in LISTED
    origin, inner = typing.get_origin(kind) or kind, typing.get_args(kind)
    if origin is Callable:
        return callable(value)
    if origin in (Sequence, Collection, Iterable, tuple, list):
        return _row(origin, inner, name, value)
    if origin in (Mapping, dict):
        return isinstance(value, Mapping) and all(
            fits(inner[0], "", key) is not False and fits(inner[1], "", each) is not False
            for key, each in value.items()
        )
    return numeric(value) if origin is np.ndarray else isinstance(value, origin)


def _number(kind, name, value):
    if isinstance(value, (np.ndarray, torch.Tensor)):
        return None if value.ndim == 0 else False
    if isinstance(value, (bool, np.bool_)) or not isinstance(
        value, Integral if kind is int else Real
    ):
        return False
    low, high = next((ends for names, ends in MEANING if name in names.split()), (None, None))
    low = 0 if name == "seed" else low
    try:
        if not math.isfinite(value) or (kind is int and abs(value) > 2**63 - 1):
            return False
    except OverflowError:
        return False
    return (low is None or value >= low) and (high is None or value <= high)


def _row(origin, inner, name, value):
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        return False
    if origin is tuple and not isinstance(value, tuple):
        return False
    if not isinstance(value, Collection):
        return None
    name = name.removesuffix("s")  # the meaning of one: of seeds, a seed
    fitting = [fits(each, name, item) for item in value for each in inner[:1]]
    return False if False in fitting else None


def numeric(value):
    """Whether it is a number or an array of numbers, all of them finite; empty ones: unknown."""
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        return False
    if array.dtype.kind not in "iuf":
        return None if array.size == 0 else False
    return bool(np.isfinite(array).all()) or False
