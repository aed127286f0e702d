"""What makes a logical device's objects act by the board's clock: schedules, calendars, demand registers, activations to come.

It is idle until the clock is valid, sleeps until something is due, and is told of every setting of the clock and every write by a
client. Until when everything was done is in flash whenever a script ran or somebody wrote, so that after a power failure what was
missed is made up for and nothing is done twice. The rules are `protocols.dlms.cosem.timetable`'s and the classes' own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from devices.runtime.kernel import Timer
from protocols.dlms.axdr import Tag
from protocols.dlms.cosem import Clock, DemandRegister, RegisterMonitor, Timetable
from protocols.dlms.cosem.timetable import Done
from protocols.dlms.cosem.zone import UTC
from protocols.dlms.logical_device import LogicalDevice

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware

_DONE: Final = "clockwork/done"


class CosemClockwork:
    """One logical device that has all its objects by now; its clock object says what local time is."""

    def __init__(self, firmware: Firmware, device: LogicalDevice) -> None:
        self._firmware = firmware
        self._board = board = firmware.board
        self._device = device
        self._timer: Timer | None = None
        self._touched = False
        self._monitors = [thing for thing in device if isinstance(thing, RegisterMonitor)]
        clock = next((thing for thing in device if isinstance(thing, Clock)), None)
        self._timetable = Timetable(
            list(device),
            device.find,
            zone=lambda: UTC if clock is None else clock.zone,
            since=board.nvm.get(_DONE),
            changed=self._look_again,
        )
        board.rtc.on_set.append(self._look_again)
        self._look_again()

    def watch(self) -> None:
        """Monitored values may have changed: run the scripts of the thresholds that they have crossed."""
        now = self._board.rtc.read()
        self._report([self._timetable.make(call) for monitor in self._monitors for call in monitor.evaluate(now)])

    def _look_again(self) -> None:
        """Somebody wrote, or set the clock: when that is done with, another deadline may be the next."""
        if not self._touched:
            self._touched = True
            self._firmware.after(0, self._run)

    def _run(self) -> None:
        rtc = self._board.rtc
        touched, self._touched = self._touched, False
        if not rtc.valid:
            return
        done = self._timetable.expire(rtc.read())
        acted = [one for one in done if not isinstance(self._device.find(one.call.name), DemandRegister)]
        if acted or touched:
            self._board.nvm.put({_DONE: self._timetable.since})
        self._report(acted)
        if self._timer is not None:
            self._timer.cancel()
        deadline = self._timetable.deadline
        self._timer = None if deadline is None else self._firmware.at(rtc.when(deadline), self._run)

    def _report(self, done: Iterable[Done]) -> None:
        for one in done:
            argument = one.call.argument
            self._board.log("call", {
                "object": str(one.call.name),
                "method": one.call.method,
                "argument": argument.value if argument.tag == Tag.LONG_UNSIGNED else None,
                "result": int(one.result),
            })  # fmt: skip
