"""The command line: the group, its global options, and the one place where errors become exit codes.

Commands are loaded when they are asked for, so that `--help` and `decode` start without a camera's libraries.
"""

import os
import sys
from importlib import import_module
from typing import Any

import rich_click as click
from click import exceptions

from laserlink.tools.session import CommandError, Exit, Session

# Every command with its one line, so that --help loads none of them.
COMMANDS = {
    "devices": "What can be opened: serial ports, listed and not touched, and virtual modules.",
    "demo": "The tour: attach, negotiate, stream, save.",
    "serve": "A virtual module that stays up.",
    "info": "Identity, contract, limits, seating, clock and counters of a module.",
    "capture": "Take pictures and save them.",
    "record": "A session with a module, every byte of it, in a file that Wireshark opens.",
    "replay": "What a recording holds, packet by packet.",
    "decode": "Explain frames byte by byte.",
    "encode": "Exact bytes of any message.",
    "conform": "The conformance suite, against anything on a port.",
    "fuzz": "Inputs that nobody meant, for every part, and for a device on a port.",
    "simulate": "Both ends in virtual time, with faults from a seed.",
    "proxy": "A port with faults, in front of another.",
    "wireshark": "Put the dissector and the live capture where Wireshark finds them.",
    "measure": "The camera's figures: dynamic range, noise, sharpness, colours.",
    "bench": "Figures, each beside its limit or its peer, measured in the same run.",
    "generate": "Everything that is made from the declarations.",
}

# Commands that open a module; to the others --trace and --timeout mean nothing.
OPEN_A_MODULE = ("demo", "info", "capture", "record", "measure")


class LazyGroup(click.RichGroup):
    """A group whose commands are imported when they are run: who lists them needs their one line only."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The name and the one line of a command; `resolve_command` gives the command itself."""
        return click.Command(cmd_name, help=COMMANDS[cmd_name]) if cmd_name in COMMANDS else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        if name in COMMANDS:
            command = import_module(f"laserlink.tools.commands.{name}").command
        return name, command, rest


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output, nothing else.")
@click.option("-v", "--verbose", count=True, help="Show what goes on, and a traceback with an error.")
@click.option("-s", "--silent", is_flag=True, help="Print nothing but errors.")
@click.option(
    "--trace", metavar="FILE", help="Write every event of the link to FILE, one JSON object a line."
)
@click.option("--no-progress", is_flag=True, help="Plain lines instead of a moving display.")
@click.option("--timeout", type=click.FloatRange(0.1), metavar="S", help="Seconds to wait for the module.")
@click.version_option(package_name="laserlink")
@click.pass_context
def cli(
    context: click.Context, as_json: bool, verbose: int, silent: bool, trace: str | None, no_progress: bool,
    timeout: float | None,
) -> None:  # fmt: skip
    """LaserLink: the link between a phone and its snap-on camera, both ends of it."""
    context.ensure_object(Session).set(Session(as_json, verbose, silent, not no_progress, timeout, trace))
    if context.invoked_subcommand not in OPEN_A_MODULE and (trace is not None or timeout is not None):
        option = "--trace" if trace is not None else "--timeout"
        raise click.UsageError(
            f"{context.invoked_subcommand} opens no module: {option} means nothing to it", context
        )


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Run the command line; its exit code."""
    # Until the options are parsed, this is what is known of how to fail.
    session = Session(json="--json" in arguments)
    try:
        code = _run(arguments, session)
        sys.stdout.flush()
        return code
    except OSError as error:
        # Whoever reads us went away, or the disk is full; at the end Python would try to write once more.
        _discard_output()
        return Exit.OK if isinstance(error, BrokenPipeError) else session.fail(error)


def _run(arguments: list[str], session: Session) -> int:
    try:
        result: Any = cli.main(arguments, prog_name="laserlink", standalone_mode=False, obj=session)
        return result if isinstance(result, int) else Exit.OK
    except exceptions.Exit as error:
        return error.exit_code
    except (KeyboardInterrupt, exceptions.Abort):
        return Exit.INTERRUPTED
    except BrokenPipeError:
        raise
    except click.ClickException as error:
        return _usage(error, session)
    except Exception as error:
        return session.fail(error)


def _discard_output() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _usage(error: click.ClickException, session: Session) -> int:
    """A wrong command line: click's own text as one line, and where to read on."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "laserlink"
    return session.fail(CommandError(error.format_message(), f"`{path} --help` shows how it is used."))
