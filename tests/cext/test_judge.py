"""The kernel that judges a lone frame; protocol/test_judge.py holds it against all that Connection does."""

import copy
import pickle

import pytest

from laserlink.cext import kernels
from laserlink.protocol import catalogue
from laserlink.protocol.connection import Connection, Role
from laserlink.protocol.frame import Frame
from laserlink.protocol.judge import lone_frame
from laserlink.protocol.messages.link import Features, LaneOffer, Ping
from laserlink.protocol.states import LaneDirection, LaneKind, LineCoding, ModuleState

if kernels is None:
    pytest.skip("the C kernels are not in use", allow_module_level=True)

SIDE = LaneOffer(0, LaneKind.SIDEBAND, LaneDirection.BOTH, LineCoding.UART_8N1, 3_000_000, 0)
SESSION = 0x5E551011
PING = catalogue.BY_MESSAGE[Ping].type


def test_the_kernel_takes_what_is_usual_and_leaves_the_rest() -> None:
    """A ping to a module is taken at once; nothing is before a session, or on a state that no table has."""
    judge = lone_frame(Role.MODULE.value)
    assert judge is not None
    ping = bytes(Frame(PING, 0, SESSION, 7, bytes(Ping())))
    usual = (LaneKind.SIDEBAND, LaneKind.OPTICAL, SESSION, 1024, Features.NONE, ModuleState.READY)
    found = judge(ping, *usual)
    assert found is not None and found.message == Ping() and found.frame.sequence == 7
    assert judge(memoryview(ping), *usual) == judge(bytearray(ping), *usual) == found
    assert judge(ping, *usual[:2], 0, *usual[3:]) is None
    assert judge(ping, *usual[:3], len(ping) - 1, *usual[4:]) is None
    for state in (ModuleState.DETACHED, 63, 64, 255):
        assert judge(ping, *usual[:5], state) is None  # type: ignore[arg-type]


def test_a_connection_is_copied_with_its_judge() -> None:
    """Copied or pickled, it takes the same frames: there is one judge for each end."""
    connection = Connection(Role.MODULE, (SIDE,))
    for twin in (copy.deepcopy(connection), pickle.loads(pickle.dumps(connection._lone_frame))):
        judge = twin._lone_frame if isinstance(twin, Connection) else twin
        assert judge == connection._lone_frame
