"""exercise: whether what a reader tried does what was asked."""

import numpy as np

from plastlab.errors import check_number, check_type
from plastlab.results import PerSeed
from plastlab.results.per_seed import check_one_row
from plastlab.stats import interval, rounded
from plastlab.units import said


class Exercise:
    """A line about one try: what it reached, what was asked, whether it is `solved`."""

    def __init__(self, name: str, numbers: PerSeed, bound: float, is_above: bool) -> None:
        """Hold the mean over seeds, with its interval, to the bound."""
        self.name, self.numbers = name, numbers
        side = "above" if is_above else "below"
        self.asked = f"{side} {said(f'{bound:g}', numbers.unit)}"
        self.solved, self.reached = False, "not a finite number in every seed"
        if np.isfinite(numbers.values).all() and len(numbers.seeds) > 1:
            found = interval(numbers.values)
            self.solved = found.low > bound if is_above else found.high < bound
            middle, low, high = rounded(found.mean, found.low, found.high)
            self.reached = f"{said(middle, numbers.unit)} ({low} to {high})"

    def __repr__(self) -> str:
        """Return the line."""
        word = "solved" if self.solved else "not yet"
        return f"{self.name}: {self.reached}, asked for {self.asked}: {word}."


def exercise(
    name: str, numbers: PerSeed, *, above: float | None = None, below: float | None = None
) -> Exercise:
    """Hold numbers [S] to what an exercise asks for: it is solved if their whole 95 % interval lies
    beyond the threshold, in the numbers' unit.

    Raises:
        TypeError, ValueError: numbers that are not one a seed, or not one threshold.
    """
    check_type("exercise: name", name, str, 'Write for example "mine".')
    check_one_row("exercise", numbers)
    if (above is None) == (below is None):
        raise ValueError(f"exercise takes above or below; got above={above}, below={below}.")
    is_above = below is None
    side = "above" if is_above else "below"
    bound = check_number(f"exercise: {side}", above if is_above else below)
    return Exercise(name, numbers, bound, is_above)
