"""Exactly one application layer on a hub's WAN side: DLMS, ZigBee packets, or foreign packets as objects."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from devices.runtime.kernel import HOUR, MIN, S
from devices.runtime.net import Closed
from hubfw.hub_device import device_name
from protocols.dlms import axdr
from protocols.dlms.client import adrive
from protocols.dlms.cosem import AccessError, date_time
from protocols.dlms.reading import names, objects
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.gateway import PORT as GATEWAY_PORT
from protocols.zigbee.gateway import Packet, Status
from tests.sim.told import Told
from tools.headend.head_end import PORT as DLMS_PORT
from tools.headend.head_end import NoAnswer
from tools.headend.notices import DEVICE_EVENT, LOG_CHANGED, VOLTAGE_ALERT, FirstBreath, LastGasp
from tools.headend.smart_energy import PACKET_CLASS, PROFILE, SOURCE, GatewayLine, ObjectLine, Refused, SmartEnergy

SETTING = "0-0:128.40.0"
CONFIGURATION = "0-0:128.40.1"
HUB = "home1/hub"
HOME = """
[[home]]
[[home.device]]
kind = "hub"
wan_application = "{layer}"
[[home.device]]
kind = "esme"
at = [0.3, 0]
[[home.device]]
kind = "ihd"
at = [4, -3]
"""
SUMMATION = Metering.current_summation_delivered


def eui64(run: Told, label: str) -> int:
    return run.only.identities[label].eui64


def gateway(run: Told, password: bytes = b"12345678") -> GatewayLine:
    line = GatewayLine(run.kernel, run.head_end.host, HUB, password)
    run.head_end.settle(line.login())
    return line


def refused(run: Told, port: int) -> bool:
    """Whether nobody answers at a port of the hub."""
    ends: list[Closed] = []
    stream = run.head_end.host.connect(HUB, port)
    stream.on_close = ends.append
    run.run(for_=5 * S)
    stream.close()
    return ends == [Closed.REFUSED]


def layers(run: Told) -> list[int]:
    return [port for port in (DLMS_PORT, GATEWAY_PORT) if not refused(run, port)]


@pytest.fixture
def hear(build: Callable[..., Told]) -> Callable[[str], Told]:
    return lambda layer: build(HOME.format(layer=layer))


@pytest.mark.req("S-009", part=True)
@pytest.mark.parametrize(("layer", "port"), [("dlms", DLMS_PORT), ("gateway", GATEWAY_PORT), ("gooo", DLMS_PORT)])
def test_what_is_not_the_active_layer_does_not_listen(hear, layer: str, port: int) -> None:
    assert layers(hear(layer)) == [port]


@pytest.mark.req("S-009")
def test_the_head_end_chooses_the_layer_and_the_one_before_is_gone_with_its_connections(hear) -> None:
    run = hear("dlms")
    hub = run.head_end.meter("hub", writes=True)
    idle = run.head_end.host.connect(HUB, DLMS_PORT)
    ends: list[Closed] = []
    idle.on_close = ends.append
    assert hub.get(SETTING, 1, 2).python == "dlms"
    hub.set(SETTING, 1, 2, axdr.visible("gateway"))
    run.run(for_=10 * S)
    assert (layers(run), ends) == ([GATEWAY_PORT], [Closed.CLOSED])
    line = gateway(run)
    assert run.head_end.settle(line.application()) == "gateway"
    run.hub.cut(off_for=MIN)  # the setting outlives it
    run.run(for_=5 * MIN)
    assert layers(run) == [GATEWAY_PORT]
    line = gateway(run)
    run.head_end.settle(line.choose("dlms"))
    run.run(for_=10 * S)
    assert layers(run) == [DLMS_PORT]
    assert run.head_end.meter("esme").register("1-0:1.8.0").value > 0


@pytest.mark.req("S-009")
@pytest.mark.parametrize("wrong", ["dlms,gateway", "gbcs", "", "http"])
def test_a_second_layer_an_unknown_one_and_the_reserved_one_are_refused(hear, wrong: str) -> None:
    run = hear("dlms")
    hub = run.head_end.meter("hub", writes=True)
    with pytest.raises(AccessError):
        hub.set(SETTING, 1, 2, axdr.visible(wrong))
    with pytest.raises(AccessError):
        run.head_end.meter("hub").set(SETTING, 1, 2, axdr.visible("gateway"))  # a client that may only read
    run.run(for_=10 * S)
    assert hub.get(SETTING, 1, 2).python == "dlms"
    assert layers(run) == [DLMS_PORT]


@pytest.mark.req("S-009")
@pytest.mark.req("S-015", part=True)
def test_different_hubs_run_different_layers(build) -> None:
    run = build(HOME.format(layer="dlms") + HOME.format(layer="gateway").replace("[[home]]", '[[home]]\nname = "home2"'))
    assert run.head_end.meter("home1/esme").register("1-0:1.8.0").value > 0
    with pytest.raises(NoAnswer, match="refused"):
        run.head_end.meter("home2/hub").names()
    line = GatewayLine(run.kernel, run.head_end.host, "home2/hub", b"12345678")
    run.head_end.settle(line.login())
    values = run.head_end.settle(SmartEnergy(line).read(run.home("home2").identities["esme"].eui64, 1, Metering, [SUMMATION]))
    assert values[SUMMATION] > 0


@pytest.mark.req("S-010", part=True)
@pytest.mark.req("S-022", part=True)
def test_under_dlms_the_hub_says_with_cosem_objects_what_it_is(hear) -> None:
    hub = hear("dlms").head_end.meter("hub")
    assert hub.get(CONFIGURATION, 1, 2).python == "separate"


@pytest.mark.req("S-086")
@pytest.mark.req("S-087", part=True)
@pytest.mark.req("S-014", part=True)
def test_gateway_carries_packets_of_the_head_end_unread_both_ways(hear) -> None:
    run = hear("gateway")
    sent: list[bytes] = []
    deliver = run.hub.firmware.han.deliver

    async def watched(address, endpoint, cluster, payload, *, source=1):
        sent.append(payload)
        await deliver(address, endpoint, cluster, payload, source=source)

    run.hub.firmware.han.deliver = watched
    line = gateway(run)
    meter = eui64(run, "esme")
    values = run.head_end.settle(SmartEnergy(line).read(meter, 1, Metering, [SUMMATION]))
    assert values[SUMMATION] == pytest.approx(run.esme.firmware.meter.import_wh, abs=20)
    assert sent == line.sent  # no level of translation: the octets of the WAN are those of the HAN
    garbage = Packet(meter, PROFILE, Metering.id, SOURCE, 1, b"\xff\xff sealed from end to end")
    run.head_end.settle(line.send(garbage))  # the hub reads nothing, so it finds no fault with it
    assert sent[-1] == garbage.payload


@pytest.mark.req("S-009", part=True)
@pytest.mark.parametrize(("layer", "port"), [("dlms", DLMS_PORT), ("gooo", DLMS_PORT), ("gateway", GATEWAY_PORT)])
def test_what_a_hub_tells_by_itself_is_in_the_one_layer(hear, layer: str, port: int) -> None:
    """The same last gasp and first breath; under `gateway` no octet of the WAN is DLMS."""
    run = hear(layer)
    crossed: list[tuple[str, bytes]] = []
    run.log.subscribe(lambda now, who, kind, data: crossed.append((who, data)), ["net.data", "net.datagram"])
    run.run(for_=10 * MIN)
    lost = run.kernel.utc
    run.mains.off(200 * S)
    run.run(for_=10 * MIN)
    gasp, breath = run.head_end.received
    assert (type(gasp), type(breath)) == (LastGasp, FirstBreath)
    assert gasp.hub == breath.hub == device_name(eui64(run, "hub"))
    assert gasp.lost == breath.lost
    assert abs(gasp.lost - lost) < 2 * S
    assert breath.seconds == pytest.approx(200, abs=1)
    assert [who.rpartition(":")[2] for who, _ in crossed] == [str(port)] * 2
    assert all(octets.startswith(b"\0\1\0\1") for _, octets in crossed) is (layer != "gateway")
    assert (run.head_end.bad, run.head_end.repeated, run.hub.firmware.notifier.waiting) == (0, 0, 0)


def test_other_notices_under_gateway_are_told_too(hear) -> None:
    run = hear("gateway")
    hub, meter = run.hub.firmware, eui64(run, "esme")
    body = axdr.structure(axdr.octets(meter.to_bytes(8, "big")), axdr.u16(3))
    then = date_time.encode(run.kernel.utc - HOUR)
    event = axdr.structure(axdr.octets(meter.to_bytes(8, "big")), axdr.u8(1), axdr.u16(0x0133), axdr.octets(then))
    for code, what in ((VOLTAGE_ALERT, body), (DEVICE_EVENT, event), (LOG_CHANGED, hub.network_control._backup(axdr.null()))):
        run.hub.nvm.put(hub.notifier.add(hub._alert(code, what)))
    hub.notifier.start()
    run.run(for_=MIN)
    voltage, told, changed = run.head_end.received
    assert (voltage.meter, voltage.excursions) == (meter, 3)
    assert (told.device, told.log, told.event) == (meter, 1, 0x0133)
    assert abs(told.at - (run.kernel.utc - HOUR)) < 2 * MIN
    assert changed.extended_pan_id == hub.coordinator.backup().extended_pan_id
    assert set(changed.devices) == {eui64(run, "esme"), eui64(run, "ihd")}


@pytest.mark.req("S-018", part=True)
def test_a_consumer_device_is_out_of_reach_of_the_wan(hear) -> None:
    run = hear("gateway")
    line = gateway(run)
    for label, status in (("ihd", Status.NOT_ADDRESSABLE), ("hub", Status.UNKNOWN_DEVICE)):
        packet = Packet(eui64(run, label), PROFILE, Metering.id, SOURCE, 1, b"\x00\x01\x00\x00\x00")
        with pytest.raises(Refused) as told:
            run.head_end.settle(line.send(packet))
        assert told.value.status is status


def test_who_does_not_know_the_password_moves_nothing(hear) -> None:
    run = hear("gateway")
    line = GatewayLine(run.kernel, run.head_end.host, HUB, b"87654321")
    for request in (line.login(), line.application(), line.choose("dlms")):
        with pytest.raises(Refused) as told:
            run.head_end.settle(request)
        assert told.value.status is Status.NOT_AUTHORISED
    run.run(for_=MIN)
    assert line.closed is Closed.CLOSED
    assert layers(run) == [GATEWAY_PORT]


def test_an_answer_that_found_no_head_end_waits_over_a_power_cut(hear) -> None:
    run = hear("gateway")
    line = gateway(run)
    meter = eui64(run, "esme")
    question = Packet(meter, PROFILE, Metering.id, SOURCE, 1, bytes.fromhex("10 07 00 00 00"))
    run.head_end.settle(line.send(question))
    line.close()
    run.hub.firmware.application.layer.packets.acknowledge = lambda number: None  # whatever was acknowledged is taken for lost
    run.run(for_=5 * S)
    run.hub.cut(off_for=MIN)
    run.run(for_=5 * MIN)
    line = gateway(run)
    first = run.head_end.settle(line.receive(meter))
    assert first.payload[1] == 7  # the transaction of the question
    run.run(for_=5 * S)
    assert run.hub.firmware.application.layer.packets.waiting == []


@pytest.mark.req("S-089")
@pytest.mark.req("S-014", part=True)
def test_gooo_carries_smart_energy_from_end_to_end_inside_dlms(hear) -> None:
    run = hear("gooo")
    meter = eui64(run, "esme")
    head_end = run.head_end

    async def story():
        client = head_end.client(1, writes=True)
        line = head_end.line(HUB, client)
        await adrive(client.associate(), line.exchange)
        listed = await adrive(objects(client, [PACKET_CLASS]), line.exchange)
        values = await SmartEnergy(ObjectLine(run.kernel, client, line.exchange, str(listed[0].name))).read(
            meter, 1, Metering, [SUMMATION]
        )
        await adrive(client.release(), line.exchange)
        line.close()
        return listed, values

    listed, values = head_end.settle(story())
    assert [str(entry.name) for entry in listed] == ["0-1:128.40.0.255"]  # the consumer's display has none
    assert values[SUMMATION] == pytest.approx(run.esme.firmware.meter.import_wh, abs=20)
    assert 3 in head_end.settle(head_end.ask(HUB, 1, names))
    with pytest.raises(NoAnswer):  # the meter's own DLMS is not reached: that would be a second layer
        head_end.settle(head_end.ask(HUB, 3, lambda client: client.get("1-0:1.8.0", 3, 2)))


def test_foreign_packets_have_no_object_under_dlms(hear) -> None:
    run = hear("dlms")
    assert not [thing for thing in run.head_end.meter("hub").objects() if thing.class_id == PACKET_CLASS]


@pytest.mark.req("S-014")
@pytest.mark.req("S-013", part=True)
def test_every_path_counts_its_translations_and_none_has_more_than_one(home) -> None:
    for name, obis in (("hub", "0-0:96.7.20"), ("gsme", "7-0:3.0.0"), ("esme", "1-0:1.8.0")):
        home.head_end.meter(name).register(obis)
    paths = home.hub.firmware.application.endpoint.paths
    assert sorted(paths) == [(1, 0), (2, 1), (3, 0)]  # the hub's own, gas from the mirror, electricity as it is
    assert all(paths.values())


@pytest.mark.req("S-018", part=True)
def test_no_server_address_leads_to_a_consumer_device(home) -> None:
    saps = home.head_end.meter("hub").names()
    displays = {f"{home.only.identities[label].eui64:016X}"[3:].encode() for label in ("ihd", "ppmid")}
    assert not [name for name in saps.values() if name[-13:] in displays]
    for sap in [*range(4, 20), 0x3FFE]:
        assert sap not in saps
        line = home.head_end.line(HUB, home.head_end.client(sap))
        with pytest.raises(NoAnswer):
            home.head_end.settle(line.exchange(next(iter(home.head_end.client(sap).associate()))))
        line.close()


@pytest.mark.req("S-022")
@pytest.mark.parametrize(
    ("hub", "more", "configuration"),
    [
        ("", "", "separate"),
        ("", 'interface = "wired"', "closely-integrated"),
        ('wan = "module"', '[[home.device]]\nkind = "wan-module"', "replaceable-wan"),
    ],
)
def test_three_configurations_of_hubs(build, hub: str, more: str, configuration: str) -> None:
    run = build(f'[[home]]\n[[home.device]]\nkind = "hub"\n{hub}\n[[home.device]]\nkind = "esme"\n{more}\n')
    assert run.head_end.meter("hub").get(CONFIGURATION, 1, 2).python == configuration
    assert run.head_end.meter("esme").register("1-0:1.8.0").value > 0


def test_power_cut_at_every_operation_of_a_change_of_layer_and_of_what_waits(hear) -> None:
    run = hear("gateway")
    meter = eui64(run, "esme")
    question = Packet(meter, PROFILE, Metering.id, SOURCE, 1, bytes.fromhex("10 07 00 00 00"))
    for operations in range(0, 120, 5):
        packets = run.hub.firmware.application.layer.packets
        kept = packets.waiting
        run.kernel.spawn(packets.send(question), who="test")
        run.hub.cut_at_flash_operation(operations, off_for=S)
        run.run(for_=5 * S)
        run.hub.flash.cut_after(1 << 40)
        run.run(for_=2 * S)
        found = run.hub.firmware.application.layer.packets.waiting
        assert found[: len(kept)] == kept  # nothing that waited is lost, and numbers never come again
        assert [number for number, _ in found] == sorted({number for number, _ in found})
    for operations in range(0, 60, 3):
        before = run.hub.firmware.application.name
        wanted = "gooo" if before != "gooo" else "dlms"
        run.hub.cut_at_flash_operation(operations, off_for=S)
        run.kernel.after(0, run.hub.firmware.application.choose, wanted, who=HUB)
        run.run(for_=5 * S)
        run.hub.flash.cut_after(1 << 40)
        application = run.hub.firmware.application
        assert application.name in (before, wanted)
        assert application.active == application.name
