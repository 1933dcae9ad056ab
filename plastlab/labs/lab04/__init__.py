"""Public checks of Lab 4, one a task. `help(check.task_1)` says what a check covers."""

from collections.abc import Callable

from torch import nn
from torch.optim import Adam

from plastlab.labs.lab04 import dormancy, halves, mixing, recycling, scale
from plastlab.labs.marking import report

__all__ = ["task_1", "task_2", "task_3", "task_4", "task_5"]


def task_1(method: type) -> None:
    """Shrink and perturb, on one small ReLU network with eight seeds and the default settings: when
    it acts, what it multiplies, what it adds, where, that draws differ, and that they come again.

    Not covered: other settings, other networks, the optimizer.
    """
    covers = "when it acts, what it shrinks, what it adds, that draws differ and can be repeated"
    report("4.1", covers, lambda: mixing.examine(method))


def task_2(spread: Callable[[float, float, int], float]) -> None:
    """The spread after 0, 1, 2 and 10 mixes of (0.4, 0.1) and (0.8, 0.2).

    Not covered: other numbers, the two ends of the dial.
    """
    covers = "0, 1, 2 and 10 mixes at (0.4, 0.1) and (0.8, 0.2)"
    report("4.2", covers, lambda: scale.examine(spread, ((0.4, 0.1), (0.8, 0.2)), (0, 1, 2, 10)))


def task_3(dormant: Callable) -> None:
    """Masks on networks that were trained (ReLU and tanh), and on activations written by hand: a
    unit exactly at tau, layers and seeds of different size.

    Not covered: examples and layers without any activity.
    """
    covers = "trained ReLU and tanh networks, a unit exactly at tau, layers and seeds that differ"

    def test() -> None:
        dormancy.examine(dormant)
        dormancy.examine_by_hand(dormant)

    report("4.3", covers, test)


def task_4(recycle: Callable[[nn.Linear, nn.Linear, Adam, object, nn.Linear], None]) -> None:
    """One layer of 8 units between 6 inputs and 4 outputs, two of its units recycled after five
    updates: weights, biases, and all that Adam remembers of the first moment.

    Not covered: other shapes, the second moment, the updates that follow.
    """
    covers = "weights and biases on both sides, Adam's first moment, nothing else touched"
    report("4.4", covers, lambda: recycling.examine(recycle, moments=("exp_avg",)))


def task_5(experiment: Callable, gain: Callable) -> None:
    """Names, seeds and length of the result on one seed; its control; the gain on a small result
    written by hand.

    Not covered: whether shrink only shrinks and perturb only perturbs.
    """
    covers = "four conditions, your seeds, an honest control, and the gain of each seed"

    def test() -> None:
        halves.examine_gain(gain)
        halves.examine_result(experiment, 0.4, 0.1, seeds=(3,))

    report("4.5", covers, test)
