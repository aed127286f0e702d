"""The real-time clock: drift, setting, steps, and when a date will come."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from devices.runtime.kernel import DAY, HOUR, Kernel, S
from devices.runtime.rtc import Rtc

NEW_YEAR = 1_767_225_600 * S


def test_a_new_clock_counts_from_zero_and_is_not_valid() -> None:
    kernel = Kernel(start_ns=NEW_YEAR)
    rtc = Rtc(kernel)
    kernel.run_until(5 * S)
    assert (rtc.read(), rtc.valid) == (5 * S, False)
    rtc.set(NEW_YEAR)
    assert (rtc.read(), rtc.valid) == (NEW_YEAR, True)


def test_twenty_parts_per_million_are_1728_ms_a_day() -> None:
    kernel = Kernel()
    fast, slow = Rtc(kernel, ppm=20), Rtc(kernel, ppm=-20)
    fast.set(NEW_YEAR)
    slow.set(NEW_YEAR)
    kernel.run_until(DAY)
    assert fast.read() == NEW_YEAR + DAY + 1_728_000_000
    assert slow.read() == NEW_YEAR + DAY - 1_728_000_000


def test_a_step_goes_unnoticed_by_the_clock_and_a_loss_does_not() -> None:
    kernel, told = Kernel(), []
    rtc = Rtc(kernel)
    rtc.on_set.append(lambda: told.append(rtc.read()))
    rtc.set(NEW_YEAR)
    rtc.step(-HOUR)
    assert (rtc.read(), rtc.valid) == (NEW_YEAR - HOUR, True)
    rtc.lose()
    assert (rtc.read(), rtc.valid) == (0, False)
    assert told == [NEW_YEAR, NEW_YEAR - HOUR, 0]


@given(st.integers(-500_000, 500_000), st.integers(0, DAY), st.integers(1, 400 * DAY))
def test_when_is_the_first_instant_that_shows_it(ppb: int, begin: int, ahead: int) -> None:
    kernel = Kernel()
    rtc = Rtc(kernel, ppm=ppb / 1000)
    rtc.set(NEW_YEAR)
    kernel.run_until(begin)
    wanted = rtc.read() + ahead
    when = rtc.when(wanted)
    kernel.run_until(when - 1)
    assert rtc.read() < wanted
    kernel.run_until(when)
    assert rtc.read() >= wanted


def test_what_the_clock_shows_already_is_now_and_a_multiple_is_always_later() -> None:
    kernel = Kernel()
    rtc = Rtc(kernel)
    kernel.run_until(HOUR)
    assert rtc.when(5) == HOUR
    assert rtc.when_multiple(HOUR) == 2 * HOUR
