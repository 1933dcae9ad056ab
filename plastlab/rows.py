"""Rows: one tensor [R, P] whose row r holds everything of replica r, with a named view a parameter.

Weights, gradients and optimizer memory all have this form, so a snapshot, a reset or a mix of
networks is a copy of rows.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from plastlab.errors import check_choice, missing
from plastlab.whole import Whole

PAD = 16  # floats; parameters start at multiples of it, so vectorized operations round alike in
# every row and a replica's bits do not depend on its neighbors (one CPU, one torch thread)


class Table(tuple):
    """The shape of a table: vectors that are learned, one beside the other, and added or compared,
    as those of positions and slots are. It has two axes or more and is no map from units to
    units."""


class Scales(tuple):
    """The shape of the learned scales of a layer's noise: they connect nothing."""


@dataclass(frozen=True)
class Layout:
    """Where each named parameter lies in a row. `shapes` maps names to one replica's shapes; a
    layer that owns a table or scales of noise says so by a shape of that kind."""

    shapes: tuple[tuple[str, tuple[int, ...]], ...]

    def __post_init__(self) -> None:
        start, spans = 0, {}
        for name, shape in self.shapes:
            spans[name] = (slice(start, start + math.prod(shape)), shape)
            start += -(-math.prod(shape) // PAD) * PAD
        object.__setattr__(self, "spans", spans)
        object.__setattr__(self, "width", start)

    @property
    def size(self) -> int:
        """Number of parameters of one network, without padding."""
        return sum(math.prod(shape) for _, shape in self.shapes)

    @property
    def matrices(self) -> tuple[str, ...]:
        """Names of the weights that connect units: two or more axes each, in order of depth. Tables
        and the scales of a noisy layer are none."""
        return tuple(name for name, shape in self.shapes if is_matrix(shape))

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables, such as a Transformer's positions."""
        return tuple(name for name, shape in self.shapes if isinstance(shape, Table))

    @property
    def scales(self) -> tuple[str, ...]:
        """Names of the scales of noisy layers."""
        return tuple(name for name, shape in self.shapes if isinstance(shape, Scales))

    @property
    def biases(self) -> tuple[str, ...]:
        """Names of the biases that belong to a matrix."""
        return tuple(n for n, s in self.shapes if len(s) == 1 and self._matrix(n) is not None)

    @property
    def norms(self) -> tuple[str, ...]:
        """Names, up to "weight" or "bias", of normalization layers: both have one axis."""
        vectors = {name for name, shape in self.shapes if len(shape) == 1}
        prefixes = (n.removesuffix("weight") for n in vectors if n.endswith("weight"))
        return tuple(sorted(p for p in prefixes if f"{p}bias" in vectors))

    @property
    def connections(self) -> tuple[str, ...]:
        """Matrices, their biases, and tables: all but the gains and offsets of normalization
        layers, the slopes of activations and the scales of noise."""
        chosen = {*self.matrices, *self.biases, *self.tables}
        return tuple(name for name, _ in self.shapes if name in chosen)

    def fan_in(self, name: str) -> int:
        """Number of inputs of each unit that the matrix or bias `name` belongs to."""
        matrix = name if name in self.matrices else self._matrix(name)
        check_choice("Layout.fan_in: name", name, (*self.matrices, *self.biases))
        return math.prod(self.spans[matrix][1][1:])

    @property
    def layers(self) -> tuple[tuple[str, ...], ...]:
        """Names by layer: a matrix, its bias, and what follows up to the next matrix."""
        layers: dict[str, list[str]] = {name: [] for name in self.matrices}
        here = None
        for name, shape in self.shapes:
            here = name if name in layers else here
            owner = self._matrix(name) if len(shape) == 1 else None
            if (owner or here) is not None:
                layers[owner or here].append(name)
        return tuple(map(tuple, layers.values()))

    def last_layers(self, layers: int) -> tuple[str, ...]:
        """Names of all parameters of the last `layers` layers; of all, if there are no more."""
        if layers > len(self.matrices):
            return tuple(name for name, _ in self.shapes)
        return tuple(name for layer in self.layers[-layers:] for name in layer)

    def __getattr__(self, name: str) -> None:
        raise missing(self, name)

    def _matrix(self, bias: str) -> str | None:
        """The matrix whose bias this is, by the shared prefix of their names."""
        prefix = bias.rpartition(".")[0]
        matches = (m for m in self.matrices if m.rpartition(".")[0] == prefix)
        return next(matches, None)


def is_matrix(shape: tuple[int, ...]) -> bool:
    """Whether a parameter of this shape is a map from units to units."""
    return len(shape) >= 2 and not isinstance(shape, (Table, Scales))


LAYOUTS = {n: f"layout.{n}" for n in vars(Layout) if not n.startswith("_")}


class Rows(Whole):
    """A tensor [R, P] and its named views. `rows["2.weight"]` is [R, out, in]."""

    def __init__(self, layout: Layout, flat: torch.Tensor) -> None:
        self.layout, self.flat = layout, flat
        count = flat.shape[0]
        self.views = {
            name: flat[:, span].view(count, *shape) for name, (span, shape) in layout.spans.items()
        }

    @classmethod
    def zeros(cls, layout: Layout, replicas: int) -> "Rows":
        """All entries zero."""
        return cls(layout, torch.zeros(replicas, layout.width))

    def __getitem__(self, name: str) -> torch.Tensor:
        return self.views[check_choice("parameter", name, self.views)]

    def __setitem__(self, name: str, values: torch.Tensor) -> None:
        """`rows[name] *= 0.5` changes in place and ends here; anything else would be lost."""
        if values is not self[name]:
            raise TypeError(
                f"parameters are changed in place: write rows[{name!r}].copy_(values) or "
                f"rows[{name!r}][:] = values, not rows[{name!r}] = values."
            )

    def __iter__(self) -> Iterator[str]:
        """The names, as of a mapping."""
        return iter(self.views)

    def __getattr__(self, name: str) -> None:
        raise missing(self, name, LAYOUTS)

    def select(self, rows: slice) -> "Rows":
        """The replicas in `rows` as views: writing to them writes here."""
        return Rows(self.layout, self.flat[rows])

    def clone(self) -> "Rows":
        """A copy that shares nothing."""
        return Rows(self.layout, self.flat.clone())

    def leaves(self) -> "Rows":
        """The same storage, each view a leaf that autograd differentiates."""
        twin = Rows(self.layout, self.flat.detach())
        twin.views = {n: v.detach().requires_grad_() for n, v in twin.views.items()}
        return twin

    def mask(self, names: tuple[str, ...]) -> torch.Tensor:
        """Boolean [1, P], true at the entries of the named parameters."""
        mask = torch.zeros(1, self.layout.width, dtype=torch.bool)
        for name in names:
            mask[:, self.layout.spans[name][0]] = True
        return mask


def places(mask: torch.Tensor | None, rows: torch.Tensor) -> torch.Tensor | None:
    """Where a mask [R, P] or [1, P] is true, as positions in rows [R, P]: to write at positions is
    thirty times faster than to write through a mask. None means everywhere and stays None."""
    if mask is None:
        return None
    return torch.from_numpy(np.flatnonzero(mask.expand(rows.shape).numpy()))


def forget(rows: torch.Tensor, where: torch.Tensor | None) -> None:
    """Make rows [R, P] 0 at these positions, or everywhere."""
    rows.zero_() if where is None else rows.view(-1).index_fill_(0, where, 0.0)
