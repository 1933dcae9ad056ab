"""The activations by the names that specs know them by, and the gain that each needs at first."""

from plastlab.nets.parametric import AdaLin, AdaLinTanh, PReLU, Rational
from plastlab.nets.pointwise import (
    GELU,
    Activation,
    CReLU,
    DeepFourier,
    Identity,
    LeakyReLU,
    ReLU,
    SiLU,
    Tanh,
)

ACTIVATIONS: dict[str, type[Activation]] = {
    "relu": ReLU,
    "leaky relu": LeakyReLU,
    "tanh": Tanh,
    "gelu": GELU,
    "silu": SiLU,
    "crelu": CReLU,
    "fourier": DeepFourier,
    "prelu": PReLU,
    "adalin": AdaLin,
    "adalin tanh": AdaLinTanh,
    "rational": Rational,
    "identity": Identity,
}

# Gain g with g**2 E[f(z)**2] = 1 for z from N(0, 1), the mean taken over all features: behind an
# activation f, weights from N(0, g**2 / fan_in) keep the preactivations' variance at 1. GELU and
# SiLU have ReLU's, as is usual, and tanh has 1; theirs by this rule are 1.53, 1.68 and 1.59.
GAINS = {
    "relu": 2**0.5,
    "leaky relu": (2 / (1 + LeakyReLU.leak**2)) ** 0.5,
    "gelu": 2**0.5,
    "silu": 2**0.5,
    "crelu": 2**0.5,
    "fourier": 2**0.5,
    "prelu": (2 / (1 + PReLU.initial**2)) ** 0.5,
    "adalin": 2**0.5,
    "rational": 1.40770,
}
