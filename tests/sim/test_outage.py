"""Interruptions of supply at a whole home, from the mains to the head end: what is told, when, and what is not."""

from __future__ import annotations

import pytest

from devices.runtime.kernel import DAY, HOUR, MIN, MS, S
from tools.headend.notices import FirstBreath, LastGasp

HUB = '[[home.device]]\nkind = "hub"\nreserve_s = {reserve}\noutage_after_s = {limit}\n'
METERS = '[[home.device]]\nkind = "esme"\nat = [0.3, 0]\n[[home.device]]\nkind = "gsme"\nat = [6, 2]\n'


@pytest.mark.req("S-002", "S-003", "S-001")
@pytest.mark.parametrize("seconds, notices", [(179, 0), (180, 0), (181, 1)])
def test_only_a_loss_beyond_three_minutes_is_an_outage(home, seconds, notices):
    home.mains.off(seconds * S)
    home.run(for_=10 * MIN)
    assert len(home.head_end.notices(LastGasp)) == notices
    assert len(home.head_end.notices(FirstBreath)) == notices


@pytest.mark.req("S-002")
@pytest.mark.parametrize("seconds, notices", [(59, 0), (60, 0), (61, 1)])
def test_the_limit_is_a_setting(build, seconds, notices):
    home = build("[[home]]\n" + HUB.format(reserve=120, limit=60) + METERS)
    home.mains.off(seconds * S)
    home.run(for_=10 * MIN)
    assert home.notices() == ["LastGasp", "FirstBreath"][: 2 * notices]


@pytest.mark.req("S-001", "S-003")
def test_the_last_gasp_leaves_while_the_supply_is_still_gone(home):
    lost = home.now
    home.mains.off(10 * MIN)
    home.run(for_=4 * MIN)
    (gasp,) = home.head_end.notices(LastGasp)
    heard = gasp.received - home.kernel.start_ns - lost
    assert 180 * S < heard < 182 * S
    assert abs(gasp.lost - home.kernel.start_ns - lost) < S // 2  # the time of loss, not of the decision
    assert home.times("outage.lost")[0] - lost < 100 * MS  # the meter told it from its own hold-up
    assert not home.esme.powered
    assert home.notices() == ["LastGasp"]


@pytest.mark.req("S-004")
def test_the_first_breath_tells_how_long_it_was(home):
    home.mains.off(10 * MIN)
    home.run(for_=15 * MIN)
    (gasp,), (breath,) = home.head_end.notices(LastGasp), home.head_end.notices(FirstBreath)
    assert breath.lost == gasp.lost
    assert 599 <= breath.seconds <= 601
    assert 600 * S < breath.received - gasp.lost < 602 * S + 60 * S  # the hub had no power at the end, and has to start


@pytest.mark.req("S-003")
def test_a_reserve_that_is_too_small_is_seen_to_fail(build):
    home = build("[[home]]\n" + HUB.format(reserve=120, limit=180) + METERS)
    home.mains.off(10 * MIN)
    home.run(for_=20 * MIN)
    assert home.notices() == []
    assert [event["what"] for event in home.events("outage")] == ["missed"]
    hub = home.head_end.meter("hub")
    assert hub.register("0-0:96.7.15").value == pytest.approx(600, abs=61)
    assert hub.get("0-0:96.7.5", 1, 2).value == 1


def test_a_short_loss_with_a_hub_in_the_dark_is_no_outage(build):
    home = build("[[home]]\n" + HUB.format(reserve=30, limit=180) + METERS)
    home.mains.off(2 * MIN)
    home.run(for_=20 * MIN)
    assert home.notices() == []
    assert [event["what"] for event in home.events("outage")] == ["dip"]


def test_the_hubs_reserve_ends_and_everybody_comes_back(home):
    home.mains.off(HOUR)
    home.run(for_=5 * MIN)
    assert not home.hub.powered
    home.run(for_=57 * MIN)
    assert home.notices() == ["LastGasp", "FirstBreath"]
    assert home.head_end.meter("esme").register("1-0:1.8.0").value > 0
    assert "----" not in "".join(home.screen("ihd"))


@pytest.mark.req("S-004", "S-081")
@pytest.mark.parametrize("volts", [190.0, 265.0])
def test_a_supply_outside_its_limits_is_not_restored(home, volts):
    home.mains.off()
    home.run(for_=4 * MIN)
    home.mains.on(volts)
    home.run(for_=10 * MIN)
    assert home.notices() == ["LastGasp"]
    home.mains.on(232.0)
    home.run(for_=5 * S)
    assert home.notices() == ["LastGasp", "FirstBreath"]


@pytest.mark.req("S-081")
def test_a_brown_out_without_a_loss_is_no_outage(home):
    home.mains.on(200.0)
    home.run(for_=HOUR)
    home.mains.on(230.0)
    home.run(for_=10 * MIN)
    assert home.notices() == []
    assert home.esme.powered


def test_dips_leave_no_trace_at_the_head_end(home):
    for seconds in (0.2, 0.9, 1.1, 30, 120, 179):
        home.mains.off(int(seconds * S))
        home.run(for_=int(seconds * S) + 10 * MIN)
    assert home.notices() == []
    assert home.head_end.meter("esme").register("1-0:1.8.0").value > 0


@pytest.mark.req("S-002", part=True)
def test_a_hundred_dips_a_minute_do_not_add_up(home):
    for _ in range(200):
        home.mains.off(300 * MS)
        home.run(for_=600 * MS)
    home.run(for_=10 * MIN)
    assert home.notices() == []
    home.mains.off(181 * S)
    home.run(for_=10 * MIN)
    assert home.notices() == ["LastGasp", "FirstBreath"]


def test_every_outage_has_its_own_pair_of_notices(home):
    for seconds in (200, 400, 181, 3600):
        home.mains.off(seconds * S)
        home.run(for_=seconds * S + 5 * MIN)
    assert home.notices() == ["LastGasp", "FirstBreath"] * 4
    lost = [notice.lost for notice in home.head_end.notices(LastGasp)]
    assert lost == [notice.lost for notice in home.head_end.notices(FirstBreath)]
    assert len(set(lost)) == 4


def test_a_second_loss_before_the_voltage_is_right_belongs_to_the_same_outage(home):
    home.mains.off()
    home.run(for_=4 * MIN)
    home.mains.on(180.0)
    home.run(for_=2 * MIN)
    home.mains.off()
    home.run(for_=5 * MIN)
    home.mains.on(230.0)
    home.run(for_=5 * MIN)
    assert home.notices() == ["LastGasp", "FirstBreath"]


@pytest.mark.req("S-001")
def test_a_meter_that_alone_loses_its_supply_is_an_outage_of_the_premises(home):
    """The meter's report decides, not the hub's own sense: here only the meter's board is cut, from its hold-up on."""
    home.esme.power_fail()
    home.run(for_=S)
    home.esme.cut(off_for=5 * MIN)
    home.run(for_=190 * S)
    assert home.notices() == ["LastGasp"]
    assert home.hub.supply.live
    home.run(for_=10 * MIN)
    assert home.notices() == ["LastGasp", "FirstBreath"]


def test_a_meter_that_is_cut_without_a_word_is_no_outage(home):
    home.esme.cut(off_for=5 * MIN)
    home.run(for_=10 * MIN)
    assert home.notices() == []


@pytest.mark.req("S-003", part=True)
def test_a_last_gasp_that_finds_no_network_is_told_later_and_before_the_first_breath(home):
    net, hub = home.net, home.hub.name
    home.mains.off(10 * MIN)
    home.run(for_=170 * S)
    net.partition(hub, "dcc")
    home.run(for_=8 * MIN)
    assert home.notices() == []
    net.heal(hub, "dcc")
    home.run(for_=20 * MIN)
    assert home.notices() == ["LastGasp", "FirstBreath"]
    (gasp,) = home.head_end.notices(LastGasp)
    assert gasp.received > gasp.lost + 10 * MIN  # told late, with the true time of loss


def test_a_partition_within_the_reserve_delays_the_last_gasp_and_no_more(home):
    net, hub = home.net, home.hub.name
    home.mains.off(10 * MIN)
    home.run(for_=170 * S)
    net.partition("dcc", hub)
    home.run(for_=30 * S)
    assert home.notices() == []
    net.heal("dcc", hub)
    home.run(for_=40 * S)
    assert home.notices() == ["LastGasp"]
    home.run(for_=20 * MIN)
    assert home.notices() == ["LastGasp", "FirstBreath"]


def test_two_meters_make_one_outage_of_the_premises(build):
    home = build("two-electricity-meters")
    home.mains.off(4 * MIN)
    home.run(for_=20 * MIN)
    assert home.notices() == ["LastGasp", "FirstBreath"]


@pytest.mark.req("S-081", part=True)
def test_of_two_meters_the_last_one_restored_ends_the_outage(build):
    home = build("two-electricity-meters")
    home.mains.off(4 * MIN)
    home.run(for_=3 * MIN)
    home.shield("esme2")  # from the hub, and from the other meter that would relay
    home.run(for_=5 * MIN)
    assert home.notices() == ["LastGasp"]
    home.shield("esme2", loss=0.0)
    home.run(for_=5 * MIN)
    assert home.notices() == ["LastGasp", "FirstBreath"]


@pytest.mark.req("S-032", part=True)
@pytest.mark.parametrize("seconds, notices", [(179, 0), (180, 0), (181, 1)])
def test_without_an_electricity_meter_the_hubs_own_sense_counts(build, seconds, notices):
    home = build("gas-first")
    home.mains.off(seconds * S)
    home.run(for_=10 * MIN)
    assert home.notices() == ["LastGasp", "FirstBreath"] * notices


def test_a_day_without_losses_tells_nothing(home):
    home.run(for_=DAY // 4)
    assert home.notices() == []
    assert home.events("outage") == []
