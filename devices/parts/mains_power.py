"""Mains as Power Configuration shows it, and its alarms: voltage beyond a threshold for as long as the dwell time says.

Alarms are told to the hub, and logged in flash. Without a threshold somebody has to set one; the mask says which alarms there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from devices.parts.han import Han
from devices.parts.outbox import Outbox
from protocols.zigbee.alarms.table import AlarmTable
from protocols.zigbee.clusters.alarms import Alarms
from protocols.zigbee.clusters.power_configuration import PowerConfiguration
from protocols.zigbee.clusters.time import seconds
from protocols.zigbee.zcl.cluster import Attribute
from protocols.zigbee.zcl.endpoint import Endpoint

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware
    from devices.runtime.kernel import Timer

T = TypeVar("T")

S: Final = 1_000_000_000
TOO_LOW, TOO_HIGH = 0, 1
"""Alarm codes, and bits of the mask."""
NO_MAXIMUM: Final = 0xFFFF
_HALF_HERTZ: Final = 100
"""50 Hz."""
_SETTINGS: Final = "power/settings"
_LOG: Final = "power/alarms"
_DEFAULTS: Final = {
    PowerConfiguration.mains_alarm_mask: 0,
    PowerConfiguration.mains_voltage_min_threshold: 0,
    PowerConfiguration.mains_voltage_max_threshold: NO_MAXIMUM,
    PowerConfiguration.mains_voltage_dwell_trip: 0,
}


class MainsPower:
    """The servers of Power Configuration and Alarms on an endpoint. Call `look` when the voltage has changed."""

    def __init__(self, firmware: Firmware, han: Han, endpoint: Endpoint) -> None:
        self._firmware = firmware
        self._board = board = firmware.board
        self._outbox = Outbox(firmware, han)
        self._timer: Timer | None = None
        kept = board.nvm.get(_SETTINGS, {})
        server = self._server = endpoint.serve(PowerConfiguration, {
            PowerConfiguration.mains_voltage: lambda: self.decivolts,
            PowerConfiguration.mains_frequency: lambda: _HALF_HERTZ if self.decivolts else 0,
        })  # fmt: skip
        for attribute, value in _DEFAULTS.items():
            server[attribute] = kept.get(attribute.name, value)
        server.on_write(self._written)
        self.table = AlarmTable(self._holds, board.nvm.get(_LOG, []))
        alarms = endpoint.serve(Alarms, {Alarms.alarm_count: lambda: self.table.count})
        alarms.on(Alarms.ResetAlarm, lambda command, request: self.table.reset(command))
        alarms.on(Alarms.ResetAllAlarms, lambda command, request: self.table.reset_all())
        alarms.on(Alarms.GetAlarm, lambda command, request: self._logged(self.table.take()))
        alarms.on(Alarms.ResetAlarmLog, lambda command, request: self._logged(self.table.reset_log()))

    @property
    def decivolts(self) -> int:
        """Mains voltage in tenths of a volt; 0 without."""
        return round(self._board.supply.volts * 10) if self._board.supply.live else 0

    def raise_alarm(self, code: int, cluster: int) -> None:
        """Log and tell an alarm of another cluster, of something that does not last."""
        self._say(code, cluster, self.table.note(code, cluster, seconds(self._board.rtc.read())))

    def look(self) -> None:
        """The voltage or a threshold has changed."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._outside(TOO_LOW) or self._outside(TOO_HIGH):
            dwell = self._setting(PowerConfiguration.mains_voltage_dwell_trip)
            self._timer = self._firmware.after(dwell * S, self._trip)
        else:
            self._trip()

    def _trip(self) -> None:
        self._timer = None
        now = seconds(self._board.rtc.read())
        for code in (TOO_LOW, TOO_HIGH):
            alarm = self.table.watch(code, PowerConfiguration.id, now)
            if alarm is not None:
                self._say(code, PowerConfiguration.id, alarm)

    def _say(self, code: int, cluster: int, alarm: Alarms.Alarm) -> None:
        self._logged(None)
        self._board.log("alarm", {"code": code, "cluster": cluster})
        self._outbox.put(alarm)

    def _holds(self, code: int, cluster: int) -> bool:
        return self._timer is None and self._outside(code)

    def _outside(self, code: int) -> bool:
        if not self._setting(PowerConfiguration.mains_alarm_mask) >> code & 1:
            return False
        if code == TOO_LOW:
            return self.decivolts < self._setting(PowerConfiguration.mains_voltage_min_threshold)
        highest = self._setting(PowerConfiguration.mains_voltage_max_threshold)
        return highest != NO_MAXIMUM and self.decivolts > highest

    def _setting(self, attribute: Attribute[int]) -> int:
        value = self._server[attribute]
        assert isinstance(value, int)
        return value

    def _written(self, attribute: Attribute[object], value: object) -> None:
        self._board.nvm.put({_SETTINGS: {each.name: self._setting(each) for each in _DEFAULTS}})
        self.look()

    def _logged(self, answer: T) -> T:
        self._board.nvm.put({_LOG: self.table.image()})
        return answer
