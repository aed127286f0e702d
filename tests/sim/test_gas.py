"""Gas through the mirror: who is asked, how old the answer is, and what absences do to it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from devices.runtime.air import OnAir
from devices.runtime.kernel import DAY, HOUR, MIN, MS, S
from protocols.dlms.cosem import date_time
from protocols.zigbee.clusters.metering import Metering
from tools.headend.head_end import NoAnswer

VOLUME = "7-0:3.0.0"
GAS_ALONE = '[[home]]\n[[home.device]]\nkind = "hub"\n[[home.device]]\nkind = "gsme"\nat = [6, 2]\nwake_minutes = {}\n'


@pytest.fixture
def gas():
    """What the head end reads of SAP 2: (cubic metres, UTC ns of the report)."""

    def read(home):
        meter = home.head_end.meter("gsme")
        value = meter.register(VOLUME).value
        return value, date_time.instant(meter.get(VOLUME, 4, 5).value)

    return read


@pytest.fixture
def speaking():
    """Frames that a device has sent since it was asked: a list that grows; acknowledgements do not count."""

    def listen(home, board):
        sent = []
        home.log.subscribe(
            lambda now, who, kind, data: sent.append(now) if who == board.name and len(OnAir.unpack(data).psdu) > 5 else None,
            ["air.frame"],
        )
        return sent

    return listen


def _in_mirror(home):
    reading = home.hub.firmware.mirrors.of(home.gsme.eui64).gas.reading
    return reading.get(Metering, Metering.current_summation_delivered), reading.at


@pytest.mark.req("S-098", "S-142", "S-013")
def test_the_head_end_is_answered_from_the_mirror_and_nobody_wakes_the_meter(home, gas, speaking):
    home.run_until(HOUR + 10 * MIN)
    sent = speaking(home, home.gsme)
    value, at = gas(home)
    litres, mirrored_at = _in_mirror(home)
    assert value == Decimal(litres) / 1000
    assert 0 <= mirrored_at - at < S // 100  # to the hundredth, as a date-time has it
    assert 8 * MIN < home.kernel.utc - at < 11 * MIN
    assert sent == []


@pytest.mark.req("S-134")
def test_the_mirror_is_never_older_than_half_an_hour_and_a_report(build):
    home = build(GAS_ALONE.format(30))
    home.run_until(HOUR)
    oldest = 0
    while home.now < 9 * HOUR:
        home.run(for_=97 * S)
        oldest = max(oldest, home.kernel.utc - _in_mirror(home)[1])
    assert 29 * MIN < oldest <= 30 * MIN + 5 * S


@pytest.mark.req("S-134")
@pytest.mark.parametrize("minutes", [5, 60])
def test_the_rhythm_of_the_meter_is_the_bench_files(build, minutes):
    home = build(GAS_ALONE.format(minutes))
    home.run_until(12 * HOUR)
    assert len(home.times("mirror.complete")) == pytest.approx(12 * 60 / minutes, abs=2)


def test_the_meters_radio_is_on_for_seconds_a_day(build):
    home = build(GAS_ALONE.format(30))
    home.run_until(HOUR)
    before = home.gsme.firmware.radio_time.total
    home.run(for_=DAY)
    assert home.gsme.firmware.radio_time.total - before < 60 * S


@pytest.mark.req("S-013", "S-088", part=True)
def test_every_face_of_the_gas_meter_tells_the_same(home, gas):
    home.run_until(2 * HOUR + 12 * MIN)
    litres = home.gsme.firmware.register.reading.litres
    value, _ = gas(home)
    text = f"{litres / 1000:.3f} m3"
    assert value == Decimal(litres) / 1000
    assert home.screen("gsme")[0].split() == ["GAS", *text.split()]
    assert [line.split()[1:] for line in home.screen("ihd") if line.startswith("GAS")] == [text.split()]


def test_before_the_first_report_there_is_no_value(build):
    home = build("home", commissioned=False)
    home.gsme.supply.remove()
    home.run(for_=MIN)
    meter = home.head_end.meter("gsme")
    assert meter.clock() is not None
    with pytest.raises(Exception, match="temporary-failure"):
        meter.register(VOLUME)


@pytest.mark.req("S-142", part=True)
@pytest.mark.parametrize("early", [5, 15, 25, 40, 60, 90, 120])
def test_a_set_that_breaks_off_is_not_seen_at_all(build, speaking, early):
    """The radio goes so many ms before the last piece would have arrived, for three minutes."""
    home = build(GAS_ALONE.format(30))
    home.run_until(2 * HOUR + 5 * MIN)
    mirror = home.hub.firmware.mirrors.of(home.gsme.eui64)
    before, values = _in_mirror(home), dict(mirror.gas.reading.values)
    cut = home.times("mirror.complete")[-1] + 30 * MIN - early * MS
    sent = speaking(home, home.gsme)
    home.run_until(cut)
    assert sent  # it had begun
    home.shield("gsme", "hub")
    home.run(for_=3 * MIN)
    home.shield("gsme", "hub", loss=0.0)
    assert _in_mirror(home) == before
    assert dict(mirror.gas.reading.values) == values
    home.run(for_=30 * MIN)
    assert home.times("mirror.complete")[-1] > cut + 29 * MIN
    assert _in_mirror(home)[0] == home.gsme.firmware.register.reading.litres


@pytest.mark.req("S-098", part=True)
def test_hours_without_radio_age_the_mirror_and_change_nothing_in_it(home, gas):
    home.run_until(2 * HOUR + 5 * MIN)
    before = gas(home)
    home.shield("gsme")
    home.run(for_=5 * HOUR)
    assert gas(home) == before
    age = next(line for line in home.screen("ihd") if line.endswith("ago"))
    assert age.split()[-3:] == ["5", "h", "ago"] or 290 <= int(age.split()[-3]) <= 340
    counted = home.gsme.firmware.register.total
    home.shield("gsme", loss=0.0)
    home.run(for_=HOUR)
    value, at = gas(home)
    assert value >= Decimal(counted) / 1000
    assert home.kernel.utc - at < 31 * MIN


@pytest.mark.req("S-092", part=True)
def test_a_meter_that_the_hub_no_longer_hears_reports_through_the_electricity_meter(home, gas):
    home.run_until(2 * HOUR + 5 * MIN)
    home.shield("gsme", "hub")
    home.run(for_=HOUR)
    _, at = gas(home)
    assert home.kernel.utc - at < 31 * MIN
    assert home.gsme.firmware.han.stack.parent == home.esme.firmware.han.stack.short


@pytest.mark.req("S-142", part=True)
def test_the_mirror_survives_the_hub(home, gas):
    home.run_until(3 * HOUR + 5 * MIN)
    before = gas(home)
    home.hub.cut(off_for=2 * MIN)
    home.run(for_=3 * MIN)
    assert gas(home) == before
    home.run(for_=30 * MIN)
    assert gas(home)[1] > before[1]


def test_a_hub_in_the_dark_at_the_wake_up_is_reported_to_at_the_next_one(home, gas):
    home.run_until(3 * HOUR + 25 * MIN)
    home.hub.cut(off_for=10 * MIN)
    with pytest.raises(NoAnswer):
        home.head_end.meter("gsme").register(VOLUME)
    home.run_until(4 * HOUR + 2 * MIN)
    value, at = gas(home)
    assert home.kernel.utc - at < 3 * MIN
    assert value == Decimal(home.gsme.firmware.register.reading.litres) / 1000


def test_the_meters_battery_is_changed(home, gas):
    home.run_until(3 * HOUR + 5 * MIN)
    before, _ = gas(home)
    home.gsme.supply.remove()
    home.run(for_=HOUR)
    home.gsme.supply.insert()
    home.run(for_=35 * MIN)
    after, at = gas(home)
    assert after >= before
    assert home.kernel.utc - at < 31 * MIN


@pytest.mark.req("S-032", part=True)
def test_a_home_begins_with_gas_alone(build, gas):
    home = build("gas-first")
    home.run_until(2 * HOUR)
    assert gas(home)[0] == Decimal(_in_mirror(home)[0]) / 1000
    assert home.head_end.meter("hub").names().keys() == {1, 2}
