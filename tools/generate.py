"""Everything that is made from the declarations: which file, and what writes it."""

from collections.abc import Callable
from pathlib import Path

from laserlink.tools import (
    c_header,
    conversations,
    dissector,
    kaitai,
    promela,
    state_diagrams,
    vectors,
    wire_format,
)

GENERATED: dict[str, Callable[[], str]] = {
    "docs/wire-format.md": wire_format.render,
    f"{promela.MODEL}/{promela.TABLES}": promela.render,
    state_diagrams.FILE: state_diagrams.render,
    dissector.FILE: dissector.render,
    kaitai.FILE: kaitai.render,
    c_header.WIRE: c_header.render_wire,
    c_header.TABLES: c_header.render_tables,
    "tests/vectors/frames.json": lambda: vectors.render(vectors.frames()),
    "tests/vectors/bad-frames.json": lambda: vectors.render(vectors.bad_frames()),
    "tests/vectors/streams.json": lambda: vectors.render(vectors.streams()),
    "tests/vectors/payloads.json": lambda: vectors.render(vectors.payloads()),
    "tests/vectors/conversations.json": lambda: vectors.render(conversations.conversations()),
}


def generate(root: Path, check: bool) -> list[Path]:
    """Write every file below `root` that differs from what the declarations say; which ones.

    With `check` nothing is written, and the files that differ (or are missing) are named.
    """
    changed = []
    for name, make in GENERATED.items():
        path, content = root / name, make().encode()
        if path.is_file() and path.read_bytes() == content:
            continue
        changed.append(path)
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return changed
