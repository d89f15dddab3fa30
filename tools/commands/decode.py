"""`laserlink decode`: every frame explained byte by byte, and the reason for every rejection."""

import sys
from pathlib import Path
from typing import Any

import rich_click as click
from click import exceptions
from rich.console import Console
from rich.table import Table
from rich.text import Text

from laserlink.host_driver.lanes.pcapng import PcapngError, read_packets
from laserlink.tools.explain import (
    REASONS,
    ExplainedBad,
    ExplainedFrame,
    Part,
    bad_document,
    explain,
    frame_document,
)
from laserlink.tools.recordings import MAGIC, ReadPacket, lane_of, read_recording, seconds, unreadable
from laserlink.tools.session import CommandError, Exit, Session

BYTES_A_LINE = 8
BAD_LINES = 6
PIPE_CELLS = 160


def read_source(source: str) -> bytes:
    """The bytes of a file, of standard input (`-`), or of hexadecimal text.

    A file or input that holds nothing but hexadecimal text is read as that.

    Raises:
        CommandError: no file has this name, and it is no hexadecimal text.
    """
    if source == "-":
        data = sys.stdin.buffer.read()
    elif _is_file(source):
        data = Path(source).read_bytes()
    else:
        parsed = hex_bytes(source)
        if parsed is None:
            raise CommandError(
                f"{source!r} is neither a file nor hexadecimal text",
                "Give a file, hexadecimal digits (spaces and 0x are skipped), or - for standard input.",
            )
        return parsed
    try:
        parsed = hex_bytes(data.decode("ascii"))
    except UnicodeDecodeError:
        parsed = None
    return data if parsed is None else parsed


def _is_file(name: str) -> bool:
    """Whether a file has this name; long hexadecimal text cannot even be asked about."""
    try:
        return Path(name).is_file()
    except OSError:
        return False


def hex_bytes(text: str) -> bytes | None:
    """The bytes that hexadecimal text stands for, or None when it is none."""
    digits = text.replace(",", " ").replace(":", " ").split()
    try:
        return bytes.fromhex("".join(digit.removeprefix("0x").removeprefix("0X") for digit in digits))
    except ValueError:
        return None


def lines_of(part: Part) -> list[str]:
    """The bytes of a part in hexadecimal, some a line."""
    return [part.raw[at : at + BYTES_A_LINE].hex(" ") for at in range(0, len(part.raw), BYTES_A_LINE)] or [""]


def render_frame(console: Console, explained: ExplainedFrame) -> None:
    """One frame: a title, then hex beside meaning."""
    title = f"{explained.name}, {len(explained.wire)} bytes at offset {explained.offset}"
    console.print(Text(title, style="bold green" if explained.offence is None else "bold yellow"))
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", justify="right")
    table.add_column(style="cyan", no_wrap=True)
    for style in ("bold", "", "dim"):
        table.add_column(style=style, overflow="fold")
    for part in explained.parts:
        table.add_row(f"{part.offset:6}", "\n".join(lines_of(part)), part.field, part.value, part.meaning)
    console.print(table)
    if explained.offence is not None:
        text = f"        refused: {explained.offence.code.name}: {explained.offence}"
        console.print(Text(text, style="yellow"), soft_wrap=True)


def render_bad(console: Console, explained: ExplainedBad) -> None:
    """One run of bytes that are no frame, and what they may have been meant to be."""
    reason = f"{explained.reason.value}: {REASONS[explained.reason]}"
    console.print(
        Text(f"rejected {len(explained.raw)} bytes at offset {explained.offset}: {reason}", style="bold red")
    )
    shown = explained.raw[: BAD_LINES * BYTES_A_LINE]
    for at in range(0, len(shown), BYTES_A_LINE):
        console.print(Text(f"{at:6}  {shown[at : at + BYTES_A_LINE].hex(' ')}", style="red"))
    if len(shown) < len(explained.raw):
        console.print(Text(f"        and {len(explained.raw) - len(shown)} more", style="dim"))
    for diagnosis in explained.diagnoses:
        where = explained.offset + diagnosis.offset
        console.print(
            Text(f"        the frame at offset {where}: {diagnosis.text}", style="yellow"), soft_wrap=True
        )


class Decoded:
    """What was found so far, and of which packet: "" for bytes that came in no packet."""

    def __init__(self) -> None:
        self.items: list[tuple[str, ExplainedFrame | ExplainedBad]] = []
        self.document: dict[str, Any] = {"frames": [], "rejected": []}
        self.packets = 0
        self.finding = False

    def add(self, item: ExplainedFrame | ExplainedBad, packet: ReadPacket | None = None) -> None:
        place = (
            {} if packet is None else {"packet": packet.number, "time_ns": packet.since_ns} | lane_of(packet)
        )
        title = (
            "" if packet is None else f"packet {packet.number}, {seconds(packet.since_ns)} s, {packet.way}"
        )
        self.items.append((title, item))
        if isinstance(item, ExplainedFrame):
            self.document["frames"].append(place | frame_document(item))
            self.finding |= item.offence is not None
        else:
            self.document["rejected"].append(place | bad_document(item))
            self.finding = True

    def render(self, console: Console) -> None:
        """All of it, in the order of the bytes. What is read by a program is not folded within names."""
        if not console.is_terminal:
            console.width = max(console.width, PIPE_CELLS)
        for title, item in self.items:
            if title:
                console.print(Text(title, style="bold cyan"))
            render_item(console, item)
        frames, rejected = (len(self.document[name]) for name in ("frames", "rejected"))
        console.print(f"intact frames: {frames}, rejected runs of bytes: {rejected}", style="bold")


def render_item(console: Console, item: ExplainedFrame | ExplainedBad) -> None:
    """A frame, or bytes that are none."""
    if isinstance(item, ExplainedFrame):
        render_frame(console, item)
    else:
        render_bad(console, item)


@click.command()
@click.argument("source", metavar="[FILE|HEX|-]", default="-")
@click.pass_obj
def command(session: Session, source: str) -> None:
    """Explain every frame byte by byte.

    Reads a file (bytes, hexadecimal text, or pcapng), hexadecimal text, or standard input (-). Exits with 1
    when anything was rejected: bytes that are no frame, or an intact frame that is illegal anywhere.
    """
    data = read_source(source)
    decoded = Decoded()
    try:
        if data.startswith(MAGIC):
            for packet in read_recording(read_packets(data)):
                decoded.packets += 1
                for item in packet.items:
                    decoded.add(item, packet)
        else:
            for item in explain(data):
                decoded.add(item)
    except PcapngError as error:
        if not session.json:
            decoded.render(session.console)
        raise unreadable(error, decoded.document, decoded.packets) from None
    session.emit(decoded.document, decoded.render)
    if decoded.finding:
        raise exceptions.Exit(Exit.FINDING)
