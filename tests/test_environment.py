"""One list of packages, in pyproject.toml: the conda environment, lock and imports follow it."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml

from plastlab.requirements import ROOT, Requirement, declared, parse

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = [parse(line) for lines in PROJECT["optional-dependencies"].values() for line in lines]
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}
LOCK = ROOT / "requirements.lock"


def plain(name):
    """A package's name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def locked():
    lines = [line for line in LOCK.read_text().splitlines() if not line.startswith("#")]
    return {plain(name): version for name, version in (line.split("==") for line in lines)}


def test_conda_lists_the_packages_of_pyproject():
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    from_pip = listed.pop()["pip"]
    assert from_pip.pop() == "-e ."
    conda = {re.sub("[<>].*", "", line): line for line in listed}
    assert conda.pop("python") == "python" + PROJECT["requires-python"]
    conda.pop("pip")
    ours = {CONDA_NAMES.get(r.name, r.name): r.versions for r in declared()}
    theirs = {name: line.removeprefix(name) for name, line in conda.items()}
    theirs |= {r.name: r.versions for r in map(parse, from_pip)}
    assert theirs == ours


@pytest.mark.parametrize("requirement", declared() + EXTRAS, ids=lambda r: r.name)
def test_the_lock_satisfies_pyproject(requirement):
    assert requirement.accepts(locked()[plain(requirement.name)])


def test_the_lock_holds_all_that_is_needed():
    """No installed package needs one that the lock lacks, except on other systems or Pythons."""
    done = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_lock_is_the_same_on_every_machine():
    text = LOCK.read_text()
    assert "+" not in text
    assert "://" not in text
    assert " @ " not in text


def test_what_the_package_imports_is_declared():
    owners = metadata.packages_distributions()
    names = {plain(r.name) for r in declared() + EXTRAS}
    for path in (ROOT / "plastlab").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                modules = [node.module]
            elif isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            else:
                continue
            for top in {module.split(".")[0] for module in modules} - {"plastlab"}:
                if top not in sys.stdlib_module_names:
                    assert names & set(map(plain, owners[top])), f"{path.name} imports {top}"


def test_versions_are_compared_as_numbers():
    requirement = Requirement("torch", ">=2.4,<2.14")
    accepted = {v: requirement.accepts(v) for v in ("2.4", "2.4.0", "2.13.0+cpu", "2.3.9", "2.14")}
    assert accepted == {
        "2.4": True,
        "2.4.0": True,
        "2.13.0+cpu": True,
        "2.3.9": False,
        "2.14": False,
    }


def test_another_form_of_requirement_is_refused():
    with pytest.raises(ValueError, match="must look like"):
        parse("torch @ somewhere")


def test_the_paths_of_shared_settings_exist():
    shared = tomllib.loads((ROOT / "pyproject.toml").read_text())
    for source in shared["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]:
        assert Path(ROOT, source).exists()
