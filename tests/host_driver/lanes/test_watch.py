"""laserlink.host_driver.lanes.watch: who is woken by what."""

import os
import select
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from laserlink.host_driver.lanes.watch import Watch

LONG, SHORT = 20.0, 0.05


@dataclass
class Watched:
    """A watch over a pipe as the port, and another as the ring's doorbell."""

    port: tuple[int, int] = field(default_factory=os.pipe)
    ring: tuple[int, int] = field(default_factory=os.pipe)

    def __post_init__(self) -> None:
        self.watch = Watch(self.port[0], self.ring[0])

    def sleeps(self, seconds: float = SHORT) -> bool:
        """Whether nothing ended the thread's sleep."""
        return took(lambda: self.watch.sleep(seconds)) >= seconds

    def waits(self, seconds: float = SHORT) -> bool:
        """Whether nothing ended the wait of who has the machine."""
        return took(lambda: self.watch.wait(seconds)) >= seconds


def took(work: object) -> float:
    """Seconds."""
    began = time.monotonic()
    work()  # type: ignore[operator]
    return time.monotonic() - began


@pytest.fixture(params=["set of descriptors", "select alone"])
def watched(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    """A watch, as Linux has it, and as others do."""
    if request.param == "select alone":
        monkeypatch.delattr(select, "epoll", raising=False)
    watched = Watched()
    yield watched
    watched.watch.close()
    watched.watch.close()
    for end in (*watched.port, *watched.ring):
        os.close(end)


@pytest.mark.parametrize("lane", ["port", "ring"])
def test_byte_ends_sleep_and_wait(watched: Watched, lane: str) -> None:
    """What comes from the port or the doorbell wakes either; without it both last as long as they were to."""
    assert watched.sleeps() and watched.waits()
    os.write(getattr(watched, lane)[1], b"x")
    assert not watched.sleeps(LONG) and not watched.waits(LONG)


@pytest.mark.skipif(not hasattr(select, "epoll"), reason="nothing to hold a port with")
def test_descriptor_says_that_sleep_would_end() -> None:
    """It is readable as long as there is a reason to wake up, and not when the port is held."""
    watched = Watched()
    fileno = watched.watch.fileno()
    assert not select.select([fileno], [], [], 0)[0]
    os.write(watched.port[1], b"x")
    assert select.select([fileno], [], [], 0)[0]
    watched.watch.hold()
    assert not select.select([fileno], [], [], 0)[0]
    watched.watch.wake()
    assert select.select([fileno], [], [], 0)[0]
    watched.watch.close()


def test_held_port_wakes_only_who_waits_on_purpose() -> None:
    """The thread sleeps through what comes from a port that is held, until it is held no more."""
    watched = Watched()
    assert watched.watch.shares
    watched.watch.hold()
    os.write(watched.port[1], b"x")
    assert watched.sleeps() and not watched.waits(LONG)
    watched.watch.resume()
    assert not watched.sleeps(LONG)
    watched.watch.close()


def test_bell_rings_until_it_is_heard(watched: Watched) -> None:
    """A bell wakes the sleeper, who leaves it ringing for who has the machine; when it was heard, nobody."""
    for _ in range(3):
        watched.watch.wake()
    assert not watched.sleeps(LONG) and not watched.sleeps(LONG)
    assert not watched.waits(LONG)
    assert watched.waits() and watched.sleeps()
    watched.watch.wake()
    watched.watch.drain()
    assert watched.sleeps()


def test_port_that_takes_more_ends_the_sleep(watched: Watched) -> None:
    """Who has more to send is woken by room for it, and only then."""
    writer = Watch(watched.port[1], -1)
    assert took(lambda: writer.sleep(SHORT)) >= SHORT
    assert took(lambda: writer.sleep(LONG, writable=True)) < LONG / 2
    assert took(lambda: writer.wait(LONG, writable=True)) < LONG / 2
    writer.close()


def test_forgotten_port_wakes_nobody(watched: Watched) -> None:
    """A port that is about to be closed is not looked at again, also when it cannot be held any more."""
    os.write(watched.port[1], b"x")
    watched.watch.forget_port()
    watched.watch.forget_port()
    watched.watch.resume()
    assert watched.sleeps() and watched.waits() and not watched.watch.shares


def test_no_descriptor_without_a_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system has no set of descriptors, there is none to look at."""
    monkeypatch.delattr(select, "epoll", raising=False)
    watched = Watched()
    assert watched.watch.fileno() == -1
    watched.watch.close()


def test_port_without_descriptor_is_not_shared(watched: Watched) -> None:
    """What has no descriptor can only be looked at again and again, by one thread."""
    lonely = Watch(-1, -1)
    assert not lonely.shares
    lonely.wake()
    assert took(lambda: lonely.sleep(LONG)) < LONG / 2
    lonely.close()
    lonely.wake()
