"""The shared-memory ring: the optical lane between a virtual module and a host on one machine.

One producer (the module), one consumer (the host). The data is a plain circular buffer in a file of our
own; the framer and the kernel take a stream cut anywhere, so nothing is mapped twice.

Layout: 64-bit native words, one cache line for the fixed part and one or two for each side.

      0  magic          64  head (bytes written)       192  tail (bytes read)
      8  version       128  producer waits (0 or 1)    256  consumer waits (0 or 1)
     16  data bytes    320  session    328  light
     24  producer pid   32  consumer pid
   4096  data

Memory order. Each side alone writes its index and its data, and keeps its own copy: it never reads its own
index back. The producer writes data, then stores `head` with release; the consumer loads `head` with acquire,
then reads data; `tail` goes the other way in the same manner. So bytes are seen before the index that covers
them, and space is reused only after it was read.

Sleeping is Dekker's pattern: a side that wants to sleep stores "I wait", then a full fence, then loads the
other's index again; the other stores its index, then a full fence, then loads "does it wait". Whatever the
interleaving, at least one of the two sees the other's store: no wake-up is lost, a needless one is harmless.

Staying awake (`stay_awake`) writes nothing. It is for a side that has armed already, and only loads the
other's index, with acquire, until that is not our own any more. "I wait" stays stored meanwhile, so that the
bell rings for what comes, heard or not: whoever gives up looking may sleep at once, under the promise above.
To take "I wait" back for that time would save the other side one write; but another thread of ours may have
armed for its own sleep, and its bell would be lost.

The producer publishes the first frame of a call by itself, then twice as many bytes each time, up to 64 kB:
each time by a store with release as above. So the consumer never sees a part of a frame, and works on the
first one while the next are written.

Without the C kernels a word is one item of a memoryview of 64-bit items, which CPython moves by one aligned
8-byte copy. On x86-64 that is enough: loads and stores are atomic, keep their order (TSO), and only a store
followed by a load needs a fence: taking a lock is one, as it compiles to a locked instruction. On other
machines Python can give no such promise, so there the ring needs the kernels.

The peer is believed in nothing: an index that is not within the ring, a flag that is neither 0 nor 1, is a
RingError. What remains is that a peer of the same user can shorten the file, which ends us with SIGBUS.
"""

import contextlib
import mmap
import os
import platform
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from laserlink.cext import kernels, ring_files
from laserlink.cext.ring_files import RingError, ring_folder

__all__ = ["Ring", "RingConsumer", "RingError", "RingProducer", "ring_folder", "sweep"]

MAGIC = int.from_bytes(b"LASERRNG", "little")
VERSION = 1
DATA_OFFSET = 4096
DATA_BYTES_MIN = 8192  # two of the largest frames
DATA_BYTES_MAX = ring_files.RING_FILE_BYTES_MAX - DATA_OFFSET
DATA_BYTES_DEFAULT = 1 << 20  # stays in a second-level cache
CALL_BYTES = 1 << 22  # what one call moves: about a millisecond

_AT_MAGIC, _AT_VERSION, _AT_DATA_BYTES, _AT_PRODUCER_PID, _AT_CONSUMER_PID = 0, 8, 16, 24, 32
_AT_HEAD, _AT_PRODUCER_WAITS, _AT_TAIL, _AT_CONSUMER_WAITS = 64, 128, 192, 256
_AT_SESSION, _AT_LIGHT = 320, 328

_PRODUCER, _CONSUMER = 0, 1
_DOORBELL_BYTES = 65536  # what a FIFO holds


class _PlainWords:
    """The header's words without the kernels; x86-64 only (see above)."""

    def __init__(self, memory: mmap.mmap) -> None:
        if platform.machine() not in ("x86_64", "AMD64"):
            raise RingError("without the C kernels a ring needs x86-64; build them, or use another lane")
        self._words = memoryview(memory)[:DATA_OFFSET].cast("Q")
        self._lock = threading.Lock()

    def load(self, offset: int) -> int:
        return self._words[offset // 8]

    def store(self, offset: int, value: int) -> None:
        self._words[offset // 8] = value

    def fence(self) -> None:
        with self._lock:
            return

    def image_path(self, mine: int, theirs: int, peer_waits: int, wake_bytes: int, bell: int) -> None:
        """Without the kernels, images go through `space()` and `data()`."""

    def close(self) -> None:
        self._words.release()


class _KernelWords:
    """The header's words through the kernels, on any machine."""

    def __init__(self, memory: mmap.mmap) -> None:
        if kernels is None:
            raise RingError("the C kernels are not in use")
        self._memory: mmap.mmap | None = memory
        self._side_of: Callable[..., Any] = kernels.RingSide
        self._load: Callable[[mmap.mmap | None, int], int] = kernels.load_acquire
        self._store: Callable[[mmap.mmap | None, int, int], None] = kernels.store_release
        self.fence: Callable[[], None] = kernels.fence

    def load(self, offset: int) -> int:
        return self._load(self._memory, offset)

    def store(self, offset: int, value: int) -> None:
        self._store(self._memory, offset, value)

    def image_path(self, mine: int, theirs: int, peer_waits: int, wake_bytes: int, bell: int) -> Any:
        """The kernel's view of one side; see its RingSide."""
        return self._side_of(self._memory, DATA_OFFSET, mine, theirs, peer_waits, wake_bytes, bell)

    def close(self) -> None:
        self._memory = None


class Ring(ABC):
    """What both sides share. Made by `Ring.create` (the producer's side) or `Ring.open` (the consumer's)."""

    _side: int
    _waits: tuple[int, int] = (_AT_PRODUCER_WAITS, _AT_CONSUMER_WAITS)
    _indices: tuple[int, int] = (_AT_HEAD, _AT_TAIL)

    @staticmethod
    def create(name: str, data_bytes: int = DATA_BYTES_DEFAULT) -> "RingProducer":
        """Makes the ring `name` in ring_folder(), mode 0600.

        `data_bytes`: its capacity, a multiple of 8, from 8192 to 16 MiB - 4096.
        RingError: not Linux, a bad name or size, the name taken, a folder that is not ours alone.
        """
        ring_files.check_name(name)
        if data_bytes % 8 or not DATA_BYTES_MIN <= data_bytes <= DATA_BYTES_MAX:
            raise RingError(f"{data_bytes} data bytes: a multiple of 8, {DATA_BYTES_MIN} to {DATA_BYTES_MAX}")
        with contextlib.ExitStack() as undo:
            folder = ring_files.open_folder()
            undo.callback(os.close, folder)
            descriptors = ring_files.create_entries(folder, name, DATA_OFFSET + data_bytes)
            undo.callback(ring_files.close_all, descriptors)
            undo.callback(ring_files.unlock_side, descriptors[0], _PRODUCER)
            undo.callback(ring_files.remove_entries, folder, name)
            ring = RingProducer(name, folder, descriptors, data_bytes)
            undo.pop_all()
        return ring

    @staticmethod
    def open(name: str) -> "RingConsumer":
        """Opens the ring `name` of this user as its only consumer.

        RingError: no such ring, not ours alone, a link, too large, a wrong header, or another consumer.
        """
        ring_files.check_name(name)
        with contextlib.ExitStack() as undo:
            folder = ring_files.open_folder()
            undo.callback(os.close, folder)
            descriptors = ring_files.open_entries(folder, name)
            undo.callback(ring_files.close_all, descriptors)
            undo.callback(ring_files.unlock_side, descriptors[0], _CONSUMER)
            ring = RingConsumer(name, folder, descriptors)
            undo.pop_all()
        return ring

    def _map(self, name: str, folder: int, descriptors: tuple[int, int, int], size: int) -> None:
        self.name = name
        self._folder = folder
        self._file, *self._doorbells = descriptors
        self._memory = mmap.mmap(self._file, size)
        self._words = _PlainWords(self._memory) if kernels is None else _KernelWords(self._memory)
        self._data_bytes = size - DATA_OFFSET
        self._view = memoryview(self._memory)[DATA_OFFSET:]
        self._done = 0  # our own index: bytes written by a producer, read by a consumer
        self._offered = 0  # bytes that our last space() or data() showed
        self._closed = False
        self._images: Any = self._words.image_path(
            self._indices[self._side],
            self._indices[1 - self._side],
            self._waits[1 - self._side],
            1 if self._side == _PRODUCER else self._data_bytes // 2,
            self._doorbells[self._side],
        )

    @property
    def data_bytes(self) -> int:
        """The capacity, in bytes."""
        return self._data_bytes

    def _used(self, head: int, tail: int) -> int:
        if not 0 <= head - tail <= self._data_bytes:
            raise RingError(f"impossible indices: head {head}, tail {tail}, {self._data_bytes} bytes")
        return head - tail

    def _flag(self, offset: int) -> bool:
        value = self._words.load(offset)
        if value not in (0, 1):
            raise RingError(f"the ring's flag at {offset} is {value}")
        return value == 1

    @abstractmethod
    def _ready_bytes(self) -> int:
        """Bytes that we could write or read now. RingError when the peer's index is impossible."""

    def _offer(self, size: int) -> memoryview:
        """The contiguous part of `size` bytes from our own index on."""
        start = self._done % self._data_bytes
        self._offered = min(size, self._data_bytes - start)
        return self._view[start : start + self._offered]

    def _advance(self, size: int, offset: int) -> None:
        if not 0 <= size <= self._offered:
            raise ValueError(f"{size} bytes, but {self._offered} were shown")
        self._done += size
        self._offered -= size
        self._words.store(offset, self._done)
        self._wake_peer()

    def _wake_peer(self) -> None:
        peer = 1 - self._side
        self._words.fence()
        if self._flag(self._waits[peer]):
            self._words.store(self._waits[peer], 0)
            with contextlib.suppress(BlockingIOError):  # full of rings that nobody heard yet: it is readable
                os.write(self._doorbells[self._side], b"!")

    def fileno(self) -> int:
        """The descriptor that becomes readable when the peer made something ready, after `arm()` was True."""
        return self._doorbells[1 - self._side]

    def arm(self, wanted: int = 1) -> bool:
        """Asks to be woken. False when `wanted` bytes are ready already: then use them first, do not sleep.

        Any byte wakes us, so that a few of them may be a false alarm. When True, wait until `fileno()` is
        readable, then `clear()`. Wait with a time limit: a dead peer rings no bell.
        """
        self._words.store(self._waits[self._side], 1)
        self._words.fence()
        if self._ready_bytes() < wanted:
            return True
        self._words.store(self._waits[self._side], 0)
        return False

    def clear(self) -> None:
        """Drains the doorbell, after it woke us."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.fileno(), _DOORBELL_BYTES)

    @property
    def moves_images(self) -> bool:
        """Whether the kernels are there that take images out of a ring, and put them into one."""
        return self._images is not None

    def _went_on(self, size: int) -> None:
        """The kernel has moved our index; what it showed before is worth nothing now."""
        self._done += size
        self._offered = 0
        self._wake_peer()

    def peer_alive(self) -> bool:
        """Is the other side attached, and its process alive? False before it has come, and after SIGKILL."""
        return ring_files.side_alive(self._file, 1 - self._side)

    def unlink(self) -> None:
        """Removes the ring's names; both sides go on with what they hold. Twice is fine."""
        ring_files.remove_entries(self._folder, self.name)

    def close(self) -> None:
        """Lets go of the memory, the lock and the doorbells. Twice is fine."""
        if self._closed:
            return
        self._closed = True
        self._images = None
        self._words.close()
        self._view.release()
        with contextlib.suppress(BufferError):  # the caller still holds a part of it; the map goes with that
            self._memory.close()
        del self._memory
        ring_files.unlock_side(self._file, self._side)
        ring_files.close_all((self._file, *self._doorbells, self._folder))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class RingProducer(Ring):
    """The module's side. `space()`, write into it, `commit(n)`."""

    _side = _PRODUCER

    def __init__(self, name: str, folder: int, descriptors: tuple[int, int, int], data_bytes: int) -> None:
        self._map(name, folder, descriptors, DATA_OFFSET + data_bytes)
        self._session, self._light = 0, False
        self._words.store(_AT_VERSION, VERSION)
        self._words.store(_AT_DATA_BYTES, data_bytes)
        self._words.store(_AT_PRODUCER_PID, os.getpid())
        self._words.store(_AT_MAGIC, MAGIC)  # last: a consumer that sees it sees the rest

    def _ready_bytes(self) -> int:
        return self._data_bytes - self._used(self._done, self._words.load(_AT_TAIL))

    @property
    def free_bytes(self) -> int:
        """Bytes that may be written, before and behind the wrap together."""
        return self._ready_bytes()

    def space(self) -> memoryview:
        """The contiguous bytes that may be written, maybe only up to the wrap; empty when it is full."""
        return self._offer(self._ready_bytes())

    def commit(self, size: int) -> None:
        """Gives the first `size` bytes of the last `space()` to the consumer. ValueError for more."""
        self._advance(size, _AT_HEAD)

    def frame_images(
        self,
        packed: Any,
        first_chunk: int,
        chunk_count: int,
        session: int,
        channel: int,
        first_sequence: int,
        image_id: int,
        chunk_bytes: int,
    ) -> int:
        """As laserlink.protocol.image_path.frame_images, into the ring while it takes them; how many chunks.

        The consumer sees them as they come. A full ring is waited for a moment, no longer than it would take
        to sleep; after 4 MB it is enough. Only when `moves_images`; ValueError as there.
        """
        done: int
        done, size = self._images.frame_images(
            self._done,
            packed,
            first_chunk,
            chunk_count,
            session,
            channel,
            first_sequence,
            image_id,
            chunk_bytes,
        )
        self._went_on(size)
        return done

    @property
    def session(self) -> int:
        """The session of the frames in the ring, 0 for none."""
        return self._session

    @session.setter
    def session(self, session: int) -> None:
        if not 0 <= session <= 0xFFFFFFFF:
            raise ValueError(f"the session {session} has not 32 bits")
        self._session = session
        self._words.store(_AT_SESSION, session)

    @property
    def light(self) -> bool:
        """Does the laser shine?"""
        return self._light

    @light.setter
    def light(self, light: bool) -> None:
        self._light = light
        self._words.store(_AT_LIGHT, int(light))

    @property
    def peer_pid(self) -> int:
        """The consumer's process id as it told it, 0 before one came. For people, not for decisions."""
        return self._words.load(_AT_CONSUMER_PID)


class RingConsumer(Ring):
    """The host's side. `data()`, read it, `release(n)`."""

    _side = _CONSUMER

    def __init__(self, name: str, folder: int, descriptors: tuple[int, int, int]) -> None:
        size = os.fstat(descriptors[0]).st_size
        if not DATA_OFFSET + DATA_BYTES_MIN <= size <= DATA_OFFSET + DATA_BYTES_MAX:
            raise RingError(f"the ring {name} has {size} bytes: it is not ready, or no ring")
        ring_files.lock_side(descriptors[0], _CONSUMER)
        self._map(name, folder, descriptors, size)
        self._check_header()
        self._done = self._words.load(_AT_TAIL)
        self._used(self._words.load(_AT_HEAD), self._done)
        self._words.store(_AT_CONSUMER_PID, os.getpid())

    def _check_header(self) -> None:
        for offset, expected, what in (
            (_AT_MAGIC, MAGIC, "magic"),
            (_AT_VERSION, VERSION, "version"),
            (_AT_DATA_BYTES, self._data_bytes, "data bytes"),
        ):
            found = self._words.load(offset)
            if found != expected:
                raise RingError(f"the ring's {what} is {found:#x}, not {expected:#x}")

    def _ready_bytes(self) -> int:
        return self._used(self._words.load(_AT_HEAD), self._done)

    def data(self) -> memoryview:
        """The contiguous bytes that may be read, maybe only up to the wrap; empty when there are none.

        Valid until they are released. The producer must not write there, but could: read a length once.
        """
        return self._offer(self._ready_bytes()).toreadonly()

    def release(self, size: int) -> None:
        """Gives the first `size` bytes of the last `data()` back. ValueError for more."""
        self._advance(size, _AT_TAIL)

    def stay_awake(self, until_ns: int, other: int = -1) -> bool:
        """Look for bytes without sleeping, until `until_ns` of the monotonic clock; whether there are any.

        For a side that armed; False: sleep. The GIL is let go of; another thread may use the ring meanwhile.
        Ends early when `other`, a descriptor, is readable. Without the kernels, False at once.
        """
        return self._images is not None and self._images.stay_awake(self._done, until_ns, other)

    def receive_images(
        self, session: int, max_payload: int, slots: Sequence[Any], enough_bytes: int = CALL_BYTES
    ) -> int:
        """Let the kernel's `receive_images` take what it understands, across the wrap too; how many bytes.

        Space is given back on the way. What is still to come is waited for a moment, no longer than it would
        take to sleep; after `enough_bytes` no more is looked for. 0: look at `data()`. Only when
        `moves_images`.
        """
        taken: int = self._images.receive_images(self._done, session, max_payload, slots, enough_bytes)
        self._went_on(taken)
        return taken

    @property
    def session(self) -> int:
        """The session of the frames in the ring, 0 for none. RingError when it has not 32 bits."""
        session = self._words.load(_AT_SESSION)
        if session > 0xFFFFFFFF:
            raise RingError(f"the ring's session is {session:#x}")
        return session

    @property
    def light(self) -> bool:
        """Does the laser shine, as the producer says? RingError when the word is neither 0 nor 1."""
        return self._flag(_AT_LIGHT)

    @property
    def peer_pid(self) -> int:
        """The producer's process id as it told it. For people, not for decisions."""
        return self._words.load(_AT_PRODUCER_PID)


def sweep() -> list[str]:
    """Removes the rings in our folder whose producer is dead; returns their names."""
    folder = ring_files.open_folder()
    try:
        return ring_files.sweep_entries(folder)
    finally:
        os.close(folder)
