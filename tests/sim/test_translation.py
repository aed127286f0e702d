"""The head end and a gas meter that speaks no COSEM: what it holds is read, what is written waits for its wake and arrives."""

from __future__ import annotations

import pytest

from devices.runtime.kernel import HOUR, MIN, S
from hubfw.device_facts import FACTS
from hubfw.translation_home import LOADS, MESSAGE
from hubfw.translation_logs import HALF_HOURS, MIDNIGHTS
from hubfw.translation_objects import PENDING
from hubfw.translation_orders import VALVE
from hubfw.translation_rows import ROWS
from protocols.dlms import axdr
from protocols.dlms.cosem import AccessError, ControlState, date_time
from protocols.dlms.xdlms import DataAccessResult
from protocols.zigbee.clusters.metering import Metering, SupplyStatus
from protocols.zigbee.clusters.price import Price
from protocols.zigbee.clusters.time import EPOCH

HOME = """
[[home]]
[[home.device]]
kind = "hub"
[[home.device]]
kind = "esme"
at = [1, 1]
[[home.device]]
kind = "gsme"
at = [6, 2]
wake_minutes = 10
[[home.device]]
kind = "ihd"
at = [2, 2]
[[home.device]]
kind = "load-controller"
at = [3, 1]
"""
WAKE = 11 * MIN


class Proxy:
    """What the head end knows of a gas meter."""

    def __init__(self, home):
        self.home = home
        self.reader = home.head_end.meter("gsme")
        self.writer = home.head_end.meter("gsme", writes=True)

    def read(self, row):
        return self.reader.get(row.name, row.class_id, 2)

    def write(self, name, data, class_id=1):
        self.writer.set(name, class_id, 2, data)

    @property
    def pending(self):
        return self.reader.get(PENDING, 1, 2).python

    @property
    def valve(self):
        return ControlState(self.reader.get(VALVE, 70, 3).value)

    def wake(self):
        self.home.run(for_=WAKE)


@pytest.fixture(scope="module")
def gas(build_once):
    home = build_once(HOME)
    home.run_until(HOUR)
    return Proxy(home)


@pytest.fixture(scope="module")
def build_once():
    from tests.sim.told import Told
    from tools.bench import config
    from tools.bench.commissioning import commission

    def make(text):
        run = Told(config.loads(text))
        commission(run)
        return run

    return make


def held(gas, row):
    """What the gas meter itself has, as its last report took it."""
    server = gas.home.gsme.firmware.han.endpoints[1].server(row.cluster)
    return server[row.attribute]


def row(name):
    return next(row for row in ROWS if row.name == name)


@pytest.mark.req("S-012", part=True)
def test_every_row_reads_what_the_meter_holds_and_refuses_what_it_has_not(gas):
    gas.home.run(for_=WAKE)
    wanted = gas.home.hub.firmware.mirrors.of(gas.home.gsme.eui64).gas.reading
    read = 0
    for each in ROWS:
        if wanted.get(each.cluster, each.attribute) in (None, each.attribute.type.non_value):
            with pytest.raises(AccessError) as refused:
                gas.read(each)
            assert refused.value.result == DataAccessResult.OBJECT_UNAVAILABLE
            continue
        data, value = gas.read(each), held(gas, each)
        read += 1
        if each.attribute is Metering.remaining_battery_life_in_days:
            assert abs(data.value - value) <= 1
            continue
        expected = value.encode() if isinstance(value, str) else value
        time = each.attribute.type.name == "utc_time"
        assert (date_time.instant(data.value) // S - EPOCH if time else data.value) == expected, each
    assert read >= 58  # past days, weeks and months are not known yet


@pytest.mark.req("S-014")
def test_a_path_is_translated_once_for_gas_and_never_for_electricity(gas):
    with gas.reader:
        gas.reader.get("7-0:3.0.0", 4, 2)  # the proxy's objects are made when somebody first asks
    proxy = gas.home.hub.firmware.server.devices[2].gas
    before = proxy.translated
    with gas.reader:
        gas.reader.get("7-0:3.0.0", 4, 2)
        gas.reader.get("0-0:94.44.34.11", 1, 2)
    assert proxy.translated == before + 2
    told = len(gas.home.events("hub.translated"))
    gas.home.head_end.meter("esme").get("1-0:1.8.0", 3, 2)
    assert proxy.translated == before + 2
    gas.write("7-0:128.6.8", axdr.enum(3))
    assert len(gas.home.events("hub.translated")) == told + 1
    gas.wake()


WRITES = {
    "0-0:94.44.34.11": (axdr.octets(b"9876543210"), 1, Metering.site_id, b"9876543210"),
    "7-0:128.3.17": (axdr.octets(b"4711"), 1, Metering.customer_id_number, b"4711"),
    "0-0:94.44.0.4": (axdr.enum(0), 1, Metering.supply_tamper_state, 0),
    "7-0:128.6.8": (axdr.enum(0), 1, Metering.supply_depletion_state, 0),
    "7-0:128.6.9": (axdr.enum(1), 1, Metering.supply_uncontrolled_flow_state, 1),
    "7-0:128.11.16": (axdr.u16(65_535), 4, Metering.uncontrolled_flow_threshold, 65_535),
}


def test_what_is_written_waits_arrives_at_the_next_wake_and_is_read_back(gas):
    for name, (data, kind, _, _) in WRITES.items():
        gas.write(name, data, kind)
    assert sorted(gas.pending) == ["SetSupplyStatus", "SetUncontrolledFlowThreshold", "UpdateCIN", "UpdateSiteId"]
    server = gas.home.gsme.firmware.han.endpoints[1].server(Metering)
    assert server[Metering.site_id] != b"9876543210"
    gas.wake()
    assert gas.pending == []
    for name, (data, kind, attribute, value) in WRITES.items():
        assert server[attribute] == value
        assert gas.reader.get(name, kind, 2) == data


@pytest.mark.req("S-057")
def test_calorific_value_conversion_factor_and_price_are_the_same_at_hub_and_meter_after_an_update(gas):
    with pytest.raises(AccessError) as refused:
        gas.read(row("7-0:54.0.0"))
    assert refused.value.result == DataAccessResult.OBJECT_UNAVAILABLE
    gas.write("7-0:54.0.0", axdr.u32(401), 4)
    gas.write("7-0:52.0.0", axdr.u32(101_111), 4)
    gas.write("7-0:130.3.1", axdr.structure(axdr.u32(30_000), axdr.u32(7_777)))
    assert gas.read(row("7-0:54.0.0")).value == 401
    assert gas.read(row("7-0:52.0.0")).value == 101_111
    assert gas.read(row("7-0:130.3.1")).python == [30_000, 7_777]
    price = gas.home.hub.firmware.han.endpoints[2].server(Price)
    assert (price[Price.calorific_value], price[Price.conversion_factor]) == (401, 101_111)
    gas.wake()
    rates = gas.home.gsme.firmware.rates
    assert (rates.calorific_value, rates.conversion_factor, rates.price, rates.standing_charge) == (401, 101_111, 7_777, 30_000)
    gas.write("7-0:54.0.0", axdr.u32(0xFFFFFFFF), 4)
    gas.wake()
    assert rates.calorific_value == gas.read(row("7-0:54.0.0")).value == 0xFFFFFFFF


def test_the_valve_is_closed_and_armed_by_the_head_end_at_the_next_wake(gas):
    assert gas.valve is ControlState.CONNECTED
    gas.writer.action(VALVE, 70, 1, axdr.i8(0))
    assert gas.valve is ControlState.CONNECTED  # success: it waits
    assert gas.pending == ["ChangeSupply"]
    gas.writer.action(VALVE, 70, 2, axdr.i8(0))
    gas.writer.action(VALVE, 70, 1, axdr.i8(0))
    assert gas.pending == ["ChangeSupply"]
    gas.wake()
    assert gas.valve is ControlState.DISCONNECTED
    assert gas.pending == []
    gas.writer.action(VALVE, 70, 2, axdr.i8(0))
    gas.wake()
    assert gas.valve is ControlState.READY_FOR_RECONNECTION
    gas.home.gsme.buttons.press("valve")
    gas.wake()
    assert gas.valve is ControlState.CONNECTED
    assert gas.home.gsme.firmware.valve.status is SupplyStatus.ON


def test_nobody_without_a_password_orders_anything(gas):
    for ask in (
        lambda: gas.reader.action(VALVE, 70, 1, axdr.i8(0)),
        lambda: gas.reader.set("0-0:94.44.34.11", 1, 2, axdr.octets(b"1")),
    ):
        with pytest.raises(AccessError) as refused:
            ask()
        assert refused.value.result == DataAccessResult.READ_WRITE_DENIED
    with pytest.raises(AccessError) as refused:
        gas.write("7-0:3.0.0", axdr.u64(1), 4)  # a register is the meter's own
    assert refused.value.result == DataAccessResult.READ_WRITE_DENIED
    assert gas.pending == []


def test_logs_are_asked_for_and_there_after_the_next_wake(gas):
    home = gas.home
    profile = gas.reader.profile(HALF_HOURS)
    assert profile.rows() == []
    gas.writer.action(HALF_HOURS, 7, 2, axdr.i8(0))
    gas.writer.action(MIDNIGHTS, 7, 2, axdr.i8(0))
    assert sorted(gas.pending) == ["GetSampledData", "GetSnapshot"]
    gas.wake()
    rows = dict(profile.rows())
    kept = {each.at: each.total for each in home.gsme.firmware.log.rows()}
    assert len(rows) >= 2
    for at, quantity in rows.items():
        end = round(at.timestamp()) * S
        assert float(quantity.value) * 1000 == kept[end] - kept[end - 30 * MIN]
    home.run(for_=HOUR)
    gas.writer.action(HALF_HOURS, 7, 2, axdr.i8(0))
    gas.wake()
    assert len(profile.rows()) > len(rows)


def test_a_text_goes_to_the_displays_and_a_load_event_to_the_load_controllers(gas):
    hub = gas.home.head_end.meter("hub", writes=True)
    hub.set(MESSAGE, 1, 2, axdr.octets(b"Gas off at 9"))
    gas.home.run(for_=MIN)
    assert any("Gas off at 9" in line for line in gas.home.screen("ihd"))
    assert hub.get(MESSAGE, 1, 2).value == b"Gas off at 9"
    hub.set(LOADS, 1, 2, axdr.structure(axdr.u16(30), axdr.u8(4), axdr.u8(50)))
    gas.home.run(for_=10 * MIN)
    assert gas.home.events("hub.load-status")
    hub.set(LOADS, 1, 2, axdr.structure(axdr.u16(0), axdr.u8(0), axdr.u8(255)))
    for bad in (axdr.octets(bytes(117)), axdr.octets(b"\xff\xfe")):
        with pytest.raises(AccessError) as refused:
            hub.set(MESSAGE, 1, 2, bad)
        assert refused.value.result == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED


def test_a_meter_that_fetches_no_orders_gets_none(build):
    home = build('[[home]]\n[[home.device]]\nkind = "hub"\n[[home.device]]\nkind = "mbus-gas"\nat = [6, 2]\n')
    writer = home.head_end.meter("mbus-gas", writes=True)
    with pytest.raises(AccessError) as refused:
        writer.set("0-0:94.44.34.11", 1, 2, axdr.octets(b"1"))
    assert refused.value.result == DataAccessResult.READ_WRITE_DENIED


def test_the_hub_says_firmware_battery_and_last_word_of_each_device(gas):
    """A gas meter's from its mirror; whoever asks for images says what it runs; what nobody said is null."""
    rows = gas.home.head_end.meter("hub").get(FACTS, 1, 2).value
    facts = {row.value[1].value: row.value for row in rows}
    assert len(rows) == 4
    server = gas.home.gsme.firmware.han.endpoints[1].server(Metering)
    eui64, _, heard, version, days, link = facts[b"gsme"]
    assert eui64.value == gas.home.gsme.eui64.to_bytes(8, "big")
    assert 0 <= gas.home.hub.rtc.read() - date_time.instant(heard.value) < WAKE
    assert version.value == server[Metering.current_meter_id]
    assert abs(days.value - server[Metering.remaining_battery_life_in_days]) <= 1
    assert facts[b"ihd"][4] == axdr.null()
    assert link.value == gas.home.hub.firmware.han.stack._network.devices.get(gas.home.gsme.eui64).link > 0
    assert all(row.value[5].value > 0 for row in rows)
    said = gas.home.hub.firmware.images.versions
    assert len(said) >= 1
    for row in rows:
        eui64, kind, _, version, _, _ = (each.value for each in row.value)
        ran = said.get(int.from_bytes(eui64, "big"))
        if kind != b"gsme":
            assert version == (None if ran is None else f"{ran:08X}".encode())
