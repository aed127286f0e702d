"""`meterbench listen`: what meters and hubs tell by themselves, as it comes."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import click

from protocols.core.errors import RemoteProtocolError
from protocols.dlms import wrapper
from tools import keyring
from tools.cli.output import json_option, print_json
from tools.decode import dlms
from tools.decode.opener import Opener
from tools.decode.tree import Node
from tools.links import parse
from tools.links.channel import Channel, Server
from tools.links.registry import server


@click.command(
    epilog="Example: meterbench listen tcp-listen:4059 --count 1 --json",
    short_help="Show notifications that meters and hubs send, as they come.",
)
@click.argument("link")
@click.option("--count", type=click.IntRange(1), default=None, help="End after so many. [default: at Ctrl-C]")
@click.option("--keys", type=click.Path(path_type=Path, dir_okay=False), help="TOML file with keys, for ciphered ones.")
@json_option
def command(link: str, count: int | None, keys: Path | None, as_json: bool) -> None:
    """Wait at LINK (tcp-listen:PORT or udp-listen:PORT) for wrapper PDUs, and show each.

    The first line says where. Data notifications that want a confirmation get none. With --json each is one line.
    """
    spec = parse(link)
    ear = _Ear(dlms.Decoder(Opener(keyring.read(keys)) if keys is not None else None), count, as_json)
    asyncio.run(ear.listen(server(spec)))


class _Ear:
    """Prints what comes, from any number of senders."""

    def __init__(self, decoder: dlms.Decoder, count: int | None, as_json: bool) -> None:
        self._decoder = decoder
        self._left = count
        self._as_json = as_json
        self._over = asyncio.Event()

    async def listen(self, link: Server) -> None:
        """Until enough has come, SIGINT or SIGTERM."""
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._over.set)
        await link.start(self._open)
        try:
            click.echo(json.dumps({"ready": True, "link": link.spelling}))
            await self._over.wait()
        finally:
            await link.stop()

    def _open(self, channel: Channel) -> None:
        splitter = wrapper.Splitter(0xFFFF)

        def take(data: bytes) -> None:
            try:
                for pdu in splitter.feed(data):
                    self._show(channel.peer, pdu)
            except RemoteProtocolError as error:
                click.echo(f"{channel.peer}: {error}", err=True)
                channel.close()

        channel.on_data = take

    def _show(self, peer: str, pdu: wrapper.Pdu) -> None:
        if self._over.is_set():
            return
        root = Node("notification", 0, len(pdu.apdu))
        self._decoder.apdu(root, pdu.apdu)
        if self._as_json:
            print_json({"from": peer, "source": pdu.source, "destination": pdu.destination, "apdu": root.children[0].plain()})
        else:
            click.echo(f"{peer}, {pdu.source} to {pdu.destination}")
            click.echo("\n".join(line for child in root.children for line in child.lines()))
        if self._left is not None:
            self._left -= 1
            if not self._left:
                self._over.set()
