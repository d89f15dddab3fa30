"""A port: bytes in, bytes out, never blocking, with a descriptor to wait on."""

import contextlib
import os
import socket
from typing import Protocol

READ_BYTES = 1 << 16


class PortClosed(Exception):
    """The other side is gone: a cable was pulled, a process ended."""


class Port(Protocol):
    """What both ends need of a port. `module` shells use the same shape (`firmware_model/serve`)."""

    name: str

    def fileno(self) -> int:
        """A descriptor that is readable when there is something to read."""

    def read(self) -> bytes:
        """What has arrived; b"" for nothing. Raises PortClosed."""

    def write(self, data: bytes | memoryview) -> int:
        """Send as much as goes now; how many bytes. Raises PortClosed."""

    def close(self) -> None:
        """Let go of it. Twice is fine."""


class DescriptorPort:
    """A port over a non-blocking descriptor: 4 us a call, where pyserial's own read takes 30."""

    def __init__(self, name: str, descriptor: int) -> None:
        self.name = name
        self._descriptor = descriptor
        os.set_blocking(descriptor, False)

    def fileno(self) -> int:
        return self._descriptor

    def read(self) -> bytes:
        try:
            data = os.read(self._descriptor, READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise PortClosed(f"{self.name}: {error.strerror}") from None
        if not data:
            raise PortClosed(f"{self.name} was closed by the other side")
        return data

    def write(self, data: bytes | memoryview) -> int:
        try:
            return os.write(self._descriptor, data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise PortClosed(f"{self.name}: {error.strerror}") from None

    def close(self) -> None:
        """Nothing of our own to close: the descriptor has an owner."""


def is_plain(port: Port) -> bool:
    """Whether reading and writing are the system's calls on the descriptor, and nothing else."""
    own = type(port)
    return isinstance(port, DescriptorPort) and (own.read, own.write) == (
        DescriptorPort.read,
        DescriptorPort.write,
    )


class SocketPort(DescriptorPort):
    """A port over a connected socket, which it owns; two of a pair are an in-process lane."""

    def __init__(self, name: str, sock: socket.socket) -> None:
        super().__init__(name, sock.fileno())
        self._socket = sock

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def in_process_pair() -> tuple[SocketPort, SocketPort]:
    """Two ports that are each other's other side, in one process."""
    ours, theirs = socket.socketpair()
    return SocketPort("in-process host", ours), SocketPort("in-process module", theirs)
