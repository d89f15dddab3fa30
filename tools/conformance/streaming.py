"""Streams: what is configured, credit, and the frames of an image."""

from dataclasses import replace

from laserlink.protocol.errors import ErrorCode
from laserlink.protocol.image_layout import ImageLayout
from laserlink.protocol.messages import control, image, link
from laserlink.protocol.states import ModuleState, StreamEnd
from laserlink.protocol.timers import NS_PER_S
from laserlink.tools.conformance.bench import Bench
from laserlink.tools.conformance.check import Check
from laserlink.tools.conformance.course import STREAM, in_state, modes, small_stream
from laserlink.tools.conformance.pictures import (
    Running,
    chunks_of,
    digests_in,
    digests_wanted,
    packed_of,
    start,
)

QUIET_MS = 250
START, DATA, DIGESTS = 0x41, 0x42, 0x43


def configured(bench: Bench) -> None:
    asked = small_stream(bench)
    mode = next(mode for mode in modes(bench) if mode.id == asked.mode_id)
    for bits in (bits for bits in (8, 10, 12, 14, 16) if mode.formats >> bits & 1):
        for width, height in ((asked.width, asked.height), (0, 0)):
            request = replace(asked, bits=bits, width=width, height=height)
            reply = bench.reply(request, image.StreamConfigured)
            size = (width or mode.width, height or mode.height)
            layout = ImageLayout(*size, bits, bench.agreed.to_host_bytes_max)
            wanted = (*size, layout.coded_bytes, layout.chunk_bytes, layout.frames)
            came = (reply.width, reply.height, reply.coded_bytes, reply.chunk_bytes, reply.frames_per_image)
            bench.expect(came == wanted, f"width, height, coded, chunk, frames {wanted}", str(came))


def configure_refusals(bench: Bench) -> None:
    asked = small_stream(bench)
    mode = modes(bench)[0]
    absent = next(number for number in range(255, 0, -1) if number not in {item.id for item in modes(bench)})
    bits = next(bits for bits in (16, 14, 9, 7) if not mode.formats >> bits & 1)
    for changes, code in (
        ({"mode_id": absent}, ErrorCode.UNKNOWN_MODE),
        ({"bits": bits}, ErrorCode.UNKNOWN_MODE),
        ({"width": mode.width + 4}, ErrorCode.VALUE_OUT_OF_RANGE),
        ({"width": 6}, ErrorCode.VALUE_OUT_OF_RANGE),
        ({"height": 3}, ErrorCode.VALUE_OUT_OF_RANGE),
        ({"x": 1}, ErrorCode.VALUE_OUT_OF_RANGE),
        ({"y": 1}, ErrorCode.VALUE_OUT_OF_RANGE),
        ({"x": 0xFFFE}, ErrorCode.VALUE_OUT_OF_RANGE),
        ({"channel": 0}, ErrorCode.UNKNOWN_STREAM),
        ({"channel": 1}, ErrorCode.UNKNOWN_STREAM),
        ({"channel": 15}, ErrorCode.UNKNOWN_STREAM),
    ):
        bench.refused(replace(asked, **changes), code)


def unconfigured(bench: Bench) -> None:
    bench.refused(image.StreamStart(channel=9), ErrorCode.UNKNOWN_STREAM, 9)
    bench.refused(image.StreamStop(channel=9), ErrorCode.UNKNOWN_STREAM, 9)
    bench.offended(bench.frame(link.Credit(5), 9), ErrorCode.UNKNOWN_STREAM, 9)
    in_state(bench, ModuleState.READY)


def running_twice(bench: Bench) -> None:
    bench.refused(image.StreamStart(channel=STREAM), ErrorCode.UNKNOWN_STREAM, STREAM)
    bench.refused(small_stream(bench), ErrorCode.UNKNOWN_STREAM, STREAM)
    in_state(bench, ModuleState.STREAMING)


def started(bench: Bench) -> None:
    running = start(bench)
    bench.expect(running.started.first_image_id == 1, "image 1", f"image {running.started.first_image_id}")
    bench.expect(running.started.channel == STREAM, f"channel {STREAM}", str(running.started.channel))
    wanted = bench.agreed.first_sequence
    came = running.started.first_sequence
    bench.expect(came == wanted, f"the first sequence of the session, {wanted}", str(came))


def _quiet(running: Running, sent: str, frames: int = 0) -> None:
    running.bench.run_for(QUIET_MS + running.configured.interval_us / 1000)
    came = len(running.frames())
    running.bench.note(sent, f"{frames} frames of images", f"{came} frames", came == frames)


def no_credit(bench: Bench) -> None:
    _quiet(start(bench), "no credit")


def whole_images_only(bench: Bench) -> None:
    running = start(bench)
    running.grant_frames(running.configured.frames_per_image - 1)
    _quiet(running, "credit for all frames of an image but one")
    running.grant_images(1)
    running.take_image()


def credit_kept(bench: Bench) -> None:
    """Two images of three are granted, and no more come."""
    running = start(bench, images=3)
    count = running.configured.frames_per_image
    running.grant_images(2)
    running.wait_frames(2 * count)
    _quiet(running, "credit for 2 images of 3", 2 * count)
    running.grant_images(1)
    _quiet(running, "an older credit, for 1 image", 2 * count)
    running.grant_images(3)
    running.wait_frames(3 * count)
    _quiet(running, "credit for 3 images", 3 * count)


def old_credit(bench: Bench) -> None:
    running = start(bench)
    running.grant_images(1)
    running.grant_frames(0)
    running.take_image()


def order(bench: Bench) -> None:
    running = start(bench)
    running.grant_images(1)
    frames = running.take_image()
    layout = running.layout
    kinds = [frame.type for frame in frames]
    wanted = [START] + [DATA] * layout.chunks + [DIGESTS] * layout.digest_frames
    bench.expect(
        kinds == wanted, f"start, {layout.chunks} chunks, digests", " ".join(f"{kind:02X}" for kind in kinds)
    )
    first = running.started.first_sequence
    sequences = [frame.sequence for frame in frames]
    run = [(first + at) % (1 << 32) for at in range(len(frames))]
    bench.expect(
        sequences == run,
        f"{len(run)} consecutive sequences from {first} on",
        f"{sequences[0]} to {sequences[-1]}",
    )


def start_frame(bench: Bench) -> None:
    running = start(bench)
    set_id = bench.reply(control.ControlGet(), control.ControlValues).set_id
    running.grant_images(1)
    message = image.ImageStart.decode(running.take_image()[0].payload)
    layout, asked = running.layout, running.asked
    wanted = (
        1,
        asked.bits,
        layout.width,
        layout.height,
        asked.mode_id,
        layout.coded_bytes,
        layout.decoded_bytes,
        layout.chunk_bytes,
    )
    came = (
        message.image_id,
        message.bits,
        message.width,
        message.height,
        message.mode_id,
        message.coded_bytes,
        message.decoded_bytes,
        message.chunk_bytes,
    )
    bench.expect(came == wanted, f"id, bits, size, mode, coded, decoded, chunk {wanted}", str(came))
    bench.expect(message.control_set_id >= set_id, f"set {set_id} or later", f"set {message.control_set_id}")
    levels = message.black_level < message.white_level < 1 << asked.bits
    bench.expect(
        levels, "black below white, within the format", f"{message.black_level}, {message.white_level}"
    )


def chunks(bench: Bench) -> None:
    running = start(bench)
    running.grant_images(1)
    found = chunks_of(running.take_image())
    layout = running.layout
    places = [(chunk.offset, len(chunk.chunk)) for chunk in found]
    wanted = [(at * layout.chunk_bytes, layout.chunk_length(at)) for at in range(layout.chunks)]
    wrong = next(
        (f"{have}, not {want}" for have, want in zip(places, wanted, strict=False) if have != want), ""
    )
    bench.expect(
        places == wanted,
        f"chunks of {layout.chunk_bytes} bytes, in order",
        wrong or f"{len(places)} chunks, all right",
    )
    ids = {chunk.image_id for chunk in found}
    bench.expect(ids == {1}, "image 1", str(ids))


def digests(bench: Bench) -> None:
    running = start(bench)
    running.grant_images(1)
    frames = running.take_image()
    whole, strips = digests_wanted(packed_of(frames, running.layout), running.layout)
    said_whole, said_strips = digests_in(frames)
    bench.expect(
        said_strips == strips,
        f"strips {[f'{item:016x}' for item in strips]}",
        str([f"{item:016x}" for item in said_strips]),
    )
    bench.expect(
        set(said_whole) == {whole}, f"image {whole:016x}", str([f"{item:016x}" for item in said_whole])
    )


def image_ids(bench: Bench) -> None:
    running = start(bench, images=3)
    running.grant_images(3)
    running.wait_frames(3 * running.configured.frames_per_image)
    ids = [item.image_id for item in bench.messages(running.mark, image.ImageStart)]
    bench.note("credit for 3 images", "images 1, 2, 3", str(ids), ids == [1, 2, 3])
    stamps = [item.timestamp_ns for item in bench.messages(running.mark, image.ImageStart)]
    bench.expect(stamps == sorted(set(stamps)), "timestamps that rise", str(stamps))
    bench.await_message(running.mark, image.StreamEnded, 3 * NS_PER_S)
    again = bench.reply(image.StreamStart(channel=STREAM), image.StreamStarted)
    bench.expect(again.first_image_id == 4, "image 4 next", f"image {again.first_image_id}")
    wanted = (running.started.first_sequence + 3 * running.configured.frames_per_image) % (1 << 32)
    bench.expect(again.first_sequence == wanted, f"from sequence {wanted} on", str(again.first_sequence))


def ended(bench: Bench) -> None:
    running = start(bench, images=2)
    running.grant_images(5)
    bench.await_message(running.mark, image.StreamEnded, 20 * NS_PER_S)
    found = bench.messages(running.mark, image.StreamEnded)
    wanted = image.StreamEnded(STREAM, StreamEnd.COMPLETE, running.started.request_id, 2)
    bench.note("StreamStart of 2 images", str(wanted), str(found[:1]), found[:1] == [wanted])
    in_state(bench, ModuleState.READY)
    count, frames = len(running.frames()), 2 * running.configured.frames_per_image
    bench.expect(count == frames, f"{frames} frames", f"{count} frames")


def stopped(bench: Bench) -> None:
    running = start(bench, images=0)
    running.grant_images(2)
    running.wait_frames(2 * running.configured.frames_per_image)
    reply = bench.reply(image.StreamStop(channel=STREAM), image.StreamStopped)
    bench.expect(
        (reply.channel, reply.images) == (STREAM, 2),
        f"channel {STREAM}, 2 images",
        f"channel {reply.channel}, {reply.images} images",
    )
    in_state(bench, ModuleState.READY)
    running.grant_images(4)
    _quiet(running, "credit after the stop", 2 * running.configured.frames_per_image)
    events = bench.messages(running.mark, image.StreamEnded)
    bench.expect(not events, "no StreamEnded: the host stopped it", str(events))
    bench.reply(image.StreamStart(channel=STREAM), image.StreamStarted)


CHECKS = (
    Check("streams.configured", "L5", "The reply says what each image will be.", configured),
    Check("streams.refusals", "I1", "What no mode offers is refused.", configure_refusals),
    Check("streams.unconfigured", "I2", "A stream that was not configured cannot be used.", unconfigured),
    Check(
        "streams.running",
        "I2",
        "A stream that runs can be neither started nor configured.",
        running_twice,
        ModuleState.STREAMING,
    ),
    Check(
        "streams.started",
        "I2",
        "The reply names the first image, and the first sequence.",
        started,
        ModuleState.GREETED,
    ),
    Check("streams.no-credit", "I3", "Without credit, nothing is sent.", no_credit, ModuleState.GREETED),
    Check(
        "streams.whole-images",
        "I3",
        "Credit that does not cover an image's last frame begins none.",
        whole_images_only,
        ModuleState.GREETED,
    ),
    Check(
        "streams.credit",
        "I3",
        "As many images come as credit was granted for.",
        credit_kept,
        ModuleState.GREETED,
    ),
    Check("streams.old-credit", "I3", "An older credit takes nothing back.", old_credit, ModuleState.GREETED),
    Check(
        "streams.order",
        "I4",
        "An image is a start, its chunks and its digests, in consecutive sequences.",
        order,
        ModuleState.GREETED,
    ),
    Check(
        "streams.start",
        "I4",
        "The start says what is needed to place the bytes.",
        start_frame,
        ModuleState.GREETED,
    ),
    Check(
        "streams.chunks",
        "L3",
        "Chunks are as long as they must be, and in order.",
        chunks,
        ModuleState.GREETED,
    ),
    Check(
        "streams.digests",
        "D1",
        "The digests are those of the bytes that were sent.",
        digests,
        ModuleState.GREETED,
    ),
    Check(
        "streams.image-ids",
        "I2",
        "Image ids and sequences count up, over streams as well.",
        image_ids,
        ModuleState.GREETED,
    ),
    Check(
        "streams.ended",
        "I7",
        "A stream that has sent its images ends, and says so.",
        ended,
        ModuleState.GREETED,
    ),
    Check(
        "streams.stopped",
        "I2",
        "A stopped stream sends nothing more, and can be started again.",
        stopped,
        ModuleState.GREETED,
    ),
)
