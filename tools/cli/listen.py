"""`meterbench listen`: what meters and hubs tell by themselves, as it comes."""

from __future__ import annotations

import asyncio
import contextlib
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
from tools.errors import LinkDown
from tools.links import LinkSpec, Stream, open_stream, parse
from tools.links.channel import Channel, Server, ignore_close, ignore_data
from tools.links.registry import server

LINES = ("pty", "serial", "rfc2217", "socket")
"""Kinds of link that are the end of a line which somebody has opened."""
_LOOK = 0.2
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
    asyncio.run(ear.listen(_place(spec)))


def _place(spec: LinkSpec) -> Server:
    if spec.scheme in LINES:
        return _LineEnd(spec)
    if spec.scheme == "mqtt":
        from tools.links.mqtt_server import Ear  # aiomqtt takes a while to load

        return Ear(spec)
    return server(spec)


def _opened(spec: LinkSpec) -> Stream:
    if spec.scheme != "pty":
        return open_stream(spec)
    from tools.links.pty import TerminalStream

    return TerminalStream(spec.path, fresh=False)  # a notice may have come before anybody listened


class _LineEnd:
    """The far end of a line, which somebody else has opened: one channel, from its opening to its end."""

    def __init__(self, spec: LinkSpec) -> None:
        self.spelling = self.peer = str(spec)
        self.on_data: Callable[[bytes], None] = ignore_data
        self.on_close: Callable[[str], None] = ignore_close
        self._spec = spec
        self.reading: asyncio.Task[bool] | None = None
        """Ends with LinkDown when the line does."""
        self._stream: Stream | None = None

    async def start(self, on_open: Callable[[Channel], None]) -> None:
        self._stream = _opened(self._spec)
        on_open(self)
        self.reading = asyncio.ensure_future(self._read(self._stream))

    async def stop(self) -> None:
        if self.reading is not None:
            self.reading.cancel()
            with contextlib.suppress(asyncio.CancelledError, LinkDown):
                await self.reading
        if self._stream is not None:
            self._stream.close()

    async def _read(self, stream: Stream) -> bool:
        while True:
            data = await asyncio.to_thread(stream.read, _LOOK)
            if data:
                self.on_data(data)

    def send(self, data: bytes) -> None:
        """Nothing is sent."""

    def close(self) -> None:
        """What comes is ignored from now on."""
        self.on_data = ignore_data

    def set_rate(self, baud: int | None) -> None:
        """The line's is its spelling's."""


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
            if isinstance(link, _LineEnd) and link.reading is not None:
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
