"""The premises from the WAN: one address, what stands behind it, octets through the tunnel, reads, writes and schedules."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from devices.runtime.kernel import HOUR, MIN, S
from hubfw.sap_table import FIRST_METER, GAS, HUB
from protocols.dlms import axdr, wrapper
from protocols.dlms.client import AccessError, AssociationRefused
from protocols.dlms.reading import register
from protocols.zigbee.clusters.tunneling import DLMS, GB_HRGP, Tunneling
from tests.compliance.capture import Capture
from tools.headend.head_end import NoAnswer

IMPORT = "1-0:1.8.0"
SWITCH = "0-0:96.3.10"
LIMIT = "0-0:96.7.20"


@pytest.fixture
def wire():
    """PDUs on the WAN in both directions, as they come: a list that grows."""

    def listen(home):
        pdus = []
        home.log.subscribe(lambda now, who, kind, data: pdus.extend(wrapper.Splitter().feed(data)), ["net.data"])
        return pdus

    return listen


@pytest.mark.req("S-012", "S-014", part=True)
@pytest.mark.req("S-082", part=True)
def test_the_tunnel_carries_what_the_wan_carried_with_another_server_port(home, wire):
    capture, pdus = Capture(home), wire(home)
    meter = home.head_end.meter("esme")
    del pdus[:]
    capture.tunnelled.clear()
    meter.register(IMPORT)
    meter.clock()
    assert len(pdus) >= 8
    inside = [wrapper.unwrap(octets) for octets in capture.tunnelled]
    assert [pdu.apdu for pdu in inside] == [pdu.apdu for pdu in pdus]
    assert [(pdu.source, pdu.destination) for pdu in pdus[:2]] == [(16, FIRST_METER), (FIRST_METER, 16)]
    assert [(pdu.source, pdu.destination) for pdu in inside[:2]] == [(16, 1), (1, 16)]
    assert capture.closed == []


@pytest.mark.req("S-084")
@pytest.mark.parametrize(("profile", "protocol"), [("paper-2011", DLMS), ("gb", GB_HRGP)])
def test_a_homes_tunnel_is_asked_what_it_carries_closed_and_opened_anew(build, profile, protocol):
    """Hub and electricity meter as they are; while there is no tunnel nothing passes."""
    home = build(f'profile = "{profile}"\n[[home]]\n[[home.device]]\nkind = "hub"\n[[home.device]]\nkind = "esme"\nat = [0.3, 0]\n')
    hub, meter = home.hub.firmware, home.esme.firmware
    tunnel = hub.tunnels.of(home.esme.eui64)

    def passed():
        return home.head_end.meter("esme").register(IMPORT).value > 0

    assert passed()
    question = Tunneling.GetSupportedTunnelProtocols(0)
    asked = hub.spawn(hub.han.request(*tunnel.peer, question, Tunneling.SupportedTunnelProtocolsResponse))
    home.run(for_=S)
    assert [(each.manufacturer_code, each.protocol_id) for each in asked.result().protocol_list] == [(0xFFFF, protocol)]
    assert [each.protocol for each in meter._tunnel.tunnels.tunnels.values()] == [protocol]
    hub.tunnels.close(home.esme.eui64)
    home.run(for_=S)
    assert not meter._tunnel.tunnels.tunnels
    with pytest.raises(NoAnswer):
        passed()
    hub.tunnels.open(home.esme.eui64, tunnel.meter)
    home.run(for_=10 * S)
    assert len(meter._tunnel.tunnels.tunnels) == 1
    assert passed()


@pytest.mark.req("S-013")
def test_a_question_for_gas_goes_no_further_than_the_hub(home):
    capture = Capture(home)
    home.run(for_=MIN)
    before = capture.frames, len(capture.tunnelled)
    home.head_end.meter("gsme").objects()
    home.run(for_=MIN)
    others = capture.frames - before[0]
    assert len(capture.tunnelled) == before[1] == 0
    home.run(for_=MIN)
    assert abs(capture.frames - before[0] - 2 * others) < 20  # the home's own rhythm and nothing else


@pytest.mark.req("S-017", part=True)
@pytest.mark.req("S-018")
def test_one_address_stands_for_the_hub_the_gas_meter_and_each_electricity_meter(build):
    home = build("two-electricity-meters")
    hub = home.head_end.meter("hub")
    names = hub.names()
    assert sorted(names) == [HUB, GAS, FIRST_METER, FIRST_METER + 1]
    assert len(set(names.values())) == 4
    for sap, name in names.items():
        line = home.head_end.ask(home.hub.name, sap, lambda client: client.get("0-0:42.0.0", 1, 2))
        assert home.head_end.settle(line).value == name
    for sap in (5, 6, 0x3FFE):  # displays have none
        with pytest.raises(NoAnswer, match="no answer"):
            home.head_end.settle(home.head_end.ask(home.hub.name, sap, lambda client: client.get("0-0:42.0.0", 1, 2)))


@pytest.mark.req("S-017", part=True)
@pytest.mark.req("S-018", part=True)
def test_address_and_table_survive_a_restart(build):
    home = build("two-electricity-meters")
    names = home.head_end.meter("hub").names()
    values = {name: home.head_end.meter(name).get("0-0:96.1.1", 1, 2).value for name in ("esme1", "esme2")}
    home.hub.cut(off_for=MIN)
    home.run(for_=5 * MIN)
    assert home.head_end.meter("hub").names() == names
    assert {name: home.head_end.meter(name).get("0-0:96.1.1", 1, 2).value for name in values} == values


@pytest.mark.req("S-116", part=True)
def test_two_meters_are_two(build):
    home = build("two-electricity-meters")
    home.run(for_=3 * HOUR)
    readings = [home.head_end.meter(name).register(IMPORT).value for name in ("esme1", "esme2")]
    assert readings[0] != readings[1]
    assert readings[0] == pytest.approx(home.board("esme1").firmware.meter.import_wh, abs=20)
    assert readings[1] == pytest.approx(home.board("esme2").firmware.meter.import_wh, abs=20)


@pytest.mark.req("S-088")
def test_both_faces_of_the_electricity_meter_tell_the_same(home):
    home.run(for_=2 * HOUR)
    value = home.head_end.meter("esme").register(IMPORT).value
    home.run(for_=11 * S)
    shown = Decimal(next(line for line in home.screen("ihd") if line.startswith("total")).split()[1])
    assert 0 <= shown * 1000 - value < 30  # the display asked some seconds later
    row = home.head_end.meter("esme").profile("0-0:99.1.0").rows(since=home.start)[-1]
    assert value - 5000 < row[-1].value <= value


@pytest.mark.req("S-043", part=True)
def test_a_schedule_reads_every_half_hour(home):
    reads = home.head_end.every(30 * MIN, "esme", lambda client: register(client, IMPORT), first=30 * MIN)
    home.run_until(6 * HOUR + MIN)
    assert len(reads.answers) == 12
    assert not reads.failures
    values = [answer.value for _, answer in reads.answers]
    assert values == sorted(values)
    assert values[0] < values[-1]


def test_a_schedule_outlives_what_it_cannot_read(home):
    reads = home.head_end.every(10 * MIN, "esme", lambda client: register(client, IMPORT), first=10 * MIN)
    home.run_until(35 * MIN)
    home.hub.cut(off_for=20 * MIN)
    home.run_until(HOUR + 35 * MIN)
    assert len(reads.failures) == 2
    assert len(reads.answers) == 7
    reads.cancel()
    home.run(for_=HOUR)
    assert len(reads.answers) == 7


def test_people_and_schedules_share_a_meter(home):
    reads = home.head_end.every(7 * S, "esme", lambda client: register(client, IMPORT), first=home.now + S)
    meter = home.head_end.meter("esme")
    for _ in range(20):
        assert meter.register(IMPORT).value > 0
        home.run(for_=3 * S)
    assert not reads.failures
    assert len(reads.answers) > 5


@pytest.mark.req("S-010")
def test_every_device_tells_its_objects(home):
    """And each object of the list answers to its logical name."""
    for name, classes in (("hub", {1, 3, 8, 15, 17, 40}), ("gsme", {1, 4, 8, 15}), ("esme", {1, 3, 7, 8, 15, 70})):
        meter = home.head_end.meter(name)
        listed = meter.objects()
        assert classes <= {entry.class_id for entry in listed}
        told = [meter.get(str(entry.name), entry.class_id, 1).value for entry in listed]
        assert told == [bytes(int(part) for part in re.split("[-:.]", str(entry.name))) for entry in listed]


def test_a_write_needs_the_password(home):
    reader, writer = home.head_end.meter("hub"), home.head_end.meter("hub", writes=True)
    with pytest.raises(AccessError, match="read-write-denied"):
        reader.set(LIMIT, 3, 2, axdr.u16(60))
    writer.set(LIMIT, 3, 2, axdr.u16(60))
    assert reader.register(LIMIT).value == 60
    home.head_end._password = b"87654321"
    with pytest.raises(AssociationRefused):
        home.head_end.meter("hub", writes=True).set(LIMIT, 3, 2, axdr.u16(90))
    assert reader.register(LIMIT).value == 60


@pytest.mark.req("S-002")
def test_a_limit_that_was_written_counts_and_outlives_a_restart(home):
    home.head_end.meter("hub", writes=True).set(LIMIT, 3, 2, axdr.u16(60))
    home.hub.cut(off_for=MIN)
    home.run(for_=10 * MIN)
    for seconds, notices in ((60, 0), (61, 2)):
        home.mains.off(seconds * S)
        home.run(for_=10 * MIN)
        assert len(home.notices()) == notices


@pytest.mark.req("S-023", part=True)
@pytest.mark.req("S-104", part=True)
def test_opening_the_load_switch_leaves_hub_and_meter_alive(home):
    meter = home.head_end.meter("esme", writes=True)
    home.run(for_=HOUR)
    meter.action(SWITCH, 70, 1, axdr.i8(0))
    stopped = meter.register(IMPORT).value
    home.run(for_=2 * HOUR)
    assert home.head_end.meter("esme").register(IMPORT).value == stopped
    assert home.head_end.meter("esme").get(SWITCH, 70, 2).python is False
    assert home.screen("ihd")[1].split()[-2:] == ["0.000", "kW"]
    assert "OFF" in home.screen("ppmid")[1]
    assert home.notices() == []
    faces = "".join("".join(home.screen(name)) for name in ("esme", "ihd", "ppmid")).lower()
    assert "isolat" not in faces
    meter.action(SWITCH, 70, 2, axdr.i8(0))
    home.run(for_=HOUR)
    assert home.head_end.meter("esme").register(IMPORT).value == stopped  # armed, no more
    home.esme.buttons.press("b")
    home.run(for_=HOUR)
    assert home.head_end.meter("esme").register(IMPORT).value > stopped


def test_who_may_only_read_cannot_open_the_switch(home):
    with pytest.raises(AccessError):
        home.head_end.meter("esme").action(SWITCH, 70, 1, axdr.i8(0))
    assert home.esme.firmware.meter.switch.closed


def test_the_wan_may_be_slow_and_lossy(build):
    lossy = "[wan]\nlatency_ms = 1500\nloss = 0.3\n"
    text = '[[home]]\n[[home.device]]\nkind = "hub"\n[[home.device]]\nkind = "esme"\nat = [0.3, 0]\n'
    home, still = build(lossy + text), build(lossy.replace("0.3", "0") + text)
    taken = []
    for run in (home, still):
        before = run.now
        assert run.head_end.meter("esme").register(IMPORT).value > 0
        taken.append(run.now - before)
    assert taken[0] >= taken[1] + S  # what was lost went again, a second later at the earliest


@pytest.mark.req("S-131", part=True)
def test_a_wired_meter_answers_at_the_same_address(build):
    home = build(
        '[[home]]\n[[home.device]]\nkind = "hub"\n[[home.device]]\nkind = "esme"\ninterface = "wired"\n'
        '[[home.device]]\nkind = "gsme"\nat = [6, 2]\n'
    )
    home.run(for_=HOUR)
    meter = home.head_end.meter("esme")
    assert sorted(home.head_end.meter("hub").names()) == [HUB, GAS, FIRST_METER]
    assert meter.register(IMPORT).value == pytest.approx(home.esme.firmware.meter.import_wh, abs=20)
    assert len(meter.profile("0-0:99.1.0").rows(since=home.start)) == 2
