"""A hub that has used up its air below 1 GHz: the gas meter is silent, nothing is lost, and another channel is taken together."""

from __future__ import annotations

import pytest

from devices.runtime.air import OnAir
from devices.runtime.kernel import HOUR, MIN, S
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.sub_ghz import SubGhz
from protocols.zigbee.sub_ghz.server import DutyState

HOME = """
[[home]]
[home.air]
sub_ghz = {{ page = 28, channel = 5, limited_percent = {}, critical_percent = {} }}
[[home.device]]
kind = "hub"
[[home.device]]
kind = "gsme"
at = [6, 2]
wake_minutes = 2
band = "sub-ghz"
"""


@pytest.fixture
def frames():
    """Frames (no acknowledgements) of the gas meter from now on."""

    def listen(home):
        sent = []

        def heard(now, who, kind, data):
            if who == home.gsme.name and len(OnAir.unpack(data).psdu) > 12:  # nor polls
                sent.append(now)

        home.log.subscribe(heard, ["air.frame"])
        return sent

    return listen


def _mirrored(home):
    return home.hub.firmware.mirrors.of(home.gsme.eui64).gas.reading.get(Metering, Metering.current_summation_delivered)


def _use_up(home, share):
    """Let the hub send to the gas meter for this share of the hour, as downloads would."""
    radio = home.hub.firmware.second_radio
    octets = 133 * 80_000
    for _ in range(int(share * HOUR / octets)):
        radio.spend(home.gsme.eui64, 127)


def test_a_default_home_is_far_from_the_limits(build):
    home = build("dual-band")
    home.run_until(2 * HOUR)
    radio = home.hub.firmware.second_radio
    assert radio.state is DutyState.NORMAL
    assert 0 < radio.share < 0.005
    assert home.events("hub.suspended") == []


@pytest.mark.req("S-092", part=True)
def test_a_meter_that_costs_too_much_is_silent_for_as_long_as_the_hub_says(build, frames):
    home = build(HOME.format(1.5, 2.0))
    home.run_until(HOUR + MIN)
    _use_up(home, 0.016)
    assert home.events("hub.duty-cycle")[-1]["state"] == "LIMITED"
    assert home.events("hub.suspended") == [{"eui64": home.gsme.eui64, "minutes": 5}]
    home.until(lambda: home.events("han.silence", home.gsme.name))  # it slept then; it wakes, speaks once, and is told again
    minutes = home.events("han.silence", home.gsme.name)[-1]["minutes"]
    assert 3 <= minutes <= 5
    home.run(for_=S)
    complete = len(home.times("mirror.complete"))
    sent = frames(home)
    home.run(for_=minutes * MIN - 2 * S)
    assert sent == []
    assert [told["reason"] for told in home.events("gsme.set-broken")][-1] == "silence is kept"
    home.run(for_=30 * MIN)  # at each end of its silence it speaks, and is told again
    assert 0 < len(sent) < 30
    assert len(home.times("mirror.complete")) == complete
    home.run_until(2 * HOUR + 10 * MIN)
    assert home.hub.firmware.second_radio.state is DutyState.NORMAL
    assert len(home.times("mirror.complete")) > complete
    assert _mirrored(home) == home.gsme.firmware.register.reading.litres


def test_in_the_critical_state_whoever_speaks_is_not_heard(build):
    home = build(HOME.format(1.5, 2.0))
    home.run_until(HOUR + 20 * MIN)
    before = _mirrored(home)
    _use_up(home, 0.021)
    assert home.hub.firmware.second_radio.state is DutyState.CRITICAL
    home.run_until(HOUR + 31 * MIN)
    assert _mirrored(home) == before
    home.gsme.cut(off_for=S)
    home.run_until(HOUR + 33 * MIN)
    assert home.events("han.silence", home.gsme.name)[-1] == {"minutes": pytest.approx(4, abs=2)}  # it asked, as it could not know


def test_the_hubs_attributes_are_its_pages(build):
    home = build("dual-band")
    server = home.hub.firmware.esi.endpoint.server(SubGhz)
    assert [server[attribute] for attribute in SubGhz.sub_ghz_page_channel_mask] == [0xE7FFFFFF, 0xE80001FF, 0xF7FFFFFF, 0xFFFFFFFF]
    assert server[SubGhz.sub_ghz_channel_change] == 0


@pytest.mark.req("S-092", part=True)
def test_hub_and_meter_change_their_channel_together(build):
    home = build("dual-band")
    home.run_until(HOUR + 10 * MIN)
    searches = len(home.events("han.joined", home.gsme.name))
    home.hub.firmware.spawn(home.hub.firmware.second_radio.change_channel(30, 61))
    home.run_until(3 * HOUR)
    sent = set()
    home.log.subscribe(
        lambda now, who, kind, data: sent.add((OnAir.unpack(data).page, OnAir.unpack(data).channel)) if "esme" not in who else None,
        ["air.frame"],
    )
    home.run(for_=HOUR)
    assert {place for place in sent if place[0]} == {(30, 61)}
    assert len(home.events("han.joined", home.gsme.name)) == searches  # nobody had to look for the other
    assert home.times("mirror.complete")[-1] > home.now - 31 * MIN
    home.hub.cut(off_for=MIN)
    home.run(for_=HOUR)
    assert home.times("mirror.complete")[-1] > home.now - 31 * MIN


def test_a_meter_that_missed_the_change_finds_the_hub(build):
    home = build("dual-band")
    home.run_until(HOUR + 10 * MIN)
    home.shield("gsme")
    home.hub.firmware.spawn(home.hub.firmware.second_radio.change_channel(29, 62))
    home.run_until(4 * HOUR)
    home.shield("gsme", loss=0.0)
    home.run(for_=HOUR)
    assert home.events("han.joined", home.gsme.name)[-1]["channel"] == 62
    assert home.times("mirror.complete")[-1] > home.now - 31 * MIN
