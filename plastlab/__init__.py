"""plastlab: small experiments on plasticity in neural networks, fast enough to be repeated.

`from plastlab import *` is what a chapter starts with.
"""

from plastlab.requirements import missing as _missing
from plastlab.requirements import refuse as _refuse

if _missing():
    __getattr__ = _refuse  # the commands still start: doctor says what is missing
else:
    from plastlab import plots, theory
    from plastlab.axis import Axis
    from plastlab.claims import Claim
    from plastlab.condition import Condition
    from plastlab.controls import Choice, Slider, Switch
    from plastlab.data import Digits, Gaussian, Mnist1d, TeacherRegression
    from plastlab.explore import explore
    from plastlab.interventions import (
        L2,
        AdamReset,
        FullReset,
        Intervention,
        L2Init,
        LayerNorm,
        ReDo,
        ShrinkAndPerturb,
        WeightClipping,
    )
    from plastlab.live import live
    from plastlab.marks import Band, Bars, Dots, Line, Rule
    from plastlab.modules import Module
    from plastlab.nets import MLP, ConvNet1d, ResidualMLP
    from plastlab.optim import SGD, Adam, AdamW
    from plastlab.picture import Picture, Row
    from plastlab.predict import calibration, predict
    from plastlab.probes import (
        accuracy,
        dead_units,
        dormant_units,
        effective_rank,
        feature_rank,
        gradient_norm,
        loss,
        online,
        srank,
        stable_rank,
        update_ratio,
        weight_norm,
    )
    from plastlab.result import Result
    from plastlab.run import run
    from plastlab.stats import interval
    from plastlab.streams import Gradual, PermutedInputs, RandomLabels, Stationary, Stream
    from plastlab.training import Training

__all__ = [
    "accuracy",
    "Adam",
    "AdamReset",
    "AdamW",
    "Axis",
    "Band",
    "Bars",
    "calibration",
    "Choice",
    "Claim",
    "Condition",
    "ConvNet1d",
    "dead_units",
    "Digits",
    "dormant_units",
    "Dots",
    "effective_rank",
    "explore",
    "feature_rank",
    "FullReset",
    "Gaussian",
    "gradient_norm",
    "Gradual",
    "interval",
    "Intervention",
    "L2",
    "L2Init",
    "LayerNorm",
    "Line",
    "live",
    "loss",
    "MLP",
    "Mnist1d",
    "Module",
    "online",
    "PermutedInputs",
    "Picture",
    "plots",
    "predict",
    "RandomLabels",
    "ReDo",
    "ResidualMLP",
    "Result",
    "Row",
    "Rule",
    "run",
    "SGD",
    "ShrinkAndPerturb",
    "Slider",
    "srank",
    "stable_rank",
    "Stationary",
    "Stream",
    "Switch",
    "TeacherRegression",
    "theory",
    "Training",
    "update_ratio",
    "weight_norm",
    "WeightClipping",
]
