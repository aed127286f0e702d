"""A gas meter with its own way to the head end: asked when it calls, asleep between calls, log whole; alone and beside a hub."""

from __future__ import annotations

from itertools import pairwise

import pytest

from devices.runtime.kernel import DAY, HOUR, MIN, S
from devices.runtime.net import Closed
from protocols.dlms.cosem.disconnect import ControlState
from tools.bench.config import loads
from tools.errors import BadInput
from tools.headend.head_end import PORT, NoAnswer
from tools.headend.notices import Calling

VOLUME, HALF_HOURS, VALVE, BATTERY = "7-0:3.0.0", "7-0:99.1.0", "0-0:96.3.10", "0-0:96.6.6"
ALONE = '[[home]]\n[[home.device]]\nkind = "wan-gas"\ncall_minutes = {}\n'
BESIDE = ALONE.format(30) + '[[home.device]]\nkind = "hub"\n[[home.device]]\nkind = "esme"\nat = [0.3, 0]\n'


@pytest.fixture
def home(build):
    return build("gas-direct")


def meter_of(home):
    return home.board("wan-gas")


@pytest.mark.req("S-035")
def test_the_wan_reaches_the_gas_meter_with_no_hub_between(home):
    """Register, half hours, battery and valve, by the names that a hub's proxy has."""
    board = meter_of(home)
    assert home.only.of_kind("hub") == []
    assert sorted(home.net.hosts) == ["dcc", "home1/wan-gas", "outside"]
    home.run_until(5 * HOUR)
    meter = home.head_end.meter("wan-gas")
    read = meter.register(VOLUME)
    assert round(read.value * 1000) == board.firmware.litres > board.firmware.config.start_litres
    captured = meter.get(VOLUME, 4, 5).python
    assert captured is not None
    rows = meter.profile(HALF_HOURS).rows()
    kept = board.firmware.log.rows()
    assert [row[-1].value * 1000 for row in rows] == [row.total for row in kept]
    assert len(kept) == 10
    assert all(later.at - earlier.at == 30 * MIN for earlier, later in pairwise(kept))
    assert meter.register(BATTERY).value > 365
    writing = home.head_end.meter("wan-gas", writes=True)
    writing.action(VALVE, 70, 1, None)
    assert board.firmware.valve is ControlState.DISCONNECTED
    shut = board.firmware.litres
    home.run(for_=3 * HOUR)
    assert board.firmware.litres == shut
    writing.action(VALVE, 70, 2, None)
    assert home.head_end.meter("wan-gas").get(VALVE, 70, 3).python == ControlState.READY_FOR_RECONNECTION
    board.buttons.press("valve")
    home.run(for_=DAY)
    assert board.firmware.litres > shut


@pytest.mark.req("S-035", part=True)
def test_between_its_calls_nobody_reaches_it_and_a_question_waits_for_the_next(home):
    home.run_until(45 * MIN)
    ends = []
    stream = home.head_end.host.connect("home1/wan-gas", PORT)
    stream.on_close = ends.append
    asked = home.now
    answer = home.head_end.meter("wan-gas").register(VOLUME)
    assert answer.value > 0
    assert HOUR < home.now < HOUR + 2 * MIN
    assert ends in ([], [Closed.TIMED_OUT], [Closed.RESET])
    assert not stream.opened or home.now - asked > 10 * MIN
    calls = home.head_end.notices(Calling)
    assert [later.received - earlier.received for earlier, later in pairwise(calls)] == [30 * MIN] * (len(calls) - 1)


def test_a_head_end_outside_that_leaves_its_line_open_is_called_each_time_and_hung_up_on(build):
    home = build('[notifications]\nto = "tcp:127.0.0.1:9"\n' + ALONE.format(30))
    dialled, ended = [], []

    def dial(slot):
        dialled.append(slot)
        slot.on_end = ended.append

    home.exit.on_dial = dial
    home.run_until(10 * HOUR)
    assert len(dialled) == len(ended) == meter_of(home).firmware.calls == 20


def test_the_modem_is_on_for_seconds_a_call_and_rare_calls_spare_the_battery(build):
    days = {}
    for minutes in (30, 1440):
        home = build(ALONE.format(minutes))
        home.run_until(2 * DAY + HOUR)
        firmware = meter_of(home).firmware
        assert firmware._modem_time <= firmware.calls * 20 * S
        days[minutes] = firmware.days_left
        assert not home.net.host("home1/wan-gas").up
    assert 365 < days[30] < 2000 < 10 * 365 < days[1440]


def test_without_coverage_it_tries_again_twice_and_its_log_goes_on(home):
    board = meter_of(home)
    home.run_until(50 * MIN)
    board.modem.cover(False)
    home.run_until(4 * HOUR)
    assert home.times("wan-gas.no-network")[0] > HOUR
    assert len(home.times("wan-gas.no-network")) % 3 == 0
    failures = [event for event in home.events("headend.read") if "failure" in event]
    assert "no call in 60 min" in failures[0]["failure"]
    board.modem.cover(True)
    rows = home.head_end.meter("wan-gas").profile(HALF_HOURS).rows()
    assert len(rows) == 8


def test_a_clock_that_drifts_is_set_by_each_call_and_its_log_has_every_half_hour_once(build):
    home = build(ALONE.format(1440).replace("call_minutes", "clock_ppm = -200\ncall_minutes"))
    home.run_until(2 * DAY + HOUR + MIN)
    assert abs(meter_of(home).rtc.read() - home.kernel.utc) < S
    ends = [row.at for row in meter_of(home).firmware.log.rows()]
    assert len(ends) == 98
    assert ends == sorted(dict.fromkeys(ends))


@pytest.mark.parametrize("place", [0, 40, 90, 200, 333, 700])
def test_its_battery_out_at_any_write_and_nothing_falls_or_comes_twice(home, place):
    board = meter_of(home)
    home.run_until(2 * HOUR - 10 * S)
    before, life = board.firmware.litres, board.firmware._life + home.now
    board.cut_at_flash_operation(place, off_for=MIN)
    home.run_until(4 * HOUR)
    board.flash.cut_after(1 << 40)
    assert board.powered
    assert board.firmware.litres >= before
    ends = [row.at for row in board.firmware.log.rows()]
    assert ends == sorted(dict.fromkeys(ends))
    assert home.head_end.meter("wan-gas").register(VOLUME).value * 1000 >= before
    assert home.head_end.repeated == 0
    assert life > 0


@pytest.mark.req("S-035", part=True)
def test_beside_a_hub_that_has_no_gas_both_are_read(build):
    home = build(BESIDE)
    home.run(for_=HOUR)
    assert home.head_end.meter("esme").register("1-0:1.8.0").value > 0
    assert home.head_end.meter("wan-gas").register(VOLUME).value > 1000
    assert home.hub.firmware.gas.listed == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (ALONE.format(4), "call_minutes: expected `int` >= 5"),
        (ALONE.format(30) + '[[home.device]]\nkind = "ihd"\n', '"ihd" needs a device of kind hub'),
        (ALONE.format(30) + '[[home.device]]\nkind = "esme"\n', '"esme" needs a device of kind hub'),
        (BESIDE + '[[home.device]]\nkind = "gsme"\n', "2 gas meters"),
        ('[links]\n"wan-gas.wan" = "udp-listen:0"\n' + ALONE.format(30), '"wan-gas.wan" speaks no datagrams; hub.wan does'),
        ('[links]\n"hub.modem" = "udp-listen:0"\n[[home]]\n[[home.device]]\nkind = "hub"\n', '"hub.modem" speaks no datagrams'),
        (ALONE.format(30) + "elsewhere = true\n", "cannot be `elsewhere`"),
    ],
)
def test_benches_that_cannot_be(text, reason):
    with pytest.raises(BadInput) as refused:
        loads(text)
    assert reason in str(refused.value)


def test_who_does_not_call_is_not_waited_for(home):
    home.run_until(HOUR)
    meter_of(home).cut()
    with pytest.raises(NoAnswer, match="no call in 60 min"):
        home.head_end.meter("wan-gas").register(VOLUME)
