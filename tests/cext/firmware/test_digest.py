"""cext/firmware/digest.h: the shared vectors, and any image in any pieces."""

import ctypes
import json
from pathlib import Path

from c_module import load_library
from hypothesis import given
from hypothesis import strategies as st

from laserlink.protocol.digest import image_digest, strip_digests

VECTORS = Path(__file__).parents[2] / "vectors" / "payloads.json"


def digests(data: bytes, strip_bytes: int, piece: int) -> tuple[list[int], int]:
    """The digests of all strips, and that of the image."""
    count = -(-len(data) // strip_bytes)
    strips = (ctypes.c_uint64 * count)()
    whole = load_library().lib_digests(data, len(data), strip_bytes, piece, strips)
    return list(strips), whole


def test_vectors() -> None:
    """The digests of the vectors, in whole strips and word by word."""
    for case in json.loads(VECTORS.read_text())["digests"]:
        data = bytes.fromhex(case["data"])
        for piece in (case["strip_bytes"], 8):
            assert digests(data, case["strip_bytes"], piece) == (case["strips"], case["image"])


@given(st.binary(min_size=1, max_size=200), st.integers(1, 8), st.integers(1, 4))
def test_any_image(data: bytes, words: int, words_of_piece: int) -> None:
    """Any bytes, strips and pieces give what the reference gives."""
    strips = strip_digests(data, 8 * words)
    assert digests(data, 8 * words, 8 * words_of_piece) == (strips, image_digest(strips, len(data)))
