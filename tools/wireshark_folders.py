"""Where Wireshark looks for what a user has installed."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ASK_SECONDS = 20

# The lines of `tshark -G folders` that name a user's own folders; Lua has one of its own since 4.0.
PLUGINS = ("Personal Lua Plugins", "Personal Plugins")
# Before 4.2, Wireshark does not name the second; it is below the user's configuration.
EXTCAP, CONFIGURATION = "Personal Extcap path", "Personal configuration"


@dataclass(frozen=True)
class Folders:
    """The user's folders of Lua plugins and of live captures."""

    plugins: Path
    extcap: Path


def find_folders() -> Folders:
    """What this machine's tshark or Wireshark says; where there is none, what a recent one uses."""
    told, known = ask(), defaults()
    plugins = next((Path(told[title]) for title in PLUGINS if title in told), known.plugins)
    if EXTCAP in told:
        return Folders(plugins, Path(told[EXTCAP]))
    return Folders(plugins, Path(told[CONFIGURATION]) / "extcap" if CONFIGURATION in told else known.extcap)


def ask() -> dict[str, str]:
    """The folders by their titles, as tshark tells them; none when it is not there."""
    program = shutil.which("tshark") or shutil.which("wireshark")
    if program is None:
        return {}
    done = subprocess.run(
        [program, "-G", "folders"], capture_output=True, text=True, timeout=ASK_SECONDS, check=False
    )
    return dict(re.findall(r"^([^:\n]+):\s*(\S.*)$", done.stdout, re.MULTILINE))


def defaults() -> Folders:
    """The folders of Wireshark 4 on this kind of machine."""
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA", Path.home())) / "Wireshark"
        return Folders(base / "plugins", base / "extcap")
    base = Path.home() / ".local" / "lib" / "wireshark"
    return Folders(base / "plugins", base / "extcap")
