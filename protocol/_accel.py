"""Picks the C kernel or its Python reference, same names and signatures; the only door to laserlink.cext.

Everything on a hot path imports from here. The references stay importable from their own modules.
`receive_images`, `Judge`, `Writer`, `Asker` and `Answerer` are None without the kernel: then the framer finds
the frames, `Slot.place` and `Connection` take them, `Connection` makes those that are sent, and the loops of
both ends do one thing after another.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from laserlink.cext import kernels
from laserlink.protocol import digest
from laserlink.protocol.octets import AnyBuffer

if TYPE_CHECKING or kernels is None:
    from laserlink.protocol.crc import crc32
    from laserlink.protocol.digest import add
    from laserlink.protocol.image_path import Slot, frame_images
    from laserlink.protocol.messages.flat import Flat
    from laserlink.protocol.raw import pack, unpack
    from laserlink.protocol.small_frames import decode_batch, decode_objects
    from laserlink.protocol.wire import bad_bytes, read_frame, wire_of
else:
    crc32, add = kernels.crc32, kernels.add
    pack, unpack = kernels.pack, kernels.unpack
    Slot, frame_images = kernels.Slot, kernels.frame_images
    decode_batch, decode_objects = kernels.decode_batch, kernels.decode_objects
    Flat, wire_of = kernels.Flat, kernels.wire_of
    bad_bytes, read_frame = kernels.bad_bytes, kernels.read_frame

__all__ = [
    "Answerer",
    "Asker",
    "Flat",
    "Judge",
    "Slot",
    "Writer",
    "add",
    "bad_bytes",
    "crc32",
    "decode_batch",
    "decode_objects",
    "frame_images",
    "pack",
    "read_frame",
    "receive_images",
    "strip_digests",
    "unpack",
    "wire_of",
]

# receive_images(data, session, max_payload, slots) -> bytes taken from the start of `data`.
receive_images: Callable[[AnyBuffer, int, int, Sequence[Slot]], int] | None
receive_images = None if kernels is None else kernels.receive_images
# Its reference is Connection, which judges every frame that the kernel leaves alone.
Judge: Any = None if kernels is None else kernels.Judge
# Its reference is Connection, which frames every message that the kernel leaves alone.
Writer: Any = None if kernels is None else kernels.Writer
# Their references are the loops around the machines: host_driver/lanes/driver.py and
# firmware_model/serve/shell.py.
Asker: Any = None if kernels is None or not kernels.EXCHANGES else kernels.Asker
Answerer: Any = None if kernels is None or not kernels.EXCHANGES else kernels.Answerer


def strip_digests(packed: AnyBuffer, strip_bytes: int) -> list[int]:
    """As laserlink.protocol.digest.strip_digests, by the kernel when it is there."""
    return digest.strip_digests(packed, strip_bytes, add)
