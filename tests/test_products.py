"""Products of replicas: numpy's and torch's agree, bits do not depend on the company, and autograd
is left alone."""

import warnings

import pytest
import torch

from plastlab.neutral import neutral
from plastlab.products import product

SHAPES = [(100, 40, 64), (32, 32, 32), (10, 100, 16), (1, 20, 8), (3, 1, 5), (7, 5, 1)]
CLOSE = {"rtol": 1e-5, "atol": 1e-4}
EVERY_SHAPE = pytest.mark.parametrize("shape", SHAPES, ids=str)


def factors(shape, replicas=5):
    n, k, m = shape
    own = torch.Generator().manual_seed(n)
    a = torch.randn(replicas, n, k, generator=own)
    return a, torch.randn(replicas, k, m, generator=own)


def transposed(x):
    """The same numbers, stored the other way round."""
    return x.mT.contiguous().mT


@EVERY_SHAPE
def test_equals_the_product_in_double_precision(shape):
    a, b = factors(shape)
    expected = a.double() @ b.double()
    with torch.no_grad():
        for left in (a, transposed(a)):
            for right in (b, transposed(b)):
                torch.testing.assert_close(product(left, right).double(), expected, **CLOSE)
    torch.testing.assert_close(product(a, b).double(), expected, **CLOSE)


@EVERY_SHAPE
def test_writes_into_rows_of_a_larger_tensor_and_nowhere_else(shape):
    a, b = factors(shape)
    size = shape[0] * shape[2]
    rows = torch.full((len(a), size + 48), torch.nan)
    room = rows[:, 16 : 16 + size].view(len(a), shape[0], shape[2])
    assert product(a, b, out=room) is room
    torch.testing.assert_close(room, a @ b, **CLOSE)
    assert rows[:, :16].isnan().all()
    assert rows[:, 16 + size :].isnan().all()


@torch.no_grad()
@EVERY_SHAPE
def test_bits_do_not_depend_on_the_company(shape):
    a, b = factors(shape)
    together = product(a, b)
    for r in range(len(a)):
        assert torch.equal(product(a[r : r + 1], b[r : r + 1])[0], together[r])


def test_autograd_follows_where_it_is_on():
    a, b = (f.double().requires_grad_() for f in factors((3, 4, 5), replicas=2))
    assert torch.autograd.gradcheck(product, (a, b))


def test_a_diverged_replica_stays_alone_and_is_no_warning():
    a, b = factors((32, 32, 32))
    a[1], a[2] = torch.nan, torch.inf
    with warnings.catch_warnings(), neutral(), torch.no_grad():
        warnings.simplefilter("error")
        found = product(a, b)
    assert found.isfinite().all(2).all(1).tolist() == [True, False, False, True, True]
