"""What the host makes of a module's descriptor."""

import math
from dataclasses import dataclass, field

from laserlink.host_driver.develop import CFA_ORDERS
from laserlink.protocol.errors import LimitExceeded, LocalProtocolError, MalformedPayload
from laserlink.protocol.limits import DESCRIPTOR_BYTES_MAX
from laserlink.protocol.messages.identity import Descriptor, DescriptorPart, SensorMode
from laserlink.protocol.messages.link import LaneOffer
from laserlink.protocol.raw import packed_size
from laserlink.protocol.states import BITS_PER_BYTE
from laserlink.protocol.timers import NS_PER_S, line_time_ns

CFA_LETTERS = "RGB"
NM_PER_MM = 1_000_000
UM_PER_MM = 1000
MILLI = 1000
# Gains come as floats, and thousandths are rounded.
GAIN_SLACK_MILLI = 1.0
# 36 x 24 mm.
FILM_DIAGONAL_MM = math.hypot(36, 24)

# The longest that anyone waits for a picture without having asked for a large one.
SUITABLE_SECONDS = 10


def mode_named(descriptor: Descriptor, name: str) -> SensorMode:
    """The mode of that name. Raises LocalProtocolError, which lists those that there are."""
    for mode in descriptor.modes:
        if mode.name == name:
            return mode
    known = ", ".join(mode.name for mode in descriptor.modes)
    raise LocalProtocolError(f"{descriptor.product} has no mode {name!r}; it has {known}")


def cfa_of(descriptor: Descriptor) -> str:
    """The Bayer order, such as RGGB: the colours of the top-left 2 x 2 in reading order.

    Raises:
        MalformedPayload: the module has other colours, which no one here could make a picture of.
    """
    cfa = "".join(CFA_LETTERS[colour] if colour < len(CFA_LETTERS) else "?" for colour in descriptor.cfa)
    if cfa not in CFA_ORDERS:
        known = ", ".join(CFA_ORDERS)
        raise MalformedPayload(f"the module's colours are {cfa}, which is none of {known}")
    return cfa


def film_focal_length_mm(descriptor: Descriptor) -> int | None:
    """The focal length that sees as much on 35 mm film, by the diagonals; None when it cannot be known."""
    width = max((mode.width * mode.binning for mode in descriptor.modes), default=0)
    height = max((mode.height * mode.binning for mode in descriptor.modes), default=0)
    diagonal_mm = math.hypot(width, height) * descriptor.pixel_pitch_nm / NM_PER_MM
    if not diagonal_mm:
        return None
    return round(descriptor.focal_length_um / UM_PER_MM * FILM_DIAGONAL_MM / diagonal_mm) or None


def noise_profile(
    descriptor: Descriptor, mode: SensorMode | None, bits: int, gain: float, levels: tuple[int, int]
) -> tuple[float, float] | None:
    """(S, O): light that fills the part x of the scale has the variance S x + O, in parts of it squared.

    `levels` are black and white in digital numbers. The converter's rounding is a part of it. None when the
    module does not tell (see `SensorNoise`).
    """
    entries = [entry for entry in descriptor.noise if entry.formats >> bits & 1 and entry.full_scale_e]
    in_force = [entry for entry in entries if entry.gain_from_milli <= gain * MILLI + GAIN_SLACK_MILLI]
    black, white = levels
    if not in_force or mode is None or not mode.binning or gain <= 0 or white <= black:
        return None
    entry = max(in_force, key=lambda entry: entry.gain_from_milli)
    electrons = entry.full_scale_e / gain
    photosites = mode.binning**2
    rounding = 1 / 12 / (white - black) ** 2
    read_noise = entry.read_noise_me / MILLI / electrons
    return 1 / electrons / photosites, read_noise**2 / photosites + rounding


def transfer_ns(mode: SensorMode, lane: LaneOffer) -> int:
    """How long a lane takes for an image of a mode in its own format; a lane without a rate, no time."""
    size = packed_size(mode.width * mode.height, mode.default_bits)
    return line_time_ns(size, lane.rate_bps, BITS_PER_BYTE[lane.coding])


def suitable_mode(descriptor: Descriptor, lane: LaneOffer) -> SensorMode:
    """The module's first mode that the lane carries within ten seconds; if none is, the quickest.

    Raises:
        LocalProtocolError: the module has no modes.
    """
    if not descriptor.modes:
        raise LocalProtocolError(f"{descriptor.product} offers no modes")
    for mode in descriptor.modes:
        if transfer_ns(mode, lane) <= SUITABLE_SECONDS * NS_PER_S:
            return mode
    return min(descriptor.modes, key=lambda mode: transfer_ns(mode, lane))


@dataclass
class Identity:
    """The descriptor as it comes in parts."""

    buffer: bytearray = field(default_factory=bytearray)

    def take(self, part: DescriptorPart) -> bool:
        """Append a part; True when the whole is there.

        Raises:
            LimitExceeded: the descriptor would be larger than any may be.
            MalformedPayload: the part does not follow, or runs over the end.
        """
        if part.total_bytes > DESCRIPTOR_BYTES_MAX:
            raise LimitExceeded(f"a descriptor of {part.total_bytes} bytes", part.total_bytes)
        if part.offset != len(self.buffer) or not part.part:
            raise MalformedPayload("descriptor parts out of order", part.offset)
        if part.offset + len(part.part) > part.total_bytes:
            raise MalformedPayload("a descriptor part runs over the end", part.offset)
        self.buffer += part.part
        return len(self.buffer) == part.total_bytes

    @property
    def descriptor(self) -> Descriptor:
        """What the parts say together. Raises MalformedPayload when that is no descriptor, or one without a
        mode."""
        whole = Descriptor.decode(bytes(self.buffer))
        if not whole.modes:
            raise MalformedPayload("a descriptor without a mode", len(self.buffer))
        return whole
