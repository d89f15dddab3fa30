"""Intact but illegal frames: which error each of them gets, and in which order it is looked for."""

from dataclasses import replace

from laserlink.protocol import catalogue
from laserlink.protocol.catalogue import Direction, Row
from laserlink.protocol.errors import ErrorCode as E
from laserlink.protocol.frame import OVERHEAD_BYTES, VERSION, Flags, Frame
from laserlink.protocol.limits import ERRORS_PER_SECOND, FRAME_BYTES_MAX
from laserlink.protocol.messages import control, diagnostics, image, link
from laserlink.protocol.messages.layout import Kind, Request, fields_of
from laserlink.protocol.states import LaneKind, ModuleState
from laserlink.tools.conformance.bench import ALL_FEATURES, Bench, error_in
from laserlink.tools.conformance.check import Check
from laserlink.tools.conformance.course import in_state

UNKNOWN_TYPES = (0x00, 0x0E, 0x1B, 0x40, 0x68, 0x7F, 0xDF, 0xE0, 0xF0, 0xFF)


def _echo(bench: Bench) -> Frame:
    return bench.frame(bench.numbered(diagnostics.Echo(data=b"judge me")))


def version(bench: Bench) -> None:
    for value in (0x00, 0x20, 0xF0):
        error = bench.offended(
            replace(_echo(bench), version=value),
            E.UNSUPPORTED_VERSION,
            value,
            f"an echo of version {value:#04x}",
        )
        named = error.version_first <= VERSION <= error.version_last
        came = f"{error.version_first:#x} to {error.version_last:#x}"
        bench.expect(named, "a range of versions with 1.0 in it", came)


def minor_version(bench: Bench) -> None:
    frame = replace(bench.frame(link.Ping(int(bool(bench.line.light)), 4711)), version=VERSION | 5)
    mark = len(bench.heard)
    bench.write(bytes(frame))
    bench.echo()
    numbers = [pong.number for pong in bench.messages(mark, link.Pong)]
    bench.note(
        "a ping of version 1.5", "a pong: only the major version counts", str(numbers), 4711 in numbers
    )


def flags(bench: Bench) -> None:
    for bit in range(1, 8):
        frame = replace(_echo(bench), flags=1 << bit)
        bench.offended(frame, E.RESERVED_BIT, 1 << bit, f"an echo with bit {bit} of its flags set")


def legal_flag(bench: Bench) -> None:
    frame = replace(bench.frame(link.Ping(int(bool(bench.line.light)), 815)), flags=int(Flags.ACK_REQUESTED))
    mark = len(bench.heard)
    bench.write(bytes(frame))
    bench.echo()
    numbers = [pong.number for pong in bench.messages(mark, link.Pong)]
    bench.note("a ping with ACK_REQUESTED", "a pong: this flag is legal", str(numbers), 815 in numbers)


def channel_bits(bench: Bench) -> None:
    for channel in (0x10, 0x80, 0xFF):
        frame = replace(_echo(bench), channel=channel)
        bench.offended(frame, E.RESERVED_BIT, channel, f"an echo on channel {channel:#04x}")


def unknown_type(bench: Bench) -> None:
    for kind in UNKNOWN_TYPES:
        bench.offended(bench.raw_frame(kind, 0, b"?"), E.UNKNOWN_TYPE, kind)


def wrong_direction(bench: Bench) -> None:
    for row in catalogue.ROWS:
        if row.direction is Direction.TO_HOST and row.type != catalogue.BEACON and not row.feature:
            frame = bench.raw_frame(row.type, min(row.channel.value), bytes(row.message()))
            bench.offended(frame, E.WRONG_DIRECTION, row.type)


def wrong_channel(bench: Bench) -> None:
    for message, channel in (
        (link.Ping(), 1),
        (link.Ack(), 15),
        (link.Credit(), 0),
        (link.Credit(), 1),
        (link.Credit(), 15),
        (link.CountersRead(), 2),
        (diagnostics.Echo(), 15),
    ):
        row = catalogue.BY_MESSAGE[type(message)]
        payload = bytes(bench.numbered(message) if isinstance(message, Request) else message)
        frame = bench.raw_frame(row.type, channel, payload)
        bench.offended(frame, E.WRONG_CHANNEL, channel)


def wrong_lane(bench: Bench) -> None:
    other = LaneKind.SIDEBAND if bench.image_lane is LaneKind.OPTICAL else LaneKind.OPTICAL
    bench.refused(diagnostics.Train(lane=other), E.WRONG_LANE)
    in_state(bench, ModuleState.CONTRACTED)


def too_long(bench: Bench) -> None:
    bench.hello(link.Hello(0x10, 0x10, ALL_FEATURES, 256, 4096, 0, bench.line.offers))
    room = bench.agreed.to_module_bytes_max - OVERHEAD_BYTES
    for size in (room + 1, room + 100, FRAME_BYTES_MAX - OVERHEAD_BYTES):
        frame = bench.frame(bench.numbered(diagnostics.Echo(data=bytes(size - 2))))
        wanted = bench.request_id
        error = bench.offended(frame, E.FRAME_TOO_LONG, frame.wire_bytes)
        bench.expect(error.request_id == wanted, f"request {wanted}", f"request {error.request_id}")


def _malformed(row: Row, payload: bytes) -> list[tuple[str, bytes]]:
    """Payloads of a message that its layout does not allow."""
    infos = fields_of(row.message)
    found = [("one byte short", payload[:-1])] if payload and infos[-1].shape.kind is not Kind.REST else []
    if infos[-1].shape.kind is not Kind.REST:
        found.append(("one byte more", payload + b"\0"))
    for info in infos:
        if info.offset is not None and info.shape.members is not None:
            wrong = bytearray(payload)
            wrong[info.offset] = 0xEE
            found.append((f"{info.name} 238", bytes(wrong)))
        if info.offset is not None and info.shape.kind is Kind.ARRAY:
            found.append(
                (
                    f"{info.shape.limit + 1} of its {info.name}",
                    _too_many(payload, info.offset, info.shape.limit),
                )
            )
    return found


def _too_many(payload: bytes, offset: int, limit: int) -> bytes:
    """One item more than a list may have; items are 32 bytes of zeros, which is long enough for any."""
    return payload[:offset] + bytes([limit + 1]) + bytes(32 * (limit + 1))


def _malformed_rows(bench: Bench, *, requests: bool) -> None:
    for row in catalogue.ROWS:
        is_ours = row.direction is not Direction.TO_HOST and row.type not in (
            catalogue.ERROR,
            catalogue.HELLO,
        )
        if not is_ours or (row.role == "request") is not requests or row.feature not in bench.features:
            continue
        if ModuleState.READY not in row.states and not requests:
            continue
        message = row.message()
        channel = min(row.channel.value)
        for what, payload in _malformed(
            row, bytes(bench.numbered(message) if isinstance(message, Request) else message)
        ):
            frame = bench.raw_frame(row.type, channel, payload)
            bench.offended(frame, E.MALFORMED_PAYLOAD, None, f"{row.message.__name__}, {what}")


def malformed_datagrams(bench: Bench) -> None:
    _malformed_rows(bench, requests=False)


def malformed_requests(bench: Bench) -> None:
    _malformed_rows(bench, requests=True)


def malformed_keeps_id(bench: Bench) -> None:
    """The id of a malformed request is still to be used: a well-formed one with it is carried out."""
    good = bench.numbered(diagnostics.Echo(data=b"second try"))
    bad = bench.raw_frame(0x0B, 0, good.request_id.to_bytes(2, "little") + b"\0")
    error = bench.offended_with(bad, E.MALFORMED_PAYLOAD, good)
    bench.expect(
        error.request_id == good.request_id, f"request {good.request_id}", f"request {error.request_id}"
    )


def one_order(bench: Bench) -> None:
    """Frames with two faults each: the first in the list is the one that is named."""
    credit = replace(bench.frame(link.Credit()), channel=0)
    for what, frame, code in (
        (
            "another version, and reserved flags",
            replace(_echo(bench), version=0x30, flags=0x80),
            E.UNSUPPORTED_VERSION,
        ),
        ("reserved flags, and an unknown type", replace(_echo(bench), flags=0x40, type=0x7F), E.RESERVED_BIT),
        ("an unknown type, on channel 9", bench.raw_frame(0x7F, 9), E.UNKNOWN_TYPE),
        (
            "the other direction, and the wrong channel",
            bench.raw_frame(0x05, 9, bytes(28)),
            E.WRONG_DIRECTION,
        ),
        ("the wrong channel, and malformed", replace(credit, payload=b"1"), E.WRONG_CHANNEL),
        ("malformed, and illegal in the state", _train_result(bench, b"1"), E.MALFORMED_PAYLOAD),
    ):
        bench.offended(frame, code, None, what)


def _train_result(bench: Bench, extra: bytes) -> Frame:
    request = bench.numbered(diagnostics.TrainResult())
    return bench.raw_frame(0x66, 0, bytes(request) + extra)


def state_before_payload(bench: Bench) -> None:
    bench.need_feature(link.Features.RESEND)
    frame = bench.raw_frame(catalogue.BY_MESSAGE[image.Resend].type, 2, b"1")
    bench.offended(frame, E.ILLEGAL_IN_STATE, int(ModuleState.GREETED), "a malformed Resend in state greeted")


def error_rate(bench: Bench) -> None:
    bench.let_errors_rest()
    mark = len(bench.heard)
    count = 4 * ERRORS_PER_SECOND
    bench.write(b"".join(bytes(bench.raw_frame(0x7F, 0)) for _ in range(count)))
    bench.run_for(500)
    came = len([item for item in bench.answers(mark) if error_in(item.frame)])
    holds = 1 <= came <= ERRORS_PER_SECOND
    bench.note(f"{count} frames of an unknown type at once", "1 to 10 errors", f"{came} errors", holds)
    bench.echo()
    bench.let_errors_rest()
    bench.offended(bench.raw_frame(0x7F, 0), E.UNKNOWN_TYPE, 0x7F)


def refusals_unlimited(bench: Bench) -> None:
    """More than ten requests in a second may be refused as they are carried out."""
    for _ in range(ERRORS_PER_SECOND + 5):
        bench.refused(diagnostics.TrainResult(), E.ILLEGAL_IN_STATE, int(ModuleState.READY))


def errors_unanswered(bench: Bench) -> None:
    good = bench.frame(link.Error(code=E.MALFORMED_PAYLOAD))
    for what, frame in (
        ("an error", good),
        ("a malformed error", replace(good, payload=b"\xff")),
        ("an error on channel 9", replace(good, channel=9)),
        ("an error with reserved flags", replace(good, flags=0x80)),
        ("a beacon", replace(bench.raw_frame(catalogue.BEACON, 0, bytes(link.Beacon())), session=0)),
    ):
        bench.ignored(bytes(frame), what)


def counted(bench: Bench) -> None:
    before = bench.reply(link.CountersRead(), link.Counters)
    bench.offended(bench.raw_frame(0x7F, 0), E.UNKNOWN_TYPE, 0x7F)
    bench.offended(bench.raw_frame(0x7E, 0), E.UNKNOWN_TYPE, 0x7E)
    after = bench.reply(link.CountersRead(), link.Counters)
    came = (after.frames_illegal - before.frames_illegal) % (1 << 32)
    bench.expect(came == 2, "two illegal frames counted", str(came))


def ignored_bits(bench: Bench) -> None:
    number = 0xABCDEF
    mark = len(bench.heard)
    bench.write(bytes(bench.frame(link.Ping(0xFE | int(bool(bench.line.light)), number, 1))))
    bench.await_pong(mark, number)
    holds = any(pong.number == number for pong in bench.messages(mark, link.Pong))
    bench.note("a ping with all unknown flags", "a pong", "a pong" if holds else "none", holds)


def too_many_items(bench: Bench) -> None:
    """More ids in one list than are allowed are malformed, not cut off."""
    many = (control.ControlId(1),) * 16
    payload = bytes(bench.numbered(control.ControlGet(controls=many)))
    longer = payload[:2] + bytes([17]) + payload[3:] + bytes(control.ControlId(1))
    bench.offended(bench.raw_frame(0x32, 0, longer), E.MALFORMED_PAYLOAD, None, "ControlGet of 17 controls")


GREETED = ModuleState.GREETED

CHECKS = (
    Check(
        "judging.version",
        "J1",
        "A frame of another major version is refused, and the error names the range.",
        version,
        GREETED,
    ),
    Check(
        "judging.minor-version", "J1", "A frame of another minor version is taken.", minor_version, GREETED
    ),
    Check("judging.flags", "J2", "Each reserved bit of the flags is refused.", flags, GREETED),
    Check("judging.ack-flag", "J2", "ACK_REQUESTED is not a reserved bit.", legal_flag, GREETED),
    Check(
        "judging.channel-bits",
        "J2",
        "A bit in the high nibble of the channel is refused.",
        channel_bits,
        GREETED,
    ),
    Check(
        "judging.unknown-type", "J3", "A type that is not in the catalogue is refused.", unknown_type, GREETED
    ),
    Check(
        "judging.direction",
        "J4",
        "What goes from module to host is refused when it comes from the host.",
        wrong_direction,
    ),
    Check("judging.channel", "J5", "A message on another channel than its own is refused.", wrong_channel),
    Check(
        "judging.lane",
        "J6",
        "Training is refused for a lane that carries no images.",
        wrong_lane,
        ModuleState.CONTRACTED,
    ),
    Check("judging.too-long", "J7", "A frame that is longer than was agreed is refused.", too_long, GREETED),
    Check(
        "judging.state-first",
        "J8",
        "Of a datagram, the state is judged before the payload.",
        state_before_payload,
        GREETED,
    ),
    Check(
        "judging.malformed",
        "J9",
        "Datagrams with a payload that is not theirs are refused.",
        malformed_datagrams,
    ),
    Check(
        "judging.malformed-requests",
        "J9",
        "Requests with a payload that is not theirs are refused, in any state.",
        malformed_requests,
    ),
    Check("judging.too-many", "J9", "A list with one item too many is malformed.", too_many_items),
    Check(
        "judging.malformed-id",
        "J10",
        "A malformed request does not use its id up.",
        malformed_keeps_id,
        GREETED,
    ),
    Check("judging.order", "J10", "Of two faults, the one that is judged first is named.", one_order),
    Check("judging.error-rate", "J11", "At most ten errors a second are sent.", error_rate, GREETED),
    Check("judging.refusals-unlimited", "J11", "Refused requests are always answered.", refusals_unlimited),
    Check(
        "judging.errors-unanswered",
        "J11",
        "An error is never answered, nor a beacon.",
        errors_unanswered,
        GREETED,
    ),
    Check("judging.counted", "J11", "Illegal frames are counted.", counted, GREETED),
    Check(
        "judging.ignored-bits",
        "P2",
        "Bits of a flag set that nobody knows are ignored.",
        ignored_bits,
        GREETED,
    ),
)
