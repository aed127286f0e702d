"""A water heater and an electric vehicle use less when the hub says so: load control for each appliance, over the air."""

from __future__ import annotations

import itertools

import pytest

from devices.parts.han import Refused
from devices.runtime.kernel import HOUR, MIN, S
from protocols.core.errors import LocalProtocolError
from protocols.zigbee.clusters.demand_response import DemandResponse, DeviceClass, EventControl, EventStatus
from protocols.zigbee.clusters.energy_management import Action, EnergyManagement

HEATER, CAR = DeviceClass.WATER_HEATER, DeviceClass.ELECTRIC_VEHICLE


@pytest.fixture
def home(build):
    run = build("load-control")
    run.run(for_=2 * MIN)
    return run


def told(home, number, name):
    """What a device told the hub of an event."""
    return [each.name for each in home.hub.firmware.load_control.reports.get((number, home.board(name).eui64), [])]


def moves(home, name):
    """When its switch moved (seconds of the run) and whether it closed."""
    who = home.board(name).name
    return [(now // S, data["closed"]) for now, node, kind, data in home.told if kind == "load.switch" and node == who]


@pytest.mark.req("S-106")
def test_each_appliance_is_told_on_its_own(home):
    number = home.hub.firmware.load_control.issue(30, classes=HEATER)
    home.run(for_=5 * S)
    assert not home.board("heater").firmware.load.closed
    assert home.board("car").firmware.load.closed
    home.run(for_=HOUR)
    assert home.board("heater").firmware.load.closed
    assert told(home, number, "heater") == ["RECEIVED", "STARTED", "COMPLETED"]
    assert told(home, number, "car") == []
    (opened, _), (closed, _) = moves(home, "heater")
    assert 1797 <= closed - opened <= 1800  # it was told within seconds, and ends on time
    assert moves(home, "car") == []


def test_the_meter_measures_what_the_appliance_draws(home):
    """3 kW of the heater are in the power and the register while its switch is closed, and not while it is open."""
    meter, heater = home.esme.firmware.meter, home.board("heater").firmware.load
    household = meter.metrology._wanted
    assert meter.watts == household + 3000
    home.hub.firmware.load_control.issue(30, classes=HEATER)
    home.run(for_=5 * S)
    assert not heater.closed
    assert meter.watts == meter.metrology._wanted
    home.run(for_=MIN)
    opened = meter.metrology.joules
    home.run(for_=MIN)
    used = meter.metrology.joules - opened
    home.run(for_=30 * MIN)
    assert heater.closed
    closed = meter.metrology.joules
    home.run(for_=MIN)
    assert meter.metrology.joules - closed > 3000 * 60 > used
    home.mains.off(MIN)
    home.run(for_=S)
    assert meter.watts == 0
    home.esme.cut(off_for=S)
    home.run(for_=5 * MIN)
    assert home.esme.firmware.meter.watts == home.esme.firmware.meter.metrology._wanted + 3000


@pytest.mark.req("S-109", part=True)
@pytest.mark.req("S-110", part=True)
def test_starts_are_scattered_over_half_an_hour_and_who_crosses_a_price_says_so(home):
    control = home.hub.firmware.load_control
    utc = home.hub.rtc.read()
    begin = (utc // (30 * MIN * 1) + 4) * 30 * MIN + 10 * MIN
    for day in range(10):
        control.issue(10, start=begin + day * 2 * HOUR, classes=HEATER, control=EventControl.RANDOMISED_START)
        home.run(for_=2 * HOUR)
    home.run(for_=4 * HOUR)
    taken = home.events("load.event", home.board("heater").name)
    offsets = [each["offset"] for each in taken]
    assert len(set(offsets)) == 10
    assert all(0 <= offset <= 1799 for offset in offsets)
    assert max(offsets) - min(offsets) > 600
    assert [each["crosses_price"] for each in taken] == [offset >= 1200 for offset in offsets]
    opened = [at * S for at, closed in moves(home, "heater") if not closed]
    assert len(opened) == 10


def test_a_duty_cycle(home):
    home.hub.firmware.load_control.issue(60, classes=HEATER, duty_cycle=25)
    home.run(for_=2 * HOUR)
    times = [at for at, _ in moves(home, "heater")]
    assert [closed for _, closed in moves(home, "heater")] == [False, True] * 6
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert all(abs(gap - expected) <= 1 for gap, expected in zip(gaps, [450, 150] * 6, strict=False))


def test_a_later_event_takes_the_place_of_an_earlier_one(home):
    control, utc = home.hub.firmware.load_control, home.hub.rtc.read()
    first = control.issue(60, start=utc + 10 * MIN)
    second = control.issue(10, start=utc + 30 * MIN, classes=HEATER)
    home.run(for_=2 * HOUR)
    assert told(home, first, "heater") == ["RECEIVED", "SUPERSEDED"]
    assert told(home, second, "heater") == ["RECEIVED", "STARTED", "COMPLETED"]
    assert told(home, first, "car") == ["RECEIVED", "STARTED", "COMPLETED"]


def test_a_person_opts_out_and_in(home):
    number = home.hub.firmware.load_control.issue(60)
    home.run(for_=5 * MIN)
    home.board("heater").buttons.press("opt")
    home.run(for_=S)
    assert home.board("heater").firmware.load.closed
    assert not home.board("car").firmware.load.closed
    assert "opted out" in home.board("heater").display.lines[2]
    home.run(for_=5 * MIN)
    home.board("heater").buttons.press("opt")
    home.run(for_=2 * HOUR)
    assert told(home, number, "heater") == ["RECEIVED", "STARTED", "OPTED_OUT", "OPTED_IN", "PARTLY_COMPLETED_OPTED_IN"]
    assert told(home, number, "car") == ["RECEIVED", "STARTED", "COMPLETED"]


def test_cancelled_by_number_and_all_together(home):
    control, utc = home.hub.firmware.load_control, home.hub.rtc.read()
    first, second, third = (control.issue(60, start=utc + n * 2 * HOUR, classes=CAR) for n in range(3))
    home.run(for_=MIN)
    control.cancel(first)
    home.run(for_=MIN)
    assert home.board("car").firmware.load.closed
    control.cancel_all()
    home.run(for_=10 * MIN)
    assert told(home, first, "car") == ["RECEIVED", "STARTED", "CANCELLED"]
    assert told(home, second, "car") == told(home, third, "car") == ["RECEIVED", "CANCELLED"]
    with pytest.raises(LocalProtocolError):
        control.cancel(first)


def test_who_was_off_asks_for_what_was_issued(home):
    home.board("car").cut(off_for=30 * MIN)
    home.run(for_=MIN)
    number = home.hub.firmware.load_control.issue(120, classes=CAR)
    home.run(for_=40 * MIN)
    assert told(home, number, "car") == ["RECEIVED", "STARTED"]
    assert not home.board("car").firmware.load.closed


def test_events_outlive_the_power_at_both_ends(home):
    number = home.hub.firmware.load_control.issue(60, classes=HEATER)
    home.run(for_=5 * MIN)
    home.board("heater").cut(off_for=MIN)
    home.hub.cut(off_for=MIN)
    home.run(for_=10 * MIN)
    assert not home.board("heater").firmware.load.closed
    home.run(for_=HOUR)
    assert home.board("heater").firmware.load.closed
    assert told(home, number, "heater") == ["COMPLETED"]  # the hub forgot what it was told before


def test_an_energy_manager_asks_opts_out_and_sets_a_level(home):
    hub, heater = home.hub.firmware.han, home.board("heater")
    hub.endpoints[1].use(EnergyManagement)
    address = hub.stack.address_of(heater.eui64)
    number = home.hub.firmware.load_control.issue(60, classes=HEATER, criticality=2)
    home.run(for_=MIN)

    def ask(coro):
        task = home.kernel.spawn(coro, who="test")
        home.until(lambda: task.done, within=MIN)
        return task.result()

    read = [EnergyManagement.load_control_state, EnergyManagement.current_event_id, EnergyManagement.current_event_status]
    values = ask(hub.read(address, 1, EnergyManagement, read))
    assert list(values.values()) == [0x23, number, 0x7C]  # relay open, event, call; on at end, reducing, taking part, active

    def manage(action, event=number):
        command = EnergyManagement.ManageEvent(event, HEATER, 0, action)
        return ask(hub.request(address, 1, command, EnergyManagement.ReportEventStatus))

    assert manage(Action.OPT_OUT).event_status == EventStatus.OPTED_OUT
    assert heater.firmware.load.closed
    assert manage(Action.OPT_IN, 0xFFFFFFFF).event_status == EventStatus.OPTED_IN
    assert not heater.firmware.load.closed
    assert manage(0, 12345).event_status == EventStatus.NOT_FOUND
    answer = manage(Action.DISABLE_DUTY_CYCLING)
    assert (answer.event_status, answer.duty_cycle_applied) == (EventStatus.STARTED, 0)
    assert heater.firmware.load.closed
    manage(Action.ENABLE_DUTY_CYCLING)
    home.run(for_=HOUR)
    assert "OPTED_OUT" in told(home, number, "heater")


def test_a_report_of_a_stranger_to_load_control_is_refused(home):
    esme = home.esme.firmware.han
    report = DemandResponse.ReportEventStatus(1, 3, 0, 1, 0x8000, 0x8000, 0, 0xFF, 0, 0, b"\xff" * 42)
    home.kernel.spawn(esme.confirm(0, 1, report), who="test")
    with pytest.raises(Refused, match="NOT_AUTHORIZED"):
        home.run(for_=MIN)
    assert home.hub.firmware.load_control.reports == {}
