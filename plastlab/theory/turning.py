"""How far an update turns weights whose size does not matter, because a normalization follows."""

import numpy as np

from plastlab.errors import HUGE, check_number, check_numbers


def turn_at_balance(lr: float, decay: float, momentum: float = 0.0) -> float:
    """Size of an update over that of the weights, in the long run, with decoupled weight decay.

    An update at right angles to the weights makes them longer, decay makes them shorter, by lr
    decay of themselves each time. The two balance where the update is sqrt(2 lr decay) of the
    weights: neither the gradient's size nor the start's is in it. With momentum, one update is a
    mean over several gradients; if these are independent, it is shorter by the root of
    (1 - momentum) / (1 + momentum), and their sum is not. For Adam, momentum is beta1.

    Source: van Laarhoven (2017) for gradient descent, Kosson et al. (2024) for Adam.
    """
    lr = check_number("turn_at_balance: lr", lr, 0)
    decay = check_number("turn_at_balance: decay", decay, 0)
    momentum = check_number("turn_at_balance: momentum", momentum, 0, 1)
    return float(np.sqrt(2 * lr * decay * (1 - momentum) / (1 + momentum)))


def turn_course(
    lr: float, decay: float, slope: float, times: np.ndarray, size: float = 1.0
) -> np.ndarray:
    """Size of an update over that of the weights after so many updates of gradient descent.

    The gradient is at right angles to the weights and has the norm slope / size: a scale-invariant
    loss is half as steep where the weights are twice as long. So n, the size squared, obeys
    dn/dt = lr^2 slope^2 / n - 2 lr decay n; its square goes exponentially to lr slope^2 / (2 decay)
    or, without decay, up in a straight line. The result is lr slope / n.

    Source: van Laarhoven (2017) for the two forces; the course in time is elementary.
    """
    lr, decay, slope = (
        check_number(f"turn_course: {name}", value, 0, HUGE)
        for name, value in (("lr", lr), ("decay", decay), ("slope", slope))
    )
    size = check_number("turn_course: size", size, 0, HUGE, low_open=True)
    times = check_numbers("turn_course: times", times, 0)
    if decay * lr == 0:
        fourth = size**4 + 2 * (lr * slope) ** 2 * times
    else:
        settled = lr * slope**2 / (2 * decay)
        fourth = settled + (size**4 - settled) * np.exp(-4 * lr * decay * times)
    return lr * slope / np.sqrt(fourth)
