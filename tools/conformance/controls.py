"""Controls: what there is, what can be set, and what is refused."""

import struct
from dataclasses import dataclass

from laserlink.protocol.errors import ErrorCode, MalformedPayload
from laserlink.protocol.frame import OVERHEAD_BYTES
from laserlink.protocol.messages import control, link
from laserlink.protocol.messages.control import ControlId, ControlInfo, ControlValue, Value, ValueType
from laserlink.protocol.states import ModuleState
from laserlink.tools.conformance.bench import ALL_FEATURES, Bench
from laserlink.tools.conformance.check import Check, Mismatch, Skip
from laserlink.tools.conformance.course import reach, tell

ABSENT_ID = 0xFFF0


@dataclass(frozen=True)
class Known:
    """One control, its bounds as values."""

    info: ControlInfo
    minimum: Value
    maximum: Value
    default: Value

    @classmethod
    def of(cls, info: ControlInfo) -> "Known":
        """Raises MalformedPayload for bounds that are none."""
        low, high, default = (
            control.decode_value(info.type, raw) for raw in (info.minimum, info.maximum, info.default)
        )
        return cls(info, low, high, default)

    @property
    def id(self) -> int:
        return self.info.id

    @property
    def is_number(self) -> bool:
        return self.info.type in (ValueType.INTEGER, ValueType.FLOAT)

    def as_sent(self, value: Value) -> ControlValue:
        return ControlValue(self.id, self.info.type, control.encode_value(self.info.type, value))


def _pages(bench: Bench) -> list[ControlInfo]:
    found: list[ControlInfo] = []
    while True:
        page = tell(bench, control.ControlList(start=len(found)), control.ControlInfos)
        found += page.controls
        if len(found) >= page.total or not page.controls:
            return found


def known(bench: Bench) -> list[Known]:
    return [Known.of(info) for info in _pages(bench)]


def _settable(bench: Bench) -> list[Known]:
    """Numbers that can be set, and do not move by themselves: those that are not about focusing."""
    found = [
        item
        for item in known(bench)
        if item.is_number and not item.info.read_only and item.minimum != item.maximum
        and not item.info.name.startswith(("Af", "Lens"))
    ]  # fmt: skip
    if not found:
        raise Skip("the module has no control that can be set")
    return found


def _value(bench: Bench, item: Known) -> Value:
    values = tell(bench, control.ControlGet(controls=(ControlId(item.id),)), control.ControlValues).values
    if len(values) != 1 or values[0].id != item.id or values[0].type is not item.info.type:
        raise Mismatch(f"ControlGet of {item.id} gave {values}")
    return control.decode_value(values[0].type, values[0].value)


def listing(bench: Bench) -> None:
    first = bench.reply(control.ControlList(), control.ControlInfos)
    found = _pages(bench)
    bench.expect(len(found) == first.total, f"{first.total} controls", str(len(found)))
    ids = [info.id for info in found]
    bench.expect(ids == sorted(set(ids)), "in the order of their ids", str(ids))
    half = len(found) // 2
    page = bench.reply(control.ControlList(start=half), control.ControlInfos)
    same = page.start == half and page.controls == tuple(found[half : half + len(page.controls)])
    bench.expect(same, f"the controls from {half} on", f"from {page.start} on, {len(page.controls)}")
    bench.refused(control.ControlList(start=first.total), ErrorCode.OUT_OF_BOUNDS)


def small_pages(bench: Bench) -> None:
    everything = _pages(bench)

    def small(target: Bench) -> None:
        target.hello(link.Hello(0x10, 0x10, ALL_FEATURES, 256, 256, 0, target.line.offers))

    reach(bench, ModuleState.READY, small)
    page = bench.reply(control.ControlList(), control.ControlInfos)
    longest = bench.agreed.to_host_bytes_max - OVERHEAD_BYTES
    bench.expect(len(bytes(page)) <= longest, f"at most {longest} bytes", f"{len(bytes(page))} bytes")
    found = _pages(bench)
    bench.expect(
        found == everything, "the same controls in smaller pages", f"{len(found)} of {len(everything)}"
    )


def bounds(bench: Bench) -> None:
    for info in _pages(bench):
        try:
            item = Known.of(info)
        except MalformedPayload as error:
            bench.expect(False, f"{info.name}: bounds of its type", str(error))
            continue
        came = f"{item.minimum} to {item.maximum}, {item.default}"
        rectangle = info.type is ValueType.RECTANGLE
        ordered = rectangle or item.minimum <= item.default <= item.maximum  # type: ignore[operator]
        bench.expect(bool(info.name) and ordered, f"{info.name}: minimum, default and maximum in order", came)


def values(bench: Bench) -> None:
    for item in known(bench):
        value = _value(bench, item)
        inside = item.info.type is ValueType.RECTANGLE or item.minimum <= value <= item.maximum  # type: ignore[operator]
        bench.note(f"ControlGet of {item.info.name}", f"{item.minimum} to {item.maximum}", str(value), inside)
    ids = tuple(ControlId(item.id) for item in reversed(known(bench)[:3]))
    got = bench.reply(control.ControlGet(controls=ids), control.ControlValues)
    order = [value.id for value in got.values]
    bench.expect(order == [item.id for item in ids], "values in the order asked", str(order))


def setting(bench: Bench) -> None:
    before = bench.reply(control.ControlGet(), control.ControlValues).set_id
    for count, item in enumerate(_settable(bench)[:4], 1):
        for value in (item.maximum, item.minimum):
            bench.reply(control.ControlSet(values=(item.as_sent(value),)), control.ControlSetReply)
            came = _value(bench, item)
            bench.expect(came == value, f"{item.info.name} {value}", str(came))
        before_set = bench.reply(control.ControlGet(), control.ControlValues).set_id
        bench.expect(before_set == before + 2 * count, f"set {before + 2 * count}", f"set {before_set}")


def _beyond(item: Known) -> list[Value]:
    if item.info.type is ValueType.INTEGER:
        return [int(item.minimum) - 1, int(item.maximum) + 1]  # type: ignore[arg-type]
    span = abs(float(item.maximum)) + 1.0  # type: ignore[arg-type]
    return [float(item.minimum) - span, float(item.maximum) + span, float("inf")]  # type: ignore[arg-type]


def out_of_range(bench: Bench) -> None:
    for item in _settable(bench)[:4]:
        before = _value(bench, item)
        for value in _beyond(item):
            request = control.ControlSet(values=(item.as_sent(value),))
            bench.refused(request, ErrorCode.VALUE_OUT_OF_RANGE, item.id)
        came = _value(bench, item)
        bench.expect(came == before, f"{item.info.name} as before, {before}", str(came))


def wrong_type(bench: Bench) -> None:
    for item in _settable(bench)[:4]:
        other = ValueType.FLOAT if item.info.type is ValueType.INTEGER else ValueType.INTEGER
        request = control.ControlSet(values=(ControlValue(item.id, other, bytes(8)),))
        bench.refused(request, ErrorCode.WRONG_VALUE_TYPE, item.id)


def not_a_number(bench: Bench) -> None:
    item = next((item for item in _settable(bench) if item.info.type is ValueType.FLOAT), None)
    if item is None:
        raise Skip("the module has no control of type float")
    before = _value(bench, item)
    wrong = ControlValue(item.id, ValueType.FLOAT, struct.pack("<d", float("nan")))
    bench.refused(control.ControlSet(values=(wrong,)), ErrorCode.MALFORMED_PAYLOAD)
    bench.expect(_value(bench, item) == before, f"{before}", str(_value(bench, item)))


def read_only(bench: Bench) -> None:
    found = [item for item in known(bench) if item.info.read_only]
    if not found:
        raise Skip("the module has no control that is read-only")
    for item in found[:3]:
        request = control.ControlSet(values=(item.as_sent(item.default),))
        bench.refused(request, ErrorCode.READ_ONLY, item.id)


def unknown(bench: Bench) -> None:
    ids = {item.id for item in known(bench)}
    absent = next(number for number in range(ABSENT_ID, 0, -1) if number not in ids)
    bench.refused(control.ControlGet(controls=(ControlId(absent),)), ErrorCode.UNKNOWN_CONTROL, absent)
    value = ControlValue(absent, ValueType.INTEGER, bytes(8))
    bench.refused(control.ControlSet(values=(value,)), ErrorCode.UNKNOWN_CONTROL, absent)


def all_or_none(bench: Bench) -> None:
    item = _settable(bench)[0]
    before = _value(bench, item)
    other = item.maximum if before != item.maximum else item.minimum
    set_id = bench.reply(control.ControlGet(), control.ControlValues).set_id
    wrong = ControlValue(ABSENT_ID, ValueType.INTEGER, bytes(8))
    bench.refused(
        control.ControlSet(values=(item.as_sent(other), wrong)), ErrorCode.UNKNOWN_CONTROL, ABSENT_ID
    )
    came = _value(bench, item)
    bench.expect(came == before, f"{item.info.name} as before, {before}", str(came))
    after = bench.reply(control.ControlGet(), control.ControlValues).set_id
    bench.expect(after == set_id, f"set {set_id}: refused sets are not counted", f"set {after}")


CHECKS = (
    Check(
        "controls.list", "K1", "All controls are listed, in the order of their ids, from any one on.", listing
    ),
    Check("controls.pages", "S4", "The list fits the frames, however short they are.", small_pages),
    Check("controls.bounds", "P1", "Bounds and defaults are in order, and of the control's type.", bounds),
    Check("controls.values", "K1", "Every control has a value within its bounds.", values),
    Check(
        "controls.set", "K1", "What is set within the bounds is in force, and each set is counted.", setting
    ),
    Check(
        "controls.out-of-range",
        "J11",
        "A value outside of the bounds is refused, and nothing changes.",
        out_of_range,
    ),
    Check("controls.wrong-type", "J11", "A value of another type is refused.", wrong_type),
    Check("controls.not-a-number", "J9", "A float that is no number is refused.", not_a_number),
    Check("controls.read-only", "J11", "A control that is read-only cannot be set.", read_only),
    Check("controls.unknown", "J11", "A control that there is not is refused.", unknown),
    Check("controls.all-or-none", "J11", "Of several values, all are set, or none.", all_or_none),
)
