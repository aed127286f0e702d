"""Alarms cluster 0x0009: alarms of other clusters, and a log of them (07-5123 clause 3.11)."""

from __future__ import annotations

from protocols.core.codec import Frame, le, trailing
from protocols.zigbee.zcl.cluster import CLIENT, SERVER, Cluster, attribute, command
from protocols.zigbee.zcl.types import uint16


class Alarms(Cluster, id=0x0009, name="Alarms"):
    """The server raises alarms, the client clears them."""

    alarm_count = attribute(0x0000, uint16)

    @command(0x00, to=SERVER)
    class ResetAlarm(Frame):
        """Clear one alarm of a cluster, if its condition is over."""

        alarm_code: le.u8
        cluster_id: le.u16

    @command(0x01, to=SERVER)
    class ResetAllAlarms(Frame):
        """Clear all alarms whose conditions are over."""

    @command(0x02, to=SERVER)
    class GetAlarm(Frame):
        """Ask for the earliest entry of the log, which is taken out of it."""

    @command(0x03, to=SERVER)
    class ResetAlarmLog(Frame):
        """Empty the log."""

    @command(0x00, to=CLIENT)
    class Alarm(Frame):
        """An alarm of a cluster."""

        alarm_code: le.u8
        cluster_id: le.u16

    @command(0x01, to=CLIENT)
    class GetAlarmResponse(Frame):
        """The earliest entry; with NOT_FOUND nothing follows the status."""

        status: le.u8
        alarm_code: int | None = trailing(le.u8, default=None)
        cluster_id: int | None = trailing(le.u16, default=None)
        time_stamp: int | None = trailing(le.u32, default=None)
