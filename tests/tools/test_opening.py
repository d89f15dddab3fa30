"""laserlink.tools.opening: the global options reach the camera, and the trace is readable."""

import json
from pathlib import Path

import pytest

from laserlink.host_driver.actions import ModuleEvent
from laserlink.protocol.errors import LinkLost
from laserlink.protocol.messages.diagnostics import Log
from laserlink.protocol.messages.image import StreamChanged
from laserlink.protocol.messages.power import TemperatureEvent
from laserlink.protocol.states import TemperatureLevel
from laserlink.tools.opening import open_camera, told_of_heat
from laserlink.tools.session import CommandError, Session


def test_trace_has_every_event_line_by_line(tmp_path: Path) -> None:
    """Each line is a document; the way from seating to ready and the image are in it, and no pixels."""
    path = tmp_path / "trace"
    with open_camera(Session(trace=str(path), silent=True), "sim:uart-1m?line=0") as camera:
        camera.configure("thumbnail")
        camera.capture()
        # Line by line: it can be followed while the link is up.
        assert "Attached" in path.read_text()
    documents = [json.loads(line) for line in path.read_text().splitlines()]
    events = [document["event"] for document in documents]
    assert events[0] == "StateChanged"
    assert {"Attached", "Answered", "ImageDone"} <= set(events)
    image = next(document["what"] for document in documents if document["event"] == "ImageDone")
    assert image == "image 1 of channel 2, 0 gaps, 0 resent"
    assert max(len(line) for line in path.read_text().splitlines()) < 4000


def test_heat_is_told_as_it_comes_and_goes() -> None:
    """What the module announces reaches the user in words; of everything else, nothing is said."""
    warm = ModuleEvent(TemperatureEvent(TemperatureLevel.WARM, 6025))
    assert told_of_heat(warm) == "the module is warm: 60.2 degrees Celsius at its sensor"
    assert told_of_heat(ModuleEvent(StreamChanged(2, interval_us=83_334))).endswith("every 83.334 ms")
    assert told_of_heat(ModuleEvent(Log())) == told_of_heat(object()) == ""


def test_trace_that_cannot_be_written_is_told_before_anything_is_opened(tmp_path: Path) -> None:
    """A folder that is not there: one line, and no module was started."""
    with (
        pytest.raises(CommandError, match="cannot be written"),
        open_camera(Session(trace=str(tmp_path / "no" / "trace"), silent=True), "sim:nope"),
    ):
        pytest.fail("opened")


def test_trace_on_a_full_disk_ends_the_link_with_its_cause() -> None:
    """A trace that can no longer be written is an error of its own, not a silence."""
    with (
        pytest.raises(OSError, match="No space left"),
        open_camera(Session(trace="/dev/full", silent=True), "sim:uart-1m?line=0"),
    ):
        pytest.fail("opened")


def test_timeout_bounds_the_attach() -> None:
    """--timeout is how long the module has to attach."""
    with (
        pytest.raises(LinkLost, match=r"did not attach within 0.1 s"),
        open_camera(Session(timeout=0.1, silent=True), "sim:uart-1m"),
    ):
        pytest.fail("opened")
