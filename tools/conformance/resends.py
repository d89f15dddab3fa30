"""Resends: what was sent can be asked for again, for a while."""

from laserlink.protocol.errors import ErrorCode
from laserlink.protocol.messages import image, link
from laserlink.protocol.messages.image import Range, Resend, Wanted
from laserlink.protocol.states import ModuleState
from laserlink.protocol.timers import NS_PER_MS, NS_PER_S, RETENTION_NS
from laserlink.tools.conformance.bench import Bench, listed
from laserlink.tools.conformance.check import Check
from laserlink.tools.conformance.course import STREAM
from laserlink.tools.conformance.framing import SLACK_MS
from laserlink.tools.conformance.pictures import Running, start_many_chunks


def _sent(bench: Bench) -> tuple[Running, list[bytes]]:
    """A stream of one image more than was sent, so that it goes on; and the frames of that image."""
    bench.need_feature(link.Features.RESEND)
    running = start_many_chunks(bench, images=0)
    running.grant_images(1)
    return running, [bytes(frame) for frame in running.take_image()]


def _again(running: Running, resend: Resend, wanted: list[bytes], what: str) -> None:
    """Ask, and demand exactly these frames."""
    bench, before = running.bench, len(running.frames())
    bench.send(resend, STREAM)
    running.wait_frames(before + len(wanted), 3 * NS_PER_S)
    bench.echo()
    bench.run_for(20)
    came = [bytes(item.frame) for item in running.frames()[before:]]
    same = sum(item in wanted for item in came)
    text = f"{len(came)} frames, {same} of them bit-identical to what was asked for"
    bench.note(
        f"Resend of {what}", f"{len(wanted)} frames, bit-identical", text, sorted(came) == sorted(wanted)
    )


def start_again(bench: Bench) -> None:
    running, frames = _sent(bench)
    _again(running, Resend(1, Wanted.START), frames[:1], "the start")


def digests_again(bench: Bench) -> None:
    running, frames = _sent(bench)
    _again(running, Resend(1, Wanted.DIGESTS), frames[-running.layout.digest_frames :], "the digests")


def chunks_again(bench: Bench) -> None:
    running, frames = _sent(bench)
    size = running.layout.chunk_bytes
    _again(running, Resend(1, 0, (Range(size, size),)), frames[2:3], "chunk 1")
    _again(running, Resend(1, 0, (Range(0, 2 * size),)), frames[1:3], "chunks 0 and 1")


def several_ranges(bench: Bench) -> None:
    running, frames = _sent(bench)
    size = running.layout.chunk_bytes
    wanted = [frames[0], frames[1], frames[4], frames[-1]]
    ranges = (Range(0, size), Range(3 * size, size))
    both = Wanted.START | Wanted.DIGESTS
    _again(running, Resend(1, both, ranges), wanted, "start, chunks 0 and 3, digests")


def last_chunk(bench: Bench) -> None:
    running, frames = _sent(bench)
    layout = running.layout
    last = layout.chunks - 1
    part = Range(last * layout.chunk_bytes, layout.chunk_length(last))
    _again(
        running,
        Resend(1, 0, (part,)),
        frames[layout.chunks : layout.chunks + 1],
        "the last chunk, which is shorter",
    )


def unknown_bits(bench: Bench) -> None:
    running, frames = _sent(bench)
    _again(running, Resend(1, 0xFC | Wanted.START), frames[:1], "the start, with unknown bits in `wanted`")


def refusals(bench: Bench) -> None:
    bench.let_errors_rest()
    running, _ = _sent(bench)
    layout, size = running.layout, running.layout.chunk_bytes
    quarter = -(-layout.chunks // 4)
    before = len(running.frames())
    for what, ranges, code in (
        (
            "a chunk more than a quarter of the image",
            (Range(0, (quarter + 1) * size),),
            ErrorCode.LIMIT_EXCEEDED,
        ),
        ("an offset inside a chunk", (Range(1, size),), ErrorCode.OUT_OF_BOUNDS),
        ("bytes behind the end", (Range((layout.chunks - 1) * size, 2 * size),), ErrorCode.OUT_OF_BOUNDS),
        ("an offset behind the end", (Range(1 << 40, size),), ErrorCode.OUT_OF_BOUNDS),
        ("no bytes", (Range(0, 0),), ErrorCode.OUT_OF_BOUNDS),
    ):
        bench.offended(bench.frame(Resend(1, 0, ranges), STREAM), code, None, f"Resend of {what}")
        bench.send(Resend(1, Wanted.START), STREAM)
        bench.run_for(5)
    bench.expect(True, "none of it is sent", f"{len(running.frames()) - before} frames, the start among them")


def not_begun(bench: Bench) -> None:
    running, _ = _sent(bench)
    before = len(running.frames())
    frame = bench.frame(Resend(2, Wanted.START), STREAM)
    bench.ignored(bytes(frame), "Resend of an image that has not begun")
    bench.expect(len(running.frames()) == before, "nothing", f"{len(running.frames()) - before} frames")


def gone(bench: Bench) -> None:
    running, frames = _sent(bench)
    kept = bench.extended_ms(RETENTION_NS, bench.image_lane)
    bench.run_for(2 * kept + SLACK_MS)
    before, mark = len(running.frames()), len(bench.heard)
    bench.send(Resend(1, Wanted.START), STREAM)
    bench.await_message(mark, image.ImageGone, NS_PER_S)
    found = bench.since(mark, image.ImageGone)
    bench.note(
        f"Resend long after the {kept:.0f} ms for which images are kept",
        "ImageGone",
        listed(found),
        len(found) == 1,
    )
    message = image.ImageGone.decode(found[0].frame.payload)
    last = int.from_bytes(frames[-1][12:16], "little")
    bench.expect(message.image_id == 1, "image 1", f"image {message.image_id}")
    bench.expect(
        found[0].frame.sequence == last, f"the last sequence in use, {last}", str(found[0].frame.sequence)
    )
    bench.expect(
        len(running.frames()) == before, "no frame of it", f"{len(running.frames()) - before} frames"
    )


def kept(bench: Bench) -> None:
    """Asked for once more just before the time is over."""
    running, frames = _sent(bench)
    last = running.frames()[-1].at_ns
    limit = bench.extended_ms(RETENTION_NS, bench.image_lane)
    bench.run_for(0.6 * limit - (bench.now - last) / NS_PER_MS)
    _again(
        running, Resend(1, Wanted.START), frames[:1], f"the start, {0.6 * limit:.0f} ms after the last frame"
    )


def without_credit(bench: Bench) -> None:
    """The credit is used up, and what is asked for again comes all the same; new frames do not."""
    running, frames = _sent(bench)
    size = running.layout.chunk_bytes
    for _ in range(3):
        _again(running, Resend(1, 0, (Range(0, size),)), frames[1:2], "chunk 0, without credit left")
    running.grant_images(2)
    count = len(running.frames())
    running.wait_frames(count + running.configured.frames_per_image)
    sequences = [item.frame.sequence for item in running.frames()[count:]]
    first = (running.started.first_sequence + running.configured.frames_per_image) % (1 << 32)
    bench.expect(sequences[:1] == [first], f"the next image from sequence {first} on", str(sequences[:1]))


CHECKS = (
    Check(
        "resends.start",
        "I5",
        "The start of an image comes again, bit-identical.",
        start_again,
        ModuleState.GREETED,
        tries=2,
    ),
    Check(
        "resends.digests",
        "I5",
        "Its digests come again, bit-identical.",
        digests_again,
        ModuleState.GREETED,
        tries=2,
    ),
    Check(
        "resends.chunks",
        "I5",
        "Chunks come again, bit-identical.",
        chunks_again,
        ModuleState.GREETED,
        tries=2,
    ),
    Check(
        "resends.ranges",
        "I5",
        "Several ranges are asked for at once.",
        several_ranges,
        ModuleState.GREETED,
        tries=2,
    ),
    Check(
        "resends.last-chunk",
        "I5",
        "The last chunk comes again as short as it is.",
        last_chunk,
        ModuleState.GREETED,
        tries=2,
    ),
    Check(
        "resends.unknown-bits",
        "P2",
        "Bits of `wanted` that nobody knows are ignored.",
        unknown_bits,
        ModuleState.GREETED,
        tries=2,
    ),
    Check(
        "resends.refusals",
        "I5",
        "More than a quarter, or what is no whole chunk, is refused.",
        refusals,
        ModuleState.GREETED,
        tries=2,
    ),
    Check(
        "resends.not-begun",
        "I5",
        "Of an image that has not begun, nothing is said.",
        not_begun,
        ModuleState.GREETED,
        tries=2,
    ),
    Check("resends.gone", "I5", "An image that is kept no more is gone.", gone, ModuleState.GREETED, tries=2),
    Check("resends.kept", "I5", "An image is kept for a while.", kept, ModuleState.GREETED, tries=4),
    Check(
        "resends.no-credit",
        "I3",
        "Resends need no credit, and use none.",
        without_credit,
        ModuleState.GREETED,
        tries=2,
    ),
)
