"""How a run is cut into parts: nothing is lost or done twice, no core stands idle, and parts have
the size that is fast."""

import itertools

import pytest

from plastlab.condition import Condition
from plastlab.data import Mnist1d
from plastlab.jobs import cut
from plastlab.nets import MLP, ConvNet1d
from plastlab.optim import SGD, Adam
from plastlab.streams import RandomLabels

STREAM = RandomLabels(Mnist1d(examples=128))
SMALL, MIDDLE, CONV = MLP(width=32), MLP(width=100), ConvNet1d()


def parts(conditions, seeds, workers):
    found = cut(STREAM, conditions, tuple(range(seeds)), workers)
    return [[(name, seed) for name in names for seed in some] for names, some in found]


def same(count, optimizer=None, net=SMALL):
    return {str(i): Condition(optimizer or Adam(), net) for i in range(count)}


@pytest.mark.parametrize("workers", [1, 2, 3, 8])
@pytest.mark.parametrize("seeds", [1, 3, 16, 100])
@pytest.mark.parametrize("count", [1, 5, 20])
def test_every_condition_and_seed_is_in_exactly_one_part(count, seeds, workers):
    conditions = same(count)
    found = list(itertools.chain(*parts(conditions, seeds, workers)))
    assert sorted(found) == sorted(itertools.product(conditions, range(seeds)))


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize(("count", "net"), [(1, CONV), (4, MIDDLE), (8, SMALL)])
def test_each_core_gets_as_much(count, net, workers):
    found = parts(same(count, net=net), 16, workers)
    assert len(found) % workers == 0
    assert len({len(part) for part in found}) == 1


def test_small_networks_stay_together_where_threads_would_wait_for_each_other():
    assert len(parts(same(1), 16, workers=2)) == 1
    assert len(parts(same(5), 16, workers=8)) == 2
    assert len(parts(same(1, net=CONV), 16, workers=4)) == 4


def test_conditions_are_divided_rather_than_seeds_if_no_part_gets_much_more():
    """What a method does between updates is done once for all seeds in a part."""
    for part in parts(same(28), 16, workers=2):
        names, seeds = {name for name, _ in part}, {seed for _, seed in part}
        assert (len(names) in (3, 4), len(seeds)) == (True, 16)
    sizes = [[len(part) for part in parts(same(n), 16, workers=2)] for n in (4, 5, 9)]
    assert sizes == [[32, 32], [32, 48], [32, 32, 32, 48]]
    assert [len(part) for part in parts(same(3, net=MIDDLE), 16, workers=1)] == [16, 16, 16]


def test_architectures_and_kinds_of_optimizers_do_not_mix():
    conditions = same(2) | {"tanh": Condition(Adam(), MLP(width=32, activation="tanh"))}
    conditions["SGD"] = Condition(SGD(), SMALL)
    found = [{name for name, _ in part} for part in parts(conditions, 16, 2)]
    assert found == [{"0", "1"}, {"tanh"}, {"SGD"}]


@pytest.mark.parametrize(
    ("optimizer", "net", "replicas"),
    [(Adam(), SMALL, 64), (Adam(), MIDDLE, 16), (SGD(), MIDDLE, 32), (Adam(), MLP(300), 16)],
)
def test_large_networks_train_with_fewer_beside_them(optimizer, net, replicas):
    found = parts(same(1, optimizer, net), 128, workers=1)
    assert {len(part) for part in found} == {replicas}
