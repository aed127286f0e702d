"""What suppliers publish, through a day: tiers, blocks, a critical peak, bills; power cuts; what comes over the air for it."""

from __future__ import annotations

import pytest

from devices.runtime.kernel import HOUR, MIN, S


@pytest.fixture
def tariffs(build):
    return build("tariffs")


def price(home):
    """The line of the display that says what the tier is called and what a kilowatt-hour costs."""
    return home.screen("ihd")[4].split()


def test_the_display_goes_through_tiers_peak_and_blocks(tariffs):
    tariffs.run_until(2 * MIN + 20 * S)
    tariffs.run_until(4 * MIN)
    assert price(tariffs) == ["Night", "9.50", "p/kWh"]
    tariffs.run_until(7 * HOUR - 30 * S)
    assert price(tariffs) == ["Night", "9.50", "p/kWh"]
    tariffs.run_until(7 * HOUR + 30 * S)
    assert price(tariffs) == ["Day", "30.10", "p/kWh"]
    tariffs.run_until(8 * HOUR + 5 * MIN)
    assert price(tariffs) == ["peak?", "OK", "30.10", "p/kWh"]
    tariffs.ihd.buttons.press("ok")
    tariffs.run_until(8 * HOUR + 8 * MIN)
    assert [answer["answer"] for answer in tariffs.events("hub.cpp-response")] == [1]
    assert price(tariffs) == ["Day", "30.10", "p/kWh"]
    tariffs.run_until(17 * HOUR + MIN)
    assert price(tariffs) == ["CPP1", "90.00", "p/kWh"]
    tariffs.run_until(18 * HOUR + MIN)
    assert price(tariffs) == ["Day", "30.10", "p/kWh"]
    tariffs.run_until(20 * HOUR + 2 * MIN)
    assert price(tariffs) == ["Day", "1", "28.00", "p/kWh"]
    used = -tariffs.esme.firmware.meter.import_wh
    while used + tariffs.esme.firmware.meter.import_wh <= 1020:
        tariffs.run(for_=MIN)
    tariffs.run(for_=2 * MIN)
    late = tariffs.now >= 23 * HOUR
    assert price(tariffs) == (["Night", "2", "11.00", "p/kWh"] if late else ["Day", "2", "33.50", "p/kWh"])
