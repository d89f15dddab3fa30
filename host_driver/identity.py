"""What the host makes of a module's descriptor."""

from laserlink.protocol.errors import LocalProtocolError
from laserlink.protocol.messages.identity import Descriptor, SensorMode
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
