"""Any buffer as its bytes."""

from typing import Any

import numpy as np
import pytest

from laserlink.protocol.octets import octets


@pytest.mark.parametrize(
    "data", [b"\1\0\2\0", bytearray(b"\1\0\2\0"), memoryview(b"\1\0\2\0"), np.array([[1], [2]], "<u2")]
)
def test_bytes_of_anything(data: Any) -> None:
    """Every kind of buffer gives its bytes, flat."""
    assert octets(data).tolist() == [1, 0, 2, 0]


def test_it_is_the_same_memory() -> None:
    """Nothing is copied: what is written through the view is in the buffer."""
    array = np.zeros((2, 2), np.uint8)
    octets(array)[3] = 7
    assert array[1, 1] == 7


@pytest.mark.parametrize("data", [b"", np.empty(0, np.uint16), np.empty((0, 3), np.uint64)])
def test_empty(data: Any) -> None:
    """An empty buffer of any shape is no bytes."""
    assert len(octets(data)) == 0


@pytest.mark.parametrize("data", ["text", 7, np.zeros(8, np.uint8)[::2]])
def test_what_is_none(data: Any) -> None:
    """What has no contiguous bytes is a TypeError."""
    with pytest.raises(TypeError):
        octets(data)
