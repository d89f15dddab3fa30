"""The kernel that frames a message; protocol/test_writer.py holds it against all that Connection does."""

import copy
import pickle

import pytest

from laserlink.cext import kernels
from laserlink.protocol.frame import Frame
from laserlink.protocol.messages.control import ControlInfos
from laserlink.protocol.messages.link import Ping
from laserlink.protocol.writer import whole_frame

if kernels is None:
    pytest.skip("the C kernels are not in use", allow_module_level=True)


def test_the_kernel_takes_what_is_plain_and_leaves_the_rest() -> None:
    """A ping is plain; not parts of many sizes, another channel, a frame too long, or what is no message."""
    wire = whole_frame()
    assert wire is not None
    ping = Ping(number=7)
    found = wire(ping, 0, 5, 6, 1024)
    assert found == bytes(Frame(found[3], 0, 5, 6, bytes(ping)))
    assert wire(ping, 0, 5, 6, len(found)) == found and wire(ping, 0, 5, 6, len(found) - 1) is None
    assert wire(ControlInfos(), 0, 5, 6, 1024) is None
    assert wire(Ping(number=1 << 40), 0, 5, 6, 1024) is None
    assert wire(7, 0, 5, 6, 1024) is None  # type: ignore[arg-type]
    assert [channel for channel in range(-1, 300) if wire(ping, channel, 5, 6, 1024)] == [0]


def test_it_is_copied_as_itself() -> None:
    """Copied or pickled, it frames the same messages: there is one."""
    wire = whole_frame()
    assert copy.deepcopy(wire) == pickle.loads(pickle.dumps(wire)) == wire
