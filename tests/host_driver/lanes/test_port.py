"""laserlink.host_driver.lanes.port: bytes through a descriptor, never blocking, and an end that is told."""

import os
import socket

import pytest

from laserlink.host_driver.lanes.port import DescriptorPort, PortClosed, SocketPort, in_process_pair


def test_bytes_go_both_ways_without_blocking() -> None:
    """What one side writes the other reads; nothing there is b""; a full line takes no more."""
    host, module = in_process_pair()
    assert host.read() == b""
    everything = bytes(range(256))
    assert host.write(everything) == 256
    assert module.read() == everything
    assert module.write(memoryview(everything)[10:]) == 246
    assert host.read() == everything[10:]
    while host.write(bytes(1 << 16)):
        pass
    assert len(module.read()) == 1 << 16
    for port in (host, module):
        port.close()
        port.close()


def test_end_of_the_other_side_is_told() -> None:
    """What was sent before is still read; then both reading and writing say that it is closed."""
    host, module = in_process_pair()
    module.write(b"last words")
    module.close()
    assert host.read() == b"last words"
    with pytest.raises(PortClosed, match="closed by the other side"):
        host.read()
    with pytest.raises(PortClosed, match="in-process host"):
        host.write(b"anyone?")
    host.close()


def test_descriptor_that_went_away_is_told() -> None:
    """A terminal whose master is gone, which reads as an error or as an end."""
    master, slave = os.openpty()
    port = DescriptorPort("terminal", slave)
    os.close(master)
    with pytest.raises(PortClosed, match="terminal"):
        port.read()
    with pytest.raises(PortClosed, match="terminal"):
        port.write(b"x")
    os.close(slave)


def test_socket_port_owns_its_socket() -> None:
    """Closing the port closes the socket, and the other side sees it."""
    ours, theirs = socket.socketpair()
    port = SocketPort("line", ours)
    assert port.fileno() == ours.fileno()
    port.close()
    assert ours.fileno() == -1
    assert theirs.recv(1) == b""
    theirs.close()
