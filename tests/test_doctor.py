"""The doctor's findings, each where it is well and where it is not."""

import json
import re
import socket

import pytest

from plastlab import doctor, machine
from plastlab.doctor import FAIL, NOTE, OK
from plastlab.requirements import Requirement, declared


def test_here_all_is_well(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("PLASTLAB_CACHE", str(tmp_path / "cache"))
    assert doctor.main(None) == 0
    lines = capsys.readouterr().out.splitlines()
    for requirement in declared():
        assert any(re.match(rf"OK +{requirement.name} \d", line) for line in lines)
    assert any(re.match(r"OK +speed \d+\.\d\d", line) for line in lines)
    assert not any(line.startswith(FAIL) for line in lines)


@pytest.mark.parametrize(
    ("requirement", "text"),
    [
        (Requirement("numpy", ">=99"), r"numpy [\d.]+ \(needs >=99\)"),
        (Requirement("no-such-package", ">=1"), r"no-such-package is not installed \(needs >=1\)"),
    ],
)
def test_a_wrong_or_missing_version_fails(requirement, text):
    finding = doctor.package(requirement)
    assert finding.level == FAIL
    assert re.fullmatch(text, finding.text)


def test_a_failure_ends_with_the_command_to_run(capsys, monkeypatch):
    monkeypatch.setattr(doctor, "declared", lambda: [Requirement("numpy", ">=99")])
    assert doctor.main(None) == 1
    assert "make lab" in capsys.readouterr().out.splitlines()[-1]


def test_no_browser_is_a_note(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert doctor.browser().level == NOTE


def test_a_taken_port_is_named():
    with socket.create_server(("127.0.0.1", machine.free_port(9100))) as server:
        taken = server.getsockname()[1]
        finding = doctor.port(taken)
    assert finding.level == OK
    assert f"({taken} is taken)" in finding.text


def test_a_cache_that_cannot_be_written_fails(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("PLASTLAB_CACHE", str(tmp_path / "file" / "cache"))
    finding = doctor.cache_folder()
    assert finding.level == FAIL
    assert "Set PLASTLAB_CACHE" in finding.text
    monkeypatch.setenv("PLASTLAB_CACHE", "off")
    assert doctor.cache_folder().level == NOTE


def test_minutes_are_scaled_by_speed(tmp_path):
    (tmp_path / "chapters").mkdir()
    for name, seconds, speed in (("00_a", 60, 1.0), ("01_b", 30, 2.0)):
        built = {"metadata": {"plastlab": {"seconds": seconds, "speed": speed}}}
        (tmp_path / "chapters" / f"{name}.ipynb").write_text(json.dumps(built))
    _, total = doctor.minutes(0.5, tmp_path)
    assert total.text == "the book computes 4.0 minutes here: 00_a 120 s, 01_b 120 s"
    assert len(doctor.minutes(1.0, tmp_path / "chapters")) == 1


def test_speed_is_a_plausible_number():
    assert 0.02 < machine.speed(repeats=2) < 50
