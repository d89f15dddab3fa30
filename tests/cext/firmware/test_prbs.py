"""cext/firmware/prbs.h: the shared vectors, and any sequence."""

import ctypes
import json
from pathlib import Path

from c_module import load_library
from hypothesis import given
from hypothesis import strategies as st

from laserlink.protocol import prbs

VECTORS = Path(__file__).parents[2] / "vectors" / "payloads.json"


def pattern(sequence: int, count: int) -> bytes:
    room = (ctypes.c_uint8 * max(1, count))()
    load_library().ll_prbs31(sequence, room, count)
    return bytes(room[:count])


def test_vectors() -> None:
    """The patterns of the vectors."""
    for case in json.loads(VECTORS.read_text())["prbs31"]:
        wanted = bytes.fromhex(case["pattern"])
        assert pattern(case["sequence"], len(wanted)) == wanted


@given(st.integers(0, 0xFFFFFFFF), st.integers(0, 300))
def test_any_sequence(sequence: int, count: int) -> None:
    """Any run of any sequence is the reference's."""
    assert pattern(sequence, count) == prbs.pattern(sequence, count)
