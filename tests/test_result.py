"""A Result checks its parts, is saved whole or not at all, and a file that is none is named."""

import errno
import json
import os
import stat
from dataclasses import replace

import numpy as np
import pytest

from plastlab.result import Result

VALUES = np.arange(12.0).reshape(2, 2, 3)
RESULT = Result(
    conditions=("Adam", "SGD"),
    seeds=(4, 1),
    tasks=(1, 1, 2),
    steps=(5, 10, 15),
    values={"dead units": VALUES, "accuracy": VALUES / 12},
    diverged=np.array([[False, True], [False, False]]),
    seconds=1.5,
)


def same(first, second):
    labels = ("conditions", "seeds", "tasks", "steps", "probes", "seconds")
    assert all(getattr(first, name) == getattr(second, name) for name in labels)
    assert all(np.array_equal(first.values[p], second.values[p]) for p in first.probes)
    assert np.array_equal(first.diverged, second.diverged)


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ({"conditions": ["a", "b"]}, TypeError, r"Result.conditions must be a tuple; got \['a', "),
        ({"conditions": ("a", 2)}, TypeError, "Result.conditions: each must be a str; got 2"),
        ({"conditions": ("a", "a")}, ValueError, "Result.conditions must all be different"),
        ({"conditions": ()}, ValueError, "Result.conditions is empty"),
        ({"seeds": (1, 1)}, ValueError, r"Result.seeds must all be different; got \(1, 1\)"),
        ({"seeds": (1, 2.5)}, TypeError, "Result.seeds: each must be a whole number.* got 2.5"),
        ({"seeds": (1, -1)}, ValueError, "Result.seeds: each must be .* at least 0; got -1"),
        ({"steps": (5, 5, 15)}, ValueError, r"Result.steps must be in the order of time; got \(5,"),
        ({"tasks": (2, 1, 2)}, ValueError, "Result.tasks must be in the order of time"),
        ({"tasks": (0, 1, 2)}, ValueError, "Result.tasks: each must be .* at least 1; got 0"),
        ({"tasks": (1, 2)}, ValueError, "Result.tasks must give the task at each of the 3 steps"),
        ({"values": VALUES}, TypeError, "Result.values must be a dict"),
        ({"values": {}}, ValueError, "Result.values is empty"),
        ({"values": {"a": [1]}}, TypeError, r"Result.values\['a'\] must be a ndarray; got \[1\]"),
        (
            {"values": {"a": VALUES[:1]}},
            ValueError,
            r"\['a'\] must be \[conditions, seeds, steps\], here \[2, 2, 3\]; got \[1, 2, 3\]",
        ),
        ({"values": {"a": VALUES.astype(str)}}, TypeError, r"\['a'\] must hold numbers; got <U"),
        ({"values": {3: VALUES}}, TypeError, "name of a probe must be a str; got 3"),
        ({"values": {"dead_units": VALUES}}, ValueError, "write 'dead units' with spaces"),
        ({"diverged": VALUES[0] > 1}, ValueError, r"Result.diverged must be \[conditions, seeds\]"),
        ({"diverged": VALUES[..., 0]}, TypeError, "Result.diverged must hold True or False"),
        ({"seconds": -1}, ValueError, "Result.seconds must be a finite number at least 0; got -1"),
        ({"unkept": None}, TypeError, "Result.unkept must be a str; got None"),
    ],
)
def test_parts_that_do_not_fit_are_named(wrong, error, words):
    with pytest.raises(error, match=words):
        replace(RESULT, **wrong)


def test_names_of_any_kind_of_str_are_found_and_others_are_named():
    np.testing.assert_array_equal(RESULT(np.str_("dead_units"), np.str_("SGD")), VALUES[1])
    with pytest.raises(TypeError, match='Result: condition must be a str; got 0 .*example "Adam"'):
        RESULT("accuracy", 0)
    with pytest.raises(TypeError, match="Result: probe must be a str; got None"):
        RESULT(None, "SGD")
    with pytest.raises(ValueError, match="Did you mean 'accuracy'?"):
        RESULT.last("acuracy", "SGD")
    for times in (True, 1.0, "1"):
        with pytest.raises(TypeError, match="Result.first: times must be a whole number"):
            RESULT.first("accuracy", "SGD", times)


def test_what_is_saved_is_what_is_loaded(tmp_path):
    numpys = replace(RESULT, seeds=tuple(np.array([4, 1])), seconds=np.float32(1.5))
    for result in (RESULT, numpys):
        result.save(tmp_path / "result")
        same(Result.load(str(tmp_path / "result")), RESULT)
    assert stat.S_IMODE(os.stat(tmp_path / "result").st_mode) == 0o666 & ~_umask()
    assert [path.name for path in tmp_path.iterdir()] == ["result"]


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_through_a_link_the_file_behind_it_is_written(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "result")
    RESULT.save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    same(Result.load(tmp_path / "result"), RESULT)


@pytest.mark.parametrize("where", ["savez", "replace"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
def test_a_full_disk_or_an_interrupt_leaves_the_old_file_whole(where, error, tmp_path, monkeypatch):
    RESULT.save(tmp_path / "result")
    before = (tmp_path / "result").read_bytes()

    def fail(file, *args, **kwargs):
        if where == "savez":
            file.write(b"half of")
        raise error

    monkeypatch.setattr(np if where == "savez" else os, where, fail)
    with pytest.raises(type(error)) as told:
        RESULT.save(tmp_path / "result")
    if isinstance(error, OSError):
        assert "wrote nothing, and changed nothing: No space left" in str(told.value)
        assert (told.value.errno, told.value.filename) == (errno.ENOSPC, str(tmp_path / "result"))
    assert (tmp_path / "result").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["result"]


def test_places_that_cannot_be_written_or_read_keep_their_own_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="Result.save wrote nothing.*No such file"):
        RESULT.save(tmp_path / "nowhere" / "result")
    with pytest.raises(IsADirectoryError, match="Result.save wrote nothing"):
        RESULT.save(tmp_path)
    with pytest.raises(FileNotFoundError, match="No such file or directory: .*missing"):
        Result.load(tmp_path / "missing")
    with pytest.raises(IsADirectoryError):
        Result.load(tmp_path)
    for act in (RESULT.save, Result.load):
        with pytest.raises(TypeError, match="path must be a str or a PathLike; got 3"):
            act(3)


def test_a_damaged_file_is_said_to_be_so(tmp_path):
    path = tmp_path / "result"
    RESULT.save(path)
    content = path.read_bytes()
    for length in range(4, len(content), 31):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"Result.load: .*result is damaged or was cut short"):
            Result.load(path)


def saved(path, **changes):
    """A file like a saved result, with other arrays or labels."""
    RESULT.save(path)
    with np.load(path) as file:
        arrays = dict(file)
    labels = json.loads(str(arrays["labels"]))
    for name, value in changes.items():
        place = arrays if name in arrays else labels
        place[name] = value
        if value is None:
            del place[name]
    if "labels" in arrays and "labels" not in changes:
        arrays["labels"] = json.dumps(labels)
    with open(path, "wb") as file:
        np.savez(file, **arrays)
    return path


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": 2}, "has format 2, and this plastlab reads format 1: a newer one wrote it"),
        ({"format": 2, "probes": 3}, "has format 2"),
        ({"labels": None}, "is not a saved Result; it has the arrays diverged, values 0"),
        ({"labels": np.arange(5)}, "is not a saved Result; it has the arrays labels"),
        ({"labels": "[1, 2]"}, "is not a saved Result"),
        ({"diverged": None}, "is damaged: 'diverged'"),
        ({"probes": ["a", "b", "c"]}, "is damaged: 'values 2"),
        ({"steps": [1, 2]}, "is damaged: Result.tasks must give"),
        ({"seeds": 3}, "is damaged"),
    ],
)
def test_a_newer_or_foreign_file_is_said_to_be_so(changes, words, tmp_path):
    with pytest.raises(ValueError, match=f"Result.load: .*result {words}"):
        Result.load(saved(tmp_path / "result", **changes))


def test_a_file_without_a_format_is_of_the_first(tmp_path):
    same(Result.load(saved(tmp_path / "result", format=None)), RESULT)


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"\x93NUMPY", b"\x80\x04N."])
def test_a_file_of_another_kind_is_said_to_be_so(content, tmp_path):
    (tmp_path / "result").write_bytes(content)
    with pytest.raises(ValueError, match="result is not a saved Result; Result.save writes one"):
        Result.load(tmp_path / "result")
