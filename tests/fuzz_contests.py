"""The tournament's words, for the fuzzer."""

from fuzzing import Rule, Target

from plastlab import Adam, ReDo, tournament
from plastlab.tournament.entrants import Entrant, Option
from plastlab.tournament.plan import Arena


def contests(target, labels, net):
    """The tournament's words; the small record is of nobody but nothing and fresh."""
    arena = {"name": "labels", "stream": labels, "net": net, "since": 1, "optimizer": Adam()}
    place = Arena(**arena)
    rules = {"lrs": lambda v: isinstance(v, tuple) and len(v) == 2 and fitting_rates(v)}
    yield target("Arena", Arena, rules=rules, **arena, lrs=(0.01, 0.1))
    yield target("Option", Option, label="", interventions=(ReDo(),))
    yield target("Entrant", Entrant, name="x", family="y", options=(Option(),))
    plan = {
        "arenas": (place,),
        "challengers": (Entrant("x", "y", (Option(),)),),
        "tuning": (1,),
        "judging": (2, 3),
    }
    yield target("Plan", tournament.Plan, text=_planned, **plan, trials=2)
    yield Target("entrant", lambda kind: tournament.entrant(kind), {"kind": ReDo})
    standings = tournament.recorded()
    first = standings.plan.arenas[0].name
    rules = {"name": lambda v: v in ("quick", "wide"), "arena": lambda v: v == first}
    own = {"name": rules["name"]}
    yield target("recorded", tournament.recorded, text=lambda m: "", rules=own, name="quick")
    for function in (tournament.rows, tournament.table):
        yield target(f"tournament.{function.__name__}", function, text=str, standings=standings)
    race = {"standings": standings, "arena": first, "methods": ["L2", "ReDo"]}
    rules = {"arena": rules["arena"], "methods": lambda v: v == ["L2", "ReDo"]}
    yield target("race", tournament.race, text=lambda m: "", rules=rules, **race)
    again = {"standings": standings, "methods": [], "seeds": 2}
    yield target("rematch", tournament.rematch, text=lambda m: "", **again)
    never = Rule(lambda v: False)
    yield Target("tournament", tournament.tournament, {"plan": None}, {"plan": never})
    newcomer = {"standings": standings, "newcomer": None}
    yield Target("joined", tournament.joined, newcomer, {"newcomer": never})


def fitting_rates(rates):
    """Two finite numbers above 0."""
    return all(isinstance(r, (int, float)) and not isinstance(r, bool) and r > 0 for r in rates)


def _planned(plan):
    return str([plan.trials, plan.tuning, plan.judging])
