"""The tournament: the same budget for all, seeds apart, and the same numbers however it is held."""

import csv
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import pytest
from distributed import Client, LocalCluster
from small import LABELS

from plastlab import cache, cli, interventions
from plastlab.data import TeacherRegression
from plastlab.interventions import L2, FullReset, Intervention, LayerNorm
from plastlab.nets import MLP
from plastlab.optim import SGD
from plastlab.streams import Stationary
from plastlab.tournament import plan as plans
from plastlab.tournament import play
from plastlab.tournament.entrants import FRESH, NOTHING, Entrant, Option, entrant, trials
from plastlab.tournament.plan import Arena, Plan
from plastlab.tournament.play import tournament
from plastlab.tournament.show import rows, table

RESET = Entrant("reset again", "test", (Option("", (FullReset(),)),))
LABELS_ARENA = Arena("labels", LABELS, MLP(width=8), since=2, lrs=(0.003, 0.03))
TEACHER = Stationary(TeacherRegression(16, 5), tasks=2, steps=4, batch=4)


@dataclass(frozen=True)
class Unbuildable(MLP):
    def with_layer_norm(self):
        return self

    def build(self, *_):
        raise ValueError("no bricks")


TINY = Plan(
    (LABELS_ARENA, Arena("teacher", TEACHER, MLP(width=4, depth=1), optimizer=SGD())),
    (entrant(L2), entrant(LayerNorm), RESET),
    tuning=(11, 12),
    judging=(21, 22, 23),
    trials=3,
)


@pytest.fixture(scope="module")
def standings():
    return tournament(TINY)


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setenv(cache.FOLDER, str(tmp_path / "kept"))


@pytest.fixture
def jobs(monkeypatch):
    """The conditions and seeds of each job that is trained."""
    done, submitted = [], play.submitted

    def counted(executor, job):
        future = submitted(executor, job)
        done.append((job.stream, frozenset(job.conditions.values()), job.seeds))
        return future

    monkeypatch.setattr(play, "submitted", counted)
    return done


@pytest.mark.parametrize("make", [plans.quick, plans.full])
def test_tuning_and_judging_seeds_are_apart_and_apart_from_the_books(make):
    plan = make()
    ranges = [plan.tuning, plan.judging, range(64), range(100, 164), range(1000, 1064)]
    together = [seed for seeds in ranges for seed in seeds]
    assert len(set(together)) == len(together)


def test_seeds_that_meet_are_refused():
    with pytest.raises(ValueError, match=r"must not share seeds; both have \[12\]"):
        replace(TINY, judging=(12, 13))


def test_everybody_has_the_same_budget():
    for plan in (plans.quick(), TINY):
        for arena in plan.arenas:
            for one in plan.entrants:
                tried = plan.tries(one, arena)
                assert len(tried) == len(set(tried)) == plan.trials
                assert {t.option for t in tried} == set(one.options)
                assert all(arena.lrs[0] <= t.lr <= arena.lrs[1] for t in tried)
    assert "tries 9 settings" in plans.quick().budget
    assert "with 3 seeds each" in plans.quick().budget


def test_who_has_fewer_strengths_tries_a_finer_grid():
    two = Entrant("two", "test", (Option("a"), Option("b")))
    assert [t.lr for t in trials(NOTHING, 3, (0.01, 1.0))] == [0.01, 0.1, 1.0]
    found = [(t.option.label, t.lr) for t in trials(two, 3, (0.01, 1.0))]
    assert found == [("a", 0.01), ("a", 1.0), ("b", 0.1)]


def test_every_method_takes_part():
    """Found without the package's list: every class that somebody made of Intervention."""

    def below(kind):
        return {kind}.union(*map(below, kind.__subclasses__()))

    exported = {k for k in below(Intervention) if vars(interventions).get(k.__name__) is k}
    exported -= {Intervention, interventions.Event}
    names = {one.name for one in plans.quick().entrants}
    assert {kind.__name__ for kind in exported} <= names
    assert {"nothing", "fresh network per task", "LayerNorm + L2"} <= names
    tried = next(one for one in plans.quick().challengers if one.name == "L2")
    field, values = L2.tuned
    assert [o.interventions for o in tried.options] == [(L2(**{field: v}),) for v in values]


def test_the_judged_setting_is_the_best_of_the_tuning_seeds(standings):
    assert len(standings.tuned) == 2 * 5 * 3
    for judged in standings.judged:
        own = [
            (row["performance"], row["lr"], row["strength"])
            for row in rows(standings)
            if (row["phase"], row["stream"]) == ("tuning", judged.arena)
            and row["method"] == judged.entrant.name
        ]
        settings = dict.fromkeys(own[i][1:] for i in range(len(own)))
        means = {s: np.mean([p for p, *other in own if tuple(other) == s]) for s in settings}
        assert len(means) == 3
        assert (judged.trial.lr, judged.trial.option.label) == max(means, key=means.get)
        assert judged.seeds == TINY.judging


def test_a_reset_under_another_name_does_what_a_fresh_network_does(standings):
    for arena in ("labels", "teacher"):
        fresh, again = (standings.cell(e.name, arena) for e in (FRESH, RESET))
        assert fresh.trial.lr == again.trial.lr
        np.testing.assert_allclose(again.performance, fresh.performance, atol=1e-5)
        assert fresh.performance.shape == (3,)
        assert ((fresh.performance >= 0) & (fresh.performance <= 1)).all()


def same(first, second):
    pairs = zip(first.tuned + first.judged, second.tuned + second.judged, strict=True)
    for one, other in pairs:
        assert (one.arena, one.entrant, one.trial) == (other.arena, other.entrant, other.trial)
        np.testing.assert_allclose(one.performance, other.performance, atol=1e-5)


def test_on_a_cluster_of_dask_the_numbers_are_the_same(standings):
    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None
    )
    with cluster, Client(cluster) as client, client.get_executor() as executor:
        same(tournament(TINY, executor), standings)


def test_on_threads_the_numbers_are_the_same(standings):
    with ThreadPoolExecutor(2) as executor:
        same(tournament(TINY, executor), standings)


def test_a_stopped_tournament_goes_on_and_redoes_nothing(kept, jobs, monkeypatch):
    plan, submitted = replace(TINY, challengers=TINY.challengers[:2]), play.submitted

    def stopped(executor, job):
        if len(jobs) == 3:
            raise KeyboardInterrupt
        return submitted(executor, job)

    monkeypatch.setattr(play, "submitted", stopped)
    with pytest.raises(KeyboardInterrupt):
        tournament(plan)
    assert len(jobs) == 3
    monkeypatch.setattr(play, "submitted", submitted)
    whole = tournament(plan)
    trained = [(s, c, seeds) for s, conditions, seeds in jobs for c in conditions]
    assert len(trained) == len(set(trained)) == len(whole.tuned) + len(whole.judged)
    count = len(jobs)
    same(tournament(plan), whole)
    assert len(jobs) == count
    monkeypatch.setenv(cache.FOLDER, "off")
    same(tournament(plan), whole)


@dataclass(frozen=True)
class Refuses(Intervention):
    """Cannot take part: at size 1 not in a network that is built, at size 2 in none at all."""

    size: int = 1
    family = "test"
    tuned = ("size", (1, 2))

    def network(self, spec):
        if self.size == 2:
            raise ValueError("no spec is good enough")
        return spec

    def at_start(self, s, mem):
        raise ValueError("these weights are too heavy")


def test_who_cannot_take_part_is_listed_with_the_reason_and_disturbs_nobody(standings):
    found = tournament(replace(TINY, challengers=(entrant(Refuses), *TINY.challengers)))
    for arena in ("labels", "teacher"):
        assert found.cell("Refuses", arena).refused == "these weights are too heavy"
    reasons = {p.refused for p in found.tuned if p.entrant.name == "Refuses"}
    assert reasons == {"these weights are too heavy", "no spec is good enough"}
    text = table(found)
    assert "Not applicable: Refuses, labels: these weights are too heavy" in text
    (row,) = (
        r
        for r in rows(found)
        if r["method"] == "Refuses" and r["phase"] == "judging" and r["stream"] == "labels"
    )
    assert (row["seed"], row["not_applicable"]) == (None, "these weights are too heavy")
    others = [p for p in found.judged if p.entrant.name != "Refuses"]
    for one, other in zip(others, standings.judged, strict=True):
        np.testing.assert_allclose(one.performance, other.performance, atol=1e-5)


def test_without_an_anchor_there_is_no_tournament():
    bad = replace(LABELS_ARENA, net=Unbuildable())
    with pytest.raises(ValueError, match="'nothing' cannot take part in 'labels', and there is no"):
        tournament(replace(TINY, arenas=(bad,)))


class Broken(Refuses):
    def network(self, spec):
        raise KeyError("a bug")


def test_another_error_is_not_hidden():
    with pytest.raises(KeyError, match="a bug"):
        tournament(replace(TINY, challengers=(entrant(Broken),)))


def test_who_diverges_gets_the_worst_performance():
    arena = replace(LABELS_ARENA, optimizer=SGD(), lrs=(1e25, 1e30))
    found = tournament(replace(TINY, arenas=(arena,), challengers=()))
    assert found.cell("nothing", "labels").diverged.all()
    assert (found.cell("nothing", "labels").performance == 0).all()
    assert "Diverged, and counted as 0: nothing, labels: 3 of 3 seeds." in table(found)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tournament("quick"), r"plan must be a Plan; got 'quick'.*tournament\(quick\(\)\)"),
        (lambda: tournament(TINY, ThreadPoolExecutor), "executor must be an Executor .*got the cl"),
        (lambda: replace(TINY, trials=2), "trials of 'L2': count must be .*at least 3; got 2"),
        (lambda: replace(TINY, judging=(3,)), "judging must hold at least 2 seeds"),
        (lambda: replace(TINY, arenas=()), "Plan.arenas must be named, each differently"),
        (lambda: replace(TINY, challengers=(FRESH,)), "Plan.challengers must be named, each diff"),
        (lambda: replace(TINY, challengers=(L2,)), "Plan.challengers: each must be an Entrant"),
        (lambda: replace(LABELS_ARENA, since=4), "Arena.since must be .*at most 3; got 4"),
        (lambda: replace(LABELS_ARENA, lrs=(0.0, 1.0)), "Arena.lrs: each must be .*above 0"),
        (lambda: replace(LABELS_ARENA, stream=LABELS.data), "stream must be a Stream"),
        (lambda: Entrant("a", "b", ()), "Entrant.options must be at least one; 'a' has none"),
    ],
)
def test_a_wrong_argument_is_explained(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()


def test_the_command_prints_the_table_and_writes_the_files(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(plans, "quick", lambda: TINY)
    names = {ending: tmp_path / f"out.{ending}" for ending in ("json", "csv", "png")}
    files = ["--json", names["json"], "--csv", names["csv"], "--plot", names["png"]]
    words = ["tournament", "--quick", "--processes", "1", "--only", "L2", *map(str, files)]
    assert cli.main(words) == 0
    said = capsys.readouterr()
    assert "tries 3 settings" in said.err
    assert "not L2" not in said.out and "LayerNorm" not in said.out
    lines = json.loads(names["json"].read_text())
    assert {row["method"] for row in lines} == {"nothing", "fresh network per task", "L2"}
    assert len(lines) == 2 * 3 * (3 * 2 + 3)
    with names["csv"].open(newline="") as file:
        read = list(csv.DictReader(file))
    assert [float(row["performance"]) for row in read] == [row["performance"] for row in lines]


def test_the_command_refuses_an_unknown_method(monkeypatch, capsys):
    monkeypatch.setattr(plans, "quick", lambda: TINY)
    assert cli.main(["tournament", "--quick", "--only", "L3"]) == 1
    assert "tournament: --only must be one of L2, LayerNorm, reset again; got 'L3'" in (
        capsys.readouterr().err
    )


def test_a_stopped_command_says_what_is_kept(kept, monkeypatch, capsys):
    def stopped(executor, job):
        raise KeyboardInterrupt

    monkeypatch.setattr(plans, "quick", lambda: TINY)
    monkeypatch.setattr(play, "submitted", stopped)
    assert cli.main(["tournament", "--quick", "--processes", "1"]) == 2
    assert "What is finished is kept: the same command goes on" in capsys.readouterr().err
