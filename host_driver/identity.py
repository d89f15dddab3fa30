"""What the host makes of a module's descriptor."""

from dataclasses import dataclass, field

from laserlink.protocol.errors import LimitExceeded, LocalProtocolError, MalformedPayload
from laserlink.protocol.limits import DESCRIPTOR_BYTES_MAX
from laserlink.protocol.messages.identity import Descriptor, DescriptorPart, SensorMode
from laserlink.protocol.messages.link import LaneOffer
from laserlink.protocol.raw import packed_size
from laserlink.protocol.states import BITS_PER_BYTE
from laserlink.protocol.timers import NS_PER_S, line_time_ns

# The longest that anyone waits for a picture without having asked for a large one.
SUITABLE_SECONDS = 10


def mode_named(descriptor: Descriptor, name: str) -> SensorMode:
    """The mode of that name. Raises LocalProtocolError, which lists those that there are."""
    for mode in descriptor.modes:
        if mode.name == name:
            return mode
    known = ", ".join(mode.name for mode in descriptor.modes)
    raise LocalProtocolError(f"{descriptor.product} has no mode {name!r}; it has {known}")


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
