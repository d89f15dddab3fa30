"""`laserlink encode`: the exact bytes of a frame; every field has a default."""

import re
from pathlib import Path
from typing import Any, NoReturn

import rich_click as click
from rich.console import Console
from rich.text import Text

from laserlink.protocol import catalogue
from laserlink.protocol.catalogue import Channel, Row
from laserlink.protocol.frame import Flags, Frame
from laserlink.protocol.messages.layout import fields_of
from laserlink.tools.plain import UnknownField, record_from_plain, record_to_plain
from laserlink.tools.session import CommandError, Session

DEFAULT_SESSION = 1


def hyphenated(name: str) -> str:
    """ImageStart as image-start."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()


def find_row(text: str) -> Row:
    """The catalogue's row of a type given by name or number.

    Raises:
        CommandError: no message is called so.
    """
    plain = {row.message.__name__.lower(): row for row in catalogue.ROWS}
    row = plain.get(re.sub(r"[-_ ]", "", text).lower())
    if row is None and re.fullmatch(r"0[xX][0-9a-fA-F]+|[0-9]+", text):
        row = catalogue.BY_TYPE.get(int(text, 16 if text[:2].lower() == "0x" else 10))
    if row is None:
        names = ", ".join(hyphenated(row.message.__name__) for row in catalogue.ROWS)
        raise CommandError(f"no message is called {text!r}", f"It is one of {names}.")
    return row


def field_hint(row: Row) -> str:
    """One line that lists the fields of a message."""
    fields = ", ".join(f"{info.name} ({info.shape.name})" for info in fields_of(row.message))
    return f"Fields of {hyphenated(row.message.__name__)}: {fields or 'none'}"


def split_fields(row: Row, texts: tuple[str, ...]) -> dict[str, Any]:
    """FIELD=VALUE arguments as a mapping."""
    values = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            refuse(f"{text!r} is not FIELD=VALUE", row)
        values[name.strip().replace("-", "_")] = value
    return values


def refuse(text: str, row: Row) -> NoReturn:
    raise CommandError(text, field_hint(row))


def build(row: Row, texts: tuple[str, ...], header: dict[str, int | None]) -> tuple[Frame, dict[str, Any]]:
    """The frame and all of its fields.

    Raises:
        CommandError: a field or a value that does not belong to the message.
    """
    try:
        message = record_from_plain(row.message, split_fields(row, texts))
        payload = bytes(message)
        frame = Frame(
            row.type, payload=payload, **{name: _default(row, name, header[name]) for name in header}
        )
        bytes(frame)
    except UnknownField as error:
        raise CommandError(str(error), f"Its fields: {', '.join(error.known) or 'none'}") from None
    except ValueError as error:
        refuse(str(error), row)
    return frame, record_to_plain(message)


def _default(row: Row, name: str, given: int | None) -> int:
    """What a legal frame of this type would have."""
    if given is not None:
        return given
    legal = {
        "session": 0 if row.type == catalogue.BEACON else DEFAULT_SESSION,
        "sequence": 0,
        "channel": min(row.channel.value),
        "flags": int(Flags.ACK_REQUESTED if row.channel is Channel.EVENTS else Flags.NONE),
    }
    return legal[name]


class _Number(click.ParamType):  # type: ignore[type-arg]
    """A whole number, also as 0x..."""

    name = "integer"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        try:
            return int(value, 0) if isinstance(value, str) else int(value)
        except ValueError:
            self.fail(f"{value!r} is no whole number", param, ctx)


@click.command()
@click.argument("type_name", metavar="TYPE")
@click.argument("fields", metavar="[FIELD=VALUE]...", nargs=-1)
@click.option("--session", "session_id", type=_Number(), help="Session of the frame; 1, or 0 for a beacon.")
@click.option("--sequence", type=_Number(), help="Sequence of the frame; 0.")
@click.option(
    "--channel", type=_Number(), help="Channel of the frame; the lowest that is legal for the type."
)
@click.option("--flags", type=_Number(), help="Flags of the frame; those that are legal for the type.")
@click.option("--raw", type=click.Path(path_type=Path), help="Write the bytes to this file as well.")
@click.pass_obj
def command(
    session: Session, type_name: str, fields: tuple[str, ...], session_id: int | None, sequence: int | None,
    channel: int | None, flags: int | None, raw: Path | None,
) -> None:  # fmt: skip
    """Give the exact bytes of a frame.

    TYPE is a name (hello, image-start) or a number (0x02). Values are numbers, names of enums, hexadecimal
    bytes, text, or JSON: lanes='[{"id": 1, "kind": "OPTICAL"}]'. Fields that are not named have their
    defaults. Nothing stops you from building an illegal frame with --session, --channel and --flags.
    """
    row = find_row(type_name)
    header = {"session": session_id, "sequence": sequence, "channel": channel, "flags": flags}
    frame, values = build(row, fields, header)
    wire = bytes(frame)
    if raw is not None:
        try:
            raw.write_bytes(wire)
        except OSError as error:
            raise CommandError(
                f"cannot write {raw}: {error.strerror}", "give another file to --raw"
            ) from None
    document = {"hex": wire.hex(), "type": row.message.__name__, "fields": values}

    def render(console: Console) -> None:
        console.print(Text(wire.hex()), soft_wrap=True)

    session.emit(document, render)
