"""The products' own firmware together: real hub, electricity meter, gas meter and both displays on one air."""

from __future__ import annotations

from functools import partial

import pytest

import hubfw
from devices import esme, gsme, ihd, ppmid
from devices.runtime.board import Board
from devices.runtime.kernel import HOUR, MIN, S
from devices.runtime.net import Net
from devices.runtime.supply import MainsSupply
from protocols.zigbee.clusters.metering import DeviceType, Metering

GPF = 0x00DB_1234_5678_9AFF
LISTED = ((1, "esme"), (2, "gsme"), (3, "ihd"), (4, "ppmid"))


@pytest.fixture
def home(premises, install_code):
    """`premises` with everything on it, 12 minutes after power-on."""
    code, kernel = install_code, premises.kernel
    log = tuple(hubfw.Entry(0x00DB_1234_5678_9A00 + number, code, kind) for number, kind in LISTED)
    config = hubfw.Config(GPF, log)
    premises.hub = Board(
        kernel, "hub", firmware=partial(hubfw.Firmware, config=config), eui64=0x00DB_1234_5678_9A00,
        supply=MainsSupply(premises.mains, 240 * S), radio=premises.air.radio("hub"), net=Net(kernel).host("hub"),
    )  # fmt: skip
    premises.esme = premises.put("esme", partial(esme.Firmware, config=esme.Config(code)), 1)
    config = gsme.Config(code, wake_offset=5 * S)
    premises.gsme = premises.put("gsme", partial(gsme.Firmware, config=config), 2, battery=True)
    premises.ihd = premises.put("ihd", partial(ihd.Firmware, config=ihd.Config(code)), 3, buttons=("ok",))
    premises.ppmid = premises.put("ppmid", partial(ppmid.Firmware, config=ppmid.Config(code)), 4, buttons=("ok",))
    premises.run(12 * MIN)
    return premises


def test_all_are_commissioned_in_seconds(premises, home):
    boards = (home.hub, home.esme, home.gsme, home.ihd, home.ppmid)
    assert [board.name for board in boards if not board.firmware.commissioned] == []
    taken = next(now for now, who, kind, _ in home.events if kind == "gsme.set-taken")
    assert taken < 30 * S


def test_the_displays_show_what_the_meters_measure(home):
    home.run(11 * S)
    lines = home.ihd.display.lines
    wh, litres = home.esme.firmware.meter.import_wh, home.gsme.firmware.register.reading.litres
    assert abs(float(lines[3].split()[1]) * 1000 - wh) < 50
    assert lines[5] == "GAS" + f"{litres / 1000:.3f} m3".rjust(21)
    assert lines[4] == "price        24.50 p/kWh"
    assert home.ppmid.display.lines[1] == "ELECTRICITY    supply ON"
    assert home.ppmid.display.lines[4] == "GAS            supply ON"


@pytest.mark.req("S-142", "S-098")
def test_gas_is_read_from_the_mirror_while_the_meter_sleeps(home):
    home.run(2 * HOUR)  # twelve minutes past
    mirror = home.hub.firmware.mirrors.of(home.gsme.eui64)
    at_last_wake = mirror.gas.reading.get(Metering, Metering.current_summation_delivered)
    assert at_last_wake == home.gsme.firmware.register.reading.litres
    sent = home.frames["gsme"]
    home.run(16 * MIN)
    assert home.frames["gsme"] == sent  # nobody woke it
    assert home.ihd.display.lines[5] == "GAS" + f"{at_last_wake / 1000:.3f} m3".rjust(21)
    assert home.ihd.display.lines[6].strip().endswith("min ago")
    reader = home.ihd.firmware
    task = reader.spawn(reader.han.read(0, mirror.endpoint.number, Metering, [Metering.metering_device_type]))
    home.run(S)
    assert task.result() == {Metering.metering_device_type: DeviceType.MIRRORED_GAS}


def test_a_message_from_the_hub_is_on_both_displays(home):
    home.hub.firmware.display_message("Gas engineer on Monday at nine")
    home.run(15 * S)
    for board in (home.ihd, home.ppmid):
        assert board.display.lines[7].rstrip() in ("> Gas engineer on Monday", "  at nine")


def test_after_a_power_cut_of_the_premises_all_is_shown_again(home):
    home.mains.off(20 * MIN)
    home.run(21 * MIN)
    assert home.ihd.display.lines[1].endswith("kW")
    assert home.ppmid.display.lines[1] == "ELECTRICITY    supply ON"
    home.run(35 * MIN)
    age = home.ihd.display.lines[6].split()
    assert age[2] == "min"
    assert int(age[1]) <= 35


def test_the_hubs_restart_is_survived(home):
    home.hub.cut(off_for=2 * MIN)
    home.run(3 * MIN)
    assert home.ihd.display.lines[1].endswith("kW")
    sets = home.gsme.firmware.sets
    home.run(35 * MIN)
    assert home.gsme.firmware.sets == sets + 1
