"""The module's controls as the host knows them: by name, with types and bounds; and the settings replay."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from laserlink.protocol.errors import LimitExceeded, LocalProtocolError, MalformedPayload
from laserlink.protocol.limits import CONTROLS_MAX
from laserlink.protocol.messages.control import (
    ControlChanged,
    ControlGet,
    ControlId,
    ControlInfo,
    ControlInfos,
    ControlList,
    ControlValue,
    Value,
    ValueType,
    decode_value,
    encode_value,
)

PYTHON_TYPES = {
    ValueType.BOOL: bool,
    ValueType.INTEGER: int,
    ValueType.FLOAT: float,
    ValueType.RECTANGLE: tuple,
}
# What makes something happen once: a module that comes back does not do it again.
TRIGGERS = {"AfTrigger", "AfPause"}
# libcamera's values of AfTrigger, AfMode and AfState.
AF_START, AF_AUTO, AF_SCANNING = 0, 1, 1


def batched(values: tuple[ControlValue, ...], count: int) -> Iterator[tuple[ControlValue, ...]]:
    """Values in runs of at most `count`."""
    return (values[start : start + count] for start in range(0, len(values), count))


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
        """As it goes onto the wire; the module judges the bounds. LocalProtocolError for a wrong type.

        A rectangle may stand in a list of one, as libcamera takes AfWindows: the module has one window.
        """
        if self.type is ValueType.RECTANGLE and isinstance(value, list | tuple):
            value = tuple(value[0] if len(value) == 1 else value)  # type: ignore[assignment]
        try:
            return ControlValue(self.id, self.type, encode_value(self.type, value))
        except (ValueError, TypeError) as error:
            raise LocalProtocolError(f"{self.name} is {self.type.name.lower()}: {error}") from None


class HostControls:
    """All controls of the attached module, and the values that were set, by module."""

    def __init__(self) -> None:
        self.known: dict[str, HostControl] = {}
        self.current: dict[str, Value] = {}
        self._settings: dict[int, dict[str, Value]] = {}
        # What was asked for last is often asked for again.
        self._asked: tuple[str, ...] = ()
        self._question = ControlGet(), dict[int, str]()

    def clear(self) -> None:
        """Another session: what was set is remembered, what was listed is not."""
        self._forget_list()
        self.current.clear()

    def _forget_list(self) -> None:
        self.known.clear()
        self._asked, self._question = (), (ControlGet(), {})

    def take(self, asked: ControlList, infos: ControlInfos) -> int | None:
        """Take a part of the list; where the next part begins, or None when it is whole.

        Raises:
            LimitExceeded: more controls than any module may have.
            MalformedPayload: not the part that was asked for, an empty one, or bounds that are no values.
        """
        if infos.total > CONTROLS_MAX:
            raise LimitExceeded(f"a list of {infos.total} controls", infos.total)
        end = infos.start + len(infos.controls)
        if infos.start != asked.start or end > infos.total or (end == infos.start < infos.total):
            raise MalformedPayload(f"controls {infos.start} to {end} of {infos.total}", infos.start)
        if not infos.start:
            self._forget_list()
        for info in infos.controls:
            control = HostControl.of(info)
            self.known[control.name] = control
            self.current[control.name] = control.default
        return end if end < infos.total else None

    def question(self, names: tuple[str, ...]) -> tuple[ControlGet, dict[int, str]]:
        """What asks for the values of some controls, and their names by their ids.

        Raises:
            LocalProtocolError: an unknown name.
        """
        if names != self._asked:
            self._refuse_unknown(names)
            named = {self.known[name].id: name for name in names}
            self._asked, self._question = names, (ControlGet(0, tuple(map(ControlId, named))), named)
        return self._question

    def _refuse_unknown(self, names: Iterable[str]) -> None:
        unknown = sorted(set(names) - set(self.known))
        if unknown:
            raise LocalProtocolError(f"this module has no control {', '.join(unknown)}")

    def encode(self, values: dict[str, Value]) -> tuple[ControlValue, ...]:
        """Values by name as they go onto the wire. Raises LocalProtocolError for an unknown name or type."""
        self._refuse_unknown(values)
        return tuple(self.known[name].encode(value) for name, value in values.items())

    def remember(self, module_id: int, values: tuple[ControlValue, ...]) -> None:
        """The module took these values: they are current, and this module gets them back after a restart."""
        decoded = {self._name_of(item.id): decode_value(item.type, item.value) for item in values}
        self.current.update(decoded)
        if decoded.get("AfTrigger") == AF_START and self.current.get("AfMode") == AF_AUTO:
            # What an earlier scan came to holds no more; the module's own word for it is on its way.
            self.current["AfState"] = AF_SCANNING
        self._settings.setdefault(module_id, {}).update(decoded)

    def to_replay(self, module_id: int) -> dict[str, Value]:
        """What this very module was set to before, of what it still knows; nothing for another."""
        return {
            name: value
            for name, value in self._settings.get(module_id, {}).items()
            if name in self.known
            and type(value) is PYTHON_TYPES[self.known[name].type]
            and name not in TRIGGERS
        }

    def note(self, event: ControlChanged) -> tuple[str, Value]:
        """A control changed by itself: its name and value."""
        name, value = self._name_of(event.id), decode_value(event.type, event.value)
        if name in self.known:
            self.current[name] = value
        return name, value

    def _name_of(self, control_id: int) -> str:
        for control in self.known.values():
            if control.id == control_id:
                return control.name
        return f"control-{control_id}"
