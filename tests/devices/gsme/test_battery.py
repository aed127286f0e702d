"""What the radio costs a cell, and what the meter makes of it."""

from __future__ import annotations

from functools import partial

import pytest

from devices import gsme
from devices.gsme.battery import DAY, HOUR, Battery
from devices.gsme.config import Cell
from devices.runtime.air import OnAir
from devices.runtime.kernel import MIN, MS, US, S
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


def test_radio_time_is_what_the_air_shows(premises, scripted_hub, install_code):
    """From the start of each frame to the end of its acknowledgement, and from "frame pending" to the held frame."""
    frames = []

    def hear(now, who, kind, data):
        if kind == "air.frame" and OnAir.unpack(data).psdu[5:7] != b"\xff\xff":  # the hub's broadcasts are not for it
            frames.append((who, OnAir.unpack(data).start, now, OnAir.unpack(data).psdu))

    meter = premises.put("gsme", partial(gsme.Firmware, config=gsme.Config(install_code, wake_offset=0)), 2, battery=True)
    premises.run(40 * MIN)
    before = meter.firmware.radio_time.total
    premises.kernel.log.subscribe(hear)
    premises.run(60 * MIN)
    counted = meter.firmware.radio_time.total - before
    shown, since = 0, None
    for who, start, end, psdu in frames:
        acknowledgement, asked, pending = psdu[0] & 7 == 2, psdu[0] & 0x20, psdu[0] & 0x10
        if since is None:
            since = start
        if (acknowledgement and (who == "gsme" or not pending)) or not (acknowledgement or asked):
            shown += end - since
            since = None
    assert len(frames) > 50
    exchanges = sum(psdu[0] & 7 == 2 for *_, psdu in frames)
    assert 0 <= counted - shown < exchanges * 640 * US  # interframe spacing is waited awake


def test_it_reports_a_low_battery(premises, scripted_hub, install_code):
    config = gsme.Config(install_code, wake_offset=0, cell=Cell(capacity_mah=1, sleep_ua=1000, low_percent=50))
    premises.put("gsme", partial(gsme.Firmware, config=config), 2, battery=True)
    premises.run(65 * MIN)
    reported = [values[Metering.status] for _, values in scripted_hub.firmware.sets]
    assert reported == [0, Status.LOW_BATTERY, Status.LOW_BATTERY]
