"""Ranks of a matrix from its singular values alone."""

from collections.abc import Sequence

import numpy as np

from plastlab.errors import check_number, check_numbers


def five_ranks(
    singular_values: Sequence[float], examples: int, delta: float = 0.01, epsilon: float = 0.01
) -> dict[str, float]:
    """What five papers call the rank of a matrix of features, by name.

    With p_i = sigma_i / sum(sigma): the effective rank exp(-sum p_i log p_i) (Roy and Vetterli,
    2007); the srank, the number of the largest that hold 1 - delta of the sum (Kumar et al., 2021);
    the PCA rank, the same with squares (Yang et al., 2019); the stable rank, the sum of squares
    over the largest square; the feature rank, the number above epsilon sqrt(examples) (Lyle et
    al., 2022). Probes of the same names measure them on networks.

    >>> five_ranks([3.0, 3.0, 0.0], examples=9)["effective rank"]
    2.0
    """
    examples = check_number("five_ranks: examples", examples, 1, integer=True)
    delta = check_number("five_ranks: delta", delta, 0, 1)
    epsilon = check_number("five_ranks: epsilon", epsilon, 0)
    sigma = check_numbers("five_ranks: singular_values", singular_values, 0)
    if sigma.ndim != 1 or not sigma.any():
        raise ValueError(
            "five_ranks: singular_values must be one row of numbers of at least 0, and not all 0; "
            f"got {singular_values!r}."
        )
    sigma = -np.sort(-sigma)
    shares = sigma[sigma > 0] / sigma.sum()
    return {
        "effective rank": round(float(np.exp(-(shares * np.log(shares)).sum())), 12),
        "srank": _holding(sigma, delta),
        "pca rank": _holding(sigma**2, delta),
        "stable rank": float((sigma**2).sum() / sigma[0] ** 2),
        "feature rank": float((sigma > epsilon * examples**0.5).sum()),
    }


def _holding(sizes: np.ndarray, delta: float) -> float:
    """Smallest number of sizes, which fall, that hold 1 - delta of their sum."""
    return float((sizes.cumsum() < (1 - delta) * sizes.sum()).sum() + 1)
