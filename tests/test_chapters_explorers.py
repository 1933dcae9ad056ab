"""Every explorer of the book answers at each stop of each of its knobs, and at any mixture of them.

Of a chapter's code only what an explorer needs is executed, with two seeds in place of sixteen.
"""

import ast
import math
import random
from itertools import product

import numpy as np
import pytest
from test_chapters_names import bound

from plastlab import rng
from plastlab.book.pages import find_pages, read_notebook
from plastlab.panels.chart import pack
from plastlab.panels.controls import Choice
from plastlab.panels.explore import explore
from plastlab.panels.marks import Line
from plastlab.panels.picture import pictures
from plastlab.requirements import ROOT

STATES = 200  # mixtures of stops, drawn at random
PAGES = find_pages(ROOT)


def statements(chapter):
    cells = read_notebook(chapter.notebook).cells
    sources = [cell.source for cell in cells if cell.cell_type == "code"]
    return [statement for source in sources for statement in ast.parse(source).body]


def explores(statement):
    calls = [node.func for node in ast.walk(statement) if isinstance(node, ast.Call)]
    return "explore" in [getattr(func, "id", None) for func in calls]


def names(statement):
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}


def changed(statement):
    """The global names that a statement binds, or whose things it may change in place."""
    found = bound(ast.Module([statement], []))
    for node in ast.walk(statement):
        targets = node.targets if isinstance(node, ast.Assign) else []
        call = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
        for target in [*targets, *([node.value.func] if call else [])]:
            if isinstance(target, ast.Attribute | ast.Subscript):
                found |= names(target.value)
    return found


def needed(before, statement):
    """What of the statements before an explorer it depends on; all imports."""
    wanted, chosen, size = names(statement), set(), -1
    while len(chosen) > size:
        size = len(chosen)
        for number, each in enumerate(before):
            if isinstance(each, ast.Import | ast.ImportFrom) or changed(each) & wanted:
                chosen.add(number)
                wanted |= names(each)
    return [before[number] for number in sorted(chosen)]


EXPLORERS = [
    pytest.param(chapter, number, id=f"{chapter.source.stem}, {k + 1}")
    for chapter in PAGES
    for k, number in enumerate(n for n, s in enumerate(statements(chapter)) if explores(s))
]


def made(chapter, number):
    """The explorer, and nothing else that its chapter shows."""
    body, found, space = statements(chapter), [], {}
    for code in needed(body[:number], body[number]):
        run(code, chapter, space)
    space["explore"] = lambda *args, **knobs: found.append(explore(*args, **knobs))
    run(body[number], chapter, space)
    return found[0]


def run(statement, chapter, space):
    exec(compile(ast.Module([statement], []), chapter.source.name, "exec"), space)


def check(picture):
    """It has words, something to see within its axes, and no line with a hole. What leaves every
    number behind, where something diverges or dies out, is not drawn."""
    assert len(picture.words().split()) >= 8
    (left, right), (bottom, top) = picture.limits("x"), picture.limits("y")
    assert np.isfinite([left, right, bottom, top]).all()
    inside = 0
    for mark, packed in zip(picture.marks, pack(picture)["marks"], strict=True):
        if not mark.rows:
            continue
        x, *heights = (np.frombuffer(packed[name], np.float32) for name in mark.rows)
        drawn = np.isfinite([x, *heights]).all(0)
        if picture.y.log:
            drawn &= np.all([height > 0 for height in heights], 0)
        assert drawn.any(), mark.label
        assert not isinstance(mark, Line) or np.diff(np.flatnonzero(drawn)).max(initial=1) == 1
        high, low = np.max(heights, 0), np.min(heights, 0)
        inside += (drawn & (left <= x) & (x <= right) & (bottom <= high) & (low <= top)).sum()
    assert inside


class Driven:
    """An explorer at whose knobs somebody turns, and what went wrong."""

    def __init__(self, explorer):
        self.explorer, self.picture, self.drawn = explorer, explorer.picture, 0
        self.faults, explorer.picture = [], self.draw

    def draw(self, **state):
        """Stands in for the explorer's picture, and looks at what it gives."""
        self.drawn += 1
        try:
            shown = self.picture(**state)
            for picture in pictures(shown):
                check(picture)
        except Exception as error:
            self.faults.append((state, repr(error)))
            raise
        return shown

    def turn(self, state):
        """Turn each knob to where it is in `state`, through its widget; all before one drawing."""
        widgets = self.explorer.knobs.widgets
        *others, last = [name for name in state if widgets[name].value != state[name]] or [None]
        for name in others:
            widgets[name].unobserve(self.explorer._turned, "value")
            widgets[name].value = state[name]
            widgets[name].observe(self.explorer._turned, "value")
        if last is not None:
            widgets[last].value = state[last]
            assert self.explorer.knobs.values() == state


def states(controls, name):
    """Each stop of each knob with the others at their start, then mixtures; all, if few."""
    start = {knob: control.value for knob, control in controls.items()}
    for knob, control in controls.items():
        yield from ({**start, knob: stop} for stop in control.stops())
    stops = [control.stops() for control in controls.values()]
    if math.prod(map(len, stops)) <= STATES:
        mixtures = product(*stops)
    else:
        draw = random.Random(name)
        mixtures = ([draw.choice(each) for each in stops] for _ in range(STATES))
    yield from (dict(zip(controls, mixture, strict=True)) for mixture in mixtures)


def test_the_book_has_explorers():
    assert len(EXPLORERS) >= 20


@pytest.mark.parametrize(("chapter", "number"), EXPLORERS)
def test_each_stop_of_each_knob_is_answered(chapter, number, monkeypatch):
    monkeypatch.chdir(chapter.source.parent)
    monkeypatch.setenv(rng.SEED_COUNT, "2")
    driven = Driven(made(chapter, number))
    controls = driven.explorer.knobs.controls
    for state in states(controls, chapter.source.stem):
        driven.turn(state)
        if driven.explorer.chart.problem and not driven.faults:
            driven.faults.append((state, driven.explorer.chart.problem))
    assert driven.faults == []
    for control in controls.values():
        assert len({(type(stop), stop) for stop in control.stops()}) == len(control.stops())
        assert isinstance(control, Choice) or len(set(map(type, control.stops()))) == 1
    assert driven.drawn >= sum(len(control.stops()) - 1 for control in controls.values())
