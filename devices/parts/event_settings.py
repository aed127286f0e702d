"""How a device handles its events: set by the hub over the air, kept in flash, asked before each event (SE 1.4 annex D.10).

A configuration says into which log an event goes (0: none), whether it is sent to the home and the wide area network, and
whether it is an alarm, too. What was never configured is handled as the device was made to. A configuration for a time to
come waits in flash. Not here: what an alarm is (`EventRecorder.on_event`), and how a person sees one (`physical_alarm`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from devices.parts.deadline import Deadline
from devices.parts.han import HUB
from devices.runtime.kernel import S
from protocols.zigbee.clusters.device_management import DeviceManagement
from protocols.zigbee.clusters.events import LogId
from protocols.zigbee.clusters.time import EPOCH, seconds
from protocols.zigbee.device_management.events import LOG, EventConfiguration
from protocols.zigbee.zcl.endpoint import Endpoint, Outcome, Request
from protocols.zigbee.zcl.status import Status

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware

TO_HAN, TO_WAN = 0x01, 0x02
"""Bits of an event's action control."""
PUSH_TO_WAN, PUSH_TO_HAN, ALARM, SEEN = 0x08, 0x10, 0x20, 0x40
"""Bits of a configuration."""
WAITING: Final = 4
"""Configurations for times to come; one more is refused."""
_CONFIGURED: Final = "event-settings/held"
_PENDING: Final = "event-settings/pending"
_LAST: Final = "event-settings/issuer"


class Handling(NamedTuple):
    """What becomes of an event. `log` None: it is not written down; `control` 0: nobody is told of it; `seen`: a person shall."""

    log: LogId | None
    control: int = TO_HAN | TO_WAN
    alarm: bool = False
    seen: bool = False


class EventSettings:
    """The client side of Device Management on an endpoint. `usual`: the events of this device, and the log of each."""

    def __init__(self, firmware: Firmware, endpoint: Endpoint, usual: Mapping[int, LogId]) -> None:
        self._board = board = firmware.board
        self._usual = {int(event): log | PUSH_TO_WAN | PUSH_TO_HAN for event, log in usual.items()}
        self._configuration = EventConfiguration({**self._usual, **dict(board.nvm.get(_CONFIGURED, []))})
        management = endpoint.use(DeviceManagement)
        management.on(DeviceManagement.SetEventConfiguration, self._set)
        management.on(DeviceManagement.GetEventConfiguration, self._report)
        self._timer = Deadline(firmware, self._next, self._due)
        board.rtc.on_set.append(self._due)
        self._timer.arm()

    def handling(self, event: int, log: LogId) -> Handling:
        """What becomes of an event that would go into `log`."""
        held = self._configuration.held.get(event)
        if held is None or held == self._usual.get(event):
            return Handling(log)
        control = TO_HAN * bool(held & PUSH_TO_HAN) | TO_WAN * bool(held & PUSH_TO_WAN)
        return Handling(LogId(held & LOG) if held & LOG else None, control, bool(held & ALARM), bool(held & SEEN))

    def _report(self, command: DeviceManagement.GetEventConfiguration, request: Request) -> Outcome:
        return self._configuration.report(command) if request.message.source == HUB else Status.NOT_AUTHORIZED

    def _set(self, command: DeviceManagement.SetEventConfiguration, request: Request) -> Outcome:
        nvm, now = self._board.nvm, self._now
        if request.message.source != HUB:
            return Status.NOT_AUTHORIZED
        last: int = nvm.get(_LAST, -1)
        if command.issuer_event_id <= last:
            return Status.DUPLICATE_EXISTS if command.issuer_event_id == last else Status.FAILURE
        tried = EventConfiguration(self._configuration.held)
        status = tried.set(command)
        if status is not Status.SUCCESS:
            return status
        if command.start_date_time == 0 or (now is not None and command.start_date_time <= now):
            self._take(tried, {_LAST: command.issuer_event_id})
            return Status.SUCCESS
        waiting: list[bytes] = nvm.get(_PENDING, [])
        if now is None or len(waiting) == WAITING:
            return Status.FAILURE
        nvm.put({_LAST: command.issuer_event_id, _PENDING: [*waiting, command.build()]})
        self._timer.arm()
        return Status.SUCCESS

    def _take(self, configuration: EventConfiguration, news: Mapping[str, object]) -> None:
        """From now on. What is as the device was made takes no room in flash."""
        self._configuration = configuration
        held = [[event, octet] for event, octet in configuration.held.items() if octet != self._usual[event]]
        self._board.nvm.put({_CONFIGURED: held, **news})
        self._board.log("device.events-configured", {"otherwise": len(held)})

    # --- a time to come ---

    @property
    def _now(self) -> int | None:
        rtc = self._board.rtc
        return seconds(rtc.read()) if rtc.valid else None

    def _waiting(self) -> list[DeviceManagement.SetEventConfiguration]:
        """Earliest first."""
        found = [DeviceManagement.SetEventConfiguration.parse(each) for each in self._board.nvm.get(_PENDING, [])]
        return sorted(found, key=lambda each: each.start_date_time)

    def _next(self) -> int | None:
        waiting, rtc = self._waiting(), self._board.rtc
        return rtc.when((waiting[0].start_date_time + EPOCH) * S) if waiting and rtc.valid else None

    def _due(self) -> None:
        now, waiting = self._now, self._waiting()
        due = [each for each in waiting if now is not None and each.start_date_time <= now]
        if due:
            configuration = EventConfiguration(self._configuration.held)
            for command in due:
                configuration.set(command)
            self._take(configuration, {_PENDING: [each.build() for each in waiting[len(due) :]]})
        self._timer.arm()
