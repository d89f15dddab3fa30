"""The Wireshark dissector: made from the declarations, and of one mind with our decoder, field by field."""

import json
from pathlib import Path

import pytest
from served import small_profile
from wireshark import Seen, dissected, need_tshark, write_packets

from laserlink.host_driver import Camera
from laserlink.host_driver.lanes.pcapng import read_packets
from laserlink.protocol import catalogue
from laserlink.protocol.frame import Frame
from laserlink.protocol.messages.link import FaultEvent
from laserlink.tools import dissector
from laserlink.tools.explain import ExplainedBad, ExplainedFrame, explain

VECTORS = Path(__file__).parents[1] / "vectors"
FAULT = catalogue.BY_MESSAGE[FaultEvent].type


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """The dissector in a file; skips where there is no tshark."""
    need_tshark()
    path = tmp_path / "laserlink.lua"
    path.write_text(dissector.render())
    return path


def expected(data: bytes) -> list[tuple[int, str]]:
    """Place and bytes of every part that our decoder finds in a packet."""
    found: list[tuple[int, str]] = []
    for item in explain(data):
        if isinstance(item, ExplainedBad):
            found.append((item.offset, item.raw.hex()))
        else:
            found += [(item.offset + part.offset, part.raw.hex()) for part in item.parts if part.raw]
    return found


def assert_same(seen: Seen, data: bytes) -> None:
    """tshark sees the same fields at the same places, the same values, and the same reason."""
    assert [(place, raw) for place, raw, _, _ in seen.fields] == expected(data)
    items = list(explain(data))
    shown = [show for _, _, _, show in seen.fields]
    values = [value for item in items for value in values_of(item)]
    for value, show in zip(values, shown, strict=True):
        first = value.split(" ")[0]
        if first.lstrip("-").isdigit() and "bytes" not in value:
            assert int(show, 0) == int(first)
        elif value.startswith('"'):
            assert show == value[1:-1]
    offences = [item.offence.code.name for item in items if isinstance(item, ExplainedFrame) and item.offence]
    assert seen.added.get("laserlink.offence") == (offences[-1] if offences else None)
    reasons = [item.reason.value for item in items if isinstance(item, ExplainedBad)]
    assert seen.added.get("laserlink.bad.reason") == (reasons[-1] if reasons else None)


def values_of(item: ExplainedFrame | ExplainedBad) -> list[str]:
    """What our decoder shows, field by field; of what is no frame, nothing that could be compared."""
    return ["?"] if isinstance(item, ExplainedBad) else [part.value for part in item.parts if part.raw]


def compare(path: Path, script: Path) -> int:
    """Compare all packets of a file; how many fields that were."""
    packets = [bytes(packet.data) for packet in read_packets(path.read_bytes())]
    seen = dissected(path, script)
    assert len(seen) == len(packets) > 0
    for one, data in zip(seen, packets, strict=True):
        if data:
            assert_same(one, data)
    return sum(len(one.fields) for one in seen)


def compare_packets(folder: Path, packets: list[bytes], script: Path) -> int:
    path = folder / "packets.pcapng"
    write_packets(path, packets)
    return compare(path, script)


@pytest.mark.parametrize("name", ["frames", "bad-frames", "streams"])
def test_vectors(name: str, script: Path, tmp_path: Path) -> None:
    """tshark agrees with our decoder on every shared vector: frames, damage, and frames among garbage."""
    cases = json.loads((VECTORS / f"{name}.json").read_text())["cases"]
    packets = [bytes.fromhex(case["hex"]) for case in cases if case["hex"]]
    # A run that is longer than the framer gives at once is two runs to us, and one to Wireshark.
    short = [data for data in packets if len(data) <= 4096]
    assert compare_packets(tmp_path, short, script) >= len(cases)


def test_illegal_frames(script: Path, tmp_path: Path) -> None:
    """Every way in which an intact frame is illegal is named alike; so is every malformed payload."""
    frames = [
        Frame(FAULT, 1, 7, 1, b"\x01\x02\xff\xfe"),  # no UTF-8
        Frame(FAULT, 1, 7, 1, b"\x01\x03\xed\xa0\x80"),  # a surrogate
        Frame(FAULT, 1, 7, 1, b"\x01\x03\xe0\x80\x80"),  # a zero in three bytes
        Frame(FAULT, 1, 7, 1, b"\x01\x51" + bytes(81)),  # too long a text
        Frame(FAULT, 1, 7, 1, b"\x01\x03ab"),  # cut
        Frame(FAULT, 1, 7, 1, b"\x01\x01ab"),  # more behind it
        Frame(FAULT, 0, 7, 1, b"\x01\x00"),
        Frame(0x3F, 0, 7, 1, b"?"),
        Frame(0x04, 16, 7, 1),
        Frame(0x04, 0, 7, 1, flags=2),
        Frame(0x04, 0, 7, 1, version=0x20),
        Frame(0x08, 0, 7, 1, bytes(21)),  # an error of code 0
        Frame(0x10, 0, 7, 1, b"\0\0\x08" + bytes(32)),  # eight offers where seven are allowed
        Frame(0x20, 0, 7, 1, b""),
    ]
    packets = [bytes(frame) for frame in frames]
    offences = [
        item.offence for data in packets for item in explain(data) if isinstance(item, ExplainedFrame)
    ]
    assert None not in offences
    compare_packets(tmp_path, packets, script)


def test_a_recorded_session(script: Path, tmp_path: Path) -> None:
    """A session of both lanes, from the beacon to the end of an image, is dissected as we decode it."""
    path = tmp_path / "session.pcapng"
    with Camera(f"record:{path},sim:{small_profile(tmp_path)}") as camera:
        camera.configure("preview")
        assert camera.capture().complete
    assert compare(path, script) > 1000
    lights = [
        one.added["laserlink.light"] for one in dissected(path, script) if "laserlink.light" in one.added
    ]
    assert lights[0] == "laser on"


def test_every_message_and_field_is_there() -> None:
    """The tables hold each message of the catalogue, and each record that one of them holds."""
    text = dissector.render()
    for row in catalogue.ROWS:
        assert f'[0x{row.type:02X}] = {{record = "{row.message.__name__}"' in text
    assert {kind.__name__ for kind in dissector.records()} >= {"LaneOffer", "ControlValue", "Range"}
    assert "0xC8DF352F" in text
