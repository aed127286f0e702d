"""The wireless M-Bus gas meter with a hub's radio part: reports, commands after a report, the valve, losses, power cuts."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from itertools import pairwise

import pytest

from devices.mbus_gas import Config
from devices.mbus_gas import Firmware as MeterFirmware
from devices.runtime.board import Board, Reset
from devices.runtime.ether import TELEGRAM, Ether
from devices.runtime.firmware import Firmware
from devices.runtime.kernel import DAY, HOUR, MIN, MS, Kernel, S
from devices.runtime.supply import Battery, Mains, MainsSupply
from hubfw.mbus import MBus, Values, address_of
from protocols.wmbus.coding import C2, T2, Mode
from protocols.wmbus.framing import parse
from protocols.wmbus.link import Address, DeviceType, Telegram
from protocols.wmbus.records import Coding, Quantity, Record, point_in_time
from protocols.wmbus.telegram import Key, Profile
from protocols.zigbee.clusters.metering import Metering, SupplyStatus

START = 1_767_225_600 * S  # 2026-01-01 00:00:00 UTC
KEY = bytes(range(16))
GAS = address_of(0x00DB_0000_0000_0002, DeviceType.GAS)
SHUT, OPEN, ARM = ([Record.of(Quantity.CONTROL, value, Coding.I8)] for value in range(3))


class Hub(Firmware):
    def __init__(self, board: Board, profile: Profile, mode: Mode) -> None:
        super().__init__(board)
        self._profile, self._mode = profile, mode

    def boot(self, why: Reset) -> None:
        self.reports: list[tuple[int, dict[int, object]]] = []
        self.answers: list[bool] = []
        self.mbus = MBus(self, {GAS: Key(self._profile, KEY)}, self.report, self._mode)

    def report(self, meter: Address, values: Values) -> None:
        self.reports.append((self.now, {identifier: value for (_, identifier), value in values.items()}))

    def command(self, records: list[Record]) -> None:
        self.mbus.command(GAS, records, lambda done, answer: self.answers.append(done))


class Premises:
    """A hub and a gas meter on one channel."""

    def __init__(self, profile: Profile = Profile.B, mode: Mode = T2, *, loss: float = 0.0, remote_open: bool = False) -> None:
        self.profile, self.mode = profile, mode
        self.kernel = kernel = Kernel(3, START)
        self.ether = Ether(kernel, loss=loss)
        self.hub = Board(
            kernel, "hub", firmware=lambda board: Hub(board, profile, mode), supply=MainsSupply(Mains(kernel)), eui64=1,
            ether=self.ether.transceiver("hub"),
        )  # fmt: skip
        config = Config(GAS, Key(profile, KEY), mode, remote_open=remote_open)
        self.meter = Board(
            kernel, "meter", firmware=partial(MeterFirmware, config=config), supply=Battery(kernel),
            ether=self.ether.transceiver("meter"), buttons=("valve",),
        )  # fmt: skip

    def run(self, ns: int) -> None:
        self.kernel.run_until(self.kernel.now + ns)

    def sniff(self) -> list[tuple[str, bytes]]:
        """Whatever is on the channel from now on: by whom, chips."""
        heard: list[tuple[str, bytes]] = []

        def observe(now: int, who: str, kind: str, data: object) -> None:
            assert isinstance(data, bytes)
            heard.append((who, data))

        self.kernel.log.subscribe(observe, (TELEGRAM,))
        return heard

    @property
    def firmware(self) -> MeterFirmware:
        assert isinstance(self.meter.firmware, MeterFirmware)
        return self.meter.firmware

    @property
    def heard(self) -> Hub:
        assert isinstance(self.hub.firmware, Hub)
        return self.hub.firmware


@pytest.mark.parametrize("mode", [T2, C2], ids=lambda mode: mode.name)
@pytest.mark.parametrize("profile", [Profile.A, Profile.B])
def test_the_index_is_told_each_half_hour(profile: Profile, mode: Mode) -> None:
    premises = Premises(profile, mode)
    premises.run(DAY)
    reports = premises.heard.reports
    assert len(reports) == 48
    litres = [each for _, report in reports if isinstance(each := report[Metering.current_summation_delivered.id], int)]
    assert len(litres) == 48
    assert litres == sorted(litres)
    assert litres[-1] == premises.firmware.litres > 1000
    assert {second[0] - first[0] for first, second in pairwise(reports)} == {30 * MIN}


@pytest.mark.req("S-099", part=True)
def test_commands_wait_for_the_report_and_the_valve_moves() -> None:
    premises = Premises()
    premises.run(HOUR + MIN)
    premises.heard.command(SHUT)
    premises.run(20 * MIN)
    assert premises.firmware.valve.name == "OPEN"
    assert premises.heard.answers == []
    premises.run(12 * MIN)
    assert premises.firmware.valve.name == "SHUT"
    assert premises.heard.answers == [True]
    premises.run(MIN)
    litres = premises.firmware.litres
    premises.run(DAY)
    assert premises.firmware.litres == litres
    assert premises.heard.reports[-1][1][Metering.supply_status.id] == SupplyStatus.OFF


@pytest.mark.req("S-105", part=True)
def test_a_remote_command_arms_and_a_hand_opens() -> None:
    premises = Premises()
    premises.run(HOUR)
    for command in (SHUT, OPEN):
        premises.heard.command(command)
        premises.run(31 * MIN)
    assert premises.heard.answers == [True, True]
    assert premises.firmware.valve.name == "ARM"
    premises.meter.cut(MIN)
    premises.run(2 * MIN)
    assert premises.firmware.valve.name == "ARM"
    premises.meter.buttons.press("valve")
    premises.run(S)
    assert premises.firmware.valve.name == "OPEN"


def test_a_valve_that_may_be_opened_remotely_is() -> None:
    premises = Premises(remote_open=True)
    premises.run(HOUR)
    for command in (SHUT, OPEN):
        premises.heard.command(command)
    premises.run(31 * MIN)
    assert premises.firmware.valve.name == "OPEN"
    assert premises.heard.answers == [True, True]


def test_the_clock_is_set_and_what_is_not_understood_is_refused_whole() -> None:
    premises = Premises()
    premises.run(HOUR)
    strange = [*SHUT, Record.of(Quantity.LIMIT, 5, Coding.I32)]
    premises.heard.command(strange)
    premises.heard.command([point_in_time(datetime(2026, 7, 1, 12, 0))])
    premises.run(31 * MIN)
    assert premises.heard.answers == [False, True]
    assert premises.firmware.valve.name == "OPEN"
    now = datetime.fromtimestamp(premises.meter.rtc.read() // S, UTC)
    assert datetime(2026, 7, 1, 12, 0, tzinfo=UTC) <= now < datetime(2026, 7, 1, 12, 31, tzinfo=UTC)


def test_the_meter_listens_for_a_moment_a_day() -> None:
    premises = Premises()
    premises.run(DAY)
    assert premises.meter.ether.on_ns < 2 * S


@pytest.mark.parametrize("cut", range(0, 120, 7))
def test_a_power_cut_at_any_flash_operation_carries_a_command_out_once(cut: int) -> None:
    premises = Premises()
    premises.run(HOUR - MIN)
    premises.heard.command(SHUT)
    premises.meter.cut_at_flash_operation(cut, off_for=MIN)
    premises.run(4 * HOUR)
    assert premises.heard.answers == [True]
    assert premises.firmware.valve.name == "SHUT"
    counters = [report for _, report in premises.heard.reports]
    assert counters


def test_with_a_third_lost_everything_still_happens_once() -> None:
    premises = Premises(loss=0.33)
    premises.run(HOUR)
    for command in (SHUT, ARM, SHUT, ARM):
        premises.heard.command(command)
    premises.run(DAY)
    assert len(premises.heard.answers) == 4
    assert premises.heard.answers.count(True) >= 3
    assert 20 < len(premises.heard.reports) < 48


def test_no_counter_is_used_twice_over_power_cuts_and_nothing_is_in_clear() -> None:
    premises = Premises()
    chips = premises.sniff()
    for _ in range(5):
        premises.run(3 * HOUR)
        premises.meter.cut(MIN)
    premises.run(2 * MIN)
    telegrams = [parse(T2.from_meter.decode(octets)) for who, octets in chips if who == "meter"]
    counters = [Telegram.parse(octets).content[6:10] for octets in telegrams]
    assert len(counters) > 20
    assert len(set(counters)) == len(counters)
    index = Record.of(Quantity.VOLUME, premises.firmware.litres, Coding.BCD8, -3).build()
    assert not any(index in octets for octets in telegrams)


def test_a_replayed_report_is_not_taken() -> None:
    premises = Premises()
    chips = premises.sniff()
    premises.run(2 * HOUR)
    before = len(premises.heard.reports)
    attacker = premises.ether.transceiver("attacker")
    premises.run(5 * MIN)
    premises.hub.cut(MS)
    premises.run(S)
    attacker.transmit(chips[0][1], 10 * MS)
    premises.run(S)
    assert before == 4
    assert premises.heard.reports == []
