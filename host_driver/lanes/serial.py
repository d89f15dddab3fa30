"""Serial devices, pseudo-terminals, and every URL that pyserial knows, as ports.

pyserial opens and configures; bytes then go straight through the descriptor where there is one. A port is
opened exclusively, without any DTR or RTS call of ours (they reset many boards), and HUPCL is cleared so that
closing it resets nothing either.
"""

import contextlib
import errno
import os
import socket
import stat
import sys
from typing import Any

import serial

from laserlink.host_driver.errors import BadUrl, NoDeviceFound, PortBusy, PortDenied
from laserlink.host_driver.lanes.port import READ_BYTES, DescriptorPort, Port, PortClosed

DEFAULT_BAUD = 1_000_000

_DENIED_HINT = "Add yourself to the group of the device (often dialout), then log in again."
_BUSY_HINT = "Close the other program (ModemManager, a terminal, another LaserLink), then try again."
_MISSING_HINT = "Is it plugged in? `laserlink devices` lists what there is."


class SerialPort(DescriptorPort):
    """An open pyserial port that has a descriptor."""

    def __init__(self, name: str, port: serial.SerialBase) -> None:
        super().__init__(name, port.fileno())
        self._port = port

    def close(self) -> None:
        with contextlib.suppress(OSError, serial.SerialException):
            self._port.close()


class PolledPort:
    """An open pyserial port without a descriptor (rfc2217, a Windows COM port): asked again and again."""

    def __init__(self, name: str, port: serial.Serial) -> None:
        self.name = name
        self._port = port

    def fileno(self) -> int:
        return -1

    def read(self) -> bytes:
        try:
            return bytes(self._port.read(min(self._port.in_waiting, READ_BYTES)))
        except (OSError, serial.SerialException) as error:
            raise PortClosed(f"{self.name}: {error}") from None

    def write(self, data: bytes | memoryview) -> int:
        try:
            return int(self._port.write(bytes(data)) or 0)
        except serial.SerialTimeoutException:
            return 0
        except (OSError, serial.SerialException) as error:
            raise PortClosed(f"{self.name}: {error}") from None

    def close(self) -> None:
        with contextlib.suppress(OSError, serial.SerialException):
            self._port.close()


def open_serial(url: str, baud: int = DEFAULT_BAUD) -> Port:
    """Open a serial device or a pyserial URL.

    Raises:
        NoDeviceFound, PortBusy, PortDenied, BadUrl: why it cannot be opened, with a hint.
    """
    settings: dict[str, Any] = {"baudrate": baud, "timeout": 0}
    if "://" not in url:
        settings["write_timeout"] = 0
        if sys.platform != "win32":
            settings["exclusive"] = True
    try:
        port = serial.serial_for_url(url, **settings)
    except (ValueError, OverflowError) as error:
        raise BadUrl(
            f"{url} is no port: {error}", "Give a device like /dev/ttyUSB0, or a pyserial URL."
        ) from None
    except (OSError, serial.SerialException) as error:
        raise _explained(url, error) from None
    try:
        port.fileno()
    except (OSError, AttributeError):
        return PolledPort(url, port)
    _settle_terminal(port)
    _settle_socket(port)
    return SerialPort(url, port)


def _explained(url: str, error: OSError) -> Exception:
    """Which of our errors one of pyserial's is; it often wraps the number in a text."""
    number = error.errno or getattr(error.__context__, "errno", None)
    text = str(error)
    if number in (errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK) or "exclusively lock" in text:
        return PortBusy(f"{url} is in use by another program", _BUSY_HINT)
    if number in (errno.EACCES, errno.EPERM):
        return PortDenied(f"{url} may not be opened by this user", _DENIED_HINT)
    if number in (errno.ENOENT, errno.ENXIO, errno.ENODEV):
        return NoDeviceFound(f"there is no {url}", _MISSING_HINT)
    if number in (errno.ENOTTY, errno.EISDIR, errno.EINVAL) or "configure port" in text:
        return NoDeviceFound(f"{url} is no serial port", _MISSING_HINT)
    return NoDeviceFound(f"{url} cannot be opened: {text}", _MISSING_HINT)


def _settle_terminal(port: serial.SerialBase) -> None:
    """Clear HUPCL, so that closing drops no DTR, and let an empty read say so; on a socket, nothing.

    pyserial asks for VMIN 0, with which an empty read looks like a hang-up.
    """
    with contextlib.suppress(ImportError):
        import termios

        with contextlib.suppress(termios.error, OSError):
            attributes = termios.tcgetattr(port.fileno())
            attributes[2] &= ~termios.HUPCL
            attributes[6][termios.VMIN] = 1
            termios.tcsetattr(port.fileno(), termios.TCSANOW, attributes)


def _settle_socket(port: serial.SerialBase) -> None:
    """Send each frame at once, and the pieces of one: TCP else holds them back, for longer than the gap time.

    pyserial does so for rfc2217:// and leaves it to the user for socket://.
    """
    if not stat.S_ISSOCK(os.fstat(port.fileno()).st_mode):
        return
    with socket.socket(fileno=os.dup(port.fileno())) as twin:
        if twin.family in (socket.AF_INET, socket.AF_INET6):
            twin.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
