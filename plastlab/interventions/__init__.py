"""Interventions, one module a family."""

from plastlab.interventions.architecture import LayerNorm
from plastlab.interventions.base import Event, Intervention
from plastlab.interventions.constraints import WeightClipping
from plastlab.interventions.neurons import ReDo
from plastlab.interventions.optimizer import AdamReset
from plastlab.interventions.penalties import L2, L2Init
from plastlab.interventions.resets import FullReset, ShrinkAndPerturb

__all__ = [
    "AdamReset",
    "Event",
    "FullReset",
    "Intervention",
    "L2",
    "L2Init",
    "LayerNorm",
    "ReDo",
    "ShrinkAndPerturb",
    "WeightClipping",
]
