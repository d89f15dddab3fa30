"""`laserlink demo`: the tour. Two processes, a pseudo-terminal, a ring; from contact to a saved picture."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import rich_click as click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from laserlink.firmware_model.profile import Profile
from laserlink.host_driver.camera import Camera
from laserlink.host_driver.files import check_target
from laserlink.host_driver.shot import Shot
from laserlink.tools.opening import open_camera
from laserlink.tools.session import Exit, Session
from laserlink.tools.timeline import Timeline, milliseconds, modelled_first_image, timeline_of
from laserlink.tools.virtual import VirtualOptions, build_sensor, lane_offers

# The bars of the timeline: as wide as this, or as what is left behind the other columns.
BAR_CELLS_MAX = 40
OTHER_COLUMNS_CELLS = 55
DNG_NAME, PNG_NAME = "first-light.dng", "first-light.png"


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    metavar="DIR",
    help="Where the pictures go.",
)
@click.option(
    "--scene", metavar="FILE", help="What the sensor sees: a picture, a RAW file; default: the chart."
)
@click.option("--profile", default="mos-100mp", show_default=True, help="Which virtual module.")
@click.pass_obj
def command(session: Session, out: Path, scene: str | None, profile: str) -> int:
    """Snap a virtual module on, take its first picture, and show how long everything took.

    Exit code 1 when a pixel that arrived is not the pixel that was sent.
    """
    out.mkdir(parents=True, exist_ok=True)
    for name in (DNG_NAME, PNG_NAME):
        check_target(out / name)
    fitted = build_sensor(VirtualOptions(profile, scene)).profile
    with ThreadPoolExecutor(1) as pool:
        modelled = pool.submit(_model, fitted)
        document = _tour(session, out, scene, profile, modelled)
    session.emit(document, lambda console: _render(console, document))
    same = document["sha256_module"] == document["sha256_host"]
    return Exit.OK if same and not document["frames_lost"] else Exit.FINDING


def _model(profile: Profile) -> Timeline:
    mode = profile.modes[0]
    offers = lane_offers(profile, ring=True, line_rate_bps=None)
    return modelled_first_image(profile, offers, mode.id, mode.default_bits)


def _tour(
    session: Session, out: Path, scene: str | None, profile: str, modelled: "Future[Timeline]"
) -> dict[str, Any]:
    query = {"prepare": "default", "sha256": "yes"} | ({"scene": scene} if scene else {})
    began = time.monotonic()
    url = f"sim:{profile}?{urlencode(query)}"
    with open_camera(session, url, "rendering the scene and starting the module") as camera:
        with session.working("taking the first picture"):
            shot = camera.capture(session.timeout)
        facts = _facts(camera, shot)
    sha256_host = shot.sha256()
    with session.working("saving the DNG"):
        dng = shot.save(out / DNG_NAME)
    with session.working("developing and saving the PNG"):
        png = shot.save(out / PNG_NAME)
    facts |= _phases(modelled.result(), facts.pop("wall"))
    return facts | {
        "sha256_host": sha256_host, "dng": str(dng.path), "png": str(png.path),
        "dng_bytes": dng.bytes, "png_bytes": png.bytes, "tour_s": round(time.monotonic() - began, 3),
    }  # fmt: skip


def _facts(camera: Camera, shot: Shot) -> dict[str, Any]:
    """What the link tells of itself and of the image, while it is still there."""
    received = camera.received
    if received is None:
        raise RuntimeError("a captured shot has no record of its coming")
    contract = camera.contract
    bad = camera.inspect(lambda host: sum(host.connection.counters.bad.values()))
    height, width = shot.raw.shape
    return {
        "module": f"{camera.descriptor.vendor} {camera.descriptor.product}",
        "width": width, "height": height, "format": shot.metadata["Format"], "images": 1,
        "frames": received.layout.frames, "frames_lost": received.layout.chunks - received.chunks_received,
        "frames_resent": received.chunks_resent, "bad_runs": bad, "gaps": len(shot.gaps),
        "optical_gbps": round(received.gbps, 3), "image_bytes": received.layout.coded_bytes,
        "seating": camera.seating.name.lower(),
        "contract": {
            "voltage_mv": contract.voltage_mv, "operating_ma": contract.operating_ma,
            "reserve_ma": contract.reserve_ma,
        } if contract else None,
        "losses": [{"cause": loss.cause.name.lower(), "text": loss.text} for loss in camera.losses],
        "sha256_module": _module_digest(camera, received.image_id),
        "wall": timeline_of(camera.timeline, received.done_ns),
    }  # fmt: skip


def _module_digest(camera: Camera, image_id: int) -> str:
    """The digest that the module's process printed for the image, before it sent it."""
    if camera.target.module is not None:
        line = camera.target.module.find(
            lambda line: line.get("event") == "exposed" and line.get("image_id") == image_id
        )
        return str(line["sha256"]) if line else ""
    return ""


def _phases(modelled: Timeline, wall: Timeline) -> dict[str, Any]:
    names = [name for name in modelled.phases if modelled.phases[name] or wall.phases[name]]
    return {
        "phases": [
            {
                "name": name,
                "modelled_ms": milliseconds(modelled.phases[name]),
                "wall_ms": milliseconds(wall.phases[name]),
            }
            for name in names
        ],
        "attach_to_first_frame_ms": milliseconds(modelled.total_ns),
        "wall_ms": milliseconds(wall.total_ns),
    }


def _render(console: Console, document: dict[str, Any]) -> None:
    console.print()
    console.print(
        f"[bold]First light[/bold]  {escape(document['module'])}, {document['width']} x {document['height']} "
        f"{document['format']}"
    )
    console.print()
    console.print(_timeline_table(document, console.width))
    console.print()
    for name, text in _lines(document):
        console.print(f"[dim]{name:<11}[/dim] {text}", soft_wrap=True)


def _timeline_table(document: dict[str, Any], width: int) -> Table:
    """Phases as rows, with a bar as long as the phase takes in the model."""
    cells = max(8, min(BAR_CELLS_MAX, width - OTHER_COLUMNS_CELLS))
    table = Table(box=None, pad_edge=False, header_style="bold", show_footer=True, footer_style="bold")
    total = document["attach_to_first_frame_ms"]
    table.add_column("from contact to first image", footer="total")
    table.add_column("modelled", justify="right", footer=f"{total:.1f} ms")
    table.add_column("here", justify="right", footer=f"{document['wall_ms']:.1f} ms")
    table.add_column("", footer="")
    elapsed = 0.0
    for phase in document["phases"]:
        took = phase["modelled_ms"]
        start = min(round(cells * elapsed / total), cells - 1)
        elapsed += took
        end = min(max(round(cells * elapsed / total), start + 1), cells)
        bar = f"{' ' * start}[red]{'━' * (end - start)}[/red]"
        table.add_row(phase["name"], f"{took:.1f} ms", f"{phase['wall_ms']:.1f} ms", bar)
    return table


def _lines(document: dict[str, Any]) -> list[tuple[str, str]]:
    contract = document["contract"]
    same = document["sha256_module"] == document["sha256_host"]
    lost = (
        f"{document['frames_lost']} of {document['frames']:,} frames"
        if document["frames_lost"]
        else "nothing"
    )
    power = (
        f"{contract['operating_ma']} mA and {contract['reserve_ma']} mA reserve"
        f" at {contract['voltage_mv'] / 1000:g} V"
        if contract else "none"
    )  # fmt: skip
    pixels = "every one as the sensor sent it" if same else "[red]NOT what the sensor sent[/red]"
    frames = f"{document['frames']:,} frames, {document['frames_resent']} sent again"
    lines = [
        ("contract", power),
        ("seating", document["seating"]),
        ("throughput", f"{document['optical_gbps']:.1f} Gb/s, {frames}"),
        ("lost", lost),
        ("pixels", f"{pixels}  (sha256 {document['sha256_host'][:16]}...)"),
        ("saved", escape(document["dng"])),
        ("", escape(document["png"])),
    ]
    lines[5:5] = [("interrupted", escape(f"{loss['cause']}: {loss['text']}")) for loss in document["losses"]]
    return lines
