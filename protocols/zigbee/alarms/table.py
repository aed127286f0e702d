"""The alarms of a device, sans-I/O: which are raised, and a log of them, oldest first (07-5123 clause 3.11).

An alarm is raised once, until it was reset and its condition has come again. Times are ZigBee UTC, in seconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from protocols.zigbee.clusters.alarms import Alarms
from protocols.zigbee.zcl.status import Status

ROOM: Final = 16
"""Entries of the log; the oldest makes room."""


class AlarmTable:
    """`holds(code, cluster)`: whether an alarm's condition holds now; an alarm whose condition holds is not reset."""

    def __init__(self, holds: Callable[[int, int], bool], image: Sequence[Sequence[int]] = ()) -> None:
        self._holds = holds
        self._log: deque[tuple[int, int, int]] = deque(((code, cluster, time) for code, cluster, time in image), ROOM)
        self._raised: dict[tuple[int, int], None] = {}

    @property
    def count(self) -> int:
        """Entries in the log: the attribute."""
        return len(self._log)

    def watch(self, code: int, cluster: int, now: int) -> Alarms.Alarm | None:
        """Look at an alarm's condition: the alarm to send, if it has come."""
        key = code, cluster
        if not self._holds(code, cluster):
            self._raised.pop(key, None)
            return None
        if key in self._raised:
            return None
        self._raised[key] = None
        self._log.append((code, cluster, now))
        return Alarms.Alarm(code, cluster)

    def note(self, code: int, cluster: int, now: int) -> Alarms.Alarm:
        """Something that happened and does not last: the alarm to send."""
        self._log.append((code, cluster, now))
        return Alarms.Alarm(code, cluster)

    def reset(self, command: Alarms.ResetAlarm) -> Status:
        """Clear one alarm; one that was not raised is not found, one whose condition holds stays."""
        key = command.alarm_code, command.cluster_id
        if key not in self._raised:
            return Status.NOT_FOUND
        if self._holds(*key):
            return Status.FAILURE
        del self._raised[key]
        return Status.SUCCESS

    def reset_all(self) -> Status:
        """Clear all alarms whose conditions are over."""
        self._raised = {key: None for key in self._raised if self._holds(*key)}
        return Status.SUCCESS

    def take(self) -> Alarms.GetAlarmResponse:
        """The earliest entry of the log, which is taken out."""
        if not self._log:
            return Alarms.GetAlarmResponse(Status.NOT_FOUND)
        return Alarms.GetAlarmResponse(Status.SUCCESS, *self._log.popleft())

    def reset_log(self) -> Status:
        """Empty the log."""
        self._log.clear()
        return Status.SUCCESS

    def image(self) -> list[list[int]]:
        """The log, for a memory that outlives the power."""
        return [list(row) for row in self._log]
