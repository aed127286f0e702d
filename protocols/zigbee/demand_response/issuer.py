"""The events that a server has issued, sans-I/O: kept while they last, and told to who asks for them (SE 1.4 annex D.2.3).

Times are ZigBee UTC, in seconds. Not here: who is told of an event when it is new.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from protocols.core.errors import LocalProtocolError
from protocols.zigbee.clusters.demand_response import DemandResponse
from protocols.zigbee.demand_response.schedule import Event, end_of, plain, valid

ROOM: Final = 16
"""Events that a server keeps."""


class Issuer:
    """Events by identifier, in the order of their start times."""

    def __init__(self) -> None:
        self.events: dict[int, Event] = {}

    def issue(self, event: Event, now: int) -> None:
        """Keep a new event, which has a definite start. Raises LocalProtocolError for one that no device would take."""
        self.forget(now)
        if not valid(event) or not event.start_time or end_of(event) <= now:
            raise LocalProtocolError(
                f"an event from {event.start_time} on for {event.duration_in_minutes} minutes, or out of range"
            )
        if event.issuer_event_id in self.events or len(self.events) >= ROOM:
            raise LocalProtocolError(f"event {event.issuer_event_id} is known, or there are {ROOM} of them")
        self.events[event.issuer_event_id] = event
        self.events = dict(sorted(self.events.items(), key=lambda item: (item[1].start_time, item[0])))

    def cancel(self, number: int) -> Event:
        """Call an event off. Raises LocalProtocolError for one that is not known."""
        if number not in self.events:
            raise LocalProtocolError(f"no event {number}")
        return self.events.pop(number)

    def forget(self, now: int) -> None:
        """Drop the events that are over."""
        self.events = {number: event for number, event in self.events.items() if end_of(event) > now}

    def asked(self, query: DemandResponse.GetScheduledEvents, now: int) -> list[Event]:
        """The events, running or to come, that are not over at the start time of the query, from an identifier on if it has one."""
        self.forget(now)
        since = query.start_time or now
        found = [event for event in self.events.values() if end_of(event) > since]
        first = query.issuer_event_id
        if first is not None and first in self.events:
            at = self.events[first]
            found = [each for each in found if (each.start_time, each.issuer_event_id) >= (at.start_time, at.issuer_event_id)]
        return found[: query.number_of_events or len(found)]

    def image(self) -> list[list[int]]:
        """For a memory that outlives the power."""
        return [plain(event) for event in self.events.values()]

    def restore(self, image: Sequence[Sequence[int]]) -> None:
        """Hold what an image has."""
        self.events = {row[0]: Event(*row) for row in image}
