"""The list of limits: complete, reasoned, and consistent with what is laid out under it."""

from laserlink.protocol import limits
from laserlink.protocol.frame import OVERHEAD_BYTES
from laserlink.protocol.limits import LIMITS
from laserlink.protocol.messages.control import ControlGet, ControlId, ControlSet, ControlValue, ControlValues
from laserlink.protocol.messages.image import Range, Resend
from laserlink.protocol.messages.layout import Record
from laserlink.protocol.messages.link import Error, Hello, HelloReply, LaneOffer


def wire_bytes(message: Record) -> int:
    return OVERHEAD_BYTES + len(bytes(message))


def test_every_limit_is_listed() -> None:
    """Each constant of the module stands in the list under its own name, with its value and a reason."""
    constants = {name.lower(): value for name, value in vars(limits).items() if isinstance(value, int)}
    assert {name: limit.value for name, limit in LIMITS.items()} == constants
    for name, limit in LIMITS.items():
        assert limit.name == name
        assert limit.value > 0
        assert len(limit.reason) > 10


def test_frame_limits() -> None:
    """The largest payload is the largest frame less its framing, and 4,088 covered bytes keep distance 6."""
    assert limits.PAYLOAD_BYTES_MAX + OVERHEAD_BYTES == limits.FRAME_BYTES_MAX == 4096
    assert 16 + limits.PAYLOAD_BYTES_MAX <= 4092
    assert 256 == limits.FRAME_BYTES_MIN_OFFER <= limits.TO_MODULE_BYTES_MAX <= limits.FRAME_BYTES_MAX


def test_full_messages_fit_the_smallest_frame() -> None:
    """What must work with 256 bytes a frame does, with all its arrays full."""
    lanes = (LaneOffer(),) * limits.LANES_MAX
    values = (ControlValue(),) * limits.CONTROLS_PER_REQUEST
    full = (
        Hello(lanes=lanes), HelloReply(lanes=lanes), Error(text="x" * limits.ERROR_TEXT_BYTES_MAX),
        ControlGet(controls=(ControlId(),) * limits.CONTROLS_PER_REQUEST), ControlSet(values=values),
        ControlValues(values=values), Resend(ranges=(Range(),) * limits.RESEND_RANGES_MAX),
    )  # fmt: skip
    for message in full:
        assert wire_bytes(message) <= limits.FRAME_BYTES_MIN_OFFER, type(message).__name__


def test_request_tries_end_before_a_loss() -> None:
    """A request that is never answered ends before three keep-alives of 100 ms are missed."""
    assert limits.REQUEST_TRIES * 30 < 300
