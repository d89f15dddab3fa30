"""laserlink.host_driver.lanes.asking: where the kernel may ask; tests/cext/test_exchange.py has how."""

import select
from collections.abc import Iterator

import pytest

from laserlink.host_driver.lanes.asking import asking
from laserlink.host_driver.lanes.port import SocketPort, in_process_pair
from laserlink.host_driver.lanes.url import Lanes
from laserlink.host_driver.lanes.watch import Watch
from laserlink.protocol import _accel


class Recorded(SocketPort):
    """A port that does something with what it reads."""

    def read(self) -> bytes:
        """As of a port."""
        return super().read()[:]


@pytest.fixture
def ports() -> Iterator[tuple[SocketPort, SocketPort]]:
    """Both ends of a line."""
    ours, theirs = in_process_pair()
    yield ours, theirs
    ours.close()
    theirs.close()


def test_kernel_asks_over_the_system_s_own_ports(ports: tuple[SocketPort, SocketPort]) -> None:
    """Not where something reads or writes in between, and not where a port cannot be held."""
    watch = Watch(ports[0].fileno(), -1)
    lanes = Lanes(ports[0], None, ())
    assert (asking(lanes, watch) is not None) is (_accel.Asker is not None)
    assert asking(Lanes(Recorded("", ports[0]._socket), None, ()), watch) is None
    watch.forget_port()
    assert asking(lanes, watch) is None
    watch.close()


def test_without_the_kernel_the_driver_asks(
    ports: tuple[SocketPort, SocketPort], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And without a set of descriptors that changes while somebody sleeps on it."""
    lanes = Lanes(ports[0], None, ())
    with monkeypatch.context() as patched:
        patched.setattr(_accel, "Asker", None)
        watch = Watch(ports[0].fileno(), -1)
        assert asking(lanes, watch) is None
        watch.close()
    monkeypatch.delattr(select, "epoll", raising=False)
    watch = Watch(ports[0].fileno(), -1)
    assert asking(lanes, watch) is None
    watch.close()


def test_ring_wakes_whoever_waits(ports: tuple[SocketPort, SocketPort]) -> None:
    """Besides the port and the bell."""
    ring, other = in_process_pair()
    watch = Watch(ports[0].fileno(), ring.fileno())
    assert ring.fileno() in watch.others and ports[0].fileno() not in watch.others
    assert len(watch.others) == 2
    watch.close()
    ring.close()
    other.close()
