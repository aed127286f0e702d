"""Variants of the electricity meter: two elements, three phases, auxiliary switches in it and on its network."""

from __future__ import annotations

import pytest

from devices.runtime.kernel import HOUR, MIN, S
from protocols.dlms import axdr
from tests.sim.told import Told
from tools.bench import config
from tools.bench.commissioning import commission
from tools.errors import BadInput

HOME = """
seed = {seed}
start = 2026-06-10T10:00:00Z
[[home]]
{generation}
[[home.device]]
kind = "hub"
[[home.device]]
kind = "esme"
at = [0.3, 0]
{more}
{controller}
"""
CONTROLLER = """
[[home.device]]
kind = "load-controller"
name = "charger"
at = [3, 0]
appliance = "electric-vehicle"
watts = 7000
"""
SOLAR = "[home.generation]\npeak_w = 3600\n"
HEATER = 'auxiliary = [{ description = "Water heater", watts = 3000, on = ["10:15-10:40"] }]'


def made(more="", generation="", controller="", seed=7):
    home = Told(config.loads(HOME.format(more=more, generation=generation, controller=controller, seed=seed)))
    commission(home)
    return home


def energy(reader, name):
    return int(reader.register(name).value)


def letter(reader):
    return reader.get("0-0:96.1.2", 1, 2).value


# --- elements and phases ---


@pytest.mark.req("S-108")
def test_the_second_element_has_what_is_switched_and_the_first_all_else():
    home = made("elements = 2\n" + HEATER)
    meter, reader = home.esme.firmware.meter, home.head_end.meter("esme")
    assert letter(reader) == b"B"
    before = meter.import_wh
    assert energy(reader, "1-20:1.8.0") == 0
    home.run_until(HOUR)
    household = meter.import_wh - before
    assert energy(reader, "1-20:1.8.0") == pytest.approx(3000 * 25 / 60, abs=2)
    assert 0 < household < 700
    collection = [each.value for each in reader.get("0-0:94.44.34.10", 1, 2).value]
    assert collection[2] == pytest.approx(1250, abs=2)
    shown = energy(reader, "1-20:1.8.0")
    home.esme.cut(off_for=MIN)
    home.run(for_=3 * MIN)
    assert energy(home.head_end.meter("esme"), "1-20:1.8.0") == shown


@pytest.mark.req("S-108")
def test_three_phases_come_to_the_net_of_them_all():
    home = made("phases = 3\n" + HEATER, SOLAR)
    meter, reader = home.esme.firmware.meter, home.head_end.meter("esme")
    assert letter(reader) == b"C"
    begun = meter.import_wh, meter.export_wh
    parts = [meter.metrology.part(phase) for phase in range(3)]
    home.run_until(HOUR)
    into = [energy(reader, f"1-0:{channel}.8.0") for channel in (21, 41, 61)]
    out = [energy(reader, f"1-0:{channel}.8.0") for channel in (22, 42, 62)]
    net = sum(into) - sum(out) - sum(each[0] - each[1] for each in parts)
    assert net == pytest.approx(meter.import_wh - begun[0] - meter.export_wh + begun[1], abs=6)
    assert into[1] > 1200  # the heater's
    assert out[2] > 500 > into[2]  # the plant's
    assert out[0] == 0
    assert [int(reader.register(f"1-0:{name}.7.0").value) for name in (32, 52, 72)] == 3 * [230]


def test_a_meter_of_one_phase_and_element_is_what_it_was():
    home = made()
    reader = home.head_end.meter("esme")
    assert letter(reader) == b"A"
    with pytest.raises(Exception, match="object"):
        reader.register("1-0:21.8.0")


# --- auxiliary switches ---


def moves(home):
    return [(at // S, data["switch"], data["on"]) for at, _, kind, data in home.told if kind == "auxiliary"]


@pytest.mark.req("S-108", "S-106")
def test_the_meter_switches_an_appliance_by_its_schedule_and_the_home_stays_on():
    home = made(HEATER)
    meter = home.esme.firmware.meter
    home.run_until(15 * MIN - S)
    assert (meter.watts, home.only.mains.drawn) == (meter.metrology._wanted, 0)
    home.run_until(15 * MIN + 20 * S)
    assert meter.watts == meter.metrology._wanted + 3000
    assert meter.switch.closed
    reader = home.head_end.meter("esme", writes=True)
    assert [reader.get(f"0-0:94.44.0.{name}", 1, 2).value for name in (11, 31)] == [b"Water heater", 100]
    assert any(line.strip() == "AUX 1 ON" for line in home.screen("esme"))
    home.esme.cut(off_for=MIN)
    home.run(for_=2 * MIN)
    assert home.only.mains.drawn == 3000
    home.run_until(40 * MIN + 20 * S)
    assert home.only.mains.drawn == 0
    assert [(number, on) for _, number, on in moves(home)] == [(1, True), (1, False)]
    reader.action("0-0:10.0.103", 9, 1, axdr.u16(0x164))
    assert home.only.mains.drawn == 3000


@pytest.mark.req("S-108")
def test_a_switch_on_the_network_obeys_the_meter_and_what_was_said_in_its_absence_it_hears_later():
    home = made('auxiliary = [{ device = "charger", on = ["10:15-10:30", "10:45-11:30"] }]', controller=CONTROLLER)
    load = home.board("charger").firmware.load
    home.run_until(10 * MIN)
    assert (load.closed, home.only.mains.drawn) == (False, 0)
    home.run_until(16 * MIN)
    assert (load.closed, home.only.mains.drawn) == (True, 7000)
    home.run_until(31 * MIN)
    assert not load.closed
    home.board("charger").cut(off_for=20 * MIN)
    home.run_until(55 * MIN)
    assert home.board("charger").firmware.load.closed
    home.run_until(90 * MIN + 30 * S)
    assert not home.board("charger").firmware.load.closed


@pytest.mark.req("S-109")
def test_auxiliary_switches_start_by_the_meters_own_offset():
    """The same for all of a meter's switches, each time; 0 to 1799 s; another meter has another."""
    offsets = []
    for seed in (1, 2, 3):
        two = HEATER.replace(" }]", ' }, { watts = 1000, on = ["10:15-10:40"] }]')
        home = made(two + "\noffset_s = 1799", seed=seed)
        offset = home.head_end.meter("esme").get("0-0:94.44.0.0", 1, 2).value
        assert 0 <= offset <= 1799
        home.run_until(80 * MIN)
        begin, end = 15 * 60 + offset, 40 * 60 + offset
        assert [(number, on) for _, number, on in moves(home)] == [(1, True), (2, True), (1, False), (2, False)]
        assert [at for at, _, _ in moves(home)] == pytest.approx([begin, begin, end, end], abs=2)
        reported = [data["crosses_price"] for data in home.events("offset")]
        assert reported == [offset >= 900] * 2 + [offset >= 1200] * 2
        offsets.append(offset)
    assert len(set(offsets)) == 3


@pytest.mark.req("S-110")
def test_teleswitches_spread_to_either_side_and_tell_of_a_price_that_they_cross():
    sides = set()
    for seed in range(8):
        home = made(HEATER.replace("10:15-10:40", "10:30-10:50") + '\noffset_s = 420\noffset_style = "either-side"', seed=seed)
        offset = home.head_end.meter("esme").get("0-0:94.44.0.0", 1, 2).value
        assert -420 <= offset <= 420
        home.run_until(40 * MIN)
        ((at, _, on),) = moves(home)
        assert (at, on) == (pytest.approx(1800 + offset, abs=2), True)
        assert [data["crosses_price"] for data in home.events("offset")] == [offset < 0]
        sides.add(offset < 0)
        if len(sides) == 2:
            return
    raise AssertionError(sides)


@pytest.mark.parametrize("more, words", [
    ("elements = 2\nphases = 3", "not both"),
    ('auxiliary = [{ device = "chargr" }]', 'no load controller "chargr".*charger'),
    ('auxiliary = [{ on = ["8-9"] }]', 'a time as "23:30-07:00"'),
    ("elements = 3", "elements"),
    ('interface = "wired"\nrates = "hub"', "has no radio"),
    ('interface = "wired"\nauxiliary = [{ device = "charger" }]', "has no radio"),
])  # fmt: skip
def test_a_bench_that_cannot_be_is_refused(more, words):
    with pytest.raises(BadInput, match=words):
        config.loads(HOME.format(more=more, generation="", controller=CONTROLLER, seed=1))
