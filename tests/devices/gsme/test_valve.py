"""The gas meter's valve, in a living home: closed and armed from afar at a wake, opened by a hand and a leak test."""

from __future__ import annotations

import pytest

from devices.runtime.kernel import MIN, S
from protocols.zigbee.clusters.metering import Metering, SupplyStatus
from protocols.zigbee.clusters.mirror import Functional
from protocols.zigbee.clusters.time import EPOCH
from protocols.zigbee.zcl.status import Status
from tools.bench.commissioning import commission
from tools.bench.config import loads
from tools.bench.run import Run

HOME = """
[[home]]
[[home.device]]
kind = "hub"
[[home.device]]
kind = "gsme"
at = [6, 2]
wake_minutes = 10
[[home.device]]
kind = "ppmid"
at = [2, 2]
"""
CLOSED, ARMED, OPEN = SupplyStatus.OFF, SupplyStatus.OFF_ARMED, SupplyStatus.ON
WAKE = 11 * MIN
TRIAL = 70 * S
PLENTY = 3_000
"""Litres an hour."""


class Story:
    """A home with a gas meter and a prepayment interface; somebody uses gas all the time."""

    def __init__(self):
        self.run = Run(loads(HOME))
        self.events = []
        self.run.log.subscribe(lambda now, who, kind, data: self.events.append((now, kind, data)), ["gsme.valve", "gsme.set-taken"])
        commission(self.run)
        self.number = 0
        self.use()

    @property
    def meter(self):
        return self.run.gsme.firmware

    @property
    def valve(self):
        return self.meter.valve

    def use(self):
        register = self.meter.register
        register._demand.next = lambda utc: type("Level", (), {"value": PLENTY, "duration": MIN})
        register._next_level()

    def seconds(self):
        return self.run.gsme.rtc.read() // S - EPOCH

    def order(self, status, at=0, bits=0, number=None):
        self.number = self.number + 1 if number is None else number
        return Metering.ChangeSupply(1, self.number, self.seconds(), at, status, bits)

    def hold(self, command, flag=Functional.CHANGE_SUPPLY):
        self.run.hub.firmware.mirrors.hold(self.run.gsme.eui64, flag, command)

    def held(self):
        return self.run.hub.firmware.mirrors.held(self.run.gsme.eui64)

    def mirrored(self):
        reading = self.run.hub.firmware.mirrors.of(self.run.gsme.eui64).gas.reading
        return reading.get(Metering, Metering.supply_status)

    def shown(self):
        return self.run.gsme.display.lines[1].split()[-1]

    def flows(self):
        before = self.meter.register.total
        self.run.run(for_=MIN)
        return self.meter.register.total > before


@pytest.fixture
def story():
    return Story()


def states(story):
    return story.valve.status, story.shown(), story.mirrored()


@pytest.mark.req("S-116", part=True)
def test_an_order_waits_for_the_wake_and_is_carried_out_once(story):
    assert story.flows()
    story.hold(story.order(CLOSED))
    assert story.valve.status is OPEN
    assert story.held() != []
    story.run.run(for_=WAKE)
    assert states(story) == (CLOSED, "CLOSED", CLOSED)
    assert story.held() == []
    assert not story.flows()
    moves = [data for _, kind, data in story.events if kind == "gsme.valve"]
    story.run.run(for_=3 * WAKE)
    assert [data for _, kind, data in story.events if kind == "gsme.valve"] == moves
    assert len(moves) == 1


def test_h10_remote_on_is_refused_and_arming_needs_a_hand_and_a_leak_test(story):
    story.hold(story.order(CLOSED))
    story.run.run(for_=WAKE)
    story.hold(story.order(OPEN))
    story.run.run(for_=WAKE)
    assert states(story) == (CLOSED, "CLOSED", CLOSED)
    story.run.gsme.buttons.press("valve")
    assert not story.flows()
    story.hold(story.order(ARMED))
    story.run.run(for_=WAKE)
    assert states(story) == (ARMED, "ARMED", ARMED)
    assert not story.flows()
    before = story.meter.register.total
    story.run.gsme.buttons.press("valve")
    story.run.run(for_=S)
    assert story.shown() == "TEST"
    story.run.run(for_=TRIAL)
    assert story.valve.status is OPEN
    assert story.meter.register.total - before < PLENTY / 3600 * 15  # nobody used any before the test was over
    assert story.flows()
    story.run.run(for_=WAKE)
    assert states(story) == (OPEN, "OPEN", OPEN)


@pytest.mark.parametrize(("leak", "after"), [(29, OPEN), (30, OPEN), (31, CLOSED), (500, CLOSED)])
def test_uncontrolled_flow_closes_the_valve_again_and_its_threshold_has_two_sides(story, leak, after):
    arm(story)
    story.meter.register.leak = leak
    story.run.gsme.buttons.press("valve")
    story.run.run(for_=TRIAL)
    assert story.valve.status is after
    assert story.flows() is (after is OPEN)


def arm(story):
    for status in (CLOSED, ARMED):
        story.hold(story.order(status))
        story.run.run(for_=WAKE)
    assert story.valve.status is ARMED


def test_the_threshold_and_what_is_done_by_itself_are_set_together_and_reported_from_then_on(story):
    flag = Functional.SET_UNCONTROLLED_FLOW_THRESHOLD
    story.hold(Metering.SetUncontrolledFlowThreshold(1, 7, 1000, 1, 1, 10_000, 20, 30), flag)
    story.hold(Metering.SetSupplyStatus(7, 0, 3, ARMED, 3), flag)
    story.run.run(for_=WAKE)
    reading = story.run.hub.firmware.mirrors.of(story.run.gsme.eui64).gas.reading
    told = [Metering.uncontrolled_flow_threshold, Metering.uncontrolled_flow_threshold_divisor, Metering.supply_tamper_state,
            Metering.supply_uncontrolled_flow_state]  # fmt: skip
    assert [reading.get(Metering, each) for each in told] == [1000, 10_000, 0, ARMED]
    arm(story)
    story.meter.register.leak = 101
    story.run.gsme.buttons.press("valve")
    story.run.run(for_=33 * S)
    assert story.valve.status is ARMED  # the policy says so, and no gas flows
    assert not story.flows()
    story.meter.register.leak = 99
    story.run.gsme.buttons.press("valve")
    story.run.run(for_=33 * S)
    assert story.valve.status is OPEN
    reading = story.run.hub.firmware.mirrors.of(story.run.gsme.eui64).gas.reading
    assert reading.get(Metering, Metering.uncontrolled_flow_threshold) == 1000


def test_somebody_at_the_prepayment_interface_opens_an_armed_valve_at_the_next_wake(story):
    story.run.run(for_=6 * MIN)
    answers = []
    story.run.log.subscribe(lambda now, who, kind, data: answers.append(data["text"]), ["ppmid.answer"])
    story.run.ppmid.buttons.press("gas")
    story.run.run(for_=5 * S)
    assert story.held() == []
    arm(story)
    story.run.ppmid.buttons.press("gas")
    story.run.run(for_=5 * S)
    assert answers == ["gas: refused", "gas: when it wakes"]
    assert story.held() == [Metering.LocalChangeSupply(OPEN)]
    assert story.valve.status is ARMED
    story.run.run(for_=2 * WAKE)
    assert states(story) == (OPEN, "OPEN", OPEN)


def test_a_hand_is_forgotten_after_an_hour_and_by_a_restart_of_the_hub(story):
    arm(story)
    story.hold(Metering.LocalChangeSupply(OPEN), Functional.LOCAL_CHANGE_SUPPLY)
    story.run.hub.cut(off_for=S)
    story.run.run(for_=3 * WAKE)
    assert story.valve.status is ARMED


def test_an_order_for_a_time_is_carried_out_then_and_acknowledged(story):
    told = []
    story.run.log.subscribe(lambda now, who, kind, data: told.append((now, data)), ["meter.supply"])
    due = story.seconds() + 25 * 60
    story.hold(story.order(CLOSED, at=due, bits=1))
    story.run.run(for_=WAKE)
    assert story.valve.status is OPEN
    story.run.gsme.cut(off_for=2 * MIN)
    story.run.run(for_=2 * WAKE)
    assert states(story) == (CLOSED, "CLOSED", CLOSED)
    ((at, data),) = told
    assert data["status"] == CLOSED
    assert abs((at + story.run.kernel.utc - story.run.now) // S - EPOCH - due) <= 5


@pytest.mark.parametrize("status", [CLOSED, ARMED, OPEN])
def test_what_the_valve_is_outlives_the_battery(story, status):
    if status is not OPEN:
        story.hold(story.order(CLOSED))
        story.run.run(for_=WAKE)
    if status is ARMED:
        arm(story)
    story.run.gsme.cut(off_for=S)
    story.run.run(for_=MIN)
    story.use()
    assert story.valve.status is status
    assert story.flows() is (status is OPEN)


def test_a_battery_that_goes_in_the_leak_test_leaves_a_closed_valve(story):
    arm(story)
    story.run.gsme.buttons.press("valve")
    story.run.run(for_=20 * S)
    story.run.gsme.cut(off_for=S)
    story.run.run(for_=3 * MIN)
    story.use()
    assert story.valve.status is ARMED
    assert not story.flows()


def test_only_the_hub_orders(story):
    message = type("Message", (), {"source": 0x1234, "source_eui64": 5, "source_endpoint": 1})
    request = type("Request", (), {"message": message, "now": story.run.now})
    handlers = story.meter.han.endpoints[1].server(Metering).handlers
    for command in (story.order(CLOSED), Metering.LocalChangeSupply(OPEN), Metering.SetSupplyStatus(9, 0, 0, 0, 0),
                    Metering.SetUncontrolledFlowThreshold(1, 9, 1, 1, 1, 1, 1, 1)):  # fmt: skip
        assert handlers[type(command)](command, request) is Status.NOT_AUTHORIZED
    assert story.valve.status is OPEN


def test_an_old_order_changes_nothing(story):
    story.hold(story.order(CLOSED, number=5))
    story.run.run(for_=WAKE)
    arm(story)
    story.hold(story.order(CLOSED, number=4))
    story.run.run(for_=WAKE)
    assert story.valve.status is ARMED


@pytest.mark.parametrize("cut", range(0, 900, 180))
def test_a_power_cut_in_flash_leaves_an_order_done_or_not_done_and_never_an_open_valve_without_a_hand(story, cut):
    arm(story)
    total = story.meter.register.total
    story.run.gsme.flash.cut_after(cut)
    story.run.gsme.buttons.press("valve")
    story.hold(story.order(CLOSED))
    story.run.run(for_=WAKE)
    story.run.gsme.flash.cut_after(None)
    if not story.run.gsme.powered:
        story.run.gsme.cut(off_for=S)
    story.run.run(for_=2 * WAKE)
    story.use()
    assert story.held() == []
    assert story.valve.status in (CLOSED, ARMED)
    assert not story.flows()
    assert story.meter.register.total >= total - PLENTY // 6  # what flowed on trial since the last reading
