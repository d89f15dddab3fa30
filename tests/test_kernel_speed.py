"""The kernels under pytest-benchmark, each variant beside its Python reference.

In a test run each is called once, and its result is checked; no time is judged. To have the times:

    pytest tests/test_kernel_speed.py --benchmark-enable -n 0
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from laserlink import cext
from laserlink.protocol import crc, digest, image_path, raw
from laserlink.protocol.frame import Frame
from laserlink.protocol.small_frames import ROW, decode_batch

kernels: Any = cext.kernels
if kernels is None:
    pytest.skip("the C kernels are not in use", allow_module_level=True)

PIXELS = 1 << 16
FRAMES = 64
SMALL_FRAMES = 256
CHUNK_BYTES = 4032
RNG = np.random.default_rng(7)
PACKED = {bits: RNG.integers(0, 256, raw.packed_size(PIXELS, bits), np.uint8) for bits in sorted(raw.WIDTHS)}


@pytest.fixture(params=[*kernels.VARIANTS, "reference"])
def variant(request: pytest.FixtureRequest) -> Iterator[str]:
    """What does the work: a variant of the kernels, or Python."""
    before = kernels.variant()
    if request.param in kernels.VARIANTS:
        kernels.use_variant(request.param)
    yield request.param
    kernels.use_variant(before)


def of(variant: str, kernel: Any, reference: Any) -> Any:
    """The function that is measured."""
    return reference if variant == "reference" else kernel


@pytest.mark.parametrize("size", [20, 256, 4096, 1 << 20])
def test_crc(benchmark: Any, variant: str, size: int) -> None:
    """CRC-32/AUTOSAR of so many bytes."""
    data = RNG.bytes(size)
    benchmark.extra_info["bytes"] = size
    assert benchmark(of(variant, kernels.crc32, crc.crc32), data) == kernels.crc32(data)


@pytest.mark.parametrize("bits", sorted(raw.WIDTHS))
def test_unpack(benchmark: Any, variant: str, bits: int) -> None:
    """65,536 pixels from the wire's packing into uint16."""
    packed = PACKED[bits]
    picture: NDArray[np.uint16] = image_path.empty_picture(PIXELS)
    benchmark.extra_info["bytes"] = 2 * PIXELS
    benchmark(of(variant, kernels.unpack, raw.unpack), packed, bits, picture)
    assert (raw.pack(picture, bits) == packed).all()


@pytest.mark.parametrize("bits", sorted(raw.WIDTHS))
def test_pack(benchmark: Any, variant: str, bits: int) -> None:
    """65,536 pixels from uint16 into the wire's packing."""
    pixels = raw.unpack(PACKED[bits], bits)
    benchmark.extra_info["bytes"] = 2 * PIXELS
    assert (benchmark(of(variant, kernels.pack, raw.pack), pixels, bits) == PACKED[bits]).all()


def test_digest(benchmark: Any, variant: str) -> None:
    """The sums of a strip, over one chunk."""
    chunk = PACKED[12][:CHUNK_BYTES]
    sums, wanted = np.zeros(2, np.uint64), np.zeros(2, np.uint64)
    digest.add(wanted, chunk, 0)
    benchmark.extra_info["bytes"] = CHUNK_BYTES
    benchmark(of(variant, kernels.add, digest.add), sums, chunk, 0)
    sums[:] = 0
    of(variant, kernels.add, digest.add)(sums, chunk, 0)
    assert (sums == wanted).all()


def framed() -> bytearray:
    """64 chunks of a RAW12 image as they are on the wire."""
    packed = np.resize(PACKED[12], FRAMES * CHUNK_BYTES)
    out = bytearray(FRAMES * (CHUNK_BYTES + image_path.FRAME_OVERHEAD_BYTES))
    fields = {"session": 1, "channel": 2, "first_sequence": 1, "image_id": 1, "chunk_bytes": CHUNK_BYTES}
    assert image_path.frame_images(out, packed, 0, FRAMES, **fields) == FRAMES
    return out


def test_send(benchmark: Any, variant: str) -> None:
    """64 chunks of an image into frames, with both checks."""
    packed, wanted = np.resize(PACKED[12], FRAMES * CHUNK_BYTES), framed()
    out = bytearray(len(wanted))
    fields = {"session": 1, "channel": 2, "first_sequence": 1, "image_id": 1, "chunk_bytes": CHUNK_BYTES}
    benchmark.extra_info["bytes"] = len(wanted)
    benchmark(of(variant, kernels.frame_images, image_path.frame_images), out, packed, 0, FRAMES, **fields)
    assert out == wanted


@pytest.mark.parametrize("variant", kernels.VARIANTS, indirect=True)
def test_receive(benchmark: Any, variant: str) -> None:
    """64 frames into their picture: found, checked, added to the digests, unpacked."""
    wire, coded = bytes(framed()), FRAMES * CHUNK_BYTES
    picture = image_path.empty_picture(coded * 2 // 3)
    benchmark.extra_info["bytes"] = len(wire)

    def received() -> int:
        slot = kernels.Slot(
            channel=2, image_id=1, bits=12, chunk_bytes=CHUNK_BYTES, coded_bytes=coded, strip_bytes=coded,
            picture=picture, present=np.zeros(FRAMES, np.uint8), sums=np.zeros((1, 2), np.uint64),
        )  # fmt: skip
        taken: int = kernels.receive_images(wire, 1, 4072, [slot])
        return taken

    assert benchmark(received) == len(wire)
    assert (raw.pack(picture, 12) == np.resize(PACKED[12], coded)).all()


def test_small_frames(benchmark: Any, variant: str) -> None:
    """256 frames of 64 bytes, as one table."""
    wire = b"".join(
        bytes(Frame(type=3, channel=0, session=5, sequence=number, payload=bytes(40)))
        for number in range(SMALL_FRAMES)
    )
    rows = np.zeros(SMALL_FRAMES, ROW)
    benchmark.extra_info["bytes"] = len(wire)
    decode = of(variant, kernels.decode_batch, decode_batch)
    assert benchmark(decode, wire, rows) == (SMALL_FRAMES, len(wire))
    assert (rows["sequence"] == np.arange(SMALL_FRAMES)).all()
