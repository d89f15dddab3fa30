"""Link family: the first word, hello, keep-alive, acknowledgement, credit, errors, counters."""

from dataclasses import dataclass
from enum import IntFlag

from laserlink.protocol.errors import ErrorCode
from laserlink.protocol.frame import VERSION
from laserlink.protocol.limits import ERROR_TEXT_BYTES_MAX, FRAME_BYTES_MAX, LANES_MAX
from laserlink.protocol.messages.layout import (
    Event,
    Record,
    Reply,
    Request,
    array,
    enum,
    text,
    u8,
    u16,
    u32,
    u64,
)
from laserlink.protocol.states import LaneDirection, LaneKind, LineCoding, ModuleState


class Features(IntFlag):
    """Bits of the feature mask of hello; unknown bits are ignored.

    The first three allow the messages that name them. Without RECTANGLES there is no control of that type.
    """

    NONE = 0
    RESEND = 1
    UPDATE = 2
    FILES = 4
    RECTANGLES = 8


class PingFlags(IntFlag):
    """Bits of the flags of a ping; others are ignored."""

    NONE = 0
    LIGHT = 1


@dataclass(frozen=True, slots=True)
class Beacon(Record):
    """A powered module without a session says that it is there, every 250 ms; the only frame of session 0."""

    version_first: int = u8("lowest version that the module speaks, as in the header", default=VERSION)
    version_last: int = u8("highest version that the module speaks", default=VERSION)
    module_id: int = u64("the same for a module's whole life")
    state: ModuleState = enum(
        ModuleState, "powered; recovering when its host fell silent; fault when latched", ModuleState.POWERED
    )
    uptime_ms: int = u32("since the module booted", "ms")


@dataclass(frozen=True, slots=True)
class LaneOffer(Record):
    """One lane, as its owner sees it."""

    id: int = u8("0 sideband, 1 optical")
    kind: LaneKind = enum(LaneKind, "what it is made of", LaneKind.SIDEBAND)
    direction: LaneDirection = enum(LaneDirection, "which way its bytes go", LaneDirection.BOTH)
    coding: LineCoding = enum(LineCoding, "how bytes become bits", LineCoding.NONE)
    rate_bps: int = u64("bits on the line; 0 where a line has no rate", "bit/s")
    latency_us: int = u32("declared latency of the transport (16 ms for USB-serial)", "us")


@dataclass(frozen=True, slots=True)
class Hello(Record):
    """The host opens a session: the frame's session field is fresh, random and not zero.

    Repeated with the same session until answered. The smaller offer holds for each direction.
    """

    version_first: int = u8("lowest version that the host speaks", default=VERSION)
    version_last: int = u8("highest version that the host speaks", default=VERSION)
    features: int = u64("feature mask; unknown bits are ignored")
    to_module_bytes_max: int = u16("max_frame from host to module, at least 256", "bytes", FRAME_BYTES_MAX)
    to_host_bytes_max: int = u16("max_frame from module to host, at least 256", "bytes", FRAME_BYTES_MAX)
    first_sequence: int = u32("sequence of the first frame on each of the host's channels")
    lanes: tuple[LaneOffer, ...] = array(LaneOffer, LANES_MAX, "the lanes that the host has")


@dataclass(frozen=True, slots=True)
class HelloReply(Record):
    """The module adopts the session: what holds from the next frame on."""

    version: int = u8("the version spoken from now on", default=VERSION)
    features: int = u64("features that both ends have")
    to_module_bytes_max: int = u16("max_frame from host to module", "bytes", FRAME_BYTES_MAX)
    to_host_bytes_max: int = u16("max_frame from module to host", "bytes", FRAME_BYTES_MAX)
    first_sequence: int = u32("sequence of the module's first frame on each channel; on channel 0 this one")
    module_id: int = u64("as in the beacon")
    lanes: tuple[LaneOffer, ...] = array(LaneOffer, LANES_MAX, "the lanes of this session")


@dataclass(frozen=True, slots=True)
class Ping(Record):
    """The host's keep-alive, every 100 ms, and the confirmation that it sees the laser."""

    flags: int = u8("bit 0 LIGHT: the host sees the laser")
    number: int = u32("counts pings")
    host_sent_ns: int = u64("on the host's clock", "ns")


@dataclass(frozen=True, slots=True)
class Pong(Record):
    """The module's answer to a ping: three timestamps, from which the host knows the module's clock."""

    number: int = u32("of the ping")
    host_sent_ns: int = u64("of the ping", "ns")
    module_received_ns: int = u64("on the module's clock", "ns")
    module_sent_ns: int = u64("on the module's clock", "ns")


@dataclass(frozen=True, slots=True)
class Ack(Record):
    """Cumulative: every frame of the channel before `sequence` was received."""

    channel: int = u8("whose frames are acknowledged", default=1)
    sequence: int = u32("the next one expected")


@dataclass(frozen=True, slots=True)
class Credit(Record):
    """Absolute: the highest sequence that new frames of this channel may use; a lost grant is harmless."""

    sequence: int = u32("the highest that may be used, modulo 2^32")


@dataclass(frozen=True, slots=True)
class Error(Record):
    """One offence, answered once; never answered itself. A refused request is answered by it as well."""

    code: ErrorCode = enum(ErrorCode, "what was wrong", ErrorCode.MALFORMED_PAYLOAD)
    request_id: int = u16("the request that is refused; 0 when it answers none")
    offending_type: int = u8("type of the offending frame")
    offending_channel: int = u8("channel of the offending frame")
    offending_sequence: int = u32("sequence of the offending frame")
    value: int = u64("the offending value, modulo 2^64")
    version_first: int = u8("lowest version that the sender speaks", default=VERSION)
    version_last: int = u8("highest version that the sender speaks", default=VERSION)
    text: str = text(ERROR_TEXT_BYTES_MAX, "one line for a person")


@dataclass(frozen=True, slots=True)
class Reset(Request):
    """The host asks the module to restart: it answers, goes dark, and boots."""


@dataclass(frozen=True, slots=True)
class ResetReply(Reply):
    """The module restarts now."""


@dataclass(frozen=True, slots=True)
class CountersRead(Request):
    """The host asks for the module's counters."""


@dataclass(frozen=True, slots=True)
class Counters(Reply):
    """What the module counted since it booted, all modulo 2^32."""

    frames_received: int = u32("intact frames of this session", "frames")
    frames_sent: int = u32("new frames, resends apart", "frames")
    frames_resent: int = u32("frames sent again", "frames")
    frames_bad: int = u32("runs of bytes that were no frame", "runs")
    frames_stale: int = u32("intact frames of another session", "frames")
    frames_illegal: int = u32("intact but illegal frames of this session", "frames")
    recoveries: int = u32("times that the link was lost and found")
    images: int = u32("images sent", "images")
    uptime_ms: int = u32("since the module booted", "ms")


@dataclass(frozen=True, slots=True)
class FaultEvent(Event):
    """The module latches a fault: dark, at most 100 mA, until it is removed."""

    code: int = u8("1 too many recoveries, 2 self-test, 3 events overflow", default=1)
    text: str = text(ERROR_TEXT_BYTES_MAX, "one line for a person")
