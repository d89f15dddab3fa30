"""The tree of errors. A leaf carries its wire code and the offending values.

LaserLinkError
  LocalProtocolError     you broke the protocol: a call that the state does not allow
  RemoteProtocolError    the peer broke it: each leaf has an `ErrorCode` of its own
  LinkLost               a link that was there is gone, with a `LossCause`
"""

from enum import IntEnum
from typing import Any

from laserlink.protocol.states import LossCause


class ErrorCode(IntEnum):
    """The codes of the error message."""

    UNSUPPORTED_VERSION = 1
    RESERVED_BIT = 2
    UNKNOWN_TYPE = 3
    WRONG_DIRECTION = 4
    WRONG_CHANNEL = 5
    WRONG_LANE = 6
    ILLEGAL_IN_STATE = 7
    MALFORMED_PAYLOAD = 8
    FRAME_TOO_LONG = 9
    UNKNOWN_CONTROL = 10
    VALUE_OUT_OF_RANGE = 11
    WRONG_VALUE_TYPE = 12
    READ_ONLY = 13
    POWER_BUDGET = 14
    UNKNOWN_MODE = 15
    UNKNOWN_STREAM = 16
    TOO_HOT = 17
    OUT_OF_BOUNDS = 18
    LIMIT_EXCEEDED = 19
    NOT_FOUND = 20
    UPDATE_REFUSED = 21


class LaserLinkError(Exception):
    """Everything that LaserLink raises."""


class LocalProtocolError(LaserLinkError):
    """A call that the protocol does not allow in this state, or with these values."""


class RemoteProtocolError(LaserLinkError):
    """The peer sent something intact but illegal. `code` goes onto the wire, `value` is what offended."""

    code: ErrorCode

    def __init__(self, text: str, value: int = 0) -> None:
        super().__init__(text)
        self.value = value


class UnsupportedVersion(RemoteProtocolError):
    code = ErrorCode.UNSUPPORTED_VERSION


class ReservedBitSet(RemoteProtocolError):
    code = ErrorCode.RESERVED_BIT


class UnknownType(RemoteProtocolError):
    code = ErrorCode.UNKNOWN_TYPE


class WrongDirection(RemoteProtocolError):
    code = ErrorCode.WRONG_DIRECTION


class WrongChannel(RemoteProtocolError):
    code = ErrorCode.WRONG_CHANNEL


class WrongLane(RemoteProtocolError):
    code = ErrorCode.WRONG_LANE


class IllegalInState(RemoteProtocolError):
    code = ErrorCode.ILLEGAL_IN_STATE


class MalformedPayload(RemoteProtocolError):
    code = ErrorCode.MALFORMED_PAYLOAD


class FrameTooLong(RemoteProtocolError):
    code = ErrorCode.FRAME_TOO_LONG


class UnknownControl(RemoteProtocolError):
    code = ErrorCode.UNKNOWN_CONTROL


class ValueOutOfRange(RemoteProtocolError):
    code = ErrorCode.VALUE_OUT_OF_RANGE


class WrongValueType(RemoteProtocolError):
    code = ErrorCode.WRONG_VALUE_TYPE


class ReadOnly(RemoteProtocolError):
    code = ErrorCode.READ_ONLY


class PowerBudget(RemoteProtocolError):
    code = ErrorCode.POWER_BUDGET


class UnknownMode(RemoteProtocolError):
    code = ErrorCode.UNKNOWN_MODE


class UnknownStream(RemoteProtocolError):
    code = ErrorCode.UNKNOWN_STREAM


class TooHot(RemoteProtocolError):
    code = ErrorCode.TOO_HOT


class OutOfBounds(RemoteProtocolError):
    code = ErrorCode.OUT_OF_BOUNDS


class LimitExceeded(RemoteProtocolError):
    code = ErrorCode.LIMIT_EXCEEDED


class NotFound(RemoteProtocolError):
    code = ErrorCode.NOT_FOUND


class UpdateRefused(RemoteProtocolError):
    code = ErrorCode.UPDATE_REFUSED


ERROR_OF_CODE: dict[ErrorCode, type[RemoteProtocolError]] = {
    leaf.code: leaf for leaf in RemoteProtocolError.__subclasses__()
}
if set(ERROR_OF_CODE) != set(ErrorCode):
    raise ImportError("every error code has exactly one exception")


class LinkLost(LaserLinkError):
    """A link that was there is gone, or was interrupted; `cause` says why.

    `shot` is what had come of an image when it happened (a `host_driver.Shot` with its gaps), or None.
    """

    cause: LossCause
    shot: Any = None


class ModuleDetached(LinkLost):
    """The module was pulled off."""

    cause = LossCause.DETACH


class OpticalLost(LinkLost):
    """The laser is not seen, or its bits are not to be trusted."""

    cause = LossCause.OPTICAL


class PowerLost(LinkLost):
    """The power contract is gone."""

    cause = LossCause.POWER


class ThermalLost(LinkLost):
    """The module is too hot to shine."""

    cause = LossCause.THERMAL


class FirmwareLost(LinkLost):
    """The module restarted or is latched in a fault."""

    cause = LossCause.FIRMWARE


class ProtocolLost(LinkLost):
    """The two ends no longer agree."""

    cause = LossCause.PROTOCOL


class LinkTimeout(LinkLost):
    """The peer went silent."""

    cause = LossCause.TIMEOUT


LOSS_OF_CAUSE: dict[LossCause, type[LinkLost]] = {leaf.cause: leaf for leaf in LinkLost.__subclasses__()}
