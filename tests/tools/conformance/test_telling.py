"""laserlink.tools.conformance.telling: frames in a few words."""

from laserlink.protocol.frame import Frame
from laserlink.tools.conformance.telling import TEXT_MAX, describe, hex_of


def test_frames_in_words() -> None:
    """Known messages tell their fields, others their type, malformed ones why."""
    assert describe(Frame(0x60, 0, 1, 0, b"\x05\x00abc")) == "Echo(request_id 5, data 616263 [3])"
    assert describe(Frame(0x7F, 3, 1, 0, b"ab")) == "type 7F on channel 3, 2 bytes"
    assert "malformed" in describe(Frame(0x04, 0, 1, 0, b"1")).lower() or "Ping of 1 bytes" in describe(
        Frame(0x04, 0, 1, 0, b"1")
    )


def test_long_things_are_cut() -> None:
    """Neither a text nor a row of bytes grows without end."""
    assert len(describe(Frame(0x0D, 1, 1, 0, b"\x01\x50" + b"x" * 80))) <= TEXT_MAX
    assert hex_of(bytes(1000)).endswith("... 1000 bytes") and len(hex_of(bytes(1000))) < 320
