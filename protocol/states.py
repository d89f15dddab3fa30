"""The words that both machines and the wire share: states, loss causes, lanes, seating, levels."""

from enum import IntEnum


class ModuleState(IntEnum):
    """Where the module is; the value travels in beacons, and in ILLEGAL_IN_STATE."""

    DETACHED = 0
    POWERED = 1
    GREETED = 2
    NEGOTIATING = 3
    CONTRACTED = 4
    TRAINING = 5
    IDENTIFYING = 6
    READY = 7
    STREAMING = 8
    UPDATING = 9
    RECOVERING = 10
    FAULT = 11


class HostState(IntEnum):
    """Where the host is: the module's states as seen from the phone, and the seating before any power."""

    ABSENT = 0
    POWERED = 1
    GREETED = 2
    NEGOTIATING = 3
    CONTRACTED = 4
    TRAINING = 5
    IDENTIFYING = 6
    READY = 7
    STREAMING = 8
    UPDATING = 9
    RECOVERING = 10
    FAULT = 11
    SEATING = 12


class LossCause(IntEnum):
    """Why a link was lost. Nobody ever sees a bare "link error"."""

    NONE = 0
    DETACH = 1
    OPTICAL = 2
    POWER = 3
    THERMAL = 4
    FIRMWARE = 5
    PROTOCOL = 6
    TIMEOUT = 7


class LaneKind(IntEnum):
    """What a lane is made of, and its id: a link has at most one of each."""

    SIDEBAND = 0
    OPTICAL = 1


# Asked for every frame: an attribute of an enumeration is a call.
SIDEBAND, OPTICAL = LaneKind.SIDEBAND, LaneKind.OPTICAL


class LaneDirection(IntEnum):
    """Which way the bytes of a lane go."""

    BOTH = 0
    MODULE_TO_HOST = 1


class LineCoding(IntEnum):
    """How bytes become bits on a line."""

    NONE = 0
    UART_8N1 = 1


BITS_PER_BYTE = {LineCoding.NONE: 8, LineCoding.UART_8N1: 10}


class Seating(IntEnum):
    """How well the module sits, from the contact and the measured bit error rate."""

    NOT_SEATED = 0
    MARGINAL = 1
    SEATED = 2


class TemperatureLevel(IntEnum):
    """Two thresholds with hysteresis: warm derates, hot darkens."""

    NORMAL = 0
    WARM = 1
    HOT = 2


class PowerCause(IntEnum):
    """Why the phone takes power back."""

    NONE = 0
    TEMPERATURE = 1
    BATTERY = 2
    RAIL = 3


class PowerPhase(IntEnum):
    """How far a power contract has come."""

    DEFAULT = 0
    REQUESTED = 1
    ACCEPTED = 2
    CONTRACTED = 3
    REFUSED = 4
    WAITING = 5


class StreamEnd(IntEnum):
    """Why a stream ended."""

    COMPLETE = 0
    STOPPED = 1
    POWER = 2
    FAULT = 3


class LaserOff(IntEnum):
    """Which part of the interlock fell."""

    NO_LIGHT_CONFIRMED = 0
    KEEP_ALIVE = 1
    HOT = 2
    CONTRACT = 3
    TRAINING_OVER = 4


# Bit error rates above which training calls the module marginal, or not seated. A frame of 4,096 bytes
# is lost at 1e-6 in 3 % of the cases, which resends repair without anyone noticing; at 1e-4 in 96 %.
MARGINAL_ERROR_RATE = 1e-6
NOT_SEATED_ERROR_RATE = 1e-4


def seating_of(errors: int, bits: int) -> Seating:
    """The seating that `errors` wrong bits among `bits` mean; no bits at all means not seated."""
    if not bits or errors > bits * NOT_SEATED_ERROR_RATE:
        return Seating.NOT_SEATED
    return Seating.MARGINAL if errors > bits * MARGINAL_ERROR_RATE else Seating.SEATED
