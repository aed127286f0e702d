"""Whole stacks on one air: joining, delivery, relaying, sleeping, partner keys, power cuts."""

from __future__ import annotations

import pytest

from protocols.zigbee import mac, zdo
from protocols.zigbee.joining import SCANS
from protocols.zigbee.node import (
    MINUTE,
    RX_ON_DEVICES,
    Delivered,
    DeviceAnnounced,
    DeviceJoined,
    DeviceLeft,
    Joined,
    JoinFailed,
    JoinRefused,
    Left,
    MatchResponse,
    Message,
    NodeType,
    ParentLost,
    PartnerKey,
    PartnerKeyFailed,
    Persist,
    S,
    SimpleDescriptor,
    Undelivered,
    ZdoResponse,
)
from tests.protocols.zigbee.cell import DISPLAY, GAS, HUB, INSTALL_CODE, METER, Cell, Station

OTHER_CODE = bytes.fromhex("112233445566778849F7"[:-4] + "4AF7")


def test_every_kind_of_device_joins(cell: Cell) -> None:
    home = cell.home()
    hub = home["hub"]
    assert [joined.eui64 for joined in hub.told(DeviceJoined)] == [METER, DISPLAY, GAS]
    assert [announced.eui64 for announced in hub.told(DeviceAnnounced)] == [METER, DISPLAY, GAS]
    for name in ("meter", "display", "gas"):
        device = home[name]
        assert device.stack.joined
        assert device.stack.parent == 0
        assert hub.stack.address_of(device.config.eui64) == device.stack.short
        assert device.stack.labelled_keys()[0] == hub.stack.labelled_keys()[0]


def test_f13_no_key_octet_is_ever_sent_in_clear(cell: Cell) -> None:
    home = cell.home()
    home["display"].do(home["display"].stack.request_partner_key(METER, cell.kernel.now))
    cell.run(2)
    air = b"".join(frame.psdu for frame in cell.on_air)
    for station in home.values():
        held = station.stack.labelled_keys()
        for _, key in held:
            assert key not in air
            assert key[::-1] not in air


def test_nobody_joins_a_closed_network(cell: Cell) -> None:
    hub, device = cell.hub(), cell.device("meter", METER, NodeType.ROUTER)
    hub.stack.trust_centre.add(METER, INSTALL_CODE)
    device.do(device.stack.join(cell.kernel.now))
    cell.run(10)
    (failed,) = device.told(JoinFailed)
    assert (failed.reason, failed.retry_after) == ("no network found", MINUTE)
    assert sum(frame.psdu[:2] == b"\x03\x08" for frame in cell.on_air) == SCANS


def test_f20_a_device_not_in_the_log_gets_no_key(cell: Cell) -> None:
    hub, device = cell.hub(), cell.device("stranger", METER, NodeType.ROUTER)
    hub.do(hub.stack.permit(60, cell.kernel.now))
    device.do(device.stack.join(cell.kernel.now))
    cell.run(20)
    assert [refused.eui64 for refused in hub.told(JoinRefused)] == [METER]
    assert [failed.reason for failed in device.told(JoinFailed)] == ["no network key"]
    assert hub.stack.address_of(METER) is None


def test_f19_a_device_with_another_ones_install_code_cannot_join_and_backs_off(cell: Cell) -> None:
    hub = cell.hub()
    device = cell.device("meter", METER, NodeType.ROUTER, code=OTHER_CODE)
    hub.stack.trust_centre.add(METER, INSTALL_CODE)
    hub.do(hub.stack.permit(254, cell.kernel.now))
    for _ in range(7):
        device.do(device.stack.join(cell.kernel.now))
        cell.run(20)
    waits = [failed.retry_after // MINUTE for failed in device.told(JoinFailed)]
    assert waits == [1, 2, 4, 8, 15, 15, 15]
    assert device.stack.drops["aps", "the MIC does not fit"] == 7
    assert not device.told(Joined)


def test_unicast_arrives_once_and_is_acknowledged(home: dict[str, Station], cell: Cell) -> None:
    hub, meter = home["hub"], home["meter"]
    handle = meter.send(0, b"\x00\x01\x00\x00\x00")
    cell.run(1)
    (message,) = hub.told(Message)
    assert (message.source, message.source_eui64, message.payload) == (meter.stack.short, METER, b"\x00\x01\x00\x00\x00")
    assert not message.secured
    assert meter.told(Delivered) == [Delivered(handle)]


def test_link_key_data_names_its_sender(home: dict[str, Station], cell: Cell) -> None:
    home["display"].send(0, b"secret", link_key=True)
    cell.run(1)
    (message,) = home["hub"].told(Message)
    assert message.secured
    assert message.source_eui64 == DISPLAY
    assert not any(b"secret" in frame.psdu for frame in cell.on_air)


def test_without_a_key_nothing_is_sent(home: dict[str, Station], cell: Cell) -> None:
    handle = home["display"].send(home["meter"].stack.short, b"secret", link_key=True)
    assert home["display"].told(Undelivered) == [Undelivered(handle, "no link key with the destination")]


def test_end_devices_reach_each_other_through_the_hub(home: dict[str, Station], cell: Cell) -> None:
    display, meter, hub = home["display"], home["meter"], home["hub"]
    display.do(display.stack.request_partner_key(METER, cell.kernel.now))
    cell.run(2)
    assert display.told(PartnerKey) == [PartnerKey(METER)]
    assert meter.told(PartnerKey) == [PartnerKey(DISPLAY)]
    heard = len(cell.on_air)
    handle = display.send(meter.stack.short, b"to the meter", link_key=True)
    cell.run(1)
    (message,) = meter.told(Message)
    assert (message.source, message.source_eui64, message.secured) == (display.stack.short, DISPLAY, True)
    assert display.told(Delivered) == [Delivered(handle)]
    assert not hub.told(Message)
    data = [frame.psdu for frame in cell.on_air[heard:] if frame.psdu[0] & 7 == mac.DATA]
    hops = [(frame[7:9], frame[5:7]) for frame in data]
    one, two, three = (station.stack.short.to_bytes(2, "little") for station in (display, hub, meter))
    assert hops == [(one, two), (two, three), (three, two), (two, one)]


def test_partner_keys_are_exported_by_the_trust_centre(home: dict[str, Station], cell: Cell) -> None:
    home["display"].do(home["display"].stack.request_partner_key(METER, cell.kernel.now))
    cell.run(2)
    held = {station: dict(home[station].stack.labelled_keys()) for station in ("hub", "display", "meter")}
    key = held["display"][f"application key {METER:016X}"]
    assert held["meter"][f"application key {DISPLAY:016X}"] == key
    assert key in held["hub"].values()


def test_no_partner_key_with_a_device_that_is_not_there(home: dict[str, Station], cell: Cell) -> None:
    home["display"].do(home["display"].stack.request_partner_key(0x1234, cell.kernel.now))
    cell.run(6)
    assert home["display"].told(PartnerKeyFailed) == [PartnerKeyFailed(0x1234)]


def test_a_long_payload_goes_in_fragments_both_ways(home: dict[str, Station], cell: Cell) -> None:
    payload = bytes(at % 251 for at in range(1503))
    hub, meter, gas = home["hub"], home["meter"], home["gas"]
    for sender, receiver in ((hub, meter), (meter, hub), (gas, hub), (hub, gas)):
        sender.effects.clear()
        receiver.effects.clear()
        handle = sender.send(receiver.stack.short, payload, link_key=True)
        receiver.do(receiver.stack.stay_awake(cell.kernel.now + 1 * S, cell.kernel.now))
        cell.run(15)
        assert [message.payload for message in receiver.told(Message)] == [payload]
        assert sender.told(Delivered) == [Delivered(handle)]


def test_fragments_survive_a_lossy_air(cell: Cell) -> None:
    home = cell.home()
    cell.air.loss = 0.4
    for radio in cell.air.radios.values():
        radio.links.clear()
    payload = bytes(at % 251 for at in range(1503))
    home["hub"].effects.clear()
    for _ in range(4):
        home["meter"].send(0, payload, link_key=True)
        cell.run(60)
    arrived = [message.payload for message in home["hub"].told(Message)]
    outcome = home["meter"].told(Delivered)
    assert set(arrived) == {payload}
    assert len(outcome) <= len(arrived) <= 4
    assert len(arrived) >= 2


def test_a_frame_for_a_sleeper_waits_until_it_polls(home: dict[str, Station], cell: Cell) -> None:
    hub, gas = home["hub"], home["gas"]
    handle = hub.send(gas.stack.short, b"wake up", link_key=True)
    cell.run(3)
    assert not gas.told(Message)
    gas.do(gas.stack.poll(cell.kernel.now))
    cell.run(1)
    assert [message.payload for message in gas.told(Message)] == [b"wake up"]
    assert hub.told(Delivered) == [Delivered(handle)]


def test_a_sleeper_fetches_all_that_waits_with_one_call(home: dict[str, Station], cell: Cell) -> None:
    hub, gas = home["hub"], home["gas"]
    for number in range(4):
        hub.send(gas.stack.short, bytes((number,)), ack=False)
    gas.do(gas.stack.poll(cell.kernel.now))
    cell.run(1)
    assert [message.payload for message in gas.told(Message)] == [b"\0", b"\1", b"\2", b"\3"]


def test_a_frame_nobody_fetches_is_undelivered(home: dict[str, Station], cell: Cell) -> None:
    handle = home["hub"].send(home["gas"].stack.short, b"asleep", link_key=True)
    cell.run(20)
    assert home["hub"].told(Undelivered) == [Undelivered(handle, "expired")]


def test_fragments_are_acknowledged_whatever_was_asked(home: dict[str, Station], cell: Cell) -> None:
    handle = home["hub"].send(home["meter"].stack.short, bytes(range(200)), ack=False)
    cell.run(2)
    (message,) = home["meter"].told(Message)
    assert (message.payload, message.acknowledged) == (bytes(range(200)), True)
    assert home["hub"].told(Delivered) == [Delivered(handle)]


@pytest.mark.parametrize("ack", [True, False])
def test_a_message_says_whether_it_was_acknowledged(home: dict[str, Station], cell: Cell, ack: bool) -> None:
    already = len(cell.on_air)
    home["hub"].send(home["meter"].stack.short, b"one", ack=ack)
    cell.run(2)
    (message,) = home["meter"].told(Message)
    assert message.acknowledged is ack
    data = [frame.psdu for frame in cell.on_air[already:] if frame.psdu[0] & mac.TYPE == mac.DATA]
    assert len(data) == 1 + ack


def test_an_end_device_leaves_link_status_sealed(cell: Cell) -> None:
    cell.link_status = 15 * S
    home = cell.home()
    cell.run(60)
    assert home["display"].stack.drops["nwk", "for routers"] >= 8  # of hub and meter, four each
    assert home["meter"].stack.drops["nwk", "for routers"] == 0
    home["hub"].send(home["display"].stack.short, b"after counters it never saw", link_key=True)
    cell.run(2)
    assert len(home["display"].told(Message)) == 1


def test_a_broadcast_reaches_every_listening_device_once(home: dict[str, Station], cell: Cell) -> None:
    home["hub"].send(RX_ON_DEVICES, b"to all", ack=False)
    cell.run(2)
    assert [message.broadcast for message in home["meter"].told(Message)] == [True]
    assert [message.broadcast for message in home["display"].told(Message)] == [True]
    assert not home["gas"].told(Message)


def test_a_broadcast_to_all_devices_reaches_the_sleeper_too(home: dict[str, Station], cell: Cell) -> None:
    home["hub"].send(0xFFFF, b"to all", ack=False)
    home["gas"].do(home["gas"].stack.poll(cell.kernel.now))
    cell.run(2)
    assert [message.payload for message in home["gas"].told(Message)] == [b"to all"]


def test_services_are_found(home: dict[str, Station], cell: Cell) -> None:
    hub, meter = home["hub"], home["meter"]
    meter.stack.register(SimpleDescriptor(1, 0x0500, input_clusters=(0x0000, 0x0702), output_clusters=(0x000A,)))
    sequence, effects = hub.stack.match(RX_ON_DEVICES, 0x0109, (0x0702,), (), cell.kernel.now)
    hub.do(effects)
    cell.run(1)
    assert hub.told(MatchResponse) == [MatchResponse(meter.stack.short, sequence, 0, (1,))]
    for call in (
        hub.stack.active_endpoints(meter.stack.short, cell.kernel.now),
        hub.stack.simple_descriptor(meter.stack.short, 1, cell.kernel.now),
        hub.stack.node_descriptor(meter.stack.short, cell.kernel.now),
        hub.stack.find(GAS, cell.kernel.now),
    ):
        hub.do(call[1])
    cell.run(1)
    endpoints, simple, node = (answer.response for answer in hub.told(ZdoResponse))
    assert isinstance(endpoints, zdo.ActiveEndpointsResponse)
    assert endpoints.endpoints == b"\x01"
    assert isinstance(simple, zdo.SimpleDescriptorResponse)
    assert zdo.Descriptor.parse(simple.descriptor) == zdo.Descriptor(1, 0x0109, 0x0500, 0, 2, [0, 0x0702], 1, [0x000A])
    assert isinstance(node, zdo.NodeDescriptorResponse)
    assert node.descriptor is not None
    assert node.descriptor.type == 1


def test_resume_after_a_power_cut_needs_no_frame(home: dict[str, Station], cell: Cell) -> None:
    for name in ("hub", "meter", "display", "gas"):
        station = home[name]
        states = [effect.state for effect in cell.told_ever[name] if isinstance(effect, Persist)]
        heard = len(cell.on_air)
        cell.restart(station, states[-1])
        cell.run(1)
        assert len(cell.on_air) == heard
        assert [joined.resumed for joined in station.told(Joined)] == [True]
    for name in ("meter", "display", "gas"):
        handle = home[name].send(0, b"as before", link_key=True)
        cell.run(1)
        assert home[name].told(Delivered) == [Delivered(handle)]
    assert [message.secured for message in home["hub"].told(Message)] == [True] * 3


def test_rejoin_keeps_the_address(home: dict[str, Station], cell: Cell) -> None:
    for name in ("meter", "display", "gas"):
        device = home[name]
        short = device.stack.short
        device.do(device.stack.rejoin(cell.kernel.now))
        cell.run(5)
        assert [joined.short for joined in device.told(Joined)] == [short]
        handle = device.send(0, b"again", link_key=True)
        cell.run(1)
        assert device.told(Delivered) == [Delivered(handle)]


def test_a_lost_parent_is_noticed_and_its_return_needs_nothing(home: dict[str, Station], cell: Cell) -> None:
    hub, meter = home["hub"], home["meter"]
    state = [effect.state for effect in cell.told_ever["hub"] if isinstance(effect, Persist)][-1]
    hub.radio.reset()
    meter.send(0, b"anybody there", link_key=True)
    cell.run(8)
    assert meter.told(ParentLost) == [ParentLost()]
    meter.do(meter.stack.rejoin(cell.kernel.now))
    cell.run(10)
    assert len(meter.told(JoinFailed)) == 1
    cell.restart(hub, state)
    handle = meter.send(0, b"there again", link_key=True)
    cell.run(2)
    assert Delivered(handle) in meter.told(Delivered)


@pytest.mark.parametrize("name", ["gas", "display"])
def test_a_child_that_moved_to_a_router_is_reached_through_it_and_back_again(
    home: dict[str, Station], cell: Cell, name: str
) -> None:
    hub, meter, child = home["hub"], home["meter"], home[name]

    def hears(yes: bool) -> None:
        for one, other in ((hub, child), (child, hub)):
            cell.air.set_loss(one.name, other.name, 0.0 if yes else 1.0)

    for parent in (meter, hub):
        hears(parent is hub)
        cell.air.set_loss(meter.name, name, 1.0 if parent is hub else 0.0)
        cell.air.set_loss(name, meter.name, 1.0 if parent is hub else 0.0)
        child.do(child.stack.rejoin(cell.kernel.now))
        cell.run(10)
        assert child.stack.parent == parent.stack.short
        for sender, receiver in ((child, hub), (hub, child)):
            handle = sender.send(receiver.stack.short, b"where are you", link_key=True)
            for _ in range(8):
                child.do(child.stack.poll(cell.kernel.now)) if name == "gas" else None
                cell.run(0.2)
            assert Delivered(handle) in sender.told(Delivered)
            assert receiver.told(Message)[-1].payload == b"where are you"


def test_a_device_that_leaves_is_gone(home: dict[str, Station], cell: Cell) -> None:
    display = home["display"]
    display.do(display.stack.leave(cell.kernel.now))
    cell.run(1)
    assert display.told(Left) == [Left(False)]
    assert not display.stack.joined
    assert DeviceLeft(DISPLAY, home["hub"].told(DeviceLeft)[0].short) in home["hub"].told(DeviceLeft)


def test_the_hub_sends_a_device_away(home: dict[str, Station], cell: Cell) -> None:
    hub, display = home["hub"], home["display"]
    hub.do(hub.stack.remove(DISPLAY, cell.kernel.now))
    cell.run(1)
    assert display.told(Left) == [Left(False)]
    assert DISPLAY not in hub.stack.trust_centre.devices


def test_a_silent_sleeper_is_forgotten_after_its_time_out_and_sent_to_rejoin(home: dict[str, Station], cell: Cell) -> None:
    hub, gas = home["hub"], home["gas"]
    state = [effect.state for effect in cell.told_ever["gas"] if isinstance(effect, Persist)][-1]
    gas.radio.reset()
    if gas.timer is not None:
        gas.timer.cancel()
    cell.run(257 * 60)
    assert [left.aged for left in hub.told(DeviceLeft)] == [True]
    cell.restart(gas, state)
    for _ in range(12):  # the first request is in doubt, and the hub goes on with a higher frame counter
        gas.do(gas.stack.poll(cell.kernel.now))
        cell.run(1)
    assert gas.told(Left) == [Left(True)]
    gas.do(gas.stack.rejoin(cell.kernel.now))
    cell.run(5)
    handle = gas.send(0, b"back", link_key=True)
    cell.run(1)
    assert gas.told(Delivered) == [Delivered(handle)]


def test_the_network_key_is_replaced(home: dict[str, Station], cell: Cell) -> None:
    hub = home["hub"]
    old = dict(hub.stack.labelled_keys())["network key 0"]
    home["gas"].do(home["gas"].stack.stay_awake(cell.kernel.now + 20 * S, cell.kernel.now))
    hub.do(hub.stack.replace_network_key(cell.kernel.now))
    cell.run(15)
    assert dict(hub.stack.labelled_keys())["network key 1"] != old
    for name in ("meter", "display"):
        handle = home[name].send(0, b"under the new key")
        cell.run(1)
        assert home[name].told(Delivered) == [Delivered(handle)]
    assert home["meter"].stack.trust_centre_eui64 == HUB


def test_routers_tell_each_other_who_they_hear(cell: Cell) -> None:
    cell.link_status = 15 * S
    hub = cell.hub()
    meter = cell.admit(hub, cell.device("meter", METER, NodeType.ROUTER))
    heard = len(cell.on_air)
    cell.run(60)
    sources = [frame.psdu[7:9] for frame in cell.on_air[heard:]]
    assert sources.count(b"\0\0") == 4
    assert sources.count(meter.stack.short.to_bytes(2, "little")) == 4
    assert len(sources) == 8
