"""The gas meter and its mirror: what arrives, when, in which pieces, and what happens when it does not."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import pytest

from devices import gsme
from devices.parts.han import NoAnswer
from devices.runtime.faults import Effect, Fault, Faults
from devices.runtime.kernel import DAY, HOUR, MIN, S
from protocols.zigbee.clusters.basic import Basic
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.mirror import Functional
from protocols.zigbee.clusters.prepayment import Prepayment
from protocols.zigbee.clusters.time import EPOCH, Time
from protocols.zigbee.zcl.cluster import SERVER

WAKE = 30 * MIN


@pytest.fixture
def config(install_code):
    return gsme.Config(install_code, wake_offset=5 * S)


@pytest.fixture
def hub(scripted_hub, premises):
    premises.run(S)
    return scripted_hub.firmware


@pytest.fixture
def meter(premises, hub, config):
    return premises.put("gsme", partial(gsme.Firmware, config=config), 2, battery=True)


def test_it_joins_asks_for_a_mirror_configures_it_once_and_reports_at_once(premises, hub, meter):
    premises.until(lambda: hub.sets, within=30 * S)
    assert hub.asked[0] == Metering.RequestMirror()
    configure = hub.asked[1]
    assert (configure.reporting_interval, configure.mirror_notification_reporting, configure.notification_scheme) == (1800, 1, 2)
    premises.run(6 * HOUR)
    assert len(hub.asked) == 2
    assert len(hub.sets) == 1 + 12


@pytest.mark.req("S-134")
def test_consumption_reaches_the_hub_at_least_every_half_hour(premises, hub, meter):
    premises.run(DAY + MIN)
    times = [at for at, _ in hub.sets]
    volumes = [values[Metering.current_summation_delivered] for _, values in hub.sets]
    assert len(times) == 49
    assert times[0] < MIN
    assert all(later - earlier < WAKE + 5 * S + S for earlier, later in pairwise(times))
    assert volumes == sorted(volumes)
    assert 1000 < volumes[-1] - volumes[0] < 10_000  # litres: a household's January day


def test_sets_come_in_pieces_of_seventy_octets_with_the_reporting_status_last(premises, hub, meter):
    pieces = []
    take = hub.report

    def keep(values, request):
        pieces.append((len(request.message.payload), list(values)))
        take(values, request)

    for cluster in (Basic, Prepayment, Metering):
        hub.mirror.client(cluster).on_report(keep)
    premises.until(lambda: hub.sets, within=30 * S)
    assert max(octets for octets, _ in pieces) <= 70
    assert sorted(octets for octets, _ in pieces)[3] > 60  # only the last piece of each cluster is short
    names = [attribute for _, attributes in pieces for attribute in attributes]
    assert names[-1] is Metering.attribute_reporting_status
    assert names.count(Metering.attribute_reporting_status) == 1


DAYS_WEEKS_MONTHS = (0x01, 0x03, *range(0x20, 0x2E, 2), 0x30, 0x32, *range(0x34, 0x3C, 2), 0x40, 0x42, *range(0x44, 0x5C, 2))
"""Where the present and past periods are in the sets 0x04.., 0x0C..; costs have other days."""
GB_SET = {
    Basic: {0x0000, 0x0003, 0x0004, 0x0005, 0x0007},
    Metering: {
        0x0000, 0x0014, 0x0100, 0x0102, 0x0104, 0x0106, 0x0200, 0x0205, 0x0206, 0x0300, 0x0301, 0x0302, 0x0303, 0x0306, 0x0307,
        0x0311, 0x0312, 0x0314, 0x0607, 0x0608, 0x0700, 0x0701, 0x0702, 0x0703, 0x0A00, 0x0A04,
        *(0x0C00 | low for low in DAYS_WEEKS_MONTHS),
    },
    Prepayment: {
        0x0000, 0x0001, 0x0002, 0x0005, 0x0006, 0x0010, 0x0011, 0x0021, 0x0022, 0x0031, 0x0040, 0x0211, 0x0216, 0x0217, 0x0221,
        0x0226, 0x0227, 0x0231, 0x0239, 0x0400, 0x0500, 0x0501, 0x0502, 0x0503,
        0x051C, 0x051E, *(0x0500 | low for low in DAYS_WEEKS_MONTHS if low >= 0x20),
    },
}  # fmt: skip
"""GB's list by identifier, as the gas meter of Silicon Labs' 2020 GBCS framework reports it."""


def test_a_set_holds_what_gb_reports_and_the_time_of_the_reading(premises, hub, meter):
    assert [len(GB_SET[cluster]) for cluster in (Basic, Metering, Prepayment)] == [5, 55, 53]
    found = {cluster: set() for cluster in GB_SET}
    for cluster in GB_SET:
        hub.mirror.client(cluster).on_report(lambda values, request, cluster=cluster: (
            found[cluster].update(attribute.id for attribute in values), hub.report(values, request)
        )[1])  # fmt: skip
    premises.until(lambda: hub.sets, within=30 * S)
    found[Metering] -= {Metering.reading_snapshot_time.id, Metering.attribute_reporting_status.id}
    assert found == GB_SET


def test_energy_costs_and_the_bill_come_from_the_register(premises, hub, meter, config):
    """In the third day of January: known periods, unknown ones, and the arithmetic of the bill."""
    premises.run(2 * DAY + 10 * HOUR)
    values = hub.sets[-1][1]
    today = values[Metering.current_day_alternative_consumption_delivered]
    yesterday = values[Metering.previous_day_alternative_consumption_delivered]
    month = values[Metering.current_month_alternative_consumption_delivered]
    litres = values[Metering.current_summation_delivered] - config.start_litres
    assert month == pytest.approx(litres / 1000 * 1.02264 * 39.5 / 3.6 * 1000, abs=2)  # kWh = m3 x correction x CV / 3.6
    assert 0 < today < month
    assert 0 < yesterday < month
    assert values[Metering.previous_month_alternative_consumption_delivered] == 0xFFFFFFFF
    assert values[Prepayment.current_day_cost_consumption_delivered] == today * config.price // 1000
    assert values[Prepayment.previous_month_cost_consumption_delivered] == 0xFFFFFFFFFFFF
    assert values[Metering.bill_to_date_delivered] == month * config.price // 1000 + 3 * config.standing_charge
    assert values[Metering.bill_delivered_trailing_digit] >> 4 == values[Prepayment.historical_cost_consumption_formatting] & 7 == 5
    assert values[Metering.current_tier_summation_delivered[1]] == values[Metering.current_summation_delivered]


def test_a_set_holds_the_meters_own_values(premises, hub, meter, config):
    premises.run(2 * HOUR)
    at, values = hub.sets[-1]
    assert values[Basic.manufacturer_name] == config.manufacturer
    assert values[Metering.unit_of_measure] == 1
    assert (values[Metering.multiplier], values[Metering.divisor]) == (1, 1000)
    assert values[Metering.metering_device_type] == 1
    assert values[Metering.site_id] == config.mprn
    assert values[Prepayment.currency] == 826
    snapshot = (values[Metering.reading_snapshot_time] + EPOCH) * S - premises.kernel.start_ns
    assert 0 <= at - snapshot < 2 * S
    assert 3000 < values[Metering.remaining_battery_life_in_days] < 8000


@pytest.mark.req("S-142", part=True)
def test_it_sleeps_between_wakes_and_nobody_can_reach_it(premises, hub, meter):
    premises.until(lambda: hub.sets, within=30 * S)
    premises.run(10 * S)
    before, spent = premises.frames["gsme"], meter.firmware.radio_time.total
    address = hub.han.stack.address_of(meter.eui64)
    task = premises.kernel.spawn(no_answer(hub.han.read(address, 1, Metering, [Metering.status])), who="test")
    premises.run(25 * MIN)
    assert premises.frames["gsme"] == before
    assert meter.firmware.radio_time.total == spent
    assert task.result()


async def no_answer(question):
    """Whether nobody answered."""
    try:
        await question
    except NoAnswer:
        return True
    return False


def test_what_it_shows_is_the_reading_it_took(premises, hub, meter):
    premises.until(lambda: hub.sets, within=30 * S)
    premises.run(5 * HOUR + 10 * MIN)
    litres = hub.sets[-1][1][Metering.current_summation_delivered]
    assert meter.display.lines[0].split() == ["GAS", f"{litres / 1000:.3f}", "m3"]
    assert meter.firmware.register.total >= litres


# --- when things go wrong ---


@pytest.mark.req("S-098", part=True)
def test_a_set_that_breaks_off_is_begun_anew_at_the_next_wake(premises, hub, meter):
    premises.until(lambda: hub.sets, within=30 * S)
    premises.until(lambda: len(hub.pieces) > 2, within=WAKE + MIN)
    frames = premises.frames["gsme"]
    premises.air.set_loss("gsme", "hub", 1.0)
    premises.run(5 * MIN)
    assert len(hub.sets) == 1
    assert premises.frames["gsme"] - frames < 400  # bounded: the piece's repetitions, and looking for the hub
    premises.air.set_loss("gsme", "hub", 0.0)
    hub.pieces.clear()
    premises.run(WAKE)
    assert len(hub.sets) == 2
    assert set(hub.sets[1][1]) == set(hub.sets[0][1])
    assert "gsme.set-broken" in premises.kinds("gsme")


def test_the_first_set_is_tried_again_soon_and_not_for_ever(premises, hub, meter):
    hub.mirrors = False
    premises.run(25 * MIN)
    assert hub.asked == [Metering.RequestMirror()] * 3
    hub.mirrors = True
    premises.run(WAKE)
    assert len(hub.sets) == 1


def test_a_mirror_that_does_not_answer_is_asked_for_and_configured_again(premises, hub, meter):
    premises.until(lambda: hub.sets, within=30 * S)
    premises.run(MIN)
    hub.answers = False
    premises.run(WAKE)
    hub.answers = True
    premises.run(WAKE)
    assert [type(command).__name__ for command in hub.asked] == ["RequestMirror", "ConfigureMirror"] * 2
    assert hub.asked[3].issuer_event_id > hub.asked[1].issuer_event_id
    assert len(hub.sets) == 3


def test_a_mirror_that_was_removed_is_asked_for_again(premises, hub, meter):
    premises.until(lambda: hub.sets, within=30 * S)
    address = hub.han.stack.address_of(meter.eui64)
    hub.after(WAKE - premises.kernel.now % WAKE + 5 * S, hub.han.command, address, 1, Metering.MirrorRemoved(0x10))
    premises.run(WAKE + MIN)
    assert len(hub.asked) == 2
    premises.run(WAKE)
    assert len(hub.asked) == 4


def test_a_meter_that_left_joins_again_and_asks_for_a_mirror_anew(premises, hub, meter):
    premises.run(MIN)
    han = meter.firmware.han
    han.apply(han.stack.leave(han.now))
    premises.run(WAKE + MIN)
    assert len(hub.asked) == 4
    assert len(hub.sets) == 2


def test_after_a_battery_change_it_goes_on_with_its_mirror_and_never_falls(premises, hub, meter):
    premises.run(4 * HOUR)
    reported = hub.sets[-1][1][Metering.current_summation_delivered]
    life = meter.firmware.life
    meter.supply.remove()
    premises.run(3 * HOUR)
    sets = len(hub.sets)
    meter.supply.insert()
    premises.run(MIN)
    assert len(hub.sets) == sets + 1
    assert len(hub.asked) == 2
    assert hub.sets[-1][1][Metering.current_summation_delivered] >= reported
    assert life - WAKE < meter.firmware.life < life + 2 * MIN  # no life without power


def test_it_finds_its_hub_again_after_a_long_absence_with_longer_and_longer_pauses(premises, hub, meter):
    premises.until(lambda: hub.sets, within=30 * S)
    sent = []
    premises.mains.off(6 * HOUR)
    for _ in range(6):
        before = premises.frames["gsme"]
        premises.run(HOUR)
        sent.append(premises.frames["gsme"] - before)
    assert sent[0] > sent[-1]
    assert sent[-1] < 2 * 16 + 4 * 3 * 17 * 4  # two wakes, and every quarter of an hour three scans of 16 channels
    premises.run(2 * WAKE + MIN)  # the restarted hub has no mirror: the first set is not answered, then there is a new one
    assert meter.firmware.sets == 2


def test_over_a_bad_radio_every_set_is_whole(premises, hub, meter):
    premises.until(lambda: hub.sets, within=30 * S)
    faults = [Fault(Effect.DROP, chance=0.3), Fault(Effect.CORRUPT, chance=0.05, amount=9)]
    premises.air.faults = Faults(premises.kernel, "home1", faults)
    premises.run(DAY)
    assert len(hub.sets) > 40
    assert all(set(values) >= set(hub.sets[0][1]) for _, values in hub.sets)


# --- the clock ---


def test_its_clock_is_the_hubs(premises, hub, meter):
    premises.until(lambda: hub.sets, within=30 * S)
    assert abs(meter.rtc.read() - premises.kernel.utc) < S + 10**8
    assert meter.firmware.clock.reliable


def test_drift_is_corrected_once_a_day(premises, hub, install_code):
    config = gsme.Config(install_code, wake_offset=0)
    meter = premises.put("gsme", partial(gsme.Firmware, config=config), 2, battery=True, ppm=50.0)
    premises.run(3 * DAY)
    assert abs(meter.rtc.read() - premises.kernel.utc) < 7 * S  # 4.3 s a day, and the hub's whole seconds
    assert meter.firmware.clock.reliable


# A poll and whole seconds lie between: 11 s back could be less.
@pytest.mark.parametrize(("off", "adjusted"), [(9, True), (11, False), (31_536_000, False), (-12, False)])
def test_only_small_differences_are_corrected_and_large_ones_show(premises, hub, meter, off, adjusted):
    premises.until(lambda: hub.sets, within=30 * S)
    hub.clock_off = off * S
    hub.flags = Functional.TIME_SYNC
    premises.run(WAKE + MIN)
    followed = abs(meter.rtc.read() - premises.kernel.utc - off * S) < 2 * S
    assert followed is adjusted
    assert meter.firmware.clock.reliable is adjusted
    assert ("event" in premises.kinds("gsme")) is not adjusted


@pytest.mark.parametrize("broken", ["not synchronised", "no time", "no clock"])
def test_a_hub_that_does_not_know_the_time_is_not_believed(premises, hub, meter, broken):
    if broken == "no time":
        hub.han.endpoints[1].server(Time)[Time.time] = 0xFFFFFFFF
    elif broken == "no clock":
        del hub.han.endpoints[1].instances[Time.id, SERVER]
    else:
        hub.time_status = 0
    premises.until(lambda: hub.sets, within=30 * S)
    assert not meter.rtc.valid
    assert hub.sets[0][1][Metering.reading_snapshot_time] == 0xFFFFFFFF
    assert meter.firmware.log.rows() == []
