"""Memory for pictures: used again as soon as nobody holds the last one, and touched before it is needed.

A fresh picture of 100 megapixels is 50,000 pages that the kernel has to find and clear while the image is
arriving: that costs more than receiving it. So memory comes back here when the last view of a picture is
gone, and `prepare` touches new memory ahead of time, on a thread that has the time.
"""

import ctypes
import mmap
import weakref
from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from laserlink.protocol.limits import IMAGES_IN_FLIGHT

PIXEL_BYTES = 2
PAGE_BYTES = mmap.PAGESIZE


class PicturePool:
    """Pictures of one size at a time; another size lets go of what waits. Safe to use from two threads."""

    def __init__(self) -> None:
        self._free: deque[mmap.mmap] = deque(maxlen=IMAGES_IN_FLIGHT)
        self._bytes = 0

    def __deepcopy__(self, memo: dict[int, Any]) -> "PicturePool":
        """Copies of a machine may share it: whatever is taken has one owner."""
        return self

    def take(self, pixels: int) -> NDArray[np.uint16]:
        """`pixels` uninitialised pixels that start on a page; they come back by themselves."""
        memory = self._pop(pixels * PIXEL_BYTES) or _fresh(pixels * PIXEL_BYTES)
        # The owner that numpy keeps alive for every view; the memory itself is held by the callback.
        owner = (ctypes.c_char * (pixels * PIXEL_BYTES)).from_buffer(memory)
        weakref.finalize(owner, self._give_back, memory).atexit = False
        return np.frombuffer(memoryview(owner), np.uint16)

    def prepare(self, pixels: int) -> None:
        """Have memory for one picture ready, every page of it touched."""
        if memory := self._pop(pixels * PIXEL_BYTES):
            self._free.append(memory)
            return
        memory = _fresh(pixels * PIXEL_BYTES)
        np.frombuffer(memory, np.uint8)[::PAGE_BYTES] = 0
        self._free.append(memory)

    def _pop(self, size: int) -> mmap.mmap | None:
        if size != self._bytes:
            self._free.clear()
            self._bytes = size
        try:
            return self._free.pop()
        except IndexError:
            return None

    def _give_back(self, memory: mmap.mmap) -> None:
        if len(memory) == self._bytes:
            self._free.append(memory)


def _fresh(size: int) -> mmap.mmap:
    """Anonymous memory, in huge pages where the kernel has them."""
    memory = mmap.mmap(-1, size)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)
    return memory
