"""The switch and what tells it: a schedule of load control events, their duty cycles, opting out, and reports of all that.

Schedule and settings are in flash. Reports go in order, by an outbox.
Energy Management shows the same, and opts out and in for a home's energy manager; events below the conformance level that it may
set are opted out of when they come.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from devices.load_controller.config import Config
from devices.parts.deadline import Deadline
from devices.parts.han import Han
from devices.parts.network_clock import NetworkClock
from devices.parts.outbox import Outbox
from devices.runtime.kernel import S
from protocols.zigbee.clusters.demand_response import MANDATORY, DemandResponse, EventStatus
from protocols.zigbee.clusters.energy_management import NO_EVENT, Action, CurrentEventStatus, EnergyManagement, LoadControlState
from protocols.zigbee.clusters.time import EPOCH, seconds
from protocols.zigbee.demand_response.cycle import Cycle, cycle
from protocols.zigbee.demand_response.schedule import Entry, Report, Schedule
from protocols.zigbee.zcl.cluster import SERVER, Attribute
from protocols.zigbee.zcl.endpoint import Endpoint, Outcome, Request
from protocols.zigbee.zcl.status import Status

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware

PRICE_PERIOD: Final = 1800
"""Seconds of a half-hour price."""
_EVENTS: Final = "load/events"
_SETTINGS: Final = "load/settings"
_STEADY: Final = Cycle(1, 0)


class Load:
    """The client of Demand Response and the server of Energy Management on an endpoint, and the switch."""

    def __init__(self, firmware: Firmware, han: Han, endpoint: Endpoint, clock: NetworkClock, config: Config) -> None:
        self.closed = True
        self._firmware = firmware
        self._board = board = firmware.board
        self._han = han
        self._clock = clock
        self._config = config
        self._uncycled: int | None = None
        """The event whose duty cycling somebody disabled."""
        self._outbox = Outbox(firmware, han)
        self._moves_at: int | None = None
        client = self._client = endpoint.use(DemandResponse, {
            DemandResponse.utility_enrollment_group: 0,
            DemandResponse.start_randomization_minutes: config.start_randomisation,
            DemandResponse.duration_randomization_minutes: config.duration_randomisation,
            DemandResponse.device_class_value: int(config.appliance),
        })  # fmt: skip
        server = self._server = endpoint.serve(EnergyManagement, {
            EnergyManagement.load_control_state: self._state,
            EnergyManagement.current_event_id: self._event_id,
            EnergyManagement.current_event_status: self._event_status,
            EnergyManagement.conformance_level: 0,
            EnergyManagement.minimum_off_time: config.minimum_off,
            EnergyManagement.minimum_on_time: config.minimum_on,
            EnergyManagement.minimum_cycle_period: config.cycle_period,
        })  # fmt: skip
        for instance in (client, server):
            for id, value in board.nvm.get(f"{_SETTINGS}/{instance.cluster.id}", {}).items():
                instance.values[int(id)] = value
            instance.on_write(lambda attribute, value: self._written())
        random = board.rng("load control").random
        self.schedule = Schedule(
            classes=lambda: self._setting(DemandResponse.device_class_value),
            group=lambda: self._setting(DemandResponse.utility_enrollment_group),
            spread=lambda: (
                self._setting(DemandResponse.start_randomization_minutes),
                self._setting(DemandResponse.duration_randomization_minutes),
            ),
            random=random,
        )
        self.schedule.restore(board.nvm.get(_EVENTS, []))
        client.on(DemandResponse.LoadControlEvent, self._event)
        client.on(DemandResponse.CancelLoadControlEvent, self._cancel)
        client.on(DemandResponse.CancelAllLoadControlEvents, self._cancel_all)
        server.on(EnergyManagement.ManageEvent, self._manage)
        self._timer = Deadline(firmware, self._next, self.look)
        self._draw()
        board.rtc.on_set.append(self.look)

    # --- time ---

    @property
    def _now(self) -> int | None:
        utc = self._clock.utc
        return None if utc is None else seconds(utc)

    def look(self) -> None:
        """See what the time brings."""
        now = self._now
        if now is not None:
            self._apply(self.schedule.expire(now), now)

    def _next(self) -> int | None:
        if self._now is None:
            return None
        times = [time for time in (self.schedule.deadline, self._moves_at) if time is not None]
        return self._board.rtc.when((min(times) + EPOCH) * S) if times else None

    # --- the switch ---

    @property
    def _current(self) -> Entry | None:
        return self.schedule.running

    def _cycle(self) -> Cycle:
        entry = self._current
        if entry is None or not entry.participating or entry.event.average_load_adjustment_percentage > 0:
            return _STEADY  # a positive adjustment lets the load grow: nothing to open
        if entry.event.issuer_event_id == self._uncycled:
            return _STEADY
        return cycle(
            entry.event.duty_cycle,
            self._setting(EnergyManagement.minimum_cycle_period),
            self._setting(EnergyManagement.minimum_on_time),
            self._setting(EnergyManagement.minimum_off_time),
        )

    def _toggle(self, now: int) -> int | None:
        """When the switch moves next within a cycle. A cycle begins with its off time."""
        times, entry = self._cycle(), self._current
        if entry is None or not times.on or not times.off:
            return None
        into = (now - entry.start) % (times.on + times.off)
        return now - into + (times.off if into < times.off else times.on + times.off)

    def _move(self, now: int) -> None:
        times, entry = self._cycle(), self._current
        self._moves_at = self._toggle(now)
        into = 0 if entry is None else (now - entry.start) % (times.on + times.off)
        closed = into >= times.off
        if closed is not self.closed:
            self.closed = closed
            self._draw()
            self._board.log("load.switch", {"closed": closed, "event": None if entry is None else entry.event.issuer_event_id})

    def _draw(self) -> None:
        circuit = self._board.supply.circuit
        if circuit is not None and self._config.watts:
            circuit.draw(self._board.name, self._config.watts if self.closed else 0)

    def _apply(self, reports: Iterable[Report], now: int) -> None:
        for report in reports:
            self._tell(report.status)
        self._move(now)
        self._keep()
        self._timer.arm()

    def _keep(self) -> None:
        image = self.schedule.image()
        if image != self._board.nvm.get(_EVENTS, []):
            self._board.nvm.put({_EVENTS: image})

    # --- commands ---

    def _event(self, command: DemandResponse.LoadControlEvent, request: Request) -> Outcome:
        now = self._now
        if now is None:
            return Status.FAILURE
        known = command.issuer_event_id in self.schedule.entries
        reports = self.schedule.received(command, now)
        entry = self.schedule.entries.get(command.issuer_event_id)
        if not known and entry is not None:
            self._took(entry)
            if command.criticality_level < self._setting(EnergyManagement.conformance_level):
                self.schedule.choose(command.issuer_event_id, now, take_part=False)
        self._apply(reports, now)
        return Status.SUCCESS

    def _took(self, entry: Entry) -> None:
        begins = entry.start - entry.delay
        crosses = begins // PRICE_PERIOD != entry.start // PRICE_PERIOD
        told = {"event": entry.event.issuer_event_id, "offset": entry.delay, "crosses_price": crosses}
        self._board.log("load.event", told)

    def _cancel(self, command: DemandResponse.CancelLoadControlEvent, request: Request) -> Outcome:
        now = self._now
        if now is None:
            return Status.FAILURE
        self._apply(self.schedule.cancelled(command, now), now)
        return Status.SUCCESS

    def _cancel_all(self, command: DemandResponse.CancelAllLoadControlEvents, request: Request) -> Outcome:
        now = self._now
        if now is None:
            return Status.FAILURE
        self._apply(self.schedule.all_cancelled(command, now), now)
        return Status.SUCCESS

    def choose(self, *, take_part: bool) -> None:
        """A person opts out of the event that runs, or else of the next one; or in again."""
        entry = self._current or min(self.schedule.entries.values(), key=lambda each: each.start, default=None)
        now = self._now
        if entry is not None and now is not None:
            number = entry.event.issuer_event_id
            status = self.schedule.choose(number, now, take_part=take_part)
            self._apply([Report(self.schedule.status(number, status, now))], now)

    def _manage(self, command: EnergyManagement.ManageEvent, request: Request) -> Outcome:
        now, group = self._now, self._setting(DemandResponse.utility_enrollment_group)
        if now is None:
            return Status.FAILURE
        meant = command.device_class & self._setting(DemandResponse.device_class_value)
        if not meant or (group and command.utility_enrollment_group not in (0, group)):
            return Status.SUCCESS
        number, current = command.issuer_event_id, self._current
        if number == NO_EVENT and current is not None:
            number = current.event.issuer_event_id
        status = self._managed(number, command.action_required, now)
        told = self.schedule.status(number, status, now)
        if status in (EventStatus.OPTED_IN, EventStatus.OPTED_OUT):
            self._tell(told)
        self._apply([], now)
        return EnergyManagement.ReportEventStatus(
            told.issuer_event_id, told.event_status, told.event_status_time, told.criticality_level_applied,
            told.cooling_temperature_set_point_applied, told.heating_temperature_set_point_applied,
            told.average_load_adjustment_percentage_applied,
            0 if number == self._uncycled else told.duty_cycle_applied, self._event_status(),
        )  # fmt: skip

    def _managed(self, number: int, action: int, now: int) -> EventStatus:
        entry = self.schedule.entries.get(number)
        if entry is None:
            return EventStatus.NOT_FOUND
        if action & Action.ENABLE_DUTY_CYCLING:
            self._uncycled = None
        elif action & Action.DISABLE_DUTY_CYCLING and entry.event.criticality_level not in MANDATORY:
            self._uncycled = number
        if action & (Action.OPT_IN | Action.OPT_OUT):
            return self.schedule.choose(number, now, take_part=bool(action & Action.OPT_IN))
        if not entry.running:
            return EventStatus.RECEIVED
        return EventStatus.OPTED_OUT if entry.opted_out else EventStatus.STARTED

    # --- what is told ---

    def _state(self) -> int:
        state = LoadControlState.LOAD_CALL
        state |= LoadControlState.CONSUMING if self.closed else LoadControlState.RELAY_OPEN
        return state if self._current is None else state | LoadControlState.EVENT_IN_PROGRESS

    def _event_id(self) -> int:
        return NO_EVENT if self._current is None else self._current.event.issuer_event_id

    def _event_status(self) -> int:
        entry, status = self._current, CurrentEventStatus.EXTENDED_BITS | CurrentEventStatus.ON_AT_END
        if entry is None:
            return status
        status |= CurrentEventStatus(entry.event.event_control & 0x03) | CurrentEventStatus.ACTIVE
        if entry.participating:
            status |= CurrentEventStatus.PARTICIPATING
        return status if self.closed else status | CurrentEventStatus.REDUCING

    def _setting(self, attribute: Attribute[int]) -> int:
        value = (self._server if attribute.of is SERVER else self._client).values[attribute.id]
        assert isinstance(value, int)
        return value

    def _written(self) -> None:
        """Settings go to flash; a new conformance level counts for the events that are there, too."""
        kept: dict[str, object] = {}
        for instance in (self._client, self._server):
            held = instance.cluster.attributes[instance.side]
            values = {str(id): value for id, value in instance.values.items() if held[id].writes}
            kept[f"{_SETTINGS}/{instance.cluster.id}"] = values
        self._board.nvm.put(kept)
        now, level = self._now, self._setting(EnergyManagement.conformance_level)
        if now is not None:
            reports = []
            for number, entry in self.schedule.entries.items():
                if level and (entry.event.criticality_level < level) is not entry.opted_out:
                    status = self.schedule.choose(number, now, take_part=entry.event.criticality_level >= level)
                    reports.append(Report(self.schedule.status(number, status, now)))
            self._apply(reports, now)

    def _tell(self, status: DemandResponse.ReportEventStatus) -> None:
        told = {"event": status.issuer_event_id, "status": EventStatus(status.event_status).name}
        self._board.log("load.status", told)
        self._outbox.put(status)
