"""Values as JSON and back: what is shown can be typed in again."""

import json

import pytest

from laserlink.protocol.catalogue import ROWS, Row
from laserlink.protocol.messages.control import ControlSet, ControlValue, ValueType
from laserlink.protocol.messages.diagnostics import Echo, Log
from laserlink.protocol.messages.layout import Record, fields_of
from laserlink.protocol.messages.link import Hello, LaneOffer, Ping
from laserlink.protocol.messages.power import TemperatureEvent
from laserlink.protocol.states import LaneKind
from laserlink.tools.plain import UnknownField, from_plain, record_from_plain, record_to_plain
from laserlink.tools.vectors import example


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.message.__name__)
@pytest.mark.parametrize("numbers", [False, True])
def test_round_trip(row: Row, numbers: bool) -> None:
    """Every message, with defaults and with other values, survives JSON, enums by name or by number."""
    for message in (row.message(), example(row.message, 3)):
        plain = json.loads(json.dumps(record_to_plain(message, numbers=numbers)))
        assert record_from_plain(row.message, plain) == message


@pytest.mark.parametrize(
    ("kind", "name", "text", "value"),
    [
        (Ping, "flags", "0x01", 1),
        (Ping, "number", "12", 12),
        (TemperatureEvent, "temperature_centi_c", "-5", -5),
        (TemperatureEvent, "level", "hot", 2),
        (TemperatureEvent, "level", "1", 1),
        (Log, "text", "a=b µ", "a=b µ"),
        (Echo, "data", "0xCAFE", b"\xca\xfe"),
        (Echo, "data", "ca fe", b"\xca\xfe"),
        (Hello, "lanes", '[{"id": 1, "kind": "OPTICAL"}]', (LaneOffer(1, LaneKind.OPTICAL),)),
        (Hello, "lanes", "[]", ()),
        (ControlSet, "values", '[{"type": "float", "value": "000000000000f03f"}]',
         (ControlValue(1, ValueType.FLOAT, bytes.fromhex("000000000000f03f")),)),
    ],
)  # fmt: skip
def test_text(kind: type[Record], name: str, text: str, value: object) -> None:
    """The text of a command line becomes the value of its field."""
    assert getattr(record_from_plain(kind, {name: text}), name) == value


@pytest.mark.parametrize(
    ("kind", "name", "text", "says"),
    [
        (Ping, "flags", "256", "flags: 256 is not within 0 to 255"),
        (Ping, "flags", "-1", "not within"),
        (Ping, "flags", "one", "no whole number"),
        (Ping, "flags", 1.5, "no whole number"),
        (Ping, "flags", True, "no whole number"),
        (TemperatureEvent, "level", "tepid", "NORMAL, WARM, HOT"),
        (Log, "text", 5, "no text"),
        (Log, "text", "µ" * 81, "162 bytes"),
        (Echo, "data", "xyz", "no hexadecimal"),
        (Echo, "data", 5, "no hexadecimal"),
        (Hello, "lanes", "[", "no JSON"),
        (Hello, "lanes", "{}", "no JSON array"),
        (Hello, "lanes", "[1]", "no JSON object"),
        (Hello, "lanes", "[{}, {}, {}, {}, {}]", "5 items, 4"),
        (Hello, "lanes", '[{"kind": "string"}]', "lanes: kind: 'string' is none of SIDEBAND, OPTICAL"),
        (ControlSet, "values", '[{"value": "00"}]', "1 bytes, 8"),
    ],
)
def test_refused(kind: type[Record], name: str, text: object, says: str) -> None:
    """What is no value of the field is refused, and the text names field and reason."""
    with pytest.raises(ValueError, match=r".") as caught:
        record_from_plain(kind, {name: text})
    assert says in str(caught.value)
    assert name in str(caught.value)


@pytest.mark.parametrize("values", [{"nmber": 1}, {"lanes": '[{"nmber": 1}]'}])
def test_unknown_field(values: dict[str, object]) -> None:
    """A name that is no field is refused with those that are, also inside an array."""
    with pytest.raises(UnknownField, match="nmber") as caught:
        record_from_plain(Hello, values)
    assert "id" in caught.value.known or "lanes" in caught.value.known


def test_from_plain() -> None:
    """A single value needs only its shape."""
    assert from_plain("7", fields_of(Ping)[1].shape) == 7
