"""Several hops on one air: joining through routers, discovery, source routes, failures and other ways round; every table full."""

from __future__ import annotations

import pytest

from protocols.core.codec import Frame
from protocols.zigbee import nwk, zdo
from protocols.zigbee.node import RX_ON_DEVICES, Delivered, DeviceJoined, Message, NodeType, S, ZdoResponse
from protocols.zigbee.routing import DISCOVERIES, RECORDS, ROUTES
from tests.protocols.zigbee.cell import DISPLAY, GAS, INSTALL_CODE, Cell, Station
from tests.protocols.zigbee.test_bad_air import Insider

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


def test_when_a_router_fails_frames_find_another_way(chain: Mesh) -> None:
    """Nobody rejoins: the link that failed is found out by the sender, and the route by asking."""
    hub, display, gas = (chain.stations[name] for name in ("hub", "display", "gas"))
    chain.join("three", R3, NodeType.ROUTER, "hub")
    chain.link("three", "two")
    chain.cell.run(40)
    assert chain.talk(display, hub)
    chain.link("one", "hub", "two", up=False)
    for device in (display, gas):
        assert chain.talk(device, hub)
        assert chain.talk(hub, device)
    chain.link("one", "hub", "two")
    chain.link("three", "hub", "two", up=False)
    for device in (display, gas):
        assert chain.talk(hub, device)
        assert chain.talk(device, hub)


def test_without_another_way_only_those_behind_the_router_are_cut_off(chain: Mesh) -> None:
    hub, one, display = (chain.stations[name] for name in ("hub", "one", "display"))
    chain.link("one", "two", up=False)
    assert not chain.talk(hub, display)
    assert not chain.talk(display, hub)
    assert chain.talk(hub, one)
    chain.link("one", "two")
    assert chain.talk(display, hub)
    assert chain.talk(hub, display)


def test_two_devices_far_from_the_hub_find_each_other(chain: Mesh) -> None:
    """A route request goes round the mesh, and the parent answers for its child."""
    one, display = chain.stations["one"], chain.stations["display"]
    other = chain.join("other", 0x00DB0000000000B1, NodeType.END_DEVICE, "one")
    chain.link("other", "hub", up=False)
    display.do(display.stack.request_partner_key(other.config.eui64, chain.cell.kernel.now))
    chain.cell.run(5)
    assert chain.talk(display, other)
    assert chain.talk(other, display)
    assert not one.told(Message)


def test_a_broadcast_reaches_everybody_once_over_a_bad_air(chain: Mesh) -> None:
    """Whoever does not relay did not hear, and hears it again."""
    for sender in ("one", "two"):
        for receiver in ("hub", "one", "two"):
            if sender != receiver and frozenset((sender, receiver)) in chain.links:
                chain.cell.air.set_loss(receiver, sender, 0.4)
    for number in range(10):
        chain.hub.send(RX_ON_DEVICES, bytes((number,)), ack=False)
        chain.cell.run(4)
    for name in ("one", "two", "display"):
        heard = [message.payload[0] for message in chain.stations[name].told(Message) if message.broadcast]
        assert len(heard) == len(set(heard))
        assert len(heard) >= 8, name


def test_a_broadcast_for_all_reaches_a_sleeper_three_hops_away(chain: Mesh) -> None:
    gas = chain.stations["gas"]
    chain.hub.send(0xFFFF, b"to all", ack=False)
    chain.cell.run(1)
    gas.do(gas.stack.poll(chain.cell.kernel.now))
    chain.cell.run(1)
    assert [message.payload for message in gas.told(Message)] == [b"to all"]


def ask(chain: Mesh, station: Station, cluster: int, request: Frame) -> Frame:
    """What a device's network management answers the hub."""
    hub = chain.hub
    hub.effects.clear()
    _, effects = hub.stack.send(station.stack.short, 0, cluster, 0, 0, request.build(), link_key=False, now=chain.cell.kernel.now)
    hub.do(effects)
    chain.cell.run(3)
    (answer,) = [response.response for response in hub.told(ZdoResponse)]
    assert isinstance(answer, Frame)
    return answer


def test_management_tells_of_neighbours_routes_and_children(chain: Mesh) -> None:
    one, two, display, gas = (chain.stations[name] for name in ("one", "two", "display", "gas"))
    chain.talk(display, chain.hub)
    near = ask(chain, two, zdo.NEIGHBOURS, zdo.TableRequest(1, 0))
    assert isinstance(near, zdo.NeighboursResponse)
    assert [(entry.eui64, entry.kind >> 4) for entry in near.entries] == [(R1, 0), (DISPLAY, 1), (GAS, 1)]
    assert [entry.kind & 0x0F for entry in near.entries] == [0x05, 0x06, 0x02]
    rest = ask(chain, two, zdo.NEIGHBOURS, zdo.TableRequest(1, 2))
    assert isinstance(rest, zdo.NeighboursResponse)
    assert (rest.total, [entry.eui64 for entry in rest.entries]) == (3, [GAS])
    routes = ask(chain, two, zdo.ROUTES, zdo.TableRequest(1, 0))
    assert isinstance(routes, zdo.RoutesResponse)
    # The hub is the concentrator, and wants route records.
    assert (0, 0x30, one.stack.short) in [(route.destination, route.status, route.hop) for route in routes.entries]
    children = ask(chain, two, zdo.IEEE_ADDRESS, zdo.ExtendedAddressRequest(1, two.stack.short, zdo.EXTENDED, 0))
    assert isinstance(children, zdo.AddressResponse)
    assert zdo.AssociatedDevices.parse(children.devices).shorts == [display.stack.short, gas.stack.short]


def test_only_the_trust_centre_opens_a_router(chain: Mesh) -> None:
    """Closed again by the trust centre, a router far away lets nobody in, whoever else asks it to."""
    hub, one, two = chain.hub, chain.stations["one"], chain.stations["two"]
    hub.do(hub.stack.permit(0, chain.cell.kernel.now))
    chain.cell.run(2)
    request = zdo.PermitJoiningRequest(1, 254, 1).build()
    for stranger in (one, chain.stations["display"]):
        stranger.effects.clear()
        _, effects = stranger.stack.send(
            two.stack.short, 0, zdo.PERMIT_JOINING, 0, 0, request, link_key=False, now=chain.cell.kernel.now
        )
        stranger.do(effects)
        chain.cell.run(2)
        (answer,) = [told.response for told in stranger.told(ZdoResponse)]
        assert answer == zdo.StatusResponse(1, zdo.NOT_AUTHORIZED)
    late = chain.stations["late"] = chain.cell.device("late", 0x00DB0000000000B2, NodeType.END_DEVICE)
    chain.link("late", "two")
    hub.stack.trust_centre.add(late.config.eui64, INSTALL_CODE)
    late.do(late.stack.join(chain.cell.kernel.now))
    chain.cell.run(10)
    assert not late.stack.joined
    hub.do(hub.stack.permit(60, chain.cell.kernel.now))
    chain.cell.run(1)
    late.do(late.stack.join(chain.cell.kernel.now))
    chain.cell.run(6)
    assert late.stack.parent == two.stack.short


# --- F12: tables -------------------------------------------------------------------------------------------------


def test_f12_flooded_tables_keep_their_size_and_the_partners(chain: Mesh) -> None:
    """Somebody with the network key makes up routers, devices, requests and records by the hundred."""
    hub, one = chain.hub, chain.stations["one"]
    assert chain.talk(hub, chain.stations["display"])
    for victim in (hub, one):
        flood = Insider(victim, hub, eui64=0x00EE000000000000, short=0x1000)
        for number in range(300):
            flood.eui64 += 1
            flood.short = 0x1000 + number
            flood.send(
                nwk.RouteRequest(0, number & 0xFF, 0x7000 + number, 0).build(), kind=nwk.COMMAND, destination=0xFFFC, hop=0xFFFF
            )
            flood.send(nwk.RouteRecord(1, [0x1234]).build(), kind=nwk.COMMAND, source=0x2000 + number)
            flood.send(nwk.LinkStatus(0x60, []).build(), kind=nwk.COMMAND, destination=0xFFFC, hop=0xFFFF, radius=1)
        network = victim.stack._network
        assert len(network.routes.table) == ROUTES
        assert len(network.routes.records) == (RECORDS if victim is hub else 0)
        assert len(network.routes._discoveries) == DISCOVERIES
        assert len(network.devices) == 32 + 64
        assert len(network.broadcasts) == 64
        chain.cell.run(5)
    for name in ("one", "two", "display", "gas"):
        assert chain.talk(hub, chain.stations[name], 8), name
        assert chain.talk(chain.stations[name], hub, 8), name
