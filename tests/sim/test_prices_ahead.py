"""Critical peaks and real-time prices from the head end to the displays: a message to the hub, told, answered, read back, kept."""

from __future__ import annotations

from itertools import pairwise

import pytest

from devices.runtime.kernel import MIN, S
from hubfw.translation_prices import ASK, DECIDED, PEAK, PRICES
from protocols.dlms import axdr
from protocols.dlms.cosem import AccessError, date_time
from protocols.dlms.xdlms import DataAccessResult
from tests.sim.told import Told
from tools.bench import config
from tools.bench.commissioning import commission
from tools.errors import BadInput

HOME = """
seed = 7
[[home]]
[[home.device]]
kind = "hub"
[[home.device]]
kind = "esme"
at = [0.3, 0]
[[home.device]]
kind = "ihd"
at = [8, -3]
[[home.publish]]
kind = "tariff"
after_s = 60
tiers = [{ label = "All day", pence = [24.5] }]
peak_pence = 90
"""
SCOPE, TYPE = DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, DataAccessResult.TYPE_UNMATCHED


@pytest.fixture(scope="module")
def home():
    run = Told(config.loads(HOME))
    commission(run)
    run.run_until(3 * MIN)
    run.writer = run.head_end.meter("hub", writes=True)
    return run


def begin(home, minutes):
    """A time of the hub's, to the second, so many minutes from now."""
    return axdr.octets(date_time.encode((home.hub.rtc.read() // S + 60 * minutes) * S))


def peak(home, minutes, lasts, tier=1, stands=DECIDED):
    return axdr.structure(begin(home, minutes), axdr.u16(lasts), axdr.u8(tier), axdr.enum(stands))


def price(home, minutes, lasts, thousandths):
    return axdr.structure(begin(home, minutes), axdr.u16(lasts), axdr.u32(thousandths))


def shown(home):
    return home.screen("ihd")[4].split()


@pytest.mark.req("S-056", part=True)
def test_prices_of_the_head_end_are_shown_in_their_time_read_back_and_kept_over_a_power_cut(home):
    rows = axdr.array(price(home, 10 * place, 10, 20_000 + place) for place in range(4))
    home.writer.set(PRICES, 1, 2, rows)
    home.run(for_=MIN)
    assert home.head_end.meter("hub").get(PRICES, 1, 2) == rows
    assert shown(home) == ["Spot", "20.00", "p/kWh"]
    home.hub.cut(off_for=S)
    home.run(for_=12 * MIN)
    assert shown(home) == ["Spot", "20.00", "p/kWh"]  # 20.001
    left = home.writer.get(PRICES, 1, 2).value
    assert [row.value[2].value for row in left] == [20_001, 20_002, 20_003]
    home.writer.set(PRICES, 1, 2, axdr.array([axdr.structure(*left[1].value[:2], axdr.u32(55_500))]))
    home.run(for_=8 * MIN)
    assert shown(home) == ["Spot", "55.50", "p/kWh"]
    home.run(for_=25 * MIN)
    assert shown(home)[:2] == ["All", "day"]
    assert home.writer.get(PRICES, 1, 2).value == []


@pytest.mark.req("S-055", part=True)
def test_a_critical_peak_of_the_head_end_is_asked_about_and_the_answer_read_back(home):
    assert home.writer.get(PEAK, 1, 2).value[1].value == 0
    home.writer.set(PEAK, 1, 2, peak(home, 15, 10, stands=ASK))
    home.run(for_=2 * MIN)
    assert shown(home)[:2] == ["peak?", "OK"]
    assert [each.value for each in home.writer.get(PEAK, 1, 2).value[1:]] == [10, 1, 0]
    home.ihd.buttons.press("ok")
    home.run(for_=MIN)
    assert home.writer.get(PEAK, 1, 2).value[3].value == 1
    home.run(for_=13 * MIN)
    assert shown(home) == ["CPP1", "90.00", "p/kWh"]
    home.run(for_=10 * MIN)
    assert shown(home)[:2] == ["All", "day"]


def test_what_makes_no_sense_is_refused_and_nothing_of_it_is_published(home):
    good = price(home, 5, 5, 9_999)
    wrong = (
        (PEAK, peak(home, -20, 10), SCOPE), (PEAK, peak(home, 5, 0), SCOPE), (PEAK, peak(home, 5, 1441), SCOPE),
        (PEAK, peak(home, 5, 5, tier=3), SCOPE), (PEAK, peak(home, 5, 5, stands=1), SCOPE),
        (PEAK, axdr.structure(axdr.octets(bytes(3)), axdr.u16(5), axdr.u8(1), axdr.enum(0)), SCOPE),
        (PEAK, axdr.structure(axdr.u16(5)), TYPE), (PRICES, axdr.array([good, peak(home, 5, 5)]), TYPE),
        (PRICES, axdr.array([good, price(home, -9, 5, 1)]), SCOPE), (PRICES, axdr.array([axdr.u8(1)]), TYPE),
        (PRICES, axdr.array(price(home, 5 + place, 1, 1) for place in range(60)), DataAccessResult.TEMPORARY_FAILURE),
    )  # fmt: skip
    before = len(home.times("hub.published"))
    for name, data, result in wrong:
        with pytest.raises(AccessError) as refused:
            home.writer.set(name, 1, 2, data)
        assert refused.value.result == result, (name, data)
    with pytest.raises(AccessError):
        home.head_end.meter("hub").set(PEAK, 1, 2, peak(home, 5, 5))  # without the password nobody publishes
    assert len(home.times("hub.published")) == before
    assert home.writer.get(PRICES, 1, 2).value == []


def test_two_in_one_second_are_two(home):
    for minutes in (30, 50):
        home.writer.set(PRICES, 1, 2, axdr.array([price(home, minutes, 5, 30_000)]))
    starts = [date_time.instant(row.value[0].value) for row in home.writer.get(PRICES, 1, 2).value]
    assert [later - earlier for earlier, later in pairwise(starts)] == [20 * MIN]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('[[home.publish]]\nkind = "critical-peak"\nminutes = 5\nwan = true\nfuel = "gas"\n', "are of electricity"),
        ('[[home.publish]]\nkind = "real-time-prices"\npence = [1]\nwan = true\nacknowledge = true\n', "`acknowledge`"),
        ('[[home.publish]]\nkind = "critical-peak"\nminutes = 5\nwam = true\n', 'did you mean "wan"'),
    ],
)
def test_a_bench_that_cannot_be_is_refused_in_a_line(more, said):
    with pytest.raises(BadInput) as refused:
        config.loads(HOME + more)
    assert said in str(refused.value)


def test_a_hub_that_speaks_no_dlms_is_sent_none():
    gateway = HOME.replace('"hub"', '"hub"\nwan_application = "gateway"')
    with pytest.raises(BadInput, match="goes by DLMS"):
        config.loads(f'{gateway}\n[[home.publish]]\nkind = "critical-peak"\nminutes = 5\nwan = true\n')
