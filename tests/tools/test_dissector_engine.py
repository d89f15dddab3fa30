"""The dissector's engine: it loads without a complaint, and hostile packets neither stop nor slow it."""

import random
from pathlib import Path

from wireshark import dissected, need_tshark, tshark, write_packets

from laserlink.protocol.frame import SYNC, Frame
from laserlink.tools import dissector


def test_hostile_packets(tmp_path: Path) -> None:
    """Noise, floods of syncs, and damaged frames are shown as what they are, without an error."""
    need_tshark()
    script = tmp_path / "laserlink.lua"
    script.write_text(dissector.render())
    noise = random.Random(1)
    frame = bytes(Frame(0x60, 0, 7, 1, b"\1\0" + bytes(1000)))
    packets = [SYNC * 2048, noise.randbytes(4096), frame[:-1] + b"?", b"\xeb", frame + frame]
    packets += [noise.randbytes(noise.randrange(1, 60)) for _ in range(50)]
    write_packets(tmp_path / "hostile.pcapng", packets)
    seen = dissected(tmp_path / "hostile.pcapng", script)
    assert len(seen) == len(packets)
    for one, data in zip(seen[:4], packets, strict=False):
        assert [(place, raw) for place, raw, _, _ in one.fields] == [(0, data.hex())]
    assert [name for _, _, name, _ in seen[4].fields].count("laserlink.sync") == 2


def test_filters(tmp_path: Path) -> None:
    """Messages and fields are found by their names in a filter; the columns name the ends and the message."""
    need_tshark()
    script = tmp_path / "laserlink.lua"
    script.write_text(dissector.render())
    path = tmp_path / "two.pcapng"
    write_packets(path, [bytes(Frame(0x07, 2, 7, 1, bytes(4))), bytes(Frame(0x04, 0, 7, 1, bytes(13)))])
    lua = ("-X", f"lua_script:{script}", "-r", path)
    assert tshark(*lua, "-Y", "laserlink.ping.number == 0", "-T", "fields", "-e", "frame.number") == "2\n"
    columns = tshark(*lua, "-T", "fields", "-e", "_ws.col.Source", "-e", "_ws.col.Info").splitlines()
    assert columns == ["module\tCredit", "module\tPing"]
