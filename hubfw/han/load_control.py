"""Load control events: issued here, told to every load controller, called off, and what became of them (SE 1.4 annex D.2).

Events that last and the number of the last one are in non-volatile memory. A load controller that was off asks for them when it is
back. What devices report is kept for each event until the next restart.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from devices.parts.han import Han
from devices.runtime.kernel import S
from hubfw.config import LOAD_CONTROLLER
from hubfw.device_log import DeviceLog
from hubfw.han.telling import tell_all
from protocols.core.codec import Frame
from protocols.core.errors import LocalProtocolError
from protocols.zigbee.clusters.demand_response import (
    EVERY_GROUP,
    NO_PERCENTAGE,
    NO_SET_POINT,
    NOT_USED,
    TERMINATE_WITH_RANDOMISATION,
    DemandResponse,
    EventStatus,
)
from protocols.zigbee.clusters.time import EPOCH, seconds
from protocols.zigbee.demand_response.issuer import Issuer
from protocols.zigbee.demand_response.schedule import Event, end_of
from protocols.zigbee.zcl.endpoint import Endpoint, Outcome, Request
from protocols.zigbee.zcl.status import Status

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware

EVERY_CLASS: Final = 0x0FFF
REMEMBERED: Final = 64
"""Reports kept."""
_KEY: Final = "load-control"


class LoadControl:
    """The server side of Demand Response on an endpoint."""

    def __init__(self, firmware: Firmware, han: Han, endpoint: Endpoint, log: DeviceLog) -> None:
        self.reports: dict[tuple[int, int], list[EventStatus | int]] = {}
        """What devices told: by event and EUI-64, oldest first."""
        self._firmware = firmware
        self._board = firmware.board
        self._han = han
        self._log = log
        self._issuer = Issuer()
        self._issuer.restore(self._board.nvm.get(_KEY, []))
        server = endpoint.serve(DemandResponse)
        server.on(DemandResponse.GetScheduledEvents, self._asked)
        server.on(DemandResponse.ReportEventStatus, self._reported)

    def start(self) -> None:
        """Go on telling what a restart broke off: who knows an event already does not mind."""
        now = self._now()
        self._issuer.forget(now)
        for event in self._issuer.events.values():
            self._tell(event, self._lasts(event))

    def issue(
        self,
        minutes: int,
        *,
        start: int | None = None,
        classes: int = EVERY_CLASS,
        group: int = EVERY_GROUP,
        criticality: int = 1,
        adjustment: int = NO_PERCENTAGE,
        duty_cycle: int = NOT_USED,
        control: int = 0,
    ) -> int:
        """Have loads reduced from a time on (UTC ns; None: now); the event's identifier.

        Raises LocalProtocolError when the clock is not set, and for an event that nobody would take.
        """
        if not self._board.rtc.valid:
            raise LocalProtocolError("an event needs a clock that is set")
        number = self._board.nvm.counter(_KEY, step=16).next() & 0xFFFFFFFF
        begins = self._now() if start is None else start // S - EPOCH
        event = Event(
            number, classes, group, begins, minutes, criticality, NOT_USED, NOT_USED, NO_SET_POINT, NO_SET_POINT,
            adjustment, duty_cycle, control,
        )  # fmt: skip
        self._issuer.issue(event, self._now())
        self._store()
        self._tell(event, self._lasts(event))
        return number

    def cancel(self, number: int, *, randomised: bool = False) -> None:
        """Call an event off. Raises LocalProtocolError for one that is not known."""
        event = self._issuer.cancel(number)
        self._store()
        control = TERMINATE_WITH_RANDOMISATION if randomised else 0
        cancellation = DemandResponse.CancelLoadControlEvent(number, event.device_class, event.utility_enrollment_group, control, 0)
        self._tell(cancellation, lambda: self._now() < end_of(event))

    def cancel_all(self, *, randomised: bool = False) -> None:
        """Call every event off."""
        last = max((end_of(event) for event in self._issuer.events.values()), default=0)
        self._issuer.events.clear()
        self._store()
        cancellation = DemandResponse.CancelAllLoadControlEvents(TERMINATE_WITH_RANDOMISATION if randomised else 0)
        self._tell(cancellation, lambda: self._now() < last)

    def _lasts(self, event: Event) -> Callable[[], bool]:
        return lambda: self._issuer.events.get(event.issuer_event_id) is event and self._now() < end_of(event)

    def _tell(self, command: Frame, wanted: Callable[[], bool]) -> None:
        self._firmware.spawn(tell_all(self._han, self._log, (LOAD_CONTROLLER,), command, wanted))

    def _store(self) -> None:
        self._board.nvm.put({_KEY: self._issuer.image()})

    def _asked(self, command: DemandResponse.GetScheduledEvents, request: Request) -> Outcome:
        return self._issuer.asked(command, self._now()) or Status.NOT_FOUND

    def _reported(self, command: DemandResponse.ReportEventStatus, request: Request) -> Outcome:
        source = request.message.source_eui64
        if source is None or self._log.kind(source) != LOAD_CONTROLLER:
            return Status.NOT_AUTHORIZED
        known = command.event_status in EventStatus.__members__.values()
        status = EventStatus(command.event_status) if known else command.event_status
        told = self.reports.setdefault((command.issuer_event_id, source), [])
        told.append(status)
        del told[:-REMEMBERED]
        while len(self.reports) > REMEMBERED:
            del self.reports[next(iter(self.reports))]
        word = status.name if isinstance(status, EventStatus) else hex(status)
        self._board.log("hub.load-status", {"event": command.issuer_event_id, "eui64": source, "status": word})
        return Status.SUCCESS

    def _now(self) -> int:
        return seconds(self._board.rtc.read())
