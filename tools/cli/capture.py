"""`meterbench capture`: what is on the air, heard by a radio dongle, for Wireshark."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

import click

from protocols.spinel.rcp import CHANNELS
from tools.capture import tap
from tools.capture.pcapng import LINK_TAP, Writer
from tools.capture.sniffer import networks, sniff
from tools.capture.zep import Sender
from tools.cli.output import json_option, print_json
from tools.errors import BadInput
from tools.links import parse
from tools.links.registry import open_stream
from tools.links.spec import LinkSpec

LISTEN = 507_000_000
"""ns on each channel: a scan of exponent 5."""


@click.command(
    epilog="Example: meterbench capture spinel:serial:/dev/ttyACM0?baud=460800 --channel 15 --out air.pcapng",
    short_help="Record what a radio dongle hears, for Wireshark.",
)
@click.argument("link")
@click.option("--channel", type=click.IntRange(11, 26), help="2.4 GHz channel to listen to.")
@click.option("--networks", "look", is_flag=True, help="Tell which networks answer a beacon request, on --channel or on all.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="A pcapng file, or a named pipe that Wireshark reads.")
@click.option("--zep", is_flag=True, help="Send every frame to a sniffer on this machine: ZEP on UDP port 17754.")
@click.option("--count", type=click.IntRange(1), help="End after so many frames. [default: at Ctrl-C]")
@json_option
def command(link: str, channel: int | None, look: bool, out: Path | None, zep: bool, count: int | None, as_json: bool) -> None:
    """Listen at LINK (spinel:tcp:HOST:PORT, spinel:serial:PATH or spinel:pty:PATH) and record every frame of a channel.

    The first line of output says that the dongle listens, the last one how many frames it heard. A bench records itself:
    `serve --capture`. With --networks it asks who is there, half a second on each channel, and says so.
    """
    spec = parse(link)
    if spec.scheme != "spinel":
        raise BadInput(f'link "{spec}": a dongle is spinel:LINK, such as spinel:serial:/dev/ttyACM0')
    if look:
        if out is not None or zep or count is not None:
            raise click.UsageError("--networks records nothing: no --out, --zep or --count with it")
        _look(spec, CHANNELS if channel is None else (channel,), as_json)
        return
    if channel is None:
        raise click.UsageError("say which --channel; --networks tells where there is something to hear")
    if out is None and not zep:
        raise click.UsageError("say where to: --out FILE, --zep, or both")
    stopped: list[int] = []
    with ExitStack() as stack:
        for number in (signal.SIGINT, signal.SIGTERM):
            stack.callback(signal.signal, number, signal.signal(number, lambda number, frame: stopped.append(number)))
        stream = stack.enter_context(open_stream(parse(spec.path)))
        sender = stack.enter_context(Sender(parse("zep:127.0.0.1"))) if zep else None
        writer = stack.enter_context(_File(out, f"meterbench capture {spec} --channel {channel}")) if out is not None else None
        frames, ready = 0, False
        for heard in sniff(stream, channel):
            if not ready:
                ready = True
                _say(as_json, {"ready": True, "link": str(spec), "channel": channel}, f"{spec} listens on channel {channel}")
            if heard is not None:
                frames, now = frames + 1, time.time_ns()
                if writer is not None:
                    writer.packet(now, tap.Packet(heard.psdu, channel, heard.lqi).build())
                if sender is not None:
                    sender.send(heard.psdu, channel, 1, now)
            if stopped or frames == count:
                break
        _say(as_json, {"frames": frames}, f"{frames} frames")


def _look(spec: LinkSpec, channels: Iterable[int], as_json: bool) -> None:
    """The networks that answer, a line each. One that is answered for by several routers is told of for each."""
    found = 0
    with open_stream(parse(spec.path)) as stream:
        for beacon in networks(stream, channels, LISTEN):
            if beacon is None:
                continue
            found += 1
            event: dict[str, object] = {
                "channel": beacon.channel, "pan_id": f"{beacon.pan_id:04x}", "short": f"{beacon.short:04x}",
                "extended_pan_id": beacon.extended_pan_id.hex(), "joinable": beacon.joinable, "rssi": beacon.rssi,
            }  # fmt: skip
            name = f"PAN {beacon.pan_id:04x} ({beacon.extended_pan_id.hex() or 'not ZigBee'}) by {beacon.short:04x}"
            joins = "joinable" if beacon.joinable else "not joinable"
            _say(as_json, event, f"channel {beacon.channel}: {name}, {joins}, {beacon.rssi} dBm")
    _say(as_json, {"networks": found}, f"{found} answers")


def _say(as_json: bool, event: dict[str, object], words: str) -> None:
    if as_json:
        print_json(event)
    else:
        click.echo(words)


class _File:
    """A pcapng file or pipe, written frame by frame."""

    def __init__(self, path: Path, comment: str) -> None:
        try:
            self._file = path.open("wb")
        except OSError as error:
            raise BadInput(f"{path}: {(error.strerror or str(error)).lower()}") from error
        self._writer = Writer(self._file, comment)
        self._interface = self._writer.interface(LINK_TAP, "air", "802.15.4 radio dongle")
        self._file.flush()

    def packet(self, utc_ns: int, data: bytes) -> None:
        """One frame."""
        self._writer.packet(self._interface, utc_ns, data)
        self._file.flush()

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
