"""A neutral that floats, found in the meter's contactor: voltage far outside its limits opens the load switch, at once.

Where the neutral of a feeder is broken, each home's voltage is what its and its neighbours' loads make of it: anything up to that
between two phases. The appliances are spared; the meter, on the supply side, has to bear it. Once the voltage was inside its limits
for long enough the switch that it opened is armed, and a hand closes it. It opens one pole: this isolates nothing. A detector at
the substation is a matter of the feeder.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from devices.parts.deadline import Deadline
from devices.runtime.kernel import MIN
from protocols.zigbee.clusters.event_id import EventId

if TYPE_CHECKING:
    from devices.esme.meter import Meter
    from devices.runtime.firmware import Firmware

LEAST, MOST = 1_840, 2_760
"""Decivolts: 230 V and 20 % up and down. No regulator of a sound network gives more, or less."""
SETTLED: Final = 5 * MIN
"""So long the voltage is inside its limits before the switch is armed."""
EVENTS: Final = (EventId.LOW_VOLTAGE_L1, EventId.HIGH_VOLTAGE_L1)
_OPENED: Final = "neutral/opened"


class NeutralWatch:
    """Call `look` whenever the voltage is another. `happened(event)`: write it down, and tell the hub."""

    def __init__(self, firmware: Firmware, meter: Meter, happened: Callable[[int], object]) -> None:
        self._board = firmware.board
        self._meter = meter
        self._happened = happened
        self._since: int | None = None
        self._timer = Deadline(firmware, lambda: None if self._since is None else self._since + SETTLED, self._settled)
        self.look()

    def look(self) -> None:
        """The voltage is this now."""
        volts, opened = self._meter.voltage.decivolts, _OPENED in self._board.nvm
        if volts and not LEAST <= volts <= MOST and not opened:
            self._board.nvm.put({_OPENED: self._meter.switch.closed})
            self._board.log("neutral.detected", {"by": "meter", "decivolts": volts})
            self._happened(EVENTS[volts > MOST])
            self._meter.switch.disconnect()
        if not opened or not self._meter.voltage.inside:
            self._since = None
        elif self._since is None:
            self._since = self._board.kernel.now
        self._timer.arm()

    def _settled(self) -> None:
        self._since = None
        ours = self._board.nvm.get(_OPENED)
        self._board.nvm.delete(_OPENED)
        if ours:
            self._meter.switch.arm()
