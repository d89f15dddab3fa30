"""laserlink.host_driver.lanes.url: what each text opens, and what each wrong one says."""

import os
from pathlib import Path

import pytest
import serial.tools.list_ports

from laserlink.cext.ring import Ring
from laserlink.host_driver.errors import BadUrl, DeviceError, NoDeviceFound, PortBusy
from laserlink.host_driver.lanes import ring as ring_lane
from laserlink.host_driver.lanes.pcapng import read_packets
from laserlink.host_driver.lanes.url import list_devices, open_lanes, open_target, split_query
from laserlink.protocol.states import LaneKind, LineCoding


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ring folder of this test's own."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(ring_lane, "OPEN_SECONDS", 0.05)
    return tmp_path


class Listed:
    """A port as the library lists it."""

    def __init__(self, device: str, vid: int | None, pid: int | None) -> None:
        self.device, self.vid, self.pid, self.description = device, vid, pid, None


def test_query_is_split_from_the_name() -> None:
    """Names and values behind the '?'; an empty value stays; a query that says nothing is none."""
    assert split_query("/dev/x?ring=a&baud=") == ("/dev/x", {"ring": "a", "baud": ""})
    assert split_query("/dev/x") == ("/dev/x", {})
    with pytest.raises(BadUrl, match="says nothing"):
        split_query("/dev/x?")


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("/dev/null?baud=abc", "baud=abc is no number"),
        ("/dev/null?speed=1", "has no option speed"),
        ("/dev/null?", "says nothing"),
        ("sim:", "names no profile"),
        ("sim:?scene=x", "names no profile"),
        ("sim:uart-1m?bogus=1", "has no option bogus=1"),
    ],
)
def test_wrong_urls_say_what_is_wrong(url: str, text: str) -> None:
    """Each is a BadUrl with a hint, before anything is opened or started."""
    with pytest.raises(BadUrl, match=text) as caught:
        open_target(url).open_lanes()
    assert caught.value.hint


def test_terminal_alone_is_one_lane_without_a_rate() -> None:
    """A pseudo-terminal has no line rate; the module on it will say its own."""
    master, slave = os.openpty()
    lanes = open_lanes(os.ttyname(slave))
    assert [(offer.kind, offer.rate_bps, offer.coding) for offer in lanes.offers] == [
        (LaneKind.SIDEBAND, 0, LineCoding.NONE)
    ]
    assert lanes.ring is None
    lanes.close()
    os.close(master)
    os.close(slave)


def test_terminal_and_ring_are_two_lanes() -> None:
    """With a ring there is an optical lane; both are closed together."""
    master, slave = os.openpty()
    with Ring.create("both", 1 << 14) as producer:
        lanes = open_lanes(f"{os.ttyname(slave)}?ring=both")
        assert [offer.kind for offer in lanes.offers] == [LaneKind.SIDEBAND, LaneKind.OPTICAL]
        assert producer.peer_alive()
        lanes.close()
        assert not producer.peer_alive()
        producer.unlink()
    os.close(master)
    os.close(slave)


def test_port_that_fails_lets_go_of_the_ring() -> None:
    """When the port cannot be opened, the ring is free for the next one."""
    with Ring.create("free", 1 << 14) as producer:
        with pytest.raises(NoDeviceFound):
            open_lanes("/dev/no-such-port?ring=free")
        assert not producer.peer_alive()
        producer.unlink()


def test_ring_that_is_missing_because_the_port_is_busy_says_busy() -> None:
    """While another host has the module its ring has no name: busy is what the user is told."""
    master, slave = os.openpty()
    name = os.ttyname(slave)
    with pytest.raises(NoDeviceFound, match="nowhere"):
        open_lanes(f"{name}?ring=nowhere")
    lanes = open_lanes(name)
    with pytest.raises(PortBusy):
        open_lanes(f"{name}?ring=nowhere")
    lanes.close()
    os.close(master)
    os.close(slave)


def test_auto_is_the_one_usb_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """None and two are errors that say so; one is taken; ports without a USB id do not count."""
    ports = [Listed("/dev/ttyS0", None, None)]
    monkeypatch.setattr(serial.tools.list_ports, "comports", lambda: ports)
    with pytest.raises(NoDeviceFound, match="no USB-serial device"):
        open_target("auto")
    ports.append(Listed("/dev/ttyUSB1", 0x0403, 0x6001))
    assert open_target("auto").url == "/dev/ttyUSB1"
    assert [item.usb_id for item in list_devices()] == ["", "0403:6001"]
    ports.append(Listed("/dev/ttyUSB0", 0x0403, 0x6001))
    with pytest.raises(NoDeviceFound, match="2 devices: /dev/ttyUSB0, /dev/ttyUSB1"):
        open_target("auto")


@pytest.mark.parametrize("url", ["socket://127.0.0.1:1", "socket://", "bogus://x", "", "/dev/no-such-port"])
def test_targets_open_nothing_until_they_are_asked(url: str) -> None:
    """Naming a device is free; opening it tells what is wrong, by type."""
    target = open_target(url)
    assert target.module is None
    with pytest.raises(DeviceError):
        target.open_lanes()


@pytest.mark.parametrize("url", ["record:", "record:file.pcapng", "record:,sim:uart-1m", "replay:"])
def test_recordings_without_a_name(url: str) -> None:
    """A recording needs a file, and something to record."""
    with pytest.raises(BadUrl, match="no recording") as caught:
        open_target(url)
    assert caught.value.hint


def test_record_keeps_what_goes_over_the_lanes(tmp_path: Path) -> None:
    """`record:` opens what stands behind it, as often as needed, into one file."""
    path = tmp_path / "file.pcapng"
    target = open_target(f"record:{path},loop://")
    for _ in range(2):
        lanes = target.open_lanes()
        assert lanes.port.write(b"bytes") == 5
        assert lanes.port.read() == b"bytes"
        lanes.close()
    names = [(packet.interface.name, bytes(packet.data)) for packet in read_packets(path.read_bytes())]
    assert sorted(names) == [("sideband to host", b"bytes")] * 2 + [("sideband to module", b"bytes")] * 2


def test_a_recording_that_cannot_be_begun_leaves_no_module(tmp_path: Path) -> None:
    """When the file cannot be written, the module that was started for it ends."""
    with pytest.raises(DeviceError, match="cannot be written"):
        open_target(f"record:{tmp_path}/none/file.pcapng,sim:uart-1m")
