"""Image family: configure, start, stop; the image itself; resends."""

from dataclasses import dataclass
from enum import IntEnum, IntFlag

from construct import Int64ul

from laserlink.protocol.limits import RESEND_RANGES_MAX
from laserlink.protocol.messages.layout import (
    Event,
    Record,
    Reply,
    Request,
    array,
    enum,
    rest,
    u8,
    u16,
    u32,
    u64,
)
from laserlink.protocol.states import StreamEnd


class Encoding(IntEnum):
    """How pixels become bytes."""

    PACKED = 0


class DigestKind(IntEnum):
    """Which digest the strips carry; docs/decisions/0001-image-digest.md."""

    WEYL64 = 1


class Wanted(IntFlag):
    """What a resend asks for besides ranges."""

    NONE = 0
    START = 1
    DIGESTS = 2


class StreamChange(IntEnum):
    """Why a stream goes on differently."""

    DERATED = 1
    RESTORED = 2


@dataclass(frozen=True, slots=True)
class ImageStart(Record):
    """Opens an image: what is needed to place its bytes, and when and how it was taken."""

    image_id: int = u32("counts images of the channel, from 1", default=1)
    bits: int = u8("8, 10, 12, 14 or 16: RAW format", "bits", 12)
    width: int = u16("a multiple of 4", "pixels", 11648)
    height: int = u16("even", "pixels", 8736)
    mode_id: int = u8("how the sensor was read", default=1)
    encoding: Encoding = enum(Encoding, "0: packed as MIPI CSI-2 does", Encoding.PACKED)
    coded_bytes: int = u64("of all chunks together", "bytes", 152635392)
    decoded_bytes: int = u64("of the unpacked uint16 pixels", "bytes", 203513856)
    chunk_bytes: int = u16("of every chunk but the last", "bytes", 4032)
    timestamp_ns: int = u64("start of the exposure of the first line, on the module's clock", "ns")
    exposure_us: int = u32("of each line", "us", 10_000)
    control_set_id: int = u32("the set of controls that was in force")
    black_level: int = u16("in this format", "DN", 256)
    white_level: int = u16("in this format", "DN", 4095)
    digest_kind: DigestKind = enum(DigestKind, "which digest the strips carry", DigestKind.WEYL64)


@dataclass(frozen=True, slots=True)
class ImageData(Record):
    """One chunk: a whole number of pixel groups, placed by its offset."""

    image_id: int = u32("of the image", default=1)
    offset: int = u64("of the chunk in the packed image", "bytes")
    chunk: bytes = rest("packed pixels")


@dataclass(frozen=True, slots=True)
class ImageDigests(Record):
    """Digests of consecutive strips, and of the whole image; the last of them closes the image."""

    image_id: int = u32("of the image", default=1)
    image_digest: int = u64("of the whole image")
    first_strip: int = u16("index of the first digest here")
    digests: tuple[int, ...] = array(Int64ul, 255, "one for each strip of at most 1 MB")


@dataclass(frozen=True, slots=True)
class ImageGone(Record):
    """What was asked for is no longer kept. Takes no credit: its sequence is the last one in use."""

    image_id: int = u32("of the image", default=1)


@dataclass(frozen=True, slots=True)
class Range(Record):
    """Bytes of a packed image."""

    offset: int = u64("a multiple of chunk_bytes", "bytes")
    length: int = u32("up to the next chunk boundary", "bytes")


@dataclass(frozen=True, slots=True)
class Resend(Record):
    """The host asks for what it lacks: at most a quarter of an image at once."""

    image_id: int = u32("of the image", default=1)
    wanted: int = u8("bit 0 the start, bit 1 the digests; others are ignored")
    ranges: tuple[Range, ...] = array(Range, RESEND_RANGES_MAX, "of the packed image")


@dataclass(frozen=True, slots=True)
class StreamConfigure(Request):
    """The host says what a stream shall carry. Width and height 0: the whole mode."""

    channel: int = u8("2 to 14", default=2)
    mode_id: int = u8("of the descriptor", default=1)
    bits: int = u8("8, 10, 12, 14 or 16", "bits", 12)
    x: int = u16("origin of the region in the mode, even", "pixels")
    y: int = u16("origin of the region in the mode, even", "pixels")
    width: int = u16("a multiple of 4; 0 for the whole mode", "pixels")
    height: int = u16("even; 0 for the whole mode", "pixels")


@dataclass(frozen=True, slots=True)
class StreamConfigured(Reply):
    """What each image of the stream will be."""

    channel: int = u8("of the stream", default=2)
    width: int = u16("of each image", "pixels", 11648)
    height: int = u16("of each image", "pixels", 8736)
    coded_bytes: int = u64("of each image", "bytes", 152635392)
    chunk_bytes: int = u16("of every chunk but the last", "bytes", 4032)
    frames_per_image: int = u32("start, chunks and digests", "frames", 37858)
    interval_us: int = u32("from one image to the next", "us", 150_000)
    draw_ma: int = u16("what the module then draws, all in all", "mA")


@dataclass(frozen=True, slots=True)
class StreamStart(Request):
    """Images begin, as many as the credit of the channel allows."""

    channel: int = u8("of the stream", default=2)
    images: int = u32("how many; 0: until stopped", "images", 1)


@dataclass(frozen=True, slots=True)
class StreamStarted(Reply):
    """The first exposure begins."""

    channel: int = u8("of the stream", default=2)
    first_image_id: int = u32("of the first image; images of a channel are numbered in order", default=1)
    first_sequence: int = u32("of the first frame of that image; credit counts from here")


@dataclass(frozen=True, slots=True)
class StreamStop(Request):
    """The stream ends; an image that has begun is not finished."""

    channel: int = u8("of the stream", default=2)


@dataclass(frozen=True, slots=True)
class StreamStopped(Reply):
    """The stream has ended."""

    channel: int = u8("of the stream", default=2)
    images: int = u32("that were sent whole", "images")


@dataclass(frozen=True, slots=True)
class StreamChanged(Event):
    """The stream goes on at another rate, without a restart."""

    channel: int = u8("of the stream", default=2)
    change: StreamChange = enum(StreamChange, "why", StreamChange.DERATED)
    interval_us: int = u32("from one image to the next, from now on", "us")


@dataclass(frozen=True, slots=True)
class StreamEnded(Event):
    """The stream ended without being stopped by the host."""

    channel: int = u8("of the stream", default=2)
    end: StreamEnd = enum(StreamEnd, "why", StreamEnd.COMPLETE)
    start_id: int = u16("the request id of the `StreamStart` that began it")
    images: int = u32("that were sent whole", "images")
