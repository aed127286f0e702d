"""docs/pics.md: what the devices of a bench really offer: ZigBee clusters with attributes and commands, COSEM objects with members.

Read from a commissioned home, not from what is declared. `python -m tests.pics` writes the page; a test compares.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from devices.parts.han import Han
from protocols.dlms.server import Server
from protocols.zigbee.zcl.cluster import Side
from protocols.zigbee.zcl.endpoint import Endpoint, Instance
from tests.pics_mandatory import MANDATORY, NOTHING
from tools.bench.commissioning import commission
from tools.bench.run import bench

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "pics.md"
BENCH = ROOT / "fixtures" / "benches" / "home.toml"
GLOBAL = {0xFFFD, 0xFFFE}

INTRO = """\
# What each device offers

Protocol implementation conformance statement (PICS) of the home of `fixtures/benches/home.toml`, once everybody has joined: on the
ZigBee side every endpoint with its clusters, the attributes that it holds out of those that the standard has, and the commands that
it acts on: **mandatory** ones, optional ones, and what is mandatory and not there; on the DLMS side every object of each logical
device with its attributes and the methods that do something.
`make requirements` writes this page.
"""


def page() -> str:
    """The page as it should be."""
    with bench(BENCH) as home:
        commission(home)
        lines = [INTRO, "## ZigBee Smart Energy", ""]
        for label, board in home.only.boards.items():
            han = getattr(board.firmware, "han", None)
            if isinstance(han, Han):
                lines += _node(label, han)
        lines += ["## DLMS/COSEM", ""]
        for label, board in home.only.boards.items():
            server = getattr(board.firmware, "server", None)
            if isinstance(server, Server):
                lines += _logical_devices(label, server)
    return "\n".join(lines).rstrip() + "\n"


def _node(label: str, han: Han) -> Iterator[str]:
    for number, endpoint in sorted(han.endpoints.items()):
        yield f"### {label}, endpoint {number} (device 0x{endpoint.device:04X}, profile 0x{endpoint.profile:04X})"
        yield ""
        yield "| cluster | side | attributes held | commands acted on |"
        yield "| --- | --- | --- | --- |"
        for instance in _instances(endpoint):
            mandatory = MANDATORY.get((instance.cluster.id, instance.side), NOTHING)
            attributes = {id: each.name for id, each in instance.cluster.attributes[instance.side].items() if id not in GLOBAL}
            told = _told([id for id in instance.held if id not in GLOBAL], attributes, mandatory.attributes)
            received = instance.cluster.commands[instance.side]
            handled = [id for id, frame in sorted(received.items()) if frame in instance.handlers]
            acts = _told(handled, {id: frame.__name__ for id, frame in received.items()}, mandatory.commands)
            side = "server" if instance.side is Side.SERVER else "client"
            yield f"| {instance.cluster.name} 0x{instance.cluster.id:04X} | {side} | {told} | {acts} |"
        yield ""


def _told(there: list[int], names: Mapping[int, str], mandatory: tuple[int, ...]) -> str:
    """How many of how many are there; their names, the mandatory ones in bold; and what is mandatory and is not there."""
    listed = ", ".join(f"**{names[id]}**" if id in mandatory else names[id] for id in there)
    missing = ", ".join(names[id] for id in mandatory if id not in there)
    return f"{len(there)} of {len(names)}" + f": {listed}" * bool(there) + f"; not there: {missing}" * bool(missing)


def _instances(endpoint: Endpoint) -> list[Instance]:
    return [instance for _, instance in sorted(endpoint.instances.items())]


def _logical_devices(label: str, server: Server) -> Iterator[str]:
    for sap, device in sorted(server.devices.items()):
        yield f"### {label}, logical device at SAP {sap}"
        yield ""
        yield "| object | class | attributes | methods |"
        yield "| --- | --- | --- | --- |"
        for thing in sorted(device, key=lambda thing: (thing.class_id, bytes(thing.name))):
            attributes = ", ".join(member.name for _, member in sorted(thing.attributes.items()) if member.number > 1)
            methods = ", ".join(member.name for number, member in sorted(thing.methods.items()) if thing.carries_out(number))
            name = f"{type(thing).__name__} ({thing.class_id}, version {thing.version})"
            yield f"| {thing.name} | {name} | {attributes} | {methods} |"
        yield ""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
