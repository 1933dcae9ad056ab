"""What Adam's memory does to the size of its steps."""

from collections.abc import Collection

import numpy as np
from numpy.typing import ArrayLike

from plastlab.errors import (
    HUGE,
    LONGEST,
    check_choice,
    check_number,
    check_numbers,
    check_shapes,
    check_type,
)

PARTS = ("m", "v", "count")


def adam_step_after_jump(
    jump: float,
    steps: int,
    beta1: float = 0.9,
    beta2: float = 0.999,
    count: int | None = None,
    forget: Collection[str] = (),
) -> np.ndarray:
    """Size of Adam's steps, in learning rates, when a gradient that was 1 becomes `jump`.

    Before the jump Adam has seen `count` gradients of 1 (None: so many that both averages have
    settled), of which it has kept m = 1 - beta1^count and v = 1 - beta2^count. At the jump it
    forgets the parts in `forget`: "m" and "v" become 0, and with "count" the bias correction starts
    anew. Step k after it has

        m beta1^k + (1 - beta1^k) jump,   v beta2^k + (1 - beta2^k) jump^2

    each over 1 - beta^(count + k), from Kingma and Ba (2015), algorithm 1; eps is left out.
    """
    jump = check_number("adam_step_after_jump: jump", jump, -HUGE, HUGE)
    _check("adam_step_after_jump", steps, beta1, beta2)
    if count is not None:
        count = check_number("adam_step_after_jump: count", count, 0, integer=True)
    remedy = 'Give some of "m", "v" and "count", as ("m",).'
    check_type("adam_step_after_jump: forget", forget, (tuple, list, set, frozenset), remedy)
    for part in forget:
        check_choice("adam_step_after_jump: forget", part, PARTS)
    k = np.arange(1, steps + 1)
    sizes = []
    for part, beta, power in (("m", beta1, 1), ("v", beta2, 2)):
        left = 0.0 if count is None else beta**count
        kept = 0.0 if part in forget else 1 - left
        average = kept * beta**k + (1 - beta**k) * jump**power
        sizes.append(average / (1 - (1.0 if "count" in forget else left) * beta**k))
    return sizes[0] / np.sqrt(sizes[1])


def adam_step_after_quiet(
    jump: ArrayLike,
    steps: int,
    beta1: float = 0.9,
    beta2: float = 0.999,
    count: float | None = None,
    agreement: ArrayLike = 1.0,
) -> np.ndarray:
    """Typical size of Adam's steps, in learning rates, when the gradient comes back after a quiet
    stretch [..., steps].

    Quiet means that the first moment m is 0 while the second, corrected for its bias after `count`
    updates (None: so many that nothing is left to correct), is still v. From now on gradients have
    the mean square `jump`^2 v, and `agreement` is the share of it that is the same in every batch;
    the rest is noise of mean 0, drawn anew each time. Step k has then, with J the jump and a the
    agreement,

        E m^2 = J^2 (a (1 - beta1^k)^2 + (1 - a) (1 - beta1) (1 - beta1^(2k)) / (1 + beta1))
        E v = beta2^k + (1 - beta2^k) J^2

    and the size is sqrt(E m^2 / E v), both corrected: from Kingma and Ba (2015), algorithm 1. eps
    is left out, and so is the noise of v, which averages over 1 / (1 - beta2) updates. A jump
    without end and full agreement give (1 - beta1^k) / sqrt(1 - beta2^k). `jump` and `agreement`
    may be arrays of one shape [...].
    """
    _check("adam_step_after_quiet", steps, beta1, beta2)
    if count is not None:
        count = check_number("adam_step_after_quiet: count", count, 0)
    jump = check_numbers("adam_step_after_quiet: jump", jump, 0, HUGE, low_open=True)
    agreement = check_numbers("adam_step_after_quiet: agreement", agreement, 0, 1)
    check_shapes("adam_step_after_quiet: jump, agreement", jump, agreement)
    square, same = jump[..., None] ** 2, agreement[..., None]
    k = np.arange(1, steps + 1)
    noise = (1 - beta1) / (1 + beta1) * (1 - beta1 ** (2 * k))
    m2 = same * (1 - beta1**k) ** 2 + (1 - same) * noise
    left = 1.0 if count is None else 1 - beta2**count
    v = beta2**k * left / square + 1 - beta2**k
    if count is None:
        return np.sqrt(m2 / v)
    return np.sqrt(m2 / v * (1 - beta2 ** (count + k))) / (1 - beta1 ** (count + k))


def _check(function: str, steps: int, beta1: float, beta2: float) -> None:
    check_number(f"{function}: steps", steps, 1, LONGEST, integer=True)
    for name, beta in (("beta1", beta1), ("beta2", beta2)):
        check_number(f"{function}: {name}", beta, 0, 1 - 1e-9)
