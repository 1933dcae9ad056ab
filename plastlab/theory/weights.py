"""What becomes of weights that are mixed with new draws."""

import numpy as np

from plastlab.errors import LOUDEST, check_number, check_numbers


def shrink_and_perturb_std(keep: float, noise: float, times: np.ndarray) -> np.ndarray:
    """Standard deviation of a weight, in units of its start, after `times` mixes and no training.

    Each mix w <- keep w + noise w_new takes the variance v to keep^2 v + noise^2; from v = 1 it
    goes to noise^2 / (1 - keep^2). Ash and Adams (2020) give the mix; the recursion is elementary.
    """
    keep = check_number("shrink_and_perturb_std: keep", keep, 0, 1)
    noise = check_number("shrink_and_perturb_std: noise", noise, 0, LOUDEST)
    times = check_numbers("shrink_and_perturb_std: times", times, 0)
    if keep == 1:
        return np.sqrt(1 + noise**2 * times)
    settled = noise**2 / (1 - keep**2)
    return np.sqrt(settled + (1 - settled) * keep ** (2 * times))


def shrink_and_perturb_cosine(keep: float, noise: float, times: np.ndarray) -> np.ndarray:
    """Cosine between the weights after `times` mixes and no training, and those at the start, in a
    large network.

    What is left of the start is keep^times of it; the rest was drawn independently.
    """
    keep = check_number("shrink_and_perturb_cosine: keep", keep, 0, 1)
    noise = check_number("shrink_and_perturb_cosine: noise", noise, 0, LOUDEST)
    times = check_numbers("shrink_and_perturb_cosine: times", times, 0)
    left = keep**times
    size = shrink_and_perturb_std(keep, noise, times)
    return np.divide(left, size, out=np.zeros_like(left), where=size > 0)
