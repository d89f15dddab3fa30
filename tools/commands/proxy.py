"""`laserlink proxy`: a port with faults, in front of another."""

import json
import os
from contextlib import suppress
from pathlib import Path
from random import Random

import rich_click as click

from laserlink.cext.ring import RingError, sweep
from laserlink.firmware_model.serve.link import sweep_links
from laserlink.firmware_model.serve.pty import PtyPort
from laserlink.host_driver.lanes.url import open_target
from laserlink.protocol.connection import Role
from laserlink.protocol.states import LaneKind
from laserlink.protocol.timers import NS_PER_S
from laserlink.tools.fault_profiles import (
    DETACH,
    LANES,
    PROFILES,
    WIRE_FAULTS,
    Profile,
    WireFault,
)
from laserlink.tools.proxy import Contact, Parted, Proxy, Serving
from laserlink.tools.session import CommandError, Session
from laserlink.tools.signals import END_SIGNALS, handled

# What a proxy can do from outside: faults of the wires, and breaking contact. It has no hand on power.
NAMES = [
    name for name, profile in PROFILES.items() if profile.wire or profile.world == DETACH or name == "none"
]


@click.command()
@click.argument("url")
@click.option("--faults", "name", type=click.Choice(NAMES), default="noise", show_default=True,
              help="A family of faults; the seed draws some of them.")  # fmt: skip
@click.option(
    "--fault", "kinds", multiple=True, type=click.Choice(sorted(WIRE_FAULTS)), metavar="KIND",
    help="Exactly this fault, on every way that can have it; may be repeated.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of the faults.")
@click.option("--time", "seconds", type=click.FloatRange(0), metavar="S", help="Faults last this long; then "
              "bytes go through as they are.")  # fmt: skip
@click.option(
    "--link", type=click.Path(path_type=Path), metavar="PATH", help="A symbolic link to the pseudo-terminal."
)
@click.pass_obj
def command(
    session: Session, url: str, name: str, kinds: tuple[str, ...], seed: int, seconds: float | None,
    link: Path | None,
) -> None:  # fmt: skip
    """Put faults between a host and the module at URL, until interrupted; prints the URL that a host opens.

    Contact is passed on: the module's port is open while a host has ours open.
    """
    with suppress(RingError):
        sweep()
        sweep_links()
    target = open_target(url)
    try:
        _check(url)
        has_ring = "ring=" in (target.module.url if target.module is not None else url)
        random = Random(f"proxy {seed}")
        faults = _chosen(kinds, random, has_ring) if kinds else _drawn(PROFILES[name], random, has_ring)
        pulls = random if not kinds and DETACH[1] in PROFILES[name].world else None
        teller = _Teller(session)
        proxy = Proxy(
            target, PtyPort(link), faults, has_ring=has_ring, pulls=pulls, on_event=teller,
            fault_ns=None if seconds is None else round(seconds * NS_PER_S),
        )  # fmt: skip
        teller.tell_faults(faults, pulls=pulls is not None)
        with handled(END_SIGNALS, proxy.stop):
            proxy.run()
        teller.tell_end(proxy)
    finally:
        if target.module is not None:
            target.module.close()


def _check(url: str) -> None:
    """A device that is not there is found out now, without opening it: that would be contact."""
    path = url.partition("?")[0]
    if path.startswith("/") and not os.path.exists(path):
        raise CommandError(f"there is no {path}", "`laserlink devices` lists what there is.", 3)


def _ways(has_ring: bool) -> list[tuple[Role, LaneKind]]:
    ways = [(Role.MODULE, LaneKind.SIDEBAND), (Role.HOST, LaneKind.SIDEBAND)]
    return [*ways, (Role.HOST, LaneKind.OPTICAL)] if has_ring else ways


def _chosen(kinds: tuple[str, ...], random: Random, has_ring: bool) -> list[WireFault]:
    return [
        WireFault(kind, to, lane, random.getrandbits(32))
        for kind in kinds
        for to, lane in _ways(has_ring)
        if LANES.get(kind, lane) is lane
    ]


def _drawn(profile: Profile, random: Random, has_ring: bool) -> list[WireFault]:
    """Some of the family's faults, at least one kind of them."""
    if not profile.wire:
        return []
    count = len(profile.wire) if profile.sure else random.randint(1, max(1, len(profile.wire) // 2))
    found: list[WireFault] = []
    while not found:
        found = _chosen(tuple(random.sample(profile.wire, count)), random, has_ring)
    return found


class _Teller:
    """Prints what happens, as it happens."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __call__(self, event: object) -> None:
        match event:
            case Serving(url):
                if not self._session.json:
                    self._session.console.print(url, soft_wrap=True)
                self._say(
                    "Open that URL as the module's; Ctrl-C ends.", event="serving", url=url, pid=os.getpid()
                )
            case Contact():
                self._say("A host is here.", event="contact")
            case Parted(why):
                self._say(f"Contact ended, by the {why}.", event="parted", by=why)

    def tell_faults(self, faults: list[WireFault], *, pulls: bool) -> None:
        """Say what the seed drew."""
        texts = [str(fault) for fault in faults] + ["contact is broken at random moments"] * pulls
        for text in texts or ["no faults"]:
            self._say(text, event="fault", fault=text)

    def tell_end(self, proxy: Proxy) -> None:
        """Say how much went through, and what befell it."""
        ways = {
            f"{lane.name.lower()} to the {to.name.lower()}": {"bytes": way.carried_bytes, "faults": way.hits}
            for (to, lane), way in proxy.ways.items()
        }
        for name, facts in ways.items():
            self._session.notes.print(f"{name}: {facts['bytes']:,} bytes, {facts['faults']:,} faults")
        if self._session.json:
            print(json.dumps({"event": "ended", "faults_injected": proxy.hits, "pulled_off": proxy.pulled,
                              "ways": ways}), flush=True)  # fmt: skip

    def _say(self, text: str, **document: object) -> None:
        if self._session.json:
            print(json.dumps(document), flush=True)
        else:
            self._session.notes.print(text, soft_wrap=True)
