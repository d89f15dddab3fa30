"""Frames and checks: what is a frame, how damage is passed over, and how the next frame is found."""

from collections.abc import Callable, Iterator
from random import Random
from zlib import crc32 as zlib_crc32

from laserlink.protocol._accel import crc32
from laserlink.protocol.frame import CHECK_BYTES, CHECKED_HEADER_BYTES, HEADER_BYTES, OVERHEAD_BYTES, SYNC
from laserlink.protocol.limits import ECHO_BYTES_MAX, PAYLOAD_BYTES_MAX
from laserlink.protocol.messages import diagnostics, link
from laserlink.protocol.states import ModuleState
from laserlink.protocol.timers import GAP_NS, NS_PER_MS
from laserlink.tools.conformance.bench import Bench
from laserlink.tools.conformance.check import Check

# What a busy machine may add to a time, besides what the line does.
SLACK_MS = 300
ECHO_ID_BYTES = 2


def echo_room(bench: Bench) -> int:
    """The longest echo that both directions take."""
    to_host = bench.agreed.to_host_bytes_max - OVERHEAD_BYTES
    return min(ECHO_BYTES_MAX, bench.room() - ECHO_ID_BYTES, to_host - ECHO_ID_BYTES)


def echo_frame(bench: Bench, data: bytes = b"to be damaged") -> bytes:
    """An echo that would be answered, if it were intact."""
    return bytes(bench.frame(bench.numbered(diagnostics.Echo(data=data))))


def sizes(bench: Bench) -> None:
    room = echo_room(bench)
    for size in sorted({0, 1, 2, 3, 4, 5, 63, 64, 65, room - 1, room} & set(range(room + 1))):
        bench.echo(bytes(at * 37 % 256 for at in range(size)))


def sync_bytes(bench: Bench) -> None:
    bench.echo(SYNC * 20)
    bench.echo(SYNC[:1] * 33 + SYNC)


def _flipped(wire: bytes, first_bit: int, last_bit: int) -> Iterator[bytes]:
    for bit in range(first_bit, last_bit):
        damaged = bytearray(wire)
        damaged[bit // 8] ^= 1 << bit % 8
        yield bytes(damaged)


def header_bits(bench: Bench) -> None:
    wire = echo_frame(bench)
    damaged = b"".join(_flipped(wire, 16, 8 * HEADER_BYTES))
    bench.ignored(damaged, "an echo with each single bit of its header wrong, one frame after the other")


def frame_bits(bench: Bench) -> None:
    wire = echo_frame(bench)
    damaged = b"".join(_flipped(wire, 8 * HEADER_BYTES, 8 * len(wire)))
    bench.ignored(damaged, "an echo with each single bit of payload and frame check wrong")


def with_checks(wire: bytes, check: Callable[[bytes], int]) -> bytes:
    """The frame with both checks made by another CRC."""
    head, payload = wire[:CHECKED_HEADER_BYTES], wire[HEADER_BYTES:-CHECK_BYTES]
    return head + check(head).to_bytes(4, "little") + payload + check(head + payload).to_bytes(4, "little")


def crc32c(data: bytes) -> int:
    """CRC-32C, bit by bit."""
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


def other_crcs(bench: Bench) -> None:
    wire = echo_frame(bench)
    bench.ignored(with_checks(wire, zlib_crc32), "an echo with both checks made by zlib's CRC-32")
    bench.ignored(with_checks(echo_frame(bench), crc32c), "an echo with both checks made by CRC-32C")


def check_over_check(bench: Bench) -> None:
    wire = echo_frame(bench)
    whole = crc32(wire[:-CHECK_BYTES])
    bench.ignored(
        wire[:-CHECK_BYTES] + whole.to_bytes(4, "little"),
        "an echo whose frame check goes over the header check as well",
    )


def too_long_length(bench: Bench) -> None:
    head = bytearray(echo_frame(bench)[:CHECKED_HEADER_BYTES])
    head[6:8] = (PAYLOAD_BYTES_MAX + 1).to_bytes(2, "little")
    bench.write(bytes(head) + crc32(bytes(head)).to_bytes(4, "little"))
    bench.note("a header of 4073 payload bytes whose check holds", "not waited for", "sent", True)
    bench.echo()


def noise(bench: Bench) -> None:
    random = Random(1)
    for what, data in (
        ("what ModemManager sends", b"AT\r\nAT+GCAP\r\n" * 3),
        ("zeros", bytes(100)),
        ("10,000 random bytes", random.randbytes(10_000)),
        ("half a sync", SYNC[:1]),
        ("syncs and nothing else", SYNC * 200),
        ("half a sync, many times", SYNC[:1] * 64),
    ):
        bench.ignored(data, what)


def inside_damaged(bench: Bench) -> None:
    inner = echo_frame(bench, b"inside")
    wanted = bench.request_id
    outer = bytearray(bytes(bench.raw_frame(0x60, 0, b"\xff\xff" + inner + b"behind")))
    outer[-1] ^= 0xFF
    mark = len(bench.heard)
    bench.write(bytes(outer))
    bench.await_message(mark, diagnostics.EchoReply, 1000 * NS_PER_MS)
    ids = [message.request_id for message in bench.messages(mark, diagnostics.EchoReply)]
    sent = "an intact echo inside the payload of a frame whose frame check is wrong"
    bench.note(sent, "the inner echo is answered", f"replies to {ids}", ids == [wanted], bytes(outer))
    bench.echo()


def not_inside_intact(bench: Bench) -> None:
    """The inner echo would be answered before the outer one, or after it."""
    mark = len(bench.heard)
    bench.echo(bytes(bench.raw_frame(0x60, 0, b"\x70\x17inner")))
    bench.echo()
    count = len(bench.since(mark, diagnostics.EchoReply))
    bench.expect(
        count == 2, "two replies: what is inside an intact frame is not searched", f"{count} replies"
    )


def cut_then_frame(bench: Bench) -> None:
    """No byte may follow, not even a ping, before the gap time is over."""
    cut = echo_frame(bench, bytes(150))[:60]
    wire = echo_frame(bench, b"behind a cut frame")
    wanted, mark, began = bench.request_id, len(bench.heard), bench.now
    bench.habits.pings = False
    bench.write(cut + wire)
    gap_ms = bench.extended_ms(GAP_NS)

    def found() -> bool:
        return any(item.request_id == wanted for item in bench.messages(mark, diagnostics.EchoReply))

    came = bench.run_until(found, round((gap_ms + SLACK_MS) * NS_PER_MS))
    bench.habits.pings = True
    after = (bench.now - began) / NS_PER_MS
    text = f"the answer after {after:.0f} ms" if came else f"nothing in {after:.0f} ms"
    sent = "the first 60 bytes of a frame of 176, and a whole echo at once behind them; then nothing"
    bench.note(sent, f"the echo is answered after the gap time of {gap_ms:.0f} ms", text, came, cut + wire)


def cut_header(bench: Bench) -> None:
    wire = echo_frame(bench)
    bench.ignored(
        wire[:10], "the first 10 bytes of a header, then nothing", wait_ms=bench.extended_ms(GAP_NS) + 20
    )


def pieces(bench: Bench) -> None:
    for size in (1, 2, 7, 19):
        wire = echo_frame(bench, b"in pieces of %d" % size)
        wanted, mark = bench.request_id, len(bench.heard)
        # Nothing else may go between the pieces; a keep-alive did, on a slow machine.
        bench.ping()
        bench.habits.pings = False
        for at in range(0, len(wire), size):
            bench.write(wire[at : at + size])
            bench.run_for(0.5)
        bench.habits.pings = True
        bench.await_message(mark, diagnostics.EchoReply, 1000 * NS_PER_MS)
        ids = [message.request_id for message in bench.messages(mark, diagnostics.EchoReply)]
        sent = f"an echo, {size} bytes at a time"
        bench.note(sent, "one reply", f"replies to {ids}", ids == [wanted], wire)


def together(bench: Bench) -> None:
    mark = len(bench.heard)
    numbers = [7_000_001, 7_000_002, 7_000_003, 7_000_004]
    data = b"".join(
        bytes(bench.frame(link.Ping(int(bool(bench.line.light)), number, 0))) for number in numbers
    )
    bench.write(data)
    bench.echo()
    came = [pong.number for pong in bench.messages(mark, link.Pong) if pong.number in numbers]
    bench.note("four pings in one write", "four pongs, in order", str(came), came == numbers, data)


def damage_counted(bench: Bench) -> None:
    before = bench.reply(link.CountersRead(), link.Counters)
    for bit in (100, 200, 250):
        damaged = bytearray(echo_frame(bench))
        damaged[bit // 8] ^= 1 << bit % 8
        bench.ignored(bytes(damaged), f"an echo whose bit {bit} is wrong")
    after = bench.reply(link.CountersRead(), link.Counters)
    came = (after.frames_bad - before.frames_bad) % (1 << 32)
    bench.expect(came == 3, "three runs of bad bytes were counted", str(came))


def damage_is_silent(bench: Bench) -> None:
    """Damaged frames of every sort that an intact one would be answered for, even with an error."""
    frames = [bench.raw_frame(0x7F, 0), bench.raw_frame(0x60, 9, b"\1\0"), bench.raw_frame(0x04, 0, b"1")]
    damaged = b"".join(bytes(frame)[:-1] + bytes([bytes(frame)[-1] ^ 0x10]) for frame in frames)
    bench.ignored(damaged, "damaged frames that would be offences if they were intact")


GREETED = ModuleState.GREETED

CHECKS = (
    Check(
        "framing.sizes",
        "F1",
        "Frames of any length that both ends agreed on are taken whole, and come back whole.",
        sizes,
        GREETED,
    ),
    Check("framing.sync-in-payload", "R3", "Sync bytes inside a payload are payload.", sync_bytes, GREETED),
    Check(
        "framing.header-bits", "R2", "A header with any single wrong bit is refused.", header_bits, GREETED
    ),
    Check(
        "framing.frame-bits",
        "F3",
        "A frame with any single wrong bit behind its header is refused.",
        frame_bits,
        GREETED,
    ),
    Check(
        "framing.other-crcs", "F2", "Frames that are checked by another CRC are refused.", other_crcs, GREETED
    ),
    Check(
        "framing.check-over-check",
        "F3",
        "The frame check leaves out the header check.",
        check_over_check,
        GREETED,
    ),
    Check(
        "resync.length-limit",
        "R2",
        "A length of more than 4072 is a false sync, also under a good header check.",
        too_long_length,
        GREETED,
    ),
    # So many bytes at once may overrun a port, and the frame behind them with it; a framer errs each time.
    Check(
        "resync.noise",
        "R1",
        "Bytes that are no frame are passed over, and the next frame is found.",
        noise,
        GREETED,
        tries=3,
    ),
    Check(
        "resync.inside-damaged",
        "R3",
        "The search goes on inside a frame whose frame check is wrong.",
        inside_damaged,
        GREETED,
    ),
    Check(
        "resync.not-inside-intact",
        "R3",
        "What is inside an intact frame is never searched.",
        not_inside_intact,
        GREETED,
    ),
    Check(
        "resync.cut-then-frame",
        "R4",
        "A cut frame does not swallow the one behind it.",
        cut_then_frame,
        GREETED,
        tries=3,
    ),
    Check("resync.cut-header", "R4", "A header that breaks off is given up.", cut_header, GREETED),
    Check("resync.pieces", "R6", "Frames are found however the stream is cut.", pieces, GREETED),
    Check(
        "resync.together",
        "R6",
        "Several frames that come at once are all taken, in order.",
        together,
        GREETED,
    ),
    Check("resync.damage-silent", "R7", "Damage is never answered.", damage_is_silent, GREETED),
    Check("resync.damage-counted", "R5", "Each run of bad bytes is counted once.", damage_counted, GREETED),
)
