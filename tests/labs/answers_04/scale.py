"""Task 4.2."""

import numpy as np

NAMES = ("spread",)


# Right, in different ways.


def recursion(keep, noise, times):
    variance = 1.0
    for _ in range(times):
        variance = keep * keep * variance + noise * noise
    return variance**0.5


def closed_form(keep, noise, times):
    if keep == 1:
        return (1 + times * noise**2) ** 0.5
    settled = noise**2 / (1 - keep**2)
    return (settled + (1 - settled) * keep ** (2 * times)) ** 0.5


def sum_of_powers(keep, noise, times):
    return float(
        np.sqrt(keep ** (2 * times) + noise**2 * sum(keep ** (2 * i) for i in range(times)))
    )


def calls_itself(keep, noise, times):
    return 1.0 if times == 0 else np.hypot(keep * calls_itself(keep, noise, times - 1), noise)


# Wrong.


def only_shrinks(keep, noise, times):
    return keep**times


def only_perturbs(keep, noise, times):
    return (1 + times * noise**2) ** 0.5


def one_mix(keep, noise, times):
    return np.hypot(keep, noise)


def the_end(keep, noise, times):
    return noise / (1 - keep**2) ** 0.5


def adds_deviations(keep, noise, times):
    std = 1.0
    for _ in range(times):
        std = keep * std + noise
    return std


def forgets_the_root(keep, noise, times):
    variance = 1.0
    for _ in range(times):
        variance = keep**2 * variance + noise**2
    return variance


def forgets_to_square(keep, noise, times):
    variance = 1.0
    for _ in range(times):
        variance = keep * variance + noise
    return variance**0.5


def swapped(keep, noise, times):
    std = 1.0
    for _ in range(times):
        std = np.hypot(noise * std, keep)
    return std


def once_too_often(keep, noise, times):
    std = 1.0
    for _ in range(times + 1):
        std = np.hypot(keep * std, noise)
    return std


def once_too_little(keep, noise, times):
    std = 1.0
    for _ in range(1, times):
        std = np.hypot(keep * std, noise)
    return std


def from_nothing(keep, noise, times):
    std = 0.0
    for _ in range(times):
        std = np.hypot(keep * std, noise)
    return std


def wrong_power(keep, noise, times):
    settled = noise**2 / (1 - keep**2)
    return (settled + (1 - settled) * keep**times) ** 0.5


def divides_by_zero(keep, noise, times):
    settled = noise**2 / (1 - keep**2)
    return (settled + (1 - settled) * keep ** (2 * times)) ** 0.5


def nothing_at_keep_1(keep, noise, times):
    if keep == 1:
        return 1.0
    settled = noise**2 / (1 - keep**2)
    return (settled + (1 - settled) * keep ** (2 * times)) ** 0.5


RIGHT = (recursion, closed_form, sum_of_powers, calls_itself)
WRONG = {
    only_shrinks: "only shrink",
    only_perturbs: "only perturb",
    one_mix: "one mix, whatever",
    the_end: "after very many mixes",
    adds_deviations: "add standard deviations",
    forgets_the_root: "That is the variance",
    forgets_to_square: "keep squared times the variance",
    swapped: "changed places",
    once_too_often: "once too often",
    once_too_little: "once too little",
    from_nothing: "start from nothing",
    wrong_power: "power 2 times",
    divides_by_zero: "divide by zero",
    nothing_at_keep_1: "mixes at keep 1.0",
}
