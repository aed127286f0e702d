"""Short addresses given twice (05-3474 clause 3.6.1.9): both devices get others, everybody can be reached, nobody is sent round."""

from __future__ import annotations

import pytest

from protocols.zigbee import nwk
from protocols.zigbee.node import Left, NodeType, S
from tests.protocols.zigbee.cell import DISPLAY, GAS, METER, Cell, Station
from tests.protocols.zigbee.test_bad_air import Insider
from tests.protocols.zigbee.test_mesh import R1, R2, Mesh


@pytest.fixture
def mesh(cell: Cell) -> Mesh:
    """hub - one - display."""
    mesh = Mesh(cell)
    mesh.join("one", R1, NodeType.ROUTER, "hub")
    mesh.join("display", DISPLAY, NodeType.END_DEVICE, "one")
    return mesh


def twice(mesh: Mesh, short: int, name: str, eui64: int, kind: NodeType) -> Station:
    """A device that joins at the hub and gets an address that somebody has already."""
    addresses = mesh.hub.stack._network.addresses
    draw = addresses.draw
    addresses.draw = lambda: short
    try:
        return mesh.join(name, eui64, kind, "hub")
    finally:
        addresses.draw = draw


def settle(mesh: Mesh, *sleepers: Station, seconds: int = 90) -> None:
    """Sleepers poll; who was sent away rejoins, as its firmware would have it."""
    for _ in range(seconds * 2):
        mesh.cell.run(0.5)
        for station in mesh.stations.values():
            if station.told(Left):
                station.effects.clear()
                station.do(station.stack.rejoin(mesh.cell.kernel.now))
        for sleeper in sleepers:
            sleeper.do(sleeper.stack.poll(mesh.cell.kernel.now))


@pytest.mark.parametrize("kind", [NodeType.END_DEVICE, NodeType.SLEEPY_END_DEVICE])
def test_two_end_devices_of_different_parents(mesh: Mesh, kind: NodeType) -> None:
    display = mesh.stations["display"]
    short = display.stack.short
    other = twice(mesh, short, "other", GAS, kind)
    assert other.stack.short == short
    settle(mesh, *([other] if kind is NodeType.SLEEPY_END_DEVICE else []))
    assert len({display.stack.short, other.stack.short, short}) >= 2
    assert display.stack.short != other.stack.short
    assert mesh.talk(display, mesh.hub)
    assert mesh.talk(mesh.hub, display)
    assert mesh.talk(mesh.hub, other)


def test_two_routers_both_take_others_and_announce_them(mesh: Mesh) -> None:
    one, display = mesh.stations["one"], mesh.stations["display"]
    short = one.stack.short
    two = twice(mesh, short, "two", R2, NodeType.ROUTER)
    mesh.link("one", "two")
    two.do(two.stack.announce(mesh.cell.kernel.now))
    settle(mesh)
    assert one.stack.short != two.stack.short
    assert {mesh.hub.stack.address_of(R1), mesh.hub.stack.address_of(R2)} == {one.stack.short, two.stack.short}
    assert display.stack.parent == one.stack.short
    assert mesh.talk(display, mesh.hub)
    assert mesh.talk(mesh.hub, display)
    assert mesh.talk(mesh.hub, two)


def test_the_coordinator_keeps_its_own_and_an_insider_moves_a_router_once_a_minute(mesh: Mesh) -> None:
    one = mesh.stations["one"]
    for victim in (mesh.hub, one):
        insider = Insider(victim, mesh.hub)
        shorts = [victim.stack.short]
        for _ in range(20):
            status = nwk.NetworkStatus(nwk.ADDRESS_CONFLICT, victim.stack.short).build()
            victim.do(insider.send(status, kind=nwk.COMMAND, destination=0xFFFD))
            mesh.cell.run(0.5)
            shorts.append(victim.stack.short)
        assert len(set(shorts)) == (1 if victim is mesh.hub else 2)
    settle(mesh)
    assert mesh.talk(mesh.hub, mesh.stations["display"])


def test_our_own_broadcast_that_a_neighbour_relays_is_no_conflict(mesh: Mesh) -> None:
    one = mesh.stations["one"]
    mesh.join("two", R2, NodeType.ROUTER, "one")
    before = {name: station.stack.short for name, station in mesh.stations.items()}
    for _ in range(5):
        one.do(one.stack.announce(mesh.cell.kernel.now))
        mesh.cell.run(3)
    assert {name: station.stack.short for name, station in mesh.stations.items()} == before


def test_an_address_is_free_again_after_a_while(cell: Cell) -> None:
    hub = cell.hub()
    meter = cell.admit(hub, cell.device("meter", METER, NodeType.ROUTER))
    addresses, short = meter.stack._network.addresses, meter.stack.short
    meter.do(Insider(meter, hub).send(nwk.NetworkStatus(nwk.ADDRESS_CONFLICT, short).build(), kind=nwk.COMMAND))
    assert meter.stack.short != short
    assert not addresses.free(short)
    cell.run(60)
    meter.do(meter.stack.expire(cell.kernel.now + S))
    assert addresses.free(short)
