"""How a device handles its events: configured by the hub, told on request (SE 1.4 clauses D.10.2.3.2.5, D.10.3.3).

A configuration is an octet: bits 0 to 2 the log, 3 to 6 where it is pushed to. Events that a device does not have are left out;
a control or a payload that makes no sense is refused, and nothing is changed then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from protocols.core.codec import Frame, array, le, this
from protocols.core.errors import DecodeError
from protocols.zigbee.clusters.device_management import DeviceManagement, EventConfigurationPayload
from protocols.zigbee.zcl.status import Status

ALL: Final = 0xFFFF
BY_LIST, BY_GROUP, BY_LOG, BY_CONFIGURATION = range(4)
LOG: Final = 0x07
GROUP: Final = 0xFF00
A_FRAME: Final = 20
"""Events that one report holds."""


class EventList(Frame):
    """Events named one by one."""

    number_of_events: le.u8
    event_ids: list[int] = array(le.u16, this.number_of_events)


class EventGroup(Frame):
    """A group of events: an identifier whose low octet is FF."""

    event_group_id: le.u16


class Match(Frame):
    """A log type, or a configuration, that those to be changed have now."""

    value: le.u8


class EventConfiguration:
    """A device's. `held`: event identifier to configuration."""

    def __init__(self, held: Mapping[int, int]) -> None:
        self.held = dict(held)

    def set(self, command: DeviceManagement.SetEventConfiguration) -> Status:
        """Handle events otherwise from now on."""
        try:
            chosen = list(self._chosen(command.configuration_control, command.event_configuration_payload))
        except DecodeError:
            return Status.MALFORMED_COMMAND
        except KeyError:
            return Status.INVALID_FIELD
        for event in chosen:
            self.held[event] = command.event_configuration
        return Status.SUCCESS

    def _chosen(self, control: int, payload: bytes) -> Iterable[int]:
        if control == BY_LIST:
            return [event for event in EventList.parse(payload).event_ids if event in self.held]
        if control == BY_GROUP:
            group = EventGroup.parse(payload).event_group_id
            return [event for event in self.held if group == ALL or event & GROUP == group & GROUP]
        if control not in (BY_LOG, BY_CONFIGURATION):
            raise KeyError(control)
        value = Match.parse(payload).value
        mask = LOG if control == BY_LOG else 0xFF
        return [event for event, configuration in self.held.items() if configuration & mask == value & mask]

    def report(self, question: DeviceManagement.GetEventConfiguration) -> list[Frame] | Status:
        """How an event is handled, or all are."""
        events = sorted(event for event in self.held if question.event_id in (ALL, event))
        if not events:
            return Status.NOT_FOUND
        pieces = [events[at : at + A_FRAME] for at in range(0, len(events), A_FRAME)]
        return [
            DeviceManagement.ReportEventConfiguration(
                index, len(pieces), [EventConfigurationPayload(event, self.held[event]) for event in piece]
            )
            for index, piece in enumerate(pieces)
        ]
