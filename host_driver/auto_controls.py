"""The host's own controls: what is automatic, and how. Names and values are libcamera's.

The rule that all follow: a value that is set by hand wins. Setting ExposureTime, AnalogueGain or ColourGains
makes that part manual, whatever else is set with it; 0 gives an ExposureTime or AnalogueGain back to the
automatic. AeEnable stands for both ExposureTimeMode and AnalogueGainMode; these win over it. Unlike
libcamera's, our automatic is off until it is asked for: a picture is taken as it was told.

Source: libcamera, src/libcamera/control_ids_core.yaml.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import IntEnum
from typing import Any

from laserlink.protocol.errors import LocalProtocolError
from laserlink.protocol.messages.control import Value

HostValue = Value | tuple[float, float]


class Mode(IntEnum):
    """libcamera's ExposureTimeMode and AnalogueGainMode."""

    AUTO = 0
    MANUAL = 1


class AeState(IntEnum):
    """libcamera's AeState."""

    IDLE = 0
    SEARCHING = 1
    CONVERGED = 2


class Metering(IntEnum):
    """libcamera's AeMeteringMode."""

    CENTRE_WEIGHTED = 0
    SPOT = 1
    MATRIX = 2


class ExposureMode(IntEnum):
    """libcamera's AeExposureMode: how an exposure is split into time and gain."""

    NORMAL = 0
    SHORT = 1
    LONG = 2


GAIN_MAX = 64.0
EV_MAX = 8.0

# What each control of the host takes: a kind, and its least and greatest value.
HOST_CONTROLS: dict[str, tuple[type, float, float]] = {
    "AeEnable": (bool, 0, 1),
    "ExposureTimeMode": (int, Mode.AUTO, Mode.MANUAL),
    "AnalogueGainMode": (int, Mode.AUTO, Mode.MANUAL),
    "AeMeteringMode": (int, Metering.CENTRE_WEIGHTED, Metering.MATRIX),
    "AeExposureMode": (int, ExposureMode.NORMAL, ExposureMode.LONG),
    "ExposureValue": (float, -EV_MAX, EV_MAX),
    "AwbEnable": (bool, 0, 1),
    "ColourGains": (tuple, 1 / GAIN_MAX, GAIN_MAX),
}
MANUAL_VALUES = {"ExposureTime": "ExposureTimeMode", "AnalogueGain": "AnalogueGainMode"}


@dataclass(frozen=True)
class AutoControls:
    """What is automatic now. Fields are named as the controls are; ColourGains None are the module's own."""

    ExposureTimeMode: int = Mode.MANUAL
    AnalogueGainMode: int = Mode.MANUAL
    AeMeteringMode: int = Metering.CENTRE_WEIGHTED
    AeExposureMode: int = ExposureMode.NORMAL
    ExposureValue: float = 0.0
    AwbEnable: bool = False
    ColourGains: tuple[float, float] | None = None

    @property
    def exposes(self) -> bool:
        """Whether time or gain are automatic."""
        return Mode.AUTO in (self.ExposureTimeMode, self.AnalogueGainMode)

    def values(self) -> dict[str, HostValue]:
        """All by name, as they would be set."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        known = {
            name: int(value) if isinstance(value, IntEnum) else value
            for name, value in named.items()
            if value is not None
        }
        return {"AeEnable": self.exposes, **known}

    def after(self, values: Mapping[str, Any]) -> tuple["AutoControls", dict[str, Value]]:
        """What is automatic once `values` are set, and those of them that are the module's to take.

        Raises LocalProtocolError for a value that a control of the host does not take.
        """
        ours = {name: _checked(name, value) for name, value in values.items() if name in HOST_CONTROLS}
        theirs = {name: value for name, value in values.items() if name not in HOST_CONTROLS}
        if "AeEnable" in ours:
            mode = Mode.AUTO if ours.pop("AeEnable") else Mode.MANUAL
            ours = dict.fromkeys(MANUAL_VALUES.values(), mode) | ours
        for name, mode_name in MANUAL_VALUES.items():
            if name in theirs:
                given_back = theirs[name] == 0
                ours[mode_name] = Mode.AUTO if given_back else Mode.MANUAL
                if given_back:
                    del theirs[name]
        if "ColourGains" in ours:
            ours["AwbEnable"] = False
        return replace(self, **ours), theirs


def _checked(name: str, value: Any) -> Any:
    kind, low, high = HOST_CONTROLS[name]
    parts = value if isinstance(value, tuple | list) else (value,)
    if len(parts) != (2 if kind is tuple else 1):
        raise LocalProtocolError(
            f"{name} takes {'two numbers' if kind is tuple else 'one value'}, not {value!r}"
        )
    if kind in (bool, int) and not isinstance(value, int):
        raise LocalProtocolError(
            f"{name} of {value!r} is no {'truth value' if kind is bool else 'whole number'}"
        )
    good = all(isinstance(part, int | float) and low <= part <= high for part in parts)
    if not good or (isinstance(value, bool) and kind is not bool):
        raise LocalProtocolError(f"{name} of {value!r} is not within {low:g} to {high:g}")
    return tuple(float(part) for part in parts) if kind is tuple else kind(value)
