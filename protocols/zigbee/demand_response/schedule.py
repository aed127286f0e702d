"""The events that a device obeys, sans-I/O: one at a time, each with its random offsets (SE 1.4 annex D.2.4.2).

| an event comes, and | then |
|---|---|
| its identifier is known | nothing; it is neither taken twice nor changed |
| it is for other appliances or another group | nothing |
| a field is out of range, or there is no room | rejected |
| it is over already | rejected as expired |
| it has begun already | it runs from now to its end |
| it overlaps one that has not begun | that one is superseded at once |
| it overlaps the one that runs | that one runs on until the new one begins, and is superseded then |
| it begins when another ends | the first gives way to the second's effective start, whatever its random end |

Start and end are moved later by a random part of the minutes that the device's attributes give, where the event asks for it.
Times are ZigBee UTC, in seconds. Events run by the clock: who has none gets none. Temperatures are reported as not used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from protocols.core.effects import Effect
from protocols.zigbee.clusters.demand_response import (
    EVERY_GROUP,
    LONGEST_EVENT,
    MANDATORY,
    NO_PERCENTAGE,
    NO_SET_POINT,
    NO_SIGNATURE,
    NOT_USED,
    TERMINATE_WITH_RANDOMISATION,
    UNSIGNED,
    DemandResponse,
    EventControl,
    EventStatus,
)

Event = DemandResponse.LoadControlEvent

ROOM: Final = 8
"""Events that a device keeps."""
MINUTE: Final = 60
_NO_TIME: Final = 0xFFFFFFFF
_LEVELS: Final = range(1, 0x10)
_FIELDS: Final = (
    "issuer_event_id", "device_class", "utility_enrollment_group", "start_time", "duration_in_minutes", "criticality_level",
    "cooling_temperature_offset", "heating_temperature_offset", "cooling_temperature_set_point", "heating_temperature_set_point",
    "average_load_adjustment_percentage", "duty_cycle", "event_control",
)  # fmt: skip
_SET_POINT_NOT_USED: Final = NO_SET_POINT & 0xFFFF


def plain(event: Event) -> list[int]:
    """An event for a memory that outlives the power; `Event(*plain(event))` is the event."""
    return [getattr(event, name) for name in _FIELDS]


def end_of(event: Event) -> int:
    """When an event with a definite start is over, without random offsets."""
    return event.start_time + MINUTE * event.duration_in_minutes


class Report(Effect, frozen=True):
    """The issuer is to know what became of an event."""

    status: DemandResponse.ReportEventStatus


@dataclass(slots=True)
class Entry:
    """An event that was taken. `start`, `end`: with their random offsets."""

    event: Event
    start: int
    end: int
    delay: int
    """Random seconds at its start."""
    extension: int
    """Random seconds at its end."""
    running: bool = False
    opted_out: bool = False
    changed: bool = False
    """Somebody opted out or in while it ran."""
    ends_as: int = 0
    """Of an event that is called off while it runs: what `end` makes of it; 0: it is completed."""

    @property
    def participating(self) -> bool:
        """The load is to be reduced now."""
        return self.running and not self.opted_out


class Schedule:
    """One device's events. `classes`, `group`: who it is; `spread`: minutes of random start and duration; all read when needed.

    `random()`: a fraction, from 0 to less than 1.
    """

    def __init__(
        self,
        classes: Callable[[], int],
        group: Callable[[], int],
        spread: Callable[[], tuple[int, int]],
        random: Callable[[], float],
    ) -> None:
        self._classes = classes
        self._group = group
        self._spread = spread
        self._random = random
        self.entries: dict[int, Entry] = {}

    @property
    def running(self) -> Entry | None:
        """The event that runs."""
        return next((entry for entry in self.entries.values() if entry.running), None)

    @property
    def deadline(self) -> int | None:
        """When `expire` is wanted."""
        return min((entry.end if entry.running else entry.start for entry in self.entries.values()), default=None)

    # --- commands ---

    def received(self, event: Event, now: int) -> list[Report]:
        """An event comes."""
        if not self._meant(event.device_class, event.utility_enrollment_group) or event.issuer_event_id in self.entries:
            return []
        if not valid(event) or len(self.entries) >= ROOM:
            return [_report(event, EventStatus.REJECTED, now)]
        if not event.start_time:
            event = Event(*(now if name == "start_time" else getattr(event, name) for name in _FIELDS))
        if end_of(event) <= now:
            return [_report(event, EventStatus.EXPIRED, now)]
        for_start, for_end = self._spread()
        delay = self._draw(for_start) if event.event_control & EventControl.RANDOMISED_START else 0
        extension = self._draw(for_end) if event.event_control & EventControl.RANDOMISED_DURATION else 0
        start = max(event.start_time, now) + delay
        entry = Entry(event, start, end_of(event) + delay + extension, delay, extension)
        reports = [_report(event, EventStatus.RECEIVED, now), *self._supersede(entry, now)]
        self.entries[event.issuer_event_id] = entry
        return reports + self.expire(now)

    def cancelled(self, command: DemandResponse.CancelLoadControlEvent, now: int) -> list[Report]:
        """An event is called off."""
        entry = self.entries.get(command.issuer_event_id)
        if entry is None:
            return [_rejection(command.issuer_event_id, EventStatus.UNDEFINED_EVENT, now)]
        if not self._meant(command.device_class, command.utility_enrollment_group):
            return [_report(entry.event, EventStatus.INVALID_CANCEL, now)]
        if command.effective_time == _NO_TIME or command.effective_time > end_of(entry.event):
            return [_report(entry.event, EventStatus.INVALID_EFFECTIVE_TIME, now)]
        return self._call_off(entry, command.cancel_control, command.effective_time or now, now)

    def all_cancelled(self, command: DemandResponse.CancelAllLoadControlEvents, now: int) -> list[Report]:
        """All events are called off."""
        return [
            report for entry in list(self.entries.values()) for report in self._call_off(entry, command.cancel_control, now, now)
        ]

    def choose(self, number: int, now: int, *, take_part: bool) -> EventStatus:
        """Somebody opts out of an event, or in again: what to report of it. The event's participation has changed."""
        entry = self.entries.get(number)
        if entry is None:
            return EventStatus.NOT_FOUND
        if not take_part and entry.event.criticality_level in MANDATORY:
            return EventStatus.INVALID_OPT_OUT
        if entry.opted_out is take_part:
            entry.opted_out = not take_part
            entry.changed |= entry.running
        return EventStatus.OPTED_IN if take_part else EventStatus.OPTED_OUT

    def status(self, number: int, status: EventStatus, now: int) -> DemandResponse.ReportEventStatus:
        """A report about an event, known or not."""
        entry = self.entries.get(number)
        return (_rejection(number, status, now) if entry is None else _report(entry.event, status, now)).status

    # --- time ---

    def expire(self, now: int) -> list[Report]:
        """What the time brings: events begin, give way to others, and end."""
        reports: list[Report] = []
        while True:
            due = [entry for entry in self.entries.values() if (entry.end if entry.running else entry.start) <= now]
            if not due:
                return reports
            entry = min(due, key=lambda each: (each.end if each.running else each.start, not each.running))
            if not entry.running and entry.end <= now:  # the device was off, or had no time
                entry.ends_as = EventStatus.COMPLETED_WITHOUT_PARTICIPATION
            if entry.running or entry.ends_as:
                reports.append(self._end(entry, now))
            else:
                before = self.running
                if before is not None:
                    before.ends_as = before.ends_as or (0 if end_of(before.event) <= now else EventStatus.SUPERSEDED)
                    reports.append(self._end(before, now))
                entry.running = True
                status = EventStatus.OPTED_OUT if entry.opted_out else EventStatus.STARTED
                reports.append(_report(entry.event, status, now))

    def _end(self, entry: Entry, now: int) -> Report:
        del self.entries[entry.event.issuer_event_id]
        status = EventStatus(entry.ends_as) if entry.ends_as else _COMPLETED[entry.opted_out, entry.changed]
        return _report(entry.event, status, now)

    def _supersede(self, new: Entry, now: int) -> Iterator[Report]:
        begins, ends = new.event.start_time, end_of(new.event)
        for entry in list(self.entries.values()):
            if begins < end_of(entry.event) and entry.event.start_time < ends and not entry.running:
                entry.ends_as = EventStatus.SUPERSEDED
                yield self._end(entry, now)

    def _call_off(self, entry: Entry, control: int, when: int, now: int) -> list[Report]:
        """An event that runs may end at a random time, if it is to."""
        if entry.running and control & TERMINATE_WITH_RANDOMISATION:
            when += entry.extension or entry.delay
        entry.ends_as = EventStatus.CANCELLED
        if when <= now or not entry.running:
            return [self._end(entry, now)]
        entry.end = min(entry.end, when)
        return []

    def _meant(self, classes: int, group: int) -> bool:
        ours = self._group()
        return bool(classes & self._classes()) and (ours == EVERY_GROUP or group in (EVERY_GROUP, ours))

    def _draw(self, minutes: int) -> int:
        return int(self._random() * minutes * MINUTE)

    # --- for a memory that outlives the power ---

    def image(self) -> list[list[int]]:
        """Every entry."""
        return [
            [*plain(e.event), e.start, e.end, e.delay, e.extension, e.running, e.opted_out, e.changed, e.ends_as]
            for e in self.entries.values()
        ]

    def restore(self, image: Sequence[Sequence[int]]) -> None:
        """Hold what an image has; what is over by now is for `expire` to say."""
        count = len(_FIELDS)
        for row in image:
            event = Event(*row[:count])
            start, end, delay, extension, running, opted_out, changed, ends_as = row[count:]
            self.entries[event.issuer_event_id] = Entry(
                event, start, end, delay, extension, bool(running), bool(opted_out), bool(changed), ends_as
            )


_COMPLETED: Final = {
    (False, False): EventStatus.COMPLETED,
    (True, True): EventStatus.PARTLY_COMPLETED_OPTED_OUT,
    (False, True): EventStatus.PARTLY_COMPLETED_OPTED_IN,
    (True, False): EventStatus.COMPLETED_WITHOUT_PARTICIPATION,
}
"""By whether the device was out at the end, and whether that changed while the event ran."""


def valid(event: Event) -> bool:
    """Whether a device would take it: its fields are in their ranges."""
    return (
        event.start_time != _NO_TIME
        and 0 < event.duration_in_minutes <= LONGEST_EVENT
        and event.criticality_level in _LEVELS
        and (event.duty_cycle <= 100 or event.duty_cycle == NOT_USED)
        and (-100 <= event.average_load_adjustment_percentage <= 100 or event.average_load_adjustment_percentage == NO_PERCENTAGE)
    )


def _report(event: Event, status: EventStatus, now: int) -> Report:
    return Report(DemandResponse.ReportEventStatus(
        event.issuer_event_id, status, now, event.criticality_level, event.cooling_temperature_set_point & 0xFFFF,
        event.heating_temperature_set_point & 0xFFFF, event.average_load_adjustment_percentage, event.duty_cycle,
        event.event_control, NO_SIGNATURE, UNSIGNED,
    ))  # fmt: skip


def _rejection(number: int, status: EventStatus, now: int) -> Report:
    return Report(DemandResponse.ReportEventStatus(
        number, status, now, 0, _SET_POINT_NOT_USED, _SET_POINT_NOT_USED, NO_PERCENTAGE, NOT_USED, 0, NO_SIGNATURE, UNSIGNED
    ))  # fmt: skip
