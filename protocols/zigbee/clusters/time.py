"""Time cluster 0x000A: UTC seconds since 2000-01-01, and what local time is made of (07-5123 clause 3.12).

A client reads the server; nothing here sets a clock.
"""

from __future__ import annotations

from enum import IntFlag

from protocols.zigbee.zcl.cluster import Cluster, attribute
from protocols.zigbee.zcl.types import bitmap8, int32, uint32, utc_time

EPOCH = 946_684_800
"""2000-01-01 00:00:00 UTC in seconds since 1970: where ZigBee's UTCTime counts from."""


LAST = 0xFFFFFFFE
"""The last second that UTCTime can tell, in 2136; the number behind it means that a time is not known."""


def seconds(utc: int) -> int:
    """UTCTime of an instant (ns since 1970): the first or the last second, where it is beyond."""
    return min(max(utc // 1_000_000_000 - EPOCH, 0), LAST)


class TimeStatus(IntFlag):
    """Bits of `Time.time_status`."""

    MASTER = 0x01
    SYNCHRONIZED = 0x02
    MASTER_ZONE_DST = 0x04
    SUPERSEDING = 0x08


class Time(Cluster, id=0x000A, name="Time"):
    """0xFFFFFFFF is a time that is not known."""

    time = attribute(0x0000, utc_time, writes=True, limits=(0, 0xFFFFFFFE))
    time_status = attribute(0x0001, bitmap8, writes=True, limits=(0, 0x0F))
    time_zone = attribute(0x0002, int32, writes=True, limits=(-86_400, 86_400))
    dst_start = attribute(0x0003, uint32, writes=True)
    dst_end = attribute(0x0004, uint32, writes=True)
    dst_shift = attribute(0x0005, int32, writes=True, limits=(-86_400, 86_400))
    standard_time = attribute(0x0006, uint32)
    local_time = attribute(0x0007, uint32)
    last_set_time = attribute(0x0008, utc_time)
    valid_until_time = attribute(0x0009, utc_time, writes=True)
