"""Live capture for Wireshark: an interface that attaches to a module and shows the session.

Wireshark runs the script that `laserlink wireshark install` puts into its extcap folder, with options that
its manual describes (extcap(4)). What it shows is written as a recording, into the pipe that it names.
"""

import argparse
import sys
import time
from pathlib import Path

from laserlink.host_driver.camera import Camera
from laserlink.host_driver.lanes.pcapng import LINK_TYPE
from laserlink.protocol.errors import LaserLinkError

FILE = "laserlink-extcap.bat" if sys.platform == "win32" else "laserlink-extcap"
INTERFACE = "laserlink"
VERSION = "1.0"
LOOK_SECONDS = 0.2
EXIT_FAILED = 1

INTERFACES = f"""\
extcap {{version={VERSION}}}{{display=LaserLink}}
interface {{value={INTERFACE}}}{{display=LaserLink module}}
"""
LINK_TYPES = f"dlt {{number={LINK_TYPE}}}{{name=USER0}}{{display=LaserLink}}\n"
OPTIONS = """\
arg {number=0}{call=--url}{display=URL}{type=string}{default=sim:mos-100mp}{required=true}\
{tooltip=A serial device, sim:mos-100mp, or any other URL of a module}
arg {number=1}{call=--pictures}{display=Pictures}{type=unsigned}{default=0}\
{tooltip=How many pictures to take; then it stays attached}
"""


def script() -> str:
    """The program that Wireshark runs: this module, in the Python that has installed it."""
    if sys.platform == "win32":
        return f'@"{sys.executable}" -m laserlink.tools.extcap %*\n'
    return f'#!/bin/sh\nexec "{sys.executable}" -m laserlink.tools.extcap "$@"\n'


def parser() -> argparse.ArgumentParser:
    """The options that Wireshark gives."""
    made = argparse.ArgumentParser(prog="laserlink-extcap", description=__doc__)
    for name in ("--extcap-interfaces", "--extcap-dlts", "--extcap-config", "--capture"):
        made.add_argument(name, action="store_true")
    for name in ("--extcap-version", "--extcap-interface", "--extcap-capture-filter"):
        made.add_argument(name)
    made.add_argument("--fifo", type=Path)
    made.add_argument("--url", default="sim:mos-100mp")
    made.add_argument("--pictures", type=int, default=0)
    return made


def run(arguments: list[str]) -> int:
    """Do what Wireshark asks; the exit code."""
    asked = parser().parse_args(arguments)
    if asked.extcap_interfaces:
        print(INTERFACES, end="")
    elif asked.extcap_dlts:
        print(LINK_TYPES, end="")
    elif asked.extcap_config:
        print(OPTIONS, end="")
    elif asked.capture and asked.fifo is not None:
        return capture(asked.url, asked.fifo, asked.pictures)
    else:
        parser().print_usage(sys.stderr)
        return EXIT_FAILED
    return 0


def capture(url: str, fifo: Path, pictures: int) -> int:
    """Attach, take pictures, and stay until Wireshark closes the pipe or ends us."""
    try:
        with Camera(f"record:{fifo},{url}") as camera:
            if pictures > 0:
                camera.configure()
            for _ in range(pictures):
                camera.capture()
            while True:
                time.sleep(LOOK_SECONDS)
                camera.inspect(lambda host: host.state)
    except (BrokenPipeError, KeyboardInterrupt):
        return 0
    except LaserLinkError as error:
        # Wireshark shows what is written here.
        print(error, file=sys.stderr)
        return EXIT_FAILED


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
