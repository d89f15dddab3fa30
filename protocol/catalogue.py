"""The one table of messages: for every type its layout, role, direction, lane, channel, and legal states.

Everything that asks "may this frame come now?" asks this table; docs/wire-format.md is made from it. The
states are those of the receiver: the module's for what the host sends, the host's for what the module sends.
"""

from collections.abc import Set
from dataclasses import dataclass, field
from enum import Enum, IntEnum

from laserlink.protocol.limits import STREAM_CHANNEL_MAX, STREAM_CHANNEL_MIN
from laserlink.protocol.messages import bulk, control, diagnostics, identity, image, link, power
from laserlink.protocol.messages.layout import Event, Record, Reply, Request
from laserlink.protocol.states import HostState as H
from laserlink.protocol.states import ModuleState as M

CONTROL_CHANNEL = 0
EVENT_CHANNEL = 1
BULK_CHANNEL = 15


class Direction(Enum):
    """Who sends a message."""

    TO_MODULE = "host to module"
    TO_HOST = "module to host"
    BOTH = "both ways"


class Carrier(Enum):
    """Which lane a message takes. On a link of one lane that one carries everything."""

    SIDEBAND = "sideband"
    IMAGE = "image lane"


class Channel(Enum):
    """Which channel a message takes; the value holds every number that is legal."""

    CONTROL = frozenset({CONTROL_CHANNEL})
    EVENTS = frozenset({EVENT_CHANNEL})
    STREAM = frozenset(range(STREAM_CHANNEL_MIN, STREAM_CHANNEL_MAX + 1))
    BULK = frozenset({BULK_CHANNEL})


MessageClass = type[Record]
ROLES: tuple[MessageClass, ...] = (Request, Reply, Event)  # without any: a datagram


@dataclass(frozen=True)
class Row:
    """What is true of one message type; one of a feature exists only where hello agreed on that."""

    type: int
    message: MessageClass
    direction: Direction
    carrier: Carrier
    channel: Channel
    states: Set[IntEnum]
    feature: link.Features = link.Features.NONE

    # What follows from these, worked out once: every frame asks.
    role: str = field(init=False)
    channels: frozenset[int] = field(init=False)
    first_channel: int = field(init=False)

    def __post_init__(self) -> None:
        roles = (base.__name__.lower() for base in ROLES if issubclass(self.message, base))
        object.__setattr__(self, "role", next(roles, "datagram"))
        object.__setattr__(self, "channels", self.channel.value)
        object.__setattr__(self, "first_channel", min(self.channel.value))


RESEND, UPDATES, FILES = link.Features.RESEND, link.Features.UPDATE, link.Features.FILES
IN, OUT, BOTH = Direction.TO_MODULE, Direction.TO_HOST, Direction.BOTH
SIDE, IMG = Carrier.SIDEBAND, Carrier.IMAGE
CTRL, EVNT, STRM, BULK = Channel.CONTROL, Channel.EVENTS, Channel.STREAM, Channel.BULK

# Groups of the module's states.
LINKED = frozenset(M) - {M.DETACHED, M.POWERED, M.FAULT}
HELLO_STATES = LINKED | {M.POWERED}
CONTRACT = LINKED - {M.GREETED, M.NEGOTIATING}
OFFERS = frozenset({M.GREETED, M.NEGOTIATING, M.CONTRACTED, M.RECOVERING})
ANSWERS = frozenset({M.NEGOTIATING})
WORKING = frozenset({M.READY, M.STREAMING})
KNOWN = WORKING | {M.IDENTIFYING}
RELIGHT = CONTRACT - {M.UPDATING}
TRAINED = frozenset({M.TRAINING})
IDLE = frozenset({M.READY})
UPDATE = frozenset({M.UPDATING})

# Groups of the host's states.
HOST_LINKED = frozenset(H) - {H.ABSENT, H.SEATING, H.POWERED, H.FAULT}
HOST_CONTACT = frozenset(H) - {H.ABSENT, H.FAULT}
HOST_LIT = HOST_LINKED - {H.GREETED, H.NEGOTIATING}

ROWS: tuple[Row, ...] = (
    Row(0x01, link.Beacon, OUT, SIDE, CTRL, HOST_CONTACT),
    Row(0x02, link.Hello, IN, SIDE, CTRL, HELLO_STATES),
    Row(0x03, link.HelloReply, OUT, SIDE, CTRL, HOST_LINKED),
    Row(0x04, link.Ping, IN, SIDE, CTRL, LINKED),
    Row(0x05, link.Pong, OUT, SIDE, CTRL, HOST_LINKED),
    Row(0x06, link.Ack, IN, SIDE, CTRL, LINKED),
    Row(0x07, link.Credit, IN, SIDE, STRM, LINKED),
    Row(0x08, link.Error, BOTH, SIDE, CTRL, LINKED | HOST_LINKED),
    Row(0x09, link.Reset, IN, SIDE, CTRL, LINKED),
    Row(0x0A, link.ResetReply, OUT, SIDE, CTRL, HOST_LINKED),
    Row(0x0B, link.CountersRead, IN, SIDE, CTRL, LINKED),
    Row(0x0C, link.Counters, OUT, SIDE, CTRL, HOST_LINKED),
    Row(0x0D, link.FaultEvent, OUT, SIDE, EVNT, HOST_LINKED),
    Row(0x10, power.PowerCapabilities, IN, SIDE, CTRL, OFFERS),
    Row(0x11, power.PowerRequest, OUT, SIDE, CTRL, HOST_LINKED),
    Row(0x12, power.PowerAccept, IN, SIDE, CTRL, ANSWERS),
    Row(0x13, power.PowerReject, IN, SIDE, CTRL, ANSWERS),
    Row(0x14, power.PowerWait, IN, SIDE, CTRL, ANSWERS),
    Row(0x15, power.PowerReady, IN, SIDE, CTRL, ANSWERS),
    Row(0x16, power.PowerDerate, IN, SIDE, CTRL, CONTRACT),
    Row(0x17, power.PowerRevoke, IN, SIDE, CTRL, CONTRACT),
    Row(0x18, power.PowerStatus, OUT, SIDE, CTRL, HOST_LINKED),
    Row(0x19, power.TemperatureEvent, OUT, SIDE, EVNT, HOST_LINKED),
    Row(0x1A, power.LaserOffEvent, OUT, SIDE, EVNT, HOST_LINKED),
    Row(0x20, identity.DescriptorRead, IN, SIDE, CTRL, KNOWN),
    Row(0x21, identity.DescriptorPart, OUT, SIDE, CTRL, HOST_LINKED),
    Row(0x30, control.ControlList, IN, SIDE, CTRL, WORKING),
    Row(0x31, control.ControlInfos, OUT, SIDE, CTRL, HOST_LINKED),
    Row(0x32, control.ControlGet, IN, SIDE, CTRL, WORKING),
    Row(0x33, control.ControlValues, OUT, SIDE, CTRL, HOST_LINKED),
    Row(0x34, control.ControlSet, IN, SIDE, CTRL, WORKING),
    Row(0x35, control.ControlSetReply, OUT, SIDE, CTRL, HOST_LINKED),
    Row(0x36, control.ControlChanged, OUT, SIDE, EVNT, HOST_LINKED),
    Row(0x41, image.ImageStart, OUT, IMG, STRM, HOST_LIT),
    Row(0x42, image.ImageData, OUT, IMG, STRM, HOST_LIT),
    Row(0x43, image.ImageDigests, OUT, IMG, STRM, HOST_LIT),
    Row(0x44, image.ImageGone, OUT, SIDE, STRM, HOST_LIT),
    Row(0x45, image.Resend, IN, SIDE, STRM, CONTRACT, RESEND),
    Row(0x46, image.StreamConfigure, IN, SIDE, CTRL, WORKING),
    Row(0x47, image.StreamConfigured, OUT, SIDE, CTRL, HOST_LINKED),
    Row(0x48, image.StreamStart, IN, SIDE, CTRL, WORKING),
    Row(0x49, image.StreamStarted, OUT, SIDE, CTRL, HOST_LINKED),
    Row(0x4A, image.StreamStop, IN, SIDE, CTRL, WORKING),
    Row(0x4B, image.StreamStopped, OUT, SIDE, CTRL, HOST_LINKED),
    Row(0x4C, image.StreamChanged, OUT, SIDE, EVNT, HOST_LINKED),
    Row(0x4D, image.StreamEnded, OUT, SIDE, EVNT, HOST_LINKED),
    Row(0x50, bulk.UpdateBegin, IN, SIDE, BULK, IDLE, UPDATES),
    Row(0x51, bulk.UpdateData, IN, SIDE, BULK, UPDATE, UPDATES),
    Row(0x52, bulk.UpdateEnd, IN, SIDE, BULK, UPDATE, UPDATES),
    Row(0x53, bulk.UpdateStatus, OUT, SIDE, BULK, HOST_LINKED, UPDATES),
    Row(0x54, bulk.FileRead, IN, SIDE, BULK, WORKING, FILES),
    Row(0x55, bulk.FilePart, OUT, SIDE, BULK, HOST_LINKED, FILES),
    Row(0x60, diagnostics.Echo, IN, SIDE, CTRL, LINKED),
    Row(0x61, diagnostics.EchoReply, OUT, SIDE, CTRL, HOST_LINKED),
    Row(0x62, diagnostics.Log, OUT, SIDE, EVNT, HOST_LINKED),
    Row(0x63, diagnostics.Train, IN, SIDE, CTRL, RELIGHT),
    Row(0x64, diagnostics.TrainStarted, OUT, SIDE, CTRL, HOST_LINKED),
    Row(0x65, diagnostics.Prbs31, OUT, IMG, CTRL, HOST_LIT),
    Row(0x66, diagnostics.TrainResult, IN, SIDE, CTRL, TRAINED),
    Row(0x67, diagnostics.TrainStatus, OUT, SIDE, CTRL, HOST_LINKED),
)

BY_TYPE: dict[int, Row] = {row.type: row for row in ROWS}
BY_MESSAGE: dict[type[Record], Row] = {row.message: row for row in ROWS}
BY_NAME: dict[str, Row] = {row.message.__name__: row for row in ROWS}

HELLO = BY_MESSAGE[link.Hello].type
BEACON = BY_MESSAGE[link.Beacon].type
ERROR = BY_MESSAGE[link.Error].type
IMAGE_DATA = BY_MESSAGE[image.ImageData].type
FIRST_RESERVED_TYPE = 0xE0  # E0 to EF: authentication; F0 to FF: vendors

if not len(ROWS) == len(BY_TYPE) == len(BY_MESSAGE) == len(BY_NAME):
    raise ImportError("every type, message and name stands in the catalogue once")
if max(BY_TYPE) >= FIRST_RESERVED_TYPE:
    raise ImportError("types E0 to FF are reserved")
