"""`laserlink replay`: what a recording holds, packet by packet, with time and lane."""

from pathlib import Path
from typing import Any

import rich_click as click
from click import exceptions
from rich.console import Console
from rich.text import Text

from laserlink.host_driver.lanes.pcapng import PcapngError
from laserlink.tools.commands.decode import render_item
from laserlink.tools.explain import REASONS, ExplainedBad, ExplainedFrame, bad_document, frame_document
from laserlink.tools.recordings import (
    ReadPacket,
    brief_document,
    brief_fields,
    lane_of,
    packets_of_file,
    read_recording,
    seconds,
    unreadable,
)
from laserlink.tools.session import Exit, Session


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--bytes", "byte_by_byte", is_flag=True, help="Explain every frame byte by byte, as decode does."
)
@click.pass_obj
def command(session: Session, file: Path, byte_by_byte: bool) -> None:
    """Show a recording: one line for each frame, with time and lane.

    To give it to a host, open replay:FILE in the place of a module. Exits with 1 when it holds bytes that are
    no frame, or an intact frame that is illegal anywhere.
    """
    shown = Shown(session, byte_by_byte)
    try:
        for packet in read_recording(packets_of_file(file)):
            shown.add(packet)
    except PcapngError as error:
        raise unreadable(error, shown.document, shown.document["count"]) from None
    session.emit(shown.document, shown.summary)
    if shown.document["rejected"]:
        raise exceptions.Exit(Exit.FINDING)


class Shown:
    """What was read so far; people see it as it is read."""

    def __init__(self, session: Session, byte_by_byte: bool) -> None:
        self._console = None if session.json else session.console
        self._byte_by_byte = byte_by_byte
        self.document: dict[str, Any] = {"packets": [], "count": 0, "rejected": 0, "duration_ns": 0}

    def add(self, packet: ReadPacket) -> None:
        """Show one packet."""
        self.document["count"] += 1
        self.document["rejected"] += packet.rejected
        self.document["duration_ns"] = packet.since_ns
        if self._console is not None:
            self._render(self._console, packet)
            return
        facts = {"number": packet.number, "time_ns": packet.since_ns} | lane_of(packet)
        items = [self._document_of(item) for item in packet.items]
        self.document["packets"].append(facts | {"comment": packet.packet.comment, "items": items})

    def _document_of(self, item: ExplainedFrame | ExplainedBad) -> dict[str, Any]:
        if not self._byte_by_byte:
            return brief_document(item)
        return frame_document(item) if isinstance(item, ExplainedFrame) else bad_document(item)

    def _render(self, console: Console, packet: ReadPacket) -> None:
        head = f"{seconds(packet.since_ns):>12}  {packet.way:<18}  "
        if packet.packet.comment:
            console.print(Text(head + packet.packet.comment, style="magenta"), soft_wrap=True)
        for item in packet.items:
            text, style = line_of(item)
            console.print(Text(head, style="dim").append(text, style=style), soft_wrap=True)
            if self._byte_by_byte:
                render_item(console, item)

    def summary(self, console: Console) -> None:
        """The last line."""
        told = self.document
        console.print(
            f"{told['count']} packets in {seconds(told['duration_ns'])} s, {told['rejected']} rejected",
            style="bold",
        )


def line_of(item: ExplainedFrame | ExplainedBad) -> tuple[str, str]:
    """One line for a frame, or for bytes that are none; and its style."""
    if isinstance(item, ExplainedBad):
        return f"rejected {len(item.raw)} bytes: {item.reason.value}: {REASONS[item.reason]}", "red"
    if item.offence is not None:
        return f"{item.name}, refused: {item.offence.code.name}: {item.offence}", "yellow"
    fields = " ".join(f"{name}={value}" for name, value in brief_fields(item.message).items())
    return f"{item.name} {len(item.wire)} bytes, sequence {item.frame.sequence}  {fields}", "green"
