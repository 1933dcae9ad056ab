"""Whole: what is made of views of shared memory is pickled and copied in one piece.

A training's weights are one tensor that many objects look into. Pickled one by one the views would
come back as tensors of their own, and the training would go on as another one.
"""

import io
import pickle
import threading
from typing import Any

import torch

from plastlab.guard import Guard
from plastlab.neutral import neutral

_HERE = threading.local()  # `saving`: whether this thread is writing a piece


class _Saving(Guard):
    def begin(self) -> None:
        _HERE.saving = True

    def end(self) -> None:
        _HERE.saving = False


class Whole:
    """A base class: pickle, torch.save and copy.deepcopy give the same thing again, whose views
    share their memory as before, and nothing with the first."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        if getattr(_HERE, "saving", False):  # a part of a larger piece
            return super().__reduce_ex__(protocol)
        return _again, (_saved(self),)


@neutral()
def _saved(thing: Whole) -> bytes:
    """As `torch.save` writes it, which knows which tensors share memory."""
    piece = io.BytesIO()
    try:
        with _Saving():
            torch.save(thing, piece)
    except (pickle.PicklingError, AttributeError, TypeError, RuntimeError) as error:
        raise ValueError(
            f"{type(thing).__name__} cannot be copied or saved: {str(error).rstrip('.')}. Write "
            "own functions and classes, a Module's factory for example, with def or class at the "
            "top of a file or cell, not as a lambda and not inside a function."
        ) from error
    return piece.getvalue()


@neutral()
def _again(piece: bytes) -> Whole:
    return torch.load(io.BytesIO(piece), weights_only=False)
