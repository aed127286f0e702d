"""What a battery meter's mirror and its notification flags mean (SE 1.4 annex D.3, "mirrored BOMD").

The meter reports into its mirror; the answer to the last report of a set carries one word of flags for each
notification attribute of the scheme agreed with ConfigureMirror, and by them the meter learns what waits for it.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag

MIRROR_REFUSED = 0xFFFF
"""RequestMirrorResponse: no endpoint for you."""


class ReportingStatus(IntEnum):
    """Values of `Cluster.attribute_reporting_status`, the last attribute of a set of reports."""

    PENDING = 0
    COMPLETE = 1


class Scheme(IntEnum):
    """Notification schemes; the number of flag words differs."""

    A = 1
    """Functional flags only."""
    B = 2
    """Functional flags, then notification flags 2 to 5."""


FLAG_WORDS = {Scheme.A: 1, Scheme.B: 5}


class Functional(IntFlag):
    """Bits of `Metering.functional_notification_flags`."""

    NEW_OTA_FIRMWARE = 1 << 0
    CBKE_UPDATE_REQUEST = 1 << 1
    TIME_SYNC = 1 << 2
    STAY_AWAKE_REQUEST_HAN = 1 << 4
    STAY_AWAKE_REQUEST_WAN = 1 << 5
    PUSH_HISTORICAL_METERING_DATA = 0b111 << 6
    PUSH_HISTORICAL_PREPAYMENT_DATA = 0b111 << 9
    PUSH_STATIC_BASIC = 1 << 12
    PUSH_STATIC_METERING = 1 << 13
    PUSH_STATIC_PREPAYMENT = 1 << 14
    NETWORK_KEY_ACTIVE = 1 << 15
    DISPLAY_MESSAGE = 1 << 16
    CANCEL_ALL_MESSAGES = 1 << 17
    CHANGE_SUPPLY = 1 << 18
    LOCAL_CHANGE_SUPPLY = 1 << 19
    SET_UNCONTROLLED_FLOW_THRESHOLD = 1 << 20
    TUNNEL_MESSAGE_PENDING = 1 << 21
    GET_SNAPSHOT = 1 << 22
    GET_SAMPLED_DATA = 1 << 23
