"""laserlink.tools.virtual: a module is put together as it was asked for, or says why not."""

from pathlib import Path

import pytest
from served import entries

from laserlink.firmware_model.machine import Module
from laserlink.firmware_model.profile import load_profile
from laserlink.firmware_model.scene_kinds import SceneError
from laserlink.firmware_model.sensor import ExposureRequest
from laserlink.firmware_model.stream import ExposureWanted
from laserlink.host_driver.lanes.port import in_process_pair
from laserlink.protocol.image_layout import ImageLayout
from laserlink.protocol.limits import FRAME_BYTES_MAX
from laserlink.protocol.raw import unpack
from laserlink.protocol.states import LaneKind, LineCoding
from laserlink.tools.session import CommandError
from laserlink.tools.virtual import (
    AlwaysConnected,
    VirtualOptions,
    build_sensor,
    build_shell,
    default_exposure,
    exposer,
    lane_offers,
)


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ring folder of this test's own."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


def rates(
    name: str, *, ring: bool, line_rate_bps: int | None = None
) -> list[tuple[LaneKind, int, LineCoding]]:
    """Kind, rate and coding of each lane."""
    offers = lane_offers(load_profile(name), ring=ring, line_rate_bps=line_rate_bps)
    return [(offer.kind, offer.rate_bps, offer.coding) for offer in offers]


def test_lanes_are_those_of_the_profile() -> None:
    """Two lanes with a ring; one port instead of them is paced only when asked; a real serial line
    always is.
    """
    side, fast = LaneKind.SIDEBAND, LaneKind.OPTICAL
    uart, none = LineCoding.UART_8N1, LineCoding.NONE
    assert rates("mos-100mp", ring=True) == [(side, 3_000_000, uart), (fast, 10_000_000_000, none)]
    assert rates("mos-100mp", ring=False) == [(side, 0, none)]
    assert rates("mos-100mp", ring=False, line_rate_bps=115_200) == [(side, 115_200, uart)]
    assert rates("uart-1m", ring=False) == [(side, 1_000_000, uart)]
    assert rates("uart-1m", ring=True, line_rate_bps=0) == [(side, 0, none)]


def test_shell_has_a_ring_only_for_a_laser(tmp_path: Path) -> None:
    """A module with a laser gets a ring, one without, or told not to, gets none; closed, nothing is left."""
    for options, has_ring in (
        (VirtualOptions("mos-100mp"), True),
        (VirtualOptions("mos-100mp", ring=False), False),
        (VirtualOptions("uart-1m"), False),
    ):
        shell, query = build_shell(options, 1)
        assert query.startswith("?ring=module-") == has_ring
        assert bool(entries(tmp_path)) == has_ring
        shell.close()
        assert entries(tmp_path) == []


@pytest.mark.parametrize(
    ("options", "kind", "text"),
    [
        (VirtualOptions("nope"), CommandError, "expected one of mos-100mp, uart-1m"),
        (VirtualOptions("/nope.toml"), CommandError, "readable TOML file"),
        (VirtualOptions("uart-1m", scene="/nope.png"), SceneError, "no file"),
        (VirtualOptions("uart-1m", port="/dev/null", link=Path("x")), CommandError, "--link is for"),
    ],
)
def test_what_cannot_be_built_says_why(options: VirtualOptions, kind: type[Exception], text: str) -> None:
    """Each has one line and a hint, and leaves nothing behind."""
    with pytest.raises(kind, match=text) as caught:
        build_shell(options, 1)
    assert getattr(caught.value, "hint", "")


def test_default_exposure_is_what_a_host_gets() -> None:
    """The first mode at its own depth, a named one, a depth of its own; what there is not is refused."""
    module = Module(
        load_profile("uart-1m"), lane_offers(load_profile("uart-1m"), ring=False, line_rate_bps=None)
    )
    request, layout = default_exposure(module, "default")
    assert (request.mode_id, request.bits, request.exposure_us) == (0, 10, 10_000)
    assert (layout.width, layout.height) == (1456, 1092)
    assert default_exposure(module, "thumbnail:10")[0].bits == 10
    for wrong in ("bogus", "thumbnail:12", "thumbnail:x", "thumbnail:-8"):
        with pytest.raises(CommandError) as caught:
            default_exposure(module, wrong)
        assert caught.value.hint


def test_exposer_takes_the_picture_at_once() -> None:
    """The stepper's pictures are the sensor's."""
    sensor = build_sensor(VirtualOptions("uart-1m"))
    layout = ImageLayout(180, 136, 8, FRAME_BYTES_MAX)
    request = ExposureRequest(3, 8, 10_000, 1.0, 0, 1, (0, 0, 180, 136))
    image = exposer(sensor)(ExposureWanted(2, 1, request, layout))
    again = build_sensor(VirtualOptions("uart-1m")).expose(request)
    assert (unpack(image.data, 8) == again.reshape(-1)).all()


def test_open_port_is_contact_until_it_is_gone_or_pulled_off() -> None:
    """Bytes go through; pulled off there is no contact; when the other side closes, it is gone for good."""
    ours, theirs = in_process_pair()
    port = AlwaysConnected(theirs)
    assert port.fileno() == theirs.fileno()
    assert port.connected
    assert port.write(b"word") == 4
    assert ours.read() == b"word"
    port.pull_off()
    assert not port.connected
    port.snap_on()
    assert port.connected
    ours.close()
    assert port.read() == b""
    assert port.gone
    port.snap_on()
    assert not port.connected
    assert port.write(b"word") == 4
    port.close()
