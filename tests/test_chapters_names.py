"""An explorer answers as long as the notebook is open. So nothing that it reads when a reader moves
a knob, may have become something else in a later cell."""

import ast
import builtins

import pytest

from plastlab.book.pages import find_pages, read_notebook
from plastlab.requirements import ROOT

CHAPTERS = [chapter for chapter in find_pages(ROOT) if not chapter.is_lab]
PANELS = {"explore", "live"}


def bound(tree):
    """The global names that a cell binds when it runs."""
    names, inside = set(), [tree]
    while inside:
        node = inside.pop()
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
            continue
        if isinstance(node, ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp):
            continue
        if isinstance(node, ast.GeneratorExp):
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        if isinstance(node, ast.alias):
            names.add(node.asname or node.name.partition(".")[0])
        inside += ast.iter_child_nodes(node)
    return names


def read(node):
    """The names that a function, lambda or class reads from outside when it is used."""
    own = {arg.arg for arg in ast.walk(node) if isinstance(arg, ast.arg)}
    names = [name for name in ast.walk(node) if isinstance(name, ast.Name)]
    own |= {name.id for name in names if isinstance(name.ctx, ast.Store)}
    return {name.id for name in names} - own - set(dir(builtins))


def deferred(tree, functions):
    """What a cell hands to panels and is run later: functions by name, and lambdas."""
    assigned = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for call in ast.walk(tree):
        if not (isinstance(call, ast.Call) and getattr(call.func, "id", None) in PANELS):
            continue
        names = [node.id for node in ast.walk(call) if isinstance(node, ast.Name)]
        for part in (call, *(assigned[name] for name in names if name in assigned)):
            yield from (node for node in ast.walk(part) if isinstance(node, ast.Lambda))
        yield from (functions[name] for name in names if name in functions)


def changed_under_panels(sources):
    """Pairs of a cell's number and a name that its panel reads and a later cell binds anew."""
    trees, functions, faults = [ast.parse(source) for source in sources], {}, []
    for number, tree in enumerate(trees):
        functions |= {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
        waiting, needed = set().union(*map(read, deferred(tree, functions))), set()
        while waiting:
            name = waiting.pop()
            needed.add(name)
            waiting |= (read(functions[name]) if name in functions else set()) - needed
        later = set().union(*map(bound, trees[number + 1 :]))
        faults += [(number, name) for name in sorted(needed & later)]
    return faults


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.source.stem)
def test_what_an_explorer_reads_stays_as_it_is(chapter):
    cells = read_notebook(chapter.notebook).cells
    sources = [cell.source for cell in cells if cell.cell_type == "code"]
    assert changed_under_panels(sources) == []


@pytest.mark.parametrize(
    ("later", "faults"),
    [
        ("other = 1", []),
        ("axis = 1", [(1, "axis")]),
        ("for axis in range(3):\n    pass", [(1, "axis")]),
        ("def helper():\n    return 2", [(1, "helper")]),
        ("[axis for axis in range(3)]", []),
        ("def picture(x):\n    axis = 3\n    return axis", []),
        ("scale = 2", [(1, "scale")]),
        ("bounds = (3, 4)", []),
    ],
)
def test_a_name_that_is_bound_anew_is_found(later, faults):
    first = "axis, scale = 0, 1\ndef helper():\n    return scale"
    panel = (
        "bounds = (0, 1)\n"
        "def picture(x):\n    line = helper()\n    return x, axis, line\n"
        "explore(picture, x=Slider(*bounds))"
    )
    assert changed_under_panels([first, panel, later]) == faults
