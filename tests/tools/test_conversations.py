"""Whole conversations: they end as they should, and a module alone gives the same answers."""

import hashlib
from typing import Any

import pytest

from laserlink.firmware_model.machine import Contact, Module
from laserlink.firmware_model.profile import load_profile
from laserlink.firmware_model.stream import ExposureWanted, ImageReady, PackedImage
from laserlink.protocol.limits import FRAME_BYTES_MAX
from laserlink.protocol.states import BITS_PER_BYTE, LaneKind
from laserlink.protocol.timers import line_time_ns
from laserlink.tools.conversations import BITS, HEIGHT, LANE, PROFILE, WIDTH, conversations, ramp
from laserlink.tools.explain import ExplainedFrame, explain

CASES = {case["name"]: case for case in conversations()["cases"]}
SIDEBAND = LaneKind.SIDEBAND


def names(case: dict[str, Any], to: str) -> list[str]:
    """The messages that arrived at one end."""
    frames = [item["frame"] for item in case["frames"] if item["to"] == to and "frame" in item]
    return [
        item.name
        for wire in frames
        for item in explain(bytes.fromhex(wire))
        if isinstance(item, ExplainedFrame)
    ]


class Alone:
    """A module on its line, and nobody but a list of what it hears."""

    def __init__(self) -> None:
        self.module = Module(load_profile(PROFILE), (LANE,), first_sequence=100)
        self.sent: list[str] = []
        self.free_ns = self.now = 0
        self.module.on_input(Contact(True), 0)
        self.settle()

    def settle(self) -> None:
        """Let it say what it can: one thing after another, as the line takes them."""
        while self.say() or self.expose():
            pass

    def say(self) -> bool:
        if self.free_ns > self.now:
            return False
        burst = bytearray(FRAME_BYTES_MAX)
        data = self.module.data_to_send(SIDEBAND, self.now)
        if not data:
            data = bytes(burst[: self.module.images_to_send(SIDEBAND, memoryview(burst), self.now)])
        if data:
            bits = BITS_PER_BYTE[LANE.coding]
            self.free_ns = self.now + line_time_ns(len(data), LANE.rate_bps, bits)
            self.sent += [item.wire.hex() for item in explain(data) if isinstance(item, ExplainedFrame)]
        return bool(data)

    def expose(self) -> bool:
        event = self.module.next_event()
        if isinstance(event, ExposureWanted):
            _, _, width, height = event.request.region
            packed = PackedImage.of(ramp(width, height, event.request.bits), event.layout)
            self.module.on_input(ImageReady(event.channel, event.image_id, packed), self.now)
        return event is not None

    def until(self, end: int) -> None:
        """Let time pass."""
        while True:
            due = self.module.next_deadline(self.now)
            moments = [
                at for at in (due, self.free_ns if self.free_ns > self.now else None) if at is not None
            ]
            if not moments or min(moments) >= end:
                self.now = end
                return
            self.now = max(self.now, min(moments))
            if due is not None and due <= self.now:
                self.module.on_deadline(self.now)
            self.settle()


@pytest.mark.parametrize("name", [name for name in CASES if name != "pulled off"])
def test_a_module_alone_gives_the_same_answers(name: str) -> None:
    """Fed with what arrived at it, at those moments, a module sends the very frames that are written."""
    alone = Alone()
    for item in CASES[name]["frames"]:
        if item["to"] == "module" and "frame" in item:
            alone.until(item["at_ns"])
            alone.module.receive_data(SIDEBAND, bytes.fromhex(item["frame"]), item["at_ns"])
            alone.settle()
    alone.until(CASES[name]["frames"][-1]["at_ns"] + 1)
    told = [item["frame"] for item in CASES[name]["frames"] if item["to"] == "host" and "frame" in item]
    # In this order; between them is what the line lost.
    sent = iter(alone.sent)
    assert all(wire in sent for wire in told)
    assert alone.module.state.name == CASES[name]["outcome"]["module"]


def test_outcomes() -> None:
    """Each conversation ends as its name says."""
    expected = hashlib.sha256(ramp(WIDTH, HEIGHT, BITS).tobytes()).hexdigest()
    for name in ("one image", "an image whose first chunks are lost"):
        assert CASES[name]["outcome"]["sha256"] == expected
        assert CASES[name]["outcome"]["complete"]
    assert CASES["an image whose first chunks are lost"]["outcome"]["chunks_resent"] > 0
    assert CASES["pulled off"]["outcome"] == {"module": "DETACHED", "host": "ABSENT", "losses": ["DETACH"]}


def test_offences_and_damage() -> None:
    """Each illegal message has its error; damage and another session have none."""
    assert names(CASES["illegal messages"], "host").count("Error") == 4
    silent = CASES["damage and a stranger's session"]
    assert "Error" not in names(silent, "host")
    assert "EchoReply" not in names(silent, "host")
    assert any("bad" in item for item in silent["frames"])
