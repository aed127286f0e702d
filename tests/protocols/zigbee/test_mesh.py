"""Several hops on one air: joining through routers, discovery, source routes, failures and other ways round; every table full."""

from __future__ import annotations

import pytest

from protocols.zigbee import nwk
from protocols.zigbee.node import Delivered, DeviceJoined, Left, Message, NodeType, S
from protocols.zigbee.routing import DISCOVERIES, RECORDS, ROUTES
from tests.protocols.zigbee.cell import DISPLAY, GAS, INSTALL_CODE, Cell, Station

R1, R2, R3 = 0x00DB0000000000A1, 0x00DB0000000000A2, 0x00DB0000000000A3


class Mesh:
    """Stations of which each hears only those it is linked with."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        cell.link_status = 15 * S
        self.links: set[frozenset[str]] = set()
        self.hub = cell.hub()
        self.stations: dict[str, Station] = {"hub": self.hub}

    def link(self, one: str, *others: str, up: bool = True) -> None:
        for other in others:
            pair = frozenset((one, other))
            self.links = self.links | {pair} if up else self.links - {pair}
        self.apply()

    def apply(self) -> None:
        for one in self.stations:
            for other in self.stations:
                if one != other:
                    self.cell.air.set_loss(one, other, 0.0 if frozenset((one, other)) in self.links else 1.0)

    def join(self, name: str, eui64: int, kind: NodeType, *near: str) -> Station:
        """Let a device in that hears only these."""
        station = self.stations[name] = self.cell.device(name, eui64, kind)
        self.link(name, *near)
        self.hub.stack.trust_centre.add(eui64, INSTALL_CODE)
        self.hub.do(self.hub.stack.permit(60, self.cell.kernel.now))
        self.cell.run(1)
        station.do(station.stack.join(self.cell.kernel.now))
        self.cell.run(6)
        assert station.stack.joined, (station.effects, station.stack.drops, self.hub.stack.drops)
        return station

    def talk(self, one: Station, other: Station, seconds: float = 5) -> bool:
        """Whether a payload under the link key arrives and is acknowledged."""
        payload = b"across" + bytes((len(self.cell.on_air) & 0xFF,))
        handle = one.send(other.stack.short, payload, link_key=True)
        for _ in range(int(seconds * 5)):
            if other.config.type is NodeType.SLEEPY_END_DEVICE:
                other.do(other.stack.poll(self.cell.kernel.now))
            self.cell.run(0.2)
        return Delivered(handle) in one.told(Delivered) and payload in [m.payload for m in other.told(Message)]


@pytest.fixture
def mesh(cell: Cell) -> Mesh:
    return Mesh(cell)


@pytest.fixture
def chain(mesh: Mesh) -> Mesh:
    """hub - one - two - display and gas."""
    mesh.join("one", R1, NodeType.ROUTER, "hub")
    mesh.join("two", R2, NodeType.ROUTER, "one")
    mesh.join("display", DISPLAY, NodeType.END_DEVICE, "two")
    mesh.join("gas", GAS, NodeType.SLEEPY_END_DEVICE, "two")
    return mesh


@pytest.mark.req("S-092", part=True)
def test_devices_join_through_routers_and_talk_over_three_hops(chain: Mesh) -> None:
    hub, two, display, gas = (chain.stations[name] for name in ("hub", "two", "display", "gas"))
    assert [joined.eui64 for joined in hub.told(DeviceJoined)] == [R1, R2, DISPLAY, GAS]
    assert display.stack.parent == two.stack.short
    assert display.stack.trust_centre_eui64 == hub.config.eui64
    for device in (display, gas, two):
        assert chain.talk(device, hub)
        assert chain.talk(hub, device)
