"""Boards: boot, power fail, hold-up, power off, return; what dies and what stays; display and buttons."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from devices.runtime.air import Air
from devices.runtime.board import Board, Reset
from devices.runtime.firmware import Firmware
from devices.runtime.flash import BadImage, Flash
from devices.runtime.kernel import HOUR, MIN, MS, Kernel, S
from devices.runtime.log import Data
from devices.runtime.net import Net, Stream
from devices.runtime.port import Port
from devices.runtime.supply import Battery, Mains, MainsSupply
from protocols.core.errors import LocalProtocolError


class Diary(Firmware):
    """Writes down what happens to it, outside its board."""

    def __init__(self, board: Board, diary: list[tuple[int, str]]) -> None:
        super().__init__(board)
        self.diary = diary

    def write(self, what: str) -> None:
        self.diary.append((self.now, what))

    def boot(self, why: Reset) -> None:
        self.write(why.value)

    def on_power_fail(self) -> None:
        self.write("fail")

    def on_power_return(self) -> None:
        self.write("return")

    def on_voltage(self) -> None:
        self.write(f"{self.board.supply.volts} V")


@pytest.fixture
def kernel() -> Kernel:
    return Kernel(seed=1)


@pytest.fixture
def mains(kernel: Kernel) -> Mains:
    return Mains(kernel, "home1/mains")


def diary_of(kernel: Kernel, supply: MainsSupply | Battery) -> list[tuple[int, str]]:
    diary: list[tuple[int, str]] = []
    Board(kernel, "home1/esme", firmware=lambda board: Diary(board, diary), supply=supply)
    return diary


def test_a_board_boots_with_the_run_and_bridges_a_dip(kernel: Kernel, mains: Mains) -> None:
    diary = diary_of(kernel, MainsSupply(mains, hold_up_ns=1 * S))
    assert diary == []
    kernel.run_until(5 * S)
    mains.off(999 * MS)
    kernel.run_until(10 * S)
    assert diary == [(0, "power on"), (5 * S, "fail"), (5 * S + 999 * MS, "return")]


def test_beyond_the_hold_up_it_is_off_and_boots_at_return(kernel: Kernel, mains: Mains) -> None:
    diary = diary_of(kernel, MainsSupply(mains, hold_up_ns=1 * S))
    kernel.run_until(5 * S)
    mains.off(10 * S)
    kernel.run_until(60 * S)
    assert diary == [(0, "power on"), (5 * S, "fail"), (15 * S, "power on")]


def test_without_hold_up_there_is_no_last_word(kernel: Kernel, mains: Mains) -> None:
    diary = diary_of(kernel, MainsSupply(mains))
    kernel.run_until(5 * S)
    mains.off(1 * MS)
    kernel.run_until(60 * S)
    assert diary == [(0, "power on"), (5 * S + 1 * MS, "power on")]


def test_a_reserve_that_recharges_slowly_is_exhausted_by_dips(kernel: Kernel, mains: Mains) -> None:
    supply = MainsSupply(mains, hold_up_ns=1000 * MS, recharge_ns=100 * S)
    diary = diary_of(kernel, supply)
    for _ in range(2):  # each costs 600 ms and regains 10 ms
        kernel.run_until(kernel.now + 1 * S)
        mains.off(600 * MS)
        kernel.run_until(kernel.now + 600 * MS)
    assert [what for _, what in diary] == ["power on", "fail", "return", "fail", "power on"]
    assert supply.hold_up_left == 0
    kernel.run_until(kernel.now + 50 * S)
    assert supply.hold_up_left == 500 * MS
    mains.off()
    kernel.run_until(kernel.now + 200 * MS)
    assert supply.hold_up_left == 300 * MS


def test_voltage_at_return_and_after_is_the_firmwares_to_judge(kernel: Kernel, mains: Mains) -> None:
    diary = diary_of(kernel, MainsSupply(mains, hold_up_ns=1 * S))
    kernel.run_until(1 * S)
    mains.off()
    kernel.run_until(10 * S)
    assert mains.volts == 0.0
    mains.on(180.0)
    kernel.run_until(11 * S)
    mains.on(231.5)
    mains.on(231.5)
    kernel.run_until(12 * S)
    mains.off(1 * S)
    kernel.run_until(20 * S)
    assert mains.volts == 231.5
    assert diary[:3] == [(0, "power on"), (1 * S, "fail"), (10 * S, "power on")]
    assert diary[3:] == [(11 * S, "231.5 V"), (12 * S, "fail"), (13 * S, "power on")]


def test_a_later_interruption_overrides_the_end_of_an_earlier_one(kernel: Kernel, mains: Mains) -> None:
    mains.off(10 * S)
    kernel.run_until(5 * S)
    mains.off(20 * S)
    kernel.run_until(20 * S)
    assert not mains.live
    kernel.run_until(25 * S)
    assert mains.live


def test_premises_can_begin_without_supply(kernel: Kernel) -> None:
    mains = Mains(kernel, volts=0.0)
    supply = MainsSupply(mains, hold_up_ns=1 * S)
    diary = diary_of(kernel, supply)
    kernel.run_until(5 * S)
    assert (diary, supply.hold_up_left) == ([], 0)
    mains.on()
    kernel.run_until(6 * S)
    assert (diary, mains.volts) == ([(5 * S, "power on")], 230.0)


def test_a_battery_goes_without_warning(kernel: Kernel) -> None:
    battery = Battery(kernel, inserted=False)
    diary = diary_of(kernel, battery)
    kernel.run_until(1 * S)
    battery.insert()
    kernel.run_until(2 * S)
    battery.remove()
    assert (battery.live, battery.volts) == (False, 0.0)
    battery.insert()
    kernel.run_until(3 * S)
    assert diary == [(1 * S, "power on"), (2 * S, "power on")]


class Busy(Firmware):
    """Everything that must die with the power."""

    seen: list[object]

    def boot(self, why: Reset) -> None:
        self.after(10 * S, self.seen.append, "timer")
        self.every(10 * S, lambda: self.seen.append("periodic"))
        self.every(HOUR, lambda: self.seen.append("aligned"), align=True)
        self.spawn(self.sequence())
        self.board.uart("optical").on_receive = self.seen.append
        self.board.buttons.on_press = self.seen.append
        self.board.net.listen(4059, self.accept)
        self.board.radio.configure(channel=11, pan_id=1, short=2, eui64=3, rx_on_when_idle=True)
        self.board.radio.on_receive = lambda psdu, lqi: self.seen.append("frame")
        self.board.display.show(["alive"])

    def accept(self, stream: Stream) -> None:
        stream.on_data = self.seen.append

    async def sequence(self) -> None:
        try:
            await self.sleep(10 * S)
            self.seen.append("task")
        finally:
            self.board.nvm.put({"final": True})  # nothing happens without power
            self.board.display.show(["zombie"])
            self.board.uart("optical").write(b"zombie")


def busy_board(kernel: Kernel, mains: Mains) -> tuple[Board, list[object]]:
    seen: list[object] = []
    board = Board(
        kernel, "home1/hub", firmware=Busy, supply=MainsSupply(mains), radio=Air(kernel).radio("home1/hub"),
        net=Net(kernel, latency=1 * S).host("hub"), buttons=("A",),
    )  # fmt: skip
    Busy.seen = seen
    return board, seen


def test_power_off_kills_ram_and_leaves_flash_and_clock(kernel: Kernel, mains: Mains) -> None:
    board, seen = busy_board(kernel, mains)
    kernel.run_until(1 * S)
    board.nvm.put({"kept": 1})
    board.rtc.set(1000 * S)
    far = Port(kernel, "far")
    far.attach(board.uart("optical"), latency=2 * S)
    far.on_receive = seen.append
    far.write(b"too late")
    stream = board.net.net.host("head end").connect("hub", 4059)
    stream.send(b"too late")
    kernel.run_until(2 * S)
    mains.off(60 * S)
    board.buttons.press("A")
    kernel.run_until(3 * S)
    assert board.display.lines[0].strip() == ""
    assert board.firmware is None
    with pytest.raises(LocalProtocolError, match="not configured"):
        board.radio.transmit(1, bytes(11))
    kernel.run_until(40 * S)
    assert seen == []
    kernel.run_until(63 * S)
    assert board.display.lines[0].strip() == "alive"
    assert (board.nvm.get("kept"), "final" in board.nvm) == (1, False)
    assert board.rtc.read() == 1000 * S + 62 * S


def test_a_software_reset_comes_after_the_call_that_asks_for_it(kernel: Kernel, mains: Mains) -> None:
    diary: list[tuple[int, str]] = []

    class Upgrade(Diary):
        def boot(self, why: Reset) -> None:
            super().boot(why)
            if why is Reset.POWER_ON:
                self.after(5, self.upgrade)

        def upgrade(self) -> None:
            self.board.restart()
            self.write("still here")

    Board(kernel, "hub", firmware=lambda board: Upgrade(board, diary), supply=MainsSupply(mains))
    kernel.run_until(10)
    assert diary == [(0, "power on"), (5, "still here"), (5, "software")]


def test_a_cut_in_the_middle_of_a_flash_operation_stops_the_code_there(kernel: Kernel, mains: Mains) -> None:
    diary: list[tuple[int, str]] = []

    class Writer(Diary):
        def boot(self, why: Reset) -> None:
            self.write(f"boot with {self.board.nvm.get('n')}")
            self.every(1 * S, self.work)
            self.spawn(self.sequence())

        def work(self) -> None:
            self.write("begin")
            self.board.nvm.put({"n": self.board.nvm.get("n", 0) + 1})
            self.write("end")

        async def sequence(self) -> None:
            await self.sleep(1500 * MS)
            self.write("task")

    board = Board(kernel, "esme", firmware=lambda board: Writer(board, diary), supply=MainsSupply(mains))
    kernel.run_until(500 * MS)
    board.cut_at_flash_operation(5, off_for=10 * S)
    kernel.run_until(12_400 * MS)
    assert diary == [
        (0, "boot with None"),
        (1 * S, "begin"),
        (11 * S, "boot with None"),
        (12 * S, "begin"), (12 * S, "end"),
    ]  # fmt: skip
    board.cut()
    mains.off(1 * MIN)
    kernel.run_until(20 * S)
    assert not board.powered


def test_a_board_cut_off_during_its_hold_up_boots_when_the_mains_return(kernel: Kernel, mains: Mains) -> None:
    diary: list[tuple[int, str]] = []
    board = Board(kernel, "hub", firmware=lambda board: Diary(board, diary), supply=MainsSupply(mains, 10 * MIN))
    kernel.run_until(1 * S)
    mains.off(3 * MIN)
    kernel.run_until(2 * S)
    board.cut(off_for=10 * S)
    kernel.run_until(2 * MIN)
    assert not board.powered
    kernel.run_until(5 * MIN)
    assert board.powered
    assert diary[-1] == (181 * S, "power on")


def test_a_task_that_meets_the_cut_does_not_survive_it(kernel: Kernel, mains: Mains) -> None:
    seen: list[str] = []

    class Writer(Firmware):
        def boot(self, why: Reset) -> None:
            self.spawn(self.sequence())

        async def sequence(self) -> None:
            try:
                self.board.nvm.put({"a": 1})
                seen.append("written")
            except Exception:
                seen.append("swallowed")

    board = Board(kernel, "esme", firmware=Writer, supply=MainsSupply(mains))
    board.cut_at_flash_operation(3)
    kernel.run_until(1 * S)
    assert (seen, board.powered) == ([], False)


def test_a_cut_between_two_events_of_the_run(kernel: Kernel, mains: Mains) -> None:
    diary = diary_of(kernel, MainsSupply(mains))
    board = Board(kernel, "gsme", firmware=lambda board: Diary(board, diary), supply=Battery(kernel))
    kernel.break_at(2, lambda: board.cut(off_for=3 * S))
    kernel.run_until(5 * S)
    assert diary == [(0, "power on"), (0, "power on"), (3 * S, "power on")]


def test_a_bad_flash_image_is_refused_when_the_board_is_built(kernel: Kernel, mains: Mains) -> None:
    flash = Flash(512, (b"rubbish!" * 64, b"\xff" * 512))
    with pytest.raises(BadImage, match="512 octets without a valid header"):
        Board(kernel, "esme", firmware=Firmware, supply=MainsSupply(mains), flash=flash)


class Clockwork(Firmware):
    seen: list[int]
    align = True

    def boot(self, why: Reset) -> None:
        self.tick = self.every(30 * MIN, lambda: self.seen.append(self.board.rtc.read() // MIN), align=self.align)


def clockwork(kernel: Kernel, mains: Mains, align: bool) -> tuple[Board, list[int]]:
    Clockwork.seen, Clockwork.align = [], align
    board = Board(kernel, "esme", firmware=Clockwork, supply=MainsSupply(mains))
    return board, Clockwork.seen


def test_aligned_calls_come_on_the_boards_own_half_hours(kernel: Kernel, mains: Mains) -> None:
    board, seen = clockwork(kernel, mains, True)
    kernel.run_until(10 * MIN)
    board.rtc.set(1000 * MIN)  # next half-hour: 1020
    kernel.run_until(100 * MIN)
    assert seen == [1020, 1050, 1080]
    board.rtc.step(-60 * MIN)  # shows 1030, and meets 1050 and 1080 again
    kernel.run_until(151 * MIN)
    assert seen == [1020, 1050, 1080, 1050, 1080]
    board.rtc.step(5 * HOUR)  # and jumps over some
    kernel.run_until(181 * MIN)
    assert seen[5:] == [1410]


def test_a_clock_set_after_a_restart_wakes_nothing_of_the_life_before(kernel: Kernel, mains: Mains) -> None:
    board, seen = clockwork(kernel, mains, True)
    kernel.run_until(10 * MIN)
    mains.off(1 * MIN)
    board.rtc.step(0)  # a scenario may, while the board is off or on
    kernel.run_until(10 * MIN + 1)
    board.rtc.step(0)
    kernel.run_until(12 * MIN)
    board.rtc.set(1000 * MIN)
    kernel.run_until(35 * MIN)
    assert seen == [1020]


def test_unaligned_calls_do_not_care_about_the_clock_and_do_not_drift(kernel: Kernel, mains: Mains) -> None:
    board, seen = clockwork(kernel, mains, False)
    kernel.run_until(10 * MIN)
    board.rtc.step(17 * MIN)
    kernel.run_until(24 * HOUR)
    assert seen == [30 * number + 17 for number in range(1, 49)]


@pytest.mark.parametrize("align", [True, False])
def test_a_periodic_call_can_be_cancelled_also_by_itself(kernel: Kernel, mains: Mains, align: bool) -> None:
    board, seen = clockwork(kernel, mains, align)
    kernel.run_until(1)
    firmware = board.firmware
    assert isinstance(firmware, Clockwork)
    firmware.tick.cancel()
    firmware.tick.cancel()
    once: list[int] = []

    def only_once() -> None:
        once.append(firmware.now)
        again.cancel()

    again = firmware.every(7 * MIN, only_once, align=align)
    board.rtc.set(0)
    kernel.run_until(3 * HOUR)
    assert (seen, len(once)) == ([], 1)
    with pytest.raises(LocalProtocolError):
        firmware.every(0, only_once)


def test_display_shows_text_cells_and_says_only_what_changes(kernel: Kernel, mains: Mains) -> None:
    board = Board(kernel, "ihd", firmware=Firmware, supply=MainsSupply(mains), display=(8, 2))
    kernel.run_until(0)
    faces: list[Data] = []
    kernel.log.subscribe(lambda now, who, kind, data: faces.append(data), ("display",))
    board.display.show(["Electricity now", "230 W", "lost"])
    board.display.show(["Electricity", "230 W"])
    board.display.write(1, "45", column=1)
    assert board.display.lines == ("Electric", "245 W   ")
    assert faces == [{"lines": ["Electric", "230 W   "]}, {"lines": ["Electric", "245 W   "]}]
    with pytest.raises(LocalProtocolError, match="row 2, column 0 of a display of 8 x 2"):
        board.display.write(2, "x")


def test_buttons_are_events_of_the_run(kernel: Kernel, mains: Mains) -> None:
    pressed: list[str] = []
    board = Board(kernel, "ihd", firmware=Firmware, supply=MainsSupply(mains), buttons=("A", "B"))
    kernel.run_until(0)
    board.buttons.on_press = pressed.append
    board.buttons.press("B")
    assert pressed == []
    kernel.run_until(1)
    assert pressed == ["B"]
    with pytest.raises(LocalProtocolError, match="ihd has no button 'C', it has A, B"):
        board.buttons.press("C")


@pytest.mark.parametrize("part", [lambda board: board.radio, lambda board: board.net])
def test_a_part_that_is_not_there_is_our_bug(kernel: Kernel, mains: Mains, part: Callable[[Board], object]) -> None:
    board = Board(kernel, "ihd", firmware=Firmware, supply=MainsSupply(mains))
    with pytest.raises(LocalProtocolError, match="ihd has no"):
        part(board)


def test_random_streams_of_a_board_go_on_over_power_off(kernel: Kernel, mains: Mains) -> None:
    board = Board(kernel, "esme", firmware=Firmware, supply=MainsSupply(mains))
    kernel.run_until(1)
    first = board.rng("nonce").getrandbits(64)
    mains.off(1 * S)
    kernel.run_until(5 * S)
    assert board.rng("nonce").getrandbits(64) != first
