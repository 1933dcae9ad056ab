"""plastlab: small experiments on plasticity in neural networks, fast enough to be repeated.

`from plastlab import *` is what a chapter starts with. It brings every data set, stream,
intervention and probe, and what is listed below.
"""

from plastlab.requirements import missing as _missing
from plastlab.requirements import refuse as _refuse

__all__ = [
    "MLP",
    "SGD",
    "Adam",
    "AdamW",
    "Axis",
    "Band",
    "Bars",
    "Choice",
    "Claim",
    "Condition",
    "ConvNet1d",
    "Dots",
    "ImpalaNet1d",
    "Line",
    "Module",
    "Muon",
    "PerSeed",
    "Picture",
    "Recurrent",
    "ResidualMLP",
    "Result",
    "Row",
    "Rule",
    "Slider",
    "SoftMoENet1d",
    "Switch",
    "Training",
    "Transformer",
    "ahead",
    "calibration",
    "claim",
    "course",
    "exercise",
    "explore",
    "interaction",
    "interval",
    "largest",
    "level",
    "live",
    "live_run",
    "lost",
    "plots",
    "predict",
    "ratio",
    "run",
    "share_of_gap",
    "smallest",
    "stack",
    "sweep",
    "theory",
]

if _missing():
    __getattr__ = _refuse  # the commands still start: doctor says what is missing
else:
    from plastlab import data as _data
    from plastlab import interventions as _interventions
    from plastlab import plots, theory
    from plastlab import probes as _probes
    from plastlab import streams as _streams
    from plastlab.claims import Claim
    from plastlab.condition import Condition
    from plastlab.data import *  # noqa: F403
    from plastlab.interventions import *  # noqa: F403
    from plastlab.muon import Muon
    from plastlab.nets import (
        MLP,
        ConvNet1d,
        ImpalaNet1d,
        Recurrent,
        ResidualMLP,
        SoftMoENet1d,
        Transformer,
    )
    from plastlab.nets.modules import Module
    from plastlab.oneline import explain_names as _explain_names
    from plastlab.optim import SGD, Adam, AdamW
    from plastlab.panels.controls import Choice, Slider, Switch
    from plastlab.panels.exercise import exercise
    from plastlab.panels.explore import explore
    from plastlab.panels.live import live
    from plastlab.panels.live_run import live_run
    from plastlab.panels.marks import Band, Bars, Dots, Line, Rule
    from plastlab.panels.picture import Picture, Row
    from plastlab.panels.predict import calibration, predict
    from plastlab.plots.axis import Axis
    from plastlab.probes import *  # noqa: F403
    from plastlab.result import Result
    from plastlab.results import (
        PerSeed,
        ahead,
        claim,
        course,
        interaction,
        largest,
        level,
        lost,
        ratio,
        share_of_gap,
        smallest,
        stack,
        sweep,
    )
    from plastlab.run import run
    from plastlab.stats import interval
    from plastlab.streams import *  # noqa: F403
    from plastlab.training import Training

    for _part in (_data, _interventions, _probes, _streams):
        __all__ += _part.__all__
    _explain_names()
