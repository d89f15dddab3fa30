"""`laserlink wireshark`: the dissector and the live capture, where Wireshark finds them."""

from pathlib import Path

import rich_click as click
from rich.console import Console
from rich.text import Text

from laserlink.tools import dissector, extcap
from laserlink.tools.session import Exit, Session
from laserlink.tools.wireshark_folders import Folders, find_folders

DISSECTOR = "laserlink.lua"


def parts(folders: Folders) -> dict[Path, tuple[str, int]]:
    """What is installed where: the text of each file, and its mode."""
    return {
        folders.plugins / DISSECTOR: (dissector.render(), 0o644),
        folders.extcap / extcap.FILE: (extcap.script(), 0o755),
    }


@click.command()
@click.argument("action", type=click.Choice(["install", "uninstall", "status"]))
@click.pass_obj
def command(session: Session, action: str) -> int:
    """Install the dissector and the live capture for this user; or remove them; or say what is there.

    Wireshark sees both when it starts the next time. `status` exits with 1 when something is missing or is
    not what this version would install.
    """
    files = parts(find_folders())
    for path, (text, mode) in files.items():
        if action == "install":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            path.chmod(mode)
        elif action == "uninstall":
            path.unlink(missing_ok=True)
    states = {str(path): state_of(path, text) for path, (text, _) in files.items()}

    def render(console: Console) -> None:
        for name, state in states.items():
            console.print(Text(f"{state}: {name}"), soft_wrap=True)

    session.emit({"action": action, "files": states}, render)
    stale = action == "status" and any(state != "installed" for state in states.values())
    return Exit.FINDING if stale else Exit.OK


def state_of(path: Path, text: str) -> str:
    """installed, stale or missing."""
    if not path.is_file():
        return "missing"
    return "installed" if path.read_text(encoding="utf-8", errors="replace") == text else "stale"
