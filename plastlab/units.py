"""Units: what a probe's number counts, in the words of a sentence.

A share (of examples, of units) is said in percent, and the difference of two shares in points.
"""

PERCENT, POINTS, TIMES = "%", "points", "times"
SHARES = (
    "accuracy",
    "active fraction",
    "dead units",
    "dormant units",
    "gradient dormant units",
    "gradient share",
    "gradient sparsity",
    "linearized units",
    "saturated units",
)
COUNTS = {  # what a probe counts
    "effective rank": "directions",
    "stable rank": "directions",
    "srank": "directions",
    "feature rank": "directions",
    "numerical rank": "directions",
    "pca rank": "directions",
}


def unit_of(probe: str) -> tuple[str, float]:
    """The unit of a probe, and how many of it make 1 of what the probe gives."""
    name = probe.replace("_", " ").removeprefix("online ").partition(",")[0]  # without settings
    if name in SHARES:
        return PERCENT, 100.0
    return COUNTS.get(name, ""), 1.0


def of_difference(first: str, second: str) -> str | None:
    """The unit of first - second; None if they cannot be subtracted."""
    if {first, second} <= {PERCENT, POINTS}:
        return PERCENT if (first, second) == (PERCENT, POINTS) else POINTS
    return first if first == second else None


def of_sum(first: str, second: str) -> str | None:
    """The unit of first + second; None if they cannot be added."""
    if {first, second} == {PERCENT, POINTS}:
        return PERCENT
    return first if first == second else None


def of_product(first: str, second: str) -> str | None:
    """The unit of first * second; None if it has no name."""
    plain = ("", TIMES)
    return second if first in plain else first if second in plain else None


def of_ratio(first: str, second: str) -> str | None:
    """The unit of first / second; None if they cannot be compared."""
    alike = first == second or {first, second} <= {PERCENT, POINTS}
    return TIMES if alike else None


def said(number: str, unit: str) -> str:
    """ "46 points", "97 %", "0.2 times"; the number alone if it has no unit."""
    return f"{number} {unit}".strip()
