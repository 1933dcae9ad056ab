"""Streams, found by looking into the package: pure, random-access, and each does what it says."""

import inspect
import pickle
from dataclasses import FrozenInstanceError, fields, replace

import numpy as np
import pytest
import torch
from scipy import stats
from small import LABELS

from plastlab import streams
from plastlab.data import Gaussian, Mnist1d, TeacherRegression
from plastlab.streams import Gradual, PermutedInputs, RandomLabels, Stationary, Stream

KINDS = [
    kind
    for kind in vars(streams).values()
    if inspect.isclass(kind) and issubclass(kind, Stream) and kind is not Stream
]
EVERY_KIND = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
DATA = Gaussian(examples=24, inputs=6, classes=3)


def small(kind):
    base = {"data": DATA, "tasks": 4, "steps": 5, "batch": 8}
    return kind(Stationary(**base), over=3) if kind is Gradual else kind(**base)


def same(first, second):
    return all(torch.equal(a, b) for a, b in zip(parts(first), parts(second), strict=True))


def parts(problem):
    return problem.x, problem.y, problem.x_test, problem.y_test


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
    assert inspect.getdoc(kind).split("\n\n")[0].rstrip().endswith((".", ":", "labels"))


@EVERY_KIND
def test_shapes(kind):
    stream, seeds = small(kind), (3, 1)
    for t in range(stream.tasks):
        task, order = stream.task(t, seeds), stream.order(t, seeds)
        examples = task.x.shape[1]
        assert task.x.shape == (2, examples, 6)
        assert task.y.shape == (2, examples)
        assert task.x_test.shape[:1] + task.x_test.shape[2:] == (2, 6)
        assert task.y_test.shape == task.x_test.shape[:2]
        assert order.shape == (2, stream.steps, stream.batch)
        assert order.min() >= 0
        assert order.max() < examples
        assert task.y.dtype == torch.int64
        assert task.y.min() >= 0
        assert task.y.max() < 3


@EVERY_KIND
def test_task_and_order_are_random_access_and_pure(kind):
    stream, generator = small(kind), torch.get_rng_state()
    forth = [(stream.task(t, (0, 1)), stream.order(t, (0, 1))) for t in range(4)]
    streams._base.cache_clear()
    for t in (2, 0, 3, 1, 2):
        task, order = stream.task(t, (1,)), stream.order(t, (1,))
        for found, expected in zip(parts(task), parts(forth[t][0]), strict=True):
            assert torch.equal(found[0], expected[1])
        assert torch.equal(order[0], forth[t][1][1])
    assert torch.equal(torch.get_rng_state(), generator)


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
        assert replace(stream, tasks=9).tasks == 9
    for t in (-1, 4):
        with pytest.raises(ValueError, match=r"\.task: t must be .*at most 3; got"):
            stream.task(t, (0,))


def test_the_order_is_whole_passes_each_in_a_new_order():
    stream = Stationary(DATA, tasks=2, steps=6, batch=8)  # two passes over 24 examples a task
    passes = stream.order(0, (5,)).view(2, 24)
    for one in passes:
        assert sorted(one.tolist()) == list(range(24))
    assert not torch.equal(passes[0], passes[1])
    assert not torch.equal(stream.order(0, (5,)), stream.order(1, (5,)))


def test_a_stationary_stream_stays():
    stream = small(Stationary)
    assert same(stream.task(0, (0, 1)), stream.task(3, (0, 1)))


def test_random_labels_are_uniform_independent_and_held_out_is_what_was_trained_on():
    stream = RandomLabels(Gaussian(examples=2000, inputs=4, classes=10), tasks=3)
    tasks = [stream.task(t, (0, 1)) for t in range(3)]
    assert all(torch.equal(task.x, tasks[0].x) for task in tasks)
    assert all(torch.equal(task.x, task.x_test) for task in tasks)
    assert all(torch.equal(task.y, task.y_test) for task in tasks)
    labels = torch.stack([task.y for task in tasks]).view(6, -1)
    for row in labels:
        assert stats.chisquare(row.bincount(minlength=10)).pvalue > 1e-3
    agreement = (labels[:, None] == labels[None]).float().mean(2)
    assert (agreement - torch.eye(6) - 0.1 * (1 - torch.eye(6))).abs().max() < 0.04


def test_permuted_inputs_permute_training_and_held_out_inputs_alike():
    stream = small(PermutedInputs)
    base = DATA.draw((0, 1))
    for t in range(3):
        task = stream.task(t, (0, 1))
        for seed in range(2):
            where = [
                int((base.x[seed] == column[:, None]).all(0).nonzero().item())
                for column in task.x[seed].T
            ]
            assert sorted(where) == list(range(6))
            assert torch.equal(task.x[seed], base.x[seed][:, where])
            assert torch.equal(task.x_test[seed], base.x_test[seed][:, where])
        assert torch.equal(task.y, base.y)
        assert torch.equal(task.y_test, base.y_test)
    first, second = stream.task(0, (0, 1)), stream.task(1, (0, 1))
    assert not torch.equal(first.x, second.x)


def test_permutations_are_uniform():
    stream = PermutedInputs(Gaussian(examples=1, inputs=3, classes=2), tasks=200)
    base = stream.data.draw(tuple(range(10)))
    seen = {}
    for t in range(200):
        order = stream.task(t, tuple(range(10))).x[:, 0].argsort(1)
        for row in order.gather(1, base.x[:, 0].argsort(1).argsort(1)):
            seen[tuple(row.tolist())] = seen.get(tuple(row.tolist()), 0) + 1
    assert len(seen) == 6
    assert stats.chisquare(list(seen.values())).pvalue > 1e-3


def test_gradual_change_rises_linearly_from_the_old_task_to_the_new():
    inner = RandomLabels(Gaussian(examples=50, inputs=4), tasks=3, steps=100, batch=64)
    stream, seeds = Gradual(inner, over=50), tuple(range(8))
    share = (stream.order(1, seeds) < 50).float().mean((0, 2))  # of the new task, by update
    expected = (torch.arange(100) / 50).clamp(max=1)
    assert share[0] == 0
    assert (share[50:] == 1).all()
    assert (share - expected).abs().max() < 0.08  # 4.6 standard errors of 512 draws
    assert np.polyfit(np.arange(50), share[:50], 1)[0] == pytest.approx(1 / 50, rel=0.03)


def test_gradual_examples_are_those_of_the_two_tasks_and_the_first_starts_at_once():
    inner = RandomLabels(DATA, tasks=3, steps=20, batch=8)
    stream, seeds = Gradual(inner, over=10), (0, 1)
    assert same(stream.task(0, seeds), inner.task(0, seeds))
    assert torch.equal(stream.order(0, seeds), inner.order(0, seeds))
    task, new, old = stream.task(2, seeds), inner.task(2, seeds), inner.task(1, seeds)
    assert torch.equal(task.y[:, :24], new.y)
    assert torch.equal(task.y[:, 24:], old.y)
    assert torch.equal(task.y_test, new.y_test)
    abrupt = Gradual(inner, over=0)
    assert torch.equal(abrupt.order(2, seeds), inner.order(2, seeds))
    settings = ("data", "tasks", "steps", "batch")
    assert all(getattr(stream, name) == getattr(inner, name) for name in settings)


def test_gradual_works_where_tasks_differ_in_size():
    class Growing(Stationary):
        def change(self, problem, t, seeds):
            return replace(problem, x=problem.x[:, : 4 + 9 * t], y=problem.y[:, : 4 + 9 * t])

    stream = Gradual(Growing(DATA, tasks=3, steps=6, batch=8), over=6)
    for t in range(3):
        task, order = stream.task(t, (0,)), stream.order(t, (0,))
        assert order.max() < task.x.shape[1]
        assert t == 0 or (order[0, 0] >= 4 + 9 * t).all()


def test_streams_refuse_what_makes_no_sense():
    with pytest.raises(ValueError, match="gradual already"):
        Gradual(Gradual(LABELS, over=2), over=2)
    with pytest.raises(TypeError, match="Labels need classes"):
        RandomLabels(TeacherRegression())
    with pytest.raises(ValueError, match="Gradual.over must be .*at most 6; got 7"):
        Gradual(LABELS, over=7)
    with pytest.raises(TypeError, match="write `change`"):
        Stream(Mnist1d(20)).task(0, (0,))
