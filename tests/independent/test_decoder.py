"""The independent decoder against both ends, the framer and the vectors."""

import importlib.util
import itertools
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from laserlink.firmware_model.machine import Module
from laserlink.firmware_model.profile import load_profile
from laserlink.firmware_model.stream import ExposureWanted, PackedImage
from laserlink.host_driver.actions import Attached
from laserlink.host_driver.assembly import ImageDone
from laserlink.host_driver.machine import Host
from laserlink.protocol.frame import Frame
from laserlink.protocol.framer import BadFrame, Framer
from laserlink.protocol.messages import control, image
from laserlink.protocol.messages.link import LaneOffer
from laserlink.protocol.states import LaneDirection, LaneKind, LineCoding
from laserlink.tools.stepper import Stepper, Wire

VECTORS = Path(__file__).parents[1] / "vectors"
SECOND_NS = 1_000_000_000
WIDTH, HEIGHT, BITS = 64, 48, 12


def load_decoder() -> ModuleType:
    """The decoder beside this file, which is no package."""
    spec = importlib.util.spec_from_file_location(
        "independent_decoder", Path(__file__).with_name("decoder.py")
    )
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


decoder = load_decoder()


class Recording:
    """A session with controls and one image, and every byte that went over each wire."""

    def __init__(self) -> None:
        side = LaneOffer(0, LaneKind.SIDEBAND, LaneDirection.BOTH, LineCoding.UART_8N1, 3_000_000, 0)
        laser = LaneOffer(1, LaneKind.OPTICAL, LaneDirection.MODULE_TO_HOST, LineCoding.NONE, 50_000_000, 0)
        sessions = itertools.count(0x77EB90EB)
        self.truth = np.zeros((HEIGHT, WIDTH), np.uint16)
        self.streams: dict[str, bytearray] = {}
        self.host = Host((side, laser), lambda: next(sessions))
        self.stepper = Stepper(self.host, Module(load_profile("mos-100mp"), (side, laser)), self._expose)
        for lane, wire in self.stepper.to_module.items():
            self._record(f"to module, {lane.name}", wire)
        for lane, wire in self.stepper.to_host.items():
            self._record(f"to host, {lane.name}", wire)

    def _record(self, name: str, wire: Wire) -> None:
        kept = self.streams.setdefault(name, bytearray())

        def keep(data: bytes, now: int) -> list[bytes]:
            kept.extend(data)
            return [data]

        wire.filter = keep

    def _expose(self, wanted: ExposureWanted) -> PackedImage:
        pixels = np.arange(WIDTH * HEIGHT, dtype=np.uint32) * 2654435761 >> 7
        self.truth = (pixels & (1 << BITS) - 1).astype(np.uint16).reshape(HEIGHT, WIDTH)
        return PackedImage.of(self.truth, wanted.layout)

    def until(self, kind: type) -> Any:
        assert self.stepper.run(
            lambda: any(isinstance(event, kind) for event in self.stepper.events), 6 * SECOND_NS
        )
        return self.stepper.event(kind)

    def run(self) -> None:
        self.stepper.snap_on()
        self.until(Attached)
        self.host.request(control.ControlList(), self.stepper.now)
        exposure = control.ControlValue(1, control.ValueType.INTEGER, (20_000).to_bytes(8, "little"))
        self.host.request(control.ControlSet(values=(exposure,)), self.stepper.now)
        self.host.request(
            image.StreamConfigure(channel=2, mode_id=3, bits=BITS, width=WIDTH, height=HEIGHT),
            self.stepper.now,
        )
        self.host.request(image.StreamStart(channel=2, images=1), self.stepper.now)
        self.done: ImageDone = self.until(ImageDone)
        self.stepper.run_for(SECOND_NS // 5)


@pytest.fixture(scope="module")
def recording() -> Recording:
    found = Recording()
    found.run()
    return found


def framed(data: bytes) -> list[Frame | BadFrame]:
    """What our framer gives for a whole stream."""
    framer = Framer()
    framer.feed(data)
    found = list(framer.items())
    framer.abandon()
    return found + list(framer.items())


def fields_of(frame: Any) -> tuple[int, ...]:
    return (
        frame.version,
        frame.type,
        frame.channel,
        int(frame.flags),
        frame.session,
        frame.sequence,
        frame.payload,
    )


def compare(data: bytes) -> int:
    """Hold both decoders together, item by item; the number of frames."""
    ours, theirs = framed(data), list(decoder.items(data))
    assert len(ours) == len(theirs)
    for our, their in zip(ours, theirs, strict=True):
        if isinstance(our, BadFrame):
            assert (our.reason.value, our.raw) == their
        else:
            assert fields_of(our) == fields_of(their)
    return sum(isinstance(item, Frame) for item in ours)


def test_every_byte_of_a_session(recording: Recording) -> None:
    """All that both ends send are frames, and both decoders read the same of them."""
    assert set(recording.streams) == {"to module, SIDEBAND", "to host, SIDEBAND", "to host, OPTICAL"}
    for name, data in recording.streams.items():
        found = decoder.frames(bytes(data))
        assert sum(frame.end - frame.at for frame in found) == len(data), name
        assert compare(bytes(data)) == len(found) > 9, name


def test_sequences_and_session(recording: Recording) -> None:
    """Each channel and direction counts by one over all lanes, resends apart; only beacons have session 0."""
    to_host = b"".join(bytes(data) for name, data in recording.streams.items() if name.startswith("to host"))
    for direction in (to_host, bytes(recording.streams["to module, SIDEBAND"])):
        found = decoder.frames(direction)
        for frame in found:
            assert (frame.session == 0) == (frame.type == 1)
            assert frame.session in (0, 0x77EB90EB)
        for channel in {frame.channel for frame in found}:
            numbers = {frame.sequence for frame in found if frame.channel == channel and frame.session}
            assert len(numbers) == max(numbers) - min(numbers) + 1


def test_image(recording: Recording) -> None:
    """The image that is put together from the recorded bytes is the one that was exposed."""
    chunks: dict[int, bytes] = {}
    for frame in decoder.frames(bytes(recording.streams["to host, OPTICAL"])):
        if frame.type == 0x42:
            chunks[int.from_bytes(frame.payload[4:12], "little")] = frame.payload[12:]
    packed = b"".join(chunks[offset] for offset in sorted(chunks))
    pixels = np.array(decoder.unpack_raw(packed, BITS), np.uint16).reshape(HEIGHT, WIDTH)
    assert np.array_equal(pixels, recording.truth)
    assert recording.done.picture is not None
    assert np.array_equal(pixels, recording.done.picture)


@pytest.mark.parametrize("every", [97, 401, 1009])
def test_damage(recording: Recording, every: int) -> None:
    """Both decoders agree on what is left of a damaged recording."""
    data = bytearray(recording.streams["to host, OPTICAL"][-20_000:] + recording.streams["to host, SIDEBAND"])
    for at in range(every // 2, len(data), every):
        data[at] ^= 1 << at % 8
    assert compare(bytes(data)) < len(decoder.frames(bytes(recording.streams["to host, SIDEBAND"]))) + 40


@pytest.mark.parametrize("name", ["frames.json", "bad-frames.json", "streams.json"])
def test_vectors(name: str) -> None:
    """The independent decoder reads every vector as it says."""
    for case in json.loads((VECTORS / name).read_text())["cases"]:
        data = bytes.fromhex(case["hex"])
        found = list(decoder.items(data))
        if "header" in case:
            (frame,) = found
            read = {
                field: getattr(frame, field)
                for field in ("version", "type", "channel", "flags", "session", "sequence")
            }
            assert read.items() <= case["header"].items()
            assert len(frame.payload) == case["header"]["length"]
            continue
        expected = [
            bytes.fromhex(item["frame"]) if "frame" in item else (item["bad"], item["bytes"])
            for item in case["items"]
        ]
        got = [
            (item[0], len(item[1])) if isinstance(item, tuple) else data[item.at : item.end] for item in found
        ]
        assert got == expected, case["name"]


def test_check_value() -> None:
    """The decoder's own CRC gives the catalogue's check value."""
    assert decoder.register_after(b"123456789") ^ 0xFFFFFFFF == 0x1697D06A
