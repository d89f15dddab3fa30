"""The control store: what can be set on the module, within which bounds, and what is in force.

Names, types and units are libcamera's. A set is all or nothing; each one that is accepted gets an id,
which images carry, so that a host knows under which values a picture was taken.
"""

from dataclasses import dataclass

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

ROOM_TEMPERATURE_C = 25.0


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
        if not self.minimum <= value <= self.maximum:
            bounds = f"{self.minimum:g} to {self.maximum:g} {self.unit}".rstrip()
            raise ValueOutOfRange(f"{self.name} of {value:g} is not within {bounds}", self.id)
        return value


def controls_of(profile: Profile) -> tuple[Control, ...]:
    """The controls of a module, in the order of their ids."""
    sensor, lens = profile.sensor, profile.lens
    integer, real = ValueType.INTEGER, ValueType.FLOAT
    exposure = (sensor.exposure_us_min, sensor.exposure_us_max, min(10_000, sensor.exposure_us_max))
    gain = (sensor.gain_min, sensor.gain_max, sensor.gain_min)
    position = (lens.position_min_dioptres, lens.position_max_dioptres, lens.position_min_dioptres)
    temperature = (-40.0, 125.0, ROOM_TEMPERATURE_C)
    return (
        Control(EXPOSURE_TIME, "ExposureTime", "us", integer, *exposure),
        Control(ANALOGUE_GAIN, "AnalogueGain", "", real, *gain),
        Control(LENS_POSITION, "LensPosition", "dioptres", real, *position),
        Control(TEST_PATTERN_MODE, "TestPatternMode", "", integer, 0, 2, 0),
        Control(SENSOR_TEMPERATURE, "SensorTemperature", "degC", real, *temperature, read_only=True),
    )


class ControlStore:
    """The controls of one module and their values."""

    def __init__(self, profile: Profile) -> None:
        self.controls = {control.id: control for control in controls_of(profile)}
        self.values: dict[int, Value] = {}
        self.set_id = 0
        self.reset()

    def reset(self) -> None:
        """The values after boot."""
        self.values.update({control.id: control.default for control in self.controls.values()})
        self.set_id = 0

    def _control(self, control_id: int) -> Control:
        if control_id not in self.controls:
            raise UnknownControl(f"there is no control {control_id}", control_id)
        return self.controls[control_id]

    def get(self, wanted: tuple[ControlId, ...]) -> tuple[ControlValue, ...]:
        """The values in force. Raises UnknownControl."""
        if len(wanted) > CONTROLS_PER_REQUEST:
            raise LimitExceeded(
                f"{len(wanted)} controls at once, {CONTROLS_PER_REQUEST} are allowed", len(wanted)
            )
        return tuple(self.wire_value(item.id) for item in wanted)

    def wire_value(self, control_id: int) -> ControlValue:
        control = self._control(control_id)
        return ControlValue(control_id, control.type, encode_value(control.type, self.values[control_id]))

    def set(self, values: tuple[ControlValue, ...]) -> int:
        """Set all of the values, or none and raise why; the id of the set."""
        checked = {item.id: self._control(item.id).check(item) for item in values}
        self.values.update(checked)
        self.set_id += 1
        return self.set_id

    def turn_ring(self, dioptres: float) -> ControlValue:
        """The focus ring was turned by hand; it stops at the ends of the lens's range."""
        lens = self.controls[LENS_POSITION]
        position = float(self.values[LENS_POSITION]) + dioptres
        self.values[LENS_POSITION] = min(max(position, float(lens.minimum)), float(lens.maximum))
        self.set_id += 1
        return self.wire_value(LENS_POSITION)
