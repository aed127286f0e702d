"""Registers and voltage of an electricity meter: exact, stored before they are seen."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from devices.parts.demand import Level
from devices.parts.metrology import Metrology
from devices.parts.voltage import Voltage
from devices.runtime.board import Board
from devices.runtime.firmware import Firmware
from devices.runtime.kernel import HOUR, MIN, Kernel, S
from devices.runtime.supply import Mains, MainsSupply

LEVELS = [Level(600, HOUR), Level(1_200, 30 * MIN), Level(0, 2 * HOUR), Level(60, 100 * HOUR)]


class Device(Firmware):
    """Registers with known levels, through a switch of the test's."""

    def boot(self, why):
        self.closed = True
        levels = iter(LEVELS)
        demand = SimpleNamespace(next=lambda utc: next(levels))
        self.metrology = Metrology(self, demand, 1_000, lambda: self.closed)
        self.voltage = Voltage(self, (216.2, 253.0))

    def on_voltage(self):
        self.voltage.changed()

    on_power_fail = on_power_return = on_voltage


@pytest.fixture
def kernel():
    return Kernel()


@pytest.fixture
def mains(kernel):
    return Mains(kernel)


@pytest.fixture
def board(kernel, mains):
    made = Board(kernel, "meter", firmware=Device, supply=MainsSupply(mains, HOUR))
    kernel.run_until(0)
    return made


def test_energy_is_the_integral_of_the_levels(kernel, board):
    metrology = board.firmware.metrology
    seen = []
    for minutes in (30, 60, 75, 90, 210, 270):
        kernel.run_until(minutes * MIN)
        seen.append((metrology.watts, metrology.import_wh, metrology.import_varh))
    assert seen == [
        (600, 1_300, 99), (1_200, 1_600, 198), (1_200, 1_900, 297), (0, 2_200, 396), (60, 2_200, 396), (60, 2_260, 415),
    ]  # fmt: skip


def test_nothing_flows_while_the_switch_is_open(kernel, board):
    firmware = board.firmware
    kernel.run_until(20 * MIN)
    firmware.closed = False
    firmware.metrology.changed()
    kernel.run_until(70 * MIN)
    assert (firmware.metrology.watts, firmware.metrology.import_wh) == (0, 1_200)
    firmware.closed = True
    firmware.metrology.changed()
    kernel.run_until(80 * MIN)
    assert (firmware.metrology.watts, firmware.metrology.import_wh) == (1_200, 1_400)


def test_what_was_seen_is_kept_over_a_cut_and_what_was_not_is_lost(kernel, board):
    kernel.run_until(30 * MIN)
    assert board.firmware.metrology.import_wh == 1_300
    kernel.run_until(40 * MIN)
    board.cut(off_for=S)
    kernel.run_until(40 * MIN + S)
    assert board.firmware.metrology.import_wh == 1_300


def test_reading_again_what_was_seen_writes_nothing(kernel, board):
    kernel.run_until(30 * MIN)
    metrology = board.firmware.metrology
    before = metrology.import_wh
    operations = board.flash.operations
    assert [metrology.import_wh, metrology.import_wh] == [before, before]
    assert board.flash.operations == operations


@pytest.mark.parametrize("volts, inside", [(216.19, False), (216.2, True), (253.0, True), (253.01, False), (0.0, False)])
def test_limits_are_inside(kernel, mains, board, volts, inside):
    mains.on(volts)
    kernel.run_until(S)
    assert board.firmware.voltage.inside is inside


def test_mean_voltage_is_over_the_time_with_supply(kernel, mains, board):
    voltage = board.firmware.voltage
    kernel.run_until(10 * MIN)
    mains.on(240.0)
    kernel.run_until(15 * MIN)
    assert voltage.decivolts == 2_400
    mains.off(15 * MIN)
    kernel.run_until(30 * MIN)
    assert voltage.mean() == (2_300 * 10 + 2_400 * 5) // 15
    voltage.begin()
    kernel.run_until(31 * MIN)
    assert voltage.mean() == 2_400
    mains.off()
    kernel.run_until(32 * MIN)
    voltage.begin()
    kernel.run_until(33 * MIN)
    assert (voltage.mean(), voltage.decivolts) == (0, 0)
