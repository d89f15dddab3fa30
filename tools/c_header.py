"""Writer of cext/firmware/laserlink_wire.h and laserlink_tables.h: the wire in C99, from the declarations.

The first holds constants, enumerations and structs; a struct is made of arrays of bytes, so that it has no
padding and no alignment, and lies on the wire as it stands. The second holds the tables themselves (CRC,
catalogue, transitions of the module) and is included by one source file of a program.
"""

from collections.abc import Iterable, Iterator
from enum import IntEnum
from itertools import accumulate
from textwrap import wrap

from laserlink.firmware_model.table import TABLE, Input
from laserlink.protocol import catalogue, limits, timers
from laserlink.protocol import frame as frames
from laserlink.protocol.catalogue import Channel, Direction, Row
from laserlink.protocol.crc import crc32
from laserlink.protocol.errors import ErrorCode
from laserlink.protocol.image_layout import DATA_PREFIX_BYTES, DIGESTS_PREFIX_BYTES
from laserlink.protocol.messages.layout import FieldInfo, Kind, Record, Shape, fields_of
from laserlink.protocol.states import BITS_PER_BYTE, ModuleState
from laserlink.tools.wire_format import FAMILIES, FLAG_SETS, enumerations, snake

WIRE, TABLES = "cext/firmware/laserlink_wire.h", "cext/firmware/laserlink_tables.h"
WIDTH = 110
# Stands for a space at which no line ends.
GLUE = "\N{NO-BREAK SPACE}"
BANNER = "/* Made by `laserlink generate` from the declarations in protocol/. Do not edit. */\n"

# How a payload's layout is written down in bytes, for one small function that checks any payload.
LAYOUT_CODES = ("END", "FIXED", "ENUM", "TEXT", "REST", "ARRAY")
LAYOUT_CODE = {name: number for number, name in enumerate(LAYOUT_CODES)}

OPENING = f"""\
/* The LaserLink wire format, version {frames.VERSION_MAJOR}.{frames.VERSION_MINOR}, in C99.
 * docs/wire-format.md is the authority. All integers are little-endian. A struct is a run of byte arrays: it
 * has no padding, and may be laid over a payload at any address. Of a payload that varies, it is the part in
 * front. */
#ifndef LASERLINK_WIRE_H
#define LASERLINK_WIRE_H

#include <stddef.h>
#include <stdint.h>

#define LL_STATIC_ASSERT(name, holds) typedef char ll_assert_##name[(holds) ? 1 : -1]
"""

ROWS_OF_TABLES = """\
/* One row of the catalogue, for what a module receives, in eight bytes. `channels` has the first in its low
 * nibble and the last in its high one; `states` has bit n set where module state n may receive it; `layout`
 * is where ll_layouts says what its payload is, in ll_layout_code. */
struct ll_row {
    uint8_t type, is_request, channels, feature;
    uint16_t states, layout;
};

/* One row of the module's machine, in two bytes. Those of state n begin at ll_transition_start[n]. */
#define LL_TRANSITION(input, action, state) ((input) << 10 | (action) << 4 | (state))
#define LL_TRANSITION_INPUT(row) ((row) >> 10)
#define LL_TRANSITION_ACTION(row) ((row) >> 4 & 0x3Fu)
#define LL_TRANSITION_STATE(row) ((row) & 0xFu)

/* The CRC's register is shifted by four bits for each half of a byte, low half first. */
extern const uint32_t ll_crc_table[16];
extern const uint8_t ll_layouts[];
extern const struct ll_row ll_catalogue[LL_ROWS];
/* Bit n % 8 of byte n / 8 is set for each type n that only a module sends. */
extern const uint8_t ll_sent_types[LL_SENT_TYPE_BYTES];
extern const uint16_t ll_transitions[LL_TRANSITIONS];
extern const uint8_t ll_transition_start[LL_MODULE_STATES + 1];
/* One line for a person for each code from 1 on, behind each other, each ended by a zero. */
extern const char ll_error_texts[];

#endif
"""


def render_wire() -> str:
    """The header of constants, enumerations and structs."""
    sections = (
        BANNER + OPENING,
        "\n".join(constants()) + "\n",
        "\n".join(enums()) + "\n",
        "/* Records and payloads. */\n" + "\n".join(structs()) + "\n",
        ROWS_OF_TABLES,
    )
    return "\n".join(sections)


def render_tables() -> str:
    """The header of tables, for one source file."""
    sections = (
        BANNER + "/* Include this in one source file of a program: it defines the tables. */\n"
        '#include "laserlink_wire.h"\n',
        table("const uint32_t ll_crc_table[16]", (f"0x{crc_entry(nibble):08X}" for nibble in range(16))),
        "const uint8_t ll_layouts[] =\n{\n" + "\n".join(layouts()) + "\n};\n",
        "const struct ll_row ll_catalogue[LL_ROWS] =\n{\n" + "\n".join(catalogue_rows()) + "\n};\n",
        "const uint16_t ll_transitions[LL_TRANSITIONS] =\n{\n" + "\n".join(transition_rows()) + "\n};\n",
        table("const uint8_t ll_transition_start[LL_MODULE_STATES + 1]", map(str, transition_starts())),
        table("const uint8_t ll_sent_types[LL_SENT_TYPE_BYTES]", (f"0x{byte:02X}" for byte in sent_types())),
        "const char ll_error_texts[] =\n" + "\n".join(error_texts()) + ";\n",
    )
    return "\n".join(sections)


def table(head: str, items: Iterable[str]) -> str:
    """An initialised array, as many items to a line as fit."""
    return f"{head} =\n{{\n{wrapped(', '.join(items), '    ', '    ')}\n}};\n"


def upper(name: str) -> str:
    return snake(name).upper()


# --- constants ---


def constants() -> Iterator[str]:
    """Numbers of the frame, limits with their units, timers in nanoseconds."""
    for name in ("HEADER_BYTES", "CHECK_BYTES", "OVERHEAD_BYTES", "CHECKED_HEADER_BYTES", "CHANNEL_MAX"):
        yield f"#define LL_{name} {getattr(frames, name)}u"
    yield f"#define LL_SYNC_FIRST 0x{frames.SYNC[0]:02X}u"
    yield f"#define LL_SYNC_SECOND 0x{frames.SYNC[1]:02X}u"
    yield f"#define LL_VERSION 0x{frames.VERSION:02X}u"
    yield f"#define LL_VERSION_MAJOR {frames.VERSION_MAJOR}u"
    yield f"#define LL_LEGAL_FLAGS 0x{int(frames.LEGAL_FLAGS):02X}u"
    yield f"#define LL_FLAG_ACK_REQUESTED 0x{int(frames.Flags.ACK_REQUESTED):02X}u"
    yield f"#define LL_DATA_PREFIX_BYTES {DATA_PREFIX_BYTES}u"
    yield f"#define LL_DIGESTS_PREFIX_BYTES {DIGESTS_PREFIX_BYTES}u"
    yield f"#define LL_KEEP_ALIVES_MISSED_MAX {timers.KEEP_ALIVES_MISSED_MAX}u"
    yield f"#define LL_LINE_TIMES_ADDED {timers.LINE_TIMES_ADDED}u"
    for coding, bits in BITS_PER_BYTE.items():
        yield f"#define LL_BITS_PER_BYTE_{coding.name} {bits}u"
    yield ""
    for limit in limits.LIMITS.values():
        unit = f" /* {limit.unit} */" if limit.unit else ""
        yield f"#define LL_{limit.name.upper()} {limit.value}u{unit}"
    yield ""
    for timer in timers.TIMERS.values():
        yield f"#define LL_{timer.name.upper()}_NS UINT64_C({timer.value_ns})"


def enums() -> Iterator[str]:
    """Every enumeration of the wire, and those of the tables."""
    yield enum("ll_type", ((f"TYPE_{upper(row.message.__name__)}", row.type) for row in catalogue.ROWS))
    kinds: list[type[IntEnum]] = [*enumerations(), ErrorCode]
    for kind in kinds:
        prefix = upper(kind.__name__)
        yield enum(f"ll_{snake(kind.__name__)}", ((f"{prefix}_{item.name}", int(item)) for item in kind))
    for flags in FLAG_SETS:
        prefix = upper(flags.__name__)
        named = ((f"{prefix}_{item.name}", int(item)) for item in flags if item.name)
        yield enum(f"ll_{snake(flags.__name__)}", named)
    yield enum("ll_input", ((f"INPUT_{item.name}", at) for at, item in enumerate(Input)))
    if max(len(actions()), len(Input)) > 1 << 6:
        raise ValueError("a transition takes six bits of action and of input")
    yield enum("ll_action", ((f"ACTION_{name.upper()}", at) for at, name in enumerate(actions())))
    yield enum("ll_layout_code", ((f"LAYOUT_{name}", at) for at, name in enumerate(LAYOUT_CODES)))
    yield f"#define LL_ROWS {len(received_rows())}u"
    yield f"#define LL_SENT_TYPE_BYTES {len(sent_types())}u"
    yield f"#define LL_MODULE_STATES {len(ModuleState)}u"
    yield f"#define LL_INPUTS {len(Input)}u"
    yield f"#define LL_TRANSITIONS {len(TABLE)}u"
    yield f"#define LL_ACTIONS {len(actions())}u"


def enum(name: str, members: Iterable[tuple[str, int]]) -> str:
    text = ", ".join(f"LL_{member}{GLUE}={GLUE}{value}" for member, value in members)
    return wrapped(f"enum {name} {{ {text}{GLUE}}};", "", "    ")


def wrapped(text: str, indent: str, later_indent: str) -> str:
    """Text in lines; what is glued together stays on one."""
    lines = wrap(text, WIDTH, initial_indent=indent, subsequent_indent=later_indent, break_on_hyphens=False)
    return "\n".join(lines).replace(GLUE, " ")


def actions() -> list[str]:
    """The names of all actions of the table, `none` first, then as they come."""
    return ["none", *dict.fromkeys(action for action, _ in TABLE.values())]


# --- structs ---


def structs() -> Iterator[str]:
    """Every record of the wire that begins with fields of fixed size."""
    yield "\n".join(struct("frame_header", header_fields()))
    for module in FAMILIES.values():
        for kind in vars(module).values():
            local = isinstance(kind, type) and issubclass(kind, Record) and kind.__module__ == module.__name__
            if local and (fixed := fixed_part(kind)):
                yield "\n".join(struct(snake(kind.__name__), fixed))


def header_fields() -> list[tuple[str, int]]:
    return [(field.name, field.sizeof()) for field in frames.HEADER.subcons]


def fixed_part(kind: type[Record]) -> list[tuple[str, int]]:
    """Names and sizes of a record's fields up to the first whose size varies."""
    found: list[tuple[str, int]] = []
    for info in fields_of(kind):
        if info.shape.size is None:
            break
        found.append((info.name, info.shape.size))
    return found


def struct(name: str, fields: list[tuple[str, int]]) -> Iterator[str]:
    """A struct of byte arrays, with its size and its last offset asserted."""
    members = " ".join(f"uint8_t{GLUE}{field}[{size}];" for field, size in fields)
    yield wrapped(f"struct ll_{name} {{ {members}{GLUE}}};", "", "    ")
    size = sum(each for _, each in fields)
    last, last_size = fields[-1]
    holds = f"sizeof(struct ll_{name}) == {size} && offsetof(struct ll_{name}, {last}) == {size - last_size}"
    yield wrapped(f"LL_STATIC_ASSERT({name}, {holds});", "", "    ")


# --- tables ---


def crc_entry(nibble: int) -> int:
    """How half a byte changes the register."""
    # A register of 0 is what a CRC of FFFFFFFF continues from; it ends inverted.
    return crc32(bytes((nibble << 4,)), 0xFFFFFFFF) ^ 0xFFFFFFFF


def received_rows() -> list[Row]:
    """What a module may receive."""
    return [row for row in catalogue.ROWS if row.direction is not Direction.TO_HOST]


def sent_types() -> bytes:
    """What only a module sends, a bit for each type."""
    bits = sum(1 << row.type for row in catalogue.ROWS if row.direction is Direction.TO_HOST)
    return bits.to_bytes(catalogue.FIRST_RESERVED_TYPE // 8, "little")


def received_layouts() -> Iterator[tuple[Row, list[int]]]:
    """What a module may receive, with its layout."""
    for row in received_rows():
        yield row, [*layout_of(fields_of(row.message)), LAYOUT_CODE["END"]]


def layouts() -> Iterator[str]:
    """All layouts behind each other; in front of them, that of nothing."""
    yield f"    {LAYOUT_CODE['END']},"
    for row, codes in received_layouts():
        yield f"    {', '.join(map(str, codes))}, /* {row.message.__name__} */"


def layout_places() -> dict[int, int]:
    """Where the layout of each type begins."""
    places, at = {}, 1
    for row, codes in received_layouts():
        places[row.type] = at
        at += len(codes)
    return places


def layout_of(infos: Iterable[FieldInfo]) -> list[int]:
    """A payload's layout in bytes; fields of fixed size that lie side by side are one."""
    codes: list[int] = []
    run = -1
    for info in infos:
        fixed = info.shape.kind in (Kind.INTEGER, Kind.FLOAT, Kind.OCTETS)
        if fixed and run >= 0:
            codes[run] += info.shape.size or 0
            continue
        codes += field_layout(info.shape)
        run = len(codes) - 1 if fixed else -1
    if max(codes, default=0) > 0xFF:
        raise ValueError("a layout's numbers are bytes")
    return codes


def field_layout(shape: Shape) -> list[int]:
    match shape:
        case Shape(kind=Kind.ENUM, members=members) if members is not None:
            low, high = contiguous(members)
            return [LAYOUT_CODE["ENUM"], low, high]
        case Shape(kind=Kind.TEXT, limit=limit):
            return [LAYOUT_CODE["TEXT"], limit]
        case Shape(kind=Kind.ARRAY, limit=limit, item=item) if item is not None:
            inner = layout_of(fields_of(item.record)) if item.record else field_layout(item)
            return [LAYOUT_CODE["ARRAY"], limit, len(inner), *inner]
        case Shape(kind=Kind.REST):
            return [LAYOUT_CODE["REST"]]
    return [LAYOUT_CODE["FIXED"], shape.size or 0]


def contiguous(members: type[IntEnum]) -> tuple[int, int]:
    """The lowest and highest value. ValueError when something between them is no member."""
    values = sorted(int(member) for member in members)
    if values != list(range(values[0], values[-1] + 1)):
        raise ValueError(f"{members.__name__} has gaps")
    return values[0], values[-1]


def catalogue_rows() -> Iterator[str]:
    places = layout_places()
    for row in received_rows():
        low, high = channel_bounds(row.channel)
        yield (
            f"    {{0x{row.type:02X}, {int(row.role == 'request')}, 0x{high:X}{low:X}, {int(row.feature)}, "
            f"0x{states_mask(row):04X}, {places[row.type]}}}, /* {row.message.__name__} */"
        )


def channel_bounds(channel: Channel) -> tuple[int, int]:
    return min(channel.value), max(channel.value)


def states_mask(row: Row) -> int:
    """The module's states in which a message is legal, a bit each."""
    return sum(1 << state for state in ModuleState if state in row.states)


def transition_rows() -> Iterator[str]:
    """All rows, state by state."""
    for state in ModuleState:
        for (origin, happening), (action, following) in TABLE.items():
            if origin is state:
                names = f"LL_INPUT_{happening.name}, LL_ACTION_{action.upper()}"
                yield f"    LL_TRANSITION({names}, LL_MODULE_STATE_{following.name}),"


def transition_starts() -> Iterator[int]:
    """Where the rows of each state begin, and where the last ones end."""
    yield 0
    yield from accumulate(sum(origin is state for origin, _ in TABLE) for state in ModuleState)


def error_texts() -> Iterator[str]:
    """One short line for a person, for each code. ValueError when the codes have gaps."""
    if contiguous(ErrorCode)[0] != 1:
        raise ValueError("error codes count from 1")
    for code in ErrorCode:
        yield f'    "{code.name.lower().replace("_", " ")}\\0"'
