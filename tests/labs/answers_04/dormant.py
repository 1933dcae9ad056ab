"""Task 4.3."""

import torch

NAMES = ("dormant",)


# Right, in different ways.


def multiplies(s, tau):
    sizes = [h.abs().mean(2) for h in s.hidden]
    return [size <= tau * size.mean(1, keepdim=True) for size in sizes]


def divides(s, tau):
    masks = []
    for h in s.hidden:
        size = h.abs().mean(-1)
        mean = size.mean(-1, keepdim=True)
        score = torch.where(mean > 0, size / mean, torch.zeros_like(size))
        masks.append(score <= tau)
    return masks


def sums(s, tau):
    masks = []
    for h in s.hidden:
        total = h.abs().sum(2)
        masks.append(total * h.shape[1] <= tau * total.sum(1, keepdim=True))
    return masks


def unit_by_unit(s, tau):
    masks = []
    for h in s.hidden:
        mask = torch.zeros(h.shape[:2], dtype=torch.bool)
        for r, replica in enumerate(h):
            average = replica.abs().mean()
            for i, unit in enumerate(replica):
                mask[r, i] = bool(unit.abs().mean() <= tau * average)
        masks.append(mask)
    return masks


# Wrong.


def no_division(s, tau):
    return [h.abs().mean(2) <= tau for h in s.hidden]


def no_absolute_value(s, tau):
    sizes = [h.mean(2) for h in s.hidden]
    return [size / size.mean(1, keepdim=True) <= tau for size in sizes]


def mean_of_ratios(s, tau):
    return [(h.abs() / h.abs().mean(1, keepdim=True)).mean(2) <= tau for h in s.hidden]


def strictly_less(s, tau):
    sizes = [h.abs().mean(2) for h in s.hidden]
    return [size < tau * size.mean(1, keepdim=True) for size in sizes]


def whole_network(s, tau):
    sizes = [h.abs().mean(2) for h in s.hidden]
    mean = torch.cat(sizes, 1).mean(1, keepdim=True)
    return [size <= tau * mean for size in sizes]


def all_seeds_together(s, tau):
    sizes = [h.abs().mean(2) for h in s.hidden]
    return [size <= tau * size.mean() for size in sizes]


def share_of_the_sum(s, tau):
    sizes = [h.abs().mean(2) for h in s.hidden]
    return [size <= tau * size.sum(1, keepdim=True) for size in sizes]


def share_of_the_largest(s, tau):
    sizes = [h.abs().mean(2) for h in s.hidden]
    return [size <= tau * size.amax(1, keepdim=True) for size in sizes]


def share_of_the_median(s, tau):
    sizes = [h.abs().mean(2) for h in s.hidden]
    return [size <= tau * size.median(1, keepdim=True).values for size in sizes]


def squares(s, tau):
    sizes = [h.pow(2).mean(2) for h in s.hidden]
    return [size <= tau * size.mean(1, keepdim=True) for size in sizes]


def preactivations(s, tau):
    masks, h = [], s.x.mT
    for unit, active in zip(s.network.units, s.hidden, strict=True):
        weight, bias = s.weights[f"{unit.incoming}weight"], s.weights[f"{unit.incoming}bias"]
        size = (torch.bmm(weight, h) + bias[:, :, None]).abs().mean(2)
        masks.append(size <= tau * size.mean(1, keepdim=True))
        h = active
    return masks


def upside_down(s, tau):
    sizes = [h.abs().mean(2) for h in s.hidden]
    return [size > tau * size.mean(1, keepdim=True) for size in sizes]


def scores_for_masks(s, tau):
    sizes = [h.abs().mean(2) for h in s.hidden]
    return [size / size.mean(1, keepdim=True) for size in sizes]


def last_layer_alone(s, tau):
    size = s.hidden[-1].abs().mean(2)
    return [size <= tau * size.mean(1, keepdim=True)]


def over_the_units_first(s, tau):
    means = [h.abs().mean(1) for h in s.hidden]
    return [mean <= tau * mean.mean(1, keepdim=True) for mean in means]


def lost_in_a_silent_layer(s, tau):
    sizes = [h.abs().mean(2) for h in s.hidden]
    return [size / size.mean(1, keepdim=True) <= tau for size in sizes]


RIGHT = (multiplies, divides, sums, unit_by_unit)
WRONG = {
    no_division: "to tau itself",
    no_absolute_value: "absolute values first",
    mean_of_ratios: "average ratios",
    strictly_less: "is dormant too: <=",
    whole_network: "over the whole network",
    all_seeds_together: "over all seeds",
    share_of_the_sum: "the layer's sum",
    share_of_the_largest: "most active unit",
    share_of_the_median: "the layer's median",
    squares: "score squares",
    preactivations: "goes into the nonlinearity",
    upside_down: "upside down",
    scores_for_masks: "True or False for each unit",
    last_layer_alone: "one mask for each hidden layer",
    over_the_units_first: "[R, units]",
    lost_in_a_silent_layer: "silent layer",
}
