"""The airtime of an hour: spent, refused, and given back; and what `SuspendZclMessages` then says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from devices.runtime.band import BANDS, exists
from protocols.zigbee.clusters.sub_ghz import SubGhz
from protocols.zigbee.sub_ghz.duty_cycle import HOUR, MINUTE, SECOND, DutyCycle


def test_one_percent_is_36_seconds_an_hour():
    duty = DutyCycle(0.01)
    assert all(duty.spend(second * SECOND, SECOND) for second in range(36))
    assert not duty.spend(40 * SECOND, 1)
    assert duty.used(40 * SECOND) == 1.0
    assert not duty.spend(HOUR, 1)
    assert duty.spend(HOUR + MINUTE, 36 * SECOND)


def test_how_long_to_be_silent_as_the_cluster_says_it():
    duty = DutyCycle(0.01)
    assert duty.minutes(0) == 0
    duty.spend(90 * SECOND, SECOND)
    assert duty.resumes(2 * MINUTE) == HOUR
    message = SubGhz.SuspendZclMessages(duty.minutes(2 * MINUTE + 1 * SECOND))
    assert message.build() == bytes([60])
    assert duty.minutes(HOUR + 2 * MINUTE - 1) == 1
    assert duty.minutes(HOUR + 2 * MINUTE) == 0


@given(st.lists(st.tuples(st.integers(0, 20 * MINUTE), st.integers(1, 5 * SECOND)), max_size=60))
def test_no_hour_has_more_than_its_share(frames):
    duty, now, sent = DutyCycle(0.005), 0, []
    for gap, airtime in frames:
        now += gap
        if duty.spend(now, airtime):
            sent.append((now, airtime))
    for end, _ in sent:
        assert sum(airtime for at, airtime in sent if end - HOUR < at <= end) <= 18 * SECOND


def test_channels_by_page():
    """The 63 channels of 863-876 MHz are shared out; each is on one page."""
    shared = [channel for page in (28, 29, 30) for channel in BANDS[page].channels]
    assert sorted(shared) == list(range(63))
    assert exists(29, 62)
    assert not exists(30, 62)
    assert not exists(27, 0)
    assert not exists(0, 10)
    assert exists(0, 26)


def test_times_of_2450_mhz():
    """802.15.4-2006: macAckWaitDuration 54 symbols, aUnitBackoffPeriod 20, assessment 8; 127 octets take 4,256 us."""
    band = BANDS[0]
    assert (band.acknowledgement_wait, band.backoff, band.assessment) == (864_000, 320_000, 128_000)
    assert band.airtime(127) == 4_256_000
    assert BANDS[28].airtime(127) == 10_640_000
