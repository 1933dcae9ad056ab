"""Diagnostics that compare conditions: functions of a result, not of a running network."""

from typing import Protocol, runtime_checkable

import numpy as np

from plastlab.errors import check_choice, check_type


@runtime_checkable
class Outcomes(Protocol):
    """What is needed of a `Result`."""

    conditions: tuple[str, ...]

    def last(self, probe: str, condition: str, times: int = 1) -> np.ndarray:
        """Per-seed mean over the last `times` probe times [seeds]."""


def warm_start_gap(
    result: Outcomes, scratch: str, warm: str, probe: str = "accuracy", times: int = 1
) -> np.ndarray:
    """Probe of the condition `scratch`, trained on everything from the start, minus that of `warm`,
    trained on a part first: the paired difference of each seed, over the last `times` probe times
    [seeds].

    Above 0 the head start did harm, if more of the probe is better. Both need equally many updates
    on everything, and enough of them.

    Source: Ash and Adams (2020).
    Misses why: training longer, or with other settings, may close it.
    """
    check_type("warm_start_gap: result", result, Outcomes, "Give what run(...) returns.")
    for name, condition in {"scratch": scratch, "warm": warm}.items():
        check_choice(f"warm_start_gap: {name}", condition, result.conditions)
    return result.last(probe, scratch, times) - result.last(probe, warm, times)
