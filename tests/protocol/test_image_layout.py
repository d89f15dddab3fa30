"""The arithmetic of images: chunks, strips, frames."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laserlink.protocol.frame import OVERHEAD_BYTES
from laserlink.protocol.image_layout import DATA_PREFIX_BYTES, DIGESTS_PREFIX_BYTES, ImageLayout
from laserlink.protocol.limits import FRAME_BYTES_MIN_OFFER, IMAGE_SIDE_MAX, SEAL_BYTES, STRIP_BYTES_MAX
from laserlink.protocol.messages.image import ImageData, ImageDigests, ImageStart, StreamConfigured
from laserlink.protocol.raw import WIDTHS, group_bytes

layouts = st.builds(
    ImageLayout,
    st.integers(1, 2912).map(lambda quads: 4 * quads),
    st.integers(1, 4368).map(lambda pairs: 2 * pairs),
    st.sampled_from(sorted(WIDTHS)),
    st.integers(FRAME_BYTES_MIN_OFFER, 4096),
)


def test_full_frame() -> None:
    """The 100-megapixel picture in RAW12: the figures that the messages have as defaults."""
    layout = ImageLayout(11648, 8736, 12, 4096)
    assert (layout.pixels, layout.decoded_bytes, layout.coded_bytes) == (
        101_756_928,
        203_513_856,
        152_635_392,
    )
    assert (layout.chunk_bytes, layout.chunks, layout.strips) == (4032, 37_856, 153)
    assert layout.strip_bytes == 248 * 4032
    start, configured = ImageStart(), StreamConfigured()
    assert (start.coded_bytes, start.decoded_bytes) == (layout.coded_bytes, layout.decoded_bytes)
    assert start.chunk_bytes == configured.chunk_bytes == layout.chunk_bytes
    assert (configured.coded_bytes, configured.frames_per_image) == (layout.coded_bytes, layout.frames)


def test_prefixes() -> None:
    """What stands before chunk and digests is as long as the messages say."""
    assert len(bytes(ImageData())) == DATA_PREFIX_BYTES
    assert len(bytes(ImageDigests())) == DIGESTS_PREFIX_BYTES


@given(layouts)
def test_chunks(layout: ImageLayout) -> None:
    """Chunks tile the image, are whole groups and words, unpack to cache lines, and fit a sealed frame."""
    assert layout.chunk_bytes > 0
    assert layout.chunk_bytes % group_bytes(layout.bits) == 0
    assert layout.chunk_bytes * 8 // layout.bits * 2 % 64 == 0
    framed = layout.chunk_bytes + OVERHEAD_BYTES + DATA_PREFIX_BYTES + SEAL_BYTES
    assert framed <= layout.frame_bytes_max < framed + 4 * layout.bits
    lengths = [layout.chunk_length(index) for index in (0, layout.chunks - 1)]
    assert all(0 < length <= layout.chunk_bytes for length in lengths)
    assert (layout.chunks - 1) * layout.chunk_bytes + lengths[-1] == layout.coded_bytes


@given(layouts)
def test_strips(layout: ImageLayout) -> None:
    """Strips tile the image in whole chunks of at most 1 MB."""
    assert layout.strip_bytes <= STRIP_BYTES_MAX
    assert layout.strip_bytes % layout.chunk_bytes == 0
    assert sum(layout.strip_length(index) for index in range(layout.strips)) == layout.coded_bytes
    covered = [
        index for strip in range(layout.strips) for index in range(layout.chunks)[layout.strip_chunks(strip)]
    ]
    assert covered == list(range(layout.chunks))


@given(layouts)
def test_frames(layout: ImageLayout) -> None:
    """Start, chunks and digests; the digests fit their frames, sealed too."""
    assert layout.frames == 1 + layout.chunks + layout.digest_frames
    assert layout.digests_per_frame * layout.digest_frames >= layout.strips
    assert layout.digests_per_frame * (layout.digest_frames - 1) < layout.strips
    message = ImageDigests(digests=(0,) * layout.digests_per_frame)
    assert len(bytes(message)) + OVERHEAD_BYTES + SEAL_BYTES <= layout.frame_bytes_max


@pytest.mark.parametrize(
    ("width", "height", "bits", "text"),
    [(6, 2, 8, "multiple of 4"), (0, 2, 8, "multiple of 4"), (4, 3, 8, "even"), (4, 0, 8, "even"),
     (4, 2, 9, "RAW9"),
     (IMAGE_SIDE_MAX + 4, 2, 8, "multiple of 4"), (4, IMAGE_SIDE_MAX + 2, 8, "even"),
     (IMAGE_SIDE_MAX, IMAGE_SIDE_MAX, 8, "limit"), (-4, 2, 8, "multiple of 4")],
)  # fmt: skip
def test_impossible(width: int, height: int, bits: int, text: str) -> None:
    """A size or format that no image may have is refused, and the text says which."""
    with pytest.raises(ValueError, match=text):
        ImageLayout(width, height, bits, 4096)


def test_bytes_on_the_wire() -> None:
    """As many frames as chunks; the run that ends the image is shorter, by what its last chunk lacks."""
    layout = ImageLayout(256, 256, 12, 4096)  # 24 whole chunks of 4032 bytes, and one of 1536
    whole = layout.chunk_bytes + OVERHEAD_BYTES + DATA_PREFIX_BYTES
    assert (layout.chunks, layout.chunk_length(24)) == (25, 1536)
    assert [layout.wire_bytes(*run) for run in ((0, 0), (25, 0), (0, 24), (3, 2))] == [
        0, 0, 24 * whole, 2 * whole,
    ]  # fmt: skip
    assert [layout.wire_bytes(*run) for run in ((24, 1), (0, 25), (20, 5))] == [
        count * whole - (4032 - 1536) for count in (1, 25, 5)
    ]


def test_the_largest_image_is_legal_and_two_rows_more_are_not() -> None:
    """2^30 bytes as pixels of two bytes; what is over is told with both numbers."""
    assert ImageLayout(32_768, 16_384, 8, 4096).decoded_bytes == 1 << 30
    with pytest.raises(ValueError, match=r"^an image of 1073872896 bytes is over the limit of 1073741824$"):
        ImageLayout(32_768, 16_386, 8, 4096)
