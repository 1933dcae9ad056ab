"""What a reader gives (arrays, tensors, lists, a table, a file), as new NumPy arrays."""

import csv
import os
from collections.abc import Mapping
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import torch

LARGEST = np.float64(np.finfo(np.float32).max)  # no float, which would become inf beside float16
HUGE = float(np.finfo(np.float64).max)  # in the place of whole numbers that no float can hold


def plain(name: str, given: Any) -> np.ndarray:
    """A copy: an array of bools, whole or real numbers, or text, with at least one axis.

    Raises:
        TypeError, ValueError: it is none of these, or its rows have several lengths.
    """
    if isinstance(given, torch.Tensor):
        given = local(name, given)
        given = (given.float() if given.dtype == torch.bfloat16 else given).numpy()
    elif hasattr(given, "to_numpy"):
        given = given.to_numpy()
    try:
        array = np.array(given, order="C")
    except ValueError:
        raise ValueError(f"{name} must have rows of one length; got {got(given)}.") from None
    if isinstance(given, np.ma.MaskedArray) and np.ma.is_masked(given):
        place = where(np.argwhere(np.ma.getmaskarray(given))[0])
        raise ValueError(f"{name} must not be masked; it is at {place}. Leave such rows out.")
    if array.dtype.kind == "O" and array.ndim:
        array = _of_objects(name, array)
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8", "replace")
    if array.dtype.kind not in "biufU" or not array.ndim:
        raise TypeError(f"{name} must be an array of numbers or text; got {got(given)}.")
    return array


def local(name: str, given: torch.Tensor) -> torch.Tensor:
    """A tensor's numbers in this machine's memory, apart from autograd; the same one if it can.

    Raises:
        TypeError: they are complex, or there are none.
    """
    if given.is_complex() or given.is_meta:
        raise TypeError(f"{name} must hold real numbers; got {got(given)}.")
    given = given if given.layout == torch.strided else given.to_dense()
    return given.detach().cpu() if given.requires_grad or given.device.type != "cpu" else given


def real(name: str, given: Any) -> np.ndarray:
    """A copy with finite numbers in it.

    Raises:
        TypeError, ValueError: it is not numbers, or one of them is not finite; says where.
    """
    return as_numbers(name, plain(name, given))


def as_numbers(name: str, array: np.ndarray) -> np.ndarray:
    """The array, text read as the numbers that it spells; raises as `real` does."""
    if array.dtype.kind == "U":
        array = _parsed(name, array)
    check_finite(name, array)
    return array


def check_finite(name: str, array: np.ndarray) -> None:
    """Raise unless all numbers are finite, and in the range of float32."""
    if array.dtype.kind != "f":
        return
    good = np.abs(array) <= LARGEST  # false for nan
    if not good.all():
        place = np.argwhere(~good)[0]
        bad = array[tuple(place)].item()
        rule = f"{name} must be finite numbers, at most {LARGEST:.1e} in size"
        raise ValueError(f"{rule}; got {bad} at {where(place)}. Fill in or leave such rows out.")


def table(name: str, given: Any) -> dict[Any, Any]:
    """The columns of a table by name: of a CSV file, a pandas or polars frame, or a dict.

    Raises:
        TypeError, ValueError: it is none of these, or the file is no table.
    """
    if isinstance(given, (str, os.PathLike)):
        return _read(name, Path(given))
    if isinstance(given, Mapping):
        return dict(given)
    if hasattr(given, "columns") and hasattr(given, "__getitem__"):
        return {column: given[column] for column in given.columns}
    rule = f"{name} must be a CSV file's path, a table with columns, or a dict of columns"
    raise TypeError(f"{rule}; got {got(given)}.")


def got(given: Any) -> str:
    """What was given, in a few words, and its shape."""
    text = " ".join(repr(given).split())
    text = text if len(text) <= 60 else text[:57] + "..."
    shape = getattr(given, "shape", None)
    return f"{text} ({type(given).__name__}{'' if shape is None else f' {list(shape)}'})"


def where(place: np.ndarray) -> str:
    """An entry's place in words."""
    axes = ("row", "column", "place")
    named = (f"{axes[min(i, 2)]} {index}" for i, index in enumerate(place.tolist()))
    return f"{', '.join(named)} (counted from 0)"


def _of_objects(name: str, array: np.ndarray) -> np.ndarray:
    """Objects that are all numbers, or all text."""
    if all(isinstance(value, str) for value in array.flat):
        return array.astype(np.str_)
    if all(isinstance(value, (Real, np.bool_)) for value in array.flat):
        largest = [
            min(max(value, -HUGE), HUGE) if value == value else value for value in array.flat
        ]
        return np.array(largest, dtype=np.float64).reshape(array.shape)
    for place, value in np.ndenumerate(array):
        if not isinstance(value, (str, Real, np.bool_)) or value != value:
            at = where(np.array(place))
            raise TypeError(f"{name} must be numbers or text; got {value!r} at {at}.")
    raise TypeError(f"{name} must be numbers or text, not both; got {got(array)}.")


def _parsed(name: str, array: np.ndarray) -> np.ndarray:
    """Text as the numbers that it spells."""
    found = np.empty(array.shape)
    for place, text in np.ndenumerate(array):
        try:
            found[place] = float(text)
        except ValueError:
            remedy = "Leave it out, or make numbers of it."
            at = where(np.array(place))
            raise ValueError(
                f"{name} must be numbers; got {str(text)!r} at {at}. {remedy}"
            ) from None
    return found


def _read(name: str, path: Path) -> dict[str, Any]:
    """The columns of a CSV file whose first line names them: numbers where all are, else text."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            separator = max(",;\t", key=file.readline().count)
            file.seek(0)
            head, *rows = [row for row in csv.reader(file, delimiter=separator) if row] or [[]]
    except UnicodeDecodeError:
        raise ValueError(f"{name}: {path} is not text in UTF-8. Save it as UTF-8.") from None
    head = [column.strip() for column in head]
    if not rows or len(set(head)) < len(head):
        rule = f"{name}: {path} must have a first line that names each column once, and rows"
        raise ValueError(f"{rule}; got {got(head)} and {len(rows)} rows.")
    for number, row in enumerate(rows):
        if len(row) != len(head):
            rule = f"{name}: {path} must have {len(head)} values in each row"
            raise ValueError(f"{rule}; got {len(row)} in row {number} (counted from 0).")
    columns = zip(*rows, strict=True)
    return {column: _numbers_or_text(values) for column, values in zip(head, columns, strict=True)}


def _numbers_or_text(values: tuple[str, ...]) -> list[float] | list[str]:
    try:
        return [float(value) for value in values]
    except ValueError:
        return [value.strip() for value in values]
