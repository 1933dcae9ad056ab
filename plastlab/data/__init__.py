"""Base problems, made on the spot, shipped inside a dependency, or your own. Nothing is downloaded.

A data spec is frozen; `draw(seeds)` gives every seed its own problem. Inputs are standardized (zero
mean and unit variance over the pool they come from), except where they are bits, symbols or states.
"""

from plastlab.data.arrays import Arrays
from plastlab.data.base import Data, Problem
from plastlab.data.classes import Digits, Gaussian, Mnist1d
from plastlab.data.regression import LTURegression, RandomTargets, TeacherRegression
from plastlab.data.sequences import Recall
from plastlab.data.states import Cart

__all__ = [
    "Arrays",
    "Cart",
    "Data",
    "Digits",
    "Gaussian",
    "LTURegression",
    "Mnist1d",
    "Problem",
    "RandomTargets",
    "Recall",
    "TeacherRegression",
]
