"""One image being put together: what came, what is missing, what to ask for, and whether it is true."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from laserlink.host_driver.pictures import PicturePool
from laserlink.host_driver.shot import Gap
from laserlink.protocol import _accel
from laserlink.protocol.digest import digests_of_sums, image_digest
from laserlink.protocol.errors import MalformedPayload, OutOfBounds
from laserlink.protocol.image_layout import ImageLayout
from laserlink.protocol.limits import RESEND_RANGES_MAX, RESEND_TRIES
from laserlink.protocol.messages.image import ImageData, ImageDigests, ImageStart, Range, Resend, Wanted


@dataclass(frozen=True, eq=False)
class ImageDone:
    """Event: an image is finished. `picture` is uint16 (height, width); no `gaps`: every strip is true."""

    channel: int
    image_id: int
    picture: NDArray[np.uint16]
    layout: ImageLayout
    start: ImageStart | None
    gaps: tuple[Gap, ...]
    chunks_received: int
    chunks_resent: int
    duplicates: int
    first_ns: int
    done_ns: int

    def __deepcopy__(self, memo: dict[int, Any]) -> "ImageDone":
        return self


class Assembly:
    """An image on its way in.

    Memory: the picture, one byte a chunk twice, 16 bytes a strip. Everything is bounded by the layout that
    the module announced when the stream was configured, never by what a frame says.
    """

    def __init__(
        self, channel: int, image_id: int, layout: ImageLayout, now: int, pictures: PicturePool
    ) -> None:
        self.channel = channel
        self.image_id = image_id
        self.layout = layout
        self.picture = pictures.take(layout.pixels)
        self._present = np.zeros(layout.chunks, np.uint8)
        self._sums = np.zeros((layout.strips, 2), np.uint64)
        self._tries = np.zeros(layout.chunks, np.uint8)
        self._digests: list[int | None] = [None] * layout.strips
        self._wrong: set[int] = set()
        self._special_tries = 0
        self._image_digest: int | None = None
        self.slot = _accel.Slot(
            channel,
            image_id,
            layout.bits,
            layout.chunk_bytes,
            layout.coded_bytes,
            layout.strip_bytes,
            self.picture,
            self._present,
            self._sums,
        )
        self.start: ImageStart | None = None
        self.first_ns = now
        self.check_ns = now
        self.progressed(now)
        self.resent = 0
        self._seen = 0

    # --- what arrives ---

    def progressed(self, now: int) -> None:
        """Something of it came: what was asked for before says nothing of what is missing from now on."""
        self.progress_ns = now
        self.asked_ns: int | None = None
        self.answered_ns: int | None = None

    def take_start(self, start: ImageStart) -> None:
        """Raises MalformedPayload when the image is not what the stream was configured for."""
        layout = self.layout
        announced = (
            start.width,
            start.height,
            start.bits,
            start.coded_bytes,
            start.decoded_bytes,
            start.chunk_bytes,
        )
        expected = (
            layout.width,
            layout.height,
            layout.bits,
            layout.coded_bytes,
            layout.decoded_bytes,
            layout.chunk_bytes,
        )
        if announced != expected:
            raise MalformedPayload(
                f"image {start.image_id} is not what the stream was configured for", start.image_id
            )
        self.start = start

    def place(self, data: ImageData) -> None:
        """Raises OutOfBounds for a chunk that is not one of this image's."""
        try:
            self.slot.place(data.offset, data.chunk)
        except ValueError as error:
            raise OutOfBounds(str(error), data.offset) from None

    def take_digests(self, message: ImageDigests) -> None:
        """Raises OutOfBounds for strips that the image does not have."""
        end = message.first_strip + len(message.digests)
        if end > self.layout.strips:
            raise OutOfBounds(f"digests up to strip {end} of {self.layout.strips}", end)
        self._digests[message.first_strip : end] = message.digests
        self._image_digest = message.image_digest

    def seen_progress(self) -> bool:
        """Whether the fast path placed chunks since this was last asked."""
        before, self._seen = self._seen, self.slot.frames
        return self._seen != before

    # --- what is missing ---

    @property
    def closed(self) -> bool:
        """Whether the frame that ends an image has come."""
        return self._digests[-1] is not None

    @property
    def all_here(self) -> bool:
        return (
            self.start is not None
            and None not in self._digests
            and self.slot.frames >= self.layout.chunks
            and bool(self._present.all())
        )

    def verify(self) -> bool:
        """With all chunks here: drop strips whose digest is wrong, to be asked for again; True when none is.

        A strip that is wrong for the second time stays, as a gap.
        """
        first_time = [strip for strip in self._strips_wrong() if strip not in self._wrong]
        self._wrong.update(first_time)
        for strip in first_time:
            chunks = self.layout.strip_chunks(strip)
            self._present[chunks] = 0
            self._tries[chunks] = 0
            self._sums[strip] = 0
            self.slot.frames -= chunks.stop - chunks.start
        return not first_time

    def _strips_wrong(self) -> list[int]:
        """Strips that nobody can say are right; all of them when only the digest of the whole is wrong."""
        lengths = np.full(self.layout.strips, self.layout.strip_bytes, np.uint64)
        lengths[-1] = self.layout.strip_length(self.layout.strips - 1)
        computed = digests_of_sums(self._sums, lengths)
        wrong = [strip for strip, digest in enumerate(computed) if digest != self._digests[strip]]
        if not wrong and image_digest(computed, self.layout.coded_bytes) != self._image_digest:
            return list(range(self.layout.strips))
        return wrong

    def missing_chunks(self) -> NDArray[np.intp]:
        """Indices of the chunks that have not come."""
        return np.flatnonzero(self._present == 0)

    def request(self, *, tail: bool) -> Resend | None:
        """What to ask for now: what is missing before the last chunk seen, or everything when `tail`.

        Each chunk is asked for at most five times, at most a quarter of the image at once; None when there
        is nothing to ask for. What a module that stands still was asked for does not count: it heard nothing.
        """
        counted = self.asked_ns is None or self.answered_ns is not None
        missing = np.flatnonzero((self._present == 0) & (self._tries < RESEND_TRIES))
        if not (tail or self.closed):
            seen = np.flatnonzero(self._present)
            missing = missing[missing < (seen[-1] if len(seen) else 0)]
        missing = missing[: max(1, -(-self.layout.chunks // 4))]
        ranges = self._ranges(missing)
        special = self._special(tail=tail)
        if not ranges and not special:
            return None
        for item in ranges:
            first = item.offset // self.layout.chunk_bytes
            count = -(-item.length // self.layout.chunk_bytes)
            self._tries[first : first + count] += counted
            self.resent += count
        self._special_tries += bool(special) and counted
        return Resend(self.image_id, special, ranges)

    def _special(self, *, tail: bool) -> Wanted:
        """Start and digests, when they are missed."""
        wanted = Wanted.NONE
        if self._special_tries >= RESEND_TRIES:
            return wanted
        if self.start is None:
            wanted |= Wanted.START
        if None in self._digests and (tail or self.closed):
            wanted |= Wanted.DIGESTS
        return wanted

    def _ranges(self, chunks: NDArray[np.intp]) -> tuple[Range, ...]:
        """Runs of chunks as byte ranges, as many as one request holds."""
        if not len(chunks):
            return ()
        breaks = np.flatnonzero(np.diff(chunks) > 1) + 1
        runs = np.split(chunks, breaks)[:RESEND_RANGES_MAX]
        return tuple(Range(*self._span(int(run[0]), int(run[-1]))) for run in runs)

    def _span(self, first: int, last: int) -> tuple[int, int]:
        offset = first * self.layout.chunk_bytes
        return offset, last * self.layout.chunk_bytes + self.layout.chunk_length(last) - offset

    # --- the end ---

    def finish(self, now: int) -> ImageDone:
        """Hand the image over as it is: gaps are zeroed and listed, never silently padded.

        A strip whose digest was wrong is a gap as a whole until it holds, however much of it came again.
        """
        untrusted = [strip for strip in self._strips_wrong() if strip in self._wrong or self._is_here(strip)]
        gaps = [self._strip_gap(strip) for strip in untrusted]
        gaps += [
            Gap(*self._span(int(run[0]), int(run[-1])), "missing") for run in self._missing_runs(untrusted)
        ]
        for gap in gaps:
            first = gap.offset * 8 // self.layout.bits
            self.picture[first : first + gap.length * 8 // self.layout.bits] = 0
        if self.start is None and not gaps:
            # The pixels may be true, but nobody knows their levels, or when and how they were taken.
            gaps = [Gap(0, self.layout.coded_bytes, "no start frame: levels and time unknown")]
        gaps.sort(key=lambda gap: gap.offset)
        shape = (self.layout.height, self.layout.width)
        return ImageDone(
            self.channel,
            self.image_id,
            self.picture.reshape(shape),
            self.layout,
            self.start,
            tuple(gaps),
            int(np.count_nonzero(self._present)),
            self.resent,
            self.slot.duplicates,
            self.first_ns,
            now,
        )

    def _is_here(self, strip: int) -> bool:
        return bool(self._present[self.layout.strip_chunks(strip)].all())

    def _missing_runs(self, apart_from: list[int]) -> list[NDArray[np.intp]]:
        """Runs of chunks that have not come, in all strips but some."""
        absent = self._present == 0
        for strip in apart_from:
            absent[self.layout.strip_chunks(strip)] = False
        missing = np.flatnonzero(absent)
        return np.split(missing, np.flatnonzero(np.diff(missing) > 1) + 1) if len(missing) else []

    def _strip_gap(self, strip: int) -> Gap:
        reason = "no digest" if self._digests[strip] is None else "wrong digest"
        return Gap(strip * self.layout.strip_bytes, self.layout.strip_length(strip), reason)


def start_of(done: ImageDone) -> ImageStart:
    """The start frame of an image, or what the stream's configuration says when it never came."""
    if done.start is not None:
        return done.start
    layout = done.layout
    return replace(
        ImageStart(), image_id=done.image_id, bits=layout.bits, width=layout.width, height=layout.height,
        coded_bytes=layout.coded_bytes, decoded_bytes=layout.decoded_bytes, chunk_bytes=layout.chunk_bytes,
        exposure_us=0, black_level=0, white_level=(1 << layout.bits) - 1,
    )  # fmt: skip
