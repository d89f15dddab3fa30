"""host_driver/auto_controls.py: a value that is set by hand wins, and libcamera's rules for the rest."""

from typing import Any

import pytest

from laserlink.host_driver.auto_controls import HOST_CONTROLS, AutoControls, Mode
from laserlink.protocol.errors import LocalProtocolError

BOTH = AutoControls(ExposureTimeMode=Mode.AUTO, AnalogueGainMode=Mode.AUTO)


def modes(controls: AutoControls) -> tuple[int, int]:
    return controls.ExposureTimeMode, controls.AnalogueGainMode


@pytest.mark.parametrize(
    ("values", "expected", "theirs"),
    [
        ({}, (1, 1), {}),
        ({"AeEnable": True}, (0, 0), {}),
        ({"AeEnable": True, "ExposureTime": 500}, (1, 0), {"ExposureTime": 500}),
        ({"AeEnable": True, "AnalogueGain": 2.0}, (0, 1), {"AnalogueGain": 2.0}),
        ({"AeEnable": True, "ExposureTimeMode": 1}, (1, 0), {}),
        ({"AeEnable": False, "AnalogueGainMode": 0}, (1, 0), {}),
        ({"ExposureTimeMode": 0, "ExposureTime": 500}, (1, 1), {"ExposureTime": 500}),
        ({"ExposureTime": 0}, (0, 1), {}),
        ({"AnalogueGain": 0.0}, (1, 0), {}),
        ({"LensPosition": 1.0}, (1, 1), {"LensPosition": 1.0}),
    ],
)
def test_what_becomes_automatic(
    values: dict[str, Any], expected: tuple[int, int], theirs: dict[str, Any]
) -> None:
    """From all manual: which of time and gain are automatic, and what the module gets."""
    after, module = AutoControls().after(values)
    assert modes(after) == expected
    assert module == theirs
    assert after.exposes is (Mode.AUTO in expected)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"ExposureTime": 500}, (1, 0)),
        ({"AnalogueGain": 1.0}, (0, 1)),
        ({"ExposureTime": 500, "AnalogueGain": 1.0}, (1, 1)),
        ({"AeEnable": False}, (1, 1)),
        ({"ExposureValue": 1.0}, (0, 0)),
    ],
)
def test_manual_values_win_over_the_automatic(values: dict[str, Any], expected: tuple[int, int]) -> None:
    """From all automatic: each value that is set makes its part manual, and no other."""
    assert modes(BOTH.after(values)[0]) == expected


def test_white_balance_by_hand_ends_the_automatic() -> None:
    """ColourGains end AWB, also when both are set; turned on again, AWB is on."""
    automatic, _ = AutoControls().after({"AwbEnable": True})
    assert automatic.AwbEnable
    by_hand, theirs = automatic.after({"ColourGains": (2, 1.5), "AwbEnable": True})
    assert (by_hand.AwbEnable, by_hand.ColourGains, theirs) == (False, (2.0, 1.5), {})
    assert by_hand.after({"AwbEnable": True})[0].AwbEnable


def test_values_can_be_set_again() -> None:
    """What is shown under a name is what that name takes: all shown, all set, nothing changed."""
    state, _ = BOTH.after({"ColourGains": (2.0, 1.5), "ExposureValue": -1.0, "AeMeteringMode": 2})
    shown = state.values()
    assert set(shown) == set(HOST_CONTROLS)
    assert all(type(value) in (bool, int, float, tuple) for value in shown.values())
    assert AutoControls().after(shown)[0] == state


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AeEnable", 2),
        ("AeEnable", 0.5),
        ("AeMeteringMode", 3),
        ("AeMeteringMode", -1),
        ("AeMeteringMode", True),
        ("AeExposureMode", 1.0),
        ("ExposureValue", 9.0),
        ("ExposureValue", float("nan")),
        ("ExposureValue", (1.0, 2.0)),
        ("ColourGains", 2.0),
        ("ColourGains", (2.0,)),
        ("ColourGains", (0.0, 1.0)),
        ("ColourGains", (1.0, float("inf"))),
        ("ColourGains", ("a", 1.0)),
        ("AwbEnable", "yes"),
    ],
)
def test_what_no_control_takes_is_refused(name: str, value: Any) -> None:
    """Wrong kinds, counts and sizes are errors that name the control, and nothing changes."""
    state = AutoControls()
    with pytest.raises(LocalProtocolError, match=name):
        state.after({name: value, "AeEnable": True} if name != "AeEnable" else {name: value})
    assert state == AutoControls()
