"""The session layer: what is ours, what is legal, what is answered, and what is sent first."""

from dataclasses import replace
from enum import IntEnum

import pytest

from laserlink.protocol import catalogue
from laserlink.protocol.catalogue import ROWS, Channel, Direction, Row
from laserlink.protocol.connection import Connection, Role
from laserlink.protocol.errors import ErrorCode, LocalProtocolError, UnknownType
from laserlink.protocol.frame import Flags, Frame
from laserlink.protocol.framer import Framer
from laserlink.protocol.judge import Received
from laserlink.protocol.limits import (
    ERROR_TEXT_BYTES_MAX,
    ERRORS_PER_SECOND,
    FRAME_BYTES_MIN_OFFER,
    QUEUE_FRAMES_MAX,
)
from laserlink.protocol.messages.bulk import FileRead
from laserlink.protocol.messages.control import ControlGet
from laserlink.protocol.messages.diagnostics import Echo, EchoReply, Log, Prbs31
from laserlink.protocol.messages.image import ImageData, ImageGone
from laserlink.protocol.messages.layout import Record
from laserlink.protocol.messages.link import Beacon, Credit, Error, Features, Hello, LaneOffer, Ping
from laserlink.protocol.states import HostState, LaneDirection, LaneKind, LineCoding, ModuleState
from laserlink.protocol.timers import GAP_NS, NS_PER_S

SIDE = LaneOffer(0, LaneKind.SIDEBAND, LaneDirection.BOTH, LineCoding.UART_8N1, 3_000_000, 0)
LASER = LaneOffer(1, LaneKind.OPTICAL, LaneDirection.MODULE_TO_HOST, LineCoding.NONE, 10_000_000_000, 0)
SESSION = 0x5E551011
PING = catalogue.BY_MESSAGE[Ping].type
ECHO = catalogue.BY_MESSAGE[Echo].type
STATES = {Role.MODULE: ModuleState.READY, Role.HOST: HostState.READY}


class End:
    """One end with an open session, in the state ready unless told otherwise."""

    def __init__(self, role: Role, lanes: tuple[LaneOffer, ...] = (SIDE, LASER)) -> None:
        self.connection = Connection(role, lanes)
        self.connection.open(SESSION, 1000)
        self.connection.features = Features(7)
        self.connection.in_bytes_max = self.connection.out_bytes_max = 1024
        self.state: IntEnum = STATES[role]
        self.now = 0

    def take(self, data: bytes, lane: LaneKind = LaneKind.SIDEBAND) -> list[Received]:
        return list(self.connection.receive(lane, data, self.now, self))

    def sent(self, lane: LaneKind = LaneKind.SIDEBAND) -> list[Frame]:
        framer = Framer()
        for wire in iter(lambda: self.connection.next_frame(lane), b""):
            framer.feed(wire)
        return [item for item in framer.items() if isinstance(item, Frame)]

    def errors(self) -> list[Error]:
        frames = self.sent()
        assert {frame.type for frame in frames} <= {catalogue.ERROR}
        return [Error.decode(frame.payload) for frame in frames]


@pytest.fixture
def module() -> End:
    return End(Role.MODULE)


@pytest.fixture
def host() -> End:
    return End(Role.HOST)


def wire(kind: int = PING, message: Record | bytes | None = None, **fields: int) -> bytes:
    payload = bytes(Ping() if message is None else message)
    values = {"channel": 0, "session": SESSION, "sequence": 5} | fields
    return bytes(Frame(kind, payload=payload, **values))


# --- whose frame it is ---


def test_legal_frame(module: End) -> None:
    """A legal frame of this session comes out decoded, and is counted."""
    (received,) = module.take(wire(message=Ping(1, 2, 3)))
    assert received.message == Ping(1, 2, 3)
    assert (received.lane, received.frame.sequence, received.row.type) == (LaneKind.SIDEBAND, 5, PING)
    assert module.connection.counters.frames_received == 1
    assert module.errors() == []


@pytest.mark.parametrize("session", [SESSION + 1, 0])
def test_stale_session(module: End, session: int) -> None:
    """A frame of another session is counted and dropped, on any lane, legal or not."""
    assert module.take(wire(session=session)) == []
    assert module.take(wire(session=session, channel=9)) == []
    assert module.take(wire(kind=0xDF, session=session)) == []
    assert module.take(wire(session=session), LaneKind.OPTICAL) == []
    assert module.connection.counters.frames_stale == 4
    assert module.errors() == []


def test_only_hello_may_carry_an_unknown_session(module: End) -> None:
    """Hello is heard in any session but 0, by the module alone."""
    hello = wire(catalogue.HELLO, Hello(), session=77)
    assert [received.message for received in module.take(hello)] == [Hello()]
    assert module.take(wire(catalogue.HELLO, Hello(), session=0)) == []
    assert End(Role.HOST).take(hello) == []


def test_session_zero_is_for_beacons_alone(host: End) -> None:
    """A host hears beacons, and only with session 0."""
    beacon = bytes(Frame(catalogue.BEACON, 0, 0, 0, bytes(Beacon())))
    assert [received.message for received in host.take(beacon)] == [Beacon()]
    assert host.take(wire(catalogue.BEACON, Beacon())) == []
    assert host.take(wire(catalogue.BEACON + 0xA0, Beacon(), session=0)) == []
    assert host.connection.counters.frames_stale == 2


def test_without_a_session_everything_is_stale(module: End) -> None:
    """After close, what belonged to the session is stale, also with session 0."""
    module.connection.close()
    assert module.take(wire()) == module.take(wire(session=0)) == []
    assert module.connection.counters.frames_stale == 2


# --- offences ---

OFFENCES = {
    "version": (wire(version=0x20), ErrorCode.UNSUPPORTED_VERSION, 0x20),
    "sealed": (wire(flags=Flags.SEALED), ErrorCode.RESERVED_BIT, 2),
    "unknown flag": (wire(flags=0x80), ErrorCode.RESERVED_BIT, 0x80),
    "channel nibble": (wire(channel=0x10), ErrorCode.RESERVED_BIT, 0x10),
    "unknown type": (wire(kind=0x3F), ErrorCode.UNKNOWN_TYPE, 0x3F),
    "reserved type": (wire(kind=0xE0), ErrorCode.UNKNOWN_TYPE, 0xE0),
    "direction": (wire(catalogue.BY_NAME["Pong"].type), ErrorCode.WRONG_DIRECTION, 5),
    "channel": (wire(channel=1), ErrorCode.WRONG_CHANNEL, 1),
    "too long": (wire(ECHO, Echo(1, bytes(1000))), ErrorCode.FRAME_TOO_LONG, 1026),
    "malformed": (wire(message=b"\1"), ErrorCode.MALFORMED_PAYLOAD, 1),
    "over-long": (wire(message=bytes(Ping()) + b"!"), ErrorCode.MALFORMED_PAYLOAD, 14),
}


@pytest.mark.parametrize("name", OFFENCES)
def test_offence(name: str, module: End) -> None:
    """Each offence gets exactly one error, with its code, its value, and the frame that it is about."""
    data, code, value = OFFENCES[name]
    assert module.take(data) == []
    (error,) = module.errors()
    assert (error.code, error.value) == (code, value)
    assert (error.offending_type, error.offending_channel, error.offending_sequence) == (data[3], data[4], 5)
    assert (error.version_first, error.version_last) == (0x10, 0x10)
    assert module.connection.counters.offences == {code.name: 1}
    assert module.connection.counters.frames_received == 0


def test_wrong_lane(module: End, host: End) -> None:
    """Images on the sideband, and anything else on the laser, are on the wrong lane."""
    assert module.take(wire(), LaneKind.OPTICAL) == []
    assert [error.code for error in module.errors()] == [ErrorCode.WRONG_LANE]
    image = wire(catalogue.IMAGE_DATA, ImageData(), channel=2)
    host.state = HostState.STREAMING
    assert host.take(image) == []
    assert [error.code for error in host.errors()] == [ErrorCode.WRONG_LANE]
    assert [received.message for received in host.take(image, LaneKind.OPTICAL)] == [ImageData()]


def test_one_lane_carries_everything() -> None:
    """Without an optical lane, images are legal on the sideband."""
    host = End(Role.HOST, (SIDE,))
    host.state = HostState.STREAMING
    assert len(host.take(wire(catalogue.IMAGE_DATA, ImageData(), channel=14))) == 1
    with pytest.raises(LocalProtocolError, match="optical"):
        host.take(b"", LaneKind.OPTICAL)


def test_illegal_in_state(module: End) -> None:
    """What the state does not allow is answered with the state."""
    module.state = ModuleState.FAULT
    assert module.take(wire()) == []
    (error,) = module.errors()
    assert (error.code, error.value) == (ErrorCode.ILLEGAL_IN_STATE, ModuleState.FAULT)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.message.__name__)
def test_states_of_the_table(row: Row) -> None:
    """For every type and every state of the module, the table's answer is the connection's."""
    data = wire(row.type, row.message(), channel=min(row.channel.value))
    for state in ModuleState:
        module = End(Role.MODULE)
        module.state = state
        taken = module.take(data)
        codes = [error.code for error in module.errors()]
        if row.direction is Direction.TO_HOST:
            assert (taken, codes) == ([], [ErrorCode.WRONG_DIRECTION])
        elif row.role == "request":
            assert len(taken) == 1  # a repeated one is answered in any state: the machine judges new ones
        else:
            refused = state not in row.states
            assert len(taken) == (not refused)
            assert codes == [ErrorCode.ILLEGAL_IN_STATE] * (refused and row.message is not Error)


@pytest.mark.parametrize("row", [row for row in ROWS if row.direction is not Direction.TO_HOST],
                         ids=lambda row: row.message.__name__)  # fmt: skip
def test_channels_of_the_table(row: Row) -> None:
    """For every type, exactly the channels of the table pass."""
    for channel in range(16):
        module = End(Role.MODULE)
        module.state = min(row.states)
        data = wire(row.type, row.message(), channel=channel)
        assert len(module.take(data)) == (channel in row.channel.value)


@pytest.mark.parametrize("row", [row for row in ROWS if row.feature], ids=lambda row: row.message.__name__)
def test_a_feature_is_unknown_before_it_is_negotiated(row: Row) -> None:
    """A message of a feature that hello did not agree on is of no known type, at either end."""
    role = Role.HOST if row.direction is Direction.TO_HOST else Role.MODULE
    kind = HostState if role is Role.HOST else ModuleState
    for features, codes in (
        (Features(7), []),
        (Features(7) & ~row.feature, [ErrorCode.UNKNOWN_TYPE]),
    ):
        end = End(role)
        end.state = min(state for state in row.states if isinstance(state, kind))
        end.connection.features = features
        taken = end.take(wire(row.type, row.message(), channel=min(row.channel.value)))
        assert (len(taken), [error.code for error in end.errors()]) == (not codes, codes)


def test_features_end_with_the_session(module: End) -> None:
    """What one session agreed on does not hold in the next."""
    module.connection.open(SESSION + 1, 0)
    assert module.connection.features is Features.NONE


def test_hello_is_never_long(module: End) -> None:
    """Hello is judged by 256 bytes, also after more was agreed."""
    assert module.take(wire(catalogue.HELLO, bytes(Hello()) + bytes(FRAME_BYTES_MIN_OFFER))) == []
    assert [error.code for error in module.errors()] == [ErrorCode.FRAME_TOO_LONG]


def test_error_of_a_request_carries_its_id(module: End) -> None:
    """Whoever waits for the answer to a malformed request learns that it was refused."""
    assert module.take(wire(catalogue.BY_MESSAGE[ControlGet].type, b"\x34\x12\x7f")) == []
    (error,) = module.errors()
    assert (error.code, error.request_id) == (ErrorCode.MALFORMED_PAYLOAD, 0x1234)


def test_never_an_error_for_an_error(module: End) -> None:
    """An error that is itself illegal is counted, not answered."""
    assert module.take(wire(catalogue.ERROR, b"\xff")) == []
    assert module.take(wire(catalogue.ERROR, Error(), channel=3)) == []
    assert module.take(wire(catalogue.ERROR, Error(), flags=0x40)) == []
    assert module.connection.counters.offences.total() == 3
    assert module.errors() == []


def test_never_an_error_for_a_beacon(host: End) -> None:
    """A beacon that is illegal has no session to be answered in."""
    assert host.take(bytes(Frame(catalogue.BEACON, 0, 0, 0, b"\xff"))) == []
    assert host.connection.counters.offences.total() == 1
    assert host.errors() == []


def test_rate_limit(module: End) -> None:
    """Ten errors in any second, the others are counted; after a second there is room again."""
    offence = wire(kind=0x3F)
    for _ in range(ERRORS_PER_SECOND + 5):
        module.take(offence)
        module.now += NS_PER_S // 100
    assert len(module.errors()) == ERRORS_PER_SECOND
    assert module.connection.counters.errors_unsent == 5
    module.now = NS_PER_S - 1
    module.take(offence)
    assert module.errors() == []
    module.now = NS_PER_S
    module.take(offence)
    module.take(offence)
    assert len(module.errors()) == 1


def test_rate_limit_outlives_the_session(module: End) -> None:
    """A peer cannot buy errors with new sessions."""
    for _ in range(2):
        module.connection.open(SESSION, 0)
        for _ in range(ERRORS_PER_SECOND):
            module.take(wire(kind=0x3F))
    assert module.connection.counters.errors_unsent == ERRORS_PER_SECOND


def test_error_text_is_cut_between_letters() -> None:
    """A long reason is cut to 80 bytes of whole characters."""
    error = Connection.error_message(Frame(1, 0, 1, 1), UnknownType("µ" * 60 + "x"))
    assert error.text == "µ" * (ERROR_TEXT_BYTES_MAX // 2)
    assert Error.decode(bytes(error)) == error


def test_damage_is_silent(module: End) -> None:
    """Bytes that are no frame are counted by reason, and never answered."""
    damaged = bytearray(wire())
    damaged[-1] ^= 1
    assert len(module.take(b"AT\r\n" + wire() + bytes(damaged) + wire())) == 2
    assert module.connection.counters.bad == {"no-sync": 1, "frame-check": 1}
    assert module.errors() == []


# --- time and pieces ---


def test_single_bytes(module: End) -> None:
    """Frames that come byte by byte are taken when they are whole."""
    data = wire() * 3
    taken = [len(module.take(data[at : at + 1])) for at in range(len(data))]
    assert [at + 1 for at, count in enumerate(taken) if count] == [
        len(wire()),
        2 * len(wire()),
        3 * len(wire()),
    ]
    assert module.connection.counters.bytes_received == len(data)


def test_state_is_asked_for_each_frame(module: End) -> None:
    """What one frame changes holds for the next in the same bytes."""
    taken = []
    for received in module.connection.receive(LaneKind.SIDEBAND, wire() * 2, 0, module):
        taken.append(received)
        module.state = ModuleState.FAULT
    assert len(taken) == 1
    assert [error.code for error in module.errors()] == [ErrorCode.ILLEGAL_IN_STATE]


def test_gap(module: End) -> None:
    """A cut frame is given up after the gap time of its lane, counted from its last byte."""
    claim = wire(ECHO, Echo(1, bytes(200)))[:20]
    gap = module.connection.extended(GAP_NS, LaneKind.SIDEBAND)
    assert gap > GAP_NS
    module.take(claim)
    module.now = 7
    assert module.take(wire()) == []
    assert module.connection.gaps.next() == 7 + gap
    assert list(module.connection.on_deadline(6 + gap, module)) == []
    (received,) = module.connection.on_deadline(7 + gap, module)
    assert received.message == Ping()
    assert module.connection.counters.bad == {"cut": 1}
    assert module.connection.gaps.next() is None


def test_no_gap_between_frames(module: End) -> None:
    """Whole frames leave nothing to wait for."""
    module.take(wire())
    assert module.connection.gaps.next() is None


def test_reset_lanes(module: End) -> None:
    """When the wires were cut, a half frame is forgotten."""
    module.take(wire()[:10])
    module.connection.reset_lanes()
    assert module.connection.gaps.next() is None
    assert len(module.take(wire())) == 1
    assert not module.connection.counters.bad


def test_extended_timer(module: End) -> None:
    """Four line times of the largest frame and the declared latency are added."""
    slow = LaneOffer(0, LaneKind.SIDEBAND, LaneDirection.BOTH, LineCoding.UART_8N1, 115_200, 16_000)
    connection = Connection(Role.HOST, (slow,))
    line_ns = -(-256 * 10 * NS_PER_S // 115_200)
    assert connection.extended(1000, LaneKind.SIDEBAND) == 1000 + 4 * line_ns + 16_000_000
    assert connection.extended(0, LaneKind.SIDEBAND, 512) == pytest.approx(8 * line_ns + 16_000_000, abs=8)


def test_fast_path_sees_only_undecided_bytes(host: End) -> None:
    """The fast path is shown what follows each frame, never the middle of one, and what it takes is gone."""
    shown: list[bytes] = []
    host.state = HostState.STREAMING
    image = wire(catalogue.IMAGE_DATA, ImageData(chunk=b"1234"), channel=2)
    other = wire(
        catalogue.BY_NAME["ImageDigests"].type, catalogue.BY_NAME["ImageDigests"].message(), channel=2
    )

    def take(view: memoryview) -> int:
        shown.append(bytes(view))
        return len(image) if bytes(view[: len(image)]) == image else 0

    data = image + other + image + other[:9]
    found = list(host.connection.receive(LaneKind.OPTICAL, data, 0, host, take))
    assert [received.row.message.__name__ for received in found] == ["ImageDigests"]
    assert shown[0] == data
    assert image + other[:9] in shown
    found = list(host.connection.receive(LaneKind.OPTICAL, other[9:] + image, 0, host, take))
    assert [received.row.message.__name__ for received in found] == ["ImageDigests"]
    assert shown[-1] in (image, b"")
    assert all(not view or view.startswith((b"\xeb", image)) for view in shown)


# --- sending ---


def test_sequences_count_per_channel(host: End) -> None:
    """Each channel counts from the first sequence, modulo 2^32, and resends take none."""
    host.connection.open(SESSION, 0xFFFFFFFE)
    first = host.connection.send(Ping())
    for _ in range(3):
        host.connection.send(Ping())
    host.connection.send(Credit(1), 2)
    host.connection.resend(first)
    sequences = {(frame.channel, frame.sequence) for frame in host.sent()}
    assert sequences == {(0, 0xFFFFFFFE), (0, 0xFFFFFFFF), (0, 0), (0, 1), (2, 0xFFFFFFFE)}
    assert (host.connection.counters.frames_sent, host.connection.counters.frames_resent) == (5, 1)


def test_reserve_wraps(module: End) -> None:
    """An image's run of sequences may cross the wrap."""
    module.connection.open(SESSION, 0xFFFFFFF0)
    assert module.connection.reserve(2, 32) == 0xFFFFFFF0
    assert module.connection.peek_sequence(2) == 16
    assert module.connection.peek_sequence(3) == 0xFFFFFFF0


def test_priorities(module: End, host: End) -> None:
    """Control goes before events, events before images, images before bulk, whatever was queued first."""
    file_part = catalogue.BY_NAME["FilePart"].message()
    for message in (file_part, ImageGone(), Log(), EchoReply(1), Log(), EchoReply(2)):
        module.connection.send(message)
    assert [frame.channel for frame in module.sent()] == [0, 0, 1, 1, 2, 15]


def test_lanes_of_messages(module: End) -> None:
    """Images and training queue for the laser, all else for the sideband."""
    module.connection.send(Prbs31(b"p"))
    module.connection.send(ImageData())
    module.connection.send(ImageGone())
    assert [frame.type for frame in module.sent()] == [catalogue.BY_MESSAGE[ImageGone].type]
    types = {frame.type for frame in module.sent(LaneKind.OPTICAL)}
    assert types == {catalogue.IMAGE_DATA, catalogue.BY_MESSAGE[Prbs31].type}
    module.connection.send(ImageData())
    module.connection.forget_queue(LaneKind.OPTICAL)
    assert module.sent(LaneKind.OPTICAL) == []


def test_events_ask_for_an_acknowledgement(module: End) -> None:
    """The flag stands on events and on nothing else."""
    module.connection.send(Log())
    module.connection.send(EchoReply())
    assert {frame.channel: frame.flags for frame in module.sent()} == {0: 0, 1: Flags.ACK_REQUESTED}


def test_queue_limit(host: End) -> None:
    """256 frames wait on a lane; more are dropped and counted."""
    for _ in range(QUEUE_FRAMES_MAX + 3):
        host.connection.send(Ping())
    assert host.connection.counters.frames_unsent == 3
    assert len(host.sent()) == QUEUE_FRAMES_MAX
    host.connection.send(Ping())
    assert len(host.sent()) == 1


def test_close_forgets_what_waits(host: End) -> None:
    """Nothing of an old session is sent in a new one, and the limits of before hello hold again."""
    host.connection.send(Ping())
    host.connection.open(SESSION + 1, 0)
    assert host.sent() == []
    assert host.connection.out_bytes_max == host.connection.in_bytes_max == FRAME_BYTES_MIN_OFFER


def test_misuse(host: End) -> None:
    """A wrong channel, and a message over max_frame, are errors of the caller."""
    with pytest.raises(LocalProtocolError, match="channel 3"):
        host.connection.send(Ping(), 3)
    with pytest.raises(LocalProtocolError, match="max_frame"):
        host.connection.send(Echo(data=bytes(1100)))
    with pytest.raises(LocalProtocolError, match="sideband"):
        Connection(Role.HOST, (LASER,))


def test_lanes_that_both_ends_have(module: End) -> None:
    """Without the laser on the other end, images take the sideband until the session ends."""
    module.connection.use_lanes({LaneKind.SIDEBAND})
    assert module.connection.image_lane is LaneKind.SIDEBAND
    assert module.connection.session_lanes == (SIDE,)
    module.connection.close()
    assert module.connection.image_lane is LaneKind.OPTICAL
    assert set(Channel.STREAM.value) == set(range(2, 15))


# --- what the caller is told of damage, refusals and cut pieces ---


def test_damaged_frames_of_the_wanted_type_and_session_are_kept(host: End) -> None:
    """Training counts wrong bits: of what fails its check, its own pattern of this session, and only that."""
    pattern = catalogue.BY_MESSAGE[Prbs31].type
    host.state = HostState.TRAINING
    host.connection.damaged_type = pattern
    for kind, session in ((pattern, SESSION), (pattern, SESSION + 1), (catalogue.IMAGE_DATA, SESSION)):
        spoiled = bytearray(wire(kind, b"0123456789ab", session=session))
        spoiled[24] ^= 1
        assert host.take(bytes(spoiled) + wire(pattern, Prbs31(b"good")), LaneKind.OPTICAL)
    kept = [(frame.type, frame.session, frame.payload) for frame in host.connection.damaged]
    assert kept == [(pattern, SESSION, b"0123556789ab")]


def test_with_more_at_hand_a_half_frame_is_left_to_the_caller(host: End) -> None:
    """What is not whole is given back and not counted; shown again with its end, it is the frame."""
    host.state = HostState.STREAMING
    image = wire(catalogue.IMAGE_DATA, ImageData(chunk=b"1234"), channel=2)

    def take(data: bytes, more: bool) -> int:
        found = host.connection.receive(LaneKind.OPTICAL, data, 0, host, more=more)
        return len(list(found))

    assert (take(image + image[:9], True), host.connection.untaken) == (1, 9)
    assert host.connection.counters.bytes_received == len(image)
    assert host.connection.between_frames(LaneKind.OPTICAL)
    assert (take(image, False), host.connection.untaken) == (1, 0)
    assert host.connection.counters.bytes_received == 2 * len(image)


def test_a_refusal_says_what_was_refused(module: End) -> None:
    """The text of an error names the message and the state, or the type that nobody knows."""
    module.take(wire(kind=0x3F))
    module.state = ModuleState.FAULT
    module.take(wire())
    assert [error.text for error in module.errors()] == ["type 0x3f is unknown", "Ping in state fault"]


def test_the_version_of_a_foreign_peer_is_remembered(module: End) -> None:
    """None was heard at first; then the last one, whatever else is heard."""
    assert module.connection.foreign_version == 0
    module.take(wire(version=0x23))
    module.take(wire(kind=0x3F))
    assert module.connection.foreign_version == 0x23


def test_a_frame_of_exactly_max_frame_is_sent(host: End) -> None:
    """The longest message fills the frame to the byte; one byte more is the caller's error, with its size."""
    room = host.connection.out_bytes_max - len(bytes(Frame(ECHO, 0, 0, 0))) - len(bytes(Echo()))
    assert len(host.connection.send(Echo(data=bytes(room)))) == host.connection.out_bytes_max
    with pytest.raises(LocalProtocolError, match=f"Echo of {room + 3} bytes is over max_frame"):
        host.connection.send(Echo(data=bytes(room + 1)))


def test_a_new_connection_has_no_session() -> None:
    """Nothing is agreed on, nothing was heard, and sequences begin with 0; so it is again after closing."""
    connection = Connection(Role.HOST, (SIDE, LASER))
    found = (connection.session, connection.untaken, connection.features, connection.peek_sequence(5))
    assert found == (0, 0, Features.NONE, 0)
    connection.open(SESSION, 9)
    assert (connection.session, connection.peek_sequence(5)) == (SESSION, 9)
    connection.close()
    assert connection.session == 0
    with pytest.raises(LocalProtocolError, match=r"^a link needs a sideband \(or plain serial\) lane$"):
        Connection(Role.HOST, (LASER,))


def test_a_frame_has_what_it_is_given() -> None:
    """Channel, session and sequence; what is not given is the connection's."""
    connection = End(Role.HOST).connection
    frame = connection.frame(Credit(9), 5, session=7, sequence=8)
    assert (frame.channel, frame.session, frame.sequence, frame.payload) == (5, 7, 8, bytes(Credit(9)))
    frame = connection.frame(Credit(9))
    assert (frame.channel, frame.session, frame.sequence) == (2, SESSION, 1000)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"version": 0x23}, "version 2 is not spoken here"),
        ({"flags": 0x80}, "flags 0x80 are reserved"),
        ({"channel": 0x1F}, "channel 0x1f has reserved bits"),
    ],
)
def test_a_header_that_is_not_legal_is_told_why(module: End, fields: dict[str, int], text: str) -> None:
    """In the words that the user sees at the other end."""
    module.take(wire(**fields))
    assert [error.text for error in module.errors()] == [text]


def test_damaged_frames_that_are_kept_are_bounded(host: End) -> None:
    """Nobody takes them: the last ones stay."""
    pattern = catalogue.BY_MESSAGE[Prbs31].type
    host.state = HostState.TRAINING
    host.connection.damaged_type = pattern
    for sequence in range(70):
        spoiled = bytearray(wire(pattern, b"0123456789ab", sequence=sequence))
        spoiled[24] ^= 1
        host.take(bytes(spoiled) + wire(pattern, Prbs31(b"good")), LaneKind.OPTICAL)
    assert [frame.sequence for frame in host.connection.damaged] == list(range(6, 70))


def test_a_lane_that_turns_out_slower_has_longer_timers() -> None:
    """What hello tells of a line holds at once, though its timers were asked for before."""
    connection = End(Role.HOST).connection
    before = connection.extended(GAP_NS, LaneKind.SIDEBAND)
    assert connection.extended(GAP_NS, LaneKind.SIDEBAND) == before
    slow = replace(SIDE, rate_bps=SIDE.rate_bps // 10)
    connection.lanes[LaneKind.SIDEBAND] = slow
    assert connection.extended(GAP_NS, LaneKind.SIDEBAND) - GAP_NS == pytest.approx(
        10 * (before - GAP_NS), abs=100
    )


def test_an_offence_in_a_frame_that_was_given_up_counts_from_when_it_was_found(module: End) -> None:
    """The tenth error of a second is sent, the eleventh is not; a second later there is room again."""
    module.take(wire(ECHO, Echo(1, bytes(200)))[:20] + wire(kind=0x3F))
    due = module.connection.gaps.next()
    assert due is not None
    assert list(module.connection.on_deadline(due, module)) == []
    assert len(module.errors()) == 1
    for later_ns, errors in ((0, ERRORS_PER_SECOND - 1), (NS_PER_S, 1)):
        module.now = due + later_ns
        for _ in range(ERRORS_PER_SECOND if not later_ns else 1):
            module.take(wire(kind=0x3F))
        assert len(module.errors()) == errors


def test_a_frame_in_a_wrong_place_is_told_why(module: End) -> None:
    """Direction, channel, lane and length, in words; the lane as the value."""
    assert module.take(wire(ECHO, Echo(1, bytes(1022 - 24)))) and module.errors() == []
    module.take(wire(catalogue.BY_NAME["Pong"].type))
    module.take(wire(channel=1))
    module.take(wire(), LaneKind.OPTICAL)
    module.take(wire(ECHO, Echo(1, bytes(1023 - 24))))
    assert [(error.text, error.value) for error in module.errors()] == [
        (f"Pong goes {Direction.TO_HOST.value}", 5),
        ("Ping on channel 1", 1),
        ("Ping on the optical lane", LaneKind.OPTICAL),
        ("1025 bytes, 1024 are allowed", 1025),
    ]


def test_what_is_good_and_what_is_bad_is_counted_each_time(module: End) -> None:
    """Three of each."""
    damaged = bytearray(wire())
    damaged[-1] ^= 1
    module.take((bytes(damaged) + wire()) * 3)
    assert module.connection.counters.bad == {"frame-check": 3}
    assert module.connection.counters.frames_received == 3
    assert not module.connection.damaged


def test_a_refusal_names_the_message_and_its_request() -> None:
    """A feature that was not agreed on, by name; the id is that of a request, and 0 for all else."""
    for message, request_id in ((FileRead(0x1234, 0, "log"), 0x1234), (Ping(1, 0x0505, 9), 0)):
        end = End(Role.MODULE)
        end.connection.features = Features.NONE
        end.state = ModuleState.READY if request_id else ModuleState.FAULT
        row = catalogue.BY_MESSAGE[type(message)]
        assert end.take(wire(row.type, message, channel=min(row.channel.value))) == []
        (error,) = end.errors()
        words = "FileRead was not negotiated" if request_id else "Ping in state fault"
        assert (error.text, error.request_id) == (words, request_id)
        assert error.value == (row.type if request_id else ModuleState.FAULT)
        assert (error.offending_type, error.offending_channel) == (row.type, min(row.channel.value))
        assert error.offending_sequence == 5


def test_an_offence_in_pieces_counts_from_when_it_was_whole(module: End) -> None:
    """Whole or in two pieces: ten in a second are answered, and the next when that is over."""
    for later_ns, answered in ((0, ERRORS_PER_SECOND), (NS_PER_S - 1, 0), (NS_PER_S, ERRORS_PER_SECOND)):
        module.now = 5 + later_ns
        for number in range(ERRORS_PER_SECOND + 2):
            data = b"noise" + wire(kind=0x3F)
            for piece in (data[: 7 + number], data[7 + number :]):
                module.take(piece)
        assert len(module.errors()) == answered
    assert module.connection.counters.errors_unsent == 2 + (ERRORS_PER_SECOND + 2) + 2


@pytest.mark.parametrize("count", [1, 3])
def test_what_does_not_fit_the_queue_is_counted(host: End, count: int) -> None:
    """Each time, new or repeated; and what is forgotten of a lane leaves the other's alone."""
    wires = [host.connection.send(Ping()) for _ in range(QUEUE_FRAMES_MAX)]
    for _ in range(count):
        host.connection.send(Ping())
        host.connection.resend(wires[0])
    counters = host.connection.counters
    assert (counters.frames_sent, counters.frames_resent) == (QUEUE_FRAMES_MAX, 0)
    assert counters.frames_unsent == 2 * count
    host.connection.forget_queue(LaneKind.OPTICAL)
    sent = list(iter(lambda: host.connection.next_frame(LaneKind.SIDEBAND), b""))
    assert sent == wires and counters.bytes_sent == sum(map(len, wires))
    host.connection.resend(wires[0])
    host.connection.resend(wires[0])
    assert counters.frames_resent == 2
    host.connection.forget_queue(LaneKind.SIDEBAND)
    assert host.connection.next_frame(LaneKind.SIDEBAND) == b""


def test_what_cannot_be_sent_is_named(host: End) -> None:
    """The message and the channel; the lane that there is not."""
    with pytest.raises(LocalProtocolError, match=r"^Ping does not go on channel 7$"):
        host.connection.send(Ping(), 7)
    alone = End(Role.HOST, (SIDE,))
    with pytest.raises(LocalProtocolError, match=r"^this link has no optical lane$"):
        alone.take(wire(), LaneKind.OPTICAL)
    assert alone.connection.next_frame(LaneKind.OPTICAL) == b""
    alone.connection.forget_queue(LaneKind.OPTICAL)


def test_a_timer_is_as_long_as_four_of_the_largest_frames_and_the_latency() -> None:
    """Either way's frames, or of a given size; a line without a rate adds its latency alone."""
    slow = replace(SIDE, rate_bps=1_000_000, latency_us=16_000)
    connection = End(Role.HOST, (slow, replace(LASER, rate_bps=0, latency_us=3))).connection
    connection.out_bytes_max, connection.in_bytes_max = 512, 1000
    assert connection.extended(GAP_NS, LaneKind.SIDEBAND) == GAP_NS + 4 * 10_000_000 + 16_000_000
    assert connection.extended(GAP_NS, LaneKind.SIDEBAND, 100) == GAP_NS + 4 * 1_000_000 + 16_000_000
    assert connection.extended(GAP_NS, LaneKind.OPTICAL) == GAP_NS + 3000
    connection.out_bytes_max = 2000
    assert connection.extended(GAP_NS, LaneKind.SIDEBAND) == GAP_NS + 4 * 20_000_000 + 16_000_000
