"""`meterbench listen`: what meters and hubs tell by themselves, as it comes."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable
from pathlib import Path

import click

from protocols.core.errors import RemoteProtocolError
from protocols.dlms import hdlc, wrapper
from protocols.dlms.hdlc.link import LLC_RESPONSE
from tools import keyring
from tools.cli.output import json_option, print_json
from tools.decode import dlms
from tools.decode.opener import Opener
from tools.decode.tree import Node
from tools.links import parse
from tools.links.channel import Channel, Server
from tools.links.line_end import LineEnd
from tools.links.registry import listening

_FLAG = 0x7E


@click.command(
    epilog="Example: meterbench listen tcp-listen:4059 --count 1 --json",
    short_help="Show notifications that meters and hubs send, as they come.",
)
@click.argument("link")
@click.option("--count", type=click.IntRange(1), default=None, help="End after so many. [default: at Ctrl-C]")
@click.option("--keys", type=click.Path(path_type=Path, dir_okay=False), help="TOML file with keys, for ciphered ones.")
@json_option
def command(link: str, count: int | None, keys: Path | None, as_json: bool) -> None:
    """Wait at LINK for notices, and show each: tcp-listen:PORT or udp-listen:PORT; pty:PATH or serial:PATH, the line of a hub's
    modem, with HDLC or the wrapper; or mqtt://BROKER/ROOT.

    The first line says where. Data notifications that want a confirmation get none. With --json each is one line.
    """
    spec = parse(link)
    ear = _Ear(dlms.Decoder(Opener(keyring.read(keys)) if keys is not None else None), count, as_json)
    asyncio.run(ear.listen(listening(spec)))


def _unasked(deframer: hdlc.Deframer) -> Callable[[bytes], list[wrapper.Pdu]]:
    """What UI frames of servers carry."""

    def pdus(data: bytes) -> list[wrapper.Pdu]:
        return [
            wrapper.Pdu(frame.source.upper, frame.destination.upper, frame.information[len(LLC_RESPONSE) :])
            for frame in deframer.feed(data)
            if frame.kind is hdlc.Kind.UI and frame.information.startswith(LLC_RESPONSE)
        ]

    return pdus


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
            waits: list[asyncio.Task[bool]] = [asyncio.ensure_future(self._over.wait())]
            if isinstance(link, LineEnd) and link.reading is not None:
                waits.append(link.reading)
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                each.result()
            waits[0].cancel()
        finally:
            await link.stop()

    def _open(self, channel: Channel) -> None:
        pdus: Callable[[bytes], list[wrapper.Pdu]] | None = None

        def take(data: bytes) -> None:
            nonlocal pdus
            if pdus is None:  # the first octet says which of the two it is
                pdus = _unasked(hdlc.Deframer()) if data[0] == _FLAG else wrapper.Splitter(0xFFFF).feed
            try:
                for pdu in pdus(data):
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
