"""The data path in Python: frames by the specification's layout, chunks into place. See also test_kernels."""

import copy
import re
import struct
from typing import Any

import numpy as np
import pytest

from laserlink.protocol import crc, digest, raw
from laserlink.protocol.image_path import FRAME_OVERHEAD_BYTES, Slot, empty_picture, frame_images


def make_slot(packed_bytes: int) -> Slot:
    """A RAW12 slot with chunks of 48 bytes and strips of two chunks."""
    picture = np.zeros(packed_bytes // 3 * 2, np.uint16)
    present = np.zeros(-(-packed_bytes // 48), np.uint8)
    sums = np.zeros((-(-packed_bytes // 96), 2), np.uint64)
    return Slot(2, 7, 12, 48, packed_bytes, 96, picture, present, sums)


def test_frame_by_hand() -> None:
    """A frame has the bytes of the specification, one field after the other."""
    out = bytearray(100)
    assert frame_images(out, bytes(range(96)), 1, 1, 0x11223344, 2, 0xFFFFFFFF, 0x55667788, 48) == 1
    covered = bytes.fromhex("eb90 10 42 02 00 3c00 44332211 00000000")
    payload = bytes.fromhex("88776655 3000000000000000") + bytes(range(48, 96))
    check = crc.crc32(covered)
    frame = covered + struct.pack("<I", check) + payload + struct.pack("<I", crc.crc32(covered + payload))
    assert bytes(out) == frame + bytes(100 - len(frame))
    assert len(frame) == 48 + FRAME_OVERHEAD_BYTES


def test_chunks_in_any_order() -> None:
    """Chunks in any order fill the picture, the map and the sums; a repeat changes nothing but its count."""
    pixels = np.random.default_rng(1).integers(0, 4096, 150, dtype=np.uint16)
    packed = raw.pack(pixels, 12)
    slot = make_slot(packed.size)
    offsets = [192, 0, 96, 48, 144]
    assert [slot.place(offset, packed[offset : offset + 48]) for offset in offsets] == [True] * 5
    assert slot.place(0, bytes(48)) is False
    assert np.array_equal(slot.picture, pixels)
    assert (slot.frames, slot.duplicates, slot.present.tolist()) == (5, 1, [1] * 5)
    sizes = (96, 96, packed.size - 192)
    found = [digest.strip_digest(sums, size) for sums, size in zip(slot.sums, sizes, strict=True)]
    assert found == digest.strip_digests(packed, 96)


@pytest.mark.parametrize(("offset", "size"), [(-48, 48), (24, 48), (96, 48), (0, 47), (0, 49), (48, 0)])
def test_what_is_no_chunk(offset: int, size: int) -> None:
    """A chunk of another place or length is a ValueError, and nothing is written."""
    slot = make_slot(96)
    with pytest.raises(ValueError, match="no chunk of this image"):
        slot.place(offset, bytes([255]) * size)
    assert not slot.picture.any()
    assert not slot.present.any()


def test_arrays_that_cannot_be_written() -> None:
    """A read-only picture is refused at once."""
    locked = np.zeros(64, np.uint16)
    locked.flags.writeable = False
    with pytest.raises(ValueError, match="picture is no writable"):
        Slot(2, 7, 12, 48, 96, 96, locked, np.zeros(2, np.uint8), np.zeros((1, 2), np.uint64))


def test_deep_copy_is_independent() -> None:
    """A copy goes its own way."""
    slot = make_slot(96)
    slot.place(0, bytes(range(48)))
    twin = copy.deepcopy(slot)
    twin.place(48, bytes(range(48)))
    assert (slot.frames, twin.frames, slot.present.tolist(), twin.present.tolist()) == (1, 2, [1, 0], [1, 1])
    assert np.array_equal(slot.picture[:32], twin.picture[:32])


@pytest.mark.parametrize("pixels", [1, 100, 5000])
def test_pictures_start_on_a_cache_line(pixels: int) -> None:
    """An empty picture has its size, one dimension, and a 64-byte start."""
    picture = empty_picture(pixels)
    assert picture.shape == (pixels,)
    assert picture.ctypes.data % 64 == 0


FRAMED = {"session": 1, "channel": 2, "first_sequence": 3, "image_id": 4, "chunk_bytes": 48}


@pytest.mark.parametrize(
    ("field", "value", "largest"),
    [("session", 1 << 32, (1 << 32) - 1), ("channel", 16, 15), ("first_sequence", -1, (1 << 32) - 1),
     ("image_id", 1 << 32, (1 << 32) - 1), ("chunk_bytes", 4061, 4060)],
)  # fmt: skip
def test_a_number_that_no_frame_holds_is_refused_by_name(field: str, value: int, largest: int) -> None:
    """The text names it, what it is, and how much it may be; nothing is written."""
    out = bytearray(200)
    with pytest.raises(ValueError, match=rf"^{field} is {value}, not in 0 to {largest}$"):
        frame_images(out, bytes(96), 0, 2, **{**FRAMED, field: value})
    assert not any(out)


@pytest.mark.parametrize("field", ["session", "channel", "first_sequence", "image_id"])
def test_zero_is_a_number_like_any_other(field: str) -> None:
    """Only chunks must have a size."""
    out = bytearray(200)
    assert frame_images(out, bytes(96), 0, 2, **{**FRAMED, field: 0}) == 2


@pytest.mark.parametrize(("first", "count", "size"), [(0, 1, 0), (-1, 1, 48), (1, -1, 48)])
def test_counts_that_cannot_be(first: int, count: int, size: int) -> None:
    """Chunks of no bytes, before the first, or fewer than none."""
    with pytest.raises(ValueError, match="chunk_bytes is zero, or a count is negative"):
        frame_images(bytearray(200), bytes(96), first, count, **{**FRAMED, "chunk_bytes": size})


def test_frames_follow_each_other_and_stop_when_the_room_ends() -> None:
    """Three chunks into room for three frames less a byte: two, each as it is alone, and nothing behind."""
    packed = bytes(range(144))
    size = 48 + FRAME_OVERHEAD_BYTES
    alone = []
    for index in range(3):
        one = bytearray(size)
        assert frame_images(one, packed, index, 1, **FRAMED) == 1
        alone.append(bytes(one))
    out = bytearray(3 * size)
    assert frame_images(out, packed, 0, 3, **FRAMED) == 3
    assert bytes(out) == b"".join(alone)
    out = bytearray(3 * size)
    assert frame_images(memoryview(out)[:-1], packed, 0, 3, **FRAMED) == 2
    assert bytes(out) == b"".join(alone[:2]) + bytes(size)


@pytest.mark.parametrize("wrong", ["kind", "shape"])
def test_arrays_of_another_kind_or_shape(wrong: str) -> None:
    """Right in one way is not enough."""
    picture = np.zeros(64, np.int16) if wrong == "kind" else np.zeros(60, np.uint16)
    with pytest.raises(ValueError, match=r"uint16 array of shape \(64,\)"):
        Slot(2, 7, 12, 48, 96, 96, picture, np.zeros(2, np.uint8), np.zeros((1, 2), np.uint64))  # type: ignore[arg-type]


ARGUMENTS: dict[str, Any] = {
    "channel": 2, "image_id": 7, "bits": 12, "chunk_bytes": 48, "coded_bytes": 96, "strip_bytes": 96,
    "picture": np.zeros(64, np.uint16), "present": np.zeros(2, np.uint8), "sums": np.zeros((1, 2), np.uint64),
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"channel": 16}, "channel is 16, not in 0 to 15"),
        ({"channel": -1}, "channel is -1, not in 0 to 15"),
        ({"image_id": 1 << 32}, "image_id is 4294967296, not in 0 to 4294967295"),
        ({"chunk_bytes": 4061}, "chunk_bytes is 4061, not in 0 to 4060"),
        ({"chunk_bytes": 0}, "chunk_bytes is 0, not whole 8-byte words and RAW12 groups"),
        ({"chunk_bytes": 40}, "chunk_bytes is 40, not whole 8-byte words and RAW12 groups"),
        ({"chunk_bytes": 12}, "chunk_bytes is 12, not whole 8-byte words and RAW12 groups"),
        ({"coded_bytes": 0}, "coded_bytes is 0, not whole RAW12 groups"),
        ({"coded_bytes": 95}, "coded_bytes is 95, not whole RAW12 groups"),
        ({"coded_bytes": -3}, "coded_bytes is -3, not whole RAW12 groups"),
        ({"strip_bytes": 0}, "strip_bytes is 0, not whole chunks of 48"),
        ({"strip_bytes": 72}, "strip_bytes is 72, not whole chunks of 48"),
        ({"strip_bytes": -48}, "strip_bytes is -48, not whole chunks of 48"),
        ({"bits": 11}, "11 bits is not one of 8, 10, 12, 14, 16"),
        (
            {"picture": np.zeros(63, np.uint16)},
            "picture is no writable contiguous uint16 array of shape (64,)",
        ),
        ({"present": np.zeros(3, np.uint8)}, "present is no writable contiguous uint8 array of shape (2,)"),
        ({"present": np.zeros(2, np.int8)}, "present is no writable contiguous uint8 array of shape (2,)"),
        (
            {"present": np.zeros(4, np.uint8)[::2]},
            "present is no writable contiguous uint8 array of shape (2,)",
        ),
        (
            {"sums": np.zeros((2, 2), np.uint64)},
            "sums is no writable contiguous uint64 array of shape (1, 2)",
        ),
        ({"sums": np.zeros((1, 2), np.int64)}, "sums is no writable contiguous uint64 array of shape (1, 2)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_sizes_that_do_not_belong_together_are_named(changed: dict[str, Any], text: str) -> None:
    """Which one, what it is, and what it must be."""
    with pytest.raises(ValueError, match=rf"^{re.escape(text)}$"):
        Slot(**{**ARGUMENTS, **changed})


def test_a_slot_holds_what_it_was_given_and_has_counted_nothing() -> None:
    """At the bounds, too."""
    for changed in ({}, {"channel": 0, "image_id": 0}, {"channel": 15, "image_id": (1 << 32) - 1}):
        slot = Slot(**{**ARGUMENTS, **changed})
        assert {
            name: getattr(slot, name) for name in ARGUMENTS if name not in ("picture", "present", "sums")
        } == {
            name: value
            for name, value in {**ARGUMENTS, **changed}.items()
            if not isinstance(value, np.ndarray)
        }
        assert slot.picture is ARGUMENTS["picture"] and slot.present is ARGUMENTS["present"]
        assert slot.sums is ARGUMENTS["sums"]
        assert (slot.frames, slot.duplicates, slot.last_sequence) == (0, 0, 0)


def test_what_holds_a_slot_and_its_picture_still_does_after_a_copy() -> None:
    """One picture, one map and one list of sums: not a copy for each."""
    slot = make_slot(96)
    twin, *arrays = copy.deepcopy([slot, slot.picture, slot.present, slot.sums])
    assert (twin.picture is arrays[0], twin.present is arrays[1], twin.sums is arrays[2]) == (True,) * 3
    assert twin.picture is not slot.picture


def test_a_chunk_that_is_none_is_told_with_its_size_and_place() -> None:
    """The last chunk may be short, and only that; a repeat changes no pixel."""
    slot = make_slot(120)
    for offset, size in ((48, 24), (96, 48), (120, 0), (-48, 48), (8, 48)):
        with pytest.raises(ValueError, match=rf"^{size} bytes at {offset} are no chunk of this image$"):
            slot.place(offset, bytes(size))
    assert (
        slot.place(96, bytes([255] * 24)) and not slot.place(96, bytes(24)) and not slot.place(96, bytes(24))
    )
    assert (slot.frames, slot.duplicates, slot.present.tolist()) == (1, 2, [0, 0, 1])
    assert slot.picture.tolist() == [0] * 64 + [4095] * 16


def test_chunks_that_are_not_all_in_the_image_are_named() -> None:
    """How many from where; the last one may be short."""
    assert frame_images(bytearray(500), bytes(97), 0, 3, **FRAMED) == 3
    with pytest.raises(ValueError, match=r"^2 chunks from 2 on are not all in the image$"):
        frame_images(bytearray(500), bytes(97), 2, 2, **FRAMED)
    assert frame_images(bytearray(500), bytes(97), 3, 0, **FRAMED) == 0


@pytest.mark.parametrize(
    ("field", "most"),
    [
        ("session", (1 << 32) - 1),
        ("channel", 15),
        ("first_sequence", (1 << 32) - 1),
        ("image_id", (1 << 32) - 1),
    ],
)
def test_the_largest_number_goes_onto_the_wire(field: str, most: int) -> None:
    """Where it belongs, and sequences begin again behind it."""
    out = bytearray(2 * 84)
    assert frame_images(out, bytes(96), 0, 2, **{**FRAMED, field: most}) == 2
    header = struct.unpack_from("<2sBBBBHII", out, 84)
    payload_id, offset = struct.unpack_from("<IQ", out, 84 + 20)
    found = {"session": header[6], "channel": header[3], "first_sequence": header[7], "image_id": payload_id}
    expected = {**FRAMED, field: most}
    expected["first_sequence"] = (expected["first_sequence"] + 1) % (1 << 32)
    assert found == {name: expected[name] for name in found} and offset == 48
    largest = bytearray(5000)
    assert frame_images(largest, bytes(4060), 0, 1, **{**FRAMED, "chunk_bytes": 4060}) == 1
