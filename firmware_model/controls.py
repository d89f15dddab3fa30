"""The control store: what can be set on the module, within which bounds, and what is in force.

Names, types and units are libcamera's; LensAperture, which libcamera does not have, is ours: an f-number,
rounded to the lens's nearest stop. A set is all or nothing; each one that is accepted gets an id, which
images carry, so that a host knows under which values a picture was taken.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from laserlink.firmware_model.contrast import MERIT_MAX
from laserlink.firmware_model.profile import Profile
from laserlink.protocol.errors import LimitExceeded, ReadOnly, UnknownControl, ValueOutOfRange, WrongValueType
from laserlink.protocol.limits import CONTROLS_PER_REQUEST
from laserlink.protocol.messages.control import (
    ControlId,
    ControlInfo,
    ControlValue,
    Value,
    ValueType,
    decode_value,
    encode_value,
)

EXPOSURE_TIME = 1
ANALOGUE_GAIN = 2
LENS_POSITION = 3
TEST_PATTERN_MODE = 4
SENSOR_TEMPERATURE = 5
LENS_APERTURE = 6
AF_MODE = 7
AF_METERING = 8
AF_WINDOWS = 9
AF_TRIGGER = 10
AF_PAUSE = 11
AF_STATE = 12
AF_PAUSE_STATE = 13
FOCUS_FOM = 14

ROOM_TEMPERATURE_C = 25.0
TEMPERATURE_C = (-40.0, 125.0)
NO_WINDOW = (0, 0, 0, 0)


class AfMode(IntEnum):
    """libcamera's AfMode."""

    MANUAL = 0
    AUTO = 1
    CONTINUOUS = 2


class AfMetering(IntEnum):
    """libcamera's AfMetering: the middle of the picture, or AfWindows."""

    AUTO = 0
    WINDOWS = 1


class AfTrigger(IntEnum):
    """libcamera's AfTrigger."""

    START = 0
    CANCEL = 1


class AfPause(IntEnum):
    """libcamera's AfPause."""

    IMMEDIATE = 0
    DEFERRED = 1
    RESUME = 2


class AfPauseState(IntEnum):
    """libcamera's AfPauseState."""

    RUNNING = 0
    PAUSING = 1
    PAUSED = 2


class AfState(IntEnum):
    """libcamera's AfState."""

    IDLE = 0
    SCANNING = 1
    FOCUSED = 2
    FAILED = 3


@dataclass(frozen=True)
class Control:
    """One control: its bounds are of the type of its values."""

    id: int
    name: str
    unit: str
    type: ValueType
    minimum: Value
    maximum: Value
    default: Value
    read_only: bool = False

    def info(self) -> ControlInfo:
        """As it stands on the wire."""
        bounds = (encode_value(self.type, value) for value in (self.minimum, self.maximum, self.default))
        return ControlInfo(self.id, self.name, self.unit, self.type, int(self.read_only), *bounds)

    def check(self, given: ControlValue) -> Value:
        """The value that a host wants to set. Raises the RemoteProtocolError that says why not."""
        if self.read_only:
            raise ReadOnly(f"{self.name} cannot be set", self.id)
        if given.type is not self.type:
            raise WrongValueType(
                f"{self.name} is {self.type.name.lower()}, not {given.type.name.lower()}", self.id
            )
        value = decode_value(given.type, given.value)
        parts, lows, highs = map(_parts, (value, self.minimum, self.maximum))
        if not all(low <= part <= high for low, part, high in zip(lows, parts, highs, strict=True)):
            bounds = f"{_text(lows)} to {_text(highs)} {self.unit}".rstrip()
            raise ValueOutOfRange(f"{self.name} of {_text(parts)} is not within {bounds}", self.id)
        return value


def _parts(value: Value) -> tuple[int | float, ...]:
    return value if isinstance(value, tuple) else (value,)


def _text(parts: tuple[int | float, ...]) -> str:
    return ", ".join(f"{part:g}" for part in parts)


def controls_of(profile: Profile) -> tuple[Control, ...]:
    """The controls of a module, in the order of their ids."""
    sensor, lens = profile.sensor, profile.lens
    integer, real = ValueType.INTEGER, ValueType.FLOAT
    exposure = (sensor.exposure_us_min, sensor.exposure_us_max, min(10_000, sensor.exposure_us_max))
    gain = (sensor.gain_min, sensor.gain_max, sensor.gain_min)
    position = (lens.position_min_dioptres, lens.position_max_dioptres, lens.position_min_dioptres)
    temperature = (*TEMPERATURE_C, ROOM_TEMPERATURE_C)
    aperture = (lens.stops[0], lens.stops[-1], lens.stops[0])
    window = (NO_WINDOW, (sensor.width, sensor.height) * 2, NO_WINDOW)
    return (
        Control(EXPOSURE_TIME, "ExposureTime", "us", integer, *exposure),
        Control(ANALOGUE_GAIN, "AnalogueGain", "", real, *gain),
        Control(LENS_POSITION, "LensPosition", "dioptres", real, *position),
        Control(TEST_PATTERN_MODE, "TestPatternMode", "", integer, 0, 3, 0),
        Control(SENSOR_TEMPERATURE, "SensorTemperature", "degC", real, *temperature, read_only=True),
        Control(LENS_APERTURE, "LensAperture", "f-number", real, *aperture),
        Control(AF_MODE, "AfMode", "", integer, *_choices(AfMode, AfMode.MANUAL)),
        Control(AF_METERING, "AfMetering", "", integer, *_choices(AfMetering, AfMetering.AUTO)),
        Control(AF_WINDOWS, "AfWindows", "pixels", ValueType.RECTANGLE, *window),
        Control(AF_TRIGGER, "AfTrigger", "", integer, *_choices(AfTrigger, AfTrigger.CANCEL)),
        Control(AF_PAUSE, "AfPause", "", integer, *_choices(AfPause, AfPause.RESUME)),
        Control(AF_STATE, "AfState", "", integer, *_choices(AfState, AfState.IDLE), read_only=True),
        Control(
            AF_PAUSE_STATE, "AfPauseState", "", integer, *_choices(AfPauseState, AfPauseState.RUNNING),
            read_only=True,
        ),
        Control(FOCUS_FOM, "FocusFoM", "", integer, 0, MERIT_MAX, 0, read_only=True),
    )  # fmt: skip


def _choices(kind: type[IntEnum], default: IntEnum) -> tuple[int, int, int]:
    """Smallest, largest and default value of an enumeration."""
    return int(min(kind)), int(max(kind)), int(default)


class ControlStore:
    """The controls of one module and their values."""

    def __init__(self, profile: Profile) -> None:
        self.controls = {control.id: control for control in controls_of(profile)}
        # Numbers, but for the rectangle: each of the type that its control says.
        self.values: dict[int, Any] = {}
        # The value that was last wanted on the wire, and how it is there.
        self._wired: dict[int, tuple[Any, ControlValue]] = {}
        self.set_id = 0
        self.reset()

    def reset(self) -> None:
        """The values after boot."""
        self.values.update({control.id: control.default for control in self.controls.values()})
        self.set_id = 0

    def _control(self, control_id: int) -> Control:
        control = self.controls.get(control_id)
        if control is None:
            raise UnknownControl(f"there is no control {control_id}", control_id)
        return control

    def get(self, wanted: tuple[ControlId, ...]) -> tuple[ControlValue, ...]:
        """The values in force. Raises UnknownControl."""
        if len(wanted) > CONTROLS_PER_REQUEST:
            raise LimitExceeded(
                f"{len(wanted)} controls at once, {CONTROLS_PER_REQUEST} are allowed", len(wanted)
            )
        found = []
        for item in wanted:
            wired = self._wired.get(item.id)
            if wired is None or wired[0] is not self.values[item.id]:
                found.append(self.wire_value(item.id))
            else:
                found.append(wired[1])
        return tuple(found)

    def wire_value(self, control_id: int) -> ControlValue:
        """A value as it goes onto the wire. Raises UnknownControl."""
        kind, value = self._control(control_id).type, self.values[control_id]
        wired = ControlValue(control_id, kind, encode_value(kind, value))
        self._wired[control_id] = value, wired
        return wired

    def check(self, values: tuple[ControlValue, ...]) -> dict[int, Value]:
        """The values that a host wants to set. Raises the RemoteProtocolError that says why not."""
        return {item.id: self._control(item.id).check(item) for item in values}

    def set(self, values: tuple[ControlValue, ...]) -> int:
        """Set all of the values, or none and raise why; the id of the set."""
        return self.update(self.check(values))

    def update(self, values: Mapping[int, Value]) -> int:
        """Put checked values in force; the id of the set."""
        self.values.update(values)
        self.set_id += 1
        return self.set_id

    def feel(self, celsius: float) -> None:
        """The temperature, as far as the control goes: a broken thermometer reads anything."""
        low, high = TEMPERATURE_C
        self.values[SENSOR_TEMPERATURE] = min(max(celsius, low), high)

    def turn_ring(self, dioptres: float) -> ControlValue:
        """The focus ring was turned by hand; it stops at the ends of the lens's range."""
        lens = self.controls[LENS_POSITION]
        position = self.values[LENS_POSITION] + dioptres
        low, high = _parts(lens.minimum)[0], _parts(lens.maximum)[0]
        self.update({LENS_POSITION: min(max(position, float(low)), float(high))})
        return self.wire_value(LENS_POSITION)
