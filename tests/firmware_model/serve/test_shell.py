"""laserlink.firmware_model.serve.shell: the module on real lanes, and what becomes of them when either
side goes.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rig import one_lane
from served import entries, small_profile, wait_until

from laserlink.firmware_model.serve.pty import PtyPort
from laserlink.firmware_model.serve.shell import Pace, PulledOff, Shell, SnappedOn
from laserlink.host_driver.camera import Camera
from laserlink.host_driver.lanes.driver import Driver
from laserlink.host_driver.lanes.port import in_process_pair
from laserlink.host_driver.lanes.url import Lanes, open_lanes
from laserlink.host_driver.machine import Host
from laserlink.protocol.errors import ModuleDetached
from laserlink.protocol.states import HostState, ModuleState
from laserlink.protocol.timers import NS_PER_MS, NS_PER_S
from laserlink.tools.virtual import AlwaysConnected, VirtualOptions, build_sensor, build_shell

DARK_SECONDS = 0.35


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ring folder of this test's own."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


@contextmanager
def running(shell: Shell) -> Iterator[Shell]:
    """A shell on a thread of its own."""
    thread = threading.Thread(target=shell.run, daemon=True)
    thread.start()
    try:
        yield shell
    finally:
        shell.stop()
        thread.join(20)
        assert not thread.is_alive()


@contextmanager
def served_here(
    folder: Path, events: list[object] | None = None, link: Path | None = None
) -> Iterator[tuple[Shell, str]]:
    """A module with a laser in this process; the shell, and what follows the port's name in its URL."""
    keep = events.append if events is not None else None
    shell, query = build_shell(VirtualOptions(small_profile(folder), link=link), 1, keep)
    with running(shell):
        yield shell, query


def test_pace_lets_through_what_the_line_carries() -> None:
    """Over a second, the bytes allowed are the rate over the bits of a byte; slack of 2 ms at most is
    saved up.
    """
    pace = Pace(1_000_000, 10)
    pace.spent(pace.allowed(NS_PER_S))
    sent = 0
    for now in range(NS_PER_S + NS_PER_MS, 2 * NS_PER_S + 1, NS_PER_MS):
        count = pace.allowed(now)
        assert count <= 200
        pace.spent(count)
        sent += count
    assert sent == pytest.approx(100_000, rel=0.01)
    assert pace.allowed(2 * NS_PER_S) == 0
    assert 0 < pace.next_ns() - 2 * NS_PER_S <= NS_PER_MS
    assert pace.allowed(60 * NS_PER_S) == 200


def test_line_without_a_rate_is_not_paced() -> None:
    """Rate 0 lets whole frames through, always."""
    ours, theirs = in_process_pair()
    built, _ = build_shell(VirtualOptions("uart-1m", line_rate_bps=0), 1)
    built.close()
    shell = Shell(built.module, build_sensor(VirtualOptions("uart-1m")), AlwaysConnected(theirs))
    for _ in range(2):
        shell._unwritten = memoryview(bytes(4096))
        assert shell._write_some(0) == 4096
    shell.close()
    ours.close()


def test_module_on_a_socket_attaches_in_process() -> None:
    """Two sockets in one process are lane enough: the host comes to ready; closed, the module's port
    is gone.
    """
    ours, theirs = in_process_pair()
    shell, _ = build_shell(VirtualOptions("uart-1m"), 1)
    shell.close()
    numbers = iter(range(1, 100))
    alone = Shell(shell.module, build_sensor(VirtualOptions("uart-1m")), AlwaysConnected(theirs))
    with running(alone):
        host = Host(one_lane(0), lambda: next(numbers))
        driver = Driver(host, Lanes(ours, None, one_lane(0)), lambda events, host: None)
        wait_until(lambda: host.state is HostState.READY and host.listed, "attached")
        driver.close()
        wait_until(lambda: alone.port.gone, "the port is gone")


def test_ring_has_no_name_while_it_is_shared(tmp_path: Path) -> None:
    """Before and after an attach the ring can be opened by its name; during it there is nothing to be
    left behind.
    """
    with served_here(tmp_path) as (shell, query):
        assert len(entries(tmp_path)) == 3
        with Camera(shell.port.name + query):
            wait_until(lambda: entries(tmp_path) == [], "the names are gone")
        wait_until(lambda: len(entries(tmp_path)) == 3, "a fresh ring")
    assert entries(tmp_path) == []


def test_twenty_hosts_leave_nothing_behind(tmp_path: Path) -> None:
    """Twenty hosts come and go: as many descriptors, threads and ring entries as before."""
    with served_here(tmp_path) as (shell, query):
        with Camera(shell.port.name + query):
            pass
        wait_until(lambda: len(entries(tmp_path)) == 3, "a fresh ring")
        before = len(os.listdir("/proc/self/fd")), threading.active_count(), entries(tmp_path)
        for index in range(20):
            if index % 10 == 9:
                with Camera(shell.port.name + query) as camera:
                    camera.configure("thumbnail")
                    assert camera.capture().complete
            else:
                open_lanes(shell.port.name + query).close()
            wait_until(lambda: len(entries(tmp_path)) == 3, "a fresh ring")
        after = len(os.listdir("/proc/self/fd")), threading.active_count(), entries(tmp_path)
    assert after == before


def test_pulled_off_and_snapped_on(tmp_path: Path) -> None:
    """Pulling off detaches a host that streams; the module is unpowered; snapped on, the same camera
    goes on.
    """
    events: list[object] = []
    # By its link: the number of a terminal that is off may go to another process.
    link = tmp_path / "module"
    with served_here(tmp_path, events, link) as (shell, query), Camera(f"{link}{query}") as camera:
        camera.configure("thumbnail")
        images = camera.images()
        next(images)
        ring = camera._driver._lanes.ring if camera._driver is not None else None
        assert ring is not None
        assert ring.light
        shell.pull_off()
        with pytest.raises(ModuleDetached):
            for _ in images:
                pass
        wait_until(lambda: shell.module.state is ModuleState.DETACHED, "the module is unpowered")
        assert not shell.module.outputs.laser
        wait_until(lambda: not ring.light, "the ring that the host still holds says dark")
        shell.toggle_contact()
        wait_until(lambda: any(isinstance(event, SnappedOn) for event in events), "snapped on")
        assert camera.capture().complete
        assert [type(event) for event in events if isinstance(event, PulledOff | SnappedOn)] == [
            PulledOff,
            SnappedOn,
        ]


def test_failing_sensor_is_a_fault(tmp_path: Path) -> None:
    """A sensor that fails puts the module into its fault state, with the cause."""
    with served_here(tmp_path) as (shell, query), Camera(shell.port.name + query):
        shell.sensor._on_failed("the sensor failed: no memory")
        wait_until(lambda: shell.module.state is ModuleState.FAULT, "fault")
        assert "no memory" in shell.module.fault_text


@pytest.mark.parametrize("full", [True, False])
def test_room_that_comes_while_falling_asleep_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full: bool
) -> None:
    """A ring that was full, and is not any more, keeps the module awake: nobody would ring. Else it rests."""
    slept: list[list[int]] = []

    def sleep(readable: list[int], *others: object) -> tuple[list[int], list[int], list[int]]:
        slept.append(readable)
        return [], [], []

    shell, _ = build_shell(VirtualOptions(small_profile(tmp_path)), 1, None)
    try:
        assert shell._ring is not None
        bell = shell._ring.fileno()
        shell._contact, shell._ring_full = True, full
        monkeypatch.setattr("laserlink.firmware_model.serve.shell.select.select", sleep)
        shell._wait(None)
        assert len(slept) == (not full)
        assert not any(bell in readable for readable in slept)
    finally:
        monkeypatch.undo()
        shell.close()


def test_hostile_ring_is_hung_up_on(tmp_path: Path) -> None:
    """A host that writes an impossible index into the ring is detached, and the next one is served."""
    events: list[object] = []
    with served_here(tmp_path, events) as (shell, query):
        lanes = open_lanes(shell.port.name + query)
        ring = lanes.ring
        assert ring is not None
        ring._words.store(192, 1 << 40)
        wait_until(lambda: any(isinstance(event, SnappedOn) for event in events), "hung up")
        lanes.close()
        with Camera(shell.port.name + query) as camera:
            assert camera.state is HostState.READY


def test_stopped_host_leaves_the_module_dark(tmp_path: Path) -> None:
    """A host that is stopped in its tracks: the ring says dark within 350 ms."""
    program = (
        "import sys, time; from laserlink.host_driver import Camera\n"
        "camera = Camera(sys.argv[1]); print('attached', flush=True); time.sleep(600)"
    )
    seconds = []
    with served_here(tmp_path) as (shell, query):
        for _ in range(3):
            wait_until(lambda: len(entries(tmp_path)) == 3, "a ring")
            url = shell.port.name + query
            host = subprocess.Popen([sys.executable, "-c", program, url], stdout=subprocess.PIPE, text=True)
            try:
                assert host.stdout is not None
                assert host.stdout.readline() == "attached\n"
                ring = shell._ring
                assert ring is not None
                wait_until(lambda: ring.light, "light")  # noqa: B023
                host.send_signal(signal.SIGSTOP)
                stopped = time.monotonic()
                wait_until(lambda: not ring.light, "dark")  # noqa: B023
                seconds.append(time.monotonic() - stopped)
            finally:
                host.kill()
                host.communicate()
            if seconds[-1] <= DARK_SECONDS:
                break
        assert min(seconds) <= DARK_SECONDS
        wait_until(lambda: shell.module.state is ModuleState.DETACHED, "the module noticed that it is gone")


def test_closing_twice_and_waking_afterwards_is_harmless() -> None:
    """A closed shell can be closed and stopped again; nothing is written to a descriptor of somebody else."""
    shell, _ = build_shell(VirtualOptions("uart-1m"), 1)
    shell.close()
    first, second = os.pipe()
    shell.stop()
    shell.close()
    os.set_blocking(first, False)
    with pytest.raises(BlockingIOError):
        os.read(first, 1)
    os.close(first)
    os.close(second)
    assert isinstance(shell.port, PtyPort)


def test_a_touch_focuses_a_served_module(tmp_path: Path) -> None:
    """Looks go through the sensor's thread and come back: what the host reads is focused, far away."""
    with served_here(tmp_path) as (shell, query), Camera(f"{shell.port.name}{query}") as camera:
        camera.set_controls(LensPosition=2.0)
        camera.set_controls(AfMode=1, AfMetering=1, AfWindows=(600, 450, 256, 192), AfTrigger=0)
        wait_until(lambda: camera.controls["AfState"] in (2, 3), "the scan is over")
        controls = camera.controls
    assert controls["AfState"] == 2
    assert controls["LensPosition"] == pytest.approx(0.0, abs=0.25)
    assert controls["FocusFoM"]


def test_a_served_module_warms_by_what_it_draws(tmp_path: Path) -> None:
    """Its thermometer goes up from the room's temperature as soon as there is power."""
    with served_here(tmp_path) as (shell, query), Camera(f"{shell.port.name}{query}") as camera:
        assert camera.descriptor is not None
        wait_until(lambda: shell.module.celsius > 25.0, "it is warmer")
        assert shell.module.celsius < 40.0
