"""What the radio costs a cell, and what the meter makes of it."""

from __future__ import annotations

from functools import partial

import pytest

from devices import gsme
from devices.gsme.battery import DAY, HOUR, Battery
from devices.gsme.config import Cell
from devices.runtime.air import OnAir
from devices.runtime.kernel import MIN, MS, S
from protocols.zigbee.clusters.metering import Metering, Status

CELL = Cell(capacity_mah=1000, sleep_ua=100, radio_ua=20_000, low_percent=10)


@pytest.mark.parametrize(
    ("life", "radio", "percent", "days"),
    [
        (0, 0, 100, 416),  # 1,000,000 uAh at 2,400 a day
        (100 * DAY, 0, 76, 316),
        (100 * DAY, 100 * HOUR // 10, 56, 127),  # radio for 6 minutes a day: 2,000 uAh more
        (500 * DAY, 0, 0, 0),
    ],
)
def test_charge_is_what_was_drawn(life, radio, percent, days):
    battery = Battery(CELL, lambda: life, lambda: radio)
    assert battery.percent == percent
    assert battery.days == days


def test_a_busy_first_hour_is_not_taken_for_the_habit():
    busy = Battery(CELL, lambda: HOUR, lambda: HOUR // 10)
    assert busy.days > 200


@pytest.mark.parametrize(("life", "low"), [(374 * DAY, False), (376 * DAY, True)])
def test_low_from_a_tenth_on(life, low):
    assert Battery(CELL, lambda: life, lambda: 0).low is low


def test_radio_time_is_at_least_its_frames_and_not_much_more(premises, scripted_hub, install_code):
    airtime = 0

    def hear(now, who, kind, data):
        nonlocal airtime
        if kind == "air.frame" and who == "gsme":
            airtime += (len(OnAir.unpack(data).psdu) + 6) * 32_000

    premises.kernel.log.subscribe(hear)
    config = gsme.Config(install_code, wake_offset=0)
    meter = premises.put("gsme", partial(gsme.Firmware, config=config), 2, battery=True)
    premises.run(10 * MIN)
    joined = meter.firmware.radio_time.total
    assert 500 * MS < joined < 15 * S  # it scanned 16 channels
    sent = airtime
    premises.run(30 * MIN)
    wake = meter.firmware.radio_time.total - joined
    assert airtime - sent < wake < 500 * MS


def test_it_reports_a_low_battery(premises, scripted_hub, install_code):
    config = gsme.Config(install_code, wake_offset=0, cell=Cell(capacity_mah=1, sleep_ua=1000, low_percent=50))
    premises.put("gsme", partial(gsme.Firmware, config=config), 2, battery=True)
    premises.run(65 * MIN)
    reported = [values[Metering.status] for _, values in scripted_hub.firmware.sets]
    assert reported == [0, Status.LOW_BATTERY, Status.LOW_BATTERY]
