"""claim: a sentence about numbers, judged at once."""

from dataclasses import dataclass
from html import escape
from typing import Any

from plastlab.claims import Claim, Verdict
from plastlab.results.per_seed import PerSeed, check_one_row
from plastlab.sparkline import sparkline


@dataclass(frozen=True, kw_only=True, repr=False)
class Drawn(Verdict):
    """A verdict that shows itself as one line with a small picture of its seeds."""

    def _repr_html_(self) -> str:
        """One line with a small picture; the numbers fold out."""
        picture = sparkline(self.values, self.threshold, (self.low, self.high))
        words = escape(self.sentence).replace("$", "<span>$</span>")  # no formula begins there
        return (
            f'<details class="plastlab-verdict"><summary><img src="{picture}" alt="" width="132" '
            f'height="18" style="vertical-align: middle"> <b>{self.id} {self.verdict}</b> '
            f"{words}</summary>{escape(self.numbers)}</details>"
        )


def claim(
    id: str,
    sentence: str,
    numbers: PerSeed,
    *,
    above: float | None = None,
    below: float | None = None,
    source: str = "",
) -> Drawn:
    """Judge the sentence by the 95 % Student-t interval of the numbers [S] over seeds.

    Supported: the whole interval lies beyond the threshold, which is in the numbers' unit; refuted:
    all of it lies on the other side; undecided otherwise, or if a seed's number is not finite. With
    neither `above` nor `below`, `above` is 0. `id` is chapter and number, `source` a key of the
    bibliography.

    Raises:
        TypeError, ValueError: an id of another form, an empty sentence, both thresholds, or numbers
            that are not one for each seed.
    """
    check_one_row("claim", numbers)
    claimed = Claim(id, sentence, _values, above, below, source, numbers.unit)
    return Drawn(**vars(claimed.check(numbers)))


def _values(numbers: Any) -> Any:
    return numbers.values
