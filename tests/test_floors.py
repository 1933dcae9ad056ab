"""Modules stand on floors: a module imports from lower floors or, on its own floor, from modules
named before it. So there are no cycles, and nothing downstream is known upstream."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import plastlab

ROOT = Path(plastlab.__file__).parent
FLOORS = """
0 requirements home guard neutral whole machine errors spec screen references sparkline units
0 rng stats losses theory products data
0 fingerprint present_code shelf
1 rows nets optim muon
2 state streams
3 probes interventions
4 condition watch block shard training cache result jobs unfinished dispatch cluster run
4 boundary propagation
5 claims results plots panels labs
6 experiments tournament
6 start doctor engines bench book
7 cli __main__ __init__
"""
ORDER = {}
FLOOR = {}
for line in FLOORS.strip().splitlines():
    floor, *names = line.split()
    for name in names:
        ORDER[name], FLOOR[name] = len(ORDER), int(floor)


def module(path):
    """The module or subpackage that a file belongs to."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def named(path):
    """The dotted names in plastlab that a file imports, at its top or anywhere else."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} line {node.lineno}: write the import in full"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name.split(".") for name in names if name.split(".")[0] == "plastlab")


def imported(path):
    """The modules and subpackages of plastlab that a file imports."""
    yield from (name[1] if name[1:] else "__init__" for name in named(path))


FILES = sorted(ROOT.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_come_from_below(path):
    here = module(path)
    assert here in FLOOR, f"give {here} a floor in {Path(__file__).name}"
    for name in set(imported(path)) - {here}:
        assert name in FLOOR, f"{here} imports {name}, which has no floor"
        assert ORDER[name] < ORDER[here], (
            f"{here} (floor {FLOOR[here]}) must not import {name} (floor {FLOOR[name]})"
        )


def files_imported(path):
    """The files of modules that a file imports names from; what a package hands on is not seen."""
    for name in named(path):
        place = ROOT.joinpath(*name[1:])
        yield from (
            p for p in (place.with_suffix(".py"), place.parent.with_suffix(".py")) if p in FILES
        )


def test_no_files_import_each_other_in_a_circle():
    graph = {path: set(files_imported(path)) for path in FILES}
    assert ROOT / "nets" / "layers.py" in graph[ROOT / "nets" / "architectures.py"]
    TopologicalSorter(graph).prepare()  # raises CycleError


def test_the_table_names_no_module_that_is_gone():
    assert set(FLOOR) == {module(path) for path in FILES}


def test_an_import_inside_a_function_is_seen(tmp_path):
    file = tmp_path / "example.py"
    file.write_text("def f():\n    from plastlab.run import run\n    import plastlab.data\n")
    assert list(imported(file)) == ["run", "data"]
