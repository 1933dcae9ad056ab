"""Matrix products of R replicas at once: [R, n, k] times [R, k, m] is [R, n, m].

Small products are faster in numpy than in `torch.bmm`, up to twice where torch's library uses
half of a processor's vector width (AMD), and numpy writes straight into rows of a larger tensor.
Each replica's product is its own call, so its bits do not depend on how many replicas there are.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from threadpoolctl import ThreadpoolController

Tensor = torch.Tensor
_LIBRARIES = ThreadpoolController().select(user_api="blas")


def product(a: Tensor, b: Tensor, out: Tensor | None = None) -> Tensor:
    """a @ b, written into `out` if given; by torch where autograd may want to follow."""
    if out is None:
        if torch.is_grad_enabled():
            return torch.bmm(a, b)
        out = a.new_empty(a.shape[0], a.shape[1], b.shape[2])
    np.matmul(a.numpy(), b.numpy(), out=out.numpy())
    return out


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for products and for all of torch inside, the caller's number again outside.

    Tiny tensors are many times slower with more on a busy machine. NumPy does not warn of numbers
    that overflow: a replica that diverges is reported at the end of its run. Denormal numbers are
    flushed to zero: a dead unit's Adam moments decay into them and would slow the optimizer.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        with _LIBRARIES.limit(limits=1), np.errstate(all="ignore"):
            yield
    finally:
        torch.set_num_threads(before)
