"""The hub among its devices: joining, the directory, reading electricity through and gas from the mirror."""

from __future__ import annotations

import pytest

from protocols.dlms import axdr
from protocols.dlms.client import AssociationRefused
from protocols.dlms.cosem import AccessError, date_time
from protocols.dlms.xdlms import DataAccessResult

DEVICE_LOG = "0-0:128.30.3"
START = 1_767_225_600 * 1_000_000_000


def test_a_home_is_commissioned(home):
    premises = home("esme", "gsme", "ihd")
    premises.commission()
    assert premises.hub.firmware.coordinator.missing == []


@pytest.mark.req("S-012", "S-018", part=True)
def test_the_head_end_reads_an_electricity_meter_through_the_tunnel(home):
    premises = home("esme")
    premises.commission()
    line = premises.head_end.connect(3)
    line.associate()
    assert line.get("1-0:1.8.0", 3, 2).value == 4711
    # the meter got the client's own octets, addressed to server 1
    assert {(pdu.source, pdu.destination) for pdu in premises.esme.firmware.requests} == {(16, 1)}


@pytest.mark.req("S-018", part=True)
def test_the_directory_names_every_device_as_it_names_itself(home):
    premises = home("esme", "gsme", "esme")
    premises.commission()
    line = premises.head_end.connect(1)
    line.associate()
    directory = line.get("0-0:41.0.0", 17, 2).python
    assert [sap for sap, _ in directory] == [1, 2, 3, 4]
    line.close()
    for sap, name in directory:
        other = premises.head_end.connect(sap)
        other.associate()
        assert other.get("0-0:42.0.0", 1, 2).value == name


def test_saps_and_network_survive_a_power_cycle_of_the_hub(home):
    premises = home("esme", "gsme", "ihd")
    premises.commission()
    pan = premises.hub.firmware.han.stack.labelled_keys()[0]
    premises.hub.cut(2_000_000_000)
    premises.run(30)
    assert premises.hub.firmware.han.stack.labelled_keys()[0] == pan
    assert premises.hub.firmware.commissioned
    line = premises.head_end.connect(3)
    line.associate()
    assert line.get("1-0:1.8.0", 3, 2).value == 4711
    gas = premises.head_end.connect(2)
    gas.associate()
    assert gas.get("7-0:3.0.0", 4, 2).value == 12_345


def test_a_meter_that_lost_its_power_gets_its_tunnel_anew_and_the_request_is_not_lost(home):
    premises = home("esme")
    premises.commission()
    premises.esme.cut(5_000_000_000)
    premises.run(10)
    line = premises.head_end.connect(3)
    line.associate()
    assert line.get("1-0:1.8.0", 3, 2).value == 4711


@pytest.mark.req("S-013", "S-142", part=True)
def test_gas_is_read_from_the_mirror_with_the_time_of_its_report(home):
    premises = home("gsme")
    premises.commission()
    gas = premises.gsme.firmware
    heard = premises.hub.firmware.log.get(gas.board.eui64).last_heard
    premises.run(600)  # the meter sleeps meanwhile
    line = premises.head_end.connect(2)
    line.associate()
    assert line.get("7-0:3.0.0", 4, 2) == axdr.u64(12_345)
    assert line.get("7-0:3.0.0", 4, 3).python == [-3, 13]  # thousandths of a cubic metre
    captured = date_time.instant(line.get("7-0:3.0.0", 4, 5).value)
    assert abs(captured - (START + gas.last_report)) < 3_000_000_000
    assert premises.hub.firmware.log.get(gas.board.eui64).last_heard - heard < 5_000_000_000
    assert line.get("0-0:96.3.10", 70, 3).value == 1
    assert line.get("0-0:94.44.34.11", 1, 2).value == b"1234567890"
    assert line.get("0-0:96.6.6", 4, 2).value == 3650
    assert line.get("0-0:96.1.6", 1, 2).value == b"MBG"


@pytest.mark.parametrize(("name", "kind", "result"), [
    ("7-0:3.0.0", 4, DataAccessResult.TEMPORARY_FAILURE),
    ("0-0:96.3.10", 70, DataAccessResult.TEMPORARY_FAILURE),
    ("7-0:9.9.9", 1, DataAccessResult.OBJECT_UNDEFINED),
])  # fmt: skip
def test_before_the_first_report_gas_items_fail_for_now(home, name, kind, result):
    premises = home("gsme", fitted=[])
    premises.run(5)
    line = premises.head_end.connect(2)
    line.associate()
    with pytest.raises(AccessError) as refused:
        line.get(name, kind, 2)
    assert refused.value.result == result


def test_an_item_that_the_meter_does_not_report_is_unavailable(home):
    premises = home("gsme")
    premises.commission()
    line = premises.head_end.connect(2)
    line.associate()
    with pytest.raises(AccessError) as refused:
        line.get("7-0:3.0.1", 4, 2)
    assert refused.value.result == DataAccessResult.OBJECT_UNAVAILABLE


def test_every_object_that_the_gas_proxy_lists_can_be_asked_for(home):
    premises = home("gsme")
    premises.commission()
    line = premises.head_end.connect(2)
    line.associate()
    refusals = []
    for kind, _version, name, _rights in line.get("0-0:40.0.0", 15, 2).python:
        try:
            line.get(name, kind, 2)
        except AccessError as refusal:
            refusals.append(refusal.result)
    assert set(refusals) <= {DataAccessResult.OBJECT_UNAVAILABLE}


def test_without_a_gas_meter_in_the_log_nobody_is_at_its_address(home):
    premises = home("esme")
    premises.commission()
    with pytest.raises(TimeoutError):
        premises.head_end.connect(2).associate()


def test_the_device_log_is_readable(home):
    premises = home("esme", "ihd", fitted=["esme"])
    premises.run(60)
    line = premises.head_end.connect(1)
    line.associate()
    rows = line.get(DEVICE_LOG, 1, 2).python
    assert [(kind, joined) for _, kind, joined, _ in rows] == [("esme", True), ("ihd", False)]
    assert rows[1][3] is None
    heard = date_time.instant(rows[0][3])
    assert START < heard <= START + premises.kernel.now


def test_the_hubs_clock_is_the_networks(home):
    premises = home()
    premises.run(86_400 * 1.5)
    premises.hub.rtc.step(30_000_000_000)
    premises.run(86_400)
    assert premises.hub.rtc.read() == premises.kernel.utc
    line = premises.head_end.connect(1)
    line.associate()
    now = date_time.instant(line.get("0-0:1.0.0", 8, 2).value)
    assert abs(now - premises.kernel.utc) < 1_000_000_000


@pytest.mark.req("S-017", part=True)
def test_the_address_and_everything_behind_it_outlive_a_restart(home):
    premises = home("esme", "gsme")
    premises.commission()
    line = premises.head_end.connect(1)
    line.associate()
    before = line.get("0-0:41.0.0", 17, 2)
    premises.hub.cut(60_000_000_000)
    premises.run(90)
    line = premises.head_end.connect(1)
    line.associate()
    assert line.get("0-0:41.0.0", 17, 2) == before


def test_client_1_needs_the_password_and_may_redirect_notifications(home):
    premises = home()
    premises.run(1)
    guess = premises.head_end.connect(1, 1, b"wrong")
    with pytest.raises(AssociationRefused):
        guess.associate()
    guess.close()
    line = premises.head_end.connect(1, 1, b"12345678")
    line.associate()

    def destination(text):
        return axdr.structure(axdr.enum(0), axdr.octets(text), axdr.enum(0))

    for wrong in (b"nowhere", b"x:70000", b":1", b"a b:4059", b"x:0"):
        with pytest.raises(AccessError):
            line.set("0-0:25.9.0", 40, 3, destination(wrong))
    line.set("0-0:25.9.0", 40, 3, destination(b"elsewhere:5000"))
    premises.hub.cut(1_000_000_000)
    premises.run(5)
    assert premises.hub.firmware.device.destination == ("elsewhere", 5000)


def test_client_16_writes_nothing(home):
    premises = home()
    premises.run(1)
    line = premises.head_end.connect(1)
    line.associate()
    with pytest.raises(AccessError):
        line.set("0-0:96.7.20", 3, 2, axdr.u16(60))
