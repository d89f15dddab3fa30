"""Shared by tests that ask tshark what it sees."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

from laserlink.host_driver.lanes.pcapng import INBOUND, header, write_packet
from laserlink.host_driver.lanes.recording import SOURCES

TSHARK_SECONDS = 60
# What the dissector adds beside the bytes of a frame.
ADDED = (
    "laserlink.flags.",
    "laserlink.expert",
    "laserlink.bad.reason",
    "laserlink.offence",
    "laserlink.light",
)


def need_tshark() -> None:
    """Skip where tshark is missing, and say so; in CI it is there."""
    if shutil.which("tshark") is None:
        reason = "tshark is not installed (Debian: tshark)"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)


@dataclass(frozen=True)
class Seen:
    """What tshark says of a packet: its fields (place, bytes, name, what is shown), and what was added."""

    fields: tuple[tuple[int, str, str, str], ...]
    added: dict[str, str]


def tshark(*arguments: object, environment: dict[str, str] | None = None) -> str:
    """What tshark prints; it must not complain about the dissector."""
    done = subprocess.run(
        ["tshark", *map(str, arguments)], capture_output=True, text=True, timeout=TSHARK_SECONDS, check=True,
        env=os.environ | (environment or {}),
    )  # fmt: skip
    assert "Lua" not in done.stderr, done.stderr
    return done.stdout


def dissected(path: Path, dissector: Path) -> list[Seen]:
    """Every packet of a file as the dissector shows it."""
    text = tshark("-X", f"lua_script:{dissector}", "-r", path, "-T", "pdml")
    assert "Lua Error" not in text
    return [_seen(packet) for packet in ElementTree.fromstring(text).iter("packet")]


def _seen(packet: ElementTree.Element) -> Seen:
    fields, added = [], {}
    for element in packet.iter("field"):
        name = element.get("name", "")
        if not name.startswith("laserlink."):
            continue
        if name.startswith(ADDED):
            added[name] = element.get("show", "")
        else:
            place = int(element.get("pos", "-1"))
            fields.append((place, element.get("value", ""), name, element.get("show", "")))
    return Seen(tuple(fields), added)


def write_packets(path: Path, packets: list[bytes]) -> None:
    """A recording of these packets, all to the host on the sideband."""
    with path.open("wb") as file:
        file.write(header(tuple(SOURCES.values()), "test"))
        for number, data in enumerate(packets):
            write_packet(file, 1, number, data, INBOUND)
