"""Friendly credit in a living home: a calendar from the head end, credit that ends at night, a supply that stays until morning."""

from __future__ import annotations

import pytest

from devices.runtime.kernel import DAY, HOUR, MIN, S
from protocols.dlms import axdr
from protocols.dlms.obis import Obis
from protocols.zigbee.clusters.event_id import EventId
from protocols.zigbee.clusters.events import LogId
from protocols.zigbee.clusters.metering import Metering, SupplyStatus
from protocols.zigbee.clusters.prepayment import AlarmStatus, CreditStatus, Originator, PaymentControl, Prepayment
from protocols.zigbee.clusters.time import EPOCH

HOME = """
profile = "{}"
start = 2026-01-14T20:00:00Z
[[home]]
[[home.device]]
kind = "hub"
[[home.device]]
kind = "esme"
at = [0.3, 0]
"""
SCHEDULE, SCRIPTS, ACCOUNT, SWITCH = "0-0:12.0.1", "0-0:10.0.106", "0-0:19.0.0", "0-0:96.3.10"
BEGINS, ENDS = 32, 33
EVENING, MORNING = 22, 8
OPEN_DATE = bytes.fromhex("FFFFFFFFFF")
PREPAID = PaymentControl.PREPAYMENT | PaymentControl.DISCONNECTION
PENNY = 1_000


class Friendly:
    """The head end on its side, the hub's Prepayment client on the other."""

    def __init__(self, home):
        self.home = home
        self.line = home.head_end.meter("esme", writes=True)
        self.hub = home.hub.firmware
        self.hub.han.endpoints[1].use(Prepayment)
        self.address = self.hub.han.stack.address_of(home.esme.eui64)
        self.issuer = 0

    def ask(self, coro):
        task = self.hub.spawn(coro)
        self.home.until(lambda: task.done, within=MIN)
        return task.result()

    def calendar(self, *switches):
        """(hour, script) of every day."""
        entries = [
            axdr.structure(
                axdr.u16(index), axdr.boolean(True), axdr.octets(Obis(SCRIPTS)), axdr.u16(script),
                axdr.octets(bytes((hour, 0, 0, 0))), axdr.u16(0xFFFF), axdr.bits("1111111"), axdr.bits(""),
                axdr.octets(OPEN_DATE), axdr.octets(OPEN_DATE),
            )
            for index, (hour, script) in enumerate(switches, 1)
        ]  # fmt: skip
        self.line.set(SCHEDULE, 10, 2, axdr.array(entries))

    def prepaid(self, credit):
        self.issuer += 2
        self.ask(self.hub.han.confirm(self.address, 1, Prepayment.CreditAdjustment(self.issuer - 1, 0, 1, credit)))
        command = Prepayment.ChangePaymentMode(0, self.issuer, 0, PREPAID, 0)
        self.ask(self.hub.han.request(self.address, 1, command, Prepayment.ChangePaymentModeResponse))

    def emergency(self):
        command = Prepayment.SelectAvailableEmergencyCredit(self.home.esme.rtc.read() // S - EPOCH, Originator.DISPLAY)
        self.ask(self.hub.han.confirm(self.address, 1, command))

    def read(self, attribute, cluster=Prepayment):
        return self.ask(self.hub.han.read(self.address, 1, cluster, [attribute]))[attribute]

    def faces(self):
        """Supply on, credit in use: as COSEM has it, as Smart Energy has it."""
        cosem = self.line.get(SWITCH, 70, 2).python, self.line.get(ACCOUNT, 111, 3).value != 0
        on = self.read(Metering.supply_status, Metering) == SupplyStatus.ON
        return cosem, (bool(on), not self.read(Prepayment.credit_status) & CreditStatus.EXHAUSTED)

    def alarms(self):
        return AlarmStatus(self.read(Prepayment.prepayment_alarm_status))

    def until(self, hour, minute=0):
        self.home.run(for_=(hour * HOUR + minute * MIN - self.home.esme.rtc.read()) % DAY + 30 * S)

    def events(self):
        return [row[0] for row in reversed(self.home.esme.firmware.events.log.rows(LogId.GENERAL)) if row[0] >> 8 == 4]


@pytest.fixture(params=["paper-2011", "gb"])
def friendly(build, request):
    return Friendly(build(HOME.format(request.param)))


ON_CREDIT, ON_FRIENDLY, OFF = (True, True), (True, False), (False, False)


@pytest.mark.req("S-062", part=True)
def test_a_supply_without_credit_stays_through_the_night_and_goes_in_the_morning(friendly):
    friendly.calendar((EVENING, BEGINS), (MORNING, ENDS))
    friendly.until(EVENING, 5)
    friendly.prepaid(PENNY)
    assert friendly.faces() == (ON_CREDIT, ON_CREDIT)
    assert not friendly.alarms() & AlarmStatus.FRIENDLY_CREDIT_IN_USE
    friendly.until(4)
    assert friendly.faces() == (ON_FRIENDLY, ON_FRIENDLY)
    assert friendly.alarms() & AlarmStatus.FRIENDLY_CREDIT_IN_USE
    assert not friendly.alarms() & (AlarmStatus.FRIENDLY_CREDIT_END_WARNING | AlarmStatus.DISCONNECTED_BY_CREDIT)
    assert 239 <= friendly.read(Prepayment.remaining_friendly_credit_time) <= 240
    used, owed = friendly.home.esme.firmware.meter.import_wh, friendly.read(Prepayment.credit_remaining)
    friendly.home.esme.cut(off_for=MIN)  # the period outlives the power
    friendly.until(MORNING - 1, 55)
    assert friendly.faces() == (ON_FRIENDLY, ON_FRIENDLY)
    assert friendly.alarms() & AlarmStatus.FRIENDLY_CREDIT_END_WARNING
    assert friendly.home.esme.firmware.meter.import_wh > used
    assert friendly.read(Prepayment.credit_remaining) < owed  # nothing is for nothing
    friendly.until(MORNING)
    assert friendly.faces() == (OFF, OFF)
    assert friendly.alarms() & AlarmStatus.DISCONNECTED_BY_CREDIT
    assert not friendly.alarms() & (AlarmStatus.FRIENDLY_CREDIT_IN_USE | AlarmStatus.FRIENDLY_CREDIT_END_WARNING)
    assert friendly.read(Prepayment.remaining_friendly_credit_time) == 0
    following = friendly.read(Prepayment.next_friendly_credit_period) + EPOCH
    assert following % 86_400 == EVENING * 3600
    assert [event for event in friendly.events() if event in FRIENDLY] == FRIENDLY
    friendly.until(EVENING, 5)
    assert friendly.faces() == (OFF, OFF)  # a friendly period brings back no supply


FRIENDLY = [EventId.FRIENDLY_CREDIT_IN_USE, EventId.FRIENDLY_CREDIT_PERIOD_END]


def test_by_day_credit_decides_and_emergency_credit_has_its_events(friendly):
    friendly.calendar((EVENING, BEGINS), (MORNING, ENDS))
    friendly.until(MORNING, 30)
    friendly.prepaid(PENNY)
    friendly.home.run(for_=4 * HOUR)
    assert friendly.faces() == (OFF, OFF)
    assert not set(friendly.events()) & set(FRIENDLY)
    friendly.emergency()
    friendly.home.esme.buttons.press("b")
    friendly.home.run(for_=MIN)
    assert friendly.faces() == (ON_CREDIT, ON_CREDIT)
    found = [event for event in friendly.events() if event >> 4 == 0x040]
    assert found == [EventId.LOW_CREDIT, EventId.CREDIT_EXHAUSTED, EventId.EMERGENCY_CREDIT_ENABLED]


def test_without_a_calendar_no_period_is_friendly(friendly):
    friendly.prepaid(PENNY)
    friendly.until(4)
    assert friendly.faces() == (OFF, OFF)
    assert friendly.read(Prepayment.next_friendly_credit_period) == 0xFFFFFFFF
