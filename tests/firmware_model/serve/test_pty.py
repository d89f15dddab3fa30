"""laserlink.firmware_model.serve.pty: the contact is that somebody has the terminal open."""

import os
import termios
import tty
from pathlib import Path

import pytest
from served import wait_until

from laserlink.firmware_model.serve.pty import PtyPort, open_terminal


def open_raw(name: str) -> int:
    """The host's side, as a serial library opens it."""
    slave = os.open(name, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(slave)
    return slave


def test_contact_follows_whoever_has_it_open() -> None:
    """Nobody, somebody, nobody, somebody: what `connected` says each time."""
    port = PtyPort()
    try:
        assert not port.connected
        for _ in range(2):
            slave = os.open(port.name, os.O_RDWR | os.O_NOCTTY)
            assert port.connected
            os.close(slave)
            assert not port.connected
    finally:
        port.close()


def test_every_byte_goes_through_unchanged() -> None:
    """All 256 values, both ways, without echo, although the one who opened it set nothing."""
    port = PtyPort()
    slave = os.open(port.name, os.O_RDWR | os.O_NOCTTY)
    try:
        assert port.connected
        everything = bytes(range(256))
        assert port.write(everything) == 256
        assert os.read(slave, 1024) == everything
        assert os.write(slave, everything) == 256
        got = bytearray()
        wait_until(lambda: got.extend(port.read()) or len(got) >= 256, "the bytes came")
        assert got == everything
        assert port.read() == b""
    finally:
        os.close(slave)
        port.close()


def test_raw_mode_is_set_again_for_the_next_one() -> None:
    """The kernel forgets raw mode with the last close; the next host finds it set all the same."""
    port = PtyPort()
    try:
        for _ in range(2):
            slave = os.open(port.name, os.O_RDWR | os.O_NOCTTY)
            assert port.connected
            assert not termios.tcgetattr(slave)[3] & (termios.ECHO | termios.ICANON)
            os.close(slave)
            assert not port.connected
    finally:
        port.close()


def test_full_terminal_takes_no_more_and_a_closed_one_loses_it() -> None:
    """Write never blocks: it says 0 when the host does not read, and loses what nobody can read."""
    port = PtyPort()
    slave = open_raw(port.name)
    try:
        assert port.connected
        while port.write(bytes(4096)):
            pass
        os.close(slave)
        assert not port.connected
        assert port.read() == b""
    finally:
        port.close()


def test_pulled_off_the_host_sees_it_and_the_name_comes_back() -> None:
    """Pulling off hangs up on the host; once it let go, the module comes back under the same name."""
    port = PtyPort()
    name = port.name
    slave = open_raw(name)
    try:
        assert port.connected
        port.pull_off()
        assert not port.connected
        assert port.fileno() < 0
        assert os.read(slave, 1) == b""
        os.close(slave)
        port.snap_on()
        assert port.name == name
        slave = open_raw(name)
        assert port.connected
    finally:
        os.close(slave)
        port.close()


def test_name_that_is_taken_gives_another_and_leaks_nothing() -> None:
    """When the host still holds the old terminal, a new name is given, and no descriptor stays open."""
    port = PtyPort()
    slave = open_raw(port.name)
    name = port.name
    before = len(os.listdir("/proc/self/fd"))
    try:
        port.pull_off()
        port.snap_on()
        assert port.name != name
        assert len(os.listdir("/proc/self/fd")) == before
        port.pull_off()
        port.snap_on()
        assert len(os.listdir("/proc/self/fd")) == before
    finally:
        os.close(slave)
        port.close()


def test_wanted_name_is_come_by_over_lower_ones() -> None:
    """The kernel gives the lowest free number: those below the wanted one are opened and closed again."""
    terminals = [open_terminal("") for _ in range(4)]
    wanted = terminals[-1][1]
    for master, _ in terminals:
        os.close(master)
    master, name = open_terminal(wanted)
    os.close(master)
    assert name == wanted


def test_link_follows_the_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The symbolic link points to whatever terminal there is, and is gone with the port."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    port = PtyPort(tmp_path / "camera")
    slave = open_raw(port.name)
    try:
        assert os.readlink(tmp_path / "camera") == port.name
        port.pull_off()
        port.snap_on()
        assert os.readlink(tmp_path / "camera") == port.name
    finally:
        os.close(slave)
        port.close()
        port.close()
    assert not os.path.lexists(tmp_path / "camera")


def test_link_that_cannot_be_made_leaves_no_terminal(tmp_path: Path) -> None:
    """When the name of the link is taken by a file, nothing stays open."""
    (tmp_path / "camera").write_text("mine")
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(FileExistsError):
        PtyPort(tmp_path / "camera")
    assert len(os.listdir("/proc/self/fd")) == before
    assert (tmp_path / "camera").read_text() == "mine"
