"""What happens in a home's devices is written down, told to the hub and read again; alarms; who identifies himself; dwellings."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from devices.parts.han import Refused
from devices.runtime.kernel import DAY, HOUR, MIN, S
from protocols.zigbee.clusters.alarms import Alarms
from protocols.zigbee.clusters.event_id import EventId
from protocols.zigbee.clusters.events import Events, LogId
from protocols.zigbee.clusters.identify import Identify
from protocols.zigbee.clusters.mdu_pairing import MduPairing
from protocols.zigbee.clusters.metering import SupplyStatus
from protocols.zigbee.clusters.power_configuration import PowerConfiguration
from protocols.zigbee.mdu_pairing.dwellings import Pairing
from protocols.zigbee.node import Message
from protocols.zigbee.zcl.foundation import AttributeValue, WriteAttributes, WriteAttributesResponse
from protocols.zigbee.zcl.types import Value


class Asker:
    """A device of the home that asks another one."""

    def __init__(self, home, who, target):
        self.home = home
        self.han = home.board(who).firmware.han
        self.address = 0 if target == "hub" else self.han.stack.address_of(home.board(target).eui64)
        self.endpoint = self.han.endpoints[1]
        self.got = []

    def run(self, coro):
        result = []

        async def ask():
            try:
                result.append(await coro)
            except Refused as refused:
                result.append(refused.status)

        self.home.kernel.spawn(ask(), who="test")
        self.home.until(lambda: result, within=MIN)
        return result[0]

    def confirm(self, command):
        return self.run(self.han.confirm(self.address, 1, command))

    def request(self, command, expect):
        return self.run(self.han.request(self.address, 1, command, expect))

    def parts(self, command, published):
        self.got.clear()
        self.endpoint.use(type(command) and Events).on(published, lambda part, request: self.got.append(part))
        self.han.command(self.address, 1, command)
        self.home.run(for_=3 * S)
        return list(self.got)

    def log(self, which=LogId.ALL | 0x10, event=0, since=0, until=0, count=0, offset=0):
        parts = self.parts(Events.GetEventLog(which, event, since, until, count, offset), Events.PublishEventLog)
        return [(row.log_id, row.event_id) for part in parts for row in part.log_payload]

    def write(self, cluster, *pairs):
        records = [AttributeValue(attribute.id, Value(attribute.type, value)) for attribute, value in pairs]
        return self.run(self.han.ask(self.address, 1, cluster, WriteAttributes(records), WriteAttributesResponse))


@pytest.fixture
def hub(home):
    return Asker(home, "hub", "esme")


def heard(home, who):
    eui64 = home.board(who).eui64
    return [(each.log, each.event) for each in home.hub.firmware.events.heard if each.eui64 == eui64]


def test_the_supply_s_events_are_told_logged_and_outlive_the_power(home, hub):
    home.mains.off(200 * S)
    home.run(for_=10 * MIN)
    switch = home.esme.firmware.meter.switch
    switch.disconnect()
    home.run(for_=MIN)
    switch.arm()
    home.esme.buttons.press("b")
    home.run(for_=MIN)
    expected = [
        (LogId.FAULT, EventId.POWER_LOSS), (LogId.GBCS_GENERAL, 0x8F36), (LogId.GENERAL, EventId.SUPPLY_OFF),
        (LogId.GENERAL, EventId.SUPPLY_ARMED), (LogId.GENERAL, EventId.SUPPLY_ON),
    ]  # fmt: skip
    assert hub.log() == expected[::-1]
    assert heard(home, "esme")[-4:] == expected[1:]  # the first was told from the hold-up, or was not
    assert hub.log(LogId.GENERAL) == expected[:1:-1]
    assert hub.log(event=EventId.SUPPLY_ARMED) == [(LogId.GENERAL, EventId.SUPPLY_ARMED)]
    assert hub.log(count=2, offset=1) == expected[-2:-4:-1]
    home.esme.cut(off_for=MIN)
    home.run(for_=3 * MIN)
    assert hub.log(LogId.GENERAL) == expected[:1:-1]


def test_only_the_hub_empties_a_log_and_that_is_an_event(home, hub):
    home.esme.firmware.meter.switch.disconnect()
    home.run(for_=MIN)
    stranger = Asker(home, "ppmid", "esme")
    assert stranger.confirm(Events.ClearEventLogRequest(0)) == 0x7E
    assert hub.log() != []
    cleared = hub.request(Events.ClearEventLogRequest(LogId.GENERAL), Events.ClearEventLogResponse)
    assert cleared.cleared_events_logs == 0x08
    assert hub.log(LogId.GENERAL) == [(LogId.GENERAL, EventId.EVENT_LOG_CLEARED)]
    assert hub.confirm(Events.ClearEventLogRequest(9)) == 0x85
    assert hub.confirm(Events.GetEventLog(LogId.TAMPER, 0, 0, 0, 0, 0)) == 0x8B


def test_an_event_of_a_stranger_is_not_taken(home):
    hub = home.hub.firmware
    hub.events._log = SimpleNamespace(get=lambda eui64: None)  # whoever is struck off indeed is sent away when it speaks
    stranger = Asker(home, "ppmid", "hub")
    assert stranger.confirm(Events.PublishEvent(1, 1, 1, 1, b"")) == 0x7E
    assert heard(home, "ppmid") == []


def test_the_hub_s_own_log_has_its_device_log_s_changes(home):
    asker = Asker(home, "ppmid", "hub")
    assert asker.log() == [(LogId.GBCS_GENERAL, 0x8F12)]


# --- power and alarms ---


def test_mains_voltage_is_the_real_one_and_its_alarm_comes_after_the_dwell_time(home, hub):
    power = [PowerConfiguration.mains_voltage, PowerConfiguration.mains_frequency]
    assert list(hub.run(hub.han.read(hub.address, 1, PowerConfiguration, power)).values()) == [2300, 100]
    hub.write(
        PowerConfiguration,
        (PowerConfiguration.mains_voltage_min_threshold, 2100), (PowerConfiguration.mains_voltage_max_threshold, 2500),
        (PowerConfiguration.mains_voltage_dwell_trip, 30), (PowerConfiguration.mains_alarm_mask, 3),
    )  # fmt: skip
    alarms, eui64 = home.hub.firmware.events.alarms, home.esme.eui64
    home.mains.on(205.0)
    home.run(for_=20 * S)
    home.mains.on(230.0)  # a short dip is none
    home.run(for_=MIN)
    assert list(alarms) == []
    home.mains.on(205.0)
    home.run(for_=MIN)
    assert list(alarms) == [(eui64, 0, 1)]
    assert hub.confirm(Alarms.ResetAlarm(0, 1)) == 0x01  # it holds
    home.mains.on(255.0)
    home.run(for_=MIN)
    assert list(alarms) == [(eui64, 0, 1), (eui64, 1, 1)]
    home.mains.on(230.0)
    home.run(for_=MIN)
    first = hub.request(Alarms.GetAlarm(), Alarms.GetAlarmResponse)
    assert (first.status, first.alarm_code, first.cluster_id) == (0, 0, 1)
    assert hub.run(hub.han.read(hub.address, 1, Alarms, [Alarms.alarm_count])) == {Alarms.alarm_count: 1}
    hub.confirm(Alarms.ResetAlarmLog())
    assert hub.request(Alarms.GetAlarm(), Alarms.GetAlarmResponse).status == 0x8B


def test_the_gas_meter_tells_of_its_battery(home):
    power = home.gsme.firmware.han.endpoints[1].server(PowerConfiguration)
    assert power[PowerConfiguration.battery_voltage] == 36
    assert 0 < power[PowerConfiguration.battery_percentage_remaining] <= 200


# --- identify ---


def test_who_identifies_himself_shows_it_and_answers(home):
    hub = Asker(home, "hub", "ihd")
    hub.endpoint.use(Identify)
    assert hub.confirm(Identify.IdentifyQuery()) is None
    hub.confirm(Identify.Identify(20))
    assert "THIS ONE" in home.ihd.display.lines[7]
    home.run(for_=5 * S)
    answer = hub.request(Identify.IdentifyQuery(), Identify.IdentifyQueryResponse)
    assert 14 <= answer.timeout <= 16
    home.run(for_=20 * S)
    assert "THIS ONE" not in home.ihd.display.lines[7]
    hub.write(Identify, (Identify.identify_time, 60))
    assert "THIS ONE" in home.ihd.display.lines[7]
    hub.confirm(Identify.Identify(0))
    assert "THIS ONE" not in home.ihd.display.lines[7]
    meter = Asker(home, "hub", "esme")
    meter.confirm(Identify.Identify(5))
    assert any("THIS ONE" in line for line in home.esme.display.lines)
    home.run(for_=HOUR // 60)
    assert not any("THIS ONE" in line for line in home.esme.display.lines)


# --- dwellings ---


def test_each_device_learns_its_own_dwelling_and_no_other(home):
    hub = home.hub.firmware
    hub.events._config = replace(hub.config, dwellings=((home.ppmid.eui64, home.esme.eui64),))
    ppmid, ihd = Asker(home, "ppmid", "hub"), Asker(home, "ihd", "hub")

    def ask(asker, eui64, version=0):
        return asker.request(MduPairing.PairingRequest(version, eui64), MduPairing.PairingResponse)

    pairing = Pairing()
    assert pairing.received(ask(ppmid, home.ppmid.eui64))
    assert pairing.devices == (home.ppmid.eui64, home.esme.eui64)
    assert set(ask(ihd, home.ihd.eui64).eui64s) == {home.ihd.eui64, home.gsme.eui64}
    assert ask(ihd, home.ppmid.eui64) == 0x7E
    assert ask(ppmid, home.ppmid.eui64, pairing.version) == 0x97
    hub.events._config = hub.config
    assert len(ask(ppmid, home.ppmid.eui64, pairing.version).eui64s) == 4


def two_dwellings(names):
    kinds = {"hub": "hub", "esme": "esme", "esme2": "esme", "ihd": "ihd", "ihd2": "ihd"}
    dwellings = {"esme": "flat-1", "ihd": "flat-1", "esme2": "flat-2", "ihd2": "flat-2"}
    return "[[home]]\n" + "".join(
        f"[[home.device]]\nkind = '{kinds[name]}'\nname = '{name}'\n"
        + (f"dwelling = '{dwellings[name]}'\n" if name in dwellings else "")
        for name in names
    )


@pytest.mark.parametrize("order", [("esme", "esme2"), ("esme2", "esme")])
def test_of_two_meters_a_display_takes_its_own_dwelling_s(build, order):
    home = build(two_dwellings(("hub", *order, "ihd", "ihd2")))
    boards = {name: home.board(name) for name in ("esme", "esme2", "ihd", "ihd2")}
    pairs = (("ihd", "esme"), ("ihd2", "esme2"))
    for display, _ in pairs:
        boards[display].cut(off_for=S)
    home.run(for_=3 * MIN)
    for display, meter in pairs:
        watch = boards[display].firmware.electricity
        assert watch.meter.eui64 == boards[meter].eui64
        assert home.screen(display)[1].endswith("kW")


def test_where_one_meter_answers_nobody_asks_for_dwellings(home):
    asked = []
    home.hub.firmware.han.on(Message, lambda message: asked.append(message.cluster) if message.cluster == MduPairing.id else None)
    home.ihd.cut(off_for=S)
    home.run(for_=5 * MIN)
    assert home.screen("ihd")[1].endswith("kW")
    assert asked == []


# --- a meter that sleeps ---


def test_a_gas_meter_tells_its_events_when_it_wakes(home):
    """Closed by the hub's order, armed, opened by hand: written down at once, told with the next set, in order."""
    gas = home.gsme.firmware
    gas.valve._move(SupplyStatus.OFF)
    gas.valve._save()
    gas.valve._move(SupplyStatus.OFF_ARMED)
    gas.valve._save()
    assert [row[0] for row in gas.events.log.rows(LogId.GENERAL)] == [EventId.SUPPLY_ARMED, EventId.SUPPLY_OFF]
    frames = home.times("air.frame", "home1/gsme")
    assert not frames or frames[-1] < home.now - S
    assert heard(home, "gsme") == []
    home.run(for_=35 * MIN)
    assert heard(home, "gsme") == [(LogId.GENERAL, EventId.SUPPLY_OFF), (LogId.GENERAL, EventId.SUPPLY_ARMED)]
    home.gsme.cut(off_for=S)
    home.run(for_=5 * MIN)
    assert [row[0] for row in home.gsme.firmware.events.log.rows(LogId.GENERAL)] == [EventId.SUPPLY_ARMED, EventId.SUPPLY_OFF]
    home.run(for_=HOUR)
    assert len(heard(home, "gsme")) == 2


def test_a_gas_meter_s_events_wait_while_the_hub_is_away(home):
    home.gsme.firmware.events.happened(EventId.EXCESS_FLOW)
    home.hub.cut(off_for=3 * HOUR)
    home.run(for_=4 * HOUR)
    assert heard(home, "gsme") == [(LogId.GENERAL, EventId.EXCESS_FLOW)]


def test_a_gas_meter_tells_once_that_its_battery_is_low(home):
    gas = home.gsme.firmware
    gas._battery._life = lambda: 14 * 365 * DAY
    gas._battery._radio = lambda: 365 * DAY
    assert gas._battery.low
    home.run(for_=3 * HOUR)
    assert heard(home, "gsme") == [(LogId.FAULT, EventId.LOW_BATTERY)]
