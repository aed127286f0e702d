"""Hubs of a street that choose their channels themselves."""

from __future__ import annotations

from devices.runtime.kernel import MIN, S
from protocols.zigbee.interpan import ACCEPTABLE
from protocols.zigbee.node import ZdoResponse

HOME = """
[[home]]
name = "home{0}"
at = [{1}, 0]
[home.air]
channel = "auto"
[[home.device]]
kind = "hub"
[[home.device]]
kind = "esme"
at = [0.3, 0]
"""


def test_neighbours_spread_over_the_channels(build):
    street = build("[neighbourhood]\nrange_m = 60\n" + "".join(HOME.format(number, 8 * number) for number in range(5)))
    formed = [street.events("han.joined", f"home{number}/hub")[0] for number in range(5)]
    assert {told["channel"] for told in formed} <= {11, 14, 15, 19, 20, 24, 25}
    assert len({told["channel"] for told in formed}) >= 4  # two may have looked at the same moment
    assert len({told["pan_id"] for told in formed}) == 5
    hub = street.board("home3/hub")
    hub.cut(off_for=MIN)
    street.run(for_=5 * MIN)
    assert street.events("han.joined", hub.name)[1:] == [{**formed[3], "resumed": True}]


def test_out_of_each_others_reach_they_may_share_one(build):
    street = build("[neighbourhood]\nrange_m = 10\n" + "".join(HOME.format(number, 500 * number) for number in range(2)))
    formed = [street.events("han.joined", f"home{number}/hub")[0]["channel"] for number in range(2)]
    assert formed == [11, 11]


OVEN = """
[[home]]
name = "home0"
[home.air]
channel = "auto"
contention = true
noise = [{ at = [1, 0], channels = [11, 14, 15], db = 20, duty = 0.5, period_ms = 20 }]
[[home.device]]
kind = "hub"
[[home.device]]
kind = "esme"
at = [2, 0]
"""


def test_a_channel_with_an_oven_on_it_is_left_alone_and_meters_measure_for_the_hub(build):
    home = build(OVEN)
    (formed,) = home.events("han.joined", "home0/hub")
    assert formed["channel"] == 19
    hub, channels = home.board("home0/hub").firmware.han, (11, 15, 19, 26)
    meter = home.board("home0/esme").firmware.han.stack
    told = []
    hub.on(ZdoResponse, lambda answer: told.append(answer.response))
    hub.apply(hub.stack.energy(meter.short, channels, 3, hub.now)[1])
    home.run(for_=5 * S)
    (answer,) = told
    assert answer.channels == sum(1 << channel for channel in channels)
    assert [level > ACCEPTABLE for level in answer.levels] == [True, True, False, False]
    home.run(for_=MIN)
    assert meter.joined
    assert home.events("han.parent-lost") == []
