"""Who gets onto the home's network, with which keys, and over how bad a radio."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import pytest

from devices import ihd
from devices.runtime.board import Board
from devices.runtime.kernel import HOUR, MIN, MS, S
from devices.runtime.supply import MainsSupply
from protocols.core.crc import x25
from protocols.zigbee.clusters.metering import Metering
from tools.bench.commissioning import commission
from tools.errors import BadInput

EUI64 = "00-DB-12-34-56-78-90-A0"
OTHER_CODE = bytes(range(16)) + x25(bytes(range(16))).to_bytes(2, "little")
HUB = '[[home]]\n[[home.device]]\nkind = "hub"\n'
METER = '[[home.device]]\nkind = "esme"\nat = [0.3, 0]\n'
FAR_DISPLAY = f'[[home.device]]\nkind = "ihd"\nat = [500, 0]\neui64 = "{EUI64}"\n'


@pytest.fixture
def intrude():
    """Put a display that nobody listed on the home's air: its own EUI-64 unless given, and an install code of its own."""

    def put(home, eui64=0x00DB_FFFF_FFFF_FFFF):
        name = f"{home.only.name}/stranger"
        network = home.only.identities["hub"].eui64 ^ 1 << 56
        return Board(
            home.kernel, name, firmware=partial(ihd.Firmware, config=ihd.Config(OTHER_CODE, network)), eui64=eui64,
            supply=MainsSupply(home.mains), radio=home.only.air.radio(name, 2.0, 2.0), buttons=("ok",), display=(24, 8),
        )  # fmt: skip

    return put


def _keys(board):
    return {key for _, key in board.firmware.han.stack.labelled_keys()}


def _network_key(hub):
    (key,) = [key for label, key in hub.firmware.han.stack.labelled_keys() if label.startswith("network key")]
    return key


@pytest.mark.req("S-143", part=True)
def test_f20_a_device_that_is_not_listed_stays_out(build, intrude):
    strangers = []
    home = build("home", before=lambda run: strangers.append(intrude(run)))
    home.run(for_=HOUR)
    (stranger,) = strangers
    assert not stranger.firmware.han.stack.joined
    assert _network_key(home.hub) not in _keys(stranger)
    assert home.events("han.joined", stranger.name) == []


def test_f19_a_listed_name_with_another_install_code_stays_out(build, intrude):
    strangers = []

    def before(run):
        strangers.append(intrude(run, int(EUI64.replace("-", ""), 16)))

    home = build(HUB + METER + FAR_DISPLAY, commissioned=False, before=before)
    home.run(for_=2 * HOUR)
    (stranger,) = strangers
    assert not stranger.firmware.han.stack.joined
    assert [device.kind for device in home.hub.firmware.coordinator.missing] == ["ihd"]
    assert _network_key(home.hub) not in _keys(stranger)
    failures = home.times("han.join-failed", stranger.name)
    gaps = [round((later - earlier) / MIN) for earlier, later in pairwise(failures)]
    assert gaps[:5] == [1, 2, 4, 8, 15]
    assert set(gaps[4:]) == {15}
    assert home.head_end.meter("esme").register("1-0:1.8.0").value > 0


def test_a_network_that_is_complete_is_closed(home, intrude):
    stranger = intrude(home, home.ihd.eui64)
    home.ihd.cut()
    home.run(for_=HOUR)
    assert not stranger.firmware.han.stack.joined


def test_sixteen_devices_join(build):
    displays = "".join(f'[[home.device]]\nkind = "ihd"\nname = "display{n}"\nat = [{n}, 1]\n' for n in range(14))
    home = build(HUB + METER + '[[home.device]]\nkind = "gsme"\nat = [6, 2]\n' + displays)
    home.run(for_=5 * MIN)
    assert sum(device.joined for device in home.hub.firmware.log) == 16
    assert all(home.screen(f"display{n}")[1].endswith("kW") for n in range(14))


def test_a_seventeenth_device_is_refused_when_the_bench_is_read(build):
    displays = "".join(f'[[home.device]]\nkind = "ihd"\nname = "display{n}"\n' for n in range(16))
    with pytest.raises(BadInput, match="17 devices that join"):
        build(HUB + METER + displays)


@pytest.mark.req("S-083", part=True)
def test_displays_and_meter_share_keys_that_nobody_else_has(home):
    home.run(for_=MIN)
    network = _network_key(home.hub)
    meter = _keys(home.esme) - {network}
    shared = [_keys(board) & meter for board in (home.ihd, home.ppmid)]
    assert [len(keys) for keys in shared] == [1, 1]
    assert shared[0] != shared[1]
    assert not (shared[0] | shared[1]) & _keys(home.gsme)
    assert shared[0] | shared[1] <= _keys(home.hub)  # the trust centre brokered them


@pytest.mark.req("S-143")
def test_the_hub_coordinates_keeps_the_keys_serves_prices_takes_readings_and_is_the_electricity_meters_partner(home):
    home.run(for_=35 * MIN)
    hub, devices = home.hub.firmware, (home.esme, home.gsme, home.ihd, home.ppmid)
    assert hub.han.stack.short == 0
    assert {device.firmware.han.stack.trust_centre_eui64 for device in devices} == {home.hub.eui64}
    for device in devices:
        assert hub.han.stack.has_link_key(device.eui64)
        assert _keys(device) <= _keys(home.hub)
    assert any(line.split() == ["price", "24.50", "p/kWh"] for line in home.screen("ihd"))
    litres = hub.mirrors.of(home.gsme.eui64).gas.reading.get(Metering, Metering.current_summation_delivered)
    assert litres == home.gsme.firmware.register.reading.litres
    before = home.esme.firmware.meter.import_wh
    assert before <= home.head_end.meter("esme").register("1-0:1.8.0").value <= home.esme.firmware.meter.import_wh


@pytest.mark.req("S-092", part=True)
@pytest.mark.parametrize("loss", [0.05, 0.1, 0.2])
def test_a_bad_radio_makes_it_slower_and_no_worse(build, loss):
    text = f"[[home]]\n[home.air]\nloss = {loss}\n" + (HUB + METER).removeprefix("[[home]]\n")
    text += '[[home.device]]\nkind = "gsme"\nat = [6, 2]\n[[home.device]]\nkind = "ihd"\nat = [8, -3]\n'
    home = build(text)
    home.run_until(3 * HOUR + 10 * MIN)
    assert len(home.times("mirror.complete")) >= 6
    assert home.screen("ihd")[1].endswith("kW")
    assert home.head_end.meter("esme").register("1-0:1.8.0").value > 0
    home.mains.off(181 * S)
    home.run(for_=10 * MIN)
    assert home.notices() == ["LastGasp", "FirstBreath"]


@pytest.mark.req("S-051", part=True)
def test_a_device_out_of_range_joins_when_it_is_carried_nearer(build):
    home = build(HUB + METER + FAR_DISPLAY, commissioned=False)
    home.run(for_=20 * MIN)
    assert not home.ihd.firmware.han.stack.joined
    home.ihd.radio.move(5.0, 5.0)
    commission(home, 2 * HOUR)
    home.run(for_=MIN)
    assert home.screen("ihd")[1].endswith("kW")


def test_a_display_carried_away_shows_nothing_old_and_comes_back(home):
    home.run(for_=10 * MIN)
    home.ihd.radio.move(400.0, 0.0)
    home.run(for_=30 * MIN)
    assert "kW" not in home.screen("ihd")[1]
    assert home.screen("ppmid")[1].endswith("supply ON")
    home.ihd.radio.move(5.0, 0.0)
    home.run(for_=20 * MIN)
    assert home.screen("ihd")[1].endswith("kW")


def test_a_display_that_was_in_the_dark_for_a_day_comes_back(home):
    home.run(for_=10 * MIN)
    home.ihd.cut(off_for=24 * HOUR)
    home.run(for_=24 * HOUR + 20 * MIN)
    assert home.screen("ihd")[1].endswith("kW")


def test_two_routers_that_lose_their_hub_find_it_again(build):
    home = build("two-electricity-meters")
    home.run(for_=10 * MIN)
    home.hub.cut(off_for=20 * MIN)
    for seconds in (0, 1, 30, 600):  # they try to tell it something meanwhile
        home.run_until(max(home.now, 11 * MIN + seconds * S))
        for name in ("esme1", "esme2"):
            home.board(name).power_fail()
            home.board(name).power_return()
    home.run(for_=60 * MIN)
    for name in ("esme1", "esme2"):
        assert home.head_end.meter(name).register("1-0:1.8.0").value > 0
    assert home.times("mirror.complete")[-1] > home.now - 31 * MIN


@pytest.mark.parametrize("suite", [0, 2])
def test_a_device_whose_announcement_was_lost_has_joined_once_it_uses_its_key(build, suite):
    """A collision takes a broadcast; the device repeats it, and may have used its key before that."""
    air = f"[home.air]\nkey_establishment = {suite}\n"
    home = build(HUB.replace("[[home]]\n", f"[[home]]\n{air}") + METER, commissioned=False)
    home.until(lambda: bool(home.times("han.joined", "home1/esme")))
    home.shield("esme", "hub")
    home.run(for_=4 * MS)
    home.shield("esme", "hub", loss=0.0)
    home.run(for_=MIN)
    arrived, joined = home.times("hub.arrived"), home.times("han.joined", "home1/esme")
    assert 1 <= len(arrived) <= 2
    assert arrived[0] > joined[0] + 4 * MS
    assert home.commissioned
