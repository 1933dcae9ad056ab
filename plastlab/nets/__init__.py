"""Networks: specs that readers choose from, the layers they are made of, and how R replicas of one
are drawn and trained together."""

from plastlab.nets.architectures import MLP, Architecture, ConvNet1d, ResidualMLP
from plastlab.nets.attention import Transformer
from plastlab.nets.convnets import ImpalaNet1d, SoftMoENet1d
from plastlab.nets.recurrent import Recurrent
from plastlab.nets.shaping import ShapedMLP
from plastlab.nets.stretched import StretchedMLP

__all__ = [
    "MLP",
    "Architecture",
    "ConvNet1d",
    "ImpalaNet1d",
    "Recurrent",
    "ResidualMLP",
    "ShapedMLP",
    "SoftMoENet1d",
    "StretchedMLP",
    "Transformer",
]
