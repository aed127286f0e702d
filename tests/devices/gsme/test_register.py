"""The register and the half-hour log in a running meter."""

from __future__ import annotations

from functools import partial

import pytest

from devices import gsme
from devices.parts.profile_log import RowStatus
from devices.runtime.kernel import DAY, HOUR, MIN, S
from protocols.zigbee.clusters.metering import Metering


@pytest.fixture
def meter(premises, scripted_hub, install_code):
    config = gsme.Config(install_code, wake_offset=7 * S)
    return premises.put("gsme", partial(gsme.Firmware, config=config), 2, battery=True)


def test_every_half_hour_has_its_row(premises, meter):
    premises.run(DAY + MIN)
    rows = meter.firmware.log.rows()
    assert [(row.at - premises.kernel.start_ns) // (30 * MIN) for row in rows] == list(range(1, 49))
    totals = [row.total for row in rows]
    assert totals == sorted(totals)
    assert totals[-1] <= meter.firmware.register.total
    assert {row.status for row in rows} == {RowStatus(0)}


def test_rows_outlive_the_battery_and_the_time_without_it_is_a_gap(premises, meter):
    premises.run(3 * HOUR + MIN)
    before = meter.firmware.log.rows()
    meter.supply.remove()
    premises.run(2 * HOUR)
    meter.supply.insert()
    premises.run(HOUR)
    rows = meter.firmware.log.rows()
    assert rows[: len(before)] == before
    assert rows[len(before)].status == RowStatus.GAP
    totals = [row.total for row in rows]
    assert totals == sorted(totals)


@pytest.mark.parametrize("by", [-2 * HOUR, 2 * HOUR])
def test_a_clock_that_jumps_writes_no_slot_twice(premises, meter, by):
    premises.run(5 * HOUR + MIN)
    meter.rtc.step(by)
    premises.run(5 * HOUR)
    slots = [row.at for row in meter.firmware.log.rows()]
    assert len(slots) == len(set(slots))
    assert slots == sorted(slots)
    totals = [row.total for row in meter.firmware.log.rows()]
    assert totals == sorted(totals)


@pytest.mark.parametrize("cut_after", [0, 1, 17, 40, 90, 150, 333, 1000])
def test_what_was_reported_never_falls_over_a_power_cut_in_the_middle_of_writing(premises, scripted_hub, meter, cut_after):
    premises.run(HOUR + MIN)
    meter.cut_at_flash_operation(cut_after, off_for=20 * MIN)
    premises.run(3 * HOUR)
    volumes = [values[Metering.current_summation_delivered] for _, values in scripted_hub.firmware.sets]
    assert len(volumes) >= 7
    assert volumes == sorted(volumes)
