"""Devices ask whether their trust centre is there, and look for it when it is not (bad input F23).

A hub that another one replaces is in test_swap_out.
"""

from __future__ import annotations

from itertools import pairwise

import pytest

from devices.runtime.kernel import HOUR, MIN, S
from protocols.zigbee.clusters.keep_alive import KeepAlive

ALONE = '[[home]]\n[[home.device]]\nkind = "hub"\n[[home.device]]\nkind = "esme"\nat = [0.3, 0]\n'
LOST = "han.trust-centre-lost"


@pytest.fixture
def asked():
    """When the hub was asked for its base time: a list that grows. It says `base` minutes and `jitter` seconds."""

    def listen(home, base=10, jitter=300):
        times = []
        server = home.hub.firmware.esi.endpoint.server(KeepAlive)
        server[KeepAlive.keep_alive_base] = lambda: times.append(home.now) or base
        server[KeepAlive.keep_alive_jitter] = jitter
        return times

    return listen


def gaps(times):
    return [(later - earlier) / S for earlier, later in pairwise(times)]


def test_a_device_asks_every_ten_minutes_and_up_to_five_more(build, asked):
    home = build(ALONE)
    times = asked(home)
    home.run(for_=24 * HOUR)
    found = gaps(times)
    assert 24 * 4 <= len(found) <= 24 * 6
    assert all(600 <= gap <= 901 for gap in found)
    assert max(found) - min(found) > 200
    assert home.events(LOST) == []


def test_the_trust_centre_says_how_often(build, asked):
    home = build(ALONE)
    times = asked(home, base=2, jitter=0)
    home.run(for_=HOUR)
    assert all(120 <= gap <= 121 for gap in gaps(times))
    assert len(times) > 20


def test_a_time_of_nought_is_not_believed(build, asked):
    home = build(ALONE)
    times = asked(home, base=0, jitter=0)
    home.run(for_=HOUR)
    assert all(600 <= gap <= 601 for gap in gaps(times))


def test_f23_two_misses_are_no_loss(home):
    home.hub.cut(off_for=19 * MIN)
    home.run(for_=HOUR)
    assert home.events(LOST) == []


def test_f23_a_hub_that_is_gone_is_missed_and_found_again(home):
    home.hub.cut(off_for=2 * HOUR)
    home.run(for_=2 * HOUR)
    for who in ("home1/esme", "home1/ihd", "home1/ppmid"):
        first = home.times(LOST, who)[0] / S / 60
        assert 20 < first < 60, who
        assert {data["eui64"] for data in home.events(LOST, who)} == {home.hub.eui64}
    home.run(for_=30 * MIN)
    misses = len(home.events(LOST))
    home.run(for_=2 * HOUR)
    assert len(home.events(LOST)) == misses
    assert home.screen("ihd")[1].endswith("kW")
    assert home.head_end.meter("esme").register("1-0:1.8.0").value > 0


def test_a_display_that_is_sent_away_while_it_looks_for_its_network_stops_looking(home):
    home.run(for_=MIN)
    home.shield("ihd")
    home.run(for_=20 * MIN)
    han = home.ihd.firmware.han
    assert not han._search.done
    home.shield("ihd", loss=0.0)
    home.hub.firmware.coordinator.unregister(home.ihd.eui64)
    home.run(for_=S)
    assert [data["rejoin"] for data in home.events("han.left", "home1/ihd")] == [False]
    assert han._search.done
    home.run(for_=HOUR)
    assert not han.stack.joined
