"""The descriptor, and the small files."""

from laserlink.protocol.errors import ErrorCode
from laserlink.protocol.frame import OVERHEAD_BYTES
from laserlink.protocol.messages import bulk, identity, link
from laserlink.protocol.states import ModuleState
from laserlink.tools.conformance.bench import ALL_FEATURES, Bench
from laserlink.tools.conformance.check import Check
from laserlink.tools.conformance.course import in_state, reach, read_descriptor

PART_PREFIX_BYTES = 6
FILE_PREFIX_BYTES = 10
COLOURS = {"00010102", "01000201", "01020001", "02010100"}


def _small(bench: Bench) -> None:
    bench.hello(link.Hello(0x10, 0x10, ALL_FEATURES, 256, 256, 0, bench.line.offers))


def parts(bench: Bench) -> None:
    reach(bench, ModuleState.IDENTIFYING, _small)
    room = bench.agreed.to_host_bytes_max - OVERHEAD_BYTES - PART_PREFIX_BYTES
    data, total = b"", None
    while total is None or len(data) < total:
        part = bench.reply(identity.DescriptorRead(offset=len(data)), identity.DescriptorPart)
        total = part.total_bytes if total is None else total
        bench.expect(part.total_bytes == total, f"{total} bytes in all", f"{part.total_bytes}")
        bench.expect(part.offset == len(data), f"offset {len(data)}", f"offset {part.offset}")
        wanted = min(room, total - len(data))
        bench.expect(len(part.part) == wanted, f"a part of {wanted} bytes", f"{len(part.part)} bytes")
        data += part.part
        if len(data) < total:
            in_state(bench, ModuleState.IDENTIFYING)
    in_state(bench, ModuleState.READY)
    again = read_descriptor(bench)
    bench.expect(again == data, "the same descriptor again", f"{len(again)} bytes")


def content(bench: Bench) -> None:
    raw = read_descriptor(bench)
    found = identity.Descriptor.decode(raw)
    bench.note(
        "DescriptorRead", "a descriptor", f"{found.vendor} {found.product}, {len(found.modes)} modes", True
    )
    bench.expect(
        found.module_id == bench.agreed.module_id,
        f"module id {bench.agreed.module_id:x}",
        f"{found.module_id:x}",
    )
    bench.expect(len(found.modes) >= 1, "at least one mode", str(len(found.modes)))
    bench.expect(found.cfa.hex() in COLOURS, "an order of colours that there is", found.cfa.hex())
    lengths = (len(found.colour_matrix), len(found.colour_matrix_a), len(found.neutral))
    holds = lengths[0] in (0, 9) and lengths[1] in (0, 9) and lengths[2] in (0, 3)
    bench.expect(holds, "matrices of 9 values or none, neutral of 3 or none", str(lengths))
    ids = [mode.id for mode in found.modes]
    bench.expect(len(set(ids)) == len(ids), "modes with ids of their own", str(ids))


def modes(bench: Bench) -> None:
    for mode in identity.Descriptor.decode(read_descriptor(bench)).modes:
        formats = [bits for bits in range(32) if mode.formats >> bits & 1]
        legal = bool(formats) and set(formats) <= {8, 10, 12, 14, 16} and mode.default_bits in formats
        legal = legal and not mode.width % 4 and not mode.height % 2 and mode.width > 0 and mode.height > 0
        legal = legal and mode.black_level < mode.white_level < 1 << mode.default_bits
        came = f"{mode.width}x{mode.height}, RAW{formats}, {mode.black_level} to {mode.white_level}"
        bench.expect(legal, f"mode {mode.id}: legal sizes, formats and levels", came)


def beyond(bench: Bench) -> None:
    total = len(read_descriptor(bench))
    for offset in (total, total + 1, 0xFFFF):
        bench.refused(identity.DescriptorRead(offset=offset), ErrorCode.OUT_OF_BOUNDS, offset)


def beyond_is_not_the_end(bench: Bench) -> None:
    bench.refused(identity.DescriptorRead(offset=0xFFFF), ErrorCode.OUT_OF_BOUNDS, 0xFFFF)
    in_state(bench, ModuleState.IDENTIFYING)


def file_log(bench: Bench) -> None:
    bench.need_feature(link.Features.FILES)
    data, total = b"", 1
    room = bench.agreed.to_host_bytes_max - OVERHEAD_BYTES - FILE_PREFIX_BYTES
    for _ in range(64):
        part = bench.reply(bulk.FileRead(offset=len(data), name="log"), bulk.FilePart)
        total = part.total_bytes
        holds = part.offset == len(data) and len(part.part) == min(room, total - len(data))
        bench.expect(
            holds,
            f"as much from {len(data)} on as fits",
            f"{len(part.part)} bytes of {total} at {part.offset}",
        )
        data += part.part
        if len(data) >= total:
            return
    bench.expect(False, "an end of the file", f"{len(data)} of {total} bytes")


def file_refusals(bench: Bench) -> None:
    bench.need_feature(link.Features.FILES)
    bench.refused(bulk.FileRead(name="no such file"), ErrorCode.NOT_FOUND)
    bench.refused(bulk.FileRead(name="../log"), ErrorCode.NOT_FOUND)
    bench.refused(bulk.FileRead(offset=0xFFFF_FFFF, name="log"), ErrorCode.OUT_OF_BOUNDS)


CHECKS = (
    Check(
        "identity.parts",
        "C7",
        "The descriptor comes in parts, and its last byte makes the module ready.",
        parts,
        ModuleState.GREETED,
    ),
    Check("identity.content", "C7", "The descriptor says what a host must know.", content),
    Check("identity.modes", "L1", "Every mode has sizes and formats that images may have.", modes),
    Check("identity.beyond", "J11", "There is nothing behind the end of the descriptor.", beyond),
    Check(
        "identity.not-the-end",
        "C7",
        "Reading behind the end makes no module ready.",
        beyond_is_not_the_end,
        ModuleState.IDENTIFYING,
    ),
    Check("identity.log", "P1", "The log can be read in parts.", file_log),
    Check(
        "identity.files",
        "J11",
        "Files that there are not, and offsets behind the end, are refused.",
        file_refusals,
    ),
)
