"""Who gets which key when: back without the network key, by way of a router, from a hub that took another's place."""

from __future__ import annotations

from dataclasses import replace

import pytest

from protocols.core import aes
from protocols.core.errors import LocalProtocolError
from protocols.zigbee import aps, mac, nwk, security
from protocols.zigbee.backup import Backup
from protocols.zigbee.node import (
    Delivered,
    DeviceLeft,
    Dropped,
    Joined,
    JoinFailed,
    JoinRefused,
    Message,
    NodeConfig,
    NodeType,
    PartnerKey,
    Persist,
    TrustCentreReplaced,
)
from protocols.zigbee.trust_centre import LOG_SIZE, DeviceLogFull
from tests.protocols.zigbee.cell import DISPLAY, GAS, HUB, INSTALL_CODE, METER, Cell, Station

OTHER_CODE = bytes.fromhex("11223344556677884AF7")
SUCCESSOR = 0x00DB0000000000AA
DEVICES = {"meter": METER, "display": DISPLAY, "gas": GAS}


def key_of(station: Station, label: str) -> bytes:
    return dict(station.stack.labelled_keys())[label]


def stored(station: Station) -> dict[str, object]:
    return [effect.state for effect in station.cell.told_ever[station.name] if isinstance(effect, Persist)][-1]


def hears(cell: Cell, one: Station, other: Station, yes: bool) -> None:
    for a, b in ((one, other), (other, one)):
        cell.air.set_loss(a.name, b.name, 0.0 if yes else 1.0)


def speaks(cell: Cell, device: Station, hub: Station, **options: bool) -> bool:
    handle = device.send(0, b"here I am", **options)
    cell.run(2)
    return Delivered(handle) in device.told(Delivered) and hub.told(Message)[-1].payload == b"here I am"


def forget_network_key(device: Station) -> None:
    """As after two replacements that it slept through."""
    state = stored(device)
    state["network_keys"] = {"9": bytes(16)}
    state["active_key"] = 9
    device.cell.restart(device, state)


# --- back without the network key --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DEVICES)
def test_who_lost_the_network_key_comes_back_by_its_link_key(home: dict[str, Station], cell: Cell, name: str) -> None:
    hub, device = home["hub"], home[name]
    short = device.stack.short
    forget_network_key(device)
    device.do(device.stack.rejoin(cell.kernel.now))
    cell.run(10)
    assert [joined.short for joined in device.told(Joined)][-1] == short
    assert key_of(device, "network key 0") == key_of(hub, "network key 0")
    assert speaks(cell, device, hub, link_key=True)
    assert not device.told(TrustCentreReplaced)


def test_an_unsecured_rejoin_of_a_stranger_is_refused(home: dict[str, Station], cell: Cell) -> None:
    hub, display = home["hub"], home["display"]
    hub.stack.trust_centre.remove(DISPLAY)
    hears(cell, home["meter"], display, False)
    forget_network_key(display)
    heard = len(cell.on_air)
    display.do(display.stack.rejoin(cell.kernel.now))
    cell.run(10)
    assert [(refused.eui64, refused.reason) for refused in hub.told(JoinRefused)] == [(DISPLAY, "not in the device log")]
    assert [failed.reason for failed in display.told(JoinFailed)][-1] == "no rejoin response"
    assert not any(frame.psdu[7:9] == b"\0\0" for frame in cell.on_air[heard:] if frame.psdu[0] & mac.TYPE == mac.DATA)


def test_who_only_says_that_it_is_a_child_changes_nothing_about_that_child(home: dict[str, Station], cell: Cell) -> None:
    """An unsecured request in the sleeper's name, with a receiver that is always on and another address."""
    hub, gas, liar = home["hub"], home["gas"], home["display"]
    short, table = gas.stack.short, hub.stack._devices
    before = replace(table.get(GAS) or pytest.fail("no gas meter"))
    request = nwk.RejoinRequest(0x8E).build()
    liar.stack._network.unicast(0, request, kind=nwk.COMMAND, radius=1, secure=False, source_eui64=GAS, source=0x6666)
    liar.do(liar.stack._done())
    cell.run(15)
    assert table.get(GAS) == before
    assert table.at(short) is table.get(GAS)
    handle = hub.send(short, b"held as ever", link_key=True)
    cell.run(3)
    gas.do(gas.stack.poll(cell.kernel.now))
    cell.run(2)
    assert [message.payload for message in gas.told(Message)] == [b"held as ever"]
    assert Delivered(handle) in hub.told(Delivered)


def certified(cell: Cell) -> tuple[Station, Station]:
    """A hub that asks for certificates, and a meter that has joined."""
    hub = cell.station("hub", NodeConfig(HUB, NodeType.COORDINATOR, channels=(11,), link_status_period=None, certified=True))
    hub.do(hub.stack.form(cell.kernel.now))
    config = NodeConfig(METER, NodeType.ROUTER, install_code=INSTALL_CODE, channels=(11,), link_status_period=None, certified=True)
    return hub, cell.admit(hub, cell.station("meter", config))


def test_only_a_certified_link_key_brings_a_device_back(cell: Cell) -> None:
    hub, meter = certified(cell)
    for certify in (False, True):
        if certify:
            for station, partner in ((hub, METER), (meter, HUB)):
                station.do(station.stack.establish(partner, bytes(range(16)), cell.kernel.now))
        forget_network_key(meter)
        # The device itself does not try without; a request in its name must not succeed either.
        request = nwk.RejoinRequest(0x8E).build()
        meter.stack._network.joined = True
        meter.stack._network.unicast(0, request, kind=nwk.COMMAND, radius=1, secure=False, source_eui64=METER)
        meter.do(meter.stack._done())
        meter.do(meter.stack.rejoin(cell.kernel.now))
        cell.run(10)
        assert ("network key 0" in dict(meter.stack.labelled_keys())) is certify
    assert {refused.reason for refused in hub.told(JoinRefused)} == {"not certified"}


def test_f19_who_joins_in_anothers_name_without_its_install_code_takes_nothing_from_it(cell: Cell) -> None:
    hub, meter = certified(cell)
    for station, partner in ((hub, METER), (meter, HUB)):
        station.do(station.stack.establish(partner, bytes(range(16)), cell.kernel.now))
    hub.do(hub.stack.permit(60, cell.kernel.now))
    thief = cell.station("thief", replace(meter.config, install_code=OTHER_CODE))
    thief.do(thief.stack.join(cell.kernel.now))
    cell.run(20)
    assert not thief.told(Joined)
    assert "the MIC does not fit" in {effect.reason for effect in thief.told(Dropped)}
    cell.run(60)
    assert speaks(cell, meter, hub, link_key=True)
    assert hub.told(Message)[-1].secured


def test_replays_stay_refused_when_the_key_came_anew(home: dict[str, Station], cell: Cell) -> None:
    """The same network key again: what neighbours sent before does not count again."""
    hub, meter = home["hub"], home["meter"]
    hub.send(meter.stack.short, b"once")
    cell.run(1)
    sent = [frame.psdu for frame in cell.on_air if frame.psdu[0] & mac.TYPE == mac.DATA and frame.psdu[7:9] == b"\0\0"][-1]
    network = meter.stack._network
    meter.stack._joining.network_key(HUB, network.active_key, network.keys[network.active_key].key)
    meter.effects.clear()
    meter.do(meter.stack.receive(sent, cell.kernel.now))
    assert [effect.reason for effect in meter.told(Dropped)] == ["replayed frame counter"]


# --- by way of a router ------------------------------------------------------------------------------------------


def out_of_reach(cell: Cell, kind: NodeType) -> tuple[Station, Station, Station]:
    """A hub, a meter that is open, and a device that hears the meter alone."""
    hub = cell.hub()
    meter = cell.admit(hub, cell.device("meter", METER, NodeType.ROUTER))
    device = cell.device("display", DISPLAY, kind)
    hears(cell, hub, device, False)
    meter.stack._parent.permit(120)
    return hub, meter, device


@pytest.mark.parametrize("kind", [NodeType.END_DEVICE, NodeType.SLEEPY_END_DEVICE, NodeType.ROUTER])
def test_a_device_joins_by_way_of_a_router_and_its_key_is_tunnelled(cell: Cell, kind: NodeType) -> None:
    hub, meter, device = out_of_reach(cell, kind)
    hub.stack.trust_centre.add(DISPLAY, INSTALL_CODE)
    device.do(device.stack.join(cell.kernel.now))
    cell.run(10)
    assert device.told(Joined)
    assert device.stack.parent == meter.stack.short
    assert device.stack.trust_centre_eui64 == HUB
    assert speaks(cell, device, hub, link_key=True)
    keys = [key for station in (hub, meter, device) for key in dict(station.stack.labelled_keys()).values()]
    assert not any(key in frame.psdu for key in keys for frame in cell.on_air)


def test_the_hub_hears_of_a_device_that_left_its_router(cell: Cell) -> None:
    hub, meter, device = out_of_reach(cell, NodeType.END_DEVICE)
    hub.stack.trust_centre.add(DISPLAY, INSTALL_CODE)
    device.do(device.stack.join(cell.kernel.now))
    cell.run(10)
    device.do(device.stack.leave(cell.kernel.now))
    cell.run(2)
    assert [left.eui64 for left in meter.told(DeviceLeft)] == [DISPLAY]
    assert [left.eui64 for left in hub.told(DeviceLeft)] == [DISPLAY]
    assert DISPLAY not in hub.stack.trust_centre.routers


def test_a_stranger_at_a_router_is_sent_away(cell: Cell) -> None:
    hub, meter, device = out_of_reach(cell, NodeType.END_DEVICE)
    device.do(device.stack.join(cell.kernel.now))
    cell.run(10)
    assert [refused.eui64 for refused in hub.told(JoinRefused)] == [DISPLAY]
    assert not device.told(Joined)
    assert [left.eui64 for left in meter.told(DeviceLeft)] == [DISPLAY]
    assert meter.stack.address_of(DISPLAY) is None


def test_a_device_at_a_router_comes_back_without_the_network_key(cell: Cell) -> None:
    hub, meter, device = out_of_reach(cell, NodeType.END_DEVICE)
    hub.stack.trust_centre.add(DISPLAY, INSTALL_CODE)
    device.do(device.stack.join(cell.kernel.now))
    cell.run(10)
    forget_network_key(device)
    device.do(device.stack.rejoin(cell.kernel.now))
    cell.run(10)
    assert device.stack.parent == meter.stack.short
    assert key_of(device, "network key 0") == key_of(hub, "network key 0")
    assert speaks(cell, device, hub, link_key=True)


# --- link keys on request ----------------------------------------------------------------------------------------


def test_a_link_key_for_that_of_the_install_code_is_verified_and_confirmed(home: dict[str, Station], cell: Cell) -> None:
    hub, display = home["hub"], home["display"]
    before = key_of(hub, f"install code key {DISPLAY:016X}")
    display.do(display.stack.request_partner_key(HUB, cell.kernel.now))
    cell.run(3)
    assert display.told(PartnerKey) == [PartnerKey(HUB)]
    key = key_of(display, f"trust centre link key {HUB:016X}")
    assert key_of(hub, f"trust centre link key {DISPLAY:016X}") == key != before
    assert speaks(cell, display, hub, link_key=True)


def test_a_wrong_proof_changes_no_link_key(home: dict[str, Station], cell: Cell) -> None:
    hub, display = home["hub"], home["display"]
    before = hub.stack.labelled_keys()
    for verification in (bytes(16), security.LinkKey(bytes(16), "wrong").verification):
        verify = aps.VerifyKey(aps.TRUST_CENTRE_LINK, DISPLAY, verification)
        display.stack._delivery.command(0, HUB, verify, None)
        display.do(display.stack._done())
        cell.run(1)
    assert hub.stack.labelled_keys() == before
    assert {effect.reason for effect in hub.told(Dropped)} == {"the proof of a link key that was not offered, or of another one"}


# --- a hub that takes another's place ----------------------------------------------------------------------------


def swap(cell: Cell, hub: Station, backup: Backup, eui64: int = SUCCESSOR) -> Station:
    """The hub goes, its successor comes; both heard the log of devices."""
    hub.radio.reset()
    if hub.timer is not None:
        hub.timer.cancel()
        hub.timer = None
    new = cell.station("hub2", replace(hub.config, eui64=eui64))
    new.do(new.stack.form(cell.kernel.now, backup))
    return new


@pytest.mark.parametrize("eui64", [SUCCESSOR, HUB])
def test_f23_devices_know_a_successor_by_the_hash_of_their_link_key(home: dict[str, Station], cell: Cell, eui64: int) -> None:
    hub = home["hub"]
    backup = Backup.from_plain(hub.stack.trust_centre.export().plain())
    before = {name: key_of(home[name], f"install code key {HUB:016X}") for name in DEVICES}
    assert backup.devices == {DEVICES[name]: aes.mmo(key) for name, key in before.items()}
    new = swap(cell, hub, backup, eui64)
    for name, device in DEVICES.items():
        station = home[name]
        short = station.stack.short
        station.do(station.stack.rejoin(cell.kernel.now))
        cell.run(20)
        assert station.told(TrustCentreReplaced) == [TrustCentreReplaced(eui64, HUB)]
        assert (station.stack.short, station.stack.trust_centre_eui64) == (short, eui64)
        assert key_of(station, f"swap-out key {eui64:016X}") == backup.devices[device]
        assert before[name] not in dict(station.stack.labelled_keys()).values()
        assert speaks(cell, station, new, link_key=True)
    # and once more, from what the successor tells
    again = new.stack.trust_centre.export()
    assert again.devices == {eui: aes.mmo(key) for eui, key in backup.devices.items()}


def test_f23_a_wrong_hash_is_refused_and_the_old_hub_is_taken_back(home: dict[str, Station], cell: Cell) -> None:
    hub, meter = home["hub"], home["meter"]
    state, keys = stored(hub), meter.stack.labelled_keys()
    backup = hub.stack.trust_centre.export()
    new = swap(cell, hub, replace(backup, devices=dict.fromkeys(backup.devices, bytes(16))))
    meter.do(meter.stack.rejoin(cell.kernel.now))
    cell.run(20)
    assert meter.told(JoinFailed)[-1].reason == "no network key"
    assert "the MIC does not fit" in {effect.reason for effect in meter.told(Dropped)}
    assert not meter.told(TrustCentreReplaced)
    assert meter.stack.labelled_keys() == keys
    assert meter.stack.trust_centre_eui64 == HUB
    new.radio.reset()
    cell.restart(hub, state)
    assert speaks(cell, meter, hub, link_key=True)


def test_a_backup_of_a_hub_whose_devices_have_not_come_yet_is_the_one_it_began_with(home: dict[str, Station], cell: Cell) -> None:
    backup = home["hub"].stack.trust_centre.export()
    new = swap(cell, home["hub"], backup)
    assert new.stack.trust_centre.export() == backup
    restored = cell.station("hub3", new.config)
    restored.do(restored.stack.resume(stored(new), cell.kernel.now))
    assert restored.stack.trust_centre.export() == backup


def test_a_device_of_a_backup_that_joins_anew_needs_its_install_code(home: dict[str, Station], cell: Cell) -> None:
    new = swap(cell, home["hub"], home["hub"].stack.trust_centre.export())
    new.do(new.stack.permit(120, cell.kernel.now))
    display = home["display"]
    for code in (False, True):
        if code:
            new.stack.trust_centre.add(DISPLAY, INSTALL_CODE)
        display.effects.clear()
        display.do(display.stack.join(cell.kernel.now))
        cell.run(15)
        assert bool(display.told(Joined)) is code
    assert {refused.reason for refused in new.told(JoinRefused)} == {"known by a backup, and not by its install code"}


def test_a_backup_has_no_key_and_holds_no_more_than_the_log(home: dict[str, Station], cell: Cell) -> None:
    centre = home["hub"].stack.trust_centre
    backup = centre.export()
    keys = dict(home["hub"].stack.labelled_keys()).values()
    assert not any(key in backup.devices.values() for key in keys)
    assert not any(key.hex() in repr(backup) for key in backup.devices.values())
    for number in range(LOG_SIZE - 3):
        centre.add(number + 1, INSTALL_CODE)
    before = centre.devices
    with pytest.raises(DeviceLogFull):
        centre.take_over(Backup(1, {0x77: bytes(16)}))
    assert centre.devices == before


@pytest.mark.parametrize("plain", [{}, {"extended_pan_id": "x", "devices": []}, {"extended_pan_id": 1, "devices": [[1, b"short"]]},
                                   {"extended_pan_id": 0, "devices": []}, {"extended_pan_id": 1, "devices": [[1 << 64, bytes(16)]]}])  # fmt: skip
def test_what_is_no_backup_is_refused(plain: dict[str, object]) -> None:
    with pytest.raises(LocalProtocolError, match="backup"):
        Backup.from_plain(plain)


# --- a new network key -------------------------------------------------------------------------------------------


def test_a_sleeper_gets_the_new_network_key_when_it_next_wakes(home: dict[str, Station], cell: Cell) -> None:
    hub, gas = home["hub"], home["gas"]
    hub.do(hub.stack.replace_network_key(cell.kernel.now))
    cell.run(1800)
    assert "network key 1" not in dict(gas.stack.labelled_keys())
    assert list(hub.stack.trust_centre.without_key) == [GAS]
    assert speaks(cell, gas, hub, link_key=True)
    cell.run(3)
    assert gas.stack._network.active_key == 1
    assert not hub.stack.trust_centre.without_key
    assert not gas.told(Joined)
    assert speaks(cell, gas, hub, link_key=True)


def test_who_missed_the_switch_follows_the_first_frame_under_the_new_key(home: dict[str, Station], cell: Cell) -> None:
    hub, meter = home["hub"], home["meter"]
    hub.do(hub.stack.replace_network_key(cell.kernel.now))
    cell.run(9)
    hears(cell, hub, meter, False)
    cell.run(2)
    hears(cell, hub, meter, True)
    assert (hub.stack._network.active_key, meter.stack._network.active_key) == (1, 0)
    hub.send(meter.stack.short, b"under the new key", link_key=True)
    cell.run(1)
    assert [message.payload for message in meter.told(Message)] == [b"under the new key"]
    assert meter.stack._network.active_key == 1
    cell.restart(meter, stored(meter))
    assert speaks(cell, meter, hub, link_key=True)


def test_who_slept_through_two_of_them_comes_back_by_its_link_key(home: dict[str, Station], cell: Cell) -> None:
    hub, gas = home["hub"], home["gas"]
    for _ in range(2):
        hub.do(hub.stack.replace_network_key(cell.kernel.now))
        cell.run(1800)
    assert not speaks(cell, gas, hub, link_key=True)
    gas.do(gas.stack.rejoin(cell.kernel.now))
    cell.run(10)
    assert speaks(cell, gas, hub, link_key=True)
