"""The module's controls as the host knows them: by name, with types and bounds; and the settings replay."""

from dataclasses import dataclass

from laserlink.protocol.errors import LocalProtocolError
from laserlink.protocol.messages.control import (
    ControlChanged,
    ControlInfo,
    ControlInfos,
    ControlValue,
    Value,
    ValueType,
    decode_value,
    encode_value,
)

PYTHON_TYPES = {ValueType.BOOL: bool, ValueType.INTEGER: int, ValueType.FLOAT: float}


@dataclass(frozen=True)
class HostControl:
    """One control of the module: libcamera's name, unit and type, and the module's bounds."""

    id: int
    name: str
    unit: str
    type: ValueType
    read_only: bool
    minimum: Value
    maximum: Value
    default: Value

    @classmethod
    def of(cls, info: ControlInfo) -> "HostControl":
        """From the wire. Raises MalformedPayload for bounds that are no values."""
        minimum, maximum, default = (
            decode_value(info.type, raw) for raw in (info.minimum, info.maximum, info.default)
        )
        return cls(info.id, info.name, info.unit, info.type, bool(info.read_only), minimum, maximum, default)

    def encode(self, value: Value) -> ControlValue:
        """As it goes onto the wire; the module judges the bounds. Raises LocalProtocolError for a wrong type."""
        try:
            return ControlValue(self.id, self.type, encode_value(self.type, value))
        except (ValueError, TypeError) as error:
            raise LocalProtocolError(f"{self.name} is {self.type.name.lower()}: {error}") from None


class HostControls:
    """All controls of the attached module, and the values that were set, by module."""

    def __init__(self) -> None:
        self.known: dict[str, HostControl] = {}
        self.current: dict[str, Value] = {}
        self._total = 0
        self._settings: dict[int, dict[str, Value]] = {}

    def clear(self) -> None:
        """Another session: what was set is remembered, what was listed is not."""
        self.known.clear()
        self.current.clear()
        self._total = 0

    def take(self, infos: ControlInfos) -> int | None:
        """Take a part of the list; where the next part begins, or None when it is whole."""
        for info in infos.controls:
            control = HostControl.of(info)
            self.known[control.name] = control
            self.current[control.name] = control.default
        following = infos.start + len(infos.controls)
        return following if infos.controls and following < infos.total else None

    def encode(self, values: dict[str, Value]) -> tuple[ControlValue, ...]:
        """Values by name as they go onto the wire. Raises LocalProtocolError for an unknown name or type."""
        unknown = sorted(set(values) - set(self.known))
        if unknown:
            raise LocalProtocolError(f"this module has no control {', '.join(unknown)}")
        return tuple(self.known[name].encode(value) for name, value in values.items())

    def remember(self, module_id: int, values: tuple[ControlValue, ...]) -> None:
        """The module took these values: they are current, and this module gets them back after a restart."""
        decoded = {self._name_of(item.id): decode_value(item.type, item.value) for item in values}
        self.current.update(decoded)
        self._settings.setdefault(module_id, {}).update(decoded)

    def to_replay(self, module_id: int) -> dict[str, Value]:
        """What this very module was set to before; nothing for another."""
        return {name: value for name, value in self._settings.get(module_id, {}).items() if name in self.known}

    def note(self, event: ControlChanged) -> tuple[str, Value]:
        """A control changed by itself: its name and value."""
        name, value = self._name_of(event.id), decode_value(event.type, event.value)
        self.current[name] = value
        return name, value

    def _name_of(self, control_id: int) -> str:
        for control in self.known.values():
            if control.id == control_id:
                return control.name
        return f"control-{control_id}"
