"""The watchdog bites a board that hangs, and no other."""

from __future__ import annotations

from devices.runtime.board import Board, Reset
from devices.runtime.firmware import Firmware
from devices.runtime.kernel import HOUR, MIN, Kernel, S
from devices.runtime.supply import Mains, MainsSupply


class Kicking(Firmware):
    """Kicks every ten seconds; counts its seconds in flash."""

    def boot(self, why: Reset) -> None:
        self.board.nvm.put({"boots": [*self.board.nvm.get("boots", []), why.value]})
        self.board.watchdog.start(30 * S)
        self.every(10 * S, self.board.watchdog.kick)


def board() -> tuple[Kernel, Mains, Board]:
    kernel = Kernel(1)
    mains = Mains(kernel)
    return kernel, mains, Board(kernel, "hub", firmware=Kicking, supply=MainsSupply(mains))


def test_firmware_that_kicks_is_left_alone() -> None:
    kernel, _, hub = board()
    kernel.run_until(HOUR)
    assert hub.nvm.get("boots") == ["power on"]


def test_a_board_that_hangs_is_reset_within_the_time_out_and_goes_on() -> None:
    kernel, _, hub = board()
    kernel.run_until(MIN)
    hub.hang()
    kernel.run_until(MIN + 19 * S)
    assert hub.nvm.get("boots") == ["power on"]
    kernel.run_until(MIN + 31 * S)
    assert hub.nvm.get("boots") == ["power on", "watchdog"]
    kernel.run_until(HOUR)
    assert hub.nvm.get("boots") == ["power on", "watchdog"]


def test_a_board_without_power_is_not_bitten() -> None:
    kernel, mains, hub = board()
    kernel.run_until(MIN)
    hub.hang()
    mains.off(MIN)
    kernel.run_until(HOUR)
    assert hub.nvm.get("boots") == ["power on", "power on"]
    assert hub.watchdog.running
