"""The doctor's findings, each where it is well and where it is not."""

import errno
import json
import os
import re
import socket
import tempfile

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


class WithoutIpv6(socket.socket):
    """A socket where IPv6 is switched off, in one of the two ways that systems have."""

    error = errno.EADDRNOTAVAIL

    def __init__(self, family, *more):
        if family == socket.AF_INET6 and self.error == errno.EAFNOSUPPORT:
            raise OSError(self.error, "Address family not supported by protocol")
        super().__init__(socket.AF_INET, *more)
        self.wanted = family

    def bind(self, address):
        if self.wanted == socket.AF_INET6:
            raise OSError(self.error, "Cannot assign requested address")
        super().bind(address)


@pytest.mark.parametrize("error", [errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT])
def test_a_port_is_free_where_localhost_has_an_address_of_ipv6_that_is_not_there(
    error, monkeypatch
):
    def both(host, port, type, flags):  # as with Docker's /etc/hosts
        six = (socket.AF_INET6, type, 6, "", ("::1", port, 0, 0))
        return [six, (socket.AF_INET, type, 6, "", ("127.0.0.1", port))]

    port = machine.free_port(9300)
    monkeypatch.setattr(machine.socket, "getaddrinfo", both)
    monkeypatch.setattr(machine.socket, "socket", WithoutIpv6)
    monkeypatch.setattr(WithoutIpv6, "error", error)
    assert machine.free_port(port) == port
    with socket.create_server(("127.0.0.1", port)):
        assert machine.free_port(port) > port
    monkeypatch.setattr(machine.socket, "getaddrinfo", lambda *a, **b: both(*a, **b)[:1])
    with pytest.raises(OSError, match="localhost is no address of this machine"):
        machine.free_port(port)


@pytest.mark.parametrize("host", ["192.0.2.123", "no such host", "999.1.1.1"])
def test_what_is_no_address_of_this_machine_is_named(host):
    with pytest.raises(OSError, match=f"{host} is no address of this machine. Give one, such as"):
        machine.free_port(9300, host=host)


def test_without_a_home_a_temporary_one_is_used(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path / "new"))
    assert doctor.home() == []
    for lost in (str(tmp_path / "file" / "home"), "~"):
        monkeypatch.setenv("HOME", lost)
        (finding,) = doctor.home()
        assert finding.level == NOTE
        home = tmp_path / f"plastlab-{os.getuid()}"
        assert f"home folder {lost} cannot be written to" in finding.text
        assert os.environ["HOME"] == str(home) and home.stat().st_mode & 0o777 == 0o700
    home.chmod(0o777)
    monkeypatch.setenv("HOME", "~")
    doctor.home()
    assert os.environ["HOME"] != str(home)


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
