"""The fuzz target of the image path: the fast path and the slow path agree."""

from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any, Self
from zlib import adler32

import numpy as np

from laserlink.cext import kernels
from laserlink.protocol import catalogue, image_path
from laserlink.protocol.connection import Connection, Role
from laserlink.protocol.errors import OutOfBounds
from laserlink.protocol.frame import Frame
from laserlink.protocol.limits import FRAME_BYTES_MAX, PAYLOAD_BYTES_MAX
from laserlink.protocol.messages.image import ImageData
from laserlink.protocol.messages.layout import Record
from laserlink.protocol.messages.link import LaneOffer
from laserlink.protocol.raw import WIDTHS, group_bytes, group_pixels
from laserlink.protocol.states import HostState, LaneDirection, LaneKind, LineCoding
from laserlink.protocol.timers import NS_PER_S
from laserlink.tools import vectors
from laserlink.tools.fuzzing import mutators
from laserlink.tools.fuzzing.oracles import pieces_of, require
from laserlink.tools.fuzzing.target import Features, Target, short_of

IMAGES_BYTES = 320
SESSION = vectors.SESSION
CHANNEL = 2
CHUNKS = 5
# Pixel groups in a chunk: one cache line of pixels and more, or less than one.
CHUNK_GROUPS = (32, 8)
FORMATS = tuple((bits, groups) for groups in CHUNK_GROUPS for bits in WIDTHS)
LANES = (LaneOffer(0, LaneKind.SIDEBAND, LaneDirection.BOTH, LineCoding.NONE, 0, 0),)


@dataclass(frozen=True)
class Shape:
    """Sizes of the images of the target: chunks of whole words and groups, the last one shorter."""

    bits: int
    chunk_groups: int

    @property
    def chunk_bytes(self) -> int:
        return group_bytes(self.bits) * self.chunk_groups

    @property
    def coded_bytes(self) -> int:
        return self.chunk_bytes * CHUNKS - group_bytes(self.bits) * (self.chunk_groups // 2)

    @property
    def pixels(self) -> int:
        return self.coded_bytes // group_bytes(self.bits) * group_pixels(self.bits)


class Receiver:
    """A host's connection with two open images; `fast` has the kernel's path before the framer's."""

    state = HostState.STREAMING

    def __init__(self, shape: Shape, *, fast: bool) -> None:
        self.connection = Connection(Role.HOST, LANES)
        self.connection.open(SESSION, 0)
        self.connection.in_bytes_max = FRAME_BYTES_MAX
        self.fast = fast
        slot = kernels.Slot if kernels is not None and fast else image_path.Slot
        self.arrays = [
            (
                np.zeros(shape.pixels, np.uint16),
                np.zeros(CHUNKS, np.uint8),
                np.zeros((-(-CHUNKS // 2), 2), np.uint64),
            )
            for _ in range(2)
        ]
        strip_bytes = 2 * shape.chunk_bytes
        self.slots = [
            slot(CHANNEL, number, shape.bits, shape.chunk_bytes, shape.coded_bytes, strip_bytes, *arrays)
            for number, arrays in enumerate(self.arrays, 1)
        ]
        self.seen: list[tuple[int, ...]] = []

    def take_images(self, view: memoryview) -> int:
        if kernels is None or not self.fast:
            return 0
        taken: int = kernels.receive_images(view, SESSION, PAYLOAD_BYTES_MAX, self.slots)
        require(0 <= taken <= len(view), "the kernel takes what it was shown", taken)
        return taken

    def feed(self, pieces: list[bytes]) -> Self:
        """Take a stream in pieces, and give up what is left at the end."""
        for piece in pieces:
            received = self.connection.receive(LaneKind.SIDEBAND, piece, 0, self, self.take_images)
            for item in received:
                self._take(item.frame, item.message)
        for item in self.connection.on_deadline(NS_PER_S, self):
            self._take(item.frame, item.message)
        return self

    def _take(self, frame: Frame, message: Record) -> None:
        if not isinstance(message, ImageData):
            self.seen.append((frame.type, frame.channel, frame.sequence, len(frame.payload)))
            return
        slots = [
            slot for slot in self.slots if (slot.channel, slot.image_id) == (frame.channel, message.image_id)
        ]
        try:
            for slot in slots:
                slot.place(message.offset, message.chunk)
        except ValueError as error:
            offence = OutOfBounds(str(error), message.offset)
            self.connection.offend(frame, offence, 0)

    def facts(self) -> dict[str, Any]:
        """All that must not depend on the path, nor on how the stream was cut."""
        counters = self.connection.counters
        answers = []
        while wire := self.connection.next_frame(LaneKind.SIDEBAND):
            answers.append(wire)
        return {
            "pictures": [picture.tobytes() for picture, _, _ in self.arrays],
            "present": [present.tobytes() for _, present, _ in self.arrays],
            "sums": [sums.tobytes() for _, _, sums in self.arrays],
            "frames": [(slot.frames, slot.duplicates) for slot in self.slots],
            "messages": self.seen,
            "bad": dict(counters.bad),
            "offences": dict(counters.offences),
            "stale": counters.frames_stale,
            "bytes": counters.bytes_received,
            "answers": answers,
        }


def run_images(data: bytes) -> Features:
    """Byte 0 chooses RAW format and chunk, the rest is a stream: fast and slow path agree, in any cut."""
    if not data:
        return frozenset()
    shape, stream = Shape(*FORMATS[data[0] % len(FORMATS)]), data[1:]
    seed = adler32(data)
    size = 1 + seed // 2 % (len(stream) + 1)
    pieces = [stream] if seed % 2 else pieces_of(stream, size)
    slow, fast = (
        receiver.feed(what).facts()
        for receiver, what in ((Receiver(shape, fast=False), [stream]), (Receiver(shape, fast=True), pieces))
    )
    for name, value in slow.items():
        require(fast[name] == value, f"fast and slow path agree on {name}", len(pieces))
    words = {f"chunks {sum(map(sum, slow['present']))}", f"twice {sum(twice for _, twice in slow['frames'])}"}
    return frozenset(
        words | {*slow["bad"], *slow["offences"], f"{shape} {len(slow['messages']).bit_length()}"}
    )


@cache
def image_seeds() -> list[bytes]:
    """Two images of each format in order, and a stream that also holds what belongs to no image."""
    found = []
    for index, (bits, groups) in enumerate(FORMATS):
        shape = Shape(bits, groups)
        packed = Random(bits).randbytes(shape.coded_bytes)
        offsets = range(0, shape.coded_bytes, shape.chunk_bytes)
        wires = [
            image_frame(number, offset, packed[offset : offset + shape.chunk_bytes])
            for number in (1, 2)
            for offset in offsets
        ]
        found.append(bytes((index,)) + b"".join(wires[:CHUNKS]))
        others = [mutators.repair(wire[:8] + SESSION.to_bytes(4, "little") + wire[12:])
                  for wire in mutators.examples() if len(wire) < 128]  # fmt: skip
        mixed = [*wires[CHUNKS:-1], *others[index :: len(FORMATS)], wires[-1]]
        found.append(bytes((index,)) + b"".join(mixed)[:FRAME_BYTES_MAX])
    return found


def image_frame(image_id: int, offset: int, chunk: bytes) -> bytes:
    payload = bytes(ImageData(image_id, offset, chunk))
    return bytes(Frame(catalogue.IMAGE_DATA, CHANNEL, SESSION, offset, payload))


def mutate_images(data: bytes, random: Random, size_max: int) -> bytes:
    """Changes to the stream; now and then it is read as another format."""
    head = data[:1] if data and random.random() < 0.95 else bytes((random.randrange(len(FORMATS)),))
    return head + mutators.mutate_stream(data[1:], random, short_of(size_max, IMAGES_BYTES, random) - 1)


IMAGES = Target(
    "images", "the fast and the slow image path agree", run_images, image_seeds, mutate_images, 8192
)
