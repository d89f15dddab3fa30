"""`laserlink serve`: a module on a terminal, on a port, under a link; pulled off, ended, killed."""

import os
import select
import signal
import socket
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from served import entries, laserlink, program, serving, small_profile, url_of, wait_until

from laserlink.firmware_model.serve.shell import Shell
from laserlink.host_driver.camera import Camera
from laserlink.host_driver.lanes.port import SocketPort
from laserlink.protocol.errors import ModuleDetached
from laserlink.tools.cli import run
from laserlink.tools.virtual import AlwaysConnected, VirtualOptions, build_sensor, build_shell


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ring folder of this test's own."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


@contextmanager
def cable() -> Iterator[tuple[str, str]]:
    """Two terminals whose masters are joined: what goes into one comes out of the other."""
    (near, near_end), (far, far_end) = os.openpty(), os.openpty()
    for end in (near_end, far_end):
        tty.setraw(end)
    stop_read, stop_write = os.pipe()

    def carry() -> None:
        while stop_read not in (ready := select.select([near, far, stop_read], [], [])[0]):
            for source in ready:
                os.write(far if source == near else near, os.read(source, 4096))

    thread = threading.Thread(target=carry)
    thread.start()
    try:
        yield os.ttyname(near_end), os.ttyname(far_end)
    finally:
        os.write(stop_write, b"!")
        thread.join()
        for descriptor in (near, near_end, far, far_end, stop_read, stop_write):
            os.close(descriptor)


def test_first_line_says_where_and_an_end_leaves_nothing(tmp_path: Path) -> None:
    """The first document has URL and process; ended by each signal, exit code 0, and no ring, link or
    terminal.
    """
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        with serving("mos-100mp", "--link", tmp_path / "camera") as served:
            first = served.documents[0]
            assert (first["event"], first["pid"]) == ("serving", served.pid)
            assert os.readlink(tmp_path / "camera") == url_of(served).partition("?")[0]
            assert len(entries(tmp_path)) == 4
            assert served.end(number) == (0, "")
        assert entries(tmp_path) == []
        assert not os.path.lexists(tmp_path / "camera")


def test_people_get_the_url_on_standard_output(tmp_path: Path) -> None:
    """Without --json the URL is the only line on standard output, however long; the rest are notes."""
    result = laserlink("serve", "mos-100mp", "--until-eof", input="")
    assert result.returncode == 0
    assert "?ring=module-" in result.stdout
    assert len(result.stdout.splitlines()) == 1
    assert "Ctrl-C ends" in result.stderr


def test_pulled_off_and_snapped_on_by_a_signal(tmp_path: Path) -> None:
    """SIGUSR1 hangs up on the host, SIGUSR1 again is there again; the link follows, and info works by it."""
    link = tmp_path / "camera"
    with serving("uart-1m", "--link", link, "--line-rate", "0") as served:
        with Camera(str(link)) as camera:
            camera.configure("thumbnail")
            served.send(signal.SIGUSR1)
            with pytest.raises(ModuleDetached):
                for _ in camera.images():
                    pass
            wait_until(lambda: served.told("pulled_off"), "pulled off")
            assert run(["--json", "info", str(link)]) == 3
            served.send(signal.SIGUSR1)
            wait_until(lambda: served.told("snapped_on"), "snapped on")
            assert os.readlink(link) == served.told("snapped_on")[0]["url"]
            assert camera.capture().complete
        assert run(["info", str(link)]) == 0


def test_detached_in_the_middle_of_a_capture_is_exit_code_6(tmp_path: Path) -> None:
    """The command line tells a module that is pulled off: code 6, one line, a hint; the next capture
    works.
    """
    with serving("uart-1m") as served:
        trace = tmp_path / "trace"
        with program("--trace", trace, "capture", url_of(served), "-o", tmp_path / "x.raw") as capture:
            wait_until(lambda: trace.exists() and "STREAMING" in trace.read_text(), "streaming")
            served.send(signal.SIGUSR1)
            wait_until(lambda: capture.process.poll() is not None, "it ended")
            assert capture.end() == (6, "")
            assert capture.documents[-1]["error"] == "the module was pulled off"
        served.send(signal.SIGUSR1)
        wait_until(lambda: served.told("snapped_on"), "snapped on")
        target = tmp_path / "y.raw"
        assert run(["-s", "capture", url_of(served), "-o", str(target), "--mode", "thumbnail"]) == 0
        assert target.stat().st_size == 180 * 136 * 2


def test_second_host_is_busy() -> None:
    """While a host is attached, the command line says busy: exit code 4."""
    with serving("uart-1m") as served, Camera(url_of(served)):
        assert run(["--json", "info", url_of(served)]) == 4


def test_killed_while_a_host_is_attached_leaves_nothing(tmp_path: Path) -> None:
    """While both are up the ring has no name, so that a killed module leaves none; its link is swept
    by the next.
    """
    with serving("mos-100mp", "--link", tmp_path / "camera") as served, Camera(url_of(served)) as camera:
        wait_until(lambda: len(entries(tmp_path)) == 1, "the ring's names are gone")
        served.end(signal.SIGKILL)
        with pytest.raises(ModuleDetached):
            list(camera.images())
    with serving("uart-1m"):
        assert entries(tmp_path) == []
        assert not os.path.lexists(tmp_path / "camera")


def test_file_in_the_place_of_the_link_stays(tmp_path: Path) -> None:
    """A file of that name is no link to replace: exit code 2, and it is as it was."""
    (tmp_path / "camera").write_text("mine")
    assert run(["--json", "serve", "uart-1m", "--link", str(tmp_path / "camera")]) == 2
    assert (tmp_path / "camera").read_text() == "mine"


def test_serves_on_a_port_over_a_cable(tmp_path: Path) -> None:
    """A module on one end of a serial cable, a host on the other: the picture is the sensor's, twice
    in a row.
    """
    with cable() as (near, far), serving("uart-1m", "--port", near, "--sha256", "--line-rate", "0") as served:
        for pictures in (1, 2):
            with Camera(far) as camera:
                camera.configure("thumbnail")
                shot = camera.capture()
                assert shot.complete
                wait_until(lambda count=pictures: len(served.told("exposed")) == count, "it is told")
                assert shot.sha256() == served.told("exposed")[-1]["sha256"]
        served.send(signal.SIGUSR1)
        wait_until(lambda: served.told("pulled_off"), "silent")
        assert served.end() == (0, "")


def test_port_that_goes_away_ends_serving() -> None:
    """When the port itself is taken away, serving ends with exit code 6 and says so."""
    master, slave = os.openpty()
    with serving("uart-1m", "--port", os.ttyname(slave)) as served:
        os.close(slave)
        os.close(master)
        wait_until(lambda: served.process.poll() is not None, "it ended")
        assert served.end()[0] == 6
        assert "closed by the other side" in served.documents[-1]["error"]


def test_paced_serial_line_takes_its_time_and_every_pixel(tmp_path: Path) -> None:
    """At 1 Mb/s with 10 bits a byte, 24,480 bytes take a quarter of a second at least, and arrive as sent."""
    with serving("uart-1m", "--sha256=yes") as served, Camera(url_of(served)) as camera:
        camera.configure("thumbnail")
        shot = camera.capture()
        assert camera.received is not None
        # The host's clock starts with the first frame, of 4 KB or less.
        assert camera.received.seconds >= 0.9 * (24_480 - 4096) * 10 / 1e6
        wait_until(lambda: served.told("exposed"), "it is told")
        assert shot.sha256() == served.told("exposed")[-1]["sha256"]


def test_fast_paced_line_leaves_the_module_time_for_its_host() -> None:
    """At 12 Mb/s each look at the clock allows a few bytes more: the module hears its host all the same."""
    with serving("uart-1m", "--line-rate", 12_000_000) as served, Camera(url_of(served)) as camera:
        camera.configure("still-full", region=(0, 0, 512, 512))
        assert camera.capture().complete
        assert camera.counters().frames_bad == 0


def test_module_behind_a_listening_socket() -> None:
    """Over TCP: a module at a port of this machine, a host at socket://."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        built, _ = build_shell(VirtualOptions("uart-1m", line_rate_bps=0), 1)
        built.close()

        def answer() -> None:
            connection, _ = server.accept()
            port = AlwaysConnected(SocketPort("tcp", connection))
            Shell(built.module, build_sensor(VirtualOptions("uart-1m")), port).run()

        thread = threading.Thread(target=answer)
        thread.start()
        with Camera(f"socket://127.0.0.1:{server.getsockname()[1]}") as camera:
            camera.configure("thumbnail")
            assert camera.capture().complete
        thread.join(20)
        assert not thread.is_alive()


@pytest.mark.parametrize("has_ring", [True, False])
def test_without_the_kernels_everything_still_works(tmp_path: Path, has_ring: bool) -> None:
    """LASERLINK_CEXT=no at both ends: attach and a thumbnail, over ring and terminal."""
    environment = os.environ | {"LASERLINK_CEXT": "no"}
    options = ["--sha256"] if has_ring else ["--sha256", "--no-ring"]
    with serving(small_profile(tmp_path), *options, environment={"LASERLINK_CEXT": "no"}) as served:
        result = laserlink(
            "--json",
            "capture",
            url_of(served),
            "-o",
            tmp_path / "x.raw",
            "--mode",
            "thumbnail",
            env=environment,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        assert served.told("exposed")[-1]["sha256"] in result.stdout


def test_sensor_thread_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """Ended while it renders a hundred megapixels: gone at once, with nothing left behind."""
    with program("serve", "mos-100mp", "--prepare", "default") as served:
        wait_until(lambda: entries(tmp_path), "it renders")
        code, error = served.end(signal.SIGTERM)
        assert (code, error.strip()) == (130, "")
    assert entries(tmp_path) == []
