"""`laserlink devices`: what can be opened."""

import contextlib

import rich_click as click
from rich.console import Console
from rich.table import Table

from laserlink.cext.ring import RingError, sweep
from laserlink.firmware_model.profile import load_profile, profile_names
from laserlink.firmware_model.serve.link import sweep_links
from laserlink.host_driver.lanes.url import list_devices
from laserlink.tools.session import Session


@click.command()
@click.pass_obj
def command(session: Session) -> None:
    """List serial ports and virtual modules.

    Serial ports are listed, never opened: opening one resets many boards.
    """
    with contextlib.suppress(RingError):
        sweep()
        sweep_links()
    serial = list_devices()
    virtual = [load_profile(name) for name in profile_names()]

    def render(console: Console) -> None:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in ("URL", "what it is", "USB id"):
            table.add_column(column, overflow="fold")
        for device in serial:
            table.add_row(device.device, device.description, device.usb_id)
        for profile in virtual:
            table.add_row(
                f"sim:{profile.name}", f"virtual {profile.identity.vendor} {profile.identity.product}", ""
            )
        console.print(table)

    session.emit(
        {
            "serial": [
                {"url": item.device, "description": item.description, "usb_id": item.usb_id}
                for item in serial
            ],
            "virtual": [
                {"url": f"sim:{item.name}", "vendor": item.identity.vendor, "product": item.identity.product}
                for item in virtual
            ],
        },
        render,
    )
