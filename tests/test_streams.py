"""What holds for every stream, found by looking into the package, so that a new one needs no new
line here. The same checks must catch streams that are broken on purpose."""

import inspect
import pickle
from dataclasses import FrozenInstanceError, dataclass, fields, replace

import numpy as np
import pytest
import torch
from small import trained

from plastlab import streams
from plastlab.condition import Condition
from plastlab.data import Gaussian
from plastlab.losses import CrossEntropy
from plastlab.nets import MLP
from plastlab.optim import Adam
from plastlab.streams import (
    ClassIncremental,
    Deficit,
    Gradual,
    PermutedInputs,
    RandomLabels,
    SlowlyChangingRegression,
    Stationary,
    Stream,
    TargetOffset,
    TransientNonstationarity,
    WarmStart,
)

KINDS = [
    kind
    for kind in vars(streams).values()
    if inspect.isclass(kind) and issubclass(kind, Stream) and kind is not Stream
]
EVERY_KIND = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
SEEDS = (3, 1)


def small(kind):
    """Four short tasks; of a stream with two phases, two tasks each."""
    if kind is Gradual:
        return Gradual(small(RandomLabels), over=3)
    data = kind().data
    names = {field.name for field in fields(kind)}
    settings = {"tasks": 4, "steps": 5, "batch": 8} | ({"until": 2} if "until" in names else {})
    if "examples" in {field.name for field in fields(data)}:
        settings["data"] = replace(data, examples=60)
    return replace(kind(), **settings)


VARIANTS = [
    *[small(kind) for kind in KINDS],
    replace(small(RandomLabels), share=0.5),
    replace(small(SlowlyChangingRegression), redraw=True),
    replace(small(SlowlyChangingRegression), slow=5),
    *[replace(small(TransientNonstationarity), kind=kind) for kind in ("size", "wrong")],
    *[replace(small(Deficit), kind=kind, start=1) for kind in ("noise", "flip", "labels")],
    replace(small(ClassIncremental), keep=False),
    replace(small(TargetOffset), redraw=False, grow=True),
    replace(small(WarmStart), share=0.1),
    Gradual(small(PermutedInputs), over=3, how="inputs"),
    Gradual(small(TargetOffset), over=3, how="labels"),
    Gradual(small(RandomLabels), over=3, how="labels"),
    Gradual(small(WarmStart), over=3),
    Gradual(small(ClassIncremental), over=3),
    Gradual(small(SlowlyChangingRegression), over=3),
]
EVERY_VARIANT = pytest.mark.parametrize("stream", VARIANTS, ids=repr)


def same(first, second):
    return all(torch.equal(a, b) for a, b in zip(parts(first), parts(second), strict=True))


def parts(problem):
    return problem.x, problem.y, problem.x_test, problem.y_test


def check_random_access(stream):
    """The same task whoever shares its seeds, in whatever order tasks are asked for."""
    forth = [(stream.task(t, (0, 1)), stream.order(t, (0, 1))) for t in range(4)]
    streams.base.base.cache_clear()
    for t in (2, 0, 3, 1, 2):
        order, task = stream.order(t, (1,)), stream.task(t, (1,))
        for found, expected in zip(parts(task), parts(forth[t][0]), strict=True):
            assert torch.equal(found[0], expected[1])
        assert torch.equal(order[0], forth[t][1][1])


def check_own_seeds(stream):
    """Each seed has its own examples, and its own order unless each example is seen once."""
    task, order = stream.task(1, SEEDS), stream.order(1, SEEDS)
    assert not (torch.equal(task.x[0], task.x[1]) and torch.equal(task.y[0], task.y[1]))
    once = task.x.shape[1] == order[0].numel()
    assert once or not torch.equal(order[0], order[1])


def check_what_changes(stream):
    """What a stream declares, between tasks of which something must have changed."""
    first, last = stream.task(1, SEEDS), stream.task(3, SEEDS)
    labels = first.y.shape == last.y.shape and torch.equal(first.y, last.y)
    inputs = first.x.shape == last.x.shape and torch.equal(first.x, last.x)
    expected = {
        "nothing": (True, True),
        "inputs": (False, True),
        "labels": (True, False),
        "examples": (False, False),
    }
    assert (inputs, labels) == expected[stream.changes]


def test_there_are_streams_to_check():
    assert {"RandomLabels", "PermutedInputs", "Deficit", "Gradual"} <= {k.__name__ for k in KINDS}


@EVERY_KIND
def test_it_is_a_frozen_value_with_defaults(kind):
    stream = kind()
    assert stream == kind()
    assert hash(stream) == hash(kind())
    for field in fields(stream):
        with pytest.raises(FrozenInstanceError):
            setattr(stream, field.name, 1)
    assert " at 0x" not in repr(stream)
    assert pickle.loads(pickle.dumps(stream)) == stream


@EVERY_KIND
def test_its_docstring_is_a_catalogue_entry(kind):
    assert "__doc__" in vars(kind)
    assert not inspect.getdoc(kind).startswith(f"{kind.__name__}(")
    summary, *rest = inspect.getdoc(kind).split("\n\n")
    assert summary[0].isupper()
    assert summary.rstrip().endswith(".")
    lines = [line for line in rest[-1].splitlines() if not line.startswith(" ")]
    starts = [line.partition(":")[0] for line in lines]
    assert starts in (["Source"], ["Source", "Differs"])
    assert all(line.partition(": ")[2] for line in lines)


@EVERY_VARIANT
def test_shapes(stream):
    data = stream.data
    for t in range(stream.tasks):
        task, order = stream.task(t, SEEDS), stream.order(t, SEEDS)
        examples = task.x.shape[1]
        assert task.x.shape == (2, examples, data.inputs)
        assert task.x_test.shape[::2] == (2, data.inputs)
        for x, y in ((task.x, task.y), (task.x_test, task.y_test)):
            assert torch.isfinite(x).all()
            assert torch.isfinite(y).all()
            assert x.dtype == torch.float32
            if isinstance(data.loss, CrossEntropy):
                assert y.shape == x.shape[:2]
                assert y.dtype == torch.int64
                assert y.min() >= 0
                assert y.max() < data.outputs
            else:
                assert y.shape == (*x.shape[:2], data.outputs)
                assert y.dtype == torch.float32
        assert order.shape == (2, stream.steps, stream.batch)
        assert order.min() >= 0
        assert order.max() < examples
        assert stream.examples(t, SEEDS) == examples


@EVERY_VARIANT
def test_task_and_order_are_random_access_and_pure(stream):
    generator = torch.get_rng_state()
    check_random_access(stream)
    check_own_seeds(stream)
    assert torch.equal(torch.get_rng_state(), generator)


@EVERY_VARIANT
def test_it_changes_what_it_says(stream):
    if isinstance(stream, Gradual):
        assert stream.changes == "examples"
    else:
        check_what_changes(stream)


@EVERY_VARIANT
def test_a_network_trains_on_it(stream):
    shard = trained(stream, {"a": Condition(Adam(1e-2), MLP(width=6, depth=1))}, (0, 1))
    assert shard.done
    assert shard.finite()["a"].all()
    start = trained(stream, {"a": Condition(Adam(1e-2), MLP(width=6, depth=1))}, (0, 1), 0)
    assert not torch.equal(shard.network.weights.flat, start.network.weights.flat)


@EVERY_KIND
def test_whole_numbers_of_numpy_name_the_same_seed_and_task(kind):
    stream = small(kind)
    assert same(stream.task(2, (1,)), stream.task(np.int64(2), (np.int32(1),)))
    assert torch.equal(stream.order(2, (1,)), stream.order(np.int64(2), (np.int32(1),)))


@EVERY_KIND
def test_settings_may_be_replaced_and_tasks_beyond_the_end_are_refused(kind):
    stream = small(kind)
    if kind is Gradual:
        assert replace(stream, over=1) == Gradual(stream.stream, over=1)
    else:
        assert replace(stream, steps=9).steps == 9
    for t in (-1, 4):
        with pytest.raises(ValueError, match=r"\.task: t must be .*at most 3; got"):
            stream.task(t, (0,))


@dataclass(frozen=True)
class Unkeyed(Stationary):
    """New noise from the global generator."""

    def change(self, problem, t, seeds):
        return replace(problem, x=problem.x + torch.randn(problem.x.shape))


@dataclass(frozen=True)
class Positional(Stationary):
    """Noise keyed by the position among the seeds."""

    def change(self, problem, t, seeds):
        noise = torch.randn(problem.x.shape, generator=torch.Generator().manual_seed(t))
        return replace(problem, x=problem.x + noise)


@dataclass(frozen=True)
class Alike(Stationary):
    """All seeds get the first one's examples, in the same order."""

    def task(self, t, seeds):
        return super().task(t, (0,) * len(seeds))

    def order(self, t, seeds):
        return super().order(t, (0,) * len(seeds))


@dataclass(frozen=True)
class Mislabeled(RandomLabels):
    """Says that inputs change."""

    changes = "inputs"


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (Unkeyed, check_random_access),
        (Positional, check_random_access),
        (Alike, check_own_seeds),
        (Mislabeled, check_what_changes),
    ],
)
def test_the_checks_catch_a_broken_stream(broken, check):
    stream = broken(Gaussian(examples=24, inputs=6, classes=3), tasks=4, steps=5, batch=8)
    check(small(Stationary))
    with pytest.raises(AssertionError):
        check(stream)


def test_the_order_is_whole_passes_each_in_a_new_order():
    data = Gaussian(examples=24, inputs=6, classes=3)
    stream = Stationary(data, tasks=2, steps=6, batch=8)  # two passes over 24 examples a task
    passes = stream.order(0, (5,)).view(2, 24)
    for one in passes:
        assert sorted(one.tolist()) == list(range(24))
    assert not torch.equal(passes[0], passes[1])
    assert not torch.equal(stream.order(0, (5,)), stream.order(1, (5,)))


def test_a_stationary_stream_stays():
    stream = small(Stationary)
    assert same(stream.task(0, (0, 1)), stream.task(3, (0, 1)))
