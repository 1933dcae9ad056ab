"""What a network that has learned nothing would get."""

import numpy as np
from scipy.special import ndtr

from plastlab.errors import check_number


def best_constant_answer(examples: int, classes: int) -> float:
    """Expected share right of the best constant answer to uniformly random labels.

    The most frequent of `classes` labels among `examples`: counts are close to normal with mean
    examples / classes, and their largest deviation from their own mean is sqrt(examples / classes)
    times the expected largest of that many standard normal numbers.
    """
    examples = check_number("best_constant_answer: examples", examples, 1, integer=True)
    classes = check_number("best_constant_answer: classes", classes, 2, integer=True)
    z = np.linspace(-8, 8, 2001)
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) * ndtr(z) ** (classes - 1)
    largest = np.trapezoid(classes * z * density, z)
    return float(min(1.0, 1 / classes + largest / np.sqrt(examples * classes)))
