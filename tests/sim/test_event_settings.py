"""A head end's wish how a meter handles its events: published by the hub, obeyed by the meter, kept over power cuts."""

from __future__ import annotations

import struct

import pytest

from devices.runtime.kernel import HOUR, MIN, S
from protocols.zigbee.clusters.device_management import DeviceManagement
from protocols.zigbee.clusters.event_id import EventId
from protocols.zigbee.clusters.events import Events, LogId
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.time import EPOCH
from protocols.zigbee.device_management.events import BY_GROUP, BY_LIST, BY_LOG
from protocols.zigbee.zcl.foundation import AttributeValue, WriteAttributes, WriteAttributesResponse
from protocols.zigbee.zcl.status import Status
from protocols.zigbee.zcl.types import Value

HOME = '[[home]]\n[[home.device]]\nkind = "hub"\n[[home.device]]\nkind = "esme"\nat = [0.3, 0]\n'
WAN, HAN, ALARM, SEEN = 0x08, 0x10, 0x20, 0x40
OFF, ARMED, ON = EventId.SUPPLY_OFF, EventId.SUPPLY_ARMED, EventId.SUPPLY_ON


class Settings:
    """Who writes to the meter, and what is known of its events."""

    def __init__(self, home):
        self.home = home
        self.issuer = 0
        self.frames = []
        home.log.subscribe(self._sent, ["hub.event"])
        self.controls = []
        events = home.hub.firmware.events
        endpoint = home.hub.firmware.han.endpoints[1]
        before = events._published
        endpoint.use(Events).on(Events.PublishEvent, lambda command, request: self._heard(before, command, request))

    def _sent(self, now, who, kind, data):
        self.frames.append((data["log"], data["event"]))

    def _heard(self, before, command, request):
        self.controls.append(command.event_control)
        return before(command, request)

    def publish(self, configuration, control, payload, start=0, issuer=None):
        self.issuer = self.issuer + 1 if issuer is None else issuer
        command = DeviceManagement.SetEventConfiguration(self.issuer, start, configuration, control, payload)
        assert self.home.hub.firmware.tariffs.publish(command) is Status.SUCCESS
        self.home.run(for_=20 * S)

    def by_list(self, configuration, *events, start=0):
        self.publish(configuration, BY_LIST, bytes((len(events),)) + struct.pack(f"<{len(events)}H", *events), start)

    def switch(self):
        """Off, armed, and on again: what is in the meter's logs, and what the hub hears of it."""
        before = len(self.frames)
        switch = self.home.esme.firmware.meter.switch
        logs = {log: len(self.rows(log)) for log in LogId if log}
        switch.disconnect()
        switch.arm()
        switch.press()
        self.home.run(for_=MIN)
        written = [(log, row[0]) for log, count in logs.items() for row in reversed(self.rows(log)[: len(self.rows(log)) - count])]
        return written, self.frames[before:]

    def rows(self, log):
        return self.home.esme.firmware.events.log.rows(log)

    def held(self):
        """What the meter answers."""
        self.home.hub.firmware.tariffs.of("electricity").ask(DeviceManagement.GetEventConfiguration(0xFFFF))
        self.home.run(for_=20 * S)
        reports = self.home.events("hub.event-configuration")
        return {int(event, 16): octet for report in reports for event, octet in report["held"].items()}


@pytest.fixture
def settings(build):
    home = build(HOME)
    home.run(for_=MIN)
    return Settings(home)


USUAL = [(LogId.GENERAL, OFF), (LogId.GENERAL, ARMED), (LogId.GENERAL, ON)]


def test_as_made_all_is_written_down_and_told(settings):
    assert settings.switch() == (USUAL, USUAL)
    assert settings.controls[-3:] == [3, 3, 3]
    assert "event-settings/held" not in settings.home.esme.firmware.board.nvm


def test_the_configuration_decides_on_log_and_telling_and_outlives_the_power(settings):
    settings.by_list(0, OFF)
    settings.by_list(LogId.TAMPER, ARMED)
    settings.by_list(LogId.SECURITY | WAN, ON)
    expected = [(LogId.TAMPER, ARMED), (LogId.SECURITY, ON)], [(LogId.SECURITY, ON)]
    assert settings.switch() == expected
    assert settings.controls[-1] == 2
    settings.home.esme.cut(off_for=MIN)
    settings.home.run(for_=3 * MIN)
    assert settings.switch() == expected
    assert {event: settings.held()[event] for event in (OFF, ARMED, ON)} == {OFF: 0, ARMED: 1, ON: 0x0C}
    settings.by_list(HAN, OFF)
    assert settings.switch()[1] == [(LogId.ALL, OFF), (LogId.SECURITY, ON)]  # told, and not written down
    assert settings.controls[-2:] == [1, 2]
    settings.by_list(LogId.GENERAL | WAN | HAN, OFF, ARMED, ON)
    assert settings.switch() == (USUAL, USUAL)


def test_a_group_or_a_log_is_configured_as_one_and_other_events_stay_as_they_are(settings):
    settings.publish(LogId.FAULT | WAN, BY_GROUP, struct.pack("<H", 0x02FF))
    written = [(LogId.FAULT, event) for event in (OFF, ARMED, ON)]
    assert settings.switch() == (written, written)
    assert settings.held()[EventId.EVENT_LOG_CLEARED] == LogId.GENERAL | WAN | HAN
    settings.publish(LogId.GENERAL, BY_LOG, bytes((LogId.FAULT,)))
    assert settings.switch() == (USUAL, [])


def test_one_for_a_time_to_come_waits_also_without_power(settings):
    start = settings.home.esme.rtc.read() // S - EPOCH + 3600
    settings.by_list(0, OFF, ARMED, ON, start=start)
    assert settings.switch() == (USUAL, USUAL)
    settings.home.esme.cut(off_for=MIN)
    settings.home.run(for_=HOUR - 5 * MIN)
    assert settings.switch() == (USUAL, USUAL)
    settings.home.run(for_=10 * MIN)
    assert settings.switch() == ([], [])


def test_only_the_hub_configures_and_nonsense_changes_nothing(settings):
    handler = settings.home.esme.firmware.han.endpoints[1].client(DeviceManagement).handlers[DeviceManagement.SetEventConfiguration]
    stranger = type("Request", (), {"message": type("Message", (), {"source": 0x1234})})
    hub = type("Request", (), {"message": type("Message", (), {"source": 0})})
    every = DeviceManagement.SetEventConfiguration(1, 0, 0, BY_GROUP, b"\xff\xff")
    assert handler(every, stranger) is Status.NOT_AUTHORIZED
    assert handler(DeviceManagement.SetEventConfiguration(1, 0, 0, BY_GROUP, b"\xff"), hub) is Status.MALFORMED_COMMAND
    assert settings.switch() == (USUAL, USUAL)
    assert handler(every, hub) is Status.SUCCESS
    assert handler(every, hub) is Status.DUPLICATE_EXISTS
    assert settings.switch() == ([], [])


# --- alarms ---


def alarms(settings):
    return [(code, cluster) for _, code, cluster in settings.home.hub.firmware.events.alarms]


def mask(settings, attribute, value):
    """The hub writes an alarm mask of the meter."""
    hub = settings.home.hub.firmware
    records = WriteAttributes([AttributeValue(attribute.id, Value(attribute.type, value))])
    address = hub.han.stack.address_of(settings.home.esme.eui64)
    task = hub.spawn(hub.han.ask(address, 1, Metering, records, WriteAttributesResponse))
    settings.home.until(lambda: task.done, within=MIN)


SERVICE_DISCONNECT, POWER_LOSS = 0x06, 0x7D


def test_masks_of_metering_decide_which_events_are_alarms_and_outlive_the_power(settings):
    settings.switch()
    assert alarms(settings) == []  # masks are empty at first
    mask(settings, Metering.generic_alarm_mask, 1 << SERVICE_DISCONNECT)
    assert settings.switch() == (USUAL, USUAL)
    assert alarms(settings) == [(SERVICE_DISCONNECT, Metering.id)]
    settings.home.esme.cut(off_for=MIN)
    settings.home.run(for_=3 * MIN)
    settings.switch()
    assert alarms(settings) == 2 * [(SERVICE_DISCONNECT, Metering.id)]
    mask(settings, Metering.generic_alarm_mask, 0xFFFF & ~(1 << SERVICE_DISCONNECT))
    mask(settings, Metering.extended_generic_alarm_mask, 1 << (POWER_LOSS - 0x70))
    settings.switch()
    settings.home.mains.off(200 * S)
    settings.home.run(for_=10 * MIN)
    assert alarms(settings)[2:] in ([], [(POWER_LOSS, Metering.id)])  # told from the hold-up, or not
    assert {"code": POWER_LOSS, "cluster": Metering.id} in settings.home.events("alarm", "home1/esme")


def test_an_event_may_be_an_alarm_by_its_configuration_and_nothing_else(settings):
    settings.by_list(ALARM, OFF)
    assert settings.switch() == (USUAL[1:], USUAL[1:])
    assert alarms(settings) == [(SERVICE_DISCONNECT, Metering.id)]


# --- what a person sees, and the gas meter


def test_an_alarm_that_a_person_sees_is_on_the_meter_until_a_button_is_pressed(settings):
    settings.by_list(LogId.GENERAL | WAN | HAN | SEEN, OFF)
    assert settings.switch() == (USUAL, USUAL)
    home = settings.home
    assert home.screen("esme")[0].rstrip() == "! SUPPLY OFF"
    home.esme.cut(off_for=MIN)
    home.run(for_=3 * MIN)
    assert home.screen("esme")[0].rstrip() == "! SUPPLY OFF"
    home.esme.buttons.press("b")
    home.run(for_=S)
    assert home.screen("esme")[0].startswith("IMPORT")
    assert alarms(settings) == [], "that is another bit"


GAS = HOME + '[[home.device]]\nkind = "gsme"\nat = [3, 1]\nwake_minutes = 10\n'


class GasSettings(Settings):
    """The same of a gas meter, which hears of it at its next wake."""

    def publish(self, configuration, control, payload, start=0, issuer=None):
        self.issuer += 1
        command = DeviceManagement.SetEventConfiguration(self.issuer, start, configuration, control, payload)
        assert self.home.hub.firmware.tariffs.publish(command, "gas") is Status.SUCCESS

    def ask(self):
        self.home.hub.firmware.tariffs.of("gas").ask(DeviceManagement.GetEventConfiguration(0xFFFF))

    def close(self):
        """The valve closes; the rows that are new in its logs, and what the hub heard by the next wake."""
        meter = self.home.gsme.firmware
        before, heard = {log: len(meter.events.log.rows(log)) for log in LogId if log}, len(self.frames)
        meter.valve.happened(OFF)
        self.home.run(for_=11 * MIN)
        rows = meter.events.log.rows
        return [log for log, count in before.items() if len(rows(log)) > count], self.frames[heard:]


@pytest.fixture
def gas(build):
    home = build(GAS)
    home.run(for_=21 * MIN)
    return GasSettings(home)


def test_a_gas_meter_is_told_at_its_next_wake_and_stays_awake_for_no_longer(gas):
    home, meter = gas.home, gas.home.gsme.firmware
    assert gas.close() == ([LogId.GENERAL], [(LogId.GENERAL, OFF)])
    gas.by_list(LogId.TAMPER | SEEN, OFF)
    gas.ask()
    home.run(for_=5 * S)
    assert "event-settings/held" not in meter.board.nvm, "it sleeps"
    home.hub.cut(off_for=MIN)
    home.run(for_=11 * MIN)
    assert {log["otherwise"] for log in home.events("device.events-configured", "home1/gsme")} == {1}
    assert home.events("device.events-configured", "home1/esme") == [], "a wish for gas is none for electricity"
    awake = meter.radio_time.total
    home.run(for_=5 * MIN)
    assert meter.radio_time.total == awake, "it sleeps again"
    assert gas.close() == ([LogId.TAMPER], [])
    assert "! SUPPLY OFF" in [line.rstrip() for line in home.screen("gsme")]
    home.gsme.buttons.press("valve")
    home.run(for_=S)
    assert "! SUPPLY OFF" not in [line.rstrip() for line in home.screen("gsme")]
    gas.ask()
    home.run(for_=11 * MIN)
    held = {event: octet for told in home.events("hub.event-configuration") for event, octet in told["held"].items()}
    assert (held[f"{OFF:#06x}"], held[f"{EventId.LOW_BATTERY:#06x}"]) == (LogId.TAMPER | SEEN, LogId.FAULT | WAN | HAN)
    assert home.hub.firmware.mirrors.of(home.gsme.eui64).notifications.words[0] == 0
