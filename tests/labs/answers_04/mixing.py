"""Task 4.1."""

from dataclasses import dataclass

import torch

from plastlab import Intervention

NAMES = ("ShrinkPerturb",)


# Right, in different ways.


@dataclass(frozen=True)
class InPlace(Intervention):
    keep: float = 0.4
    noise: float = 0.1

    def at_task(self, s, mem):
        fresh = s.fresh().weights
        for name in s.weights.layout.connections:
            s.weights[name].mul_(self.keep).add_(fresh[name], alpha=self.noise)


@dataclass(frozen=True)
class Copies(Intervention):
    keep: float = 0.4
    noise: float = 0.1

    def at_task(self, s, mem):
        new = s.fresh("shrink and perturb", s.task).weights
        for name in s.weights.layout.matrices + s.weights.layout.biases:
            old = s.weights[name]
            old.copy_(self.keep * old + self.noise * new[name])


@dataclass(frozen=True)
class Slices(Intervention):
    keep: float = 0.4
    noise: float = 0.1

    def at_task(self, s, mem):
        fresh = s.fresh()
        for name, tensor in s.weights.views.items():
            if name in s.weights.layout.connections:
                tensor[:] = tensor.lerp(fresh.weights[name], self.noise) - tensor * (
                    1 - self.noise - self.keep
                )


@dataclass(frozen=True)
class OwnDraws(Intervention):
    keep: float = 0.4
    noise: float = 0.1

    def at_task(self, s, mem):
        from plastlab.rng import normal

        start = s.fresh().weights
        for name in s.weights.layout.connections:
            shape = s.weights[name].shape[1:]
            scale = start[name].std() if start[name].abs().max() > 0 else 0.0
            draw = normal(tuple(shape), s.seeds, "my noise", name, s.step)
            s.weights[name].mul_(self.keep).add_(self.noise * scale * draw)


# Wrong.


@dataclass(frozen=True)
class ForgetsToPerturb(Intervention):
    keep: float = 0.4
    noise: float = 0.1

    def at_task(self, s, mem):
        for name in s.weights.layout.connections:
            s.weights[name].mul_(self.keep)


@dataclass(frozen=True)
class ForgetsToShrink(Intervention):
    keep: float = 0.4
    noise: float = 0.1

    def at_task(self, s, mem):
        fresh = s.fresh().weights
        for name in s.weights.layout.connections:
            s.weights[name].add_(fresh[name], alpha=self.noise)


@dataclass(frozen=True)
class Swapped(Intervention):
    keep: float = 0.4
    noise: float = 0.1

    def at_task(self, s, mem):
        fresh = s.fresh().weights
        for name in s.weights.layout.connections:
            s.weights[name].mul_(self.noise).add_(fresh[name], alpha=self.keep)


@dataclass(frozen=True)
class StoredStart(Intervention):
    keep: float = 0.4
    noise: float = 0.1

    def at_start(self, s, mem):
        mem.start = s.weights.clone()

    def at_task(self, s, mem):
        for name in s.weights.layout.connections:
            s.weights[name].mul_(self.keep).add_(mem.start[name], alpha=self.noise)


@dataclass(frozen=True)
class OneDrawForAllBoundaries(Intervention):
    keep: float = 0.4
    noise: float = 0.1

    def at_start(self, s, mem):
        mem.fresh = s.fresh("once").weights

    def at_task(self, s, mem):
        for name in s.weights.layout.connections:
            s.weights[name].mul_(self.keep).add_(mem.fresh[name], alpha=self.noise)


@dataclass(frozen=True)
class GlobalGenerator(Intervention):
    keep: float = 0.4
    noise: float = 0.1

    def at_task(self, s, mem):
        fresh = s.fresh().weights
        for name in s.weights.layout.connections:
            draw = torch.randn_like(s.weights[name]) * fresh[name].std()
            s.weights[name].mul_(self.keep).add_(draw, alpha=self.noise)


@dataclass(frozen=True)
class SameForAllSeeds(Intervention):
    keep: float = 0.4
    noise: float = 0.1

    def at_task(self, s, mem):
        fresh = s.fresh().weights
        for name in s.weights.layout.connections:
            s.weights[name].mul_(self.keep).add_(fresh[name][0], alpha=self.noise)


@dataclass(frozen=True)
class SameForAllLayers(Intervention):
    keep: float = 0.4
    noise: float = 0.1

    def at_task(self, s, mem):
        from plastlab.rng import normal

        fresh = s.fresh().weights
        for name in s.weights.layout.connections:
            shape = tuple(s.weights[name].shape[1:])
            draw = normal(shape, s.seeds, "noise", s.step) * fresh[name].std()
            s.weights[name].mul_(self.keep).add_(draw, alpha=self.noise)


@dataclass(frozen=True)
class UnitNoise(Intervention):
    keep: float = 0.4
    noise: float = 0.1

    def at_task(self, s, mem):
        from plastlab.rng import normal

        for name in s.weights.layout.connections:
            shape = tuple(s.weights[name].shape[1:])
            draw = normal(shape, s.seeds, "noise", name, s.step)
            s.weights[name].mul_(self.keep).add_(draw, alpha=self.noise)


@dataclass(frozen=True)
class Rebinds(Intervention):
    keep: float = 0.4
    noise: float = 0.1

    def at_task(self, s, mem):
        fresh = s.fresh().weights
        for name in s.weights.layout.connections:
            weight = s.weights[name]
            weight = self.keep * weight + self.noise * fresh[name]


@dataclass(frozen=True)
class OnlyMatrices(Intervention):
    keep: float = 0.4
    noise: float = 0.1

    def at_task(self, s, mem):
        fresh = s.fresh().weights
        for name in s.weights.layout.matrices:
            s.weights[name].mul_(self.keep).add_(fresh[name], alpha=self.noise)


@dataclass(frozen=True)
class EveryStep(Intervention):
    keep: float = 0.4
    noise: float = 0.1

    def after_step(self, s, mem):
        fresh = s.fresh().weights
        for name in s.weights.layout.connections:
            s.weights[name].mul_(self.keep).add_(fresh[name], alpha=self.noise)


@dataclass(frozen=True)
class Convex(Intervention):
    keep: float = 0.4
    noise: float = 0.1

    def at_task(self, s, mem):
        fresh = s.fresh().weights
        for name in s.weights.layout.connections:
            s.weights[name].mul_(self.keep).add_(fresh[name], alpha=1 - self.keep)


@dataclass(frozen=True)
class HardCoded(Intervention):
    keep: float = 0.4
    noise: float = 0.1

    def at_task(self, s, mem):
        fresh = s.fresh().weights
        for name in s.weights.layout.connections:
            s.weights[name].mul_(0.4).add_(fresh[name], alpha=0.1)


@dataclass(frozen=True)
class MixesNorms(Intervention):
    keep: float = 0.4
    noise: float = 0.1

    def at_task(self, s, mem):
        fresh = s.fresh().weights
        for name, weight in s.weights.views.items():
            weight.mul_(self.keep).add_(fresh[name], alpha=self.noise)


@dataclass(frozen=True)
class EmptiesTheOptimizer(Intervention):
    keep: float = 0.4
    noise: float = 0.1

    def at_task(self, s, mem):
        fresh = s.fresh().weights
        for name in s.weights.layout.connections:
            s.weights[name].mul_(self.keep).add_(fresh[name], alpha=self.noise)
        s.reset_optimizer()


@dataclass(frozen=True)
class ChangesTheRate(Intervention):
    keep: float = 0.4
    noise: float = 0.1

    def at_task(self, s, mem):
        fresh = s.fresh().weights
        for name in s.weights.layout.connections:
            s.weights[name].mul_(self.keep).add_(fresh[name], alpha=self.noise)
        s.lr.mul_(0.5)


RIGHT = (InPlace, Copies, Slices, OwnDraws)
WRONG = {
    ForgetsToPerturb: "nothing is added",
    ForgetsToShrink: "keep their full size",
    Swapped: "changed places",
    StoredStart: "that the run began with",
    OneDrawForAllBoundaries: "same draw at every boundary",
    GlobalGenerator: "global generator",
    SameForAllSeeds: "All seeds get the same noise",
    SameForAllLayers: "Two layers get the same noise",
    UnitNoise: "not the scale of an initialization",
    Rebinds: "nothing happens to the weights",
    OnlyMatrices: "biases stay as they were",
    EveryStep: "before the first boundary",
    Convex: "1 - keep of the fresh network",
    HardCoded: "use self.keep",
    MixesNorms: "gains and offsets",
    ChangesTheRate: "learning rate changes",
    EmptiesTheOptimizer: "optimizer's memory changes",
}
