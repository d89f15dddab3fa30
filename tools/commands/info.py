"""`laserlink info`: everything that a module says of itself."""

from dataclasses import asdict
from typing import Any

import rich_click as click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from laserlink.host_driver.camera import Camera
from laserlink.host_driver.machine import Host
from laserlink.protocol.messages.control import Value
from laserlink.protocol.messages.identity import SensorMode
from laserlink.tools.opening import open_camera
from laserlink.tools.session import Session


@click.command()
@click.argument("url")
@click.pass_obj
def command(session: Session, url: str) -> None:
    """Show identity, modes, controls, contract, limits, seating, clock and counters of the module at URL."""
    with open_camera(session, url) as camera:
        document = describe(camera)
    session.emit(document, lambda console: _render(console, document))


def describe(camera: Camera) -> dict[str, Any]:
    """All that is known of an attached module, as it goes into JSON."""
    descriptor = camera.descriptor
    document: dict[str, Any] = {
        "vendor": descriptor.vendor,
        "product": descriptor.product,
        "serial": descriptor.serial,
        "firmware": descriptor.firmware,
        "module_id": f"{descriptor.module_id:016x}",
        "boot_count": descriptor.boot_count,
        "modes": [_mode(mode) for mode in descriptor.modes],
    }
    document |= camera.inspect(_link_facts)
    counters = asdict(camera.counters())
    del counters["request_id"]
    return document | {"module_counters": counters}


def _mode(mode: SensorMode) -> dict[str, Any]:
    formats = [f"RAW{bits}" for bits in range(32) if mode.formats >> bits & 1]
    return {
        "name": mode.name, "width": mode.width, "height": mode.height, "binning": mode.binning,
        "formats": formats,
        "default_format": f"RAW{mode.default_bits}", "interval_us": mode.interval_us,
    }  # fmt: skip


def _link_facts(host: Host) -> dict[str, Any]:
    """What the host's machine knows; called on its thread."""
    connection, contract = host.connection, host.power.contract
    return {
        "contract": asdict(contract) if contract else None,
        "draw_ma": host.power.status.draw_ma,
        "seating": host.seating.name.lower(),
        "temperature": {
            "celsius": host.controls.current.get("SensorTemperature"),
            "level": host.power.temperature.name.lower(),
        },
        "training": {
            "frames": host.training.frames,
            "bits": host.training.bits,
            "bit_errors": host.training.bit_errors,
        },
        "limits": {
            "to_module_bytes_max": connection.out_bytes_max,
            "to_host_bytes_max": connection.in_bytes_max,
        },
        "lanes": [
            {"kind": offer.kind.name.lower(), "rate_bps": offer.rate_bps, "latency_us": offer.latency_us}
            for offer in connection.session_lanes
        ],
        "clock": {
            "offset_ns": host.clock.offset_ns,
            "uncertainty_ns": host.clock.uncertainty_ns,
            "drift_ppm": host.clock.drift_ppm,
        },
        "controls": [_control(host, name) for name in host.controls.known],
        "host_counters": {
            "frames_received": connection.counters.frames_received,
            "frames_sent": connection.counters.frames_sent,
            "frames_resent": connection.counters.frames_resent,
            "frames_stale": connection.counters.frames_stale,
            "bad": dict(connection.counters.bad),
            "offences": dict(connection.counters.offences),
        },
    }


def _control(host: Host, name: str) -> dict[str, Any]:
    control = host.controls.known[name]
    return {
        "name": name, "value": host.controls.current[name], "minimum": control.minimum,
        "maximum": control.maximum,
        "default": control.default, "unit": control.unit, "read_only": control.read_only,
    }  # fmt: skip


def _render(console: Console, document: dict[str, Any]) -> None:
    console.print(
        f"[bold]{escape(document['vendor'])} {escape(document['product'])}[/bold]  "
        f"serial {escape(document['serial'])}, firmware {escape(document['firmware'])}, "
        f"id {document['module_id']}"
    )
    console.print()
    for table in (_facts(document), _modes(document), _controls(document)):
        console.print(table)
        console.print()


def _facts(document: dict[str, Any]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column()
    contract, limits, clock = document["contract"], document["limits"], document["clock"]
    if contract:
        table.add_row(
            "contract",
            f"{contract['operating_ma']} mA + {contract['reserve_ma']} mA reserve "
            f"at {contract['voltage_mv'] / 1000:g} V",
        )
    training = document["training"]
    table.add_row(
        "seating", f"{document['seating']} ({training['bit_errors']} wrong of {training['bits']:,} bits)"
    )
    heat = document["temperature"]
    if heat["celsius"] is not None:
        table.add_row("temperature", f"{heat['celsius']:.1f} degC, {heat['level']}")
    for lane in document["lanes"]:
        rate = _rate(lane["rate_bps"]) if lane["rate_bps"] else "no rate"
        table.add_row(f"{lane['kind']} lane", rate)
    table.add_row(
        "max_frame", f"{limits['to_host_bytes_max']} bytes to host, {limits['to_module_bytes_max']} to module"
    )
    table.add_row(
        "clock", f"offset {clock['offset_ns'] / 1e6:+.3f} ms, within {clock['uncertainty_ns'] / 1000:.0f} us"
    )
    counted = document["module_counters"]
    table.add_row(
        "module counted",
        ", ".join(f"{value} {name.replace('_', ' ')}" for name, value in counted.items() if value),
    )
    host = document["host_counters"]
    table.add_row(
        "host counted", ", ".join(f"{host[name]} {name.replace('_', ' ')}" for name in host if host[name])
    )
    return table


def _modes(document: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("mode", "size", "formats", "images/s"):
        table.add_column(column)
    for mode in document["modes"]:
        rate = f"{1e6 / mode['interval_us']:.1f}" if mode["interval_us"] else ""
        size = f"{mode['width']} x {mode['height']}"
        table.add_row(escape(mode["name"]), size, " ".join(mode["formats"]), rate)
    return table


def _shown(value: Value) -> str:
    """A number with its thousands apart; a rectangle as its four."""
    parts = value if isinstance(value, tuple) else (value,)
    return " ".join(f"{part:,.10g}" for part in parts)


def _controls(document: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("control", "value", "range", "unit"):
        table.add_column(column)
    for control in document["controls"]:
        bounds = (
            "read only"
            if control["read_only"]
            else f"{_shown(control['minimum'])} to {_shown(control['maximum'])}"
        )
        value = _shown(control["value"])
        table.add_row(escape(control["name"]), value, bounds, escape(control["unit"]))
    return table


def _rate(bps: int) -> str:
    return f"{bps / 1e9:g} Gb/s" if bps >= 1e9 else f"{bps / 1e6:g} Mb/s"
