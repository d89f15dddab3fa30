"""laserlink.tools.fuzzing.flood: no flood makes an end grow, and its time is linear.

LASERLINK_FLOOD_BYTES is the size of each flood; `make nightly` sets a gigabyte.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from laserlink.cext import kernels
from laserlink.host_driver.machine import Host
from laserlink.protocol.frame import Frame
from laserlink.protocol.framer import Framer
from laserlink.protocol.states import HostState, ModuleState
from laserlink.tools.fuzzing.flood import FLOODS, PIECE_BYTES, Flooded, flood, resident_bytes
from laserlink.tools.fuzzing.oracles import items_of
from laserlink.tools.fuzzing.worlds import frozen_host, frozen_module, thaw

MEGABYTE = 1 << 20
# 33 MB together: what takes a microsecond a byte is shorter here than what takes ten nanoseconds.
SIZES = {
    "noise": 28 * MEGABYTE,
    "syncs": MEGABYTE,
    "baits": MEGABYTE,
    "strangers": MEGABYTE,
    "offences": MEGABYTE,
}
GROWTH_BYTES_MAX = 64 << 10
# Halves of a linear flood take the same time; the second of a quadratic one takes three times as long.
HALVES_RATIO_MAX = 2.0
SHORTEST_SECONDS = 0.1

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is counted on Linux")


def host() -> tuple[Host, int, int]:
    """A host that is ready, its session, and its time."""
    found: tuple[Host, int, int] = thaw(frozen_host(tuple(HostState).index(HostState.READY)))
    return found


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_leaves_nothing(name: str) -> None:
    """A host keeps no more than 64 KB of a flood, and its second half takes no longer than its first."""
    size = int(os.environ.get("LASERLINK_FLOOD_BYTES", SIZES[name]))
    done = flood(*host(), FLOODS[name], size)
    assert done.fed_bytes >= size
    assert done.grown_bytes <= GROWTH_BYTES_MAX, done
    assert done.second_seconds <= max(SHORTEST_SECONDS, HALVES_RATIO_MAX * done.first_seconds), done


def test_a_module_is_flooded_too() -> None:
    """The module keeps nothing either."""
    machine, session, now = thaw(frozen_module(tuple(ModuleState).index(ModuleState.READY)))
    assert flood(machine, session, now, FLOODS["baits"], MEGABYTE // 2).grown_bytes <= GROWTH_BYTES_MAX


@pytest.mark.parametrize("name", FLOODS)
def test_floods_are_what_they_say(name: str) -> None:
    """A piece is nearly a full one, and holds what its name says."""
    piece = FLOODS[name](0x1234)
    assert PIECE_BYTES // 8 < len(piece) <= PIECE_BYTES
    items = items_of((piece[:4000],))
    # Of which session the intact frames are; where 4,000 bytes cut the last one, it is damaged.
    sessions = {item.session for item in items if isinstance(item, Frame)}
    assert items and sessions == {"strangers": {0x1235}, "offences": {0x1234}}.get(name, set())


@pytest.mark.skipif(kernels is None, reason="a quarter of a gigabyte takes minutes without the kernels")
def test_a_host_that_hoards_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that keeps what it hears grows, and it shows."""
    receive = Host.receive_data
    kept: list[bytes] = []

    def hoard(self: Any, lane: Any, data: bytes, now: int) -> None:
        kept.append(bytes(bytearray(data)))
        receive(self, lane, data, now)

    monkeypatch.setattr(Host, "receive_data", hoard)
    # More than what a process that ran other tests before may have over from them.
    assert flood(*host(), FLOODS["noise"], 256 * MEGABYTE).grown_bytes > GROWTH_BYTES_MAX


def test_what_nobody_keeps_is_no_growth(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cycles of 4 kB are gone with the piece that made them, though Python waits for 700 of them."""
    receive = Host.receive_data

    def litter(self: Any, lane: Any, data: bytes, now: int) -> None:
        for _ in range(16):
            cycle: list[Any] = [bytes(4096)]
            cycle.append(cycle)
        receive(self, lane, data, now)

    monkeypatch.setattr(Host, "receive_data", litter)
    assert flood(*host(), FLOODS["noise"], 32 * MEGABYTE).grown_bytes <= GROWTH_BYTES_MAX


def test_a_framer_that_is_quadratic_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A framer that reads again all that it has ever read takes longer and longer."""
    feed = Framer.feed
    seen = bytearray()

    def slow(self: Framer, data: Any) -> None:
        seen.extend(data)
        sum(seen[::16])
        feed(self, data)

    monkeypatch.setattr(Framer, "feed", slow)
    done = flood(*host(), FLOODS["noise"], 6 * MEGABYTE)
    assert done.second_seconds > 1.3 * done.first_seconds


def test_memory_is_counted() -> None:
    """A process that takes ten megabytes has them."""
    code = (
        "from laserlink.tools.fuzzing.flood import resident_bytes as r\n"
        "a = r(); kept = b'x' * (10 << 20); print(r() - a)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 9 << 20 < int(done.stdout) < 12 << 20
    assert resident_bytes() > MEGABYTE
    assert Flooded(1, 2, 3.0, 4.0).grown_bytes == 2
