"""Closed forms that chapters draw over their simulations."""

import numpy as np
from scipy.special import ndtr

from plastlab.errors import check_number


def best_constant_answer(examples: int, classes: int) -> float:
    """Expected share right of the best constant answer to uniformly random labels.

    The most frequent of `classes` labels among `examples`: counts are close to normal with mean
    examples / classes, and their largest deviation from their own mean is sqrt(examples / classes)
    times the expected largest of that many standard normal numbers.
    """
    check_number("best_constant_answer: examples", examples, 1, integer=True)
    check_number("best_constant_answer: classes", classes, 2, integer=True)
    z = np.linspace(-8, 8, 2001)
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) * ndtr(z) ** (classes - 1)
    largest = np.trapezoid(classes * z * density, z)
    return float(min(1.0, 1 / classes + largest / np.sqrt(examples * classes)))


def shrink_and_perturb_std(keep: float, noise: float, times: np.ndarray) -> np.ndarray:
    """Standard deviation of a weight, in units of its start, after `times` mixes and no training.

    Each mix w <- keep w + noise w_new takes the variance v to keep^2 v + noise^2; from v = 1 it
    goes to noise^2 / (1 - keep^2). Ash and Adams (2020) give the mix; the recursion is elementary.
    """
    check_number("shrink_and_perturb_std: keep", keep, 0, 1)
    check_number("shrink_and_perturb_std: noise", noise, 0)
    times = np.asarray(times, dtype=float)
    if keep == 1:
        return np.sqrt(1 + noise**2 * times)
    settled = noise**2 / (1 - keep**2)
    return np.sqrt(settled + (1 - settled) * keep ** (2 * times))


def adam_step_after_jump(
    jump: float, steps: int, beta1: float = 0.9, beta2: float = 0.999, count: int | None = None
) -> np.ndarray:
    """Size of Adam's steps, in learning rates, when a gradient that was 1 becomes `jump`.

    Before the jump Adam has seen `count` gradients of 1 (None: so many that both averages have
    settled). Step k after it has m = jump + (1 - jump) beta1^k and v = jump^2 + (1 - jump^2)
    beta2^k, from Kingma and Ba (2015), algorithm 1; eps is left out.
    """
    check_number("adam_step_after_jump: steps", steps, 1, integer=True)
    k = np.arange(1, steps + 1)
    m = jump + (1 - jump) * beta1**k
    v = jump**2 + (1 - jump**2) * beta2**k
    if count is not None:
        seen1, seen2 = beta1**count, beta2**count
        m, v = m - seen1 * beta1**k, v - seen2 * beta2**k
        m, v = m / (1 - seen1 * beta1**k), v / (1 - seen2 * beta2**k)
    return m / np.sqrt(v)
