"""Logs of events, sans-I/O: so many entries each, newest first, told in parts, emptied on request (SE 1.4 annex D.11).

Times are ZigBee UTC, in seconds. Not here: which events there are, and who may empty a log.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final

from protocols.zigbee.clusters.events import EventLogPayload, Events, LogId

ROOM: Final = 50
"""Entries of a log; the oldest makes room."""
LONGEST_DATA: Final = 32
"""Octets of an event's data."""
EVERY_EVENT: Final = 0
UNTIL_NOW: Final = 0xFFFFFFFF
FULL_INFORMATION: Final = 0x10
"""Of an event control: with the events' data."""
_OCTETS_A_FRAME: Final = 56
_MOST_A_FRAME: Final = 15
"""The payload control has four bits for their number."""

Row = tuple[int, int, bytes]
"""Event identifier, time, data."""


class EventLog:
    """The logs of one device."""

    __slots__ = ("_logs",)

    def __init__(self, image: Mapping[str, Sequence[Sequence[object]]] | None = None) -> None:
        self._logs: dict[LogId, deque[Row]] = {}
        for name, rows in (image or {}).items():
            self._logs[LogId(int(name))] = deque((_row(row) for row in rows), ROOM)

    def rows(self, log: LogId) -> list[Row]:
        """What is in a log, newest first."""
        return list(self._logs.get(log, ()))

    def record(self, log: LogId, event: int, time: int, data: bytes = b"") -> None:
        """Enter an event. Data beyond LONGEST_DATA is left out."""
        rows = self._logs.get(log)
        if rows is None:
            rows = self._logs[log] = deque(maxlen=ROOM)
        rows.appendleft((event, time, data[:LONGEST_DATA]))

    def publish(self, query: Events.GetEventLog) -> list[Events.PublishEventLog]:
        """The events that a query asks for, in as many frames as it takes; none, where nothing fits."""
        wanted, full = query.event_control_log_id & 0x0F, query.event_control_log_id & 0xF0 == FULL_INFORMATION
        found = [
            (log, row)
            for log in sorted(self._logs)
            if wanted in (LogId.ALL, log)
            for row in self._logs[log]
            if query.event_id in (EVERY_EVENT, row[0]) and query.start_time <= row[1] <= (query.end_time or UNTIL_NOW)
        ]
        found.sort(key=lambda each: -each[1][1])
        count = len(found)
        found = found[query.event_offset :]
        found = found[: query.number_of_events or len(found)]
        parts: list[list[EventLogPayload]] = []
        room = 0
        for log, (event, time, data) in found:
            payload = EventLogPayload(log, event, time, data if full else b"")
            room -= len(payload.build())
            if room < 0 or len(parts[-1]) >= _MOST_A_FRAME:
                parts.append([])
                room = _OCTETS_A_FRAME - len(payload.build())
            parts[-1].append(payload)
        return [Events.PublishEventLog(count, index, len(parts), len(part) << 4, part) for index, part in enumerate(parts)]

    def clear(self, request: Events.ClearEventLogRequest) -> Events.ClearEventLogResponse | None:
        """Empty a log, or all; None for a log that there is not. The response has no bits for GB's own logs."""
        wanted = request.log_id & 0x0F
        if wanted == LogId.ALL:
            self._logs.clear()
            return Events.ClearEventLogResponse(_ALL_CLEARED)
        if wanted not in _KNOWN:
            return None
        self._logs.pop(LogId(wanted), None)
        return Events.ClearEventLogResponse(1 << wanted & _ALL_CLEARED)

    def image(self) -> dict[str, list[list[object]]]:
        """For a memory that outlives the power."""
        return {str(int(log)): [list(row) for row in self._logs[log]] for log in sorted(self._logs)}


_KNOWN: Final = frozenset(LogId) - {LogId.ALL}
_ALL_CLEARED: Final = 0x3F
"""All logs, tamper, fault, general, security and network log."""


def _row(row: Sequence[object]) -> Row:
    event, time, data = row
    assert isinstance(event, int)
    assert isinstance(time, int)
    assert isinstance(data, bytes)
    return event, time, data
