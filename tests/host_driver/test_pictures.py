"""Memory for pictures comes back when nobody holds it, never before, and never grows without bound."""

import copy

import numpy as np

from laserlink.host_driver.pictures import PicturePool
from laserlink.protocol.limits import IMAGES_IN_FLIGHT

PIXELS = 4096 * 8


def test_memory_is_used_again_when_the_last_view_is_gone() -> None:
    """A picture's memory is given out again only after the picture and every view of it are gone."""
    pool = PicturePool()
    picture = pool.take(PIXELS)
    picture[:] = 7
    view = picture.reshape(64, -1)[1:]
    del picture
    other = pool.take(PIXELS)
    other[:] = 9
    assert (view == 7).all()
    address = view.ctypes.data - view.strides[0]
    del view
    again = pool.take(PIXELS)
    assert again.ctypes.data == address and (again == 7).all()


def test_pictures_start_on_a_page_and_can_be_written() -> None:
    """Unpacking streams into cache lines: a picture starts on one, of the size asked for, and writable."""
    picture = PicturePool().take(PIXELS + 4)
    assert picture.shape == (PIXELS + 4,) and picture.dtype == np.uint16
    assert picture.ctypes.data % 64 == 0 and picture.flags.writeable


def test_prepared_memory_is_what_is_taken() -> None:
    """One prepared picture waits, however often it is prepared; it is given out once."""
    pool = PicturePool()
    pool.prepare(PIXELS)
    pool.prepare(PIXELS)
    assert len(pool._free) == 1
    first, second = pool.take(PIXELS), pool.take(PIXELS)
    assert first.ctypes.data != second.ctypes.data


def test_another_size_lets_go_of_what_waits() -> None:
    """Memory of a size that is not wanted any more is not kept, whether it waits or comes back later."""
    pool = PicturePool()
    held = pool.take(PIXELS)
    pool.prepare(PIXELS)
    small = pool.take(PIXELS // 2)
    assert not pool._free and small.shape == (PIXELS // 2,)
    del held
    assert not pool._free


def test_no_more_waits_than_are_in_flight() -> None:
    """However many pictures a caller held, at most as many wait as can be in flight."""
    pool = PicturePool()
    held = [pool.take(PIXELS) for _ in range(3 * IMAGES_IN_FLIGHT)]
    held.clear()
    assert len(pool._free) == IMAGES_IN_FLIGHT


def test_a_copied_machine_shares_the_pool() -> None:
    """Copies of a machine take from one pool, and never the same memory."""
    pool = PicturePool()
    twin = copy.deepcopy(pool)
    first, second = pool.take(PIXELS), twin.take(PIXELS)
    assert twin is pool and first.ctypes.data != second.ctypes.data


def test_two_sizes_in_use_keep_their_memory() -> None:
    """What two streams need waits for both of them, until one of them is named no more."""
    pool = PicturePool()
    pool.use([PIXELS, PIXELS * 2])
    pool.prepare(PIXELS * 2)
    small = pool.take(PIXELS)
    del small
    assert {len(memory) for memory in pool._free} == {4 * PIXELS, 2 * PIXELS}
    pool.use([PIXELS])
    pool.prepare(PIXELS)
    assert {len(memory) for memory in pool._free} == {2 * PIXELS}
