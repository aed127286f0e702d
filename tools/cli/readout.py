"""`meterbench readout`: what a meter shows over IEC 62056-21, without DLMS."""

from __future__ import annotations

import click

from protocols.core.errors import LocalProtocolError
from protocols.iec62056_21 import DataSet, Mode
from tools.cli.output import json_option, print_json
from tools.errors import BadInput
from tools.links import open_stream, parse
from tools.links.sign_on import FASTEST, overhear, read_out


@click.command(
    epilog="Example: meterbench readout pty:/dev/pts/3",
    short_help="Read out a meter's registers over IEC 62056-21 (modes A to D).",
)
@click.argument("link")
@click.option("--address", default="", help="The device's address, where several are on the line.")
@click.option("--rate", type=click.IntRange(300, FASTEST), default=FASTEST, show_default=True, help="The fastest baud rate.")
@click.option("--listen", type=click.FloatRange(0.1, 3600), metavar="SECONDS", help="Do not ask: wait for a meter of mode D.")
@json_option
def command(link: str, address: str, rate: int, listen: float | None, as_json: bool) -> None:
    """Sign on at LINK with 300 baud, and print the data sets that the meter shows.

    LINK is pty:PATH, serial:DEVICE, rfc2217://HOST:PORT, socket://HOST:PORT or tcp:HOST:PORT. A serial port stands at eight data
    bits: parity is made in software. With echo=yes the link's own echo is taken out, as optical heads need it.
    """
    spec = parse(link)
    try:
        with open_stream(spec) as stream:
            identification, data_sets = read_out(stream, address, rate) if listen is None else overhear(stream, listen)
    except LocalProtocolError as error:
        raise BadInput(str(error)) from error
    mode = (identification.mode if listen is None else Mode.D).value
    if as_json:
        print_json(
            {
                "maker": identification.maker,
                "name": identification.name,
                "mode": mode,
                "data_sets": [_plain(each) for each in data_sets],
            }
        )
        return
    click.echo(f"{identification.maker} {identification.name} (mode {mode})")
    for each in data_sets:
        click.echo(f"{each.address:24}{'  '.join(f'{value.text} {value.unit}'.rstrip() for value in each.values)}")


def _plain(data_set: DataSet) -> dict[str, object]:
    values = [{"text": value.text} | ({"unit": value.unit} if value.unit else {}) for value in data_set.values]
    return {"address": data_set.address, "values": values}
