"""run and Result: numbers do not depend on how the work is cut or who does it, stopping leaves
nothing behind, divergence is reported, and results are labelled."""

import threading
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
import pytest
import torch
from small import LABELS, NETS
from threadpoolctl import threadpool_info, threadpool_limits

from plastlab import dispatch, jobs, rng
from plastlab.condition import Condition
from plastlab.data import TeacherRegression
from plastlab.interventions import FullReset, Intervention, L2Init, LayerNorm, ReDo
from plastlab.nets import MLP
from plastlab.optim import SGD, Adam
from plastlab.probes import accuracy, dead_units, effective_rank, loss, online, update_ratio
from plastlab.result import Result
from plastlab.run import run
from plastlab.shard import Shard
from plastlab.streams import Stationary
from plastlab.training import Training

ADAM, SMALL = Condition(Adam(0.01), MLP(width=12, depth=2)), MLP(width=8, depth=1)
CONDITIONS = {
    "Adam": ADAM,
    "SGD": Condition(SGD(0.1), SMALL),
    "Adam + ReDo": ADAM + ReDo(tau=0.3, every=4),
    "Adam + LayerNorm": ADAM + LayerNorm(),
    "fast": Condition(Adam(0.03), MLP(width=12, depth=2)) + L2Init(0.01),
}
PROBES = [accuracy, online(loss), dead_units, effective_rank, update_ratio]


def assert_same(first, second, tolerance=1e-5):
    assert (first.conditions, first.seeds, first.steps) == (
        second.conditions,
        second.seeds,
        second.steps,
    )
    assert first.probes == second.probes
    for probe in first.probes:
        np.testing.assert_allclose(
            first.values[probe], second.values[probe], rtol=tolerance, atol=tolerance
        )


@pytest.fixture(scope="module")
def whole():
    return run(LABELS, CONDITIONS, seeds=5, probes=PROBES, use_cache=False)


def test_numbers_are_those_of_a_shard_for_each_condition_and_seed_alone(whole):
    for name, condition in CONDITIONS.items():
        for seed in (0, 4):
            shard = Shard(LABELS, {name: condition}, (seed,), PROBES)
            for t in range(LABELS.tasks):
                shard.advance(LABELS.steps)
                for probe, label in zip(PROBES, whole.probes, strict=True):
                    expected = shard.measure(probe)[name][0]
                    assert whole(label, name)[seed, t] == pytest.approx(expected, abs=1e-5), label


def test_labels_of_a_result(whole):
    assert whole.conditions == tuple(CONDITIONS)
    assert whole.seeds == (0, 1, 2, 3, 4)
    assert whole.steps == (6, 12, 18)
    assert whole.tasks == (1, 2, 3)
    assert whole.probes == (
        "accuracy",
        "online loss",
        "dead units",
        "effective rank",
        "update ratio",
    )
    assert whole("dead_units", "Adam").shape == (5, 3)
    assert not whole.diverged.any()
    assert whole.seconds > 0
    assert repr(whole).startswith("Result(5 conditions, 5 seeds, 3 times, probes: accuracy, online")


@pytest.mark.parametrize(
    "executor",
    [
        lambda: ThreadPoolExecutor(3),
        lambda: ProcessPoolExecutor(1, mp_context=get_context("spawn")),
    ],
    ids=["threads", "processes"],
)
def test_any_executor_gives_the_same_numbers_and_stays_the_callers(whole, executor):
    with executor() as pool:
        found = run(LABELS, CONDITIONS, seeds=5, probes=PROBES, executor=pool, use_cache=False)
        assert pool.submit(len, "abc").result() == 3
    assert_same(found, whole)


def test_the_order_and_number_of_seeds_do_not_matter(whole):
    found = run(LABELS, CONDITIONS, seeds=(4, 1), probes=PROBES, use_cache=False)
    for probe in whole.probes:
        np.testing.assert_allclose(
            found.values[probe], whole.values[probe][:, [4, 1]], rtol=1e-5, atol=1e-5
        )
    numpy_seeds = run(LABELS, CONDITIONS, seeds=np.array([4, 1]), probes=PROBES, use_cache=False)
    assert_same(numpy_seeds, found)


@pytest.mark.parametrize("workers", [1, 9])
def test_a_run_that_is_cut_by_seed_gives_each_seed_its_own_numbers(workers, whole, monkeypatch):
    monkeypatch.setattr(jobs, "ENOUGH", 1)
    monkeypatch.setattr(dispatch, "cores", lambda: workers)
    seeds = (4, 0, 3, 1, 2)
    parts = [part for _, part in jobs.cut(LABELS, CONDITIONS, seeds, workers)]
    assert (len(set(parts)) > 1) == (workers > 1)
    found = run(LABELS, CONDITIONS, seeds, PROBES, use_cache=False)
    assert found.seeds == seeds
    for probe in whole.probes:
        expected = whole.values[probe][:, list(seeds)]
        np.testing.assert_allclose(found.values[probe], expected, rtol=1e-5, atol=1e-5)


def test_every_cuts_tasks_and_online_probes_average_since_the_last_time(whole):
    fine = run(LABELS, CONDITIONS, seeds=5, probes=PROBES, every=2, use_cache=False)
    assert fine.steps == tuple(range(2, 19, 2))
    assert fine.tasks == (1, 1, 1, 2, 2, 2, 3, 3, 3)
    for probe in ("accuracy", "dead units", "effective rank", "update ratio"):
        np.testing.assert_allclose(fine.values[probe][:, :, 2::3], whole.values[probe], atol=1e-6)
    online_loss = fine.values["online loss"].reshape(5, 5, 3, 3).mean(3)
    np.testing.assert_allclose(online_loss, whole.values["online loss"], rtol=1e-5)


def test_training_step_by_step_gives_the_numbers_of_run(whole):
    training = Training(LABELS, CONDITIONS, seeds=5)
    for t in range(LABELS.tasks):
        training.advance(LABELS.steps)
        for name, values in training.measure(accuracy).items():
            np.testing.assert_allclose(values, whole("accuracy", name)[:, t], atol=1e-6)
    assert training.done


def test_environment_moves_and_counts_the_seeds(monkeypatch):
    monkeypatch.setenv(rng.FIRST_SEED, "1000")
    moved = run(LABELS, {"a": ADAM}, seeds=2)
    assert moved.seeds == (1000, 1001)
    monkeypatch.setenv(rng.SEED_COUNT, "3")
    assert run(LABELS, {"a": ADAM}, seeds=2).seeds == (1000, 1001, 1002)
    assert run(LABELS, {"a": ADAM}, seeds=(5, 1)).seeds == (5, 1)
    for name, bad in ((rng.SEED_COUNT, "0"), (rng.SEED_COUNT, "many"), (rng.FIRST_SEED, "-1")):
        monkeypatch.setenv(name, bad)
        with pytest.raises((ValueError, TypeError), match=f"{name} must be a whole number"):
            run(LABELS, {"a": ADAM}, seeds=2)
        monkeypatch.delenv(name)


def test_divergence_is_reported_and_the_neighbors_are_unharmed():
    conditions = {
        "fine": Condition(SGD(0.05), SMALL),
        "wild": Condition(SGD(1e6), SMALL),
        "also fine": Condition(SGD(0.02), SMALL),
    }
    stream = Stationary(TeacherRegression(24, 6), tasks=4, steps=8, batch=8)
    probes = [loss, online(loss), dead_units, effective_rank, update_ratio]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kept = {n: c for n, c in conditions.items() if n != "wild"}
        expected = run(stream, kept, seeds=3, probes=probes)
    with pytest.warns(UserWarning, match=r"'wild' diverged in 3 of 3 seeds \(0, 1, 2\)") as caught:
        found = run(stream, conditions, seeds=3, probes=probes)
    assert len(caught) == 1
    assert found.diverged.tolist() == [[False] * 3, [True] * 3, [False] * 3]
    for probe in found.probes:
        assert np.isnan(found(probe, "wild")[:, -1]).all(), probe
        for name in kept:
            np.testing.assert_allclose(found(probe, name), expected(probe, name), rtol=1e-4)


def test_a_replica_that_diverged_and_was_reset_is_reported_too():
    stream = Stationary(TeacherRegression(24, 6), tasks=2, steps=8, batch=8)

    @dataclass(frozen=True)
    class Calm(FullReset):
        def act(self, s):
            super().act(s)
            s.base_lr.fill_(0.0)

    with pytest.warns(UserWarning, match="diverged in 2 of 2"):
        found = run(stream, {"a": Condition(SGD(1e6), SMALL) + Calm()}, seeds=2, probes=[loss])
    assert found.diverged.all()
    assert np.isfinite(found("loss", "a")[:, 1]).all()


@dataclass(frozen=True)
class PressStop(Intervention):
    """What the stop button does, at update 7 of seed 0."""

    def after_step(self, s, mem):
        if s.step == 7 and 0 in s.seeds:
            raise KeyboardInterrupt


def test_stopping_ends_every_thread():
    before = set(threading.enumerate())
    long = Stationary(LABELS.data, tasks=10_000, steps=100, batch=8)
    with pytest.raises(KeyboardInterrupt):
        run(long, {"a": ADAM, "b": ADAM + PressStop()}, seeds=4)
    assert set(threading.enumerate()) <= before


def test_an_error_in_one_part_reaches_the_caller_and_ends_the_rest():
    @dataclass(frozen=True)
    class Broken(Intervention):
        def after_step(self, s, mem):
            raise ZeroDivisionError("from a student's method")

    before = set(threading.enumerate())
    long = Stationary(LABELS.data, tasks=10_000, steps=100, batch=8)
    with pytest.raises(ZeroDivisionError, match="student"):
        run(long, {"b": ADAM + Broken(), "a": Condition(SGD(), SMALL)}, seeds=1)
    assert set(threading.enumerate()) <= before


def test_the_callers_thread_count_stays(whole):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        run(LABELS, {"a": ADAM}, seeds=2)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_first_last_and_tidy(whole):
    values = whole("accuracy", "SGD")
    np.testing.assert_array_equal(whole.first("accuracy", "SGD"), values[:, 0])
    np.testing.assert_allclose(whole.last("accuracy", "SGD", times=2), values[:, 1:].mean(1))
    rows = whole.tidy()
    assert len(rows) == 5 * 5 * 5 * 3
    assert set(rows[0]) == {"condition", "seed", "task", "step", "probe", "value"}
    (row,) = [
        r
        for r in rows
        if (r["condition"], r["seed"], r["step"], r["probe"]) == ("SGD", 3, 12, "accuracy")
    ]
    assert row["value"] == values[3, 1]
    assert row["task"] == 2


def test_a_saved_result_loads_as_it_was(whole, tmp_path):
    whole.save(tmp_path / "result")
    loaded = Result.load(tmp_path / "result")
    assert_same(loaded, whole, tolerance=0)
    assert loaded.tasks == whole.tasks
    assert loaded.seconds == whole.seconds
    np.testing.assert_array_equal(loaded.diverged, whole.diverged)


def test_a_result_says_what_it_has(whole):
    with pytest.raises(ValueError, match="Result: probe must be one of accuracy, online loss"):
        whole("acuracy", "Adam")
    with pytest.raises(ValueError, match="Result: condition must be one of Adam, SGD"):
        whole("accuracy", "adam")
    with pytest.raises(TypeError, match="Result: probe must be a str"):
        whole(accuracy, "Adam")
    for times in (0, 4):
        with pytest.raises(ValueError, match="Result.last: times must be .*at most 3"):
            whole.last("accuracy", "Adam", times=times)


def test_use_cache_is_yes_or_no():
    with pytest.raises(TypeError, match="run: use_cache must be a bool; got 'no'"):
        run(LABELS, {"a": ADAM}, seeds=1, use_cache="no")


def test_every_net_runs_beside_the_others():
    conditions = {name: Condition(Adam(0.01), net) for name, net in NETS.items()}
    found = run(LABELS, conditions, seeds=2)
    for name, condition in conditions.items():
        alone = run(LABELS, {name: condition}, seeds=2)
        np.testing.assert_allclose(found("accuracy", name), alone("accuracy", name), atol=1e-5)


def test_products_have_one_thread_in_every_job_whatever_ran_before():
    def threads(s):
        found = [i["num_threads"] for i in threadpool_info() if i["user_api"] == "blas"]
        return torch.full((len(s.seeds),), max(found))

    with threadpool_limits(2):
        for executor in (None, ThreadPoolExecutor(2)):
            for _ in range(2):
                found = run(LABELS, CONDITIONS, 2, [threads], executor=executor)
                assert (found.values["threads"] == 1).all()
