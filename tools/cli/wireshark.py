"""`meterbench wireshark`: our dissector of DLMS/COSEM in somebody's Wireshark."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import click

from tools.cli.output import json_option, print_json
from tools.errors import BadInput

_PATIENCE = 20.0
_USUAL = Path(".local", "lib", "wireshark", "plugins")
_LABEL = "Personal Lua Plugins:"


@click.group(short_help="Put the DLMS dissector into Wireshark.")
def command() -> None:
    """DLMS/COSEM in Wireshark and tshark: wrapper, HDLC, every APDU, also inside ZigBee tunnels."""


@command.command(epilog="Example: meterbench wireshark install --print > meterbench_dlms.lua")
@click.option("--folder", type=click.Path(path_type=Path), help="Where it goes. [default: Wireshark's folder for your Lua plugins]")
@click.option("--print", "to_print", is_flag=True, help="Print the Lua file and put it nowhere.")
@click.option("--remove", is_flag=True, help="Take it away again.")
@json_option
def install(folder: Path | None, to_print: bool, remove: bool, as_json: bool) -> None:
    """Write the dissector, one Lua file made from the frame declarations, into Wireshark's plugin folder.

    Wireshark and tshark take it up when they next start. Wrapper: TCP and UDP port 4059. HDLC: link type DLT_USER0, and by
    "Decode As" (mbhdlc) on any TCP port. Our own captures and ZigBee tunnels: by themselves. Filter names begin with mbdlms,
    mbwrapper and mbhdlc.
    """
    # The generator loads every declaration there is: not for --help.
    from tools.dissector.generate import FILE_NAME, dissector

    if to_print and (remove or folder is not None or as_json):
        raise click.UsageError("--print goes alone")
    if to_print:
        click.echo(dissector(), nl=False)
        return
    path = (folder or _personal_folder()) / FILE_NAME
    there = path.is_file()
    try:
        if remove:
            path.unlink(missing_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dissector(), encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{path}: {(error.strerror or str(error)).lower()}") from error
    done = ("removed" if there else "was not there") if remove else "replaced" if there else "installed"
    if as_json:
        print_json({"path": str(path), "done": done})
    else:
        click.echo(f"{done}: {path}")


def _personal_folder() -> Path:
    """What tshark names, else where Wireshark looks on Linux."""
    program = shutil.which("tshark")
    if program is not None:
        asked = subprocess.run([program, "-G", "folders"], capture_output=True, text=True, timeout=_PATIENCE, check=False)
        for line in asked.stdout.splitlines():
            if line.startswith(_LABEL):
                return Path(line.removeprefix(_LABEL).strip())
    return Path.home() / _USUAL
