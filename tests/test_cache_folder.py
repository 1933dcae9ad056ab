"""The cache's folder: whatever is wrong with it costs one warning and no numbers, and it does not
grow for ever."""

import errno
import os
import pwd
import time
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from small import LABELS

from plastlab import cache, doctor, shelf
from plastlab.condition import Condition
from plastlab.doctor import FAIL, OK
from plastlab.interventions import L2
from plastlab.nets import MLP
from plastlab.optim import Adam
from plastlab.run import run
from plastlab.tournament.entrants import entrant
from plastlab.tournament.plan import Arena, Plan
from plastlab.tournament.play import tournament

ADAM = Condition(Adam(0.01), MLP(width=6, depth=1))
CONDITIONS = {"a": ADAM, "b": ADAM + L2(0.1)}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(cache.FOLDER, str(tmp_path / "kept"))
    return tmp_path / "kept"


def values():
    return run(LABELS, CONDITIONS, 2).values["accuracy"]


def a_file(folder):
    folder.write_text("in the way")


def under_a_file(folder):
    folder.write_text("in the way")
    return folder / "below"


def a_dangling_link(folder):
    folder.symlink_to(folder.parent / "nowhere" / "at all")


def a_link_to_itself(folder):
    folder.symlink_to(folder)


@pytest.mark.parametrize("make", [a_file, under_a_file, a_dangling_link, a_link_to_itself])
def test_a_place_that_is_no_folder_costs_one_warning(make, folder, monkeypatch):
    expected = run(LABELS, CONDITIONS, 2, use_cache=False).values["accuracy"]
    monkeypatch.setenv(cache.FOLDER, str(make(folder) or folder))
    with pytest.warns(UserWarning, match="could not use its cache .* PLASTLAB_CACHE") as told:
        np.testing.assert_array_equal(values(), expected)
    assert len(told) == 1
    assert told[0].filename == __file__


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EIO])
@pytest.mark.parametrize("where", ["replace", "mkdir"])
def test_a_disk_that_refuses_to_write_costs_one_warning_and_leaves_nothing(
    code, where, folder, monkeypatch
):
    def refuse(*args, **kwargs):
        raise OSError(code, os.strerror(code))

    expected = run(LABELS, CONDITIONS, 2, use_cache=False).values["accuracy"]
    with monkeypatch.context() as patch:
        patch.setattr(os, where, refuse)
        with pytest.warns(UserWarning, match=os.strerror(code)) as told:
            np.testing.assert_array_equal(values(), expected)
    assert len(told) == 1
    assert not folder.exists() or list(folder.iterdir()) == []


def test_a_file_that_cannot_be_read_costs_one_warning(folder, monkeypatch):
    expected, read = values(), Path.read_bytes

    def refuse(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.warns(UserWarning, match="Permission denied") as told:
        np.testing.assert_array_equal(values(), expected)
    assert len(told) == 1
    monkeypatch.setattr(Path, "read_bytes", read)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(values(), expected)


def test_a_folder_that_may_only_be_read_is_read_without_a_word(folder, monkeypatch):
    expected = values()

    def refuse(*args):
        raise PermissionError

    monkeypatch.setattr(os, "utime", refuse)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(values(), expected)


@pytest.mark.parametrize("error", [zlib.error, ValueError, KeyError, EOFError, NotImplementedError])
def test_whatever_numpy_says_of_a_file_it_is_computed_again(error, folder, monkeypatch):
    def fail(*args, **kwargs):
        raise error("this file")

    expected = values()
    monkeypatch.setattr(np, "load", fail)
    np.testing.assert_array_equal(values(), expected)


def test_a_file_that_another_process_removes_at_once_is_none(folder, monkeypatch):
    expected = values()

    def gone(path):
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_bytes", gone)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(values(), expected)


@pytest.mark.parametrize("chosen", ["", "~/mine"])
def test_without_a_home_folder_a_run_warns_and_the_doctor_fails(chosen, monkeypatch):
    def nobody(who):
        raise KeyError(who)

    for name in ("HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    monkeypatch.setenv(cache.FOLDER, chosen)
    with pytest.warns(UserWarning, match="no home folder.* Set PLASTLAB_CACHE") as told:
        assert values().shape == (2, 2, 3)
    assert len(told) == 1
    assert not cache.is_on()
    finding = doctor.cache_folder()
    assert finding.level == FAIL
    assert "Set PLASTLAB_CACHE" in finding.text


def test_a_tournament_warns_once(folder):
    a_file(folder)
    plan = Plan((Arena("labels", LABELS, MLP(width=6)),), (entrant(L2),), (2, 3), (0, 1), trials=3)
    with pytest.warns(UserWarning, match="could not use its cache") as told:
        tournament(plan)
    (one,) = [one for one in told if "its cache" in str(one.message)]
    assert one.filename == __file__


def test_the_variable_may_name_home_a_relative_folder_nothing_or_off(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "system"))
    monkeypatch.chdir(tmp_path)
    for chosen, expected in (
        ("~/mine", tmp_path / "mine"),
        ("mine", Path("mine")),
        ("", tmp_path / "system" / "plastlab"),
        ("  ", tmp_path / "system" / "plastlab"),
        ("off", None),
        ("OFF", None),
    ):
        monkeypatch.setenv(cache.FOLDER, chosen)
        assert cache.folder() == expected
        assert cache.is_on() == (expected is not None)
    monkeypatch.setenv(cache.FOLDER, "mine")
    values()
    assert len(list((tmp_path / "mine").iterdir())) == 2


def old(path, seconds, size=10):
    path.write_bytes(b"." * size)
    os.utime(path, (time.time() - seconds,) * 2)
    return path


def test_remains_and_other_versions_go_and_nothing_else(folder):
    values()
    kept = set(folder.iterdir())
    version = next(iter(kept)).name[:16]
    gone = [
        old(folder / "tmpab12_xyz.part", 2 * shelf.HOUR),
        old(folder / "outcome-ab12_xyz.part", 2 * shelf.HOUR),
        old(folder / f"{'0' * 32}.outcome", 1.1 * shelf.WEEK),
        old(folder / f"{'1' * 16}-{'0' * 32}.outcome", 1.1 * shelf.WEEK),
    ]
    stay = [
        old(folder / "outcome-live_xyz.part", 0.5 * shelf.HOUR),
        old(folder / f"{'2' * 16}-{'0' * 32}.outcome", 0.9 * shelf.WEEK),
        old(folder / f"{version}-{'0' * 32}.outcome", 9 * shelf.WEEK),
        old(folder / "thesis.part", 9 * shelf.WEEK),
        old(folder / "thesis.outcome", 9 * shelf.WEEK),
    ]
    shelf._written[folder] = shelf.OFTEN
    shelf.tidy(folder, version)
    assert not any(path.exists() for path in gone)
    assert all(path.exists() for path in {*stay, *kept})


@pytest.mark.parametrize(("name", "bound", "left"), [("SIZE", 4500, 4), ("COUNT", 3, 3)])
def test_the_folder_is_bounded_and_what_was_used_last_stays(
    name, bound, left, tmp_path, monkeypatch
):
    names = [f"{'1' * 16}-{i:032x}.outcome" for i in range(8)]
    for i, one in enumerate(names):
        old(tmp_path / one, 1000 - i, size=1000)
    assert shelf.read(tmp_path, names[2]) == b"." * 1000  # used just now
    monkeypatch.setattr(shelf, name, bound)
    shelf._written[tmp_path] = shelf.OFTEN
    shelf.tidy(tmp_path, "1" * 16)
    assert {p.name for p in tmp_path.iterdir()} == {names[2], *names[9 - left :]}


def test_the_folder_is_put_in_order_at_the_first_writing_and_then_now_and_then(folder, monkeypatch):
    looked, contents = [], shelf.contents
    for i in range(3):
        run(LABELS, {"a": ADAM}, (i,))
    assert shelf._written[folder][0] == 2
    monkeypatch.setattr(shelf, "contents", lambda place: looked.append(place) or contents(place))
    for _ in range(3):
        shelf.write(folder, "x", b"")
        shelf.tidy(folder, "")
    assert looked == []
    shelf._written[folder] = shelf.OFTEN
    shelf.tidy(folder, "")
    assert looked == [folder]
    assert shelf._written[folder] == (0, 0)


def test_an_outcome_that_would_fill_the_folder_is_not_kept(folder, monkeypatch):
    monkeypatch.setattr(cache, "LARGEST", 100)
    assert "MB of numbers" in run(LABELS, {"a": ADAM}, 1).unkept
    assert not folder.exists()


def test_the_doctor_says_where_results_are_and_how_large(folder):
    values()
    old(folder / f"{'0' * 32}.outcome", 0, size=3 * 2**20)
    finding = doctor.cache_folder()
    assert finding == (OK, f"results are kept in {folder} (3.0 MB, of at most 256)")
