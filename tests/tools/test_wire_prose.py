"""The prose of the wire format: every error is explained, and the numbers in it are those of the lists."""

import re

from laserlink.protocol import limits, timers
from laserlink.protocol.crc import CHECK_VALUE, POLYNOMIAL
from laserlink.protocol.digest import LENGTH_FACTOR, STEP
from laserlink.protocol.errors import ERROR_OF_CODE
from laserlink.tools import wire_prose

PROSE = {name: text for name, text in vars(wire_prose).items() if name.isupper() and isinstance(text, str)}
FLOWING = {name: " ".join(text.split()) for name, text in PROSE.items()}


def test_every_error_is_explained() -> None:
    """Each error code says what was wrong and what its value is."""
    assert set(wire_prose.ERRORS) == set(ERROR_OF_CODE.values())
    assert all(when and value for when, value in wire_prose.ERRORS.values())


def test_numbers_are_those_of_the_lists() -> None:
    """Where the prose repeats a limit or a timer, it has the same number."""
    talk = FLOWING["CONVERSATION"]
    assert f"At most {limits.EVENTS_IN_FLIGHT} are in flight" in talk
    assert f"More than {limits.EVENTS_QUEUED} waiting events" in talk
    assert f"at most {limits.REQUEST_TRIES} times in all" in talk
    assert f"at most {limits.RESEND_RANGES_MAX} ranges" in talk
    assert f"each range at most {limits.RESEND_TRIES} times" in talk
    assert f"every {timers.KEEP_ALIVE_NS // timers.NS_PER_MS} ms" in talk
    assert f"within {timers.LIGHT_CONFIRM_NS // timers.NS_PER_MS} ms of switching on" in talk
    assert f"keeps an image {timers.RETENTION_NS // timers.NS_PER_MS} ms" in talk
    assert f"At most {limits.ERRORS_PER_SECOND} errors a second" in FLOWING["JUDGING"]
    rules = FLOWING["RULES"]
    assert f"beacon every {timers.BEACON_NS // timers.NS_PER_MS} ms" in rules
    assert f"longer than {limits.FRAME_BYTES_MIN_OFFER} bytes" in rules
    assert f"at most {limits.FRAME_BYTES_MAX} bytes" in rules


def test_constants_of_the_algorithms() -> None:
    """CRC and digest are given with the constants of the code."""
    assert f"polynomial {POLYNOMIAL & 0xFFFFFFFF:08X}" in FLOWING["FRAME"]
    assert f"{CHECK_VALUE:08X}" in FLOWING["FRAME"]
    assert f"{STEP:016X}" in PROSE["DIGEST"]
    assert f"{LENGTH_FACTOR:016X}" in PROSE["DIGEST"]


def test_lines_are_short() -> None:
    """The prose is readable as plain text."""
    assert all(len(line) <= 110 for text in PROSE.values() for line in text.splitlines())
    assert not any(re.search(r"\bTODO\b|\?\?", text) for text in PROSE.values())
