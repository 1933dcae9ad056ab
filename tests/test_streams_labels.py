"""Random labels, early noise that fades out, and moving targets, against counts made by hand."""

from dataclasses import replace

import pytest
import torch
from scipy import stats

from plastlab.data import Gaussian, Mnist1d, RandomTargets, TeacherRegression
from plastlab.streams import RandomLabels, TargetOffset, TransientNonstationarity

MANY = Gaussian(examples=40, inputs=2, classes=10**6)  # hardly a label twice by chance


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


@pytest.mark.parametrize(("share", "redrawn"), [(0.0, 0), (0.05, 2), (0.3, 12), (1.0, 40)])
def test_exactly_that_share_of_the_labels_is_redrawn_at_each_boundary(share, redrawn):
    stream = RandomLabels(MANY, tasks=30, share=share)
    labels = torch.stack([stream.task(t, (0, 1)).y for t in range(30)])
    changed = labels[1:] != labels[:-1]
    assert (changed.sum(2) == redrawn).all()
    if 0 < share < 1:  # chosen anew each time: two boundaries share only what chance says
        often = changed.float().mean((0, 1))
        assert often.std() < 3 * (share * (1 - share) / 58) ** 0.5
        assert not torch.equal(changed[0], changed[1])
        assert not torch.equal(changed[:, 0], changed[:, 1])


def test_redrawn_labels_are_uniform_whatever_they_were():
    stream = RandomLabels(Gaussian(examples=4000, inputs=2, classes=4), tasks=2, share=0.5)
    first, second = (stream.task(t, (0,)).y[0] for t in range(2))
    assert stats.chisquare(second.bincount()).pvalue > 1e-3
    kept = (first == second).float().mean()  # half are not redrawn, a quarter of the rest by chance
    assert kept == pytest.approx(0.5 + 0.5 / 4, abs=0.03)


RIGHT = [4, 13, 22, 31, 40, 40]  # 40 (0.1 + 0.9 t / 4), then all


@pytest.mark.parametrize("kind", ["noise", "wrong"])
def test_wrong_labels_fade_out_linearly_and_who_is_right_stays_right(kind):
    stream = TransientNonstationarity(MANY, tasks=6, kind=kind, share=0.1, until=4)
    base = MANY.draw((0, 1))
    tasks = [stream.task(t, (0, 1)) for t in range(6)]
    right = torch.stack([task.y == base.y for task in tasks])
    assert right.sum(2).tolist() == [[n, n] for n in RIGHT]
    assert (right[:-1] <= right[1:]).all()
    for task in tasks:
        assert torch.equal(task.x, base.x)
        assert torch.equal(task.y_test, base.y_test)
    still = ~right[1]
    again = tasks[0].y[still] == tasks[1].y[still]
    assert again.all() if kind == "wrong" else not again.any()


def test_a_growing_data_set_shows_the_right_rows_only():
    stream = TransientNonstationarity(MANY, tasks=6, kind="size", share=0.1, until=4)
    base = MANY.draw((0, 1))
    before = [set(), set()]
    for t, size in enumerate(RIGHT):
        task = stream.task(t, (0, 1))
        for seed in range(2):
            where = [base.x[seed].tolist().index(x) for x in task.x[seed].tolist()]
            assert len(set(where)) == len(where) == size
            assert torch.equal(task.y[seed], base.y[seed][where])
            assert before[seed] <= set(where)
            before[seed] = set(where)
        assert torch.equal(task.x_test, base.x_test)
    assert before[0] != {*range(13)}
    assert set(stream.order(1, (0,)).flatten().tolist()) == {*range(13)}


def test_noise_may_be_right_by_chance_and_wrong_labels_never_are():
    data = Gaussian(examples=3000, inputs=2, classes=4)
    base = data.draw((0,)).y[0]
    noisy, wrong = (
        TransientNonstationarity(data, tasks=2, kind=kind, share=0.0, until=2).task(0, (0,)).y[0]
        for kind in ("noise", "wrong")
    )
    assert (noisy == base).float().mean() == pytest.approx(1 / 4, abs=0.03)
    assert (wrong == base).sum() == 1  # one example at least is right from the start
    shift = (wrong - base) % 4
    assert stats.chisquare(shift.bincount()[1:]).pvalue > 1e-3


def test_without_an_early_phase_all_is_right():
    stream = TransientNonstationarity(MANY, tasks=2, until=0)
    assert torch.equal(stream.task(0, (0,)).y, MANY.draw((0,)).y)


def test_targets_are_scaled_and_shifted_from_a_task_on():
    data = TeacherRegression(examples=20, outputs=2)
    base = data.draw((0, 1))
    stream = TargetOffset(data, tasks=4, offset=5.0, scale=3.0, start=2, redraw=False)
    for t, (scale, offset) in enumerate([(1, 0), (1, 0), (3, 5), (3, 5)]):
        task = stream.task(t, (0, 1))
        torch.testing.assert_close(task.y, base.y * scale + offset)
        torch.testing.assert_close(task.y_test, base.y_test * scale + offset)
        assert torch.equal(task.x, base.x)
        assert torch.equal(task.x_test, base.x_test)


def test_a_growing_offset_reaches_its_value_in_the_last_task():
    data = TeacherRegression(examples=20)
    base = data.draw((0,))
    settings = {"offset": 8.0, "scale": 5.0, "grow": True, "redraw": False}
    for start, expected in (
        (0, [(2, 2), (3, 4), (4, 6), (5, 8)]),
        (2, [(1, 0), (1, 0), (3, 4), (5, 8)]),
    ):
        stream = TargetOffset(data, tasks=4, start=start, **settings)
        for t, (scale, offset) in enumerate(expected):
            torch.testing.assert_close(stream.task(t, (0,)).y, base.y * scale + offset)


def test_redrawn_targets_are_standard_normal_around_the_offset_and_new_each_task():
    stream = TargetOffset(RandomTargets(Mnist1d(1000)), tasks=2, offset=16.0, scale=2.0)
    first, second = (stream.task(t, (0, 1)) for t in range(2))
    for task in (first, second):
        assert stats.kstest((task.y.flatten() - 16) / 2, "norm").pvalue > 1e-3
        assert torch.equal(task.y, task.y_test)
        assert torch.equal(task.x, task.x_test)
        assert torch.equal(task.x, Mnist1d(1000).draw((0, 1)).x)
    together = torch.corrcoef(torch.stack([*first.y[..., 0], *second.y[..., 0]]))
    assert (together - torch.eye(4)).abs().max() < 0.12


def test_an_offset_ends_where_it_is_said_to_and_grows_until_there():
    still = TargetOffset(tasks=5, offset=8.0, scale=3.0, start=1, until=3)
    assert [still.moved(t) for t in range(5)] == [(1, 0), (3, 8), (3, 8), (1, 0), (1, 0)]
    growing = replace(still, grow=True)
    assert [growing.moved(t) for t in range(5)] == [(1, 0), (2, 4), (3, 8), (1, 0), (1, 0)]
    with pytest.raises(ValueError, match="TargetOffset.until"):
        replace(still, until=0)
