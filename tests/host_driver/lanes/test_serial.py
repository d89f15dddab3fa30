"""laserlink.host_driver.lanes.serial: ports are opened exclusively and quietly, and why not is typed."""

import errno
import os
import socket
import termios
from pathlib import Path

import pytest
from served import wait_until

from laserlink.host_driver.errors import BadUrl, DeviceError, NoDeviceFound, PortBusy, PortDenied
from laserlink.host_driver.lanes.port import PortClosed
from laserlink.host_driver.lanes.serial import PolledPort, SerialPort, _explained, open_serial


def test_terminal_carries_every_byte() -> None:
    """All values go through a terminal both ways, an empty read is b"", and nothing is sent by opening."""
    master, slave = os.openpty()
    os.set_blocking(master, False)
    port = open_serial(os.ttyname(slave))
    assert isinstance(port, SerialPort)
    with pytest.raises(BlockingIOError):
        os.read(master, 1)
    everything = bytes(range(256))
    assert port.read() == b""
    assert port.write(everything) == 256
    assert os.read(master, 1024) == everything
    os.write(master, everything)
    got = bytearray()
    wait_until(lambda: got.extend(port.read()) or len(got) >= 256, "the bytes came")
    assert got == everything
    port.close()
    port.close()
    os.close(master)
    os.close(slave)


def test_pieces_of_a_frame_are_not_held_back_by_tcp() -> None:
    """A socket:// port sends at once what it is given: otherwise a cut frame's gap time is over meanwhile."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = open_serial(f"socket://127.0.0.1:{server.getsockname()[1]}")
        with socket.socket(fileno=os.dup(port.fileno())) as twin:
            assert twin.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        port.close()


def test_closing_hangs_up_nothing() -> None:
    """HUPCL is off, so that closing the port drops no DTR and resets no board."""
    master, slave = os.openpty()
    attributes = termios.tcgetattr(slave)
    attributes[2] |= termios.HUPCL
    termios.tcsetattr(slave, termios.TCSANOW, attributes)
    port = open_serial(os.ttyname(slave))
    assert not termios.tcgetattr(slave)[2] & termios.HUPCL
    port.close()
    os.close(master)
    os.close(slave)


def test_port_is_ours_alone() -> None:
    """Opened twice, it is busy; closed, it can be opened again."""
    master, slave = os.openpty()
    name = os.ttyname(slave)
    port = open_serial(name)
    with pytest.raises(PortBusy, match="in use") as caught:
        open_serial(name)
    assert caught.value.hint
    port.close()
    open_serial(name).close()
    os.close(master)
    os.close(slave)


def test_hang_up_is_told() -> None:
    """When the device goes away, reading says so."""
    master, slave = os.openpty()
    port = open_serial(os.ttyname(slave))
    os.close(slave)
    os.close(master)
    with pytest.raises(PortClosed):
        port.read()
    port.close()


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("/dev/no-such-port", NoDeviceFound),
        ("/dev/null", NoDeviceFound),
        ("/", NoDeviceFound),
        ("", DeviceError),
        ("socket://127.0.0.1:1", NoDeviceFound),
        ("socket://nowhere", DeviceError),
        ("nonsense://there", BadUrl),
    ],
)
def test_what_cannot_be_opened_says_why(url: str, kind: type[DeviceError]) -> None:
    """Each wrong name gives its type of error, one line, and a hint."""
    with pytest.raises(kind) as caught:
        open_serial(url)
    assert caught.value.hint
    assert "\n" not in str(caught.value)


def test_file_is_no_port(tmp_path: Path) -> None:
    """A plain file is refused, and left as it is."""
    path = tmp_path / "file"
    path.write_bytes(b"data")
    with pytest.raises(NoDeviceFound, match="no serial port"):
        open_serial(str(path))
    assert path.read_bytes() == b"data"


@pytest.mark.parametrize("baud", [-1, 10**14])
def test_impossible_rates_are_refused(baud: int) -> None:
    """A rate that no port has is a DeviceError, whatever the library makes of it."""
    master, slave = os.openpty()
    with pytest.raises(DeviceError):
        open_serial(os.ttyname(slave), baud)
    os.close(master)
    os.close(slave)


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.EBUSY, PortBusy),
        (errno.EAGAIN, PortBusy),
        (errno.EACCES, PortDenied),
        (errno.EPERM, PortDenied),
        (errno.ENOENT, NoDeviceFound),
        (errno.ENOTTY, NoDeviceFound),
        (errno.EIO, NoDeviceFound),
    ],
)
def test_system_errors_become_ours(number: int, kind: type[DeviceError]) -> None:
    """The number decides the type, also when it is only in what the error was raised from."""
    assert type(_explained("/dev/x", OSError(number, "text"))) is kind
    wrapped = OSError("no number")
    wrapped.__context__ = OSError(number, "text")
    assert type(_explained("/dev/x", wrapped)) is kind


def test_port_without_a_descriptor_is_polled() -> None:
    """pyserial's loop:// has none: what is written comes back, an empty read is b"", closed it says so."""
    port = open_serial("loop://")
    assert isinstance(port, PolledPort)
    assert port.fileno() == -1
    assert port.read() == b""
    assert port.write(memoryview(b"echo")) == 4
    assert port.read() == b"echo"
    port.close()
    with pytest.raises(PortClosed):
        port.read()
    with pytest.raises(PortClosed):
        port.write(b"x")
