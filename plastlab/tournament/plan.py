"""Plans: on which streams the methods compete, on which seeds, and what it may cost."""

from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
import torch

from plastlab.condition import Condition
from plastlab.data import Digits, Mnist1d, RandomTargets
from plastlab.errors import check_number, check_type
from plastlab.losses import SquaredError
from plastlab.nets import MLP, Architecture, ConvNet1d, ResidualMLP
from plastlab.optim import SGD, Adam
from plastlab.probes import Probe, accuracy, loss
from plastlab.rng import resolve_seeds
from plastlab.spec import Spec
from plastlab.streams import (
    ClassIncremental,
    Deficit,
    EarlyOvertraining,
    Gradual,
    PermutedInputs,
    RandomLabels,
    SlowlyChangingRegression,
    Stream,
    TargetOffset,
    TransientNonstationarity,
    WarmStart,
)
from plastlab.tournament.entrants import FRESH, NOTHING, Entrant, Trial, challengers, trials
from plastlab.training import check_experiment

TINY = MLP(width=5, depth=1)  # too small for its task, as in the paper
DOZEN = (
    *(f"LayerNorm + {name}" for name in ("WeightDecay", "ShrinkAndPerturb", "TunedAdam")),
    *("LayerNorm", "NormalizeAndProject", "L2Init", "Parseval", "ShrinkAndPerturb"),
    *("ReDo", "ContinualBackprop", "CReLU", "DeepFourierFeatures"),
)


@dataclass(frozen=True)
class Arena(Spec):
    """A stream, a network and its optimizer, the range of learning rates that are tried, and the
    tasks that count: from number `since` (from 1) to the last.

    What counts is the `performance` at the end of each of these tasks, on its held-out examples
    (random labels have none: there it is the training examples).
    """

    name: str
    stream: Stream
    net: Architecture = MLP(width=32)
    since: int = 1
    optimizer: SGD | Adam = Adam()
    lrs: tuple[float, float] = (1.5e-3, 1.5e-2)

    def __post_init__(self) -> None:
        check_type("Arena.name", self.name, str, "Give the text of the table.")
        check_experiment(self.stream, {self.name: Condition(self.optimizer, self.net)})
        for lr in check_type("Arena.lrs", self.lrs, tuple, "Write (0.001, 0.01)."):
            check_number("Arena.lrs: each", lr, 0, low_open=True)
        if len(self.lrs) != 2 or self.lrs[0] > self.lrs[1]:
            raise ValueError(f"Arena.lrs must be the lowest and the highest; got {self.lrs}.")
        check_number("Arena.since", self.since, 1, self.stream.tasks, integer=True)

    @property
    def probe(self) -> Probe:
        """What is measured: accuracy, or the loss of a regression."""
        return loss if isinstance(self.stream.data.loss, SquaredError) else accuracy

    def performance(
        self, values: np.ndarray, diverged: np.ndarray, seeds: tuple[int, ...]
    ) -> np.ndarray:
        """One number for each seed from 0 (worst) to 1, given the probe [S, tasks] and who
        diverged [S]: the mean over the tasks that count.

        It is the accuracy or, for a regression, 1 - loss / (loss of the best constant answer to
        all of these tasks), where less than 0 counts as 0. A seed that diverged, or whose number
        is not finite in one of these tasks, gets 0.
        """
        counted = values[:, self.since - 1 :].astype(float)
        if self.probe is loss:
            counted = 1 - counted / _of_constant(self.stream, self.since, seeds)[:, None]
        broken = diverged | ~np.isfinite(counted).all(1)
        return np.where(broken, 0.0, np.clip(np.nan_to_num(counted), 0, 1).mean(1))


@dataclass(frozen=True)
class Plan(Spec):
    """A tournament: arenas, challengers (NOTHING and FRESH always take part), the seeds on which
    settings are chosen and those on which they are judged, and how many settings everybody may
    try in each arena."""

    arenas: tuple[Arena, ...]
    challengers: tuple[Entrant, ...] = field(default_factory=challengers)
    tuning: tuple[int, ...] = tuple(range(5000, 5003))
    judging: tuple[int, ...] = tuple(range(9000, 9010))
    trials: int = 9

    def __post_init__(self) -> None:
        for name, kind in (("arenas", Arena), ("challengers", Entrant)):
            _check_all(f"Plan.{name}", getattr(self, name), kind)
        for name in ("tuning", "judging"):
            for seed in check_type(f"Plan.{name}", getattr(self, name), tuple, "Write (1, 2)."):
                check_number(f"Plan.{name}: each", seed, 0, integer=True)
        check_number("Plan.trials", self.trials, 1, integer=True)
        both = set(resolve_seeds(self.tuning)) & set(resolve_seeds(self.judging))
        if both:
            raise ValueError(
                f"Plan.tuning and Plan.judging must not share seeds; both have {sorted(both)}. "
                "Settings that are judged where they were chosen look too good."
            )
        if len(self.judging) < 2:
            raise ValueError(f"Plan.judging must hold at least 2 seeds; got {self.judging}.")
        for entrant in self.entrants:
            self.tries(entrant, self.arenas[0])

    @property
    def entrants(self) -> tuple[Entrant, ...]:
        """Everybody: doing nothing, a fresh network per task, the challengers."""
        return (NOTHING, FRESH, *self.challengers)

    def tries(self, entrant: Entrant, arena: Arena) -> list[Trial]:
        """What the entrant may try there."""
        return trials(entrant, self.trials, arena.lrs)

    @property
    def budget(self) -> str:
        """The budget in words."""
        return (
            f"Every method tries {self.trials} settings (its strength and the learning rate) on "
            f"each stream, with {len(self.tuning)} seeds each, over the whole stream. The setting "
            f"with the best mean is judged on {len(self.judging)} other seeds."
        )


@lru_cache(maxsize=64)
def _of_constant(stream: Stream, since: int, seeds: tuple[int, ...]) -> np.ndarray:
    """Mean squared distance of the held-out targets of the tasks that count from their mean [S]."""
    tasks = range(since - 1, stream.tasks)
    targets = torch.cat([stream.task(t, seeds).y_test for t in tasks], 1).double()
    return targets.var(1, correction=0).mean(1).numpy()


def quick() -> Plan:
    """Every method on four short streams: minutes."""
    bits = SlowlyChangingRegression(tasks=20, steps=100, batch=8, redraw=True)
    small = EarlyOvertraining(Mnist1d(2000), tasks=9, steps=200, until=8)
    return Plan(
        (
            Arena("random labels", RandomLabels(Mnist1d(128), 12, 100, 32), since=7),
            Arena("permuted inputs", PermutedInputs(Digits(512), 20, 60, 16), since=11),
            Arena("small start", small, since=9),
            Arena("redrawn bits", bits, TINY, since=8, lrs=(3e-3, 3e-2)),
        ),
        judging=tuple(range(9000, 9016)),
    )


def full() -> Plan:
    """Every method on every kind of stream, the first four on more networks: hours."""
    labels = RandomLabels(Mnist1d(128), tasks=24, steps=200, batch=32)
    permuted = PermutedInputs(Digits(), tasks=40, steps=89, batch=16)
    mlp, noise = MLP(width=32), TransientNonstationarity
    nets = {
        "MLP": mlp,
        "deep MLP": MLP(width=32, depth=4),
        "tanh MLP": MLP(width=32, activation="tanh"),
        "residual": ResidualMLP(width=32, blocks=2),
        "conv": ConvNet1d(channels=8),
    }
    later = {  # what counts is the end, when all is as it should be
        "warm start, half": WarmStart(Mnist1d(1000), tasks=2, steps=2000),
        "warm start, a tenth": WarmStart(Mnist1d(1000), tasks=2, steps=2000, share=0.1),
        "small start": EarlyOvertraining(Mnist1d(2000), tasks=21, steps=200, until=20),
        "noisy start": noise(Mnist1d(1000), kind="noise", tasks=20, steps=150, until=15),
        "wrong start": noise(Mnist1d(1000), kind="wrong", tasks=20, steps=150, until=15),
        "growing data": noise(Mnist1d(1000), kind="size", tasks=20, steps=150, until=15),
        "blurred start": Deficit(Mnist1d(1000), kind="blur", tasks=10, steps=300, until=8),
        "renamed start": Deficit(Mnist1d(1000), kind="labels", tasks=10, steps=300, until=8),
    }
    throughout = {
        "random labels, a third": RandomLabels(Mnist1d(128), 24, 100, 32, share=1 / 3),
        "random labels, gradual": Gradual(labels, over=100),
        "permuted inputs, gradual": Gradual(permuted, over=45, how="inputs"),
        "classes arrive": ClassIncremental(Mnist1d(1000), tasks=5, steps=400),
        "classes come and go": ClassIncremental(Mnist1d(1000), tasks=5, steps=400, keep=False),
        "random targets": TargetOffset(RandomTargets(Mnist1d(128)), 24, 100, 32, offset=0.0),
        "random targets, offset": TargetOffset(RandomTargets(Mnist1d(128)), 24, 100, 32),
    }
    bits = {
        name: SlowlyChangingRegression(tasks=40, steps=200, batch=8, redraw=redraw)
        for name, redraw in (("redrawn bits", True), ("flipped bits", False))
    }
    arenas = [
        *(Arena(f"random labels, {name}", labels, net, since=13) for name, net in nets.items()),
        Arena("permuted inputs, MLP", permuted, mlp, since=21),
        Arena("permuted inputs, deep MLP", permuted, nets["deep MLP"], since=21),
        *(Arena(name, stream, mlp, since=stream.tasks) for name, stream in later.items()),
        *(Arena(n, stream, mlp, stream.tasks // 2 + 1) for n, stream in throughout.items()),
        *(Arena(n, stream, TINY, 21, lrs=(3e-3, 3e-2)) for n, stream in bits.items()),
        Arena("random labels, MLP, SGD", labels, mlp, 13, SGD(), (0.03, 0.3)),
    ]
    return Plan(tuple(arenas), tuning=tuple(range(5000, 5005)), judging=tuple(range(9000, 9020)))


def wide() -> Plan:
    """A dozen methods on every kind of stream: half an hour."""
    everybody = full()
    dozen = tuple(one for one in everybody.challengers if one.name in DOZEN)
    return replace(everybody, challengers=dozen)


def _check_all(name: str, given: object, kind: type) -> None:
    """Raise unless this is a tuple of things of that kind, each with its own name."""
    check_type(name, given, tuple, "Write (…, …).")
    for one in given:
        check_type(f"{name}: each", one, kind)
    names = [one.name for one in given]
    taken = [NOTHING.name, FRESH.name] if kind is Entrant else []
    if (kind is Arena and not given) or len({*names, *taken}) < len(names) + len(taken):
        raise ValueError(f"{name} must be named, each differently; got {names}.")
