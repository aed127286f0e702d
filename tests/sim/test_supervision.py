"""A hub whose firmware hangs, a job that is stuck, and flash that another firmware wrote: in a living home."""

from __future__ import annotations

from devices.runtime.kernel import DAY, HOUR, MIN
from hubfw import Firmware, store
from hubfw.supervision import STUCK, TIMEOUT


def test_a_hub_that_hangs_is_back_in_minutes_with_all_it_knew(home) -> None:
    home.run_until(HOUR)
    mirror = home.hub.firmware.mirrors.of(home.gsme.eui64).gas.reading
    home.hub.hang()
    assert home.hub.firmware is None
    home.run(for_=TIMEOUT + 5 * MIN)
    assert home.times("watchdog", "home1/hub") != []
    assert home.hub.firmware.mirrors.of(home.gsme.eui64).gas.reading.at >= mirror.at
    assert home.commissioned
    assert home.head_end.meter("esme").register("1-0:1.8.0").value > 0


def test_a_job_that_is_stuck_is_named_and_the_board_reset(home) -> None:
    home.run_until(10 * MIN)
    home.hub.firmware.supervision.job("seeded fault", HOUR)
    home.run(for_=HOUR + TIMEOUT + 3 * MIN)
    assert home.events("hub.stuck") == [{"job": "seeded fault"}]
    assert len(home.times("watchdog")) == 1
    assert home.hub.nvm.get(STUCK) == [1, "seeded fault"]
    home.run(for_=HOUR)
    assert home.commissioned
    assert len(home.times("watchdog")) == 1


def test_no_watchdog_bites_in_three_days(build) -> None:
    home = build('[[home]]\n[[home.device]]\nkind = "hub"\n[[home.device]]\nkind = "gsme"\n')
    home.run_until(3 * DAY)
    assert home.times("watchdog") == []
    assert home.hub.watchdog.running


def test_an_old_flash_is_migrated_and_a_newer_one_left_alone(home) -> None:
    home.run_until(HOUR)
    key = next(iter(home.hub.nvm.keys("mirror/")))
    old = home.hub.nvm.get(key)
    del old["event"]
    home.hub.nvm.commit({key: old}, [store.LAYOUT])
    home.hub.restart()
    home.run(for_=MIN)
    assert home.events("hub.migrated") == [{"from": 1}, {"from": 2}]
    assert isinstance(home.hub.firmware, Firmware)
    home.run(for_=HOUR)
    assert home.commissioned
    home.hub.nvm.put({store.LAYOUT: 99})
    kept = {each: home.hub.nvm.get(each) for each in home.hub.nvm.keys("mirror/")}
    home.hub.restart()
    home.run(for_=HOUR)
    assert home.events("hub.halted") == [{"reason": "layout 99, and this firmware knows 3"}]
    assert {each: home.hub.nvm.get(each) for each in home.hub.nvm.keys("mirror/")} == kept
    assert not isinstance(home.hub.firmware, Firmware)
