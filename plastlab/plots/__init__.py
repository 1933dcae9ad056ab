"""Pictures of results: every seed visible, every axis named, every figure described in words."""

from plastlab.plots.bars import bars
from plastlab.plots.curves import curves
from plastlab.plots.distributions import histogram, spectrum
from plastlab.plots.heat import heatmap
from plastlab.plots.layers import layers
from plastlab.plots.plot import Plot
from plastlab.plots.scores import forest, profiles
from plastlab.plots.signs import signs
from plastlab.plots.steps import steps

__all__ = [
    "Plot",
    "bars",
    "curves",
    "forest",
    "heatmap",
    "histogram",
    "layers",
    "profiles",
    "signs",
    "spectrum",
    "steps",
]
