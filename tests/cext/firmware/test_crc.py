"""cext/firmware/crc.h: the shared vectors, and any bytes."""

import json
from pathlib import Path

from c_module import load_library
from hypothesis import given
from hypothesis import strategies as st

from laserlink.protocol.crc import crc32

VECTORS = Path(__file__).parents[2] / "vectors" / "payloads.json"


def test_vectors() -> None:
    """The CRCs of the vectors."""
    for case in json.loads(VECTORS.read_text())["crc"]:
        data = bytes.fromhex(case["data"])
        assert load_library().ll_crc32(0, data, len(data)) == case["crc32"]


@given(st.binary(max_size=100), st.integers(0, 0xFFFFFFFF))
def test_anything_continued_from_anything(data: bytes, before: int) -> None:
    """The CRC of any bytes behind any others is the reference's."""
    assert load_library().ll_crc32(before, data, len(data)) == crc32(data, before)
