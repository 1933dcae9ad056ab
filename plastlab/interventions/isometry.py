"""Back to an isometry."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch

from plastlab.errors import check_type
from plastlab.interventions.base import Event
from plastlab.state import State

Tensor = torch.Tensor


@dataclass(frozen=True)
class FIRE(Event):
    """Replaces each matrix by the nearest isometry, U V^T of its singular value decomposition,
    times sqrt(out / in); and makes a new optimizer.

    What the matrix did to directions stays; that it stretched some and squashed others goes. A
    convolution is treated one kernel position at a time and divided by the number of positions.

    Source: Han et al. (2026), "FIRE", and its code for the scale.
    Differs: the decomposition is exact (the code takes ten Newton-Schulz steps, too few for square
        matrices); biases, gains and offsets are left alone, as in the code, and so are tables, such
        as a Transformer's positions.
    Cost: a singular value decomposition of each matrix at each boundary.
    """

    family: ClassVar[str] = "full resets"
    tuned: ClassVar[tuple[str, tuple]] = ("reset_optimizer", (True, False))
    off: ClassVar[dict[str, int]] = {"every": 10**9}

    reset_optimizer: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_type("FIRE.reset_optimizer", self.reset_optimizer, bool, "Give True or False.")

    def act(self, s: State) -> None:
        """Make all matrices isometric."""
        for name in s.weights.layout.matrices:
            weight = s.weights[name]
            scale = math.sqrt(weight.shape[1] / weight.shape[2])
            if weight.dim() == 3:
                weight.copy_(scale * polar(weight))
            else:
                taps = weight.movedim(3, 1)
                weight.copy_((scale / weight.shape[3] * polar(taps)).movedim(1, 3))
        if self.reset_optimizer:
            s.reset_optimizer()


def polar(matrices: Tensor) -> Tensor:
    """The nearest matrix with orthonormal rows or columns [..., out, in]; what is not finite stays
    as it is."""
    finite = torch.isfinite(matrices).all(-1).all(-1)[..., None, None]
    u, _, v = torch.linalg.svd(torch.where(finite, matrices, 0.0), full_matrices=False)
    return torch.where(finite, u @ v, matrices)
