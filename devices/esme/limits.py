"""The meter's limits as GB has them: load, thresholds of extreme voltages; who may switch the supply; and a compact capture.

Load above its threshold for long enough opens the switch where the supplier wants that (`0-0:94.44.0.3`), and once it has been
below for long enough the switch is armed. GB's thresholds of voltage are kept and do nothing yet. The arbitrator of the supply
(`0-0:96.3.20`) is the Blue Book's, not GB's: supplier, load limiting and prepayment, in this order of weight.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from devices.esme.meter import Meter
from devices.esme.prepayment import to_come
from devices.esme.timed_objects import ARM, DISABLE, ENABLE, POWER, SUPPLY_SCRIPTS
from devices.parts.kept_objects import keep
from devices.runtime.kernel import Timer
from protocols.dlms import axdr, cosem
from protocols.dlms.cosem import Access, AccessError, Column, InterfaceClass
from protocols.dlms.logical_device import LogicalDevice
from protocols.dlms.obis import Obis
from protocols.dlms.xdlms import DataAccessResult

if TYPE_CHECKING:
    from devices.runtime.board import Board

LOAD_LIMIT: Final = Obis("0-0:17.0.0")
SUPPLY_STATE: Final = Obis("0-0:94.44.0.3")
ARBITRATOR: Final = Obis("0-0:96.3.20")
COMPACT: Final = Obis("0-0:66.0.0")
NO_LIMIT: Final = 0xFFFFFFFF
_VOLTAGE: Final = (3, Obis("1-0:32.7.0"), 2)
_VOLTS: Final = {"0-0:17.0.1": 276, "0-0:17.0.2": 184, "0-0:17.0.3": 207, "0-0:17.0.4": 253}
"""Extreme over-voltage and under-voltage, sag and swell: 230 V and 20 % or 10 % up and down."""
_MEASURED_FOR: Final = 30
_CAPTURED: Final = (Obis("0-0:1.0.0"), Obis("1-0:1.8.0"), POWER)
_EXECUTE: Final = 1


class Limits:
    """The objects, added to the device. Call `watch` whenever the load may have changed."""

    def __init__(self, board: Board, meter: Meter, device: LogicalDevice) -> None:
        self._board = board
        self._meter = meter
        self._device = device
        self._timer: Timer | None = None
        self._acting = False
        self.on_exceeded: Callable[[], object] = lambda: None
        """Called when the load has been above its threshold for long enough."""
        self._state = cosem.ExtendedData(SUPPLY_STATE, value_active=axdr.boolean(False), value_passive=axdr.boolean(False))
        self._load = cosem.Limiter(
            LOAD_LIMIT,
            monitored_value=(3, POWER, 2),
            threshold_normal=axdr.u32(NO_LIMIT),
            threshold_emergency=axdr.u32(NO_LIMIT),
            actions=((SUPPLY_SCRIPTS, DISABLE), (SUPPLY_SCRIPTS, ARM)),
            access={"actions": Access.READ},
        )
        limiters = [self._load, *(_voltage(name, volts) for name, volts in _VOLTS.items())]
        limit = cosem.Limiter
        to_follow = [
            to_come("0-0:94.44.128.6", self._load, limit.min_over_threshold_duration),
            to_come("0-0:94.44.128.7", self._load, limit.threshold_normal),
            to_come("0-0:94.44.128.8", self._load, limit.min_under_threshold_duration),
        ]
        arbitrator = cosem.Arbitrator(
            ARBITRATOR,
            actions=[(SUPPLY_SCRIPTS, ENABLE), (SUPPLY_SCRIPTS, DISABLE)],
            permissions_table=["11", "01", "01"],
            weightings_table=[[4, 4], [0, 3], [0, 2]],
            execute=self._execute,
        )
        captured = [thing for name in _CAPTURED if (thing := device.find(name)) is not None]
        compact = cosem.CompactData(COMPACT, columns=[Column(thing) for thing in captured], template_id=1)
        things: list[InterfaceClass] = [*limiters, self._state, *to_follow, arbitrator]
        for thing in things:
            keep(board.nvm, thing, *(m for n, m in thing.attributes.items() if n > 1 and not callable(thing.sources[n])))
        for thing in (*things, compact):
            device.add(thing)
        self._load.watch(lambda thing, member: board.scope.after(0, self.watch))

    @property
    def threshold(self) -> int:
        """Watts of load; NO_LIMIT: none."""
        return int(self._load.threshold_normal.value)

    @property
    def opens(self) -> bool:
        """Whether a load above its threshold opens the switch."""
        return bool(self._state.value_active.python)

    @opens.setter
    def opens(self, wanted: bool) -> None:
        self._state.write(2, axdr.boolean(wanted))

    def watch(self) -> None:
        """The load, the limit or the time is another."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._acting:  # the switch it has opened made the load another: that is judged when the script is over
            self._timer = self._board.scope.after(0, self.watch)
            return
        now = self._board.rtc.read()
        self._judge(now)
        self._wait(now)

    def _judge(self, now: int) -> None:
        self._acting = True
        try:
            for call in self._load.evaluate(self._meter.watts, now):
                if call.argument.value == DISABLE:
                    self.on_exceeded()
                if self.opens:
                    self._execute(call.name, call.argument.value)
        finally:
            self._acting = False

    def _wait(self, now: int) -> None:
        deadline = self._load.deadline
        if deadline is not None and self._timer is None:
            self._timer = self._board.scope.after(max(deadline - now, 0), self.watch)

    def _execute(self, table: Obis, number: int) -> None:
        scripts = self._device.find(table)
        if scripts is None:
            raise AccessError(DataAccessResult.OBJECT_UNDEFINED, str(table))
        scripts.invoke(_EXECUTE, axdr.u16(number))


def _voltage(name: str, volts: int) -> cosem.Limiter:
    return cosem.Limiter(
        name,
        monitored_value=_VOLTAGE,
        threshold_normal=axdr.u32(volts),
        threshold_emergency=axdr.u32(volts),
        min_over_threshold_duration=_MEASURED_FOR,
        access={"actions": Access.READ, "emergency_profile": Access.READ, "emergency_profile_group_id_list": Access.READ},
    )
