"""Task 4.2: how large weights are after some mixes."""

from collections.abc import Callable, Iterable
from numbers import Real

import numpy as np

from plastlab.labs.marking import Rival, compare, expect
from plastlab.theory import shrink_and_perturb_std

Spread = Callable[[float, float, int], float]

RIVALS = (
    Rival(lambda k, n, t: 1.0, "The answer is 1, whatever the numbers."),
    Rival(lambda k, n, t: k**t, "You only shrink. Each mix also adds noise times a fresh draw."),
    Rival(
        lambda k, n, t: (1 + t * n**2) ** 0.5, "You only perturb. Each mix also shrinks by keep."
    ),
    Rival(
        lambda k, n, t: (k**2 + n**2) ** 0.5,
        "That is one mix, whatever `times` says. Mix `times` times.",
    ),
    Rival(
        lambda k, n, t: _settled(k, n) ** 0.5,
        "That is where it ends after very many mixes. Say where it is after `times`.",
    ),
    Rival(
        lambda k, n, t: _repeat(lambda s: k * s + n, t),
        "You add standard deviations. For independent draws it is the variances that add.",
    ),
    Rival(
        lambda k, n, t: _repeat(lambda v: k**2 * v + n**2, t),
        "That is the variance. A standard deviation is its square root.",
    ),
    Rival(
        lambda k, n, t: _repeat(lambda v: k * v + n, t) ** 0.5,
        "A number times keep has keep squared times the variance; you scale the variance by keep.",
    ),
    Rival(
        lambda k, n, t: _right(n, k, t),
        "keep and noise have changed places: keep multiplies what is there, noise what is added.",
    ),
    Rival(lambda k, n, t: _right(k, n, t + 1), "You mix once too often: after 0 mixes it is 1."),
    Rival(
        lambda k, n, t: _right(k, n, max(t - 1, 0)),
        "You mix once too little: count from the first.",
    ),
    Rival(
        lambda k, n, t: abs(_right(k, n, t) ** 2 - k ** (2 * t)) ** 0.5,
        "You start from nothing. Before the first mix the spread is 1, and keep carries it on.",
    ),
    Rival(
        lambda k, n, t: (_settled(k, n) * (1 - k**t) + k**t) ** 0.5,
        "The start fades as the power 2 times of keep: its variance shrinks by keep squared a mix.",
    ),
)


def examine(spread: Spread, mixes: Iterable[tuple[float, float]], times: Iterable[int]) -> None:
    """Compare with the recursion at all pairs (keep, noise) and all numbers of mixes.

    Raises:
        Misconception: the first thing that is wrong.
    """
    times = tuple(times)
    cases = {
        f"After {t} mixes at keep {k} and noise {n} the spread is another number.": (k, n, t)
        for k, n in mixes
        for t in times
    }
    compare(lambda *case: _number(spread, case), _right, RIVALS, cases, np.isclose)


def _number(spread: Spread, case: tuple[float, float, int]) -> float:
    try:
        found = spread(*case)
    except ZeroDivisionError:
        found = None
        expect(
            case[0] != 1, "At keep 1 you divide by zero; weights that never shrink still spread."
        )
    expect(isinstance(found, Real), f"spread must return a number; it returns {found!r}.")
    return float(found)


def _right(keep: float, noise: float, times: int) -> float:
    return float(shrink_and_perturb_std(keep, noise, times))


def _settled(keep: float, noise: float) -> float:
    """The variance after very many mixes."""
    return noise**2 / (1 - keep**2) if keep < 1 else np.inf


def _repeat(change: Callable[[float], float], times: int) -> float:
    value = 1.0
    for _ in range(times):
        value = change(value)
    return value
