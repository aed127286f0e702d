"""Events cluster 0x0709: events as they happen, and logs of them (SE 1.4 annex D.11).

Event identifiers are those of the Device Management cluster's event configuration attributes.
"""

from __future__ import annotations

from enum import IntEnum

from protocols.core.codec import Frame, le, to_end, zcl_string
from protocols.zigbee.zcl.cluster import CLIENT, SERVER, Cluster, command


class EventLogPayload(Frame):
    """One event of a log. `event_data`: whatever the event's identifier says."""

    log_id: le.u8
    event_id: le.u16
    event_time: le.u32
    event_data: zcl_string


class LogId(IntEnum):
    """Event logs."""

    ALL = 0
    TAMPER = 1
    FAULT = 2
    GENERAL = 3
    SECURITY = 4
    NETWORK = 5
    GBCS_GENERAL = 6
    GBCS_SECURITY = 7


class Events(Cluster, id=0x0709, name="Events"):
    """The server has logs, the client reads them and hears of events."""

    @command(0x00, to=SERVER)
    class GetEventLog(Frame):
        """Ask for events of a log between two times, from the n-th on, at most so many (0: all)."""

        event_control_log_id: le.u8
        event_id: le.u16
        start_time: le.u32
        end_time: le.u32
        number_of_events: le.u8
        event_offset: le.u16

    @command(0x01, to=SERVER)
    class ClearEventLogRequest(Frame):
        """Empty a log."""

        log_id: le.u8

    @command(0x00, to=CLIENT)
    class PublishEvent(Frame):
        """An event; its action control says whether it goes to the head end."""

        log_id: le.u8
        event_id: le.u16
        event_time: le.u32
        event_control: le.u8
        event_data: zcl_string

    @command(0x01, to=CLIENT)
    class PublishEventLog(Frame):
        """Events of a log, or a part of them."""

        total_number_of_events: le.u16
        command_index: le.u8
        total_commands: le.u8
        log_payload_control: le.u8
        log_payload: list[EventLogPayload] = to_end(EventLogPayload)

    @command(0x02, to=CLIENT)
    class ClearEventLogResponse(Frame):
        """The logs that are empty now, a bit for each."""

        cleared_events_logs: le.u8
