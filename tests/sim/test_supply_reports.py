"""Which outages and voltage alerts leave the premises, what that saves, and when a street talks after an outage it shared."""

from __future__ import annotations

from collections import Counter

import pytest

from devices.runtime.kernel import DAY, HOUR, MIN, MS, S
from hubfw.allowance import BURST, PAUSE
from hubfw.supply_reports import EVERYBODY, OUTAGE_REPORTS, VOLTAGE_ALERTS
from protocols.dlms import axdr
from protocols.dlms.cosem import AccessError
from protocols.dlms.xdlms import DataAccessResult
from tests.sim.told import Told
from tools.bench import config
from tools.bench.commissioning import commission
from tools.bench.metrics import WAN, Metrics
from tools.errors import BadInput
from tools.headend.notices import FirstBreath, LastGasp, VoltageAlert

HUB = '[[home]]\n[[home.device]]\nkind = "hub"\n{}\n'
METERS = '[[home.device]]\nkind = "esme"\nat = [0.3, 0]\n[[home.device]]\nkind = "gsme"\nat = [6, 2]\n'
OTHER = '[[home.device]]\nkind = "esme"\nname = "esme2"\nat = [0.6, 0]\n'
PAIR = ["LastGasp", "FirstBreath"]
DATA, VALUE = 1, 2
EVERY_METER = axdr.array([axdr.octets(EVERYBODY.to_bytes(8, "big"))])


def _lists(home, *labels):
    return axdr.array(axdr.octets(home.board(label).eui64.to_bytes(8, "big")) for label in labels)


def _write(home, name, value):
    home.head_end.meter("hub", writes=True).set(name, DATA, VALUE, value)


def _outage(home, seconds=200):
    home.mains.off(seconds * S)
    home.run(for_=seconds * S + 5 * MIN)


@pytest.mark.req("S-006")
def test_outages_are_told_for_the_meters_that_were_chosen(build):
    home = build(HUB.format('outage_reports = ["esme"]') + METERS + OTHER)
    assert home.head_end.meter("hub").get(OUTAGE_REPORTS, DATA, VALUE) == _lists(home, "esme")
    _outage(home)
    assert home.notices() == PAIR
    _write(home, OUTAGE_REPORTS, _lists(home))
    _outage(home)
    assert home.notices() == PAIR
    assert home.head_end.meter("hub").get("0-0:96.7.5", DATA, VALUE).value == 2  # the hub's own record has both
    home.hub.restart()
    home.run(for_=MIN)
    _write(home, OUTAGE_REPORTS, EVERY_METER)
    _outage(home)
    assert home.notices() == PAIR * 2


@pytest.mark.req("S-006")
def test_a_meter_that_was_not_chosen_is_silent_when_it_alone_loses_its_supply(build):
    home = build(HUB.format("") + METERS + OTHER)
    _write(home, OUTAGE_REPORTS, _lists(home, "esme2"))
    for label, notices in (("esme", []), ("esme2", PAIR)):
        home.board(label).power_fail()
        home.run(for_=S)
        home.board(label).cut(off_for=5 * MIN)
        home.run(for_=15 * MIN)
        assert home.notices() == notices


def test_what_is_chosen_during_an_outage_breaks_no_pair(build):
    home = build(HUB.format("") + METERS)
    for before, after in ((EVERY_METER, axdr.array([])), (axdr.array([]), EVERY_METER)):
        _write(home, OUTAGE_REPORTS, before)
        home.mains.off(230 * S)
        home.run(for_=200 * S)
        _write(home, OUTAGE_REPORTS, after)
        home.run(for_=5 * MIN)
        assert home.notices() == PAIR


@pytest.mark.req("S-006")
def test_what_it_saves_on_the_wide_area_network():
    """Six homes and three outages: octets with outages told for all of them, and for two."""
    octets = {}
    for chosen in (6, 2):
        homes = "".join(
            HUB.format("" if number < chosen else "outage_reports = []").replace("[[home]]", f'[[home]]\nname = "home{number}"')
            + METERS
            for number in range(6)
        )
        run = Told(config.loads(homes), seed=3)
        run.run_until(20 * MIN)
        metrics = Metrics(run.kernel, run.zigbee_keys)
        for _ in range(3):
            for home in run.homes.values():
                home.mains.off(200 * S)
            run.run(for_=10 * MIN)
        assert Counter(run.notices()) == {"LastGasp": 3 * chosen, "FirstBreath": 3 * chosen}
        traffic = dict(metrics.totals())[WAN]
        assert traffic.messages == 3 * 2 * chosen
        octets[chosen] = traffic.octets
        print(f"outages told for {chosen} of 6 homes: {traffic.messages} messages, {traffic.octets} octets on the WAN")
    assert octets[2] * 3 == octets[6]


@pytest.mark.req("S-007")
def test_meters_outside_the_central_company_tell_nothing_and_cannot_be_told_to(build):
    home = build(HUB.format('central = false\nvoltage_alerts = ["esme"]\nvoltage_alert_after = 1') + METERS)
    hub = home.head_end.meter("hub", writes=True)
    for name, value in ((OUTAGE_REPORTS, EVERY_METER), (OUTAGE_REPORTS, _lists(home, "esme")), (VOLTAGE_ALERTS, axdr.array([]))):
        with pytest.raises(AccessError) as refused:
            hub.set(name, DATA, VALUE, value)
        assert refused.value.result == DataAccessResult.READ_WRITE_DENIED
    assert hub.get(OUTAGE_REPORTS, DATA, VALUE) == axdr.array([])
    _outage(home)
    home.mains.on(200.0)
    home.run(for_=MIN)
    home.mains.on(230.0)
    _outage(home, HOUR // S)
    assert list(home.head_end.received) == []
    assert home.head_end.meter("hub").get("0-0:96.7.5", DATA, VALUE).value == 2


# --- voltage ---


def _excursions(home, times, label="esme"):
    for _ in range(times):
        home.mains.on(200.0)
        home.run(for_=MIN)
        home.mains.on(230.0)
        home.run(for_=MIN)


@pytest.mark.req("S-103")
def test_so_many_excursions_of_a_chosen_meter_make_one_alert(build):
    home = build(HUB.format('voltage_alerts = ["esme2"]\nvoltage_alert_after = 3') + METERS + OTHER)
    _excursions(home, 2)
    assert list(home.head_end.received) == []
    home.hub.restart()
    home.run(for_=MIN)
    _excursions(home, 1)
    (alert,) = home.head_end.received
    assert (type(alert), alert.meter, alert.excursions) == (VoltageAlert, home.board("esme2").eui64, 3)
    _excursions(home, 5)
    assert len(home.head_end.notices(VoltageAlert)) == 2


@pytest.mark.req("S-103")
def test_the_head_end_chooses_whose_voltage_it_hears_of(build):
    home = build(HUB.format("") + METERS + OTHER)
    _excursions(home, 3)
    assert list(home.head_end.received) == []
    eui64 = home.esme.eui64.to_bytes(8, "big")

    def line(after, count):
        return axdr.structure(axdr.octets(eui64), axdr.u8(after), axdr.u32(count))

    _write(home, VOLTAGE_ALERTS, axdr.array([line(4, 0)]))
    _excursions(home, 3)
    assert home.head_end.meter("hub").get(VOLTAGE_ALERTS, DATA, VALUE) == axdr.array([line(4, 3)])
    _excursions(home, 1)
    assert [notice.meter for notice in home.head_end.received] == [home.esme.eui64]
    for bad in (axdr.array([line(0, 0)]), axdr.u8(1), axdr.array([axdr.u8(1)]), axdr.array([line(1, 0)] * 17)):
        with pytest.raises(AccessError):
            _write(home, VOLTAGE_ALERTS, bad)
    assert home.head_end.meter("hub").get(VOLTAGE_ALERTS, DATA, VALUE) == axdr.array([line(4, 0)])


@pytest.mark.req("S-053", part=True)
@pytest.mark.req("S-103", part=True)
def test_a_voltage_that_comes_and_goes_floods_nobody_and_no_excursion_is_lost(build):
    """One in four seconds for six minutes: a burst, then one alert in five minutes, with how many it was."""
    home = build(HUB.format('voltage_alerts = ["esme"]\nvoltage_alert_after = 1') + METERS)
    metrics = Metrics(home.kernel, home.zigbee_keys)
    for _ in range(90):
        home.mains.on(200.0)
        home.run(for_=2 * S)
        home.mains.on(230.0)
        home.run(for_=2 * S)
    alerts = home.head_end.notices(VoltageAlert)
    assert len(alerts) == BURST + 6 * MIN // PAUSE
    assert dict(metrics.totals())[WAN].messages == len(alerts)
    assert {alert.excursions for alert in alerts[: BURST - 1]} == {1}
    ((_, _, left),) = home.head_end.meter("hub").get(VOLTAGE_ALERTS, DATA, VALUE).python
    assert sum(alert.excursions for alert in alerts) + left == 90


# --- the reserve, and dips ---


@pytest.mark.req("S-003")
def test_a_reserve_that_had_no_time_to_recharge_is_seen_to_fail(build):
    home = build(HUB.format("reserve_s = 300\nrecharge_s = 7200") + METERS)
    _outage(home, 200)
    assert home.notices() == PAIR
    home.mains.off(250 * S)  # a third of it is left, and five minutes' worth
    home.run(for_=10 * MIN)
    assert [event["what"] for event in home.events("outage")] == ["outage", "restored", "missed"]
    home.run(for_=DAY // 8)
    _outage(home, 200)
    assert home.notices() == PAIR * 2


@pytest.mark.req("S-003", part=True)
def test_what_is_sent_comes_out_of_the_reserve_and_one_without_enough_for_it_dies_of_its_last_gasp(build):
    """Ten seconds of the reserve are left when the loss is an outage: 20 J."""
    told = {}
    for joules in (0, 4, 15):
        home = build(HUB.format(f"reserve_s = 190\ndraw_w = 2.0\nmessage_j = {joules}") + METERS)
        home.mains.off(10 * MIN)
        home.run(for_=185 * S)
        told[joules] = home.notices(), home.hub.powered
        home.run(for_=20 * MIN)
        assert home.notices() == PAIR  # written down before it was sent, and told once more where the hub died without an answer
    assert told == {0: (PAIR[:1], True), 4: (PAIR[:1], False), 15: ([], False)}


def test_a_module_has_what_it_sends_from_elsewhere():
    with pytest.raises(BadInput, match="`message_j` is of a WAN part that is built in"):
        config.loads(HUB.format('wan = "module"\nmessage_j = 1') + '[[home.device]]\nkind = "wan-module"\n')


@pytest.mark.req("S-003", part=True)
def test_a_network_that_does_not_take_the_last_gasp_empties_the_reserve(build):
    ends = []
    for joules in (0, 20):
        home = build(HUB.format(f"reserve_s = 400\nmessage_j = {joules}") + METERS)
        home.net.partition("home1/hub", "dcc")
        began = home.now
        home.mains.off(10 * MIN)
        while home.hub.powered:
            home.run(for_=S)
        ends.append((home.now - began) // S)
    assert ends == [400, 400 - 10 * (6 + 6)]  # tries after 0, 1, 3, 7, 15, 31 s, and a minute and a second later again


@pytest.mark.req("S-002", part=True)
def test_dips_are_counted(home):
    dips = (200 * MS, 900 * MS, 5 * S, 60 * S, 179 * S)
    for length in dips:
        home.mains.off(length)
        home.run(for_=length + 5 * MIN)
    hub, meter = home.head_end.meter("hub"), home.head_end.meter("esme")
    assert [each.get("0-0:96.7.0", DATA, VALUE).value for each in (hub, meter)] == [len(dips)] * 2
    assert [each.get("0-0:96.7.5", DATA, VALUE).value for each in (hub, meter)] == [0, 0]
    assert home.notices() == []


# --- a street ---


def _street(spread, homes=24):
    """A common outage: the most hubs that told something within a second, and the run."""
    text = "".join(
        HUB.format(f"restart_spread_s = {spread}").replace("[[home]]", f'[[home]]\nname = "home{number}"') + METERS
        for number in range(homes)
    )
    run = Told(config.loads(text), seed=11)
    commission(run)
    for home in run.homes.values():
        home.mains.off(10 * MIN)
    run.run(for_=20 * MIN)
    assert len(run.head_end.notices(LastGasp)) == len(run.head_end.notices(FirstBreath)) == homes
    return run, max(Counter(notice.received // S for notice in run.head_end.received).values())


def test_a_street_does_not_talk_at_once_after_an_outage():
    """Of 24 hubs that tell within 50 s, no more than four in one second; without a spread it is all of them."""
    run, together = _street(50)
    assert together <= 4
    start = run.kernel.start_ns + run.now - 20 * MIN
    assert all(180 * S < gasp.received - start < 240 * S for gasp in run.head_end.notices(LastGasp))
    _, together = _street(0)
    assert together > 12


@pytest.mark.req("S-003", part=True)
def test_a_hub_does_not_wait_for_its_turn_until_its_reserve_has_ended(build):
    home = build(HUB.format("reserve_s = 200\nrestart_spread_s = 3600") + METERS)
    home.mains.off(10 * MIN)
    home.run(for_=200 * S)
    assert not home.hub.powered
    assert home.notices() == PAIR[:1]


@pytest.mark.parametrize("field", ['outage_reports = ["gsme"]', 'voltage_alerts = ["nobody"]'])
def test_only_electricity_meters_can_be_chosen(field):
    with pytest.raises(BadInput, match="name electricity meters"):
        config.loads(HUB.format(field) + METERS)
