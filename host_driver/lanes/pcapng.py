"""pcapng, the file of packets that Wireshark reads: a writer, and a reader that believes nothing.

Only what recordings need of draft-ietf-opsawg-pcapng: sections, interfaces and packets. Other blocks are
skipped when read, as the draft demands, and never written.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from laserlink.protocol.errors import LaserLinkError

LINK_TYPE = 147
"""LINKTYPE_USER0: free for private use; the dissector is registered for it."""

_SECTION, _INTERFACE, _SIMPLE, _PACKET = 0x0A0D0D0A, 1, 3, 6
_ORDER = 0x1A2B3C4D
_OPTION_END, _OPTION_COMMENT, _IF_NAME, _IF_RESOLUTION, _SECTION_WRITER, _PACKET_FLAGS = 0, 1, 2, 9, 4, 2
_BLOCK_BYTES_MIN = 12
_NANOSECONDS = 9
_NS_PER_S = 1_000_000_000

INBOUND, OUTBOUND = 1, 2
"""Which way a packet went, as Wireshark names it, seen from the host."""


class PcapngError(LaserLinkError):
    """A file that is no pcapng, or ends in the middle of a block. `offset` is how far it could be read."""

    def __init__(self, text: str, offset: int) -> None:
        super().__init__(text)
        self.offset = offset
        self.hint = "Packets before that place are good. `laserlink record` writes whole files."


@dataclass(frozen=True)
class Interface:
    """Where packets were taken: `units_per_s` is the resolution of their times."""

    name: str
    link_type: int
    units_per_s: int = 1_000_000


@dataclass(frozen=True)
class Packet:
    """One packet: nanoseconds since 1970, its bytes, and what was written beside them."""

    interface: Interface
    time_ns: int
    data: memoryview
    comment: str = ""


# --- writing ---


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + _padded(value)


def _block(kind: int, body: bytes) -> bytes:
    size = _BLOCK_BYTES_MIN + len(body)
    return struct.pack("<II", kind, size) + body + struct.pack("<I", size)


def header(interfaces: Sequence[str], writer: str) -> bytes:
    """What a file begins with: the section, then the interfaces by their names, with times in nanoseconds."""
    end = _option(_OPTION_END, b"")
    section = struct.pack("<IHHq", _ORDER, 1, 0, -1) + _option(_SECTION_WRITER, writer.encode()) + end
    blocks = [_block(_SECTION, section)]
    for name in interfaces:
        options = _option(_IF_NAME, name.encode()) + _option(_IF_RESOLUTION, bytes((_NANOSECONDS,))) + end
        blocks.append(_block(_INTERFACE, struct.pack("<HHI", LINK_TYPE, 0, 0) + options))
    return b"".join(blocks)


def write_packet(
    file: IO[bytes], interface: int, time_ns: int, data: bytes, direction: int, comment: str = ""
) -> None:
    """One packet of the `interface`-th interface; `direction` is INBOUND or OUTBOUND. Raises OSError."""
    options = _option(_PACKET_FLAGS, struct.pack("<I", direction))
    if comment:
        options = _option(_OPTION_COMMENT, comment.encode()) + options
    fixed = struct.pack("<IIIII", interface, time_ns >> 32, time_ns & 0xFFFFFFFF, len(data), len(data))
    file.write(_block(_PACKET, fixed + _padded(data) + options + _option(_OPTION_END, b"")))


# --- reading ---


@dataclass
class _Section:
    """The byte order of a section, and its interfaces so far."""

    order: str
    interfaces: list[Interface]


def read_packets(data: bytes | memoryview) -> Iterator[Packet]:
    """The packets of a whole file, in the order in which they stand there. They keep `data` in use.

    Raises:
        PcapngError: at the first block that is damaged or cut; what came before was given.
    """
    view = memoryview(data)
    section: _Section | None = None
    offset = 0
    while offset < len(view):
        if view[offset : offset + 4] == _SECTION.to_bytes(4, "little"):
            section = _Section(_order_of(view, offset), [])
        if section is None:
            raise PcapngError("this is no pcapng file", 0)
        kind, body, size = _block_at(view, offset, section.order)
        try:
            packet = _decode(kind, body, section)
        except (struct.error, IndexError):
            raise PcapngError(f"a pcapng block at byte {offset} is damaged", offset) from None
        if packet is not None:
            yield packet
        offset += size


def _order_of(view: memoryview, offset: int) -> str:
    magic = bytes(view[offset + 8 : offset + 12])
    for order in "<>":
        if magic == struct.pack(f"{order}I", _ORDER):
            return order
    raise PcapngError(f"a pcapng section at byte {offset} is damaged or cut", offset)


def _block_at(view: memoryview, offset: int, order: str) -> tuple[int, memoryview, int]:
    """Type, body and size of the block at `offset`."""
    if len(view) - offset < _BLOCK_BYTES_MIN:
        raise PcapngError(f"the file is cut: at byte {offset} a block begins and does not end", offset)
    kind, size = struct.unpack_from(f"{order}II", view, offset)
    if size < _BLOCK_BYTES_MIN or size % 4:
        raise PcapngError(f"a pcapng block at byte {offset} has an impossible size of {size}", offset)
    end = offset + size
    if end > len(view):
        missing = end - len(view)
        raise PcapngError(
            f"the file is cut: {missing} bytes of the block at byte {offset} are missing", offset
        )
    if struct.unpack_from(f"{order}I", view, end - 4)[0] != size:
        raise PcapngError(f"a pcapng block at byte {offset} says its size twice, differently", offset)
    return kind, view[offset + 8 : end - 4], size


def _decode(kind: int, body: memoryview, section: _Section) -> Packet | None:
    """What a block holds; interfaces are kept in `section`. Raises struct.error or IndexError."""
    if kind == _INTERFACE:
        section.interfaces.append(_interface(body, section.order))
    elif kind == _PACKET:
        number, high, low, captured, _ = struct.unpack_from(f"{section.order}IIIII", body)
        interface = section.interfaces[number]
        data = _exactly(body, 20, captured)
        options = _options(body[20 + captured + -captured % 4 :], section.order)
        time_ns = ((high << 32) + low) * _NS_PER_S // interface.units_per_s
        return Packet(interface, time_ns, data, options.get(_OPTION_COMMENT, b"").decode(errors="replace"))
    elif kind == _SIMPLE:
        (length,) = struct.unpack_from(f"{section.order}I", body)
        return Packet(section.interfaces[0], 0, body[4 : 4 + length])
    return None


def _exactly(body: memoryview, start: int, size: int) -> memoryview:
    if start + size > len(body):
        raise IndexError
    return body[start : start + size]


def _interface(body: memoryview, order: str) -> Interface:
    (link_type,) = struct.unpack_from(f"{order}H", body)
    options = _options(body[8:], order)
    resolution = options.get(_IF_RESOLUTION, b"\x06")[0]
    units = 1 << (resolution & 0x7F) if resolution & 0x80 else 10**resolution
    return Interface(options.get(_IF_NAME, b"").decode(errors="replace"), link_type, units)


def _options(body: memoryview, order: str) -> dict[int, bytes]:
    """The options of a block, the last of each kind. Raises IndexError when one goes over the end."""
    found: dict[int, bytes] = {}
    offset = 0
    while offset + 4 <= len(body):
        code, size = struct.unpack_from(f"{order}HH", body, offset)
        if code == _OPTION_END:
            break
        found[code] = bytes(_exactly(body, offset + 4, size))
        offset += 4 + size + -size % 4
    return found
