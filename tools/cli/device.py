"""`meterbench device`: one device of a bench file in a process of its own, in real time."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

import click

from tools.bench import config, process
from tools.bench.part import HUB, WIRED, Choice
from tools.cli.output import print_json
from tools.errors import BadInput
from tools.links import parse

KINDS = ("hub", "esme", "gsme", "ihd", "ppmid")


@click.command(
    epilog="Example: meterbench device hub --config fixtures/benches/home.toml --air mqtt://127.0.0.1/meterbench",
    short_help="One device of a bench in a process of its own, in real time.",
)
@click.argument("kind", type=click.Choice(KINDS))
@click.option(
    "--config", "path", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The bench file of all processes."
)
@click.option("--air", required=True, metavar="LINK", help="Where the radio medium is.")
@click.option("--name", metavar="LABEL", help="Which device, where the bench has several of a kind.")
@click.option("--seed", type=int, help="Root of all chance; the same for all processes. The bench's own by default.")
@click.option("--wired", metavar="LINK", help="The wired meter interface, between hub and esme: pty:NAME, or the path of one.")
@click.option("--optical", metavar="LINK", multiple=True, help="Open a meter's optical port, as pty: or tcp-listen:0?framing=hdlc.")
@click.option("--broker", is_flag=True, help="hub only: run a small MQTT broker inside, at the address of --air.")
@click.option("--screen", is_flag=True, help="Show the display each time it changes.")
@click.option("--json", "--ready-json", "as_json", is_flag=True, help="Say everything as JSON, one object a line.")
def command(
    kind: str,
    path: Path,
    air: str,
    name: str | None,
    seed: int | None,
    wired: str | None,
    optical: tuple[str, ...],
    broker: bool,
    screen: bool,
    as_json: bool,
) -> None:
    """Run one device of a bench file until SIGTERM.

    The hub's process holds the radio medium; the others reach it by --air: mqtt://HOST[:PORT]/ROOT on both sides, or
    tcp-listen:PORT at the hub and tcp:HOST:PORT elsewhere. They may start in any order. Identities and keys come from bench
    file and seed, so all processes need the same. The bench file's links of this device are opened.

    With --air spinel:serial:/dev/ttyACM0?baud=460800 the device's radio is a real dongle (an 802.15.4 radio co-processor that
    speaks Spinel), and the network is whatever is on the air there.
    """
    choice = Choice(config.load(path), kind, name, seed)
    node = choice.node
    dongle = parse(air).scheme == "spinel"
    if kind == HUB and dongle:
        raise BadInput("the hub's process holds the medium: spinel: is for the other devices")
    if choice.home.foreign and not dongle:
        raise BadInput(f"{choice.home.name} has no hub, whose process would hold its radio medium")
    links = process.Links(parse(air), list(choice.links()), parse(wired) if wired else None, broker=broker, screen=screen)
    if wired and kind not in (HUB, "esme"):
        raise BadInput(f"{node} has no wired meter interface")
    if optical and f"{node}.optical" not in _ports(choice):
        raise BadInput(f"{node} has no optical port")
    if broker and kind != HUB:
        raise BadInput("--broker is for the hub's process")
    links.ports += [(f"{node}.optical", parse(each)) for each in optical]
    asyncio.run(_run(choice, links, _reporter(as_json)))


def _ports(choice: Choice) -> list[str]:
    return [f"{choice.node}.{port}" for port in choice.device.ports if port != WIRED]


async def _run(choice: Choice, links: process.Links, report: process.Report) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await process.run(choice, links, report, stop)


def _reporter(as_json: bool) -> Callable[[dict[str, object]], None]:
    def report(event: dict[str, object]) -> None:
        if as_json:
            print_json(event)
            return
        match event:
            case {"ready": True, "device": node, "endpoints": dict(endpoints), "air": air}:
                click.echo(f"{node} runs; air: {air}")
                for endpoint, spelling in endpoints.items():
                    click.echo(f"  {endpoint}: {spelling}")
            case {"screen": [*lines]}:
                click.echo("\n".join(f"| {line} |" for line in lines) + "\n")
            case {"commissioned": complete}:
                click.echo("the home is complete" if complete else "the home is not complete")
            case _:
                ((what, which),) = event.items()
                click.echo(f"{what}: {which}")

    return report
