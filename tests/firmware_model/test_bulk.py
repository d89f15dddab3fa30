"""Updates in order, checked by digest; files in parts. Hosts that lie get typed errors."""

import random

import pytest

from laserlink.firmware_model.bulk import Update, digest_of, file_part
from laserlink.protocol.errors import NotFound, OutOfBounds, RemoteProtocolError, UpdateRefused
from laserlink.protocol.frame import OVERHEAD_BYTES
from laserlink.protocol.limits import UPDATE_BYTES_MAX
from laserlink.protocol.messages.bulk import FileRead, UpdateBegin, UpdateData

FIRMWARE = random.Random(2).randbytes(1001)


def update() -> Update:
    return Update(UpdateBegin(0, len(FIRMWARE), digest_of(FIRMWARE)))


def test_an_update_in_pieces_is_the_whole() -> None:
    """Any pieces, in order."""
    made = update()
    for at in range(0, len(FIRMWARE), 97):
        made.take(UpdateData(0, at, FIRMWARE[at : at + 97]))
    assert made.finish() == FIRMWARE


@pytest.mark.parametrize("total", [0, UPDATE_BYTES_MAX + 1, (1 << 32) - 1])
def test_a_size_that_no_update_has_is_refused(total: int) -> None:
    """Before anything is kept."""
    with pytest.raises(UpdateRefused):
        Update(UpdateBegin(0, total, 0))


@pytest.mark.parametrize(("offset", "count"), [(1, 10), (0, 1002), (500, 1), ((1 << 32) - 1, 1)])
def test_a_piece_out_of_order_or_over_the_end_is_out_of_bounds(offset: int, count: int) -> None:
    """None of it is kept."""
    made = update()
    with pytest.raises(OutOfBounds):
        made.take(UpdateData(0, offset, bytes(count)))
    assert made.received_bytes == 0


def test_an_update_that_is_short_or_wrong_is_refused() -> None:
    """The digest is over all bytes; an update that was refused can go on."""
    made = update()
    made.take(UpdateData(0, 0, FIRMWARE[:-1]))
    with pytest.raises(UpdateRefused):
        made.finish()
    made.take(UpdateData(0, 1000, FIRMWARE[-1:]))
    assert made.finish() == FIRMWARE
    wrong = Update(UpdateBegin(0, len(FIRMWARE), digest_of(FIRMWARE) ^ 1))
    wrong.take(UpdateData(0, 0, FIRMWARE))
    with pytest.raises(UpdateRefused):
        wrong.finish()


def test_a_file_comes_in_parts_that_fit_the_frame() -> None:
    """Up to its end, where a part is empty; behind it is out of bounds; an unknown name is not found."""
    files = {"log": FIRMWARE}
    whole = b""
    while part := file_part(files, FileRead(4, len(whole), "log"), 256):
        assert len(bytes(part)) + OVERHEAD_BYTES <= 256 and part.total_bytes == 1001
        if not part.part:
            break
        whole += part.part
    assert whole == FIRMWARE
    with pytest.raises(OutOfBounds):
        file_part(files, FileRead(0, 1002, "log"), 256)
    with pytest.raises(NotFound):
        file_part(files, FileRead(0, 0, "../etc/passwd"), 256)


@pytest.mark.parametrize("total", [1, UPDATE_BYTES_MAX])
def test_the_smallest_and_the_largest_update_are_taken(total: int) -> None:
    """Bounds are inclusive; what is refused says what they are, and what was asked."""
    assert Update(UpdateBegin(0, total, 0)).received_bytes == 0
    with pytest.raises(UpdateRefused, match=f"an update has 1 to {UPDATE_BYTES_MAX} bytes") as raised:
        Update(UpdateBegin(0, UPDATE_BYTES_MAX + total, 0))
    assert raised.value.value == UPDATE_BYTES_MAX + total


def test_a_wrong_digest_is_named() -> None:
    """The value is the digest that was announced."""
    wrong = Update(UpdateBegin(0, 1, 77))
    wrong.take(UpdateData(0, 0, b"x"))
    with pytest.raises(UpdateRefused, match="the digest of the update is wrong") as raised:
        wrong.finish()
    assert raised.value.value == 77


def test_what_is_refused_says_what_there_is() -> None:
    """The bytes that came, that a file has, or the name that none has; the value is what was asked for."""
    short = update()
    short.take(UpdateData(0, 0, FIRMWARE[:600]))
    files = {"log": FIRMWARE}
    refusals = {
        "expected the piece at 600 of 1001": (599, lambda: short.take(UpdateData(0, 599, b"x"))),
        "600 of 1001 bytes came": (600, short.finish),
        "log has 1001 bytes": (1002, lambda: file_part(files, FileRead(0, 1002, "log"), 256)),
        "there is no file 'logs'": (0, lambda: file_part(files, FileRead(0, 0, "logs"), 256)),
    }
    for text, (value, refused) in refusals.items():
        with pytest.raises(RemoteProtocolError) as raised:
            refused()
        assert (str(raised.value), raised.value.value) == (text, value)


def test_a_file_that_is_read_names_its_request_and_its_place() -> None:
    """As many bytes as the frame holds, from where they were asked for."""
    part = file_part({"log": FIRMWARE}, FileRead(7, 100, "log"), 256)
    room = 256 - OVERHEAD_BYTES - 10
    assert (part.request_id, part.total_bytes, part.offset) == (7, 1001, 100)
    assert part.part == FIRMWARE[100 : 100 + room] and len(bytes(part)) + OVERHEAD_BYTES == 256
    assert file_part({"log": FIRMWARE}, FileRead(7, 1001, "log"), 256).part == b""
