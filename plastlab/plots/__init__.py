"""Pictures of results: every seed visible, every axis named, every figure described in words."""

from plastlab.plots.bars import bars
from plastlab.plots.curves import curves
from plastlab.plots.distributions import histogram, spectrum
from plastlab.plots.plot import Plot

__all__ = ["Plot", "bars", "curves", "histogram", "spectrum"]
