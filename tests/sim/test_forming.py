"""Hubs of a street that choose their channels themselves."""

from __future__ import annotations

from devices.runtime.kernel import MIN

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
