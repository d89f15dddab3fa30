"""Writer of docs/wire-format.md: the authority on the wire, made from the declarations.

Tables are derived; the prose (`wire_prose.py`) holds the rules that no declaration can say.
"""

import re
from collections.abc import Iterable, Iterator, Set
from enum import Enum, IntEnum, IntFlag

from laserlink.firmware_model.profile import load_profile
from laserlink.firmware_model.table import TABLE
from laserlink.protocol import catalogue
from laserlink.protocol.catalogue import Channel, Direction, Row
from laserlink.protocol.delivery import ANSWERS
from laserlink.protocol.errors import ERROR_OF_CODE, ErrorCode
from laserlink.protocol.frame import HEADER, HEADER_BYTES
from laserlink.protocol.image_layout import PIXELS_PER_LINE, ImageLayout
from laserlink.protocol.limits import FRAME_BYTES_MAX, LIMITS
from laserlink.protocol.messages import bulk, control, diagnostics, identity, image, link, power
from laserlink.protocol.messages.layout import Kind, Record, Request, Shape, fields_of, fixed_size
from laserlink.protocol.prbs import pattern
from laserlink.protocol.raw import WIDTHS
from laserlink.protocol.states import HostState, ModuleState
from laserlink.protocol.timers import NS_PER_MS, TIMERS
from laserlink.tools import wire_prose
from laserlink.tools.conformance import clauses

FAMILIES = {
    "Link": link,
    "Power": power,
    "Identity": identity,
    "Control": control,
    "Image": image,
    "Bulk": bulk,
    "Diagnostics": diagnostics,
}
FLAG_SETS: tuple[type[IntFlag], ...] = (link.Features, link.PingFlags, image.Wanted)

# The meaning of each field of the frame; offsets and sizes come from the declaration.
HEADER_MEANINGS = {
    "sync": "bytes EB 90, the 16-bit optimum pattern of IRIG 106",
    "version": "major in the high nibble, minor in the low; this is 1.0",
    "type": "message type, see the catalogue",
    "channel": "0 control, 1 events, 2 to 14 image streams, 15 bulk; the high nibble is zero",
    "flags": "bit 0 ACK_REQUESTED, bit 1 SEALED, bit 2 KEY_PHASE (both reserved), others zero",
    "length": "payload bytes, 0 to 4072",
    "session": "chosen by the host at each attach, random, not zero; 0 only in a beacon",
    "sequence": "counts new frames per channel and direction, over all lanes, modulo 2^32",
    "header_check": "CRC-32/AUTOSAR of bytes 0 to 15",
}


def render() -> str:
    """The whole document."""
    sections = (
        wire_prose.OPENING,
        "## Frame\n",
        table(("offset", "size", "field", "meaning"), frame_rows()),
        wire_prose.FRAME,
        wire_prose.RULES,
        "## Judging a frame\n",
        wire_prose.JUDGING,
        table(("code", "name", "what was wrong", "the `value` of the error"), error_rows()),
        wire_prose.CONVERSATION,
        wire_prose.STATES,
        table(("state", "what happens", "next state"), state_rows()),
        "## Catalogue\n",
        wire_prose.CATALOGUE,
        table(("type", "message", "role", "direction", "lane", "channel", "bytes"), catalogue_rows()),
        "## Payloads\n",
        wire_prose.PAYLOADS,
        *(section for name in FAMILIES for section in family(name)),
        "## Enumerations and flags\n",
        wire_prose.ENUMERATIONS,
        *(enumeration(kind) for kind in enumerations()),
        *(flag_set(kind) for kind in FLAG_SETS),
        wire_prose.IMAGES,
        table(("bits", "pixels in a group", "bytes in a group", "bytes of 32 pixels", "chunk"), raw_rows()),
        wire_prose.LAYOUT,
        table(("mode", "size", "format", "coded bytes", "chunk", "strip", "strips", "frames"), mode_rows()),
        wire_prose.DIGEST,
        wire_prose.PRBS,
        prbs_example(),
        "## Limits\n",
        table(("limit", "value", "unit", "reason"), limit_rows()),
        "## Timers\n",
        wire_prose.TIMERS,
        table(("timer", "ms", "line time added", "reason"), timer_rows()),
        wire_prose.RESERVED,
    )
    return clauses.mark("\n".join(section.strip("\n") + "\n" for section in sections))


def table(head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


# --- frame and judging ---


def frame_rows() -> Iterator[tuple[object, ...]]:
    offset = 0
    for field in HEADER.subcons:
        size = field.sizeof()
        yield offset, size, field.name.replace("_", " "), HEADER_MEANINGS[field.name]
        offset += size
    yield HEADER_BYTES, "n", "payload", "as the type says"
    yield (
        f"{HEADER_BYTES} + n",
        4,
        "frame check",
        "CRC-32/AUTOSAR of bytes 0 to 15, then the payload; also when n is 0",
    )


def error_rows() -> Iterator[tuple[object, ...]]:
    for code in ErrorCode:
        when, value = wire_prose.ERRORS[ERROR_OF_CODE[code]]
        yield int(code), code.name, when, value


# --- states ---


def state_rows() -> Iterator[tuple[object, ...]]:
    """What changes the module's state, but for what does so in every state alike (`wire_prose.STATES`)."""
    for (state, happening), (_, following) in TABLE.items():
        if following is not state and happening not in wire_prose.INPUTS_EVERYWHERE:
            yield words(state), wire_prose.INPUTS[happening], words(following)


def snake(name: str) -> str:
    """`HelloReply` as `hello_reply`, `Prbs31` as `prbs31`: how other languages name a message."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def words(member: Enum) -> str:
    return member.name.lower().replace("_", " ")


# --- catalogue and messages ---


def catalogue_rows() -> Iterator[tuple[object, ...]]:
    for row in catalogue.ROWS:
        size = fixed_size(row.message)
        yield (
            f"{row.type:02X}", f"[{row.message.__name__}](#{anchor(row)})", row.role, row.direction.value,
            row.carrier.value, channel_numbers(row.channel), "varies" if size is None else size,
        )  # fmt: skip


def anchor(row: Row) -> str:
    return f"{row.type:02x}-{row.message.__name__.lower()}"


def channel_numbers(channel: Channel) -> str:
    low, high = min(channel.value), max(channel.value)
    return str(low) if low == high else f"{low} to {high}"


def family(name: str) -> Iterator[str]:
    """One family: its messages, then the records that stand in their arrays or are read in parts."""
    module = FAMILIES[name]
    yield f"### {name}\n"
    rows = [row for row in catalogue.ROWS if row.message.__module__ == module.__name__]
    for row in rows:
        yield f"#### {row.type:02X} {row.message.__name__}\n"
        yield f"{prose_of(row.message)}\n"
        yield f"{facts(row)}\n"
        yield fields(row.message)
    known = {row.message for row in rows}
    for kind in vars(module).values():
        local = isinstance(kind, type) and issubclass(kind, Record) and kind.__module__ == module.__name__
        if local and kind not in known:
            yield f"#### {kind.__name__} (record)\n"
            yield f"{prose_of(kind)}\n"
            yield fields(kind)


def prose_of(kind: type) -> str:
    """A docstring as flowing text."""
    return " ".join((kind.__doc__ or "").split())


def facts(row: Row) -> str:
    channel = f"channel {channel_numbers(row.channel)}"
    parts = [row.role, row.direction.value, row.carrier.value, channel]
    if issubclass(row.message, Request):
        parts.append(f"answered by {ANSWERS[row.message].__name__}")
    if row.feature:
        parts.append(f"only with the feature {row.feature.name}")
    return f"*{', '.join(parts)}.* Legal when {'; '.join(legal_states(row))}."


def legal_states(row: Row) -> Iterator[str]:
    """Which states of the receiver allow a message, the shorter way round."""
    if row.direction is not Direction.TO_HOST:
        yield f"the module is {some_of(row.states, ModuleState)}"
    if row.direction is not Direction.TO_MODULE:
        yield f"the host is {some_of(row.states, HostState)}"


def some_of(legal: Set[IntEnum], kind: type[IntEnum]) -> str:
    inside = [state.name.lower() for state in kind if state in legal]
    outside = [state.name.lower() for state in kind if state.name.lower() not in inside]
    if len(inside) <= len(outside):
        return listed(inside, "or")
    return f"anything but {listed(outside, 'or')}"


def listed(words: list[str], last: str) -> str:
    return f"{', '.join(words[:-1])} {last} {words[-1]}" if len(words) > 1 else words[0]


def fields(kind: type[Record]) -> str:
    """The table of a record's fields."""
    infos = fields_of(kind)
    if not infos:
        return "No fields.\n"
    rows = (
        (
            "" if info.offset is None else info.offset,
            "varies" if info.shape.size is None else info.shape.size,
            f"`{info.name}`",
            shape_name(info.shape),
            info.unit,
            info.meaning,
            show_default(info.default, info.shape),
        )
        for info in infos
    )
    return table(("offset", "size", "field", "type", "unit", "meaning", "default"), rows)


def shape_name(shape: Shape) -> str:
    if shape.kind is Kind.ENUM:
        where = "judging-a-frame" if shape.members is ErrorCode else shape.name.lower()
        return f"[{shape.name}](#{where})"
    return shape.name


def show_default(default: object, shape: Shape) -> str:
    match default:
        case Enum(name=name):
            return name
        case bytes():
            return default.hex() or "empty"
        case tuple():
            return "empty"
        case str():
            return f'"{default}"' if default else "empty"
        case int() if shape.size == 1 and shape.name == "u8" and default >= 0x10:
            return f"{default} ({default:#04x})"
    return str(default)


# --- enumerations ---


def enumerations() -> list[type[IntEnum]]:
    """Every enumeration that a field holds, by name."""
    found: set[type[IntEnum]] = set()
    for module in FAMILIES.values():
        for kind in vars(module).values():
            if isinstance(kind, type) and issubclass(kind, Record):
                found |= {info.shape.members for info in fields_of(kind) if info.shape.members}
    return sorted(found - {ErrorCode}, key=lambda kind: kind.__name__)


def enumeration(kind: type[IntEnum]) -> str:
    values = ", ".join(f"{int(member)} {member.name}" for member in kind)
    return f"### {kind.__name__}\n\n{prose_of(kind)} {values}.\n"


def flag_set(kind: type[IntFlag]) -> str:
    values = ", ".join(f"bit {int(flag).bit_length() - 1} {flag.name}" for flag in kind if flag)
    return f"### {kind.__name__}\n\n{prose_of(kind)} {values}.\n"


# --- images ---


def raw_rows() -> Iterator[tuple[object, ...]]:
    for width in WIDTHS.values():
        chunk = ImageLayout(4, 2, width.bits, FRAME_BYTES_MAX).chunk_bytes
        yield width.bits, width.group_pixels, width.group_bytes, PIXELS_PER_LINE * width.bits // 8, chunk


def mode_rows() -> Iterator[tuple[object, ...]]:
    for mode in load_profile("mos-100mp").modes:
        for bits in mode.formats:
            layout = ImageLayout(mode.width, mode.height, bits, FRAME_BYTES_MAX)
            yield (
                mode.name, f"{mode.width} x {mode.height}", f"RAW{bits}", layout.coded_bytes,
                layout.chunk_bytes, layout.strip_bytes, layout.strips, layout.frames,
            )  # fmt: skip


def prbs_example() -> str:
    rows = ((f"{sequence:08X}", pattern(sequence, 16).hex(" ")) for sequence in (0, 1, 0x12345678))
    return table(("sequence", "first 16 bytes"), rows)


# --- limits and timers ---


def limit_rows() -> Iterator[tuple[object, ...]]:
    for limit in LIMITS.values():
        yield limit.name, limit.value, limit.unit, limit.reason


def timer_rows() -> Iterator[tuple[object, ...]]:
    for timer in TIMERS.values():
        yield timer.name, timer.value_ns // NS_PER_MS, "yes" if timer.plus_line_time else "", timer.reason
