"""Identity family: the descriptor, read in parts, that says all that a host must know of a module."""

from dataclasses import dataclass

from construct import Int32sl

from laserlink.protocol.limits import MODES_MAX, NOISE_ENTRIES_MAX
from laserlink.protocol.messages.layout import (
    Record,
    Reply,
    Request,
    array,
    octets,
    rest,
    text,
    u8,
    u16,
    u32,
    u64,
)

COLOUR_SCALE = 10_000


@dataclass(frozen=True, slots=True)
class DescriptorRead(Request):
    """The host asks for the part of the descriptor that begins at `offset`."""

    offset: int = u16("into the descriptor", "bytes")


@dataclass(frozen=True, slots=True)
class DescriptorPart(Reply):
    """As much of the descriptor as fits the frame."""

    total_bytes: int = u16("of the whole descriptor, at most 16384", "bytes")
    offset: int = u16("of this part", "bytes")
    part: bytes = rest("bytes of the descriptor")


@dataclass(frozen=True, slots=True)
class SensorMode(Record):
    """One way to read the sensor out."""

    id: int = u8("used to configure a stream", default=1)
    name: str = text(32, "what people call it", "still-full")
    width: int = u16("a multiple of 4", "pixels", 11648)
    height: int = u16("even", "pixels", 8736)
    binning: int = u8("sensor pixels a side that become one", default=1)
    formats: int = u32("bit n set: RAWn is offered", default=1 << 12)
    default_bits: int = u8("the format that suits it", "bits", 12)
    white_level: int = u16("in the default format", "DN", 4095)
    black_level: int = u16("in the default format", "DN", 256)
    interval_us: int = u32("shortest time from one image to the next", "us", 150_000)
    readout_us: int = u32("first line to last", "us", 60_000)


@dataclass(frozen=True, slots=True)
class SensorNoise(Record):
    """What a photosite adds by chance, from one analogue gain on and up to that of the next entry.

    With E = full_scale_e / analogue gain electrons from black to white, light that fills the part x of the
    scale has the variance x / E + (read_noise / E)^2, in parts of the scale squared, in an unbinned mode.
    """

    formats: int = u32("bit n set: it holds in RAWn", default=1 << 12)
    gain_from_milli: int = u32("analogue gain from which it holds", "1/1000", 1000)
    full_scale_e: int = u32("from black to white at an analogue gain of 1", "electrons", 9000)
    read_noise_me: int = u32(
        "at the photosite, with the converter's rounding left out", "1/1000 electron", 3000
    )


@dataclass(frozen=True, slots=True)
class Descriptor(Record):
    """Who the module is and what it can do. Read in parts; not a message itself."""

    module_id: int = u64("as in the beacon")
    vendor: str = text(32, "who made it", "LaserLink")
    product: str = text(32, "what it is called", "MOS-100MP")
    serial: str = text(32, "of this one", "0")
    firmware: str = text(32, "version of what runs on it", "0")
    cfa: bytes = octets(4, "colours of the top left 2x2 in reading order: 0 red, 1 green, 2 blue")
    pixel_pitch_nm: int = u16("of the unbinned sensor", "nm", 1485)
    focal_length_um: int = u32("of the lens", "um", 17_500)
    f_number_centi: int = u16("of the lens, wide open", "0.01", 140)
    colour_matrix: tuple[int, ...] = array(
        Int32sl, 9, "XYZ to camera at D65, by rows; empty when unknown", "1/10000"
    )
    neutral: tuple[int, ...] = array(
        Int32sl, 3, "camera response to D65 white; empty when unknown", "1/10000"
    )
    colour_matrix_a: tuple[int, ...] = array(
        Int32sl, 9, "XYZ to camera at illuminant A, by rows; empty when unknown", "1/10000"
    )
    idle_ma: int = u16("drawn without a stream", "mA")
    operating_ma: int = u16("drawn at full rate", "mA")
    reserve_ma: int = u16("for peaks above that", "mA")
    boot_count: int = u32("times that it was started")
    modes: tuple[SensorMode, ...] = array(SensorMode, MODES_MAX, "ways to read the sensor")
    noise: tuple[SensorNoise, ...] = array(
        SensorNoise, NOISE_ENTRIES_MAX, "by rising gain in each format; empty when unknown"
    )
    later: bytes = rest("what a later minor version says here; ignored")
