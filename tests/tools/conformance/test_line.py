"""laserlink.tools.conformance.line: bytes over a real port, and their time."""

import threading

import pytest

from laserlink.host_driver.lanes.port import PortClosed, in_process_pair
from laserlink.host_driver.lanes.url import Lanes
from laserlink.protocol.states import LaneKind
from laserlink.tools.conformance.line import LanesLine


def test_bytes_go_both_ways() -> None:
    """What is written arrives whole, also more than the port takes at once; silence ends in time."""
    ours, theirs = in_process_pair()
    line = LanesLine(Lanes(ours, None, ()))
    got = bytearray()

    def read() -> None:
        while len(got) < 1_000_000:
            got.extend(theirs.read())

    reader = threading.Thread(target=read)
    reader.start()
    line.write(bytes(1_000_000))
    reader.join(10)
    assert len(got) == 1_000_000 and line.light is None
    began = line.now()
    assert line.wait(began + 20_000_000) == [] and line.now() - began >= 19_000_000
    theirs.write(b"hello")
    assert line.wait(line.now() + 10**9) == [(LaneKind.SIDEBAND, b"hello")]
    theirs.close()
    with pytest.raises(PortClosed):
        line.wait(line.now() + 10**9)
