"""The module's controls as the host knows them."""

import math
from dataclasses import replace

import pytest

from laserlink.host_driver.controls import HostControl, HostControls, batched
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
    ValueType,
    encode_value,
)


def info(number: int, name: str, kind: ValueType, low: float, high: float, default: float) -> ControlInfo:
    values = (encode_value(kind, type_of(kind)(value)) for value in (low, high, default))
    return ControlInfo(number, name, "", kind, 0, *values)


def type_of(kind: ValueType) -> type:
    return {ValueType.BOOL: bool, ValueType.INTEGER: int, ValueType.FLOAT: float}[kind]


INFOS = (
    info(1, "ExposureTime", ValueType.INTEGER, 20, 1_000_000, 10_000),
    info(2, "AnalogueGain", ValueType.FLOAT, 1.0, 16.0, 1.0),
    info(3, "AeEnable", ValueType.BOOL, 0, 1, 0),
)


def listed() -> HostControls:
    controls = HostControls()
    assert controls.take(ControlList(0, 0), ControlInfos(0, 3, 0, INFOS)) is None
    return controls


def test_a_list_in_parts_is_asked_for_until_it_is_whole() -> None:
    """The answer says where the next part begins."""
    controls = HostControls()
    assert controls.take(ControlList(0, 0), ControlInfos(0, 3, 0, INFOS[:2])) == 2
    assert controls.take(ControlList(0, 2), ControlInfos(0, 3, 2, INFOS[2:])) is None
    assert controls.current == {"ExposureTime": 10_000, "AnalogueGain": 1.0, "AeEnable": False}
    assert type(controls.current["AeEnable"]) is bool


def test_a_module_without_controls_has_a_whole_list() -> None:
    """Nothing of nothing."""
    assert HostControls().take(ControlList(0, 0), ControlInfos(0, 0, 0, ())) is None


@pytest.mark.parametrize(
    "infos",
    [
        ControlInfos(0, 3, 1, INFOS[:1]), ControlInfos(0, 3, 0, ()), ControlInfos(0, 2, 0, INFOS),
        ControlInfos(0, 0, 0, INFOS[:1]),
    ],
    ids=["another part", "an empty part", "more than all", "more than none"],
)  # fmt: skip
def test_a_part_that_is_not_the_one_asked_for_is_malformed(infos: ControlInfos) -> None:
    """A list that never ends is no list."""
    with pytest.raises(MalformedPayload):
        HostControls().take(ControlList(0, 0), infos)


def test_more_controls_than_any_module_may_have_are_over_the_limit() -> None:
    """129 are one too many."""
    with pytest.raises(LimitExceeded):
        HostControls().take(ControlList(0, 0), ControlInfos(0, 129, 0, INFOS))


def test_bounds_that_are_no_values_are_malformed() -> None:
    """A bool of 2, and a float that is not a number."""
    for kind, raw in (
        (ValueType.BOOL, b"\2" + bytes(7)),
        (ValueType.FLOAT, encode_value(ValueType.FLOAT, math.nan)),
    ):
        with pytest.raises(MalformedPayload):
            HostControl.of(ControlInfo(1, "X", "", kind, 0, raw, raw, raw))


def test_values_by_name_become_values_by_id() -> None:
    """In the order given, with the type of the control."""
    integer, real = ValueType.INTEGER, ValueType.FLOAT
    assert listed().encode({"AnalogueGain": 2, "ExposureTime": 500}) == (
        ControlValue(2, real, encode_value(real, 2.0)), ControlValue(1, integer, encode_value(integer, 500)),
    )  # fmt: skip


@pytest.mark.parametrize(
    "values", [{"Zoom": 1}, {"ExposureTime": 0.5}, {"ExposureTime": 1 << 70}, {"AnalogueGain": "x"}]
)
def test_names_and_values_that_make_no_sense_are_the_callers_error(values: dict[str, float]) -> None:
    """LocalProtocolError, before anything is sent."""
    with pytest.raises(LocalProtocolError):
        listed().encode(values)


def test_what_was_set_is_given_back_to_the_same_module_only() -> None:
    """By id; over a new session; the latest value of each."""
    controls = listed()
    for value in (100, 200):
        controls.remember(7, controls.encode({"ExposureTime": value}))
    controls.remember(8, controls.encode({"AnalogueGain": 4.0}))
    controls.clear()
    assert controls.to_replay(7) == {}
    controls.take(ControlList(0, 0), ControlInfos(0, 3, 0, INFOS))
    assert controls.to_replay(7) == {"ExposureTime": 200}
    assert controls.to_replay(8) == {"AnalogueGain": 4.0}
    assert controls.to_replay(9) == {}


def test_a_control_that_has_another_type_now_is_not_replayed() -> None:
    """Firmware may change; a value of the wrong type would be refused, and all others with it."""
    controls = listed()
    controls.remember(7, controls.encode({"ExposureTime": 100, "AnalogueGain": 2.0}))
    controls.clear()
    other = (info(1, "ExposureTime", ValueType.FLOAT, 0.0, 1.0, 0.5), INFOS[1])
    controls.take(ControlList(0, 0), ControlInfos(0, 2, 0, other))
    assert controls.to_replay(7) == {"AnalogueGain": 2.0}


def test_a_change_by_itself_is_current_when_the_control_is_known() -> None:
    """Unknown ones are told to the caller and not kept."""
    controls = listed()
    raw = encode_value(ValueType.FLOAT, 3.0)
    assert controls.note(ControlChanged(1, 2, ValueType.FLOAT, raw)) == ("AnalogueGain", 3.0)
    assert controls.note(ControlChanged(1, 99, ValueType.FLOAT, raw)) == ("control-99", 3.0)
    assert controls.current["AnalogueGain"] == 3.0 and len(controls.current) == 3


def test_values_are_sent_in_runs() -> None:
    """As many as one request holds."""
    values = tuple(ControlValue(number) for number in range(5))
    assert [len(run) for run in batched(values, 2)] == [2, 2, 1]
    assert list(batched((), 2)) == []


WINDOWS = HostControl(9, "AfWindows", "pixels", ValueType.RECTANGLE, False, (0,) * 4, (100,) * 4, (0,) * 4)


@pytest.mark.parametrize("value", [(1, 2, 3, 4), [1, 2, 3, 4], [(1, 2, 3, 4)], ((1, 2, 3, 4),)])
def test_a_rectangle_may_stand_in_a_list_of_one(value: tuple[int, int, int, int]) -> None:
    """As picamera2's users write AfWindows."""
    assert WINDOWS.encode(value).value == bytes((1, 0, 2, 0, 3, 0, 4, 0))


@pytest.mark.parametrize(
    "value", [7, 1.5, (1, 2, 3), [(1, 2, 3, 4), (5, 6, 7, 8)], (1, 2, 3, 70_000), ("a",) * 4]
)
def test_what_is_no_rectangle_is_the_callers_mistake(value: tuple[int, int, int, int]) -> None:
    """The module has one window, of four small numbers."""
    with pytest.raises(LocalProtocolError, match="AfWindows"):
        WINDOWS.encode(value)


def test_triggers_are_not_given_back() -> None:
    """What makes something happen once is not a setting; a window is."""
    controls = HostControls()
    for name, kind in (("AfTrigger", ValueType.INTEGER), ("AfPause", ValueType.INTEGER)):
        controls.known[name] = HostControl(len(controls.known) + 1, name, "", kind, False, 0, 2, 0)
    controls.known["AfWindows"] = WINDOWS
    window = WINDOWS.encode((1, 2, 3, 4))
    trigger = [
        ControlValue(number, ValueType.INTEGER, encode_value(ValueType.INTEGER, 0)) for number in (1, 2)
    ]
    controls.remember(5, (*trigger, window))
    assert controls.to_replay(5) == {"AfWindows": (1, 2, 3, 4)}


@pytest.mark.parametrize(("mode", "state"), [(0, 2), (1, 1), (2, 2)])
def test_a_taken_trigger_means_scanning(mode: int, state: int) -> None:
    """In auto, from the answer on: nobody takes the outcome of the scan before for that of this one."""
    controls = HostControls()
    for number, name in enumerate(("AfMode", "AfTrigger", "AfState"), 1):
        controls.known[name] = HostControl(number, name, "", ValueType.INTEGER, False, 0, 3, 0)
    controls.current.update({"AfMode": mode, "AfState": 2})
    controls.remember(5, (ControlValue(2, ValueType.INTEGER, encode_value(ValueType.INTEGER, 0)),))
    assert controls.current["AfState"] == state


def test_a_list_that_is_too_long_is_named() -> None:
    """The text and the value say how many controls there were."""
    with pytest.raises(LimitExceeded, match=r"^a list of 200 controls$") as raised:
        HostControls().take(ControlList(0, 0), ControlInfos(0, 200, 0, INFOS))
    assert raised.value.value == 200


def test_a_part_that_was_not_asked_for_is_named() -> None:
    """From where to where it claims to reach, and of how many."""
    with pytest.raises(MalformedPayload, match=r"^controls 2 to 5 of 9$") as raised:
        HostControls().take(ControlList(0, 1), ControlInfos(0, 9, 2, INFOS))
    assert raised.value.value == 2


def test_as_many_controls_as_any_module_may_have_are_taken() -> None:
    """The limit itself is no offence; a list that begins again forgets what was listed before."""
    controls = HostControls()
    controls.known["Zoom"] = WINDOWS
    assert controls.take(ControlList(0, 0), ControlInfos(0, CONTROLS_MAX, 0, INFOS[:2])) == 2
    assert list(controls.known) == ["ExposureTime", "AnalogueGain"]
    assert controls.take(ControlList(0, 2), ControlInfos(0, CONTROLS_MAX, 2, INFOS[2:])) == 3
    assert list(controls.known) == ["ExposureTime", "AnalogueGain", "AeEnable"]
    controls.clear()
    assert controls.known == controls.current == {}


def test_a_control_is_known_by_all_that_the_module_says_of_it() -> None:
    """Name, unit, type, whether it can be set, and its bounds as values."""
    integer = ValueType.INTEGER
    bounds = [encode_value(integer, value) for value in (-5, 70, 3)]
    known = HostControl.of(ControlInfo(7, "Zoom", "steps", integer, 1, *bounds))
    assert known == HostControl(7, "Zoom", "steps", integer, True, -5, 70, 3)
    assert HostControl.of(ControlInfo(7, "Zoom", "", integer, 0, *bounds)).read_only is False


def test_a_value_of_the_wrong_type_is_told_with_the_right_one() -> None:
    """The control and its type, in words."""
    with pytest.raises(LocalProtocolError, match=r"^ExposureTime is integer: .+"):
        listed().encode({"ExposureTime": 0.5})
    with pytest.raises(LocalProtocolError, match=r"^this module has no control Focus, Zoom$"):
        listed().encode({"Zoom": 1, "ExposureTime": 1, "Focus": 2})


def test_a_question_names_what_its_answer_holds() -> None:
    """By the ids of the list that is known now; the last question is kept as long as that list is."""
    controls = listed()
    first, second = INFOS[0], INFOS[1]
    question, named = controls.question((second.name, first.name))
    assert [item.id for item in question.controls] == [second.id, first.id]
    assert named == {second.id: second.name, first.id: first.name}
    assert controls.question((second.name, first.name))[0] is question
    assert controls.question((first.name,)) == (ControlGet(0, (ControlId(first.id),)), {first.id: first.name})
    assert controls.question(()) == (ControlGet(), {})
    with pytest.raises(LocalProtocolError, match="no control Focus, Zoom"):
        controls.question(("Zoom", first.name, "Focus"))
    moved = replace(first, id=99)
    assert controls.take(ControlList(0, 0), ControlInfos(0, 1, 0, (moved,))) is None
    assert controls.question((first.name,))[1] == {99: first.name}
    with pytest.raises(LocalProtocolError, match="no control"):
        controls.question((second.name,))
    controls.clear()
    with pytest.raises(LocalProtocolError, match="no control"):
        controls.question((first.name,))
