"""A stream of small images, taken apart frame by frame: what the checks of streams and resends share."""

from dataclasses import dataclass, field

from laserlink.protocol.digest import image_digest, strip_digests
from laserlink.protocol.errors import RemoteProtocolError
from laserlink.protocol.frame import Frame
from laserlink.protocol.image_layout import ImageLayout
from laserlink.protocol.messages import image
from laserlink.protocol.messages.link import Credit
from laserlink.protocol.states import ModuleState
from laserlink.protocol.timers import NS_PER_S
from laserlink.tools.conformance.bench import Bench
from laserlink.tools.conformance.check import Mismatch, Skip
from laserlink.tools.conformance.course import STREAM, reach, small_hello, small_stream
from laserlink.tools.conformance.watch import Heard

# A sensor may need to be exposed, read out and rendered; a slow line needs its time as well.
IMAGE_NS = 20 * NS_PER_S
CHUNKS_MIN = 8


@dataclass
class Running:
    """A stream that has been started, and what came of it."""

    bench: Bench
    configured: image.StreamConfigured
    started: image.StreamStarted
    mark: int
    layout: ImageLayout
    asked: image.StreamConfigure
    granted: int = 0
    credits: list[int] = field(default_factory=list)

    def grant_frames(self, frames: int) -> None:
        """Credit for so many frames from the first on."""
        sequence = (self.started.first_sequence + frames - 1) % (1 << 32)
        self.credits.append(sequence)
        self.bench.send(Credit(sequence), STREAM)

    def grant_images(self, images: int) -> None:
        self.granted = images
        self.grant_frames(images * self.configured.frames_per_image)

    def frames(self) -> list[Heard]:
        """Every frame of the stream's images that came, in the order in which they came."""
        kinds = (image.ImageStart, image.ImageData, image.ImageDigests)
        return [item for item in self.bench.since(self.mark, *kinds) if item.frame.channel == STREAM]

    def wait_frames(self, count: int, ns: int = IMAGE_NS) -> bool:
        return self.bench.run_until(lambda: len(self.frames()) >= count, ns)

    def take_image(self) -> list[Frame]:
        """The frames of the next image that was granted, whole. Raises Mismatch."""
        count = self.configured.frames_per_image
        self.wait_frames(count)
        found = [item.frame for item in self.frames()]
        came = f"{len(found)} frames"
        self.bench.note(
            f"Credit for {self.granted} images", f"{count} frames of the image", came, len(found) >= count
        )
        return found[:count]


def start(bench: Bench, images: int = 1, **changes: int) -> Running:
    """A session with short frames, and a stream of small images in it, without credit yet."""
    reach(bench, ModuleState.READY, small_hello)
    asked = small_stream(bench, **changes)
    configured = bench.reply(asked, image.StreamConfigured)
    layout = ImageLayout(configured.width, configured.height, asked.bits, bench.agreed.to_host_bytes_max)
    mark = len(bench.heard)
    started = bench.reply(image.StreamStart(channel=STREAM, images=images), image.StreamStarted)
    return Running(bench, configured, started, mark, layout, asked)


def start_many_chunks(bench: Bench, images: int = 1) -> Running:
    """The same, of images with chunks enough to ask for some of them."""
    running = start(bench, images)
    if running.layout.chunks < CHUNKS_MIN:
        raise Skip(f"the smallest images have {running.layout.chunks} chunks, {CHUNKS_MIN} are needed")
    return running


def chunks_of(frames: list[Frame]) -> list[image.ImageData]:
    kind = 0x42
    return [image.ImageData.decode(frame.payload) for frame in frames if frame.type == kind]


def packed_of(frames: list[Frame], layout: ImageLayout) -> bytes:
    """The packed image. Raises Mismatch when bytes of it are missing."""
    packed, covered = bytearray(layout.coded_bytes), 0
    for chunk in chunks_of(frames):
        packed[chunk.offset : chunk.offset + len(chunk.chunk)] = chunk.chunk
        covered += len(chunk.chunk)
    if covered != layout.coded_bytes or len(packed) != layout.coded_bytes:
        raise Mismatch(f"{covered} bytes of {layout.coded_bytes} came")
    return bytes(packed)


def digests_wanted(packed: bytes, layout: ImageLayout) -> tuple[int, list[int]]:
    """What the digests of an image are: of the whole, and of its strips."""
    strips = strip_digests(packed, layout.strip_bytes)
    return image_digest(strips, layout.coded_bytes), strips


def digests_in(frames: list[Frame]) -> tuple[list[int], list[int]]:
    """What the frames say: digests of the whole, and of the strips in order."""
    found = []
    for frame in frames:
        if frame.type == 0x43:
            try:
                found.append(image.ImageDigests.decode(frame.payload))
            except RemoteProtocolError:
                continue
    found.sort(key=lambda item: item.first_strip)
    return [item.image_digest for item in found], [digest for item in found for digest in item.digests]
