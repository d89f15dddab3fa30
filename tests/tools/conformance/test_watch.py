"""laserlink.tools.conformance.watch: what no module may say is noticed, whatever else goes on."""

from dataclasses import replace

import pytest

from laserlink.protocol.frame import Frame
from laserlink.protocol.framer import BadFrame, BadReason
from laserlink.protocol.messages.link import Beacon, Pong
from laserlink.protocol.states import LaneKind
from laserlink.tools.conformance.watch import Heard, Watch

PONG = Frame(0x05, 0, 7, 10, bytes(Pong()))
BEACON = Frame(0x01, 0, 0, 0, bytes(Beacon()))


def watched(*frames: Frame) -> set[str]:
    """The rules that these frames break, in session 7."""
    watch = Watch()
    watch.open(7)
    for frame in frames:
        watch.frame(Heard(LaneKind.SIDEBAND, frame, 0))
    return set(watch.violations)


def test_good_frames_break_nothing() -> None:
    """New frames, their resends, and beacons are as they should be."""
    assert watched(BEACON, PONG, PONG, replace(PONG, sequence=11)) == set()


@pytest.mark.parametrize(
    ("frames", "rule"),
    [
        ([replace(PONG, flags=1)], "header"),
        ([replace(PONG, version=0x20)], "header"),
        ([replace(PONG, channel=1)], "header"),
        ([replace(PONG, type=0x7F)], "header"),
        ([replace(PONG, session=8)], "session"),
        ([replace(BEACON, session=7)], "session"),
        ([PONG, replace(PONG, sequence=12)], "sequence"),
        ([PONG, replace(PONG, payload=bytes(27) + b"1")], "resend"),
        ([replace(PONG, payload=b"1")], "payload"),
    ],
)
def test_rule_that_is_broken_is_named(frames: list[Frame], rule: str) -> None:
    """Each offence is held against its own rule."""
    assert f"watched.{rule}" in watched(*frames)


def test_bad_bytes_count_behind_the_first_frame() -> None:
    """What comes before the first frame may be the rest of another one."""
    watch = Watch()
    watch.bad(BadFrame(BadReason.NO_SYNC, b"1"))
    watch.frame(Heard(LaneKind.SIDEBAND, BEACON, 0))
    assert not watch.violations
    watch.bad(BadFrame(BadReason.NO_SYNC, b"2"))
    assert set(watch.violations) == {"watched.intact"}
