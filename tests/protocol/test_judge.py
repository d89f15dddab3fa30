"""laserlink.protocol.judge: the row of a frame, and frames that come alone, with the kernel and without."""

import copy
from dataclasses import replace
from enum import IntEnum
from random import Random
from typing import Any

import pytest

from laserlink.protocol import catalogue
from laserlink.protocol.connection import Connection, Role
from laserlink.protocol.errors import RemoteProtocolError
from laserlink.protocol.frame import Frame
from laserlink.protocol.judge import row_of
from laserlink.protocol.messages.link import Features, LaneOffer, Ping
from laserlink.protocol.states import HostState, LaneDirection, LaneKind, LineCoding, ModuleState

SIDE = LaneOffer(0, LaneKind.SIDEBAND, LaneDirection.BOTH, LineCoding.UART_8N1, 3_000_000, 0)
LASER = LaneOffer(1, LaneKind.OPTICAL, LaneDirection.MODULE_TO_HOST, LineCoding.NONE, 10_000_000_000, 0)
LANES = {"one lane": (SIDE,), "two lanes": (SIDE, LASER)}
SESSION = 0x5E551011
PING = catalogue.BY_MESSAGE[Ping].type
STATES: dict[Role, type[IntEnum]] = {Role.MODULE: ModuleState, Role.HOST: HostState}


class End:
    """One end with an open session; without the kernel when it is not `fast`."""

    def __init__(self, role: Role, lanes: tuple[LaneOffer, ...], *, fast: bool) -> None:
        self.connection = Connection(role, lanes)
        self.connection.open(SESSION, 1000)
        self.connection.in_bytes_max = self.connection.out_bytes_max = 1024
        self.state: IntEnum = STATES[role](7)
        if not fast:
            self.connection._lone_frame = None

    def take(self, lane: LaneKind, data: bytes) -> Any:
        """All that can be seen of an end after it was shown these bytes."""
        received = list(self.connection.receive(lane, data, 0, self))
        self.connection._errors_at.clear()
        sent = list(iter(lambda: self.connection.next_frame(LaneKind.SIDEBAND), b""))
        return received, sent, copy.deepcopy(self.connection.counters), self.connection.untaken


@pytest.mark.parametrize(
    "frame", [Frame(PING, 0, 1, 1, version=0x21), Frame(PING, 0, 1, 1, flags=2), Frame(0, 0, 1, 1)]
)
def test_row_of(frame: Frame) -> None:
    """Without a row there is a reason."""
    assert row_of(Frame(PING, 0, 1, 1)).message is Ping
    with pytest.raises(RemoteProtocolError):
        row_of(frame)


def near(frame: Frame, random: Random) -> list[bytes]:
    """The frame; each of its fields otherwise, so that its checks hold; its bytes damaged, cut, not alone."""
    changed = [
        replace(frame, type=random.randrange(256)),
        *(replace(frame, channel=channel) for channel in (0, 1, 2, 14, 15, 16, 255)),
        *(replace(frame, flags=flags) for flags in (0, 1, 2, 4, 128)),
        *(replace(frame, session=session) for session in (0, 1, SESSION ^ 1)),
        *(replace(frame, version=version) for version in (0x10, 0x11, 0x20)),
        replace(frame, payload=frame.payload[:-1]),
        replace(frame, payload=frame.payload + b"\0"),
        replace(frame, payload=frame.payload + bytes(1001)),
        replace(frame, payload=random.randbytes(len(frame.payload))),
    ]
    wire = bytes(frame)
    damaged = bytearray(wire)
    damaged[random.randrange(len(wire))] ^= 1 << random.randrange(8)
    return [wire, *map(bytes, changed), bytes(damaged), wire[:-1], wire[1:], wire + wire, b""]


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("row", catalogue.ROWS, ids=lambda row: row.message.__name__)
def test_the_kernel_changes_nothing(row: catalogue.Row, role: Role, lanes: str) -> None:
    """Every message in every state on each lane, with and without features: both see and answer alike."""
    random = Random(row.type)
    for features in (Features.NONE, Features(15)):
        frame = Frame(row.type, row.first_channel, SESSION, 7, bytes(row.message()))
        pieces = near(frame, random)
        for state in STATES[role]:
            for data in [bytes(frame), random.choice(pieces)] if state != 7 else pieces:
                for offer in LANES[lanes]:
                    ends = [End(role, LANES[lanes], fast=fast) for fast in (True, False)]
                    for end in ends:
                        end.state, end.connection.features = state, features
                    first, second = (end.take(offer.kind, data) for end in ends)
                    assert first == second, (state, data.hex())
