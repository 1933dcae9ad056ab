"""Optimizer resets: the weights stay, the optimizer forgets."""

from dataclasses import dataclass

from plastlab.errors import check_type
from plastlab.interventions.base import Event
from plastlab.state import State


@dataclass(frozen=True)
class AdamReset(Event):
    """Makes Adam forget its first moment `m`, its second moment `v` and its update `count`.

    All three together are a new optimizer. Forgetting the moments without the count makes the
    next steps up to 6.5 times too large; forgetting the count alone is Adam-Rel.

    Source: Asadi, Fakoor and Sabach (2023), section 3 (m and v, at target updates); Ellis et al.
        (2024), section 3 (count).
    Differs: acts at the boundaries of supervised tasks; with SGD it clears the momentum.
    Cost: none.
    """

    m: bool = True
    v: bool = True
    count: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        for part in ("m", "v", "count"):
            check_type(f"AdamReset.{part}", getattr(self, part), bool, "Give True or False.")

    def act(self, s: State) -> None:
        """Forget."""
        s.reset_optimizer(parts=tuple(p for p in ("m", "v", "count") if getattr(self, p)))
