"""Where a pull towards a home leaves a weight, how fast Adam lets it pull, and what power iteration
sees of a matrix."""

import numpy as np
from numpy.typing import ArrayLike

from plastlab.errors import check_number, check_numbers, check_shapes

Array = np.ndarray


def pulled_home(curvature: ArrayLike, strength: ArrayLike) -> Array:
    """Share of the way from the task's best weight back home at which a pulled weight rests.

    The loss is curvature / 2 times the squared distance from the task's best weight, the penalty
    `strength` times the squared distance from home. Where their slopes cancel, the share is
    2 strength / (curvature + 2 strength): ridge regression, with another home than 0.
    """
    curvature = check_numbers("pulled_home: curvature", curvature, 0)
    pull = 2 * check_numbers("pulled_home: strength", strength, 0)
    check_shapes("pulled_home: curvature, strength", curvature, pull)
    if np.any(curvature + pull == 0):
        raise ValueError("pulled_home: curvature and strength must not both be 0; got 0 twice.")
    return pull / (curvature + pull)


def pull_through_adam(strength: float, noise: float, lr: float, steps: ArrayLike) -> Array:
    """Distance from home, in units of the first, of a weight whose gradient is noise of standard
    deviation `noise` and the slope of `strength` times the squared distance.

    Adam divides by the gradient's size. If that is mostly noise, a step is
    2 lr strength / noise times the distance (Kingma and Ba, 2015, algorithm 1, with v at its mean),
    so the distance is exp(-2 lr strength steps / noise). Without noise this says nothing: then
    Adam's steps do not depend on the strength.
    """
    strength = check_number("pull_through_adam: strength", strength, 0)
    noise = check_number("pull_through_adam: noise", noise, 0, low_open=True)
    lr = check_number("pull_through_adam: lr", lr, 0)
    steps = check_numbers("pull_through_adam: steps", steps, 0)
    return np.exp(-2 * lr * strength * steps / noise)


def power_estimate(values: ArrayLike, steps: int) -> Array:
    """What `steps` steps of power iteration from a random direction say about the largest of the
    singular values [..., n], if each direction had the same share in the start.

    A step is a product with the matrix and one with its transpose. After k of them direction i
    holds the share s_i^(4k - 2) of the squared left vector, and the estimate is the root of
    sum s_i^(4k) / sum s_i^(4k - 2), never more than the largest value.
    """
    steps = check_number("power_estimate: steps", steps, 1, integer=True)
    values = check_numbers("power_estimate: values", values, 0)
    if values.ndim == 0 or not (values.max(-1) > 0).all():
        raise ValueError(
            "power_estimate: values must be rows of singular values [..., n], not all 0; "
            f"got the shape {list(values.shape)}."
        )
    top = values.max(-1, keepdims=True)
    share = values / top
    above, below = ((share**power).sum(-1) for power in (4 * steps, 4 * steps - 2))
    return top[..., 0] * np.sqrt(above / below)
