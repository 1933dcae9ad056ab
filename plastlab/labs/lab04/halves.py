"""Task 4.5: an experiment of four conditions, and what its numbers say."""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from plastlab.condition import Condition
from plastlab.data import Mnist1d
from plastlab.labs.marking import Rival, compare, expect
from plastlab.nets import MLP
from plastlab.optim import Adam
from plastlab.result import Result
from plastlab.run import run
from plastlab.stats import interval
from plastlab.streams import RandomLabels

Experiment = Callable[[float, float, Sequence[int]], Result]
Gain = Callable[[Result, str], np.ndarray]

LABELS = RandomLabels(data=Mnist1d(examples=128), tasks=16, steps=100, batch=32)
ADAM = Condition(Adam(lr=1e-2), net=MLP(width=32, depth=2))
CONDITIONS = ("neither", "shrink", "perturb", "both")
LAST = 4  # tasks at the end that count
LARGE = 0.5  # a gain is a cure if its interval lies above this
BY_HAND = Result(
    conditions=CONDITIONS,
    seeds=(7, 8, 11),
    tasks=(1, 2, 3, 4, 5, 6),
    steps=(100, 200, 300, 400, 500, 600),
    values={
        "accuracy": np.array(
            [
                [[0.9, 0.8, 0.6, 0.5, 0.2, 0.3], [1, 0.9, 0.7, 0.3, 0.4, 0.1], [0.8, 0.7] * 3],
                [[0.9, 0.9, 0.8, 0.7, 0.8, 0.6], [1, 0.9, 1, 0.8, 0.7, 0.9], [0.8, 0.9] * 3],
                [[0.9, 0.8, 0.7, 0.3, 0.3, 0.2], [1, 0.8, 0.6, 0.6, 0.2, 0.2], [0.7, 0.6] * 3],
                [[0.9, 1.0, 0.9, 0.9, 1.0, 0.9], [1, 1, 0.9, 0.9, 0.8, 0.9], [0.8, 1.0] * 3],
            ]
        )
    },
    diverged=np.zeros((4, 3), dtype=bool),
)


def examine_gain(gain: Gain) -> None:
    """Compare with the definition on a result of three seeds and six tasks, written by hand.

    Raises:
        Misconception: the first thing that is wrong.
    """

    def answer(result: Result, condition: str) -> np.ndarray:
        found = np.asarray(gain(result, condition), dtype=float)
        shape = [*found.shape]
        expect(shape == [3], f"gain must return one number a seed, [3] here; got shape {shape}.")
        return found

    wrong = "gain returns other numbers than the definition."
    compare(answer, _gain, RIVALS, {wrong: (BY_HAND, "shrink")}, np.allclose)
    ignored = "gain gives every condition the same numbers. Use the condition's name."
    compare(answer, _gain, (), {ignored: (BY_HAND, "both")}, np.allclose)
    negative = "What does worse than neither must come out below 0."
    compare(answer, _gain, (), {negative: (BY_HAND, "perturb")}, np.allclose)


def examine_result(
    experiment: Experiment, keep: float, noise: float, seeds: tuple[int, ...]
) -> Result:
    """Run the experiment on these seeds; look at what is in it, and compare its control with ours.

    Raises:
        Misconception: the first thing that is wrong.
    """
    result = experiment(keep, noise, seeds)
    expect(isinstance(result, Result), "The experiment must return what run(...) returns.")
    missing = [name for name in CONDITIONS if name not in result.conditions]
    expect(not missing, f"These conditions are missing: {', '.join(missing)}.")
    expect(
        result.seeds == seeds,
        f"You were given the seeds {seeds} and ran {result.seeds}: pass seeds on to run.",
    )
    expect("accuracy" in result.probes, "The result must hold accuracy: probes=[accuracy].")
    expect(
        result.tasks == tuple(range(1, LABELS.tasks + 1)),
        "Run the whole stream `labels`, measured at each task's end.",
    )
    expect(
        np.allclose(result("accuracy", "neither"), _control(seeds), atol=0.02),
        "neither is not plain `adam` on `labels`. A control lacks the cure and nothing else.",
    )
    return result


def examine_halves(experiment: Experiment, seeds: tuple[int, ...]) -> None:
    """Run the experiment where a half has nothing to do, on one seed, and where only both halves
    together cure, on all of them: there the 95 % interval of the gain must lie above LARGE.

    `tests/labs/test_error_rates.py` estimates how often four seeds mislead.

    Raises:
        Misconception: a condition does not do what its name says.
    """
    result = examine_result(experiment, 1.0, 0.5, seeds[:1])
    _expect_same(
        result,
        ("shrink", "neither"),
        "At keep 1 shrink should change nothing, and it does: it perturbs as well. Its noise is 0.",
    )
    result = examine_result(experiment, 0.05, 0.0, seeds[:1])
    _expect_same(
        result,
        ("perturb", "neither"),
        "At noise 0 perturb should change nothing, and it does: it shrinks as well. Its keep is 1.",
    )
    _expect_same(
        result,
        ("both", "shrink"),
        "At noise 0 both should do what shrink does: use keep and noise.",
    )
    result = examine_result(experiment, 0.0, 0.5, seeds)
    expect(
        cures(_gain(result, "both")),
        "both does not cure at keep 0 and noise 0.5. It perturbs, too.",
    )


def cures(gains: np.ndarray) -> bool:
    """Whether the 95 % interval of the mean gain lies above LARGE."""
    return interval(gains).low > LARGE


def _expect_same(result: Result, names: tuple[str, str], sentence: str) -> None:
    first, second = (result("accuracy", name) for name in names)
    expect(np.allclose(first, second, atol=0.02), sentence)


@lru_cache(maxsize=32)
def _control(seeds: tuple[int, ...]) -> np.ndarray:
    return run(LABELS, {"neither": ADAM}, seeds)("accuracy", "neither")


def _mean(result: Result, name: str, part: slice = slice(-LAST, None)) -> np.ndarray:
    """Mean accuracy over a part of the tasks [S]."""
    return result("accuracy", name)[:, part].mean(1)


def _gain(result: Result, name: str) -> np.ndarray:
    return _mean(result, name) - _mean(result, "neither")


def _gain_in(part: slice) -> Gain:
    return lambda r, name: _mean(r, name, part) - _mean(r, "neither", part)


def _best(result: Result, name: str) -> np.ndarray:
    return result("accuracy", name)[:, -LAST:].max(1)


RIVALS = (
    Rival(lambda r, c: np.zeros(3), "The gain is 0 for every seed."),
    Rival(lambda r, c: -_gain(r, c), "Your gain is upside down: what helps must come out above 0."),
    Rival(_mean, "That is the condition's accuracy. Subtract that of neither."),
    Rival(
        lambda r, c: _mean(r, c) - _mean(r, c, slice(LAST)),
        "You subtract the condition's own first tasks. The control is neither, at the same time.",
    ),
    Rival(
        _gain_in(slice(LAST)),
        "Those are the first four tasks. Plasticity is lost later: take the last four.",
    ),
    Rival(_gain_in(slice(-1, None)), "That is the last task alone. Average over the last four."),
    Rival(_gain_in(slice(None)), "You average over all tasks. Take the last four."),
    Rival(
        lambda r, c: _best(r, c) - _best(r, "neither"),
        "You take the best of the last four tasks. Take their mean.",
    ),
    Rival(
        lambda r, c: _mean(r, c) - _mean(r, "neither").mean(),
        "You subtract the mean over all seeds. Seed by seed, what the two have in common cancels.",
    ),
    Rival(
        lambda r, c: np.sort(_mean(r, c)) - np.sort(_mean(r, "neither")),
        "You sorted the seeds. Each is compared with itself.",
    ),
)
