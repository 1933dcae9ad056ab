"""Closed forms that chapters draw over their simulations."""

from plastlab.theory.adam import adam_step_after_jump, adam_step_after_quiet
from plastlab.theory.answers import best_constant_answer
from plastlab.theory.bowl import Bowl
from plastlab.theory.catapult import Catapult
from plastlab.theory.kernels import batch_norm_growth, dks, leaky_map, tailored_leak
from plastlab.theory.modes import Modes
from plastlab.theory.pathways import Pathways
from plastlab.theory.pulls import power_estimate, pull_through_adam, pulled_home
from plastlab.theory.signals import Signals, own_gain
from plastlab.theory.spectra import five_ranks
from plastlab.theory.turning import turn_at_balance, turn_course
from plastlab.theory.weights import shrink_and_perturb_cosine, shrink_and_perturb_std

__all__ = [
    "Bowl",
    "Catapult",
    "Modes",
    "Pathways",
    "Signals",
    "adam_step_after_jump",
    "adam_step_after_quiet",
    "batch_norm_growth",
    "best_constant_answer",
    "dks",
    "five_ranks",
    "leaky_map",
    "own_gain",
    "power_estimate",
    "pull_through_adam",
    "pulled_home",
    "shrink_and_perturb_cosine",
    "shrink_and_perturb_std",
    "tailored_leak",
    "turn_at_balance",
    "turn_course",
]
