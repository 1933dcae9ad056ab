"""Task 4.5: pairs of an experiment and a way to read it."""

import numpy as np

from plastlab import (
    MLP,
    Adam,
    Condition,
    RandomLabels,
    ShrinkAndPerturb,
    accuracy,
    dead_units,
    loss,
    run,
    weight_norm,
)
from plastlab.labs.lab04.halves import ADAM as adam
from plastlab.labs.lab04.halves import LABELS as labels

NAMES = ("halves", "gain")


# Right, in different ways.


def four_in_a_dict(keep, noise, seeds):
    conditions = {
        "neither": adam,
        "shrink": adam + ShrinkAndPerturb(keep=keep, noise=0.0),
        "perturb": adam + ShrinkAndPerturb(keep=1.0, noise=noise),
        "both": adam + ShrinkAndPerturb(keep=keep, noise=noise),
    }
    return run(labels, conditions, seeds=seeds, probes=[accuracy, dead_units, weight_norm])


def one_after_the_other(keep, noise, seeds):
    conditions = {"neither": adam}
    for name, k, n in (("both", keep, noise), ("shrink", keep, 0), ("perturb", 1, noise)):
        conditions[name] = adam + ShrinkAndPerturb(keep=k, noise=n)
    return run(labels, conditions, seeds, [accuracy])


def two_interventions(keep, noise, seeds):
    shrink = ShrinkAndPerturb(keep=keep, noise=0.0)
    perturb = ShrinkAndPerturb(keep=1.0, noise=noise)
    conditions = {
        "neither": adam,
        "shrink": adam + shrink,
        "perturb": adam + perturb,
        "both": adam + shrink + perturb,
    }
    return run(labels, conditions, seeds=seeds)


def by_slices(result, condition):
    ours = result("accuracy", condition)[:, -4:].mean(1)
    return ours - result("accuracy", "neither")[:, -4:].mean(1)


def by_last(result, condition):
    return result.last("accuracy", condition, 4) - result.last("accuracy", "neither", times=4)


def by_loop(result, condition):
    gains = []
    for s in range(len(result.seeds)):
        ours, plain = (result("accuracy", name)[s] for name in (condition, "neither"))
        gains.append(float(np.mean(ours[-4:] - plain[-4:])))
    return gains


# Wrong experiments.


def shrink_also_perturbs(keep, noise, seeds):
    conditions = {
        "neither": adam,
        "shrink": adam + ShrinkAndPerturb(keep=keep),
        "perturb": adam + ShrinkAndPerturb(keep=1.0, noise=noise),
        "both": adam + ShrinkAndPerturb(keep=keep, noise=noise),
    }
    return run(labels, conditions, seeds=seeds)


def perturb_also_shrinks(keep, noise, seeds):
    conditions = {
        "neither": adam,
        "shrink": adam + ShrinkAndPerturb(keep=keep, noise=0.0),
        "perturb": adam + ShrinkAndPerturb(noise=noise),
        "both": adam + ShrinkAndPerturb(keep=keep, noise=noise),
    }
    return run(labels, conditions, seeds=seeds)


def both_only_shrinks(keep, noise, seeds):
    conditions = {
        "neither": adam,
        "shrink": adam + ShrinkAndPerturb(keep=keep, noise=0.0),
        "perturb": adam + ShrinkAndPerturb(keep=1.0, noise=noise),
        "both": adam + ShrinkAndPerturb(keep=keep, noise=0.0),
    }
    return run(labels, conditions, seeds=seeds)


def both_by_default(keep, noise, seeds):
    conditions = {
        "neither": adam,
        "shrink": adam + ShrinkAndPerturb(keep=keep, noise=0.0),
        "perturb": adam + ShrinkAndPerturb(keep=1.0, noise=noise),
        "both": adam + ShrinkAndPerturb(),
    }
    return run(labels, conditions, seeds=seeds)


def own_seeds(keep, noise, seeds):
    conditions = {
        "neither": adam,
        "shrink": adam + ShrinkAndPerturb(keep=keep, noise=0.0),
        "perturb": adam + ShrinkAndPerturb(keep=1.0, noise=noise),
        "both": adam + ShrinkAndPerturb(keep=keep, noise=noise),
    }
    return run(labels, conditions, seeds=2)


def straw_man(keep, noise, seeds):
    conditions = {
        "neither": Condition(Adam(lr=3e-2), net=MLP(width=32, depth=2)),
        "shrink": adam + ShrinkAndPerturb(keep=keep, noise=0.0),
        "perturb": adam + ShrinkAndPerturb(keep=1.0, noise=noise),
        "both": adam + ShrinkAndPerturb(keep=keep, noise=noise),
    }
    return run(labels, conditions, seeds=seeds)


def shorter_stream(keep, noise, seeds):
    short = RandomLabels(data=labels.data, tasks=8, steps=100, batch=32)
    conditions = {
        "neither": adam,
        "shrink": adam + ShrinkAndPerturb(keep=keep, noise=0.0),
        "perturb": adam + ShrinkAndPerturb(keep=1.0, noise=noise),
        "both": adam + ShrinkAndPerturb(keep=keep, noise=noise),
    }
    return run(short, conditions, seeds=seeds)


def only_the_loss(keep, noise, seeds):
    conditions = {
        "neither": adam,
        "shrink": adam + ShrinkAndPerturb(keep=keep, noise=0.0),
        "perturb": adam + ShrinkAndPerturb(keep=1.0, noise=noise),
        "both": adam + ShrinkAndPerturb(keep=keep, noise=noise),
    }
    return run(labels, conditions, seeds=seeds, probes=[loss])


# Wrong readings.


def one_number(result, condition):
    return (result.last("accuracy", condition, 4) - result.last("accuracy", "neither", 4)).mean()


def upside_down(result, condition):
    return result.last("accuracy", "neither", 4) - result.last("accuracy", condition, 4)


def no_control(result, condition):
    return result.last("accuracy", condition, 4)


def against_its_own_start(result, condition):
    return result.last("accuracy", condition, 4) - result.first("accuracy", condition, 4)


def first_tasks(result, condition):
    return result.first("accuracy", condition, 4) - result.first("accuracy", "neither", 4)


def all_tasks(result, condition):
    return (result("accuracy", condition) - result("accuracy", "neither")).mean(1)


def unpaired(result, condition):
    return result.last("accuracy", condition, 4) - result.last("accuracy", "neither", 4).mean()


def always_shrink(result, condition):
    return result.last("accuracy", "shrink", 4) - result.last("accuracy", "neither", 4)


def size_of_the_difference(result, condition):
    return abs(result.last("accuracy", condition, 4) - result.last("accuracy", "neither", 4))


RIGHT = (
    (four_in_a_dict, by_slices),
    (one_after_the_other, by_last),
    (two_interventions, by_loop),
)
WRONG = {
    (shrink_also_perturbs, by_slices): "it perturbs as well",
    (perturb_also_shrinks, by_slices): "it shrinks as well",
    (both_only_shrinks, by_slices): "does not cure",
    (both_by_default, by_slices): "should do what shrink does",
    (own_seeds, by_slices): "You were given the seeds",
    (straw_man, by_slices): "lacks the cure and nothing else",
    (shorter_stream, by_slices): "whole stream",
    (only_the_loss, by_slices): "must hold accuracy",
    (four_in_a_dict, one_number): "one number a seed",
    (four_in_a_dict, upside_down): "upside down",
    (four_in_a_dict, no_control): "Subtract that of neither",
    (four_in_a_dict, against_its_own_start): "own first tasks",
    (four_in_a_dict, first_tasks): "first four tasks",
    (four_in_a_dict, all_tasks): "average over all tasks",
    (four_in_a_dict, unpaired): "mean over all seeds",
    (four_in_a_dict, size_of_the_difference): "must come out below 0",
    (four_in_a_dict, always_shrink): "every condition the same numbers",
}
