"""The C kernels, every variant that this machine runs, against their Python references."""

import copy
import struct
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from laserlink import cext
from laserlink.protocol import crc, digest, image_path, raw

kernels: Any = cext.kernels
if kernels is None:
    pytest.skip("the C kernels are not in use", allow_module_level=True)

SESSION, CHANNEL, IMAGE_ID = 0x1234ABCD, 3, 77
ALL_BITS = sorted(raw.WIDTHS)
PAST_CACHES_BYTES = 4 << 20  # LL_PAST_CACHES_BYTES in cext/variants.h
CHUNK_BYTES = {8: 4032, 10: 4040, 12: 4032, 14: 4032, 16: 4032}
same_fixture = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture(params=kernels.VARIANTS, autouse=True)
def variant(request: pytest.FixtureRequest) -> Iterator[str]:
    """Runs each test once for every variant."""
    before = kernels.variant()
    kernels.use_variant(request.param)
    yield request.param
    kernels.use_variant(before)


def random_pixels(bits: int, count: int, seed: int = 1) -> NDArray[np.uint16]:
    return np.random.default_rng(seed).integers(0, 1 << bits, count, dtype=np.uint16)


def make_slot(kind: Any, bits: int, chunk_bytes: int, coded_bytes: int, /, **other: Any) -> Any:
    """A slot of either kind with fresh arrays of the right sizes, and strips of three chunks."""
    strip_bytes = chunk_bytes * 3
    pixels = coded_bytes // raw.group_bytes(bits) * raw.group_pixels(bits)
    fields = {
        "channel": CHANNEL,
        "image_id": IMAGE_ID,
        "bits": bits,
        "chunk_bytes": chunk_bytes,
        "coded_bytes": coded_bytes,
        "strip_bytes": strip_bytes,
        "picture": image_path.empty_picture(pixels),
        "present": np.zeros(-(-coded_bytes // chunk_bytes), np.uint8),
        "sums": np.zeros((-(-coded_bytes // strip_bytes), 2), np.uint64),
    }
    slot = kind(**(fields | other))
    slot.picture[:] = 0
    return slot


def frames_of(packed: NDArray[np.uint8], chunk_bytes: int, **other: int) -> list[bytes]:
    """The reference's frames, one for each chunk."""
    fields = {"session": SESSION, "channel": CHANNEL, "first_sequence": 5, "image_id": IMAGE_ID} | other
    frames = []
    for index in range(-(-packed.size // chunk_bytes)):
        out = bytearray(min(chunk_bytes, packed.size - index * chunk_bytes) + image_path.FRAME_OVERHEAD_BYTES)
        assert image_path.frame_images(out, packed, index, 1, chunk_bytes=chunk_bytes, **fields) == 1
        frames.append(bytes(out))
    return frames


def state(slot: Any) -> tuple[object, ...]:
    arrays = (slot.picture.tolist(), slot.present.tolist(), slot.sums.tolist())
    return (*arrays, slot.frames, slot.duplicates, slot.last_sequence)


def with_checks(header: bytes, payload: bytes) -> bytes:
    """A frame of any header with checks that hold."""
    check = crc.crc32(header)
    return header + struct.pack("<I", check) + payload + struct.pack("<I", crc.crc32(payload, check))


# ---- CRC and digest


@given(st.integers(0, 700), st.integers(0, 40), st.integers(0, 0xFFFFFFFF))
@same_fixture
def test_crc_and_digest_at_any_size(size: int, shift: int, before: int) -> None:
    """Any size, alignment and start value gives the references' CRC and sums."""
    data = memoryview(np.random.default_rng(size).bytes(size + shift))[shift:]
    assert kernels.crc32(data, before) == crc.crc32(data, before)
    ours, reference = np.full(2, before, np.uint64), np.full(2, before, np.uint64)
    kernels.add(ours, data, before * 8)
    digest.add(reference, data, before * 8)
    assert ours.tolist() == reference.tolist()


def test_crc_of_large_data() -> None:
    """Long data, for which the GIL is released, too; and the catalogue's check value."""
    data = np.random.default_rng(2).bytes(1_000_003)
    assert kernels.crc32(data) == crc.crc32(data)
    assert kernels.crc32(b"123456789") == crc.CHECK_VALUE


def test_digest_arguments() -> None:
    """What the reference refuses, the kernel refuses."""
    for offset in (-8, 4, 1):
        with pytest.raises(ValueError, match="no multiple of 8"):
            kernels.add(np.zeros(2, np.uint64), b"", offset)
    for wrong in (np.zeros(3, np.uint64), np.zeros(2, np.int64)):
        with pytest.raises(ValueError, match=r"sums has|Buffer dtype"):
            kernels.add(wrong, b"", 0)


# ---- RAW


@pytest.mark.parametrize("bits", ALL_BITS)
def test_raw_at_any_size(bits: int) -> None:
    """Every number of groups up to 40, at several alignments, packs and unpacks as the reference does."""
    for groups in range(41):
        pixels = random_pixels(bits, groups * raw.group_pixels(bits), groups)
        packed = raw.pack(pixels, bits)
        assert np.array_equal(kernels.pack(pixels, bits), packed)
        for shift in (0, 1, 8, 16):
            space = np.full(pixels.size + 80, 0xEEEE, np.uint16)
            start = (-space.ctypes.data % 64) // 2 + shift
            kernels.unpack(packed, bits, space[start : start + pixels.size])
            assert np.array_equal(space[start : start + pixels.size], pixels)
            assert (space[:start] == 0xEEEE).all()
            assert (space[start + pixels.size :] == 0xEEEE).all()


@pytest.mark.parametrize("bits", ALL_BITS)
def test_pack_stays_in_its_place(bits: int) -> None:
    """Wide stores never touch a byte behind the result."""
    for groups in range(41):
        pixels = random_pixels(bits, groups * raw.group_pixels(bits), groups)
        size = raw.packed_size(pixels.size, bits)
        space = np.full(size + 64, 0xEE, np.uint8)
        kernels.pack(pixels, bits, space[:size])
        assert (space[size:] == 0xEE).all()


@pytest.mark.parametrize("bits", ALL_BITS)
def test_raw_past_the_caches(bits: int) -> None:
    """Images that no cache holds are written by streaming stores, on odd addresses too: the same bytes."""
    pixels = random_pixels(bits, 4 * 1_100_003)
    packed = raw.pack(pixels, bits)
    assert min(packed.nbytes, pixels.nbytes) > PAST_CACHES_BYTES
    for shift in (0, 1, 16, 61):
        target = np.full(packed.size + 128, 0xEE, np.uint8)
        start = -target.ctypes.data % 64 + shift
        kernels.pack(pixels, bits, target[start : start + packed.size])
        assert np.array_equal(target[start : start + packed.size], packed)
        assert (target[:start] == 0xEE).all() and (target[start + packed.size :] == 0xEE).all()
        space = np.full(pixels.size + 128, 0xEEEE, np.uint16)
        start = (-space.ctypes.data % 64) // 2 + shift
        kernels.unpack(packed, bits, space[start : start + pixels.size])
        assert np.array_equal(space[start : start + pixels.size], pixels)
        assert (space[:start] == 0xEEEE).all() and (space[start + pixels.size :] == 0xEEEE).all()


@pytest.mark.parametrize("bits", ALL_BITS)
def test_a_large_image_arrives(bits: int) -> None:
    """A picture that no cache holds is received whole, in pieces of several frames, with its digests."""
    pixels = random_pixels(bits, 4 * 600_000)
    assert pixels.nbytes > PAST_CACHES_BYTES
    packed = raw.pack(pixels, bits)
    chunk_bytes = CHUNK_BYTES[bits]
    chunks = -(-packed.size // chunk_bytes)
    stream = np.zeros(packed.size + chunks * image_path.FRAME_OVERHEAD_BYTES, np.uint8)
    fields = (SESSION, CHANNEL, 5, IMAGE_ID, chunk_bytes)
    assert kernels.frame_images(stream, packed, 0, chunks, *fields) == chunks
    slot = make_slot(kernels.Slot, bits, chunk_bytes, packed.size)
    whole, taken = memoryview(stream), 0
    while taken < len(whole):
        step = kernels.receive_images(whole[taken : taken + 20_000], SESSION, 4072, [slot])
        assert step > 0
        taken += step
    assert np.array_equal(slot.picture, pixels)
    sums = np.zeros_like(slot.sums)
    for index in range(len(sums)):
        start = index * slot.strip_bytes
        digest.add(sums[index], packed[start : start + slot.strip_bytes], start)
    assert np.array_equal(slot.sums, sums)


@pytest.mark.parametrize("bits", [8, 10, 12, 14])
def test_out_of_range_anywhere(bits: int) -> None:
    """One pixel above the range, wherever it stands, is refused."""
    for place in range(96):
        pixels = np.full(96, (1 << bits) - 1, np.uint16)
        kernels.pack(pixels, bits)
        pixels[place] = 1 << bits
        with pytest.raises(ValueError, match="above the range"):
            kernels.pack(pixels, bits)


def test_raw_arguments() -> None:
    """What the reference refuses, the kernel refuses with the same type of error."""
    with pytest.raises(ValueError, match="not one of"):
        kernels.unpack(b"", 11)
    with pytest.raises(ValueError, match="whole number"):
        kernels.unpack(bytes(4), 12)
    with pytest.raises(ValueError, match="whole number"):
        kernels.pack(np.zeros(3, np.uint16), 12)
    for wrong in (np.zeros(4, np.uint16), np.zeros(2, np.int16), np.zeros(4, np.uint16)[::2]):
        with pytest.raises(ValueError, match=r"out has|Buffer dtype|contiguous"):
            kernels.unpack(bytes(3), 12, wrong)
    with pytest.raises(ValueError, match="out has"):
        kernels.pack(np.zeros(2, np.uint16), 12, np.zeros(4, np.uint8))
    with pytest.raises(ValueError, match="Buffer dtype"):
        kernels.pack(np.zeros(2, np.int32), 12)


# ---- The image data path


@pytest.mark.parametrize("bits", ALL_BITS)
def test_an_image_there_and_back(bits: int) -> None:
    """An image framed by either side arrives whole in one call, with the digests of its strips."""
    chunk_bytes = CHUNK_BYTES[bits]
    pixels = random_pixels(bits, 4 * 5001)
    packed = raw.pack(pixels, bits)
    frames = frames_of(packed, chunk_bytes)
    stream = bytearray(sum(map(len, frames)))
    fields = (SESSION, CHANNEL, 5, IMAGE_ID, chunk_bytes)
    assert kernels.frame_images(stream, packed, 0, len(frames), *fields) == len(frames)
    assert bytes(stream) == b"".join(frames)
    slot = make_slot(kernels.Slot, bits, chunk_bytes, packed.size)
    assert kernels.receive_images(stream, SESSION, 4072, [slot]) == len(stream)
    assert np.array_equal(slot.picture, pixels)
    assert slot.present.all()
    assert (slot.frames, slot.duplicates, slot.last_sequence) == (len(frames), 0, 5 + len(frames) - 1)
    found = [
        digest.strip_digest(sums, min(slot.strip_bytes, packed.size - index * slot.strip_bytes))
        for index, sums in enumerate(slot.sums)
    ]
    assert found == digest.strip_digests(packed, slot.strip_bytes)


@given(st.data())
@same_fixture
def test_both_slots_agree(data: st.DataObject) -> None:
    """Any order of chunks, with repeats, leaves the kernel's slot and the reference's in the same state."""
    bits = data.draw(st.sampled_from(ALL_BITS))
    chunk_bytes = 8 * raw.group_bytes(bits)
    groups = data.draw(st.integers(1, 90))
    packed = raw.pack(random_pixels(bits, groups * raw.group_pixels(bits)), bits)
    frames = frames_of(packed, chunk_bytes)
    order = data.draw(st.lists(st.integers(0, len(frames) - 1), max_size=20))
    ours = make_slot(kernels.Slot, bits, chunk_bytes, packed.size)
    placed = make_slot(kernels.Slot, bits, chunk_bytes, packed.size)
    reference = make_slot(image_path.Slot, bits, chunk_bytes, packed.size)
    stream = b"".join(frames[index] for index in order)
    assert kernels.receive_images(stream, SESSION, 4072, [ours]) == len(stream)
    for index in order:
        chunk = packed[index * chunk_bytes : (index + 1) * chunk_bytes]
        assert placed.place(index * chunk_bytes, chunk) == reference.place(index * chunk_bytes, chunk)
        placed.last_sequence = reference.last_sequence = 5 + index
    assert state(ours) == state(placed) == state(reference)


def test_every_flipped_bit_stops_it() -> None:
    """One wrong bit anywhere in a frame: nothing of that frame is taken, nothing is written."""
    packed = raw.pack(random_pixels(12, 64), 12)
    first, second = frames_of(packed, 48)
    slot = make_slot(kernels.Slot, 12, 48, packed.size)
    clean = state(copy.deepcopy(slot))
    for bit in range(8 * len(first)):
        damaged = bytearray(first + second)
        damaged[bit // 8] ^= 1 << bit % 8
        assert kernels.receive_images(damaged, SESSION, 4072, [slot]) == 0
    assert state(slot) == clean
    damaged = bytearray(first + second)
    damaged[len(first) + 40] ^= 1
    assert kernels.receive_images(damaged, SESSION, 4072, [slot]) == len(first)


def test_every_cut() -> None:
    """A stream cut anywhere: whole frames are taken, the rest waits, and nothing behind the cut is read."""
    packed = raw.pack(random_pixels(12, 64), 12)
    first, second = frames_of(packed, 48)
    slot = make_slot(kernels.Slot, 12, 48, packed.size)
    whole = memoryview(first + second)
    for size in range(len(whole)):
        expected = len(first) if size >= len(first) else 0
        taken = kernels.receive_images(whole[:size], SESSION, 4072, [slot])
        assert taken == expected


def header(**other: int) -> bytes:
    """The 16 covered bytes of an image frame of 48 chunk bytes, some fields replaced."""
    fields = {"version": 0x10, "type": 0x42, "channel": CHANNEL, "flags": 0, "length": 60}
    fields |= {"session": SESSION, "sequence": 5} | other
    return struct.pack("<HBBBBHII", 0x90EB, *fields.values())


# Intact frames that are not for this slot: the fields of the header, then image id, offset and chunk bytes.
NOT_OURS: list[tuple[dict[str, int], int, int, int]] = [
    ({"version": 0x11}, IMAGE_ID, 0, 48),
    ({"type": 0x41}, IMAGE_ID, 0, 48),
    ({"channel": CHANNEL + 1}, IMAGE_ID, 0, 48),
    ({"flags": 1}, IMAGE_ID, 0, 48),
    ({"session": SESSION + 1}, IMAGE_ID, 0, 48),
    ({}, IMAGE_ID + 1, 0, 48),
    ({}, IMAGE_ID, 8, 48),
    ({}, IMAGE_ID, 96, 48),
    ({}, IMAGE_ID, 2**64 - 48, 48),
    ({}, IMAGE_ID, 1 << 63, 48),
    ({"length": 59}, IMAGE_ID, 0, 47),
    ({"length": 108}, IMAGE_ID, 0, 96),
    ({"length": 12}, IMAGE_ID, 0, 0),
    ({"length": 36}, IMAGE_ID, 48, 24),
]


@pytest.mark.parametrize(("fields", "image_id", "offset", "size"), NOT_OURS)
def test_intact_but_not_ours(fields: dict[str, int], image_id: int, offset: int, size: int) -> None:
    """Whatever differs from what the slot expects is left to the framer, though its checks hold."""
    slot = make_slot(kernels.Slot, 12, 48, 96)
    clean = state(copy.deepcopy(slot))
    frame = with_checks(header(**fields), struct.pack("<IQ", image_id, offset) + bytes(size))
    assert kernels.receive_images(frame + bytes(64), SESSION, 4072, [slot]) == 0
    assert state(slot) == clean
    good = with_checks(header(), struct.pack("<IQ", IMAGE_ID, 0) + bytes(48))
    assert kernels.receive_images(good, SESSION, 4072, [slot]) == len(good)


def test_payload_limit_and_no_slots() -> None:
    """A payload above the negotiated length is not taken, nor anything without a slot."""
    frame = with_checks(header(), struct.pack("<IQ", IMAGE_ID, 0) + bytes(48))
    slot = make_slot(kernels.Slot, 12, 48, 96)
    assert kernels.receive_images(frame, SESSION, 59, [slot]) == 0
    assert kernels.receive_images(frame, SESSION, 60, []) == 0
    assert kernels.receive_images(frame, SESSION, 60, [slot]) == len(frame)
    with pytest.raises(ValueError, match="at most 64"):
        kernels.receive_images(frame, SESSION, 60, [slot] * 65)
    with pytest.raises(TypeError):
        kernels.receive_images(frame, SESSION, 60, [object()])


def test_several_images_at_once() -> None:
    """Frames of several channels and images, interleaved, each find their slot."""
    slots, streams, wanted = [], [], []
    for channel, image_id, bits in ((2, 1, 10), (2, 2, 12), (14, 1, 14)):
        chunk_bytes = 8 * raw.group_bytes(bits)
        pixels = random_pixels(bits, 32 * 5 * raw.group_pixels(bits), image_id + channel)
        packed = raw.pack(pixels, bits)
        wanted.append(pixels)
        streams.append(frames_of(packed, chunk_bytes, channel=channel, image_id=image_id))
        size = packed.size
        slots.append(make_slot(kernels.Slot, bits, chunk_bytes, size, channel=channel, image_id=image_id))
    stream = b"".join(b"".join(frames) for frames in zip(*streams, strict=True))
    assert kernels.receive_images(stream, SESSION, 4072, slots) == len(stream)
    for slot, pixels in zip(slots, wanted, strict=True):
        assert np.array_equal(slot.picture, pixels)


# ---- The slot


@pytest.mark.parametrize("kind", [kernels.Slot, image_path.Slot])
@pytest.mark.parametrize(
    ("other", "text"),
    [
        ({"channel": 16}, "channel is 16"),
        ({"image_id": 1 << 32}, "image_id is"),
        ({"bits": 11}, "not one of"),
        ({"chunk_bytes": 0}, "chunk_bytes is 0"),
        ({"chunk_bytes": 36}, "chunk_bytes is 36"),
        ({"chunk_bytes": 4064}, "chunk_bytes is 4064"),
        ({"coded_bytes": 0}, "coded_bytes is 0"),
        ({"coded_bytes": 95}, "coded_bytes is 95"),
        ({"coded_bytes": 99}, "picture"),
        ({"strip_bytes": 50}, "strip_bytes is 50"),
        ({"strip_bytes": -48}, "strip_bytes is -48"),
        ({"picture": np.zeros(63, np.uint16)}, "picture"),
        ({"picture": np.zeros(64, np.int16)}, "picture|Buffer dtype"),
        ({"present": np.zeros(3, np.uint8)}, "present"),
        ({"sums": np.zeros((2, 2), np.uint64)}, "sums"),
        ({"sums": np.zeros((1, 3), np.uint64)}, "sums"),
    ],
)
def test_sizes_that_do_not_belong_together(kind: Any, other: dict[str, Any], text: str) -> None:
    """Every size is checked in the constructor: C never sees an array that is too small."""
    with pytest.raises(ValueError, match=text):
        make_slot(kind, 12, 48, 96, **other)


@pytest.mark.parametrize(("offset", "size"), [(-48, 48), (24, 48), (96, 48), (0, 47), (0, 96), (1 << 70, 48)])
def test_place_refuses(offset: int, size: int) -> None:
    """A chunk of another place or length is a ValueError, and nothing is written."""
    slot = make_slot(kernels.Slot, 12, 48, 96)
    clean = state(copy.deepcopy(slot))
    with pytest.raises(ValueError, match="no chunk of this image"):
        slot.place(offset, bytes(size))
    assert state(slot) == clean


def test_deep_copy_is_independent() -> None:
    """A copy has the same state, its own arrays, and shares arrays that its owner shares."""
    slot = make_slot(kernels.Slot, 12, 48, 96)
    slot.place(0, bytes(range(48)))
    slot.last_sequence = 9
    twin, picture = copy.deepcopy((slot, slot.picture))
    assert state(twin) == state(slot)
    assert twin.picture is picture
    twin.place(48, bytes(range(48)))
    assert (slot.frames, twin.frames, slot.present.tolist(), twin.present.tolist()) == (1, 2, [1, 0], [1, 1])


# ---- Framing


def test_framing_what_fits() -> None:
    """Only whole frames are written, and their number is returned; sequences wrap at 32 bits."""
    packed = raw.pack(random_pixels(12, 160), 12)
    frames = frames_of(packed, 48, first_sequence=0xFFFFFFFE)
    assert struct.unpack_from("<I", frames[3], 12) == (1,)
    for frame_images in (kernels.frame_images, image_path.frame_images):
        for size in range(0, 84 * 3 + 10, 7):
            out = bytearray(size)
            written = frame_images(out, packed, 1, 3, SESSION, CHANNEL, 0xFFFFFFFE, IMAGE_ID, 48)
            assert written == min(size // 84, 3)
            assert bytes(out) == b"".join(frames[1 : 1 + written]) + bytes(size - 84 * written)


@pytest.mark.parametrize("frame_images", [kernels.frame_images, image_path.frame_images])
@pytest.mark.parametrize(
    "fields",
    [
        (0, 3, 1, 2, 0, 0, 48),
        (-1, 1, 1, 2, 0, 0, 48),
        (0, -1, 1, 2, 0, 0, 48),
        (2, 1, 1, 2, 0, 0, 48),
        (0, 1, 1 << 32, 2, 0, 0, 48),
        (0, 1, 1, 16, 0, 0, 48),
        (0, 1, 1, 2, -1, 0, 48),
        (0, 1, 1, 2, 0, 1 << 32, 48),
        (0, 1, 1, 2, 0, 0, 0),
        (0, 1, 1, 2, 0, 0, 4061),
    ],
)
def test_framing_refuses(frame_images: Any, fields: tuple[int, ...]) -> None:
    """A value out of its range, or a chunk that is not in the image, is a ValueError."""
    with pytest.raises(ValueError, match=r"not in 0 to|not all in|negative|is zero"):
        frame_images(bytearray(500), bytes(96), *fields)


def test_the_gil_is_released() -> None:
    """Another thread runs Python while a large image is received."""
    packed = np.zeros(3 * (1 << 22), np.uint8)
    chunks = -(-packed.size // 4032)
    stream = np.zeros(packed.size + chunks * image_path.FRAME_OVERHEAD_BYTES, np.uint8)
    kernels.frame_images(stream, packed, 0, chunks, SESSION, CHANNEL, 5, IMAGE_ID, 4032)
    slot = make_slot(kernels.Slot, 12, 4032, packed.size)
    steps: list[int] = []
    done = threading.Event()

    def count() -> None:
        while not done.is_set():
            steps.append(int(slot.frames))

    counter = threading.Thread(target=count)
    counter.start()
    for _ in range(200):
        slot.present[:] = 0
        kernels.receive_images(stream, SESSION, 4072, [slot])
        if any(step % chunks for step in steps):
            break
    done.set()
    counter.join()
    assert any(step % chunks for step in steps)


# ---- Variants and shared words


def test_unknown_variant(variant: str) -> None:
    """A variant that this machine does not run is refused, and the one in use stays."""
    with pytest.raises(ValueError, match="not one of"):
        kernels.use_variant("abacus")
    assert kernels.variant() == variant


def test_shared_words() -> None:
    """Words are stored and loaded in native order, aligned and within bounds."""
    memory = np.zeros(4, np.uint64)
    kernels.store_release(memory, 16, 0x0123456789ABCDEF)
    kernels.fence()
    assert memory.tolist() == [0, 0, 0x0123456789ABCDEF, 0]
    assert kernels.load_acquire(memory, 16) == 0x0123456789ABCDEF
    for offset in (-8, 4, 25, 32, 1 << 40):
        with pytest.raises(ValueError, match="no aligned"):
            kernels.load_acquire(memory, offset)
        with pytest.raises(ValueError, match="no aligned"):
            kernels.store_release(memory, offset, 1)
