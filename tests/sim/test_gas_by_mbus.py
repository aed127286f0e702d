"""Gas by wireless M-Bus: another radio and another application layer, the same COSEM objects and the same displays."""

from __future__ import annotations

from decimal import Decimal

import pytest

from devices.mbus_gas import Firmware as GasMeter
from devices.runtime.ether import TELEGRAM
from devices.runtime.kernel import HOUR, MIN, S
from protocols.dlms.cosem import date_time
from protocols.wmbus.coding import C2, T2
from protocols.wmbus.framing import parse
from protocols.wmbus.link import Control, Telegram
from tests.sim.told import Told

VOLUME = "7-0:3.0.0"
BENCH = '[[home]]\n[[home.device]]\nkind = "hub"\n[[home.device]]\nkind = "mbus-gas"\n'


@pytest.fixture(scope="module")
def telegrams():
    """Who sent which chips from now on."""

    def listen(home):
        heard = []
        home.log.subscribe(lambda now, who, kind, data: heard.append((now, who, data)), [TELEGRAM])
        return heard

    return listen


def _meter(home: Told) -> GasMeter:
    firmware = home.board("mbus-gas").firmware
    assert isinstance(firmware, GasMeter)
    return firmware


@pytest.mark.req("S-095")
@pytest.mark.req("S-085", part=True)
def test_the_head_end_and_the_display_read_an_mbus_meter_as_any_other(build) -> None:
    on_air: set[str] = set()
    home = build("gas-by-mbus", before=lambda run: run.log.subscribe(lambda now, who, kind, data: on_air.add(who), ["air.frame"]))
    home.run_until(2 * HOUR + 12 * MIN)
    litres = _meter(home).litres
    meter = home.head_end.meter("mbus-gas")
    assert meter.register(VOLUME).value == Decimal(litres) / 1000
    told = date_time.instant(meter.get(VOLUME, 4, 5).value)
    assert 11 * MIN < home.kernel.utc - told < 13 * MIN
    assert [line.split()[1:] for line in home.screen("ihd") if line.startswith("GAS")] == [[f"{litres / 1000:.3f}", "m3"]]
    assert home.head_end.meter("esme").register("1-0:1.8.0").value > 0
    assert on_air == {"home1/hub", "home1/ihd"}  # nothing between the electricity meter and the hub but a wire


@pytest.mark.parametrize(("mode", "security"), [(T2, "a"), (T2, "b"), (C2, "a"), (C2, "b")], ids=["T2-a", "T2-b", "C2-a", "C2-b"])
def test_the_hub_answers_within_the_meters_window_and_sets_its_clock(build, telegrams, mode, security) -> None:
    home = build(BENCH + f'mode = "{mode.name}"\nsecurity = "{security}"\n', commissioned=False)
    heard = telegrams(home)
    home.run_until(HOUR + 5 * MIN)
    rtc = _meter(home).board.rtc
    assert rtc.valid
    assert abs(rtc.read() - home.kernel.utc) < 61 * S  # the record tells minutes
    ends = {who: now + mode.from_meter.airtime(chips) for now, who, chips in heard[:1]}
    kinds = []
    for now, who, chips in heard:
        direction = mode.to_meter if who.endswith("hub") else mode.from_meter
        if who.endswith("hub"):
            assert mode.opens <= now - ends["home1/mbus-gas"] <= mode.closes
        ends[who] = now + direction.airtime(chips)
        kinds.append(Telegram.parse(parse(direction.decode(chips))).kind)
    # Reports, the last of which are of a meter that needs nothing; the time, its acknowledgement, good night.
    assert kinds[-1] == Control.SND_NR
    at = kinds.index(Control.SND_UD)
    assert kinds[at - 1 : at + 3] == [Control.SND_NR, Control.SND_UD, Control.ACK, Control.SND_NKE]
    assert kinds.count(Control.SND_UD) == 1


def test_the_hub_keeps_the_set_over_a_power_cut_and_the_meter_need_not_be_asked(build) -> None:
    home = build(BENCH)
    home.run_until(2 * HOUR)
    meter = home.head_end.meter("mbus-gas")
    before = meter.register(VOLUME).value, meter.get(VOLUME, 4, 5).value
    home.hub.cut(MIN)
    home.run(for_=5 * MIN)
    assert (meter.register(VOLUME).value, meter.get(VOLUME, 4, 5).value) == before


def test_displays_show_gas_with_its_age_when_the_meter_falls_silent(build) -> None:
    home = build("gas-by-mbus")
    home.run_until(2 * HOUR)
    home.board("mbus-gas").supply.remove()
    home.run(for_=2 * HOUR)
    assert [line.split() for line in home.screen("ihd") if line.startswith("read")] == [["read", "2", "h", "ago"]]
