"""laserlink.tools.proxy: frames are put together however they come, and faults strike whole frames."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from served import serving, small_profile, url_of, wait_until

from laserlink.firmware_model.serve.pty import PtyPort
from laserlink.host_driver.camera import Camera
from laserlink.host_driver.errors import NoDeviceFound
from laserlink.host_driver.lanes.url import open_target
from laserlink.protocol.connection import Role
from laserlink.protocol.errors import ModuleDetached
from laserlink.protocol.frame import Frame
from laserlink.protocol.limits import PAYLOAD_BYTES_MAX
from laserlink.protocol.states import LaneKind
from laserlink.tools.fault_profiles import WireFault
from laserlink.tools.proxy import GAP_NS, HELD_BYTES_MAX, Contact, Parted, Proxy, Serving, Way, cut_frames

FRAMES = [bytes(Frame(1, 0, 0, number, bytes(size))) for number, size in enumerate((0, 1, 300, 4072))]


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ring folder of this test's own."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("seed", range(20))
def test_frames_are_cut_alike_however_they_come(seed: int) -> None:
    """Any way of cutting the stream gives whole frames, noise between them apart, and no byte less."""
    random = Random(seed)
    stream = b"".join(frame + random.randbytes(random.choice((0, 0, 5))) for frame in FRAMES) + b"\xeb"
    data, found = bytearray(), []
    position = 0
    while position < len(stream):
        size = random.choice((1, 2, 7, 100, 5000))
        data += stream[position : position + size]
        position += size
        found += list(cut_frames(data))
    assert b"".join(found) + data == stream and data == b"\xeb"
    assert [piece for piece in found if piece in FRAMES] == FRAMES


def test_length_that_no_frame_has_holds_nothing_up() -> None:
    """A sync with an impossible length is noise: what follows is not waited for."""
    lie = b"\xeb\x90" + bytes(4) + (PAYLOAD_BYTES_MAX + 1).to_bytes(2, "little")
    data = bytearray(lie + FRAMES[1])
    assert b"".join(cut_frames(data)) == lie + FRAMES[1] and not data


def test_start_of_a_frame_goes_on_after_the_gap() -> None:
    """What nothing follows is passed on as it is: the receiver is to see the cut frame."""
    way = Way()
    way.put(FRAMES[2][:50], 1000, faulty=True)
    assert not way.peek(1000) and way.next_ns() == 1000 + GAP_NS
    assert bytes(way.peek(1000 + GAP_NS)) == FRAMES[2][:50]


def test_late_frames_wait_and_others_pass_them() -> None:
    """A frame that a filter delays comes out when it is due, behind those that are due before it."""
    seed = next(seed for seed in range(1000) if delays(seed) == [True, False])
    way = Way([late(seed)])
    for frame in FRAMES[:2]:
        way.put(frame, 0, faulty=True)
    out = []
    now = 0
    while (due := way.next_ns()) is not None:
        now = max(now, due)
        data = way.peek(now)
        out.append((now, bytes(data)))
        way.sent(len(data))
    assert [data for _, data in out] == [FRAMES[1], FRAMES[0]]
    assert out[0][0] == 0 < out[1][0]
    assert way.held_bytes == 0 and way.carried_bytes == len(FRAMES[0] + FRAMES[1])


def late(seed: int) -> WireFault:
    """A filter that delays some frames."""
    return WireFault("late", Role.HOST, LaneKind.SIDEBAND, seed)


def delays(seed: int) -> list[bool]:
    """Which of two frames the filter of `late` delays."""
    item = late(seed).build()
    return [item.apply(frame, 0)[0].delay_ns > 0 for frame in FRAMES[:2]]


def test_what_waits_is_bounded_and_forgotten_with_the_contact() -> None:
    """A way is full when a megabyte waits; contact that ends empties it."""
    way = Way()
    while not way.full:
        way.put(FRAMES[3], 0, faulty=False)
    assert HELD_BYTES_MAX <= way.held_bytes < HELD_BYTES_MAX + len(FRAMES[3])
    way.clear()
    assert not way.full and not way.peek(10**12) and way.next_ns() is None


class Running:
    """A proxy in a thread, before a module of its own process."""

    def __init__(self, url: str, kinds: tuple[str, ...] = (), **options: object) -> None:
        self.events: list[object] = []
        faults = [
            WireFault(kind, to, lane, 7)
            for kind in kinds
            for to, lane in ((Role.MODULE, LaneKind.SIDEBAND), (Role.HOST, LaneKind.SIDEBAND),
                             (Role.HOST, LaneKind.OPTICAL))
        ]  # fmt: skip
        self.proxy = Proxy(
            open_target(url), PtyPort(), faults, has_ring="ring=" in url, on_event=self.events.append,
            **options,  # type: ignore[arg-type]
        )  # fmt: skip
        self.thread = threading.Thread(target=self.proxy.run, daemon=True)
        self.thread.start()

    def end(self) -> None:
        """Stop it, and wait."""
        self.proxy.stop()
        self.thread.join(20)
        assert not self.thread.is_alive()


@contextmanager
def proxied(folder: Path, kinds: tuple[str, ...] = (), **options: object) -> Iterator[Running]:
    """A served module of a small sensor with two lanes, behind a proxy."""
    with serving(small_profile(folder)) as served:
        running = Running(url_of(served), kinds, **options)
        yield running
        running.end()


def test_pictures_come_through_exact_and_contact_is_passed_on(tmp_path: Path) -> None:
    """Without faults both lanes carry every byte; each host is a contact of the module, and a clean one."""
    with proxied(tmp_path) as running:
        shots = []
        for _ in range(2):
            with Camera(running.proxy.url) as camera:
                camera.set_controls(TestPatternMode=2)
                shots.append(camera.capture())
                assert camera.counters().frames_bad == 0
        assert all(shot.complete for shot in shots) and shots[0].sha256() == shots[1].sha256()
        wait_until(lambda: running.events[-1] == Parted("host"), "the last host is gone")
    kinds = [type(event) for event in running.events]
    assert kinds == [Serving, Contact, Parted, Contact, Parted] and running.proxy.hits == 0


def test_a_storm_on_both_lanes_makes_no_wrong_pixel(tmp_path: Path) -> None:
    """Lost, damaged and repeated frames, live: the picture is exact but for the gaps that it names."""
    with proxied(tmp_path, ("drop", "bursts", "repeat")) as running, Camera(running.proxy.url) as camera:
        camera.set_controls(TestPatternMode=2)
        shot = camera.capture()
        assert running.proxy.hits > 20
    with proxied(tmp_path) as clean, Camera(clean.proxy.url) as camera:
        camera.set_controls(TestPatternMode=2)
        truth = camera.capture()
    missing = shot.raw == 0
    assert (missing | (shot.raw == truth.raw)).all()
    assert (
        missing.sum() * shot.metadata["BitsPerPixel"] / 8 <= shot.missing_bytes() + (truth.raw == 0).sum() * 2
    )


def test_faults_end_when_they_are_told_to(tmp_path: Path) -> None:
    """After the time of the faults, bytes go through as they are."""
    with proxied(tmp_path, ("storm-loss",), fault_ns=1) as running, Camera(running.proxy.url) as camera:
        time.sleep(0.01)
        assert camera.capture().complete
        assert running.proxy.hits <= 2


def test_contact_that_is_broken_is_a_detach_and_comes_back(tmp_path: Path) -> None:
    """The host sees the module pulled off, and a later call attaches again."""
    with proxied(tmp_path, pulls=Random(3)) as running:
        detached = 0
        deadline = time.monotonic() + 30
        while detached < 2 and time.monotonic() < deadline:
            try:
                with Camera(running.proxy.url) as camera:
                    while True:
                        camera.capture()
            except ModuleDetached:
                detached += 1
            except NoDeviceFound:
                time.sleep(0.05)
        assert detached == 2 and running.proxy.pulled >= 2


def test_module_that_goes_is_told_to_the_host(tmp_path: Path) -> None:
    """When the module's own port ends, the host's does."""
    with serving(small_profile(tmp_path)) as served:
        running = Running(url_of(served))
        with Camera(running.proxy.url) as camera:
            camera.capture()
            served.end()
            with pytest.raises(ModuleDetached):
                camera.capture()
        running.end()
    assert Parted("module") in running.events
