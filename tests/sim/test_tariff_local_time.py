"""A tariff by the premises' clock, on the days of 23 and 25 hours: hub and display switch when the people's clock says so."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from devices.runtime.kernel import MIN, S
from hubfw.han.local_time import zone
from protocols.zigbee.clusters.time import EPOCH
from protocols.zigbee.price.current import current_price

HOME = """
seed = 7
start = "{start}Z"
[[home]]
[[home.device]]
kind = "hub"
[[home.device]]
kind = "esme"
at = [0.3, 0]
[[home.device]]
kind = "ihd"
at = [8, -3]
[[home.publish]]
kind = "tariff"
after_s = 120
tiers = [{{ label = "Day", pence = [30.1] }}, {{ label = "Night", pence = [9.5] }}]
weekdays = ["00:00 Night", "07:00 Day"]
time = "local"
"""


def ns(*moment):
    return int(datetime(*moment, tzinfo=UTC).timestamp()) * S


@pytest.mark.req("S-059", part=True)
@pytest.mark.parametrize(("start", "switch"), [
    ("2026-03-28T06:30:00", (2026, 3, 28, 7)),  # the last day of winter
    ("2026-03-29T00:30:00", (2026, 3, 29, 6)),  # 23 hours
    ("2026-10-24T05:30:00", (2026, 10, 24, 6)),
    ("2026-10-25T00:30:00", (2026, 10, 25, 7)),  # 25 hours
])  # fmt: skip
def test_the_day_rate_begins_at_seven_by_the_peoples_clock(build, start, switch):
    home = build(HOME.format(start=start))
    at = ns(*switch) - home.kernel.start_ns

    def prices():
        store, now = home.hub.firmware.tariffs.of("electricity").store, home.hub.rtc.read() // S - EPOCH
        return home.screen("ihd")[4].split()[0], current_price(store, now, zone=zone(now)).rate_label

    home.run_until(at - 5 * S)
    assert prices() == ("Night", b"Night")
    home.run_until(at + MIN + 5 * S)
    assert prices() == ("Day", b"Day")


@pytest.mark.parametrize(("year", "begin", "end"), [(2025, 30, 26), (2026, 29, 25), (2027, 28, 31), (2029, 25, 28), (2099, 29, 25)])
def test_summer_is_from_last_sunday_to_last_sunday(year, begin, end):
    summer = zone((ns(year, 7, 1) // S) - EPOCH)
    assert (summer.dst_start + EPOCH) * S == ns(year, 3, begin, 1)
    assert (summer.dst_end + EPOCH) * S == ns(year, 10, end, 1)
