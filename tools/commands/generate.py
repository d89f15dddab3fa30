"""`laserlink generate`: write, or check, everything that is made from the declarations."""

import tomllib
from pathlib import Path

import rich_click as click
from click import exceptions
from rich.console import Console

from laserlink.tools.generate import generate
from laserlink.tools.session import CommandError, Exit, Session


def find_root(start: Path) -> Path:
    """The repository: the nearest folder upward whose pyproject.toml is that of laserlink.

    Raises:
        CommandError: there is none.
    """
    for folder in (start, *start.parents):
        project = folder / "pyproject.toml"
        if not project.is_file():
            continue
        try:
            name = tomllib.loads(project.read_text()).get("project", {}).get("name")
        except (tomllib.TOMLDecodeError, UnicodeDecodeError):
            continue
        if name == "laserlink":
            return folder
    raise CommandError("this is not inside the laserlink repository", "Change to its folder.")


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 when a file is stale.")
@click.pass_obj
def command(session: Session, check: bool) -> None:
    """Write docs/wire-format.md and the test vectors from the declarations."""
    root = find_root(Path.cwd())
    names = [path.relative_to(root).as_posix() for path in generate(root, check)]

    def render(console: Console) -> None:
        for name in names:
            console.print(f"{'stale' if check else 'written'}: {name}")
        if not names:
            console.print("everything is up to date")

    session.emit({"check": check, "files": names}, render)
    if check and names:
        raise exceptions.Exit(Exit.FINDING)
