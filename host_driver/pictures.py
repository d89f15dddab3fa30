"""Memory for pictures: used again as soon as nobody holds the last one, and touched before it is needed.

A fresh picture of 100 megapixels is 50,000 pages that the kernel has to find and clear while the image is
arriving: that costs more than receiving it. So memory comes back here when the last view of a picture is
gone, and `prepare` touches new memory ahead of time, on a thread that has the time.
"""

import ctypes
import mmap
import weakref
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from laserlink.protocol.limits import IMAGES_IN_FLIGHT

PIXEL_BYTES = 2
PAGE_BYTES = mmap.PAGESIZE


class PicturePool:
    """Pictures of the sizes that are in use; another size lets go of what waits of one that is not.

    In use is the size last asked for, and those named to `use`: two streams have two.
    Safe to use from two threads.
    """

    def __init__(self) -> None:
        # Each step below is one operation on a list or a set, which no other thread sees half done.
        self._free: list[mmap.mmap] = []
        self._used: frozenset[int] = frozenset()
        self._last = 0

    def __deepcopy__(self, memo: dict[int, Any]) -> "PicturePool":
        """Copies of a machine may share it: whatever is taken has one owner."""
        return self

    def take(self, pixels: int) -> NDArray[np.uint16]:
        """`pixels` uninitialised pixels that start on a page; they come back by themselves."""
        memory = self._pop(pixels * PIXEL_BYTES) or _fresh(pixels * PIXEL_BYTES)
        # The owner that numpy keeps alive for every view; the memory itself is held by the callback.
        owner = (ctypes.c_char * (pixels * PIXEL_BYTES)).from_buffer(memory)
        weakref.finalize(owner, self._keep, memory).atexit = False
        return np.frombuffer(memoryview(owner), np.uint16)

    def use(self, pixels: Iterable[int]) -> None:
        """Keep memory of these sizes, for streams that run at once, and no more of those named before."""
        self._used = frozenset(size * PIXEL_BYTES for size in pixels)

    def prepare(self, pixels: int) -> None:
        """Have memory for one picture ready, every page of it touched."""
        if (memory := self._pop(pixels * PIXEL_BYTES)) is None:
            memory = _fresh(pixels * PIXEL_BYTES)
            np.frombuffer(memory, np.uint8)[::PAGE_BYTES] = 0
        self._keep(memory)

    def _in_use(self, size: int) -> bool:
        return size == self._last or size in self._used

    def _pop(self, size: int) -> mmap.mmap | None:
        self._last = size
        for memory in list(self._free):
            if len(memory) == size and self._taken_out(memory):
                return memory
            if not self._in_use(len(memory)):
                self._taken_out(memory)
        return None

    def _taken_out(self, memory: mmap.mmap) -> bool:
        """Whether it was still there, and is ours now."""
        try:
            self._free.remove(memory)
        except ValueError:
            return False
        return True

    def _keep(self, memory: mmap.mmap) -> None:
        alike = sum(len(item) == len(memory) for item in list(self._free))
        if self._in_use(len(memory)) and alike < IMAGES_IN_FLIGHT:
            self._free.append(memory)


def _fresh(size: int) -> mmap.mmap:
    """Anonymous memory, in huge pages where the kernel has them."""
    memory = mmap.mmap(-1, size)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)
    return memory
