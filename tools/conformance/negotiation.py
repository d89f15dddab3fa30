"""The first word, hello, sessions, and what is agreed on."""

from dataclasses import replace

from laserlink.protocol.errors import ErrorCode
from laserlink.protocol.frame import VERSION
from laserlink.protocol.limits import FRAME_BYTES_MAX, FRAME_BYTES_MIN_OFFER
from laserlink.protocol.messages import bulk, diagnostics, identity, image, link
from laserlink.protocol.states import BITS_PER_BYTE, LaneKind, ModuleState
from laserlink.protocol.timers import BEACON_NS, LINE_TIME_PER_FRAME_NS, NS_PER_MS, NS_PER_S
from laserlink.tools.conformance.bench import ALL_FEATURES, Bench, error_in, listed
from laserlink.tools.conformance.check import Check
from laserlink.tools.conformance.course import in_state, offer_power, reach, read_descriptor
from laserlink.tools.conformance.telling import describe

BEACONS = 5
BEACON_MS = BEACON_NS / NS_PER_MS


def _beacons(bench: Bench, count: int) -> list[link.Beacon]:
    mark = len(bench.heard)
    wait = round((count + 2) * 2 * BEACON_NS + NS_PER_S)
    bench.await_message(mark, link.Beacon, wait, count)
    return bench.messages(mark, link.Beacon)


def beacon_content(bench: Bench) -> None:
    found = _beacons(bench, 2)
    bench.note("nothing", "beacons", f"{len(found)} beacons", len(found) >= 2)
    first, second = found[0], found[1]
    spoken = first.version_first <= VERSION <= first.version_last
    bench.expect(
        spoken, "a range of versions with 1.0 in it", f"{first.version_first:#x} to {first.version_last:#x}"
    )
    bench.expect(first.state is ModuleState.POWERED, "state powered", first.state.name.lower())
    bench.expect(
        second.module_id == first.module_id, "one module id", f"{first.module_id:x}, {second.module_id:x}"
    )
    grown = second.uptime_ms - first.uptime_ms
    bench.expect(0 < grown < 4 * BEACON_MS, "uptime that grows by about 250 ms", f"{grown} ms")


def beacon_period(bench: Bench) -> None:
    mark = len(bench.heard)
    _beacons(bench, BEACONS)
    at = [item.at_ns for item in bench.since(mark, link.Beacon)][:BEACONS]
    mean = (at[-1] - at[0]) / (len(at) - 1) / NS_PER_MS if len(at) == BEACONS else 0
    holds = 0.85 * BEACON_MS <= mean <= 1.3 * BEACON_MS
    bench.note("nothing", "a beacon every 250 ms", f"{len(at)} beacons, {mean:.0f} ms apart", holds)


def _stays_silent(bench: Bench, data: bytes, sent: str) -> None:
    """Nothing but beacons follows."""
    mark = len(bench.heard)
    bench.write(data)
    bench.await_message(mark, link.Beacon, 3 * NS_PER_S, 2)
    others = [item for item in bench.since(mark) if item.frame.session]
    beacons = bench.messages(mark, link.Beacon)
    holds = not others and len(beacons) >= 2 and beacons[-1].state is ModuleState.POWERED
    came = listed(others) if others else f"{len(beacons)} beacons"
    bench.note(sent, "beacons and nothing else", came, holds, data)


def without_session(bench: Bench) -> None:
    for frame in (
        bench.frame(diagnostics.Echo(7, b"anyone?")),
        bench.frame(link.Ping()),
        bench.raw_frame(0x7F, 0),
    ):
        stranger = replace(frame, session=(bench.random() or 1))
        _stays_silent(bench, bytes(stranger), f"{describe(frame)} of a session that nobody opened")


def hello_without_session(bench: Bench) -> None:
    frame = replace(bench.frame(link.Hello(lanes=bench.line.offers)), session=0)
    _stays_silent(bench, bytes(frame), "a hello of session 0")


def hello_reply(bench: Bench) -> None:
    beacon = _beacons(bench, 1)[-1:]
    mark = len(bench.heard)
    offer = link.Hello(features=ALL_FEATURES, first_sequence=77, lanes=bench.line.offers)
    bench.hello(offer)
    heard = bench.since(mark, link.HelloReply)[0]
    agreed = bench.agreed
    bench.step(describe(bench.frame(offer)), "HelloReply", heard, True)
    bench.expect(agreed.version == VERSION, "version 1.0", f"{agreed.version:#x}")
    bench.expect(not agreed.features & ~offer.features, "features that were offered", f"{agreed.features:#x}")
    sizes = (agreed.to_module_bytes_max, agreed.to_host_bytes_max)
    bench.expect(all(256 <= size <= 4096 for size in sizes), "frames of 256 to 4096 bytes", str(sizes))
    sequence = heard.frame.sequence
    bench.expect(
        sequence == agreed.first_sequence,
        "the sequence that it names",
        f"{sequence}, {agreed.first_sequence}",
    )
    same = not beacon or beacon[0].module_id == agreed.module_id
    bench.expect(same, "the beacon's module id", f"{agreed.module_id:x}")
    kinds = [offer.kind for offer in agreed.lanes]
    bench.expect(LaneKind.SIDEBAND in kinds, "a sideband among the lanes", str([kind.name for kind in kinds]))
    in_state(bench, ModuleState.GREETED)


def hello_repeated(bench: Bench) -> None:
    mark = len(bench.heard)
    wire = bench.send_hello()
    bench.await_message(mark, link.HelloReply, 5 * NS_PER_S)
    for _ in range(2):
        again = len(bench.heard)
        bench.write(wire)
        bench.await_message(again, link.HelloReply, NS_PER_S)
    found = [bytes(item.frame) for item in bench.since(mark, link.HelloReply)]
    came = f"{len(found)} replies, {len(set(found))} different"
    bench.note(
        "one hello, three times",
        "the very same reply, three times",
        came,
        len(found) == 3 and len(set(found)) == 1,
        wire,
    )
    offer_power(bench)
    bench.write(wire)
    in_state(bench, ModuleState.NEGOTIATING)


def hello_resets(bench: Bench) -> None:
    old = bench.session
    bench.hello()
    in_state(bench, ModuleState.GREETED)
    bench.expect(not bench.line.light, "no light", "light")
    frame = replace(bench.frame(diagnostics.Echo(1, b"old")), session=old)
    bench.ignored(bytes(frame), "an echo of the session before")


def stale(bench: Bench) -> None:
    before = bench.reply(link.CountersRead(), link.Counters)
    for session in (bench.session ^ 1, bench.session ^ 0x8000_0000, 0):
        frame = replace(bench.frame(diagnostics.Echo(9, b"stale")), session=session)
        bench.ignored(bytes(frame), f"an echo of session {session:08X} in session {bench.session:08X}")
    after = bench.reply(link.CountersRead(), link.Counters)
    came = (after.frames_stale - before.frames_stale) % (1 << 32)
    bench.expect(came == 3, "three stale frames counted", str(came))


def stale_offence(bench: Bench) -> None:
    frame = replace(bench.raw_frame(0x7F, 0), session=bench.session ^ 0x55)
    bench.ignored(bytes(frame), "a frame of an unknown type and another session")


def smaller_offers(bench: Bench) -> None:
    for to_module, to_host in ((300, 400), (256, 256), (4096, 256)):
        offer = link.Hello(0x10, 0x10, ALL_FEATURES, to_module, to_host, 5, bench.line.offers)
        agreed = bench.hello(offer)
        came = (agreed.to_module_bytes_max, agreed.to_host_bytes_max)
        holds = 256 <= came[0] <= to_module and 256 <= came[1] <= to_host
        bench.note(
            f"hello with {to_module} and {to_host} bytes",
            "no more than that, no less than 256",
            str(came),
            holds,
        )
        bench.echo(bytes(came[0] - 26 if came[0] <= came[1] else 200))


def least_offer(bench: Bench) -> None:
    offer = link.Hello(0x10, 0x10, ALL_FEATURES, 100, 0, 0, bench.line.offers)
    agreed = bench.hello(offer)
    came = (agreed.to_module_bytes_max, agreed.to_host_bytes_max)
    bench.note("hello with 100 and 0 bytes", "256 is always possible", str(came), came == (256, 256))


def line_time(bench: Bench) -> None:
    agreed = bench.hello()
    side = next((offer for offer in agreed.lanes if offer.kind is LaneKind.SIDEBAND), link.LaneOffer())
    bits = side.rate_bps * LINE_TIME_PER_FRAME_NS // NS_PER_S
    fitting = (
        max(FRAME_BYTES_MIN_OFFER, bits // BITS_PER_BYTE[side.coding]) if side.rate_bps else FRAME_BYTES_MAX
    )
    came = max(agreed.to_module_bytes_max, 0 if len(agreed.lanes) > 1 else agreed.to_host_bytes_max)
    expected = f"at most {fitting} bytes at {side.rate_bps} bit/s"
    bench.note("hello", expected, f"{came} bytes", came <= fitting)


def features(bench: Bench) -> None:
    agreed = bench.hello(link.Hello(features=(1 << 64) - 1, lanes=bench.line.offers))
    unknown = agreed.features & ~int(ALL_FEATURES)
    bench.note(
        "hello with all 64 feature bits",
        "no bit of which nobody knows the meaning",
        f"{unknown:#x}",
        not unknown,
    )
    agreed = bench.hello(link.Hello(features=0, lanes=bench.line.offers))
    bench.note("hello without features", "none", f"{agreed.features:#x}", agreed.features == 0)


def unnegotiated(bench: Bench) -> None:
    def plain(target: Bench) -> None:
        target.hello(link.Hello(features=0, lanes=target.line.offers))

    reach(bench, ModuleState.READY, plain)
    for message in (bulk.FileRead(name="log"), bulk.UpdateEnd(), bulk.UpdateData(piece=b"1")):
        bench.offended(bench.frame(bench.numbered(message)), ErrorCode.UNKNOWN_TYPE)
    bench.offended(bench.frame(image.Resend(), 2), ErrorCode.UNKNOWN_TYPE, 0x45)


def versions(bench: Bench) -> None:
    mark = len(bench.heard)
    bench.send_hello(link.Hello(version_first=0x20, version_last=0x2F, lanes=bench.line.offers))
    bench.await_answer(mark)
    answers = bench.answers(mark)
    error = error_in(answers[0].frame) if answers else None
    holds = error is not None and error.code is ErrorCode.UNSUPPORTED_VERSION
    bench.note(
        "hello of a host that speaks 2.0 to 2.15 only",
        "Error(UNSUPPORTED_VERSION)",
        listed(answers[:1]),
        holds,
    )
    if error is not None:
        named = error.version_first <= VERSION <= error.version_last
        bench.expect(
            named,
            "the range of versions that is spoken",
            f"{error.version_first:#x} to {error.version_last:#x}",
        )
    bench.hello(
        link.Hello(version_first=0x10, version_last=0x2F, features=ALL_FEATURES, lanes=bench.line.offers)
    )
    in_state(bench, ModuleState.GREETED)


def sequence_wrap(bench: Bench) -> None:
    bench.hello(link.Hello(features=ALL_FEATURES, first_sequence=0xFFFF_FFFE, lanes=bench.line.offers))
    for number in range(5):
        bench.echo(b"frame %d" % number)


def lanes(bench: Bench) -> None:
    agreed = bench.hello(link.Hello(features=ALL_FEATURES))
    kinds = [offer.kind.name for offer in agreed.lanes]
    bench.note("hello without a lane", "the sideband, and no other", str(kinds), kinds == ["SIDEBAND"])
    agreed = bench.hello()
    ours = {offer.kind for offer in bench.line.offers} | {LaneKind.SIDEBAND}
    extra = {offer.kind for offer in agreed.lanes} - ours
    bench.note(
        "hello with our lanes",
        "no lane that we have not",
        str(sorted(kind.name for kind in extra)),
        not extra,
    )


def hello_malformed(bench: Bench) -> None:
    bench.pace()
    bench.offended(replace(bench.frame(link.Hello()), payload=b"\x10\x10"), ErrorCode.MALFORMED_PAYLOAD)
    in_state(bench, ModuleState.GREETED)


def parts_fit(bench: Bench) -> None:
    """The watch judges the length of every frame; here it gets frames that are as long as they may be."""

    def smallest(target: Bench) -> None:
        target.hello(link.Hello(0x10, 0x10, ALL_FEATURES, 256, 256, 0, target.line.offers))

    reach(bench, ModuleState.IDENTIFYING, smallest)
    mark = len(bench.heard)
    read_descriptor(bench)
    parts = [item.frame.wire_bytes for item in bench.since(mark, identity.DescriptorPart)]
    came = f"{len(parts)} parts, the longest {max(parts)}"
    bench.note("DescriptorRead, to the end", "frames of at most 256 bytes", came, max(parts) <= 256)


GREETED = ModuleState.GREETED

CHECKS = (
    Check("hello.beacon", "S1", "A powered module without a session says who it is.", beacon_content, None),
    Check("hello.beacon-period", "S1", "It says so every 250 ms.", beacon_period, None, tries=3),
    Check(
        "hello.no-session", "S3", "Without a session, nothing but hello is answered.", without_session, None
    ),
    Check("hello.session-zero", "S2", "A hello of session 0 opens none.", hello_without_session, None),
    Check("hello.reply", "S2", "A hello is answered with what holds from now on.", hello_reply, None),
    Check(
        "hello.repeated",
        "S2",
        "The same hello again gets the very same answer, and resets nothing.",
        hello_repeated,
        None,
    ),
    Check("hello.resets", "S2", "A hello of another session resets everything.", hello_resets),
    Check("hello.stale", "S3", "Frames of another session are counted and dropped.", stale, GREETED),
    Check(
        "hello.stale-offence",
        "S3",
        "Even an illegal frame of another session is not answered.",
        stale_offence,
        GREETED,
    ),
    Check(
        "hello.smaller-offer", "S4", "The smaller offer holds for each direction.", smaller_offers, GREETED
    ),
    Check("hello.least-offer", "S4", "256 bytes are always possible.", least_offer, GREETED),
    Check("hello.line-time", "S4", "A frame takes at most 20 ms of the line.", line_time, GREETED),
    Check("hello.length-kept", "S4", "What the module sends fits what was agreed.", parts_fit, GREETED),
    Check(
        "hello.features",
        "S4",
        "Unknown features are ignored, and none is in force that was not offered.",
        features,
        GREETED,
    ),
    Check(
        "hello.unnegotiated",
        "S4",
        "A message of a feature that was not agreed on is unknown.",
        unnegotiated,
        GREETED,
    ),
    Check(
        "hello.versions",
        "J1",
        "A host of another major version gets the range that is spoken.",
        versions,
        GREETED,
    ),
    Check("hello.sequence-wrap", "S5", "A sequence that wraps is nothing special.", sequence_wrap, GREETED),
    Check("hello.lanes", "S4", "Only lanes that both ends have are used.", lanes, GREETED),
    Check(
        "hello.malformed",
        "J9",
        "A malformed hello is an offence, and changes nothing.",
        hello_malformed,
        GREETED,
    ),
)
