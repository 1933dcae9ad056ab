"""Probes: numbers read off the running networks, one a replica. `probe(state) -> [R]`.

At the end of a task a probe sees the task's held-out examples (for random labels, the training
examples), the gradient of the last batch and the weights before the last update. Ranks and units
depend on how many examples are shown: compare only what was measured on equally many.

A probe's further arguments are its settings, changed with `given(probe, setting=value)`. Docstrings
give each one's formula, its source, and what it misses. `FAMILIES` lists all probes, `MATRICES`
the functions that give a matrix a replica, for figures.
"""

from plastlab.probes.answers import accuracy, churn, churn_distance, loss
from plastlab.probes.base import Probe, given, online, probe_name, underlying
from plastlab.probes.curvature import hessian, hessian_rank, sharpness
from plastlab.probes.fisher import fisher_trace
from plastlab.probes.gradients import (
    gradient_cosine,
    gradient_cosines,
    gradient_norm,
    gradient_rank,
    gradient_sparsity,
)
from plastlab.probes.kernel import ggn_rank, ntk, ntk_condition, ntk_rank
from plastlab.probes.preactivations import (
    preactivation_distance,
    preactivation_mean,
    preactivation_std,
)
from plastlab.probes.ranks import (
    effective_rank,
    feature_rank,
    numerical_rank,
    pca_rank,
    singular_values,
    srank,
    stable_rank,
)
from plastlab.probes.results import warm_start_gap
from plastlab.probes.trainability import trainability_loss
from plastlab.probes.units import (
    active_fraction,
    dead_units,
    dormancy,
    dormant_units,
    gradient_dormant_units,
    linearized_units,
    saturated_units,
)
from plastlab.probes.weights import (
    isometry_deviation,
    update_ratio,
    weight_growth,
    weight_likeness,
    weight_norm,
)

FAMILIES: dict[str, tuple[Probe, ...]] = {
    "answers": (accuracy, loss, churn, churn_distance),
    "units": (
        dead_units,
        dormant_units,
        gradient_dormant_units,
        linearized_units,
        saturated_units,
        active_fraction,
    ),
    "preactivations": (preactivation_mean, preactivation_std, preactivation_distance),
    "ranks": (effective_rank, srank, pca_rank, stable_rank, feature_rank, numerical_rank),
    "weights": (weight_norm, weight_growth, weight_likeness, update_ratio, isometry_deviation),
    "gradients": (
        gradient_norm,
        gradient_sparsity,
        gradient_cosine,
        gradient_rank,
        fisher_trace,
    ),
    "curvature": (sharpness, hessian_rank, ggn_rank),
    "kernel": (ntk_rank, ntk_condition),
    "trainability": (trainability_loss,),
}
MATRICES = (singular_values, gradient_cosines, ntk, hessian)

__all__ = [
    "Probe",
    "accuracy",
    "active_fraction",
    "churn",
    "churn_distance",
    "dead_units",
    "dormancy",
    "dormant_units",
    "effective_rank",
    "feature_rank",
    "fisher_trace",
    "ggn_rank",
    "given",
    "gradient_cosine",
    "gradient_cosines",
    "gradient_dormant_units",
    "gradient_norm",
    "gradient_rank",
    "gradient_sparsity",
    "hessian",
    "hessian_rank",
    "isometry_deviation",
    "linearized_units",
    "loss",
    "ntk",
    "ntk_condition",
    "ntk_rank",
    "numerical_rank",
    "online",
    "pca_rank",
    "preactivation_distance",
    "preactivation_mean",
    "preactivation_std",
    "probe_name",
    "saturated_units",
    "sharpness",
    "singular_values",
    "srank",
    "stable_rank",
    "trainability_loss",
    "underlying",
    "update_ratio",
    "warm_start_gap",
    "weight_growth",
    "weight_likeness",
    "weight_norm",
]
