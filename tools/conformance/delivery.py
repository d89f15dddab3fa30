"""Requests that arrive twice, events that arrive for certain, echoes and counters."""

from dataclasses import replace
from itertools import pairwise

from laserlink.protocol.catalogue import EVENT_CHANNEL
from laserlink.protocol.errors import ErrorCode
from laserlink.protocol.frame import Flags
from laserlink.protocol.messages import control, diagnostics, image, link, power
from laserlink.protocol.messages.layout import Request
from laserlink.protocol.states import ModuleState
from laserlink.protocol.timers import NS_PER_MS, NS_PER_S, RESPONSE_NS
from laserlink.tools.conformance.bench import Bench, error_in
from laserlink.tools.conformance.check import Check
from laserlink.tools.conformance.course import STREAM, in_state, offer_power, small_stream, tell
from laserlink.tools.conformance.framing import SLACK_MS, echo_room

# More events than any module has in flight.
AHEAD = 1000


def _twice(bench: Bench, request: Request, sent: str) -> None:
    """The very same frame again gets the very same answer."""
    frame = bench.frame(bench.numbered(request))
    found = []
    for _ in range(3):
        mark = len(bench.heard)
        bench.write(bytes(frame))
        bench.await_answer(mark)
        found += [bytes(item.frame) for item in bench.answers(mark)]
    came = f"{len(found)} answers, {len(set(found))} different"
    bench.note(
        f"{sent}, three times",
        "the very same answer, three times",
        came,
        len(found) == 3 and len(set(found)) == 1,
        bytes(frame),
    )


def repeated(bench: Bench) -> None:
    _twice(bench, diagnostics.Echo(data=b"once or thrice"), "an echo")
    _twice(bench, link.CountersRead(), "CountersRead, whose reply would differ")


def repeated_refusal(bench: Bench) -> None:
    _twice(bench, diagnostics.TrainResult(), "a request that the state refuses")


def carried_out_once(bench: Bench) -> None:
    before = bench.reply(control.ControlGet(), control.ControlValues)
    _twice(bench, control.ControlSet(), "an empty ControlSet")
    after = bench.reply(control.ControlGet(), control.ControlValues)
    came = after.set_id - before.set_id
    bench.expect(came == 1, "one accepted set", f"{came} sets")


def late_repeat(bench: Bench) -> None:
    """PowerReject leads to greeted, where it is illegal; its repeat still gets its status."""
    offer_power(bench)
    _twice(bench, power.PowerReject(), "PowerReject, legal the first time only")
    in_state(bench, ModuleState.GREETED)


def older_id(bench: Bench) -> None:
    old = bench.frame(bench.numbered(diagnostics.Echo(data=b"old")))
    bench.write(bytes(old))
    bench.echo()
    bench.echo()
    bench.ignored(bytes(old), "an echo whose id was used two requests ago")


def id_wrap(bench: Bench) -> None:
    for number in (20_000, 45_000, 0xFFFE, 0xFFFF, 1, 2):
        heard = bench.ask(diagnostics.Echo(number, b"wrap"), numbered=True)
        holds = heard.frame.type == 0x61
        bench.step(f"Echo with request id {number}", "EchoReply", heard, holds)
    bench.request_id = 2


def error_carries_id(bench: Bench) -> None:
    error = bench.refused(diagnostics.TrainResult(), ErrorCode.ILLEGAL_IN_STATE)
    bench.expect(
        error.request_id == bench.request_id, f"request {bench.request_id}", f"request {error.request_id}"
    )
    frame = replace(bench.frame(bench.numbered(diagnostics.Echo(data=b"x"))), flags=0x80)
    error = bench.offended(frame, ErrorCode.RESERVED_BIT, 0x80)
    named = bench.request_id - 1
    bench.expect(error.request_id == named, f"request {named}", f"request {error.request_id}")


def ping_pong(bench: Bench) -> None:
    stamps = []
    for number in (1_000_001, 1_000_002, 0xFFFF_FFFF):
        mark = len(bench.heard)
        sent = bench.now
        bench.write(bytes(bench.frame(link.Ping(int(bool(bench.line.light)), number, sent))))
        pong = bench.await_pong(mark, number)
        bench.note(
            f"Ping {number}",
            f"Pong {number} with our time",
            str(pong),
            pong is not None and pong.host_sent_ns == sent,
        )
        if pong is not None:
            stamps += [pong.module_received_ns, pong.module_sent_ns]
    bench.expect(stamps == sorted(stamps), "the module's time, rising", str(stamps))


def clock_rate(bench: Bench) -> None:
    found = []
    for number in (2_000_001, 2_000_002):
        mark = len(bench.heard)
        sent = bench.now
        bench.write(bytes(bench.frame(link.Ping(int(bool(bench.line.light)), number, sent))))
        bench.await_pong(mark, number)
        found += [
            (sent, pong.module_received_ns)
            for pong in bench.messages(mark, link.Pong)
            if pong.number == number
        ]
        bench.run_for(300)
    holds = False
    came = f"{len(found)} pongs"
    if len(found) == 2:
        ours, theirs = found[1][0] - found[0][0], found[1][1] - found[0][1]
        holds, came = (
            abs(theirs - ours) < 150 * NS_PER_MS,
            f"{theirs / NS_PER_MS:.0f} of {ours / NS_PER_MS:.0f} ms",
        )
    bench.expect(holds, "a clock of nanoseconds that goes as ours does", came)


def echo_limit(bench: Bench) -> None:
    room = echo_room(bench)
    if room + 1 > bench.room() - 2:
        bench.expect(True, "no longer echo fits a frame", f"{room} bytes")
        return
    bench.refused(diagnostics.Echo(data=bytes(room + 1)), ErrorCode.LIMIT_EXCEEDED, room + 1)


def counters(bench: Bench) -> None:
    before = bench.reply(link.CountersRead(), link.Counters)
    for _ in range(3):
        bench.echo()
    after = bench.reply(link.CountersRead(), link.Counters)
    grown = (after.frames_received - before.frames_received, after.frames_sent - before.frames_sent)
    holds = 4 <= grown[0] <= 20 and 4 <= grown[1] <= 20
    bench.expect(holds, "at least 4 frames received and sent more than before", str(grown))
    bench.expect(
        after.uptime_ms >= before.uptime_ms, "uptime that grows", f"{before.uptime_ms}, {after.uptime_ms}"
    )
    resent = bench.frame(bench.numbered(diagnostics.Echo(data=b"again")))
    mark = len(bench.heard)
    for _ in range(2):
        bench.write(bytes(resent))
    bench.await_answer(mark, 2)
    last = bench.reply(link.CountersRead(), link.Counters)
    bench.expect(
        last.frames_resent == after.frames_resent + 1,
        "one frame more resent",
        f"{last.frames_resent - after.frames_resent}",
    )


def _provoke(bench: Bench) -> None:
    """A stream that ends: the one event that every module has to tell."""
    tell(bench, small_stream(bench), image.StreamConfigured)
    started = tell(bench, image.StreamStart(channel=STREAM, images=1), image.StreamStarted)
    bench.send(link.Credit((started.first_sequence + 100_000) % (1 << 32)), STREAM)


def event(bench: Bench) -> None:
    mark = len(bench.heard)
    _provoke(bench)
    bench.await_message(mark, image.StreamEnded, 15 * NS_PER_S)
    found = bench.since(mark, image.StreamEnded)
    bench.note("a stream of one image", "StreamEnded", f"{len(found)} of it", len(found) >= 1)
    frame = found[0].frame
    right = frame.channel == EVENT_CHANNEL and frame.flags == Flags.ACK_REQUESTED
    bench.expect(right, "channel 1, with ACK_REQUESTED", f"channel {frame.channel}, flags {frame.flags:#x}")
    again = len(bench.heard)
    bench.run_for(4 * bench.extended_ms(RESPONSE_NS))
    late = bench.since(again, image.StreamEnded)
    bench.expect(not late, "nothing more once it was acknowledged", f"{len(late)} resends")


def event_resent(bench: Bench) -> None:
    bench.habits.acknowledges = False
    mark = len(bench.heard)
    _provoke(bench)
    if bench.await_message(mark, image.StreamEnded, 15 * NS_PER_S):
        sequence = bench.since(mark, image.StreamEnded)[0].frame.sequence
        bench.send(link.Ack(EVENT_CHANNEL, (sequence + AHEAD) % (1 << 32)))
    bench.await_message(mark, image.StreamEnded, 15 * NS_PER_S, 3)
    bench.habits.acknowledges = True
    found = bench.since(mark, image.StreamEnded)
    same = len({bytes(item.frame) for item in found})
    bench.note(
        "no Ack for an event, but one of what was not sent yet",
        "the event again and again, bit-identical",
        f"{len(found)} of it, {same} different",
        len(found) >= 3 and same == 1,
    )
    if len(found) < 3:
        return
    # One that a busy machine holds up makes one of the two gaps shorter, and never the longer one.
    gaps = sorted((b.at_ns - a.at_ns) / NS_PER_MS for a, b in pairwise(found[:3]))
    wanted = bench.extended_ms(RESPONSE_NS)
    holds = 0.7 * wanted <= gaps[1] and gaps[0] <= 2 * wanted + SLACK_MS
    came = f"after {gaps[0]:.0f} and {gaps[1]:.0f} ms"
    bench.expect(holds, f"after the response time of {wanted:.0f} ms", came)
    events = [item for item in bench.since(mark) if item.frame.channel == EVENT_CHANNEL]
    bench.send(link.Ack(EVENT_CHANNEL, (max(item.frame.sequence for item in events) + 1) % (1 << 32)))


def wrong_answer(bench: Bench) -> None:
    """Acks that are too old, or for what was never sent, are harmless."""
    for sequence in (0, 0x7FFF_FFFF, bench.agreed.first_sequence):
        frame = bench.frame(link.Ack(EVENT_CHANNEL, sequence))
        mark = len(bench.heard)
        bench.write(bytes(frame))
        bench.echo()
        errors = [item for item in bench.answers(mark) if error_in(item.frame)]
        bench.note(
            f"Ack of {sequence}, which nobody waits for", "nothing", f"{len(errors)} errors", not errors
        )


GREETED, READY = ModuleState.GREETED, ModuleState.READY

CHECKS = (
    Check(
        "delivery.repeated",
        "C1",
        "A request that comes again is answered with the very same bytes.",
        repeated,
        GREETED,
    ),
    Check(
        "delivery.repeated-refusal",
        "J11",
        "A refused request that comes again is refused with the very same bytes.",
        repeated_refusal,
        GREETED,
    ),
    Check("delivery.once", "C1", "A request is carried out once, however often it comes.", carried_out_once),
    Check(
        "delivery.any-state",
        "J8",
        "A repeated request is answered as it was, whatever the state is by now.",
        late_repeat,
        GREETED,
    ),
    Check("delivery.older-id", "C1", "A request with an older id is dropped.", older_id, GREETED),
    Check("delivery.id-wrap", "C1", "Request ids wrap from 65,535 to 1.", id_wrap, GREETED),
    Check("delivery.error-id", "J11", "The error of a request carries its id.", error_carries_id, GREETED),
    Check(
        "delivery.ping", "C4", "Each ping is answered with its number and three times.", ping_pong, GREETED
    ),
    Check("delivery.clock", "C4", "The module's clock counts nanoseconds.", clock_rate, GREETED, tries=3),
    Check("delivery.echo-limit", "J11", "An echo that is too long is refused.", echo_limit, GREETED),
    Check("delivery.counters", "K1", "Counters count.", counters, GREETED),
    Check(
        "delivery.event",
        "C2",
        "An event comes on channel 1, and once it was acknowledged, not again.",
        event,
        READY,
        tries=2,
    ),
    Check(
        "delivery.event-resent",
        "C2",
        "An event that is not acknowledged comes again, bit-identical; an Ack of what was not sent is none.",
        event_resent,
        READY,
        tries=3,
    ),
    Check("delivery.strange-acks", "C2", "Acknowledgements of nothing are harmless.", wrong_answer, GREETED),
)
