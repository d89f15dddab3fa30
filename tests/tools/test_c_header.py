"""tools/c_header.py: what the C headers say is what the declarations say."""

import subprocess
from enum import IntEnum
from pathlib import Path

import pytest
from c_module import FIRMWARE, FLAGS, require

from laserlink.firmware_model.table import TABLE, Input
from laserlink.protocol import catalogue
from laserlink.protocol.errors import ErrorCode
from laserlink.protocol.limits import LIMITS
from laserlink.protocol.messages.layout import Record, fields_of
from laserlink.protocol.states import ModuleState, Seating
from laserlink.protocol.timers import TIMERS
from laserlink.tools import c_header
from laserlink.tools.wire_format import FAMILIES


def answers(folder: Path, expressions: list[str]) -> list[int]:
    """What a C program that includes both headers takes expressions for."""
    require("gcc", "gcc")
    source, program = folder / "ask.c", folder / "ask"
    lines = "\n".join(f'    printf("%lld\\n", (long long)({expression}));' for expression in expressions)
    source.write_text(
        f'#include <stdio.h>\n#include "laserlink_tables.h"\nint main(void) {{\n{lines}\n    return 0;\n}}\n'
    )
    flags = [flag for flag in FLAGS if flag != "-Wconversion"]
    subprocess.run(["gcc", *flags, f"-I{FIRMWARE}", str(source), "-o", str(program)], check=True)
    done = subprocess.run([str(program)], capture_output=True, text=True, check=True)
    return [int(line) for line in done.stdout.split()]


def test_the_committed_headers_are_fresh() -> None:
    """The files in the tree are what the generator makes now."""
    assert (FIRMWARE / "laserlink_wire.h").read_text() == c_header.render_wire()
    assert (FIRMWARE / "laserlink_tables.h").read_text() == c_header.render_tables()


def test_limits_timers_and_codes(tmp_path: Path) -> None:
    """Every limit, timer, error code and type has its number."""
    wanted = {f"LL_{limit.name.upper()}": limit.value for limit in LIMITS.values()}
    wanted |= {f"LL_{timer.name.upper()}_NS": timer.value_ns for timer in TIMERS.values()}
    wanted |= {f"LL_ERROR_CODE_{code.name}": int(code) for code in ErrorCode}
    wanted |= {f"LL_TYPE_{c_header.upper(row.message.__name__)}": row.type for row in catalogue.ROWS}
    assert answers(tmp_path, list(wanted)) == list(wanted.values())


def test_offsets_of_all_fields(tmp_path: Path) -> None:
    """Every field of fixed offset stands where the declaration has it, in every record."""
    wanted: dict[str, int] = {}
    for module in FAMILIES.values():
        for kind in vars(module).values():
            if isinstance(kind, type) and issubclass(kind, Record) and kind.__module__ == module.__name__:
                name = c_header.snake(kind.__name__)
                for info in fields_of(kind):
                    if info.offset is not None and info.shape.size is not None:
                        wanted[f"offsetof(struct ll_{name}, {info.name})"] = info.offset
    assert len(wanted) > 150
    assert answers(tmp_path, list(wanted)) == list(wanted.values())


def test_transitions(tmp_path: Path) -> None:
    """The machine's rows, read back as C has them, are the table."""
    count = len(TABLE)
    starts = answers(tmp_path, [f"ll_transition_start[{at}]" for at in range(len(ModuleState) + 1)])
    rows = answers(tmp_path, [f"ll_transitions[{at}]" for at in range(count)])
    names, inputs = c_header.actions(), list(Input)
    found = {}
    for state in ModuleState:
        for row in rows[starts[state] : starts[state + 1]]:
            found[state, inputs[row >> 10]] = names[row >> 4 & 0x3F], ModuleState(row & 0xF)
    assert found == TABLE


def test_catalogue(tmp_path: Path) -> None:
    """What a module receives has the row of the catalogue; of what it sends, the types are known."""
    rows = c_header.received_rows()
    fields = ("type", "is_request", "channels", "feature", "states")
    found = answers(tmp_path, [f"ll_catalogue[{at}].{field}" for at in range(len(rows)) for field in fields])
    for at, row in enumerate(rows):
        kind, is_request, channels, feature, states = found[5 * at : 5 * at + 5]
        assert (kind, is_request, feature) == (row.type, row.role == "request", row.feature)
        assert set(range(channels & 15, (channels >> 4) + 1)) == row.channel.value
        assert {s for s in ModuleState if states >> s & 1} == {s for s in ModuleState if s in row.states}
    sent = answers(tmp_path, [f"ll_sent_types[{at} / 8] >> {at} % 8 & 1" for at in range(0xE0)])
    assert {at for at, is_sent in enumerate(sent) if is_sent} == set(catalogue.BY_TYPE) - {
        r.type for r in rows
    }


def test_enumerations_with_gaps_are_refused() -> None:
    """A layout says lowest and highest; an enumeration that has neither says so when the header is made."""
    assert c_header.contiguous(Seating) == (0, 2)
    with pytest.raises(ValueError, match="gaps"):
        c_header.contiguous(IntEnum("Gappy", {"A": 0, "B": 2}))
