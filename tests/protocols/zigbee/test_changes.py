"""A network that changes under way: its key, its PAN identifier, its channel; and who may make a device leave it."""

from __future__ import annotations

import pytest

from protocols.zigbee import mac, nwk, zdo
from protocols.zigbee.node import (
    ROUTERS,
    Configure,
    Delivered,
    DeviceLeft,
    Dropped,
    Left,
    Message,
    NodeType,
    ParentLost,
    Persist,
    S,
)
from tests.protocols.zigbee.cell import DISPLAY, GAS, METER, Cell, Station
from tests.protocols.zigbee.test_bad_air import Insider, reasons
from tests.protocols.zigbee.test_mesh import R1, R2, Mesh

STRANGER = 0x00EE_0000_0000_0001


def speaks(cell: Cell, one: Station, other: Station) -> bool:
    """Whether a payload under the link key passes."""
    handle = one.send(other.stack.short, b"heard", link_key=True)
    for _ in range(15):
        for station in (one, other):
            if station.config.type is NodeType.SLEEPY_END_DEVICE:
                station.do(station.stack.poll(cell.kernel.now))
        cell.run(0.2)
    return Delivered(handle) in one.told(Delivered)


def beacon_of_another_network(cell: Cell, pan_id: int) -> bytes:
    return mac.beacon(1, pan_id, 0x0000, 0xCFFF, mac.BeaconPayload(0x8422, STRANGER, 0xFFFFFF, 0))


# --- the PAN identifier ------------------------------------------------------------------------------------------


@pytest.fixture
def chain(cell: Cell) -> Mesh:
    """hub - one - two - display and gas."""
    mesh = Mesh(cell)
    mesh.join("one", R1, NodeType.ROUTER, "hub")
    mesh.join("two", R2, NodeType.ROUTER, "one")
    mesh.join("display", DISPLAY, NodeType.END_DEVICE, "two")
    mesh.join("gas", GAS, NodeType.SLEEPY_END_DEVICE, "two")
    return mesh


def pan_of(station: Station) -> int:
    """As in the state that it stored last."""
    states = [effect.state for effect in station.cell.told_ever[station.name] if isinstance(effect, Persist)]
    pan_id = states[-1]["pan_id"]
    assert isinstance(pan_id, int)
    return pan_id


def test_a_conflict_of_pan_identifiers_moves_the_whole_network(chain: Mesh, cell: Cell) -> None:
    """A router three hops away hears a stranger's beacon and reports it; all follow, the sleeper too."""
    two, gas = chain.stations["two"], chain.stations["gas"]
    before = pan_of(chain.hub)
    two.do(two.stack.receive(beacon_of_another_network(cell, before), cell.kernel.now))
    for _ in range(80):
        gas.do(gas.stack.poll(cell.kernel.now))
        cell.run(0.25)
    pans = {pan_of(station) for station in chain.stations.values()}
    assert len(pans) == 1
    assert pans != {before}
    for name in ("one", "two", "display", "gas"):
        assert chain.talk(chain.stations[name], chain.hub), name


def test_a_conflict_that_the_hub_hears_itself_and_one_who_missed_it(chain: Mesh, cell: Cell) -> None:
    display, two = chain.stations["display"], chain.stations["two"]
    before = pan_of(chain.hub)
    chain.link("display", "two", up=False)
    chain.hub.do(chain.hub.stack.receive(beacon_of_another_network(cell, before), cell.kernel.now))
    cell.run(12)
    assert pan_of(two) == pan_of(chain.hub) != before
    chain.link("display", "two")
    assert not chain.talk(display, chain.hub)
    display.do(display.stack.rejoin(cell.kernel.now))  # by the extended identifier
    cell.run(5)
    assert chain.talk(display, chain.hub)


def test_our_own_pan_identifier_elsewhere_in_our_network_is_no_conflict(home: dict[str, Station], cell: Cell) -> None:
    hub, meter = home["hub"], home["meter"]
    before = pan_of(hub)
    for station in (hub, meter):
        own = mac.beacon(1, before, 0x1234, 0xCFFF, mac.BeaconPayload(0x8422, hub.config.eui64, 0xFFFFFF, 0))
        station.do(station.stack.receive(own, cell.kernel.now))
        station.do(station.stack.receive(beacon_of_another_network(cell, before ^ 2), cell.kernel.now))
    cell.run(12)
    assert pan_of(hub) == before


def test_a_network_update_from_anybody_but_the_manager_changes_nothing(home: dict[str, Station], cell: Cell) -> None:
    meter, hub = home["meter"], home["hub"]
    insider = Insider(meter, hub)
    update = nwk.NetworkUpdate(hub.config.eui64, 1, 0x0BAD).build()
    assert reasons(insider.send(update, kind=nwk.COMMAND))[0][0] == "nwk"
    cell.run(12)
    assert pan_of(meter) != 0x0BAD
    assert speaks(cell, meter, hub)


# --- the channel -------------------------------------------------------------------------------------------------


def test_the_network_moves_to_another_channel(cell: Cell) -> None:
    cell.channels = tuple(mac.CHANNELS)
    home = cell.home()
    hub = home["hub"]
    hub.do(hub.stack.change_channel(20, cell.kernel.now))
    cell.run(12)
    for name in ("meter", "display"):
        assert speaks(cell, home[name], hub), name
    assert cell.on_air[-1].channel == 20
    gas = home["gas"]
    assert not speaks(cell, gas, hub)
    gas.do(gas.stack.rejoin(cell.kernel.now))
    cell.run(8)
    assert speaks(cell, gas, hub)


def test_nobody_else_moves_a_device_to_another_channel(home: dict[str, Station], cell: Cell) -> None:
    meter = home["meter"]
    request = zdo.NetworkUpdateRequest(1, 1 << 11, zdo.NetworkUpdateRequest.CHANGE_CHANNEL, update_id=9)
    insider = Insider(meter, home["hub"])
    header = bytes((0x00, 0)) + zdo.NETWORK_UPDATE.to_bytes(2, "little") + bytes(2) + bytes((0, 1))
    effects = insider.send(header + request.build())
    assert ("zdo", "a change of channel not from the network manager, or to none of ours") in reasons(effects)
    cell.run(12)
    assert not any(isinstance(effect, Configure) for effect in effects)


# --- the key -----------------------------------------------------------------------------------------------------


def test_after_a_switch_of_keys_the_old_one_opens_nothing(home: dict[str, Station], cell: Cell) -> None:
    hub, meter = home["hub"], home["meter"]
    old = dict(hub.stack.labelled_keys())["network key 0"]
    hub.do(hub.stack.replace_network_key(cell.kernel.now))
    home["gas"].do(home["gas"].stack.stay_awake(cell.kernel.now + 20 * S, cell.kernel.now))
    cell.run(15)
    for name in ("meter", "display", "gas", "gas"):  # a sleeper switches with the first frame that it hears under the new key
        assert speaks(cell, home[name], hub)
    for victim, liars in ((hub, (METER, GAS, STRANGER)), (meter, (hub.config.eui64, STRANGER))):
        for eui64 in liars:
            liar = Insider(victim, hub, eui64, hub.stack.short if eui64 == hub.config.eui64 else 0x4321)
            liar.key, liar.counter = old, 1_000_000
            assert reasons(liar.send(liar.data(b"x", 1))) == [("nwk", "under a network key that was replaced")]
    assert speaks(cell, meter, hub)


# --- F10: leaving ------------------------------------------------------------------------------------------------


def test_a_parent_that_leaves_with_its_children(chain: Mesh, cell: Cell) -> None:
    """Asked by the trust centre: it sends its children away first."""
    hub, two, display = chain.hub, chain.stations["two"], chain.stations["display"]
    request = zdo.LeaveRequest(1, 0, zdo.LeaveRequest.REMOVE_CHILDREN).build()
    _, effects = hub.stack.send(two.stack.short, 0, zdo.LEAVE, 0, 0, request, link_key=False, now=cell.kernel.now)
    hub.do(effects)
    gas = chain.stations["gas"]
    for _ in range(10):
        gas.do(gas.stack.poll(cell.kernel.now))
        cell.run(0.2)
    assert two.told(Left) == [Left(False)]
    assert display.told(Left) == [Left(False)]
    assert chain.talk(hub, chain.stations["one"])


def test_a_parent_that_leaves_alone_is_lost_to_its_children(chain: Mesh, cell: Cell) -> None:
    two, display = chain.stations["two"], chain.stations["display"]
    two.do(two.stack.leave(cell.kernel.now))
    cell.run(1)
    assert display.told(ParentLost) == [ParentLost()]
    chain.link("display", "one")
    display.do(display.stack.rejoin(cell.kernel.now))
    cell.run(5)
    assert chain.talk(display, chain.hub)


def test_the_trust_centre_has_a_router_send_a_child_away(chain: Mesh, cell: Cell) -> None:
    hub, two, display = chain.hub, chain.stations["two"], chain.stations["display"]
    request = zdo.LeaveRequest(1, DISPLAY, 0).build()
    _, effects = hub.stack.send(two.stack.short, 0, zdo.LEAVE, 0, 0, request, link_key=False, now=cell.kernel.now)
    hub.do(effects)
    cell.run(2)
    assert display.told(Left) == [Left(False)]
    assert {left.eui64 for left in two.told(DeviceLeft)} == {DISPLAY}


@pytest.mark.parametrize("options", [nwk.Leave.REQUEST, nwk.Leave.REQUEST | nwk.Leave.REJOIN, 0xE0])
def test_f10_a_leave_of_a_stranger_moves_nobody(home: dict[str, Station], cell: Cell, options: int) -> None:
    hub = home["hub"]
    held = {name: station.stack.labelled_keys() for name, station in home.items()}
    for victim in home.values():
        insider = Insider(victim, hub)
        effects = insider.send(nwk.Leave(options).build(), kind=nwk.COMMAND)
        assert [effect.reason for effect in effects if isinstance(effect, Dropped)] == ["a request to leave from one who may not"]
        insider.send(nwk.Leave(options).build(), kind=nwk.COMMAND, destination=ROUTERS + 1, hop=0xFFFF, radius=1)
    cell.run(2)
    assert not any(station.told(Left) for station in home.values())
    assert {name: station.stack.labelled_keys() for name, station in home.items()} == held
    for name in ("meter", "display", "gas"):
        assert speaks(cell, home[name], hub)
    assert len(hub.told(Message)) == 3


def test_f10_a_parent_may_have_a_child_rejoin_and_the_keys_stay(home: dict[str, Station], cell: Cell) -> None:
    display, hub = home["display"], home["hub"]
    held = display.stack.labelled_keys()
    parent = Insider(display, hub, hub.config.eui64, 0)
    parent.counter = hub.counters.values["nwk"] = hub.counters.values["nwk"] + 10
    display.do(parent.send(nwk.Leave(nwk.Leave.REQUEST | nwk.Leave.REJOIN).build(), kind=nwk.COMMAND))
    hub.counters.values["nwk"] = parent.counter + 1
    assert display.told(Left) == [Left(True)]
    assert display.stack.labelled_keys() == held
    display.do(display.stack.rejoin(cell.kernel.now))
    cell.run(5)
    assert speaks(cell, display, hub)
