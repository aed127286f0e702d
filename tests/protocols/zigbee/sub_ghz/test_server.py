"""The coordinator's account of its airtime: whom it silences from which share on, and for how long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.errors import RemoteProtocolError
from protocols.zigbee.sub_ghz.channels import CHANNELS, channels, mask
from protocols.zigbee.sub_ghz.duty_cycle import HOUR, MINUTE, SECOND
from protocols.zigbee.sub_ghz.server import SUSPENSION, DutyState, Limits, Server, Suspend

GAS, OTHER, STRANGER = 1, 2, 3


@pytest.fixture
def server():
    return Server(Limits(0.01, 0.02))


def test_below_the_limits_nobody_is_silenced(server):
    assert server.spend(GAS, 30 * SECOND, 0) == []
    assert server.state is DutyState.NORMAL
    assert server.share(0) == pytest.approx(30 / 3600)
    assert server.heard(GAS, 1) == 0


def test_from_the_lower_limit_on_the_one_that_costs_most_is_silent(server):
    server.spend(OTHER, 10 * SECOND, 0)
    server.spend(None, 10 * SECOND, 0)
    assert server.spend(GAS, 16 * SECOND, 0) == [Suspend(GAS, SUSPENSION)]
    assert server.state is DutyState.LIMITED
    assert (server.heard(GAS, MINUTE), server.heard(OTHER, MINUTE)) == (SUSPENSION - 1, 0)
    assert server.spend(OTHER, SECOND, MINUTE) == []


def test_from_the_upper_limit_on_everybody_is(server):
    server.spend(OTHER, 1, 0)
    assert server.spend(GAS, 72 * SECOND, 0) == [Suspend(OTHER, SUSPENSION), Suspend(GAS, SUSPENSION)]
    assert server.state is DutyState.CRITICAL
    assert server.heard(OTHER, 0) == SUSPENSION
    assert server.heard(STRANGER, 0) == 0  # on the other radio


def test_who_speaks_after_its_silence_while_the_air_is_still_used_up_is_asked_again(server):
    server.spend(GAS, 72 * SECOND, 0)
    later = (SUSPENSION + 1) * MINUTE
    assert server.minutes(GAS, later) == 0
    assert server.heard(GAS, later) == SUSPENSION
    assert server.heard(GAS, 2 * HOUR) == 0
    assert server.state is DutyState.NORMAL


def test_after_an_hour_it_begins_anew(server):
    server.spend(GAS, 40 * SECOND, 0)
    assert server.spend(GAS, 40 * SECOND, 2 * HOUR) == [Suspend(GAS, SUSPENSION)]


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, SECOND), st.integers(0, MINUTE)), max_size=60))
def test_the_state_is_what_the_share_says(sent):
    server, now = Server(Limits(0.0005, 0.001)), 0
    for eui64, airtime, pause in sent:
        now += pause
        before = server.state
        told = server.spend(eui64, airtime, now)
        assert server.state == (server.share(now) >= 0.0005) + (server.share(now) >= 0.001)
        assert bool(told) <= (server.state > before)


@pytest.mark.parametrize(("page", "whole"), [(28, 0xE7FFFFFF), (29, 0xE80001FF), (30, 0xF7FFFFFF), (31, 0xFFFFFFFF)])
def test_masks_of_whole_pages_are_the_cluster_librarys_defaults(page, whole):
    assert mask(page) == whole
    assert channels(whole) == [(page, channel) for channel in CHANNELS[page]]


def test_a_mask_of_one_channel():
    assert mask(29, 62) == 0xE8000100
    assert channels(0xE8000100) == [(29, 62)]


@pytest.mark.parametrize("bits", [0, 0x07FFFFFF, 0xE8000200, 0xD8000001])
def test_a_mask_of_no_page_is_refused(bits):
    with pytest.raises(RemoteProtocolError):
        channels(bits)
