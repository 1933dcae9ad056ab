"""The record of a tournament, a newcomer to it, and the same games once more on other seeds."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
from small import LABELS

from plastlab import cli
from plastlab.claims import SUPPORTED, Claim
from plastlab.interventions import L2, FullReset, Intervention, LayerNorm
from plastlab.nets import MLP
from plastlab.probes import accuracy
from plastlab.run import run
from plastlab.stats import paired_difference, rounded
from plastlab.tournament import plan as plans
from plastlab.tournament.entrants import FRESH, NOTHING, Entrant, Option, entrant
from plastlab.tournament.plan import Arena, Plan
from plastlab.tournament.play import joined, rematch, tournament
from plastlab.tournament.race import race
from plastlab.tournament.record import KEPT, read, recorded, write
from plastlab.tournament.show import plot, rows, table
from plastlab.training import Training

ARENA = Arena("labels", LABELS, MLP(width=8), since=2, lrs=(0.003, 0.03))
TINY = Plan((ARENA,), (entrant(L2),), tuning=(11, 12), judging=(21, 22, 23), trials=3)
NEAR = 0.03  # between means over seeds on two kinds of processor


@dataclass(frozen=True)
class Refuses(Intervention):
    """Cannot take part."""

    def network(self, spec):
        raise ValueError("no network is good enough")


def same(one, other, digits):
    assert table(one) == table(other)
    for ours, theirs in zip(rows(one), rows(other), strict=True):
        numbers = [row.pop("performance") for row in (ours, theirs)]
        scores = [row.pop("score") for row in (ours, theirs)]
        assert ours == theirs
        assert numbers[0] == pytest.approx(numbers[1], abs=digits)
        assert scores[0] == pytest.approx(scores[1], abs=1e-3)


def test_what_is_read_is_what_was_written(tmp_path):
    plan = replace(TINY, challengers=(entrant(L2), entrant(Refuses)))
    held = tournament(plan)
    held.judged[2].diverged[1], held.judged[2].performance[1] = True, 0.0
    write(held, tmp_path / "kept.json")
    same(read(tmp_path / "kept.json", plan), held, 5e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"judging": (21, 22, 24)}, "kept.json has other seeds than the plan. Make it again: pyth"),
        ({"challengers": (entrant(LayerNorm),)}, r"and the plan differ in \('labels', 'L2'\). Mak"),
        ({"trials": 4}, "kept.json has other settings of 'nothing'. Make it again: python -m"),
    ],
)
def test_a_record_of_another_plan_is_refused(tmp_path, change, message):
    write(tournament(TINY), tmp_path / "kept.json")
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "kept.json", replace(TINY, **change))


@pytest.mark.parametrize("name", KEPT)
def test_the_books_records_have_every_entrant_in_every_arena(name):
    found, plan = recorded(name), getattr(plans, name)()
    pairs = {(arena.name, one.name) for arena in plan.arenas for one in plan.entrants}
    assert {(p.arena, p.entrant.name) for p in found.judged} == pairs
    assert len(found.judged) == len(pairs) and len(found.tuned) == plan.trials * len(pairs)
    assert found.seeds == plan.judging and len(found.seeds) >= 16
    best = {}
    for played in found.tuned:
        place = played.arena, played.entrant.name
        best[place] = max(best.get(place, -1), played.mean)
    for played in found.tuned:
        if played.trial == found.cell(played.entrant.name, played.arena).trial:
            assert played.mean >= best[played.arena, played.entrant.name] - 1e-5


REPLAYED = [("quick", arena) for arena in plans.quick().arenas]
REPLAYED += [("wide", arena) for arena in plans.wide().arenas[::6]]


@pytest.mark.parametrize(("name", "arena"), REPLAYED, ids=lambda part: getattr(part, "name", part))
def test_games_played_again_on_the_spot_give_the_recorded_numbers(name, arena):
    for method in (NOTHING.name, "L2Init", "CReLU"):
        kept = recorded(name).cell(method, arena.name)
        again = {method: kept.trial.condition(arena.net, arena.optimizer)}
        result = run(arena.stream, again, kept.seeds, [arena.probe])
        values = result.values[result.probes[0]][0]
        measured = arena.performance(values, result.diverged[0], kept.seeds)
        assert measured.mean() == pytest.approx(kept.performance.mean(), abs=NEAR)


def test_a_dozen_methods_are_wide():
    names = {one.name for one in plans.wide().challengers}
    assert names == set(plans.DOZEN) and len(names) == 12
    assert plans.wide().arenas == plans.full().arenas


RESET = Entrant("reset again", "test", (Option("", (FullReset(),)),))


def test_a_newcomer_gets_what_it_would_have_got_from_the_start():
    before = tournament(TINY)
    late, early = joined(before, RESET), tournament(replace(TINY, challengers=(entrant(L2), RESET)))
    assert late.plan == early.plan
    assert late.judged[:3] == before.judged
    for name in (NOTHING.name, FRESH.name, "L2", "reset again"):
        ours, theirs = late.cell(name, "labels"), early.cell(name, "labels")
        assert ours.trial == theirs.trial
        np.testing.assert_allclose(ours.performance, theirs.performance, atol=1e-5)
    np.testing.assert_allclose(
        *(
            late.cell(n, "labels").performance
            for n in late.ranking
            if n in (FRESH.name, "reset again")
        ),
        atol=1e-5,
    )


def test_a_rematch_repeats_the_chosen_settings_on_the_seeds_asked_for(monkeypatch):
    held = tournament(replace(TINY, challengers=(entrant(L2), entrant(LayerNorm))))
    same_seeds = rematch(held, ["L2"], held.seeds)
    assert [p.entrant.name for p in same_seeds.judged] == [NOTHING.name, FRESH.name, "L2"]
    for name in (NOTHING.name, FRESH.name, "L2"):
        one, other = held.cell(name, "labels"), same_seeds.cell(name, "labels")
        assert one.trial == other.trial
        np.testing.assert_allclose(one.performance, other.performance, atol=1e-5)
    monkeypatch.setenv("PLASTLAB_FIRST_SEED", "100")
    assert rematch(held, [], 2).seeds == (100, 101)
    claim = Claim("17.1", "They count as seeds.", lambda s: np.ones(len(s.seeds)))
    assert claim.check(same_seeds).verdict == SUPPORTED


@pytest.mark.parametrize("times", [1.0, 10.0])
def test_a_race_is_run_in_the_chosen_settings(times):
    held = tournament(TINY)
    panel = race(held, "labels", ["L2", NOTHING.name])
    panel.knobs.widgets["rate"].value = times
    panel.session.tick(10)
    pair = {}
    for side, name in (("left", "L2"), ("right", NOTHING.name)):
        chosen = held.cell(name, "labels").trial.condition(ARENA.net, ARENA.optimizer)
        faster = replace(chosen.optimizer, lr=times * chosen.optimizer.lr)
        pair[side] = replace(chosen, optimizer=faster)
    same = Training(ARENA.stream, pair, seeds=(0,))
    same.advance(10)
    for side, found in same.measure(accuracy).items():
        assert panel.session.history[side].tolist()[1:] == [found[0]]


def test_where_no_arena_has_scores_the_plot_shows_differences():
    plan = replace(TINY, challengers=(entrant(L2), entrant(Refuses)), judging=(21, 22))
    held = tournament(plan)
    assert not held.counting
    own, nothing = (held.cell(name, "labels").performance for name in ("L2", NOTHING.name))
    difference = paired_difference(own, nothing)
    mean, low, high = rounded(difference.mean, difference.low, difference.high)
    text = str(plot(held))
    assert f"L2: {mean} ({low} to {high})" in text
    assert "performance less that of nothing" in text and "Refuses" not in text


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: race(s, "label", ["L2"]), "race: arena must be one of labels; got 'label'"),
        (lambda s: race(s, "labels", ["L3"]), "race: methods must be one of .*L2.*; got 'L3'"),
        (lambda s: race(s, "labels", ["L2"]), "Choice.options must hold at least 2; got"),
        (lambda s: rematch(s, ["L3"]), "rematch: methods must be one of L2; got 'L3'"),
        (lambda s: rematch(s, [], (11, 5)), r"must not share seeds; both have \[11\]"),
        (lambda s: joined(s, L2), r"newcomer must be an Entrant; .*joined\(recorded\(\), entrant"),
        (lambda s: joined(s, entrant(L2)), "Plan.challengers must be named, each differently"),
    ],
)
def test_a_wrong_argument_is_explained(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call(tournament(TINY))


def test_the_book_reads_no_record_of_the_full_tournament(capsys):
    assert cli.main(["tournament", "--record", "--only", "L2Init"]) == 1
    assert "must be one of quick, wide; got 'full'" in capsys.readouterr().err
    with pytest.raises(ValueError, match="must be one of quick, wide; got 'fast'"):
        recorded("fast")


def test_the_command_keeps_the_record(tmp_path, monkeypatch):
    monkeypatch.setattr(plans, "quick", lambda: TINY)
    file = tmp_path / "kept.json"
    assert cli.main(["tournament", "--quick", "--processes", "1", "--record", str(file)]) == 0
    assert read(file, TINY).ranking == tournament(TINY).ranking
    assert json.loads(file.read_text())[0] == {"tuning": [11, 12], "judging": [21, 22, 23]}
