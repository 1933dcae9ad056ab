"""Architecture: the network is built differently from the start."""

from dataclasses import dataclass
from typing import Any

from plastlab.interventions.base import Intervention


@dataclass(frozen=True)
class LayerNorm(Intervention):
    """Puts a LayerNorm before every nonlinearity.

    Source: Ba, Kiros and Hinton (2016), section 3; for plasticity Lyle et al. (2023).
    Differs: nothing; each norm has a learned gain and offset.
    Cost: two more vectors a layer; about a third more time a step.
    """

    def network(self, spec: Any) -> Any:
        """The same architecture, normalized."""
        return spec.with_layer_norm()
