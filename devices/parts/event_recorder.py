"""What happens in a device, written down and told: the server of Events on an endpoint (SE 1.4 annex D.11).

An event goes into its log, which is in flash before the event is told to the hub; a sleeper tells it at its next wake. Only the hub
may empty a log; that it was emptied is an event itself. Where events can be configured (`event_settings`), that decides on log and
telling.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from devices.parts.event_settings import EventSettings, Handling
from devices.parts.han import HUB, Han
from devices.parts.outbox import Outbox
from protocols.zigbee.clusters.event_id import EventId
from protocols.zigbee.clusters.events import Events, LogId
from protocols.zigbee.clusters.time import seconds
from protocols.zigbee.events.log import EventLog
from protocols.zigbee.zcl.endpoint import Endpoint, Outcome, Request
from protocols.zigbee.zcl.status import Status

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware

_KEY: Final = "events"


class EventRecorder:
    """The logs of one device. `han` None or the hub itself: nobody is told. `settings` None: all is written down and told."""

    def __init__(
        self, firmware: Firmware, endpoint: Endpoint | None, han: Han | None, settings: EventSettings | None = None
    ) -> None:
        self._board = firmware.board
        self._settings = settings
        self.on_event: Callable[[int, bool], object] = lambda event, alarm: None
        """Told of each event, and whether it is configured to be an alarm."""
        self.on_seen: Callable[[int], object] = lambda event: None
        """Told of each event that is configured to be an alarm which a person sees."""
        self.log = EventLog(self._board.nvm.get(_KEY, {}))
        self._outbox = None if han is None else Outbox(firmware, han)
        if endpoint is not None:
            server = endpoint.serve(Events)
            server.on(Events.GetEventLog, lambda command, request: self.log.publish(command) or Status.NOT_FOUND)
            server.on(Events.ClearEventLogRequest, self._clear)

    def happened(self, event: int, log: LogId = LogId.GENERAL, data: bytes = b"") -> None:
        """Write an event down, and tell it: unless it is configured otherwise."""
        time = seconds(self._board.rtc.read())
        into, control, alarm, seen = Handling(log) if self._settings is None else self._settings.handling(event, log)
        if into is not None:
            self.log.record(into, event, time, data)
            self._board.nvm.put({_KEY: self.log.image()})
        self._board.log("device.event", {"event": event, "log": (into or LogId.ALL).name})
        if self._outbox is not None and control:
            self._outbox.put(Events.PublishEvent(into or LogId.ALL, event, time, control, data))
        self.on_event(event, alarm)
        if seen:
            self.on_seen(event)

    async def tell(self) -> None:
        """A sleeper is awake: tell what waits."""
        if self._outbox is not None:
            await self._outbox.say()

    def _clear(self, command: Events.ClearEventLogRequest, request: Request) -> Outcome:
        if request.message.source != HUB:
            return Status.NOT_AUTHORIZED
        response = self.log.clear(command)
        if response is None:
            return Status.INVALID_FIELD
        self.happened(EventId.EVENT_LOG_CLEARED, data=bytes((command.log_id & 0x0F,)))
        return response
