"""The control store: bounds, types, all or nothing, and the ids of sets."""

import math
from dataclasses import replace

import pytest

from laserlink.firmware_model.controls import ControlStore, controls_of
from laserlink.firmware_model.patterns import PATTERNS
from laserlink.firmware_model.profile import load_profile
from laserlink.protocol.errors import (
    LimitExceeded,
    MalformedPayload,
    ReadOnly,
    RemoteProtocolError,
    UnknownControl,
    ValueOutOfRange,
    WrongValueType,
)
from laserlink.protocol.messages.control import (
    ControlId,
    ControlValue,
    Value,
    ValueType,
    decode_value,
    encode_value,
)

INTEGER, FLOAT, BOOL = ValueType.INTEGER, ValueType.FLOAT, ValueType.BOOL


def store() -> ControlStore:
    return ControlStore(load_profile("mos-100mp"))


def value(number: int, kind: ValueType, of: Value) -> ControlValue:
    return ControlValue(number, kind, encode_value(kind, of))


def test_names_types_and_units_are_libcameras() -> None:
    """ExposureTime in microseconds, an integer; gains and positions floats; defaults within bounds."""
    controls = controls_of(load_profile("mos-100mp"))
    assert [(c.name, c.unit, c.type) for c in controls[:3]] == [
        ("ExposureTime", "us", INTEGER), ("AnalogueGain", "", FLOAT), ("LensPosition", "dioptres", FLOAT),
    ]  # fmt: skip
    assert [c.id for c in controls] == list(range(1, len(controls) + 1))
    assert all(c.minimum <= c.default <= c.maximum for c in controls)


def test_a_set_is_all_or_nothing() -> None:
    """One bad value, and none of them is in force; a good set gets the next id."""
    controls = store()
    assert controls.set((value(1, INTEGER, 500), value(2, FLOAT, 2.0))) == 1
    with pytest.raises(ValueOutOfRange):
        controls.set((value(1, INTEGER, 600), value(2, FLOAT, 99.0)))
    assert (controls.values[1], controls.values[2], controls.set_id) == (500, 2.0, 1)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (value(99, INTEGER, 1), UnknownControl),
        (value(5, FLOAT, 20.0), ReadOnly),
        (value(1, FLOAT, 500.0), WrongValueType),
        (value(1, BOOL, True), WrongValueType),
        (value(1, INTEGER, 19), ValueOutOfRange),
        (value(1, INTEGER, 1_000_001), ValueOutOfRange),
        (value(1, INTEGER, -(1 << 63)), ValueOutOfRange),
        (value(2, FLOAT, math.inf), ValueOutOfRange),
        (value(2, FLOAT, -math.inf), ValueOutOfRange),
        (value(2, FLOAT, math.nan), MalformedPayload),
        (value(4, INTEGER, len(PATTERNS) + 1), ValueOutOfRange),
    ],
)
def test_a_value_that_may_not_be_is_refused_by_name(
    given: ControlValue, error: type[RemoteProtocolError]
) -> None:
    """Each with its own error; the store stays as it was."""
    controls = store()
    before = dict(controls.values)
    with pytest.raises(error):
        controls.set((given,))
    assert controls.values == before and controls.set_id == 0


@pytest.mark.parametrize(
    ("number", "kind", "edge"), [(1, INTEGER, 20), (1, INTEGER, 1_000_000), (2, FLOAT, 16.0)]
)
def test_the_bounds_themselves_are_legal(number: int, kind: ValueType, edge: Value) -> None:
    """Inclusive on both sides."""
    controls = store()
    controls.set((value(number, kind, edge),))
    assert controls.values[number] == edge


def test_values_are_read_in_the_order_asked() -> None:
    """Twice the same is twice the same; an unknown one refuses all; more than 16 are too many."""
    controls = store()
    got = controls.get((ControlId(2), ControlId(1), ControlId(2)))
    assert [decode_value(item.type, item.value) for item in got] == [1.0, 10_000, 1.0]
    with pytest.raises(UnknownControl):
        controls.get((ControlId(1), ControlId(77)))
    with pytest.raises(LimitExceeded):
        controls.get((ControlId(1),) * 17)


@pytest.mark.parametrize("window", [(0, 0, 0, 0), (10, 20, 30, 40), (11648, 8736, 11648, 8736)])
def test_a_window_is_a_rectangle_of_the_array(window: tuple[int, int, int, int]) -> None:
    """Each of its four parts has its bounds."""
    controls = store()
    controls.set((value(9, ValueType.RECTANGLE, window),))
    assert controls.values[9] == window
    with pytest.raises(ValueOutOfRange) as raised:
        controls.set((value(9, ValueType.RECTANGLE, (11649, 0, 1, 1)),))
    assert "11649, 0, 1, 1" in str(raised.value) and controls.values[9] == window


def test_the_temperature_stays_within_its_control() -> None:
    """A broken thermometer reads anything."""
    controls = store()
    for celsius, kept in ((31.5, 31.5), (1e6, 125.0), (-1e6, -40.0)):
        controls.feel(celsius)
        assert controls.values[5] == kept


def test_the_ring_turns_the_lens_and_stops_at_its_ends() -> None:
    """By hand; each turn is a set of its own."""
    controls = store()
    positions = [decode_value(FLOAT, controls.turn_ring(step).value) for step in (1.5, 1.5, 1.5, -9.0)]
    assert positions == [1.5, 3.0, 3.33, 0.0] and controls.set_id == 4


def test_a_restart_brings_the_defaults_back() -> None:
    """As the list of controls promises."""
    controls = store()
    controls.set((value(1, INTEGER, 500),))
    controls.reset()
    assert (controls.values[1], controls.set_id) == (10_000, 0)


def test_what_the_list_says_is_what_is_checked() -> None:
    """Bounds on the wire are the bounds in force."""
    for control in controls_of(load_profile("uart-1m")):
        info = control.info()
        bounds = [decode_value(info.type, raw) for raw in (info.minimum, info.maximum, info.default)]
        assert bounds == [control.minimum, control.maximum, control.default]
        assert bool(info.read_only) is control.read_only


def test_the_list_is_libcameras_word_for_word() -> None:
    """Names, units and types of all, and which can only be read: what every host sees of a module."""
    listed = [(c.name, c.unit, c.type, c.read_only) for c in controls_of(load_profile("mos-100mp"))]
    assert listed == [
        ("ExposureTime", "us", INTEGER, False), ("AnalogueGain", "", FLOAT, False),
        ("LensPosition", "dioptres", FLOAT, False), ("TestPatternMode", "", INTEGER, False),
        ("SensorTemperature", "degC", FLOAT, True), ("LensAperture", "f-number", FLOAT, False),
        ("AfMode", "", INTEGER, False), ("AfMetering", "", INTEGER, False),
        ("AfWindows", "pixels", ValueType.RECTANGLE, False), ("AfTrigger", "", INTEGER, False),
        ("AfPause", "", INTEGER, False), ("AfState", "", INTEGER, True),
        ("AfPauseState", "", INTEGER, True), ("FocusFoM", "", INTEGER, True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (value(1, INTEGER, 19), "ExposureTime of 19 is not within 20 to 1e+06 us"),
        (value(2, FLOAT, 99.5), "AnalogueGain of 99.5 is not within 1 to 16"),
    ],
)
def test_a_value_out_of_range_is_told_with_its_bounds(given: ControlValue, text: str) -> None:
    """And with their unit, when there is one."""
    with pytest.raises(ValueOutOfRange) as raised:
        store().set((given,))
    assert (str(raised.value), raised.value.value) == (text, given.id)


def test_bounds_and_defaults_are_the_profiles() -> None:
    """What every host sees of this module: exposure in us, gain, dioptres, degrees, f-numbers, pixels."""
    whole = (11_648, 8736, 11_648, 8736)
    listed = {c.name: (c.minimum, c.maximum, c.default) for c in controls_of(load_profile("mos-100mp"))}
    assert listed == {
        "ExposureTime": (20, 1_000_000, 10_000), "AnalogueGain": (1.0, 16.0, 1.0),
        "LensPosition": (0.0, 3.33, 0.0), "TestPatternMode": (0, 3, 0),
        "SensorTemperature": (-40.0, 125.0, 25.0), "LensAperture": (1.4, 11.0, 1.4), "AfMode": (0, 2, 0),
        "AfMetering": (0, 1, 0), "AfWindows": ((0,) * 4, whole, (0,) * 4), "AfTrigger": (0, 1, 1),
        "AfPause": (0, 2, 2), "AfState": (0, 3, 0), "AfPauseState": (0, 2, 0),
        "FocusFoM": (0, (1 << 31) - 1, 0),
    }  # fmt: skip


def test_the_exposure_at_first_is_never_longer_than_the_longest() -> None:
    """Ten milliseconds, where the sensor can."""
    profile = load_profile("mos-100mp")
    short = replace(profile, sensor=replace(profile.sensor, exposure_us_max=4000))
    assert (controls_of(short)[0].maximum, controls_of(short)[0].default) == (4000, 4000)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (value(5, FLOAT, 20.0), ["SensorTemperature", "cannot be set"]),
        (value(1, FLOAT, 500.0), ["ExposureTime", "integer", "not float"]),
        (value(99, INTEGER, 1), ["no control 99"]),
        (value(9, ValueType.RECTANGLE, (1, 2, 3, 9000)), ["AfWindows of 1, 2, 3, 9000", "pixels"]),
    ],
)
def test_what_is_refused_names_the_control(given: ControlValue, words: list[str]) -> None:
    """In words, and by its number as the value."""
    with pytest.raises(RemoteProtocolError) as raised:
        store().set((given,))
    assert all(word in str(raised.value) for word in words) and raised.value.value == given.id


def test_too_many_at_once_are_counted() -> None:
    """Sixteen are read; of seventeen the text says how many were, and may be."""
    assert len(store().get((ControlId(1),) * 16)) == 16
    with pytest.raises(LimitExceeded, match=r"^17 controls at once, 16 are allowed$") as raised:
        store().get((ControlId(1),) * 17)
    assert raised.value.value == 17
