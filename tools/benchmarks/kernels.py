"""The kernels alone: unpacking against memcpy, the CRC against the fastest CRC-32C package there is."""

import ctypes
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from laserlink.protocol import _accel
from laserlink.protocol.image_path import empty_picture
from laserlink.protocol.raw import packed_size
from laserlink.tools.benchmarks.figure import Figure, Goal, alternate

PIXELS = 11648 * 8736
CRC_BYTES = 4096
CRC_CALLS = 4096
# Package, and the function of bytes that is its CRC-32C.
CRC_PEERS = {"crc32c": "crc32c", "google_crc32c": "value", "fastcrc": "crc32.iscsi"}


def copier(size: int) -> Callable[[], object]:
    """A memcpy of so many bytes between two pieces of warm memory, as one call."""
    source, target = (empty_picture(-(-size // 2)) for _ in range(2))
    source[:] = 1
    target[:] = 0

    def copy() -> NDArray[np.uint16]:
        ctypes.memmove(target.ctypes.data, source.ctypes.data, size)
        return source

    return copy


def unpack(bits: int, pixels: int = PIXELS) -> Figure:
    """Unpacked bytes a second, over memcpy of as many."""
    packed = np.random.default_rng(bits).integers(0, 256, packed_size(pixels, bits), np.uint8)
    picture = empty_picture(pixels)
    ours, copied = alternate([lambda: _accel.unpack(packed, bits, picture), copier(2 * pixels)])
    size = 2 * pixels / 1e9
    return Figure(f"unpack-raw{bits}", size / ours, "GB/s", "memcpy", size / copied, Goal(0.9))


def crc_peers() -> dict[str, Callable[[bytes], Any]]:
    """The CRC-32C packages that are installed."""
    found: dict[str, Callable[[bytes], Any]] = {}
    for package, path in CRC_PEERS.items():
        try:
            value: Any = import_module(package)
        except ImportError:
            continue
        for name in path.split("."):
            value = getattr(value, name)
        found[package] = value
    return found


def crc() -> Figure:
    """The CRC of 4 kB at a time, over the fastest CRC-32C package."""
    data = np.random.default_rng(1).bytes(CRC_BYTES)
    peers = crc_peers()

    def many(function: Callable[[bytes], Any]) -> Callable[[], object]:
        return lambda: [function(data) for _ in range(CRC_CALLS)]

    ours, *others = alternate([many(function) for function in (_accel.crc32, *peers.values())])
    size = CRC_BYTES * CRC_CALLS / 1e9
    speeds = {name: size / seconds for name, seconds in zip(peers, others, strict=True)}
    best = max(speeds, key=lambda name: speeds[name], default="")
    missing = sorted(set(CRC_PEERS) - set(peers))
    against = f"{best} (CRC-32C)" if best else "CRC-32C packages, which are missing"
    details = {"peers": speeds, "missing": missing}
    return Figure("crc", size / ours, "GB/s", against, speeds.get(best), Goal(1.5), details)
