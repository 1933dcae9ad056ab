"""The benchmark: its rows are whole, its works are the same on both sides, and the engine is not
slower than it should be by more than a noisy machine explains."""

import argparse
import json

import pytest

from plastlab import bench, engines
from plastlab.neutral import neutral

FIELDS = {"work", "engine", "replicas", "steps_per_second", "ratio", "peak_share"}
SHORT = bench.Effort(seconds=0.03, rounds=3)
WORKS = [work for work, _ in bench.GOALS]
EVERY_WORK = pytest.mark.parametrize("work", WORKS, ids=lambda work: work.name)


@pytest.fixture(scope="module")
def rows():
    return bench.against_the_loop(engines.MIDDLE, {1: 1.0, 16: 6.5}, SHORT)


def test_rows_name_each_engine_once_and_measure_against_the_loop(rows):
    assert [(row.engine, row.replicas) for row in rows] == [
        (bench.LOOP, 1),
        (bench.FUSED, 1),
        ("plastlab", 1),
        ("plastlab", 16),
        ("plastlab, your own Module", 16),
    ]
    assert rows[0].ratio == 1
    assert rows[1].ratio_fused == 1
    for row in rows:
        assert row.ratio == pytest.approx(row.steps_per_second / rows[0].steps_per_second)
        assert row.ratio_fused == pytest.approx(row.steps_per_second / rows[1].steps_per_second)
        assert 0 < row.peak_share < 1
    assert [row.goal for row in rows] == [None, None, 1.0, 6.5, None]


def test_the_engine_is_several_times_faster_than_the_loop(rows):
    """A coarse floor, far below the goals, which the command shows."""
    ratios = {row.replicas: row.ratio for row in rows if row.engine == "plastlab"}
    assert ratios[1] >= 0.9
    assert ratios[16] >= 3.5


@EVERY_WORK
def test_both_sides_train_the_same_network(work):
    network = work.net.build(engines.INPUTS, engines.OUTPUTS, (0,))
    shapes = [tuple(p.shape) for p in work.module().parameters()]
    assert [shape for _, shape in network.weights.layout.shapes] == shapes
    with neutral():
        engines.loop(work)(2)
        engines.batched(work, 3)(2)


def test_operations_are_those_of_the_matrix_products():
    layers = 64 * (40 * 100 + 100 * 100 + 100 * 10)
    first = 64 * 40 * 100  # its input needs no gradient
    assert engines.MIDDLE.flop() == 2 * (3 * layers - first)


def test_a_batched_engine_trains_every_replica():
    """In equal parts, each as `run` would train it."""
    stream, conditions = engines.MIDDLE.stream(), {"a": engines.MIDDLE.condition()}
    parts = engines.cut(stream, conditions, tuple(range(40)), workers=1)
    assert sorted(seed for _, seeds in parts for seed in seeds) == list(range(40))
    assert max(len(seeds) for _, seeds in parts) - min(len(seeds) for _, seeds in parts) <= 1


def test_probes_at_each_task_end_are_told_as_a_share_of_the_run():
    row = bench.diagnostics(engines.SMALL, 100, SHORT)
    assert row.engine == "plastlab, 11 probes every 100 updates"
    assert 0.5 < row.ratio < 1
    assert row.goal == 0.95


def test_several_cores_are_measured_on_the_same_run(monkeypatch):
    monkeypatch.setattr(bench, "SEEDS", 4)
    rows = bench.cores(engines.SMALL, bench.Effort(seconds=0.01, rounds=1))
    assert [row.engine for row in rows] == [
        "run on 1 thread",
        "run on a thread a core",
        "run on 2 processes",
    ]
    assert rows[0].ratio == 1
    assert all(row.steps_per_second > 0 and row.against == "run on 1 thread" for row in rows)


def test_the_command_prints_a_table_and_writes_the_rows(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(bench, "GOALS", ((engines.SMALL, {1: 1.0, 4: None}),))
    monkeypatch.setattr(bench, "Effort", lambda *given: SHORT)
    parser = argparse.ArgumentParser()
    bench.add_arguments(parser)
    file = tmp_path / "rows.json"
    assert bench.main(parser.parse_args(["--quick", "--json", str(file)])) == 0
    rows = json.loads(file.read_text())
    assert all(set(row) >= FIELDS for row in rows)
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == bench.HEADER
    assert len(printed) == len(rows) + 2
    assert any("reached" in text or "missed" in text for text in printed)


def test_a_goal_is_reached_or_missed():
    row = bench.Row("work", "plastlab", 16, 1234.5, 6.6, 0.4, goal=6.5)
    assert bench.line(row).endswith("1,234   6.60          40%  6.5 reached")
    slow = bench.Row("work", "plastlab", 16, 1234.5, 6.4, 0.4, goal=6.5)
    assert bench.line(slow).endswith("6.5 missed")
